//! What no machine can decide, a person does: with evidence, after the payer was asked, and never with a new number.

use kaijiang::payout::next;
use serde_json::{Value, json};

use super::Rig;
use crate::harness::{Api, Backend, both};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const NOTE: &str = "商户平台11月24日账单没有这一笔";

impl Rig {
    async fn needs_human(&self, paid: bool) -> (i64, Value) {
        self.fault(json!({ "kind": "fatal_error", "paid": paid })).await;
        let draw = self.win(1, 100).await;
        let packet = self
            .evening
            .eventually("it needs a person", async || {
                self.pass(1_000);
                let packet = self.packets(draw).await[0].clone();
                (packet["state"] == "needs_human").then_some(packet)
            })
            .await;
        (draw, packet)
    }

    fn hand(&self, packet: &Value, what: &str) -> String {
        self.path(&format!("/packets/{}/{what}", packet["bill_no"].as_str().unwrap()))
    }

    async fn callback(&self, openid: &str, event: &str) {
        let body = json!({ "openid": openid, "event": event });
        Api::new(&self.evening.sandbox, String::new()).post("/sandbox/callbacks", body).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn not_paid_needs_evidence_and_a_payer_that_has_not_heard_of_it() {
    for backend in both() {
        let rig = Rig::new(backend, 1).await;
        rig.budget(1_000).await;
        let (draw, packet) = rig.needs_human(false).await;
        let (finance, path) = (rig.finance(), rig.hand(&packet, "resolve"));
        let unpaid = json!({ "verdict": "unpaid", "note": NOTE });
        rig.host().refused(&path, unpaid.clone(), 403, "role").await;
        let bare =
            finance.refused(&path, json!({ "verdict": "unpaid", "note": " 没付 " }), 422, "evidence").await;
        assert_eq!(bare["field"], "note");
        finance.refused(&path, unpaid.clone(), 409, "ask_again").await;
        rig.books(100, 0).await;
        rig.pass(DAY);
        rig.evening
            .eventually("the machine has asked, too", async || {
                let next = rig.packets(draw).await[0]["next_at"].as_i64().unwrap();
                (next > rig.evening.app.now()).then_some(())
            })
            .await;
        // No answer of the payer proves nothing.
        rig.fault(json!({ "kind": "http500", "on": "query" })).await;
        finance.refused(&path, unpaid.clone(), 409, "ask_again").await;
        let done = finance.post(&path, unpaid.clone()).await;
        assert_eq!((&done["state"], &done["reason"]), (&json!("failed"), &json!("by_hand")), "{done}");
        let hand = done["timeline"].as_array().unwrap().iter().find(|step| step["step"] == "hand").unwrap();
        assert_eq!(
            (&hand["what"], &hand["who"], &hand["note"]),
            (&json!("unpaid"), &json!("finance"), &json!(NOTE))
        );
        rig.books(0, 0).await;
        assert_eq!(rig.logged(draw).await, [(1, 1, "failed".into())]);
        // A verdict is no proof for a new number: only the payer's own word is.
        finance.refused(&rig.hand(&packet, "reissue"), json!({}), 409, "ask_again").await;
        finance.refused(&path, unpaid, 409, "not_open").await;
        assert_eq!(rig.packets(draw).await.len(), 1);
        rig.evening.stop().await;
    }
}

/// Every call was lost, and the payer never knew the number: a verdict would leave the winner without the prize, and a new
/// number is never proved.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_payer_never_heard_of_is_sent_again_by_finance_with_its_number() {
    for backend in both() {
        let rig = Rig::new(backend, 1).await;
        rig.budget(1_000).await;
        rig.fault(json!({ "kind": "http500", "on": "send", "count": 100 })).await;
        let draw = rig.win(1, 100).await;
        let packet = rig.leap(draw, "needs_human", 6 * HOUR).await[0].clone();
        assert_eq!(packet["reason"], "NOT_FOUND");
        let told = packet["story"].as_array().unwrap().last().unwrap().as_str().unwrap();
        assert!(told.contains("原单号再发一次"), "{told}");
        let (finance, path) = (rig.finance(), rig.hand(&packet, "retry"));
        rig.host().refused(&path, json!({}), 403, "role").await;
        // Without an answer nothing is sent.
        rig.fault(json!({ "kind": "http500", "on": "query" })).await;
        finance.refused(&path, json!({}), 409, "ask_again").await;
        let sends = rig.packets(draw).await[0]["sends"].as_i64().unwrap();
        // Lost once more: one call for each act, and it is with a person again.
        finance.post(&path, json!({})).await;
        rig.until(draw, "needs_human").await;
        assert_eq!(rig.packets(draw).await[0]["sends"], sends + 1);
        let far = Api::new(&rig.evening.sandbox, String::new());
        assert!(
            far.request(reqwest::Method::DELETE, "/sandbox/faults")
                .send()
                .await
                .unwrap()
                .status()
                .is_success()
        );
        finance.post(&path, json!({})).await;
        let paid = rig.until(draw, "received").await;
        assert_eq!((paid.len(), &paid[0]["bill_no"]), (1, &packet["bill_no"]));
        assert_eq!((rig.paid(&packet["bill_no"]).await, rig.paid_fen().await), (1, 100));
        rig.books(0, 100).await;
        rig.evening.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_call_cannot_end_what_the_payer_holds() {
    let rig = Rig::new(Backend::Light, 1).await;
    rig.budget(1_000).await;
    let (draw, packet) = rig.needs_human(false).await;
    rig.finance().refused(&rig.hand(&packet, "retry"), json!({}), 409, "not_open").await;
    assert_eq!(rig.packets(draw).await[0]["sends"], packet["sends"]);
    rig.evening.stop().await;
}

/// The payer has an order under our number over another amount: it is nobody's to book, to send again or to renumber.
#[tokio::test(flavor = "multi_thread")]
async fn an_order_of_others_under_our_number_stays_with_a_person() {
    for backend in both() {
        let rig = Rig::new(backend, 1).await;
        rig.budget(1_000).await;
        rig.fault(json!({ "kind": "processing" })).await;
        rig.fault(json!({ "kind": "echo_mismatch", "on": "query", "count": 99 })).await;
        let draw = rig.win(1, 100).await;
        let packet = rig.until(draw, "needs_human").await[0].clone();
        assert_eq!(packet["reason"], "other_order", "{packet}");
        let finance = rig.finance();
        finance.refused(&rig.hand(&packet, "retry"), json!({}), 409, "not_open").await;
        let (status, body) = finance.try_post(&rig.hand(&packet, "reissue"), json!({})).await;
        assert_eq!(status.as_u16(), 409, "{body}");
        rig.pass(DAY);
        let later = rig.packets(draw).await;
        assert_eq!((later.len(), &later[0]["state"]), (1, &json!("needs_human")), "{later:?}");
        rig.books(100, 0).await;
        rig.evening.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_payers_word_goes_before_any_verdict() {
    let rig = Rig::new(Backend::Light, 1).await;
    rig.budget(1_000).await;
    let (draw, packet) = rig.needs_human(true).await;
    let body = json!({ "verdict": "unpaid", "note": NOTE });
    let done = rig.finance().post(&rig.hand(&packet, "resolve"), body).await;
    assert!(["sent", "received"].contains(&done["state"].as_str().unwrap()), "{done}");
    assert!(!done.to_string().contains("\"hand\""), "nobody's verdict: {done}");
    rig.until(draw, "received").await;
    rig.books(0, 100).await;
    rig.finance()
        .refused(
            &rig.hand(&packet, "resolve"),
            json!({ "verdict": "paid", "note": NOTE }),
            409,
            "already_paid",
        )
        .await;
    rig.evening.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn paid_by_hand_is_booked_once_and_needs_two_where_two_are_wanted() {
    for backend in both() {
        let rig = Rig::new(backend, 1).await;
        rig.budget(1_000).await;
        let (draw, packet) = rig.needs_human(false).await;
        rig.finance().post(&rig.path("/four-eyes"), json!({ "on": true })).await;
        let body = json!({ "verdict": "paid", "note": "获奖者出示了零钱明细" });
        let asked = rig.finance().post(&rig.hand(&packet, "resolve"), body).await;
        assert_eq!(
            (&asked["kind"], &asked["verdict"], &asked["note"]),
            (&json!("resolve"), &json!("paid"), &json!("获奖者出示了零钱明细"))
        );
        rig.books(100, 0).await;
        let confirm = format!("/api/requests/{}/confirm", asked["id"].as_str().unwrap());
        rig.finance().refused(&confirm, json!({}), 403, "second_person").await;
        let (one, two) = (rig.evening.staff("finance2"), rig.evening.staff("owner"));
        let (a, b) = tokio::join!(one.try_post(&confirm, json!({})), two.try_post(&confirm, json!({})));
        assert_eq!(usize::from(a.0.is_success()) + usize::from(b.0.is_success()), 1, "{a:?} {b:?}");
        let done = &rig.packets(draw).await[0];
        assert_eq!((&done["state"], &done["next_at"]), (&json!("received"), &json!(0)));
        rig.books(0, 100).await;
        assert_eq!(rig.logged(draw).await, [(1, 1, "sent".into())]);
        rig.evening.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn asking_again_settles_at_once_and_not_too_often() {
    let rig = Rig::new(Backend::Light, 1).await;
    rig.budget(1_000).await;
    let (draw, packet) = rig.needs_human(true).await;
    rig.fault(json!({ "kind": "not_found" })).await;
    // The sender itself does not ask for a while.
    let mut tx = rig.evening.app.db().begin().await.unwrap();
    sqlx::query("update packet set next_at = next_at + 3600000").execute(tx.conn()).await.unwrap();
    tx.commit().await.unwrap();
    rig.pass(20_000);
    let (finance, path) = (rig.finance(), rig.hand(&packet, "ask"));
    assert_eq!(finance.post(&path, json!({})).await["state"], "needs_human");
    finance.refused(&path, json!({}), 409, "ask_again").await;
    rig.pass(20_000);
    let (status, done) = finance.try_post(&path, json!({})).await;
    // The sender may have asked by itself in that same moment.
    let settled = status.is_success() && ["sent", "received"].contains(&done["state"].as_str().unwrap());
    assert!(
        settled
            || ["ask_again", "not_open", "outcome_unknown"].contains(&done["code"].as_str().unwrap_or("")),
        "{done}"
    );
    rig.until(draw, "received").await;
    rig.pass(20_000);
    finance.refused(&path, json!({}), 409, "not_open").await;
    rig.evening.stop().await;
}

#[test]
fn what_waits_is_looked_at_ever_more_rarely_and_ends_within_a_week() {
    let (mut waited, mut last, mut looks) = (0, 0, 0);
    while let Some(pause) = next::hold_pause(waited) {
        assert!(pause >= last, "after {waited} ms");
        (waited, last, looks) = (waited + pause, pause, looks + 1);
    }
    assert!((6 * DAY..7 * DAY).contains(&waited), "{waited}");
    assert!(looks < 100, "looked at {looks} times");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_follow_is_with_a_person_within_a_week() {
    for backend in both() {
        let rig = Rig::new(backend, 1).await;
        rig.budget(1_000).await;
        let openid = rig.phones[0].openid.clone();
        let draw = rig.draw(1, 100).await;
        rig.callback(&openid, "unsubscribe").await;
        rig.host().post(&rig.path(&format!("/draws/{draw}/seats")), json!({ "status": "present" })).await;
        let began = rig.evening.app.now();
        rig.until(draw, "held").await;
        let told = rig.phones[0].get("/me").await["wins"][0]["story"].clone();
        assert!(told.as_str().unwrap().contains("重新关注公众号"), "{told}");
        let packet = rig.leap(draw, "refused", 12 * HOUR).await[0].clone();
        let waited = rig.evening.app.now() - began;
        assert!((5 * DAY..=7 * DAY).contains(&waited), "{waited}");
        assert_eq!((&packet["reason"], &packet["sends"]), (&json!("not_following"), &json!(0)));
        assert_eq!(rig.paid_fen().await, 0);
        rig.books(100, 0).await;
        // Finance tries it again when the winner has followed: the same number.
        rig.callback(&openid, "subscribe").await;
        let queued = rig.finance().post(&rig.hand(&packet, "retry"), json!({})).await;
        assert_eq!(queued["bill_no"], packet["bill_no"]);
        rig.until(draw, "received").await;
        rig.finance().refused(&rig.hand(&packet, "retry"), json!({}), 409, "not_open").await;
        assert_eq!(rig.paid_fen().await, 100);
        rig.evening.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follow_makes_what_waited_for_it_due_at_once() {
    let rig = Rig::new(Backend::Light, 1).await;
    rig.budget(1_000).await;
    let openid = rig.phones[0].openid.clone();
    let draw = rig.draw(1, 100).await;
    rig.callback(&openid, "unsubscribe").await;
    rig.host().post(&rig.path(&format!("/draws/{draw}/seats")), json!({ "status": "present" })).await;
    rig.evening
        .eventually("it waits longer", async || {
            let packet = rig.packets(draw).await[0].clone();
            let wait = packet["next_at"].as_i64().unwrap() - rig.evening.app.now();
            if packet["state"] == "held" && wait > 0 && wait < HOUR {
                rig.pass(wait);
            }
            (wait >= HOUR).then_some(())
        })
        .await;
    rig.callback(&openid, "subscribe").await;
    rig.evening
        .eventually("it is sent without time passing", async || {
            let packet = rig.packets(draw).await[0].clone();
            ["sent", "received"].contains(&packet["state"].as_str().unwrap()).then_some(())
        })
        .await;
    rig.evening.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_no_auth_ends_with_a_person_after_three_days_with_its_likely_cause() {
    let rig = Rig::new(Backend::Light, 1).await;
    rig.budget(1_000).await;
    rig.fault(json!({ "kind": "no_auth_ip" })).await;
    let draw = rig.win(1, 100).await;
    let began = rig.evening.app.now();
    let packet = rig.leap(draw, "needs_human", 6 * HOUR).await[0].clone();
    let waited = rig.evening.app.now() - began;
    assert!((3 * DAY..=3 * DAY + 6 * HOUR).contains(&waited), "{waited}");
    assert_eq!(packet["reason"], "NO_AUTH");
    let story = packet["story"].as_array().unwrap().last().unwrap().as_str().unwrap();
    assert!(story.contains("白名单"), "{story}");
    assert_eq!(
        (rig.finance().get("/api/sender").await["paused"].clone(), rig.paid_fen().await),
        (json!(false), 0)
    );
    rig.books(100, 0).await;
    rig.evening.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_queue_is_looked_through_by_what_finance_knows() {
    let rig = Rig::new(Backend::Light, 3).await;
    rig.budget(10_000).await;
    rig.fault(json!({ "kind": "openid_error" })).await;
    let first = rig.win(1, 100).await;
    rig.until(first, "refused").await;
    rig.pass(HOUR);
    let second = rig.win(3, 200).await;
    rig.until(second, "received").await;
    let auditor = rig.evening.staff("auditor");
    let found = async |query: &str| auditor.get(&rig.path(&format!("/packets?{query}"))).await;
    let all = found("").await;
    assert_eq!((&all["total"], &all["total_fen"]), (&json!(4), &json!(700)));
    assert_eq!(
        all["counts"],
        json!([{ "state": "received", "count": 3, "amount_fen": 600 }, { "state": "refused", "count": 1, "amount_fen": 100 }])
    );
    assert_eq!(all["reasons"], json!([{ "reason": "OPENID_ERROR", "count": 1 }]));
    let by_state = found("state=refused").await;
    assert_eq!(
        (&by_state["total"], &by_state["counts"]),
        (&json!(1), &all["counts"]),
        "counts without the state"
    );
    for (query, total) in [
        ("reason=OPENID_ERROR", 1),
        ("reason=NOTENOUGH", 0),
        ("min_fen=150", 3),
        ("max_fen=150", 1),
        ("older_min=30", 1),
        ("older_min=600", 0),
        ("search=9999", 0),
        ("trial=true", 0),
        ("trial=false", 4),
    ] {
        assert_eq!(found(query).await["total"], total, "{query}");
    }
    let bill = rig.packets(second).await[0]["bill_no"].as_str().unwrap().to_owned();
    for search in [bill.as_str(), &bill[bill.len() - 10..]] {
        let page = found(&format!("search={search}")).await;
        assert_eq!((&page["total"], &page["packets"][0]["bill_no"]), (&json!(1), &json!(bill)), "{search}");
    }
    // Of the three phones 19900000001, …2, …3.
    let by_phone = found("search=0002").await;
    assert!(by_phone["total"].as_i64().unwrap() >= 1, "{by_phone}");
    let name = by_phone["packets"][0]["name"].clone();
    assert!(
        by_phone["packets"].as_array().unwrap().iter().all(|packet| packet["name"] == name),
        "{by_phone}"
    );
    for bad in ["min_fen=-1", "older_min=-5", "state=lost"] {
        let (status, body) = crate::harness::answer(
            auditor.request(reqwest::Method::GET, &rig.path(&format!("/packets?{bad}"))),
        )
        .await;
        assert_eq!((status.as_u16(), &body["code"]), (422, &json!("query")), "{bad}");
    }
    rig.evening.stop().await;
}
