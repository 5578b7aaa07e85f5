//! People who are not on the roster register at the door; people change phones; nobody moves while a draw is open.

use calamine::{Reader, Xlsx};
use futures_util::future::join_all;
use kaijiang::clock::Clock;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sqlx::Row;

use crate::{
    harness::{Api, Backend, Phone, TestApp, answer, both},
    people::{add, code, people},
};

/// 2026-11-23 12:00 in Beijing.
const NOON: i64 = 1_795_406_400_000;

async fn meeting(host: &Api, registration: &str) -> String {
    let settings = json!({
        "require_follow": false, "registration": registration, "expected_people": 40, "commit_show_ms": 0,
        "min_level": "A0",
    });
    let made = host.post("/api/meetings", json!({ "name": "发布会", "settings": settings })).await;
    made["id"].as_str().unwrap().to_owned()
}

async fn phone(evening: &TestApp, meeting: &str, number: usize) -> Phone {
    let mut me = Phone::new(evening, meeting, &format!("oDoorGuestNumber{number:08}"));
    me.log_in().await;
    me
}

async fn register(me: &Phone, phone: &str, digits: &str, name: Option<&str>) -> (StatusCode, Value) {
    let body = json!({ "phone": phone, "code": digits, "salt": me.salt, "name": name });
    me.try_post("/me/bind", body).await
}

/// People on the roster, active bindings, and tickets in all.
async fn stored(evening: &TestApp, meeting: &str) -> (i64, i64, i64) {
    let row = sqlx::query(
        "select (select cast(count(*) as bigint) from person where meeting_id = $1 and removed = 0), \
         (select cast(count(*) as bigint) from binding where meeting_id = $1 and active = 1), \
         (select cast(coalesce(sum(weight), 0) as bigint) from binding where meeting_id = $1)",
    )
    .bind(meeting)
    .fetch_one(evening.app.db().read())
    .await
    .unwrap();
    (row.get(0), row.get(1), row.get(2))
}

/// Tickets in the pool, as a draw would take them.
async fn tickets(evening: &TestApp, meeting: &str) -> u64 {
    let mut tx = evening.app.db().begin().await.unwrap();
    let pool = kaijiang::pool::snapshot(&evening.app, &mut tx, meeting).await.unwrap();
    pool.members().map(|(_, weight)| weight).sum()
}

/// What the screens count.
async fn counted(evening: &TestApp, meeting: &str) -> Value {
    let counts = kaijiang::live::counts(evening.app.db(), evening.app.store(), meeting).await.unwrap();
    json!([counts.invited, counts.bound, counts.waiting, counts.present])
}

async fn closed_and_open(backend: Backend) {
    let evening = TestApp::start(backend, json!({})).await;
    let host = evening.staff("host");
    // Closed: a stranger gets the same answer and no SMS.
    let closed = meeting(&host, "closed").await;
    add(&host, &closed, "张三", "13800138000").await;
    let me = phone(&evening, &closed, 1).await;
    let (status, _) = me.try_post("/me/code", json!({ "phone": "13700137009", "consent": true })).await;
    assert_eq!(status, StatusCode::ACCEPTED);
    assert_eq!(code(&register(&me, "13700137009", "123456", Some("外人")).await), (400, "code_wrong"));
    assert_eq!(stored(&evening, &closed).await, (1, 0, 0));

    let open = meeting(&host, "open").await;
    add(&host, &open, "张三", "13800138000").await;
    // On the list: the roster's name holds, whatever is typed.
    let listed = phone(&evening, &open, 2).await;
    let digits = listed.code("13800138000").await;
    let (status, bound) = register(&listed, "13800138000", &digits, Some("别名")).await;
    assert_eq!((status, &bound["name"]), (StatusCode::OK, &json!("张三")), "{bound}");
    // Not on it: only after the right code the name is asked for, and the code is good once more, for this phone alone.
    let guest = phone(&evening, &open, 3).await;
    let digits = guest.code("13700137001").await;
    let wrong = if digits == "000000" { "000001" } else { "000000" };
    assert_eq!(code(&register(&guest, "13700137001", wrong, None).await), (400, "code_wrong"));
    assert_eq!(code(&register(&guest, "13700137001", &digits, None).await), (422, "name_needed"));
    let thief = phone(&evening, &open, 4).await;
    assert_eq!(code(&register(&thief, "13700137001", &digits, Some("贼")).await), (400, "code_expired"));
    assert_eq!(code(&register(&guest, "13700137001", &digits, Some(" \t")).await), (422, "name_missing"));
    let (status, bound) = register(&guest, "13700137001", &digits, Some("来 宾")).await;
    assert_eq!((status, &bound["name"], &bound["waiting"]), (StatusCode::OK, &json!("来 宾"), &json!(false)));
    assert_eq!(guest.get("/me").await["step"], "in");
    assert_eq!(stored(&evening, &open).await, (2, 2, 2));
    assert_eq!(tickets(&evening, &open).await, 2);
    assert_eq!(counted(&evening, &open).await, json!([2, 2, 0, 2]));
    evening.stop().await;
}

/// In this process's store alone: Redis has a clock of its own.
#[tokio::test(flavor = "multi_thread")]
async fn a_right_code_that_leads_to_nothing_has_an_end() {
    let clock = Clock::fixed(NOON);
    let evening = TestApp::start_at(Backend::Light, json!({}), clock.clone()).await;
    let open = meeting(&evening.staff("host"), "open").await;
    let guest = phone(&evening, &open, 3).await;
    let digits = guest.code("13700137001").await;
    assert_eq!(code(&register(&guest, "13700137001", &digits, None).await), (422, "name_needed"));
    clock.advance(240_000);
    assert_eq!(code(&register(&guest, "13700137001", &digits, None).await), (422, "name_needed"));
    // Six minutes after it was right, two after it was tried: a try in between has not kept it longer.
    clock.advance(120_000);
    assert_eq!(code(&register(&guest, "13700137001", &digits, Some("来宾")).await), (400, "code_expired"));
    assert_eq!(stored(&evening, &open).await, (0, 0, 0));
    evening.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_registers_only_where_the_host_lets_them() {
    for backend in both() {
        closed_and_open(backend).await;
    }
}

async fn approval(backend: Backend) {
    let evening = TestApp::start(backend, json!({})).await;
    let (host, reviewer) = (evening.staff("host"), evening.staff("reviewer"));
    let meeting = meeting(&host, "approval").await;
    let path = |rest: &str| format!("/api/meetings/{meeting}/registrations{rest}");
    let mut ids = Vec::new();
    let mut phones = Vec::new();
    for number in 0..2 {
        let me = phone(&evening, &meeting, number).await;
        let mobile = format!("1370013700{number}");
        let digits = me.code(&mobile).await;
        let (status, bound) = register(&me, &mobile, &digits, Some(&format!("来宾{number}"))).await;
        assert_eq!((status, &bound["waiting"]), (StatusCode::OK, &json!(true)), "{bound}");
        assert_eq!(me.get("/me").await["step"], "waiting");
        // Nobody earns anything before somebody said who they are.
        assert_eq!(code(&me.try_post("/me/referral", json!({})).await), (403, "not_accepted"));
        let list = reviewer.get(&path("")).await;
        assert_eq!(list["total"], number + 1, "{list}");
        ids.push(list["people"][number]["id"].as_str().unwrap().to_owned());
        phones.push(me);
    }
    assert_eq!(stored(&evening, &meeting).await, (2, 2, 0));
    assert_eq!(tickets(&evening, &meeting).await, 0);
    assert_eq!(counted(&evening, &meeting).await, json!([0, 0, 2, 0]));
    // An edit of the roster is not a yes.
    let person = host.get(&people(&meeting)).await["people"][0].clone();
    let edit = format!("{}/{}", people(&meeting), person["id"].as_str().unwrap());
    let body = json!({ "version": person["version"], "name": person["name"], "weight": 5 });
    assert_eq!(answer(host.request(Method::PATCH, &edit).json(&body)).await.0, StatusCode::OK);
    assert_eq!(tickets(&evening, &meeting).await, 0);
    evening.staff("finance").refused(&path(&format!("/{}/accept", ids[0])), json!({}), 403, "role").await;
    for _ in 0..2 {
        reviewer.post(&path(&format!("/{}/accept", ids[0])), json!({})).await;
    }
    let late = path(&format!("/{}/reject", ids[0]));
    host.refused(&late, json!({ "reason": "不认识" }), 409, "not_waiting").await;
    assert_eq!(phones[0].get("/me").await["step"], "in");
    let reject = path(&format!("/{}/reject", ids[1]));
    host.refused(&reject, json!({ "reason": "" }), 422, "text").await;
    host.post(&reject, json!({ "reason": "不是来宾" })).await;
    host.refused(&reject, json!({ "reason": "不是来宾" }), 404, "not_found").await;
    let page = phones[1].get("/me").await;
    assert_eq!((&page["step"], &page["refused"]), (&json!("bind"), &json!("不是来宾")));
    let (people_now, bound, _) = stored(&evening, &meeting).await;
    assert_eq!((people_now, bound), (1, 1));
    assert_eq!(counted(&evening, &meeting).await, json!([1, 1, 0, 1]));
    assert_eq!(reviewer.get(&path("")).await["total"], 0);
    evening.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_waits_has_no_tickets_until_somebody_says_yes() {
    for backend in both() {
        approval(backend).await;
    }
}

async fn rush(backend: Backend) {
    let evening = TestApp::start(backend, json!({})).await;
    let host = evening.staff("host");
    let meeting = meeting(&host, "open").await;
    let mut guests = Vec::new();
    for number in 0..30 {
        let me = phone(&evening, &meeting, number).await;
        let mobile = format!("137001370{number:02}");
        let digits = me.code(&mobile).await;
        let asked = register(&me, &mobile, &digits, None).await;
        assert_eq!(code(&asked), (422, "name_needed"));
        guests.push((me, mobile, digits));
    }
    // Everybody at once, and everybody presses twice.
    let posts =
        guests.iter().chain(&guests).map(|(me, mobile, digits)| register(me, mobile, digits, Some("来宾")));
    let answers = join_all(posts).await;
    // The second press comes while the first runs, or after it: then the code is used up, and the page looks where it is.
    let told: Vec<_> = answers.iter().map(code).collect();
    let in_or_used = |told: &(u16, &str)| matches!(told, (200, _) | (400, "code_used"));
    assert!(told.iter().all(in_or_used), "{told:?}");
    let (first, second) = told.split_at(guests.len());
    assert!(first.iter().zip(second).all(|(one, two)| one.0 == 200 || two.0 == 200), "{told:?}");
    assert_eq!(stored(&evening, &meeting).await, (30, 30, 30));
    assert_eq!(tickets(&evening, &meeting).await, 30);
    assert_eq!(counted(&evening, &meeting).await, json!([30, 30, 0, 30]));
    // What goes out as a book comes in again without a change.
    let book = host.bytes(&format!("/api/meetings/{meeting}/export?kind=roster")).await;
    let mut cells: Xlsx<_> = Xlsx::new(std::io::Cursor::new(book.clone())).unwrap();
    let range = cells.worksheet_range_at(0).unwrap().unwrap();
    let yes = range.rows().skip(1).filter(|row| row[6] == "是" && !row[7].to_string().is_empty());
    assert_eq!((yes.count(), range.rows().next().unwrap()[6].to_string()), (30, "已绑定".to_owned()));
    let report = host.import(&meeting, "名单.xlsx", book).await;
    assert_eq!(
        (&report["same"], &report["errors"], &report["new"]),
        (&json!(30), &json!(0), &json!(0)),
        "{report}"
    );
    evening.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn thirty_strangers_at_once_are_thirty_people_and_the_book_says_so() {
    for backend in both() {
        rush(backend).await;
    }
}

/// A committed draw; gives its number and the way to its void.
async fn commit(host: &Api, meeting: &str) -> String {
    let path = |rest: &str| format!("/api/meetings/{meeting}{rest}");
    let prize = host.post(&path("/prizes"), json!({ "name": "奖", "kind": "goods", "goods": "杯子" })).await;
    let round = json!({
        "prize_id": prize["id"], "seats": 1, "exclude": "none", "award": { "mode": "none" },
        "sources": [{ "s": "dice", "sides": 10, "count": 12 }],
    });
    let round = host.post(&path("/rounds"), round).await;
    let commit = path(&format!("/rounds/{}/commit", round["id"].as_str().unwrap()));
    let draw = host.post(&commit, json!({})).await["draw"].as_i64().unwrap();
    path(&format!("/draws/{draw}"))
}

async fn moves(backend: Backend) {
    let evening = TestApp::start_at(backend, json!({}), Clock::fixed(NOON)).await;
    let host = evening.staff("host");
    let meeting = meeting(&host, "approval").await;
    let person = add(&host, &meeting, "张三", "13800138000").await;
    let id = person["id"].as_str().unwrap();
    let old = phone(&evening, &meeting, 1).await;
    let digits = old.code("13800138000").await;
    assert_eq!(old.try_bind("13800138000", &digits).await.0, StatusCode::OK);
    let stranger = phone(&evening, &meeting, 9).await;
    let digits = stranger.code("13700137009").await;
    assert_eq!(register(&stranger, "13700137009", &digits, Some("来宾")).await.0, StatusCode::OK);
    let list = host.get(&format!("/api/meetings/{meeting}/registrations")).await;
    let waiting = list["people"][0]["id"].as_str().unwrap().to_owned();

    // While a draw is open nobody's place ends.
    let new = phone(&evening, &meeting, 2).await;
    evening.app.clock().advance(61_000);
    let digits = new.code("13800138000").await;
    let draw = commit(&host, &meeting).await;
    assert_eq!(code(&new.try_bind("13800138000", &digits).await), (409, "draw_open"));
    host.refused(&format!("{}/{id}/unbind", people(&meeting)), json!({}), 409, "draw_open").await;
    let removed = answer(host.request(Method::DELETE, &format!("{}/{id}", people(&meeting)))).await;
    assert_eq!(code(&removed), (409, "draw_open"));
    let reject = format!("/api/meetings/{meeting}/registrations/{waiting}/reject");
    host.refused(&reject, json!({ "reason": "不认识" }), 409, "draw_open").await;
    assert_eq!(old.get("/me").await["step"], "in");
    host.post(&format!("{draw}/void"), json!({ "reason": "fault" })).await;

    // Then the owner of the number takes the place along, and the old phone knows. A code that led to nothing still holds,
    // for a place.
    assert_eq!(code(&old.try_bind("13800138000", &digits).await), (400, "code_used"), "the own one is used");
    let (status, bound) = new.try_bind("13800138000", &digits).await;
    assert_eq!(code(&new.try_bind("13800138000", &digits).await), (400, "code_used"));
    assert_eq!((status, &bound["place"]["index"]), (StatusCode::OK, &json!(2)), "{bound}");
    assert_eq!(
        (&old.get("/me").await["step"], &new.get("/me").await["step"]),
        (&json!("bind"), &json!("in"))
    );
    assert_eq!(stored(&evening, &meeting).await, (2, 2, 1));
    assert_eq!(tickets(&evening, &meeting).await, 1);
    // And back: the first phone's own index comes again.
    evening.app.clock().advance(61_000);
    let digits = old.code("13800138000").await;
    let (status, bound) = old.try_bind("13800138000", &digits).await;
    assert_eq!((status, &bound["place"]["index"]), (StatusCode::OK, &json!(0)), "{bound}");
    assert_eq!(stored(&evening, &meeting).await, (2, 2, 1));
    evening.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_phone_takes_the_place_along_but_never_while_a_draw_is_open() {
    for backend in both() {
        moves(backend).await;
    }
}
