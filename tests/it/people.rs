//! Roster, import, log-in, codes, binding and the pool, on both backends.

use std::collections::{BTreeMap, HashSet};

use futures_util::future::join_all;
use kaijiang::{
    auth::{self, Attendee},
    keys::Purpose,
    people::xlsx_out::demo_people,
    pool,
    store::Pool,
};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::{Api, Backend, Phone, TestApp, both};

async fn meeting(host: &Api, require_follow: bool) -> String {
    let settings = json!({ "require_follow": require_follow });
    let made = host.post("/api/meetings", json!({ "name": "年会", "settings": settings })).await;
    made["id"].as_str().unwrap().to_owned()
}

fn people(meeting: &str) -> String {
    format!("/api/meetings/{meeting}/people")
}

async fn add(host: &Api, meeting: &str, name: &str, phone: &str) -> Value {
    host.post(&people(meeting), json!({ "name": name, "phone": phone, "department": "研发" })).await
}

async fn upload(host: &Api, meeting: &str, bytes: Vec<u8>) -> (StatusCode, Value) {
    let part = reqwest::multipart::Part::bytes(bytes).file_name("../../名单.csv");
    let form = reqwest::multipart::Form::new().part("file", part);
    let request = host.request(Method::POST, &format!("/api/meetings/{meeting}/imports")).multipart(form);
    let response = request.send().await.unwrap();
    let status = response.status();
    (status, response.json().await.unwrap())
}

fn code(answer: &(StatusCode, Value)) -> (u16, &str) {
    (answer.0.as_u16(), answer.1["code"].as_str().unwrap_or(""))
}

const MESSY: &str = "公司名单\n\n手机号,姓 名,部门,工号\n138 0013 8000,张三,研发,A1\n+8613800138001,=HYPERLINK(\"x\"),销售,A2\n\
     13800138000,张三,研发,A1\n1380013,李四,研发,A4\n\n13800138005,阿依古丽·买买提,客服,A5\n";

async fn import_flow(backend: Backend) {
    let evening = TestApp::start(backend, json!({})).await;
    let host = evening.staff("host");
    let meeting = meeting(&host, false).await;
    let (status, report) = upload(&host, &meeting, MESSY.as_bytes().to_vec()).await;
    assert_eq!(status, StatusCode::CREATED, "{report}");
    assert_eq!(report["file"], "名单.csv");
    let outcomes: Vec<_> = report["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            (row["row"].as_i64().unwrap(), row["outcome"].as_str().unwrap(), row["code"].as_str().unwrap())
        })
        .collect();
    assert_eq!(
        outcomes,
        [
            (4, "new", ""),
            (5, "new", ""),
            (6, "error", "duplicate_in_file"),
            (7, "error", "phone_invalid"),
            (9, "new", "")
        ]
    );
    assert!(!report.to_string().contains("13800138000"), "phones are masked");
    let accept = format!("/api/meetings/{meeting}/imports/{}/accept", report["id"].as_str().unwrap());
    host.refused(&accept, json!({}), 422, "import_errors").await;
    assert_eq!(host.get(&people(&meeting)).await["total"], 0);
    let accepted = host.post(&accept, json!({ "skip_errors": true })).await;
    assert_eq!((&accepted["status"], &accepted["new"]), (&json!("accepted"), &json!(3)));
    assert_eq!(host.post(&accept, json!({})).await, accepted, "a second acceptance answers the same");
    let page = host.get(&people(&meeting)).await;
    assert_eq!(page["total"], 3);
    assert!(!page.to_string().contains("13800138005"), "{page}");
    let (_, again) = upload(&host, &meeting, MESSY.as_bytes().to_vec()).await;
    assert_eq!((&again["same"], &again["new"], &again["update"]), (&json!(3), &json!(0), &json!(0)));
    // What was exported can be imported again without any change.
    let book = host.bytes(&format!("/api/meetings/{meeting}/export?kind=roster")).await;
    let (_, back) = upload(&host, &meeting, book).await;
    assert_eq!((&back["total"], &back["new"], &back["errors"]), (&json!(3), &json!(0), &json!(0)), "{back}");
    for kind in ["winners", "payments"] {
        let book = host.bytes(&format!("/api/meetings/{meeting}/export?kind={kind}")).await;
        assert!(book.starts_with(b"PK"));
    }
    evening.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_tells_first_and_stores_once() {
    for backend in both() {
        import_flow(backend).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_are_no_roster_are_refused() {
    let evening = TestApp::start(Backend::Light, json!({})).await;
    let host = evening.staff("host");
    let meeting = meeting(&host, false).await;
    assert_eq!(code(&upload(&host, &meeting, b"\x89PNG\r\n\x1a\n\0\0".to_vec()).await), (415, "file_type"));
    assert_eq!(code(&upload(&host, &meeting, "部门\n研发\n".into()).await), (422, "header_missing"));
    let large = vec![b'x'; 10 * 1024 * 1024 + 1];
    assert_eq!(code(&upload(&host, &meeting, large).await), (413, "file_too_large"));
    let path = format!("/api/meetings/{meeting}/imports");
    host.refused(&path, json!({}), 415, "content_type").await;
    assert_eq!(code(&upload(&evening.staff("finance"), &meeting, MESSY.into()).await), (403, "role"));
    assert_eq!(code(&upload(&host, "nowhere", MESSY.into()).await), (404, "not_found"));
    evening.stop().await;
}

async fn roster_flow(backend: Backend) {
    let evening = TestApp::start(backend, json!({})).await;
    let host = evening.staff("host");
    let meeting = meeting(&host, false).await;
    let all = people(&meeting);
    let zhang = add(&host, &meeting, "张三", "13800138000").await;
    add(&host, &meeting, "李四", "138-0013-8001").await;
    add(&host, &meeting, "100%_王", "+852 9123 4567").await;
    host.refused(&all, json!({ "name": "别人", "phone": "8613800138000" }), 409, "phone_taken").await;
    host.refused(&all, json!({ "name": "长".repeat(5_000), "phone": "13800138009" }), 422, "name_too_long")
        .await;
    host.refused(&all, json!({ "name": "无号" }), 422, "phone_missing").await;
    let found = async |search: &str| {
        let page = host.get(&format!("{all}?search={search}")).await;
        page["people"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["name"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(found("%E5%BC%A0").await, ["张三"]);
    assert_eq!(found("13800138001").await, ["李四"]);
    assert_eq!(found("8001").await, ["李四"]);
    assert_eq!(found("%25_").await, ["100%_王"], "wildcards are letters");
    let mut names = Vec::new();
    let mut after = String::new();
    loop {
        let page = host.get(&format!("{all}?limit=1&after={after}")).await;
        names.push(page["people"][0]["name"].clone());
        match page["next"].as_str() {
            Some(next) => next.clone_into(&mut after),
            None => break,
        }
    }
    assert_eq!(names.len(), 3);
    let one = format!("{all}/{}", zhang["id"].as_str().unwrap());
    let edit = async |version: i64, phone: &str| {
        let body = json!({ "version": version, "name": "张三丰", "phone": phone, "weight": 5 });
        let response = host.request(Method::PATCH, &one).json(&body).send().await.unwrap();
        (response.status(), response.json::<Value>().await.unwrap())
    };
    assert_eq!(code(&edit(1, "13800138001").await), (409, "phone_taken"));
    let changed = edit(1, "13900139000").await.1;
    assert_eq!(
        (&changed["phone"], &changed["weight"], &changed["version"]),
        (&json!("139****9000"), &json!(5), &json!(2))
    );
    assert_eq!(code(&edit(1, "13900139000").await), (409, "stale"));
    let gone = host.request(Method::DELETE, &one).send().await.unwrap();
    assert_eq!(gone.status(), StatusCode::OK);
    assert_eq!(host.get(&all).await["total"], 2);
    let back = add(&host, &meeting, "张三", "13900139000").await;
    assert_eq!(back["id"], zhang["id"], "the same phone is the same person");
    evening.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_roster_is_edited_person_by_person() {
    for backend in both() {
        roster_flow(backend).await;
    }
}

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
    let members = pool::load(&evening.app, &mut tx, meeting).await.unwrap();
    members.into_iter().map(|member| (member.idx, member.weight)).collect()
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
    let attendee = Attendee { openid: openid.to_owned(), snapshot: false };
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
    // Ten phones, each with a right code, for one person.
    let phones = join_all((0..10).map(|number| {
        let openid = format!("oRushOther{number:012}");
        let (evening, meeting) = (&evening, &meeting);
        async move { with_code(evening, meeting, &openid, "13800138001").await }
    }))
    .await;
    let answers = join_all(phones.iter().map(|phone| phone.try_bind("13800138001", "123456"))).await;
    assert_eq!(tally(&answers), BTreeMap::from([(200, 1), (409, 9)]), "{answers:?}");
    // One phone, with right codes, for nineteen people.
    let mine: Vec<_> = (2..21).map(|number| format!("138001380{number:02}")).collect();
    let phones =
        join_all(mine.iter().map(|number| with_code(&evening, &meeting, "oRushManyPeople000001", number)))
            .await;
    let answers =
        join_all(phones.iter().zip(&mine).map(|(phone, number)| phone.try_bind(number, "123456"))).await;
    assert_eq!(tally(&answers), BTreeMap::from([(200, 1), (409, 18)]), "{answers:?}");
    let members = loaded(&evening, &meeting).await;
    assert_eq!(members, [(0, 1), (1, 1), (2, 1)], "no index is lost or doubled");
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
