//! Log-in, codes, binding and the pool, on both backends.

use std::collections::{BTreeMap, HashSet};

use futures_util::future::join_all;
use kaijiang::{
    auth::{self, Attendee},
    keys::Purpose,
    people::xlsx_out::demo_people,
    pool,
    store::Pool,
};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::{
    harness::{Api, Backend, Phone, TestApp, both},
    people::{add, code, meeting, people},
};

async fn binding_flow(backend: Backend) {
    let evening = TestApp::start(backend, json!({})).await;
    let host = evening.staff("host");
    let meeting = meeting(&host, true).await;
    let person = add(&host, &meeting, "张三", "13800138000").await;
    add(&host, &meeting, "李四", "13800138001").await;
    let mut me = Phone::new(&evening, &meeting, "oBindingGuestNumber0001");
    me.log_in().await;
    assert_eq!(me.get("/me").await["step"], "follow");
    let asked = me.try_post("/me/code", json!({ "phone": "13800138000", "consent": true })).await;
    assert_eq!(code(&asked), (403, "not_following"));
    me.follow().await;
    assert_eq!(me.get("/me").await["step"], "bind");
    let no = me.try_post("/me/code", json!({ "phone": "13800138000", "consent": false })).await;
    assert_eq!(code(&no), (422, "consent"));
    let digits = me.code("13800138000").await;
    let soon = me.try_post("/me/code", json!({ "phone": "13800138000", "consent": true })).await;
    assert_eq!(code(&soon), (429, "code_throttled"));
    let wrong = if digits == "000000" { "000001" } else { "000000" };
    assert_eq!(code(&me.try_bind("13800138000", wrong).await), (400, "code_wrong"));
    let (status, bound) = me.try_bind("13800138000", &digits).await;
    assert_eq!(status, StatusCode::OK, "{bound}");
    check_place(&evening, &host, &meeting, &me, &bound["place"]).await;
    assert_eq!(code(&me.try_bind("13800138000", &digits).await), (400, "code_used"));
    let page = me.get("/me").await;
    assert_eq!((&page["step"], &page["place"]), (&json!("in"), &bound["place"]));

    // Another phone cannot take the person, this one cannot take another person.
    let other = me.code("13800138001").await;
    assert_eq!(code(&me.try_bind("13800138001", &other).await), (409, "already_bound"));
    let unbind = format!("{}/{}/unbind", people(&meeting), person["id"].as_str().unwrap());
    assert_eq!(host.post(&unbind, json!({})).await["bound"], false);
    assert_eq!(loaded(&evening, &meeting).await, [(0, 0)]);
    assert_eq!(me.get("/me").await["step"], "bind");
    add(&host, &meeting, "王五", "13800138002").await;
    let mut late = Phone::enter(&evening, &meeting, "oBindingGuestNumber0002", "13800138002").await;
    assert_eq!(late.get("/me").await["place"]["index"], 1);
    late.cookie = String::new();
    let (status, _) = late.try_post("/me/code", json!({ "phone": "13800138002", "consent": true })).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    evening.stop().await;
}

/// The pid is what the draw protocol says, the receipt is the meeting's.
async fn check_place(evening: &TestApp, host: &Api, meeting: &str, me: &Phone, place: &Value) {
    let view = host.get(&format!("/api/meetings/{meeting}")).await;
    let event = view["event"].as_str().unwrap().parse().unwrap();
    let salt: [u8; 32] = hex::decode(&me.salt).unwrap().try_into().unwrap();
    let pid = kaijiang::draw::hash::pid(&event, &salt, &format!("wx:{}", me.openid)).to_string();
    assert_eq!((&place["index"], place["pid"].as_str().unwrap()), (&json!(0), pid.as_str()));
    assert_eq!(place["receipt"]["size"], 1);
    assert_eq!(loaded(evening, meeting).await, [(0, 1)]);
}

/// Index and weight of every member, as a draw would take them.
async fn loaded(evening: &TestApp, meeting: &str) -> Vec<(i64, i64)> {
    let mut tx = evening.app.db().begin().await.unwrap();
    let pool = pool::snapshot(&evening.app, &mut tx, meeting).await.unwrap();
    (0..).zip(pool.members()).map(|(idx, (_, weight))| (idx, i64::try_from(weight).unwrap())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_becomes_a_place_in_the_pool() {
    for backend in both() {
        binding_flow(backend).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn binding_again_brings_the_same_place_back() {
    let evening = TestApp::start(Backend::Light, json!({})).await;
    let host = evening.staff("host");
    let meeting = meeting(&host, false).await;
    let first = add(&host, &meeting, "张三", "13800138000").await;
    add(&host, &meeting, "李四", "13800138001").await;
    let me = Phone::enter(&evening, &meeting, "oAgainGuestNumber00001", "13800138000").await;
    let before = me.get("/me").await["place"].clone();
    let unbind = format!("{}/{}/unbind", people(&meeting), first["id"].as_str().unwrap());
    host.post(&unbind, json!({})).await;
    // The phone was the wrong person's: it binds the right one, with another salt, and keeps its place.
    let mut me = me;
    me.salt = hex::encode([7; 32]);
    let digits = me.code("13800138001").await;
    let (status, bound) = me.try_bind("13800138001", &digits).await;
    assert_eq!(status, StatusCode::OK, "{bound}");
    assert_eq!((&bound["place"], &bound["name"]), (&before, &json!("李四")));
    assert_eq!(loaded(&evening, &meeting).await, [(0, 1)]);
    evening.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn codes_end_after_five_tries_and_tell_nothing_of_the_roster() {
    let evening = TestApp::start(Backend::Light, json!({})).await;
    let host = evening.staff("host");
    let meeting = meeting(&host, false).await;
    add(&host, &meeting, "张三", "13800138000").await;
    let mut answers = Vec::new();
    for (number, phone) in ["13800138000", "13700137000"].into_iter().enumerate() {
        let mut me = Phone::new(&evening, &meeting, &format!("oTriesGuestNumber{number:05}"));
        me.log_in().await;
        let (status, sent) = me.try_post("/me/code", json!({ "phone": phone, "consent": true })).await;
        let keys: HashSet<String> = sent.as_object().unwrap().keys().cloned().collect();
        let mut seen = vec![format!("{status} {}", keys.len())];
        for guess in 0..6 {
            let answer = me.try_bind(phone, &format!("{guess:06}")).await;
            seen.push(format!("{:?} {}", code(&answer), answer.1["detail"]));
        }
        answers.push(seen);
    }
    assert_eq!(answers[0], answers[1], "an uninvited phone gets the same answers");
    assert!(answers[0][6].contains("429") && answers[0][6].contains("code_tries"), "{answers:?}");
    let sms = Api::new(&evening.sandbox, String::new()).get("/sandbox/sms?phone=13700137000").await;
    assert!(!sms.to_string().contains("code\":\""), "nothing was sent: {sms}");
    evening.stop().await;
}

/// A phone that is logged in and has a code for a number, without the limits of sending.
async fn with_code(evening: &TestApp, meeting: &str, openid: &str, number: &str) -> Phone {
    let app = &evening.app;
    let attendee = Attendee::new(openid.to_owned(), false, None);
    let mut phone = Phone::new(evening, meeting, openid);
    phone.cookie = auth::attendee_cookie(app, &attendee).stripped().to_string();
    let mac = |parts: &[&[u8]]| hex::encode(app.keys().mac(Purpose::Otp, parts));
    let number = kaijiang::phone::Phone::parse(number).unwrap();
    let code = mac(&[b"code", meeting.as_bytes(), openid.as_bytes(), number.e164().as_bytes()]);
    let hash = mac(&[b"hash", code.as_bytes(), b"123456"]);
    app.store().put_code(&format!("otp:{code}"), &hash, 60_000).await.unwrap();
    phone
}

/// How often each status came.
fn tally(answers: &[(StatusCode, Value)]) -> BTreeMap<u16, usize> {
    let mut tally = BTreeMap::new();
    for (status, _) in answers {
        *tally.entry(status.as_u16()).or_default() += 1;
    }
    tally
}

async fn rush(backend: Backend) {
    let evening = TestApp::start(backend, json!({})).await;
    let host = evening.staff("host");
    let meeting = meeting(&host, false).await;
    for number in 0..21 {
        add(&host, &meeting, &format!("第{number}人"), &format!("138001380{number:02}")).await;
    }
    // One phone sends the same right code fifty times at once.
    let me = with_code(&evening, &meeting, "oRushGuestNumber000001", "13800138000").await;
    let answers = join_all((0..50).map(|_| me.try_bind("13800138000", "123456"))).await;
    assert_eq!(tally(&answers)[&200], 1, "{answers:?}");
    assert_eq!(loaded(&evening, &meeting).await, [(0, 1)]);
    // Ten phones, each with a right code, for one person: each takes the place along from the one before.
    let phones = join_all((0..10).map(|number| {
        let openid = format!("oRushOther{number:012}");
        let (evening, meeting) = (&evening, &meeting);
        async move { with_code(evening, meeting, &openid, "13800138001").await }
    }))
    .await;
    let answers = join_all(phones.iter().map(|phone| phone.try_bind("13800138001", "123456"))).await;
    assert_eq!(tally(&answers), BTreeMap::from([(200, 10)]), "{answers:?}");
    let members = loaded(&evening, &meeting).await;
    assert_eq!(
        (members.len(), members.iter().map(|(_, weight)| weight).sum::<i64>()),
        (11, 2),
        "{members:?}"
    );
    let mut ins = 0;
    for phone in &phones {
        ins += usize::from(phone.get("/me").await["step"] == "in");
    }
    assert_eq!(ins, 1, "one phone at a time");
    // One phone, with right codes, for nineteen people.
    let mine: Vec<_> = (2..21).map(|number| format!("138001380{number:02}")).collect();
    let phones =
        join_all(mine.iter().map(|number| with_code(&evening, &meeting, "oRushManyPeople000001", number)))
            .await;
    let answers =
        join_all(phones.iter().zip(&mine).map(|(phone, number)| phone.try_bind(number, "123456"))).await;
    assert_eq!(tally(&answers), BTreeMap::from([(200, 1), (409, 18)]), "{answers:?}");
    let members = loaded(&evening, &meeting).await;
    let (indexes, weights): (Vec<i64>, Vec<i64>) = members.into_iter().unzip();
    assert_eq!(indexes, (0..12).collect::<Vec<_>>(), "no index is lost or doubled");
    assert_eq!((weights[0], weights[11], weights.iter().sum::<i64>()), (1, 1, 3), "{weights:?}");
    evening.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn people_and_phones_are_bound_one_to_one_in_any_rush() {
    for backend in both() {
        rush(backend).await;
    }
}

async fn lost_members(backend: Backend) {
    let evening = TestApp::start(backend, json!({})).await;
    let host = evening.staff("host");
    let meeting = meeting(&host, false).await;
    for person in demo_people(6) {
        add(&host, &meeting, &person.name, &person.phone).await;
        let openid = format!("oLost{}", person.phone);
        Phone::enter(&evening, &meeting, &openid, &person.phone).await;
    }
    let store = evening.app.store();
    let whole = store.members(&meeting).await.unwrap();
    assert_eq!(whole.members.len(), 6);
    let all: Vec<_> = (0..6).map(|idx| (idx, 1)).collect();
    let mut half = whole.clone();
    half.members.truncate(3);
    let mut heavy = whole.clone();
    heavy.members[2].weight = 1_000;
    let old = Pool { rev: whole.rev - 1, ..whole.clone() };
    for damaged in [half, heavy, old, Pool::default()] {
        store.replace(&meeting, &damaged).await.unwrap();
        assert_eq!(loaded(&evening, &meeting).await, all);
        assert_eq!(store.members(&meeting).await.unwrap(), whole, "the store was rebuilt");
    }
    evening.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_lost_people_changes_nothing() {
    for backend in both() {
        lost_members(backend).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_in_works_once_and_only_in_its_browser() {
    let evening = TestApp::start(Backend::Light, json!({})).await;
    let host = evening.staff("host");
    let meeting = meeting(&host, false).await;
    let http =
        reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let begin = http.get(format!("{}/m/{meeting}/login", evening.base)).send().await.unwrap();
    assert_eq!(begin.status(), StatusCode::FOUND);
    let cookie = begin.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    let location = begin.headers()["location"].to_str().unwrap().to_owned();
    assert!(location.contains("scope=snsapi_base") && location.ends_with("#wechat_redirect"), "{location}");
    let mut authorize = url::Url::parse(&location).unwrap();
    authorize.set_fragment(None);
    authorize.query_pairs_mut().append_pair("as", "oOauthGuestNumber00001");
    let redirect = http.get(authorize).send().await.unwrap();
    let back = redirect.headers()["location"].to_str().unwrap().to_owned();
    let come_back = async |cookie: Option<&str>, address: &str| {
        let request = http.get(address);
        let request = match cookie {
            Some(cookie) => request.header("cookie", cookie),
            None => request,
        };
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let body: Value = response.json().await.unwrap_or_default();
        (status, body["code"].as_str().unwrap_or("").to_owned())
    };
    let restart = (400, "login_restart".to_owned());
    assert_eq!(come_back(None, &back).await, restart, "another browser");
    assert_eq!(come_back(Some(&cookie), &back.replace("state=", "state=0")).await, restart, "another state");
    assert_eq!(come_back(Some(&cookie), &format!("{}/m/{meeting}/callback", evening.base)).await, restart);
    assert_eq!(come_back(Some(&cookie), &back).await, (302, String::new()));
    assert_eq!(come_back(Some(&cookie), &back).await, restart, "used");
    let missing = http.get(format!("{}/m/nowhere/login", evening.base)).send().await.unwrap();
    assert_eq!(missing.status(), StatusCode::NOT_FOUND);
    evening.stop().await;
}
