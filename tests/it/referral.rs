//! New people by somebody's code: counted once, paid after the delay, never for whoever left or looks bought.

use futures_util::future::join_all;
use kaijiang::people::xlsx_out::demo_people;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::{
    harness::{Api, Backend, Phone, answer, both},
    payout::Rig,
};

const HOUR: i64 = 3_600_000;
/// Longer than the time in which neighbouring numbers look bought.
const CALM: i64 = 660_000;

/// A meeting with bound guests and open referrals.
pub(crate) struct Club {
    pub(crate) rig: Rig,
    budget: String,
}

impl Club {
    pub(crate) async fn new(backend: Backend, guests: usize, over: Value) -> Self {
        Self::with(backend, guests, over, 10_000).await
    }

    async fn with(backend: Backend, guests: usize, over: Value, fen: i64) -> Self {
        let rig = Rig::new(backend, guests).await;
        let finance = rig.finance();
        let body = json!({ "name": "推荐奖金", "cap_fen": fen, "purpose": "campaign" });
        let budget = finance.post(&rig.path("/budgets"), body).await["id"].as_str().unwrap().to_owned();
        finance.post(&rig.path(&format!("/budgets/{budget}/approve")), json!({})).await;
        let mut rules = json!({
            "open": true, "fen": 300, "every": 1, "daily": 5, "total": 10, "delay_ms": HOUR, "budget_id": budget,
        });
        for (key, value) in over.as_object().unwrap() {
            rules[key] = value.clone();
        }
        let club = Self { rig, budget };
        assert_eq!(club.put(&json!(0), &rules).await.0, 200);
        club
    }

    /// Puts rules in place of those of a version: the status, and the code of a refusal.
    async fn put(&self, version: &Value, rules: &Value) -> (u16, Value) {
        let put = self.rig.host().request(Method::PUT, &self.rig.path("/referral-rules"));
        let (status, body) = answer(put.json(&json!({ "version": version, "rules": rules }))).await;
        (status.as_u16(), body["code"].clone())
    }

    /// The code of a guest.
    pub(crate) async fn code(&self, guest: usize) -> String {
        let (status, mine) = self.rig.phones[guest].try_post("/me/referral", json!({})).await;
        assert_eq!(status, StatusCode::OK, "{mine}");
        assert!(mine["link"].as_str().unwrap().contains("?ref="), "{mine}");
        assert!(mine["qr"].as_str().unwrap().starts_with("http"), "{mine}");
        mine["code"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn event(&self, openid: &str, event: &str, key: &str) {
        let far = Api::new(&self.rig.evening.sandbox, String::new());
        far.post("/sandbox/callbacks", json!({ "openid": openid, "event": event, "key": key })).await;
    }

    /// A phone that is not bound yet.
    pub(crate) fn phone(&self, openid: &str) -> Phone {
        Phone::new(&self.rig.evening, &self.rig.meeting, openid)
    }

    /// Binds a phone to a person of the roster.
    pub(crate) async fn bind(&self, phone: &mut Phone, person: usize) -> (StatusCode, Value) {
        phone.log_in().await;
        let number = &demo_people(20)[person].phone;
        let code = phone.code(number).await;
        phone.try_bind(number, &code).await
    }

    /// A new person, by the account's QR code of this code.
    async fn bring(&self, code: &str, person: usize) -> Phone {
        let mut phone = self.phone(&format!("oBroughtByFriend{person:04}"));
        self.event(&phone.openid, "subscribe", &format!("r_{code}")).await;
        let (status, body) = self.bind(&mut phone, person).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        phone
    }

    pub(crate) async fn listed(&self) -> Vec<Value> {
        let page = self.rig.evening.staff("reviewer").get(&self.rig.path("/referrals")).await;
        page["referrals"].as_array().unwrap().clone()
    }

    /// Lets a second pass again and again until as many are in this state.
    async fn until(&self, state: &str, count: usize) -> Vec<Value> {
        self.rig
            .evening
            .eventually(&format!("{count} {state}"), async || {
                self.rig.pass(1_000);
                let all = self.listed().await;
                (all.iter().filter(|one| one["state"] == state).count() == count).then_some(all)
            })
            .await
    }

    pub(crate) async fn scan(&self, phone: &Phone, code: &str) -> (StatusCode, Value) {
        phone.try_post("/me/referral/scan", json!({ "code": code })).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_person_pays_after_the_delay_and_once() {
    for backend in both() {
        let club = Club::new(backend, 1, json!({})).await;
        let code = club.code(0).await;
        assert_eq!(club.code(0).await, code, "one code for ever");
        club.bring(&code, 5).await;
        let mine = club.rig.phones[0].get("/me/referral").await;
        assert_eq!((&mine["waiting"], &mine["counted"]), (&json!(1), &json!(0)), "{mine}");
        let name = mine["people"][0]["name"].as_str().unwrap();
        assert!(name.ends_with("**") && name.chars().count() == 3, "{mine}");
        assert!(club.rig.packets(0).await.is_empty(), "nothing before the delay is over");
        club.rig.pass(HOUR);
        club.until("paid", 1).await;
        let packet = club
            .rig
            .evening
            .eventually("it is received", async || {
                club.rig.pass(1_000);
                let packets = club.rig.packets(0).await;
                packets.first().filter(|packet| packet["state"] == "received").cloned()
            })
            .await;
        assert_eq!((&packet["origin"], &packet["amount_fen"]), (&json!("referral"), &json!(300)));
        assert_eq!((club.rig.paid(&packet["bill_no"]).await, club.rig.paid_fen().await), (1, 300));
        club.rig.books(0, 300).await;
        let mine = club.rig.phones[0].get("/me/referral").await;
        assert_eq!((&mine["rewards"], &mine["rewards_fen"]), (&json!(1), &json!(300)));
        assert_eq!(mine["people"][0]["packet"], "received");
        let stats = club.rig.host().get(&club.rig.path("/referral-stats")).await;
        assert_eq!((&stats["codes"], &stats["scans"], &stats["fen"]), (&json!(1), &json!(1), &json!(300)));
        assert!(club.rig.host().bytes(&club.rig.path("/referral-export")).await.starts_with(b"PK"));
        club.rig.evening.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_scan_counts_and_only_of_somebody_new() {
    for backend in both() {
        let club = Club::new(backend, 2, json!({})).await;
        let (first, second) = (club.code(0).await, club.code(1).await);
        // A link before the follow; the second link and the second QR code change nothing.
        let mut phone = club.phone("oCameByTheLink00000001");
        phone.log_in().await;
        assert_eq!(club.scan(&phone, &first).await.1, json!({ "kept": true, "why": "" }));
        assert_eq!(club.scan(&phone, &first).await.1["kept"], true);
        assert_eq!(club.scan(&phone, &second).await.1["why"], "earlier");
        club.event(&phone.openid, "subscribe", &format!("r_{second}")).await;
        assert_eq!(club.bind(&mut phone, 7).await.0, StatusCode::OK);
        let all = club.listed().await;
        let names = demo_people(8);
        assert_eq!(
            (all.len(), &all[0]["referrer"], &all[0]["way"]),
            (1, &json!(names[0].name), &json!("link"))
        );
        // Whoever followed before, is bound, or made the code is not new.
        let mut old = club.phone("oFollowedLongAgo000001");
        old.follow().await;
        old.log_in().await;
        assert_eq!(club.scan(&old, &first).await.1["why"], "not_new");
        club.event(&old.openid, "unsubscribe", "").await;
        club.event(&old.openid, "subscribe", &format!("r_{first}")).await;
        club.rig.pass(CALM);
        assert_eq!(club.bind(&mut old, 8).await.0, StatusCode::OK);
        assert_eq!(club.scan(&club.rig.phones[1], &first).await.1["why"], "bound");
        assert_eq!(club.scan(&club.rig.phones[0], &first).await.1["why"], "own");
        assert_eq!(club.scan(&club.rig.phones[0], "nobody").await.0, StatusCode::NOT_FOUND);
        // The own second phone.
        let people = club.rig.host().get(&club.rig.path(&format!("/people?search={}", names[0].name))).await;
        let unbind = format!("/people/{}/unbind", people["people"][0]["id"].as_str().unwrap());
        club.rig.host().post(&club.rig.path(&unbind), json!({})).await;
        let mut own = club.phone("oOwnSecondPhone0000001");
        club.event(&own.openid, "subscribe", &format!("r_{first}")).await;
        club.rig.pass(CALM);
        assert_eq!(club.bind(&mut own, 0).await.0, StatusCode::OK);
        assert_eq!(club.listed().await.len(), 1);
        club.rig.evening.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_second_pays_up_to_the_caps_of_day_and_person() {
    for backend in both() {
        let club = Club::new(backend, 1, json!({ "every": 2, "daily": 1, "total": 2, "delay_ms": 0 })).await;
        let code = club.code(0).await;
        for (at, states) in [
            (5, json!(["confirmed"])),
            (6, json!(["confirmed", "paid"])),
            (7, json!(["confirmed", "paid", "confirmed"])),
        ] {
            club.rig.pass(CALM);
            club.bring(&code, at).await;
            let want = states.as_array().unwrap().len();
            club.until("waiting", 0).await;
            let mut found: Vec<_> = club.listed().await.iter().map(|one| one["state"].clone()).collect();
            found.reverse();
            assert_eq!((found.len(), json!(found)), (want, states));
        }
        club.rig.pass(CALM);
        club.bring(&code, 8).await;
        let all = club
            .rig
            .evening
            .eventually("the cap of the day", async || {
                let all = club.listed().await;
                (all[0]["reason"] == "day_cap").then_some(all)
            })
            .await;
        assert_eq!(all[0]["state"], "waiting");
        let midnight = all[0]["due_at"].as_i64().unwrap();
        club.rig.pass(midnight - club.rig.evening.app.now());
        club.until("paid", 2).await;
        for at in [9, 10] {
            club.rig.pass(CALM);
            club.bring(&code, at).await;
            club.until("waiting", 0).await;
        }
        let all = club.listed().await;
        assert_eq!(all[0]["state"], "capped", "{all:?}");
        assert_eq!(club.rig.packets(0).await.len(), 2);
        club.rig.evening.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_leaves_within_the_delay_pays_nothing() {
    for backend in both() {
        let club = Club::new(backend, 1, json!({})).await;
        let code = club.code(0).await;
        let one = club.bring(&code, 5).await;
        club.rig.pass(CALM);
        club.bring(&code, 6).await;
        // One stops following, the other is unbound; both come back, too late.
        club.event(&one.openid, "unsubscribe", "").await;
        assert_eq!(club.until("cancelled", 1).await[1]["reason"], "unfollowed");
        club.event(&one.openid, "subscribe", &format!("r_{code}")).await;
        let people =
            club.rig.host().get(&club.rig.path(&format!("/people?search={}", demo_people(7)[6].name))).await;
        let unbind = format!("/people/{}/unbind", people["people"][0]["id"].as_str().unwrap());
        club.rig.host().post(&club.rig.path(&unbind), json!({})).await;
        club.rig.pass(HOUR);
        let all = club.until("cancelled", 2).await;
        assert_eq!(all[0]["reason"], "unbound", "{all:?}");
        assert!(club.rig.packets(0).await.is_empty());
        club.rig.books(0, 0).await;
        // After the reward nothing is taken back.
        let kept = club.bring(&code, 8).await;
        club.rig.pass(HOUR);
        club.until("paid", 1).await;
        club.event(&kept.openid, "unsubscribe", "").await;
        assert_eq!(club.until("paid", 1).await.len(), 3);
        club.rig.evening.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_brought_and_changed_the_phone_counts_still() {
    for backend in both() {
        let club = Club::new(backend, 1, json!({})).await;
        let code = club.code(0).await;
        let old = club.bring(&code, 5).await;
        club.rig.pass(61_000);
        let mut new = club.phone("oTheirNextPhone000001");
        new.follow().await;
        let (status, body) = club.bind(&mut new, 5).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        // The old phone leaves the account.
        club.event(&old.openid, "unsubscribe", "").await;
        club.rig.pass(HOUR);
        let all = club.until("paid", 1).await;
        assert_eq!(all.len(), 1, "{all:?}");
        club.rig.evening.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_looks_bought_waits_for_a_reviewer() {
    for backend in both() {
        let club = Club::new(backend, 1, json!({ "delay_ms": 0 })).await;
        let code = club.code(0).await;
        // The referrer's browser, and once more with the page's memory cleared: its cookies are the same.
        let mut cookie = String::new();
        for (count, openid, person) in [(1, "oSameBrowserAgain00001", 4), (2, "oSameCookiesAgain00001", 8)] {
            let mut same = club.phone(openid);
            same.cookie = cookie;
            if count == 1 {
                same.salt.clone_from(&club.rig.phones[0].salt);
            }
            club.event(&same.openid, "subscribe", &format!("r_{code}")).await;
            assert_eq!(club.bind(&mut same, person).await.0, StatusCode::OK);
            let all = club.until("review", count).await;
            assert!(all.iter().all(|one| one["signals"] == json!(["same_device"])), "{all:?}");
            club.rig.pass(CALM);
            cookie = same.cookie;
        }
        // Neighbouring numbers within minutes; a delay of nothing would have paid the first ones already.
        let rules = club.rig.host().get(&club.rig.path("/referral-rules")).await;
        let mut slower = rules["rules"].clone();
        slower["delay_ms"] = json!(HOUR);
        assert_eq!(club.put(&rules["version"], &slower).await.0, 200);
        for at in [5, 6, 7] {
            club.bring(&code, at).await;
        }
        let all = club.until("review", 5).await;
        assert!(all[..3].iter().all(|one| one["signals"] == json!(["phone_burst"])), "{all:?}");
        club.rig.pass(2 * HOUR);
        let reviewer = club.rig.evening.staff("reviewer");
        let act = |one: &Value, what: &str| {
            club.rig.path(&format!("/referrals/{}/{what}", one["id"].as_str().unwrap()))
        };
        club.rig.host().refused(&act(&all[0], "allow"), json!({}), 403, "role").await;
        reviewer.post(&act(&all[0], "allow"), json!({})).await;
        reviewer.refused(&act(&all[0], "allow"), json!({}), 409, "referral_decided").await;
        reviewer.refused(&act(&all[1], "refuse"), json!({ "reason": "" }), 422, "reason").await;
        reviewer.post(&act(&all[1], "refuse"), json!({ "reason": "同一批号" })).await;
        reviewer.refused(&act(&all[1], "allow"), json!({}), 409, "referral_decided").await;
        club.until("paid", 1).await;
        assert_eq!(club.rig.packets(0).await.len(), 1);
        club.rig.evening.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_money_a_reward_waits() {
    let club = Club::with(Backend::Light, 1, json!({ "delay_ms": 0 }), 300).await;
    let code = club.code(0).await;
    club.bring(&code, 5).await;
    club.until("paid", 1).await;
    club.rig.pass(CALM);
    club.bring(&code, 6).await;
    club.rig
        .evening
        .eventually("it waits for money", async || {
            (club.listed().await[0]["reason"] == "budget").then_some(())
        })
        .await;
    let budgets = club.rig.finance().get(&club.rig.path("/budgets")).await;
    let cap = club.rig.path(&format!("/budgets/{}/cap", club.budget));
    club.rig.finance().post(&cap, json!({ "version": budgets[0]["version"], "cap_fen": 600 })).await;
    club.rig.pass(60_000);
    club.until("paid", 2).await;
    assert_eq!(club.rig.packets(0).await.len(), 2);
    club.rig.evening.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn at_once_from_many_sides_one_code_counts() {
    for backend in both() {
        let club = Club::new(backend, 4, json!({})).await;
        let mut codes = Vec::new();
        for guest in 0..4 {
            codes.push(club.code(guest).await);
        }
        let mut phone = club.phone("oEverybodyWantsMe00001");
        phone.log_in().await;
        let scans = join_all((0..20).map(|at| club.scan(&phone, &codes[at % 4]))).await;
        let kept: Vec<_> = scans.iter().enumerate().filter(|(_, (_, body))| body["kept"] == true).collect();
        assert_eq!(kept.len(), 5, "one code, five times: {scans:?}");
        assert!(kept.iter().all(|(at, _)| at % 4 == kept[0].0 % 4), "{scans:?}");
        phone.follow().await;
        let number = demo_people(10)[9].phone.clone();
        let code = phone.code(&number).await;
        let binds = join_all((0..5).map(|_| phone.try_bind(&number, &code))).await;
        assert!(binds.iter().any(|(status, _)| status.is_success()), "{binds:?}");
        assert_eq!(club.listed().await.len(), 1);
        club.rig.evening.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_rules_are_named() {
    let club = Club::new(Backend::Light, 1, json!({})).await;
    let now = club.rig.host().get(&club.rig.path("/referral-rules")).await;
    for (key, value, code) in [
        ("fen", json!(99), "amount_range"),
        ("fen", json!(1.5), "amount_precision"),
        ("every", json!(0), "invalid"),
        ("daily", json!(0), "invalid"),
        ("total", json!(10_001), "invalid"),
        ("delay_ms", json!(-1), "invalid"),
        ("delay_ms", json!(i64::MAX), "invalid"),
        ("budget_id", json!("nobody"), "budget_purpose"),
    ] {
        let mut rules = now["rules"].clone();
        rules[key] = value;
        assert_eq!(club.put(&now["version"], &rules).await, (422, json!(code)), "{key}");
    }
    assert_eq!(club.put(&json!(0), &now["rules"]).await, (409, json!("stale")));
    assert_eq!(club.phone("oNobody").try_post("/me/referral", json!({})).await.0, StatusCode::UNAUTHORIZED);
    club.rig.evening.stop().await;
}
