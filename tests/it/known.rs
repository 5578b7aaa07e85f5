//! Binding without an SMS: by staff number and name, and by the code on the badge.

use std::{collections::BTreeMap, io::Cursor};

use calamine::{Reader, Xlsx};
use futures_util::future::join_all;
use kaijiang::clock::Clock;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sqlx::Row;

use crate::{
    harness::{Api, Backend, Phone, TestApp, answer, both},
    people::{code, people},
};

const START: i64 = 1_795_406_400_000;
const HOUR: i64 = 3_600_000;

async fn meeting(host: &Api, by: &str) -> String {
    let settings = json!({ "require_follow": false, "bind_by": by });
    let made = host.post("/api/meetings", json!({ "name": "小会", "settings": settings })).await;
    made["id"].as_str().unwrap().to_owned()
}

/// Adds a person with a staff number; gives the id.
async fn add(host: &Api, meeting: &str, name: &str, number: usize) -> String {
    let phone = format!("138001380{number:02}");
    let person = json!({ "name": name, "phone": phone, "staff_no": format!("KJ{number:05}") });
    host.post(&people(meeting), person).await["id"].as_str().unwrap().to_owned()
}

async fn phone(evening: &TestApp, meeting: &str, number: usize) -> Phone {
    let mut me = Phone::new(evening, meeting, &format!("oKnownGuestNumber{number:06}"));
    me.log_in().await;
    me
}

fn staff(me: &Phone, number: &str, name: &str) -> Value {
    json!({ "staff_no": number, "name": name, "consent": true, "salt": me.salt })
}

fn badge(me: &Phone, code: &str) -> Value {
    json!({ "code": code, "consent": true, "salt": me.salt })
}

/// How often each status came.
fn tally(answers: &[(StatusCode, Value)]) -> BTreeMap<u16, usize> {
    let mut tally = BTreeMap::new();
    for (status, _) in answers {
        *tally.entry(status.as_u16()).or_default() += 1;
    }
    tally
}

async fn bound(evening: &TestApp, meeting: &str) -> i64 {
    let row =
        sqlx::query("select cast(count(*) as bigint) from binding where meeting_id = $1 and active = 1")
            .bind(meeting)
            .fetch_one(evening.app.db().read())
            .await
            .unwrap();
    row.try_get(0).unwrap()
}

async fn by_number(backend: Backend) {
    let evening = TestApp::start(backend, json!({})).await;
    let host = evening.staff("host");
    let meeting = meeting(&host, "staff").await;
    let person = add(&host, &meeting, "阿依古丽·买买提", 1).await;
    add(&host, &meeting, "Ann Lee", 2).await;
    let me = phone(&evening, &meeting, 1).await;
    for (field, body) in [
        ("salt", json!({ "staff_no": "KJ00001", "name": "a", "consent": true, "salt": "00" })),
        ("consent", json!({ "staff_no": "KJ00001", "name": "a", "consent": false, "salt": me.salt })),
        ("staff_no", staff(&me, " ", "阿依古丽·买买提")),
        ("staff_no", staff(&me, &"9".repeat(33), "阿依古丽·买买提")),
        ("name", staff(&me, "KJ00001", "")),
        ("name", staff(&me, "KJ00001", &"长".repeat(61))),
    ] {
        let (status, answer) = me.try_post("/me/identify", body).await;
        assert_eq!((status.as_u16(), &answer["field"]), (422, &json!(field)), "{answer}");
    }
    // An unknown number, another's number and a wrong name: nobody can tell which it was.
    let mut answers = Vec::new();
    for (number, name) in
        [("KJ77777", "阿依古丽·买买提"), ("KJ00002", "阿依古丽·买买提"), ("KJ00001", "张三")]
    {
        let mut answer = me.try_post("/me/identify", staff(&me, number, name)).await;
        assert_eq!(code(&answer), (403, "not_matched"));
        // Its own number has every answer.
        answer.1.as_object_mut().unwrap().remove("request");
        answers.push(answer);
    }
    assert!(answers.iter().all(|answer| answer == &answers[0]), "{answers:?}");
    // The other ways in are shut.
    let sms = me.try_post("/me/code", json!({ "phone": "13800138001", "consent": true })).await;
    assert_eq!(code(&sms), (409, "bind_by"));
    assert_eq!(code(&me.try_bind("13800138001", "123456").await), (409, "bind_by"));
    let other = me.try_post("/me/identify", badge(&me, "7KQM-X2TD-9WRA")).await;
    assert_eq!(code(&other), (409, "bind_by"));

    let (status, first) = me.try_post("/me/identify", staff(&me, "kj00001", " 阿依古丽 • 买买提 ")).await;
    assert_eq!((status, &first["place"]["index"]), (StatusCode::OK, &json!(0)), "{first}");
    assert_eq!(
        (&me.get("/me").await["step"], &me.get("/me").await["place"]),
        (&json!("in"), &first["place"])
    );
    // A second phone goes to the staff, and so does one that is bound to somebody else.
    let second = phone(&evening, &meeting, 2).await;
    let taken = second.try_post("/me/identify", staff(&second, "KJ00001", "阿依古丽·买买提")).await;
    assert_eq!(code(&taken), (409, "already_bound"));
    let other = me.try_post("/me/identify", staff(&me, "KJ00002", "ann lee")).await;
    assert_eq!(code(&other), (409, "already_bound"));
    host.post(&format!("{}/{person}/unbind", people(&meeting)), json!({})).await;
    let (status, again) = second.try_post("/me/identify", staff(&second, "KJ00001", "阿依古丽·买买提")).await;
    assert_eq!((status, &again["place"]["index"]), (StatusCode::OK, &json!(1)), "{again}");
    assert_eq!(bound(&evening, &meeting).await, 1);
    evening.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_staff_number_and_its_name_are_a_place_in_the_pool() {
    for backend in both() {
        by_number(backend).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn guesses_end_for_the_guesser_and_for_the_person() {
    let clock = Clock::fixed(START);
    let evening = TestApp::start_at(Backend::Light, json!({}), clock.clone()).await;
    let host = evening.staff("host");
    let meeting = meeting(&host, "staff").await;
    for number in 1..=2 {
        add(&host, &meeting, "张三", number).await;
    }
    let guesser = phone(&evening, &meeting, 1).await;
    for nth in 0..10 {
        let answer = guesser.try_post("/me/identify", staff(&guesser, &format!("G{nth}"), "张三")).await;
        assert_eq!(code(&answer), (403, "not_matched"), "{nth}");
    }
    let (status, answer) = guesser.try_post("/me/identify", staff(&guesser, "KJ00002", "张三")).await;
    assert_eq!((status.as_u16(), &answer["code"]), (429, &json!("identify_tries")), "even when right");
    // Many phones, one person, each with a name of its own; then one with the right name.
    let mut crowd = Vec::new();
    for nth in 0..11 {
        crowd.push(phone(&evening, &meeting, 100 + nth).await);
    }
    let tries = crowd.iter().enumerate().map(|(nth, me)| {
        // The same number in another case is the same person.
        let number = if nth % 2 == 0 { "KJ00001" } else { "kj00001" };
        me.try_post("/me/identify", staff(me, number, &format!("李{nth}")))
    });
    let answers = join_all(tries).await;
    assert_eq!(tally(&answers), BTreeMap::from([(403, 10), (429, 1)]), "all at once, each is counted");
    let late = phone(&evening, &meeting, 200).await;
    assert_eq!(code(&late.try_post("/me/identify", staff(&late, "KJ00001", "张三")).await).0, 429);
    // A number that nobody has is treated alike.
    let unknown =
        join_all(crowd.iter().map(|me| me.try_post("/me/identify", staff(me, "KJ99999", "张三")))).await;
    assert_eq!(tally(&unknown), BTreeMap::from([(403, 10), (429, 1)]));
    clock.advance(HOUR + 1);
    assert_eq!(code(&late.try_post("/me/identify", staff(&late, "KJ00001", "张三")).await).0, 200);
    evening.stop().await;
}

/// Everybody's code by name, as the host prints them.
async fn printed(host: &Api, meeting: &str) -> BTreeMap<String, String> {
    let bytes = host.bytes(&format!("/api/meetings/{meeting}/export?kind=badges")).await;
    let mut book: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).unwrap();
    let range = book.worksheet_range("胸牌").unwrap();
    let text = |row: &[calamine::Data], at: usize| row[at].to_string();
    for row in range.rows().skip(1) {
        let plain = text(row, 3).replace('-', "");
        assert!(text(row, 4).ends_with(&format!("/m/{meeting}#badge={plain}")), "{row:?}");
        assert!(!text(row, 4).contains('?'), "codes are no part of what a server logs");
    }
    range.rows().skip(1).map(|row| (text(row, 0), text(row, 3))).collect()
}

async fn by_badge(backend: Backend) {
    let evening = TestApp::start(backend, json!({})).await;
    let host = evening.staff("host");
    let meeting = meeting(&host, "badge").await;
    let mut ids = Vec::new();
    for number in 1..=4 {
        ids.push(add(&host, &meeting, &format!("第{number}人"), number).await);
    }
    let codes = printed(&host, &meeting).await;
    assert_eq!(
        (codes.len(), codes == printed(&host, &meeting).await),
        (4, true),
        "they can be printed again"
    );
    let kept = sqlx::query("select badge_index from person where badge_index is not null");
    let first = &codes["第1人"];
    assert_eq!((first.len(), first.matches('-').count()), (14, 2), "{first}");
    let me = phone(&evening, &meeting, 1).await;
    let long = "7".repeat(33);
    for bad in ["", "7KQM", "0000-0000-0000", long.as_str()] {
        assert_eq!(code(&me.try_post("/me/identify", badge(&me, bad)).await), (422, "invalid"), "{bad}");
    }
    let guess = me.try_post("/me/identify", badge(&me, "2222-2222-2222")).await;
    assert_eq!(code(&guess), (403, "not_matched"));
    let (status, answer) = me.try_post("/me/identify", badge(&me, &first.to_lowercase())).await;
    assert_eq!((status, &answer["name"]), (StatusCode::OK, &json!("第1人")), "{answer}");
    for row in kept.fetch_all(evening.app.db().read()).await.unwrap() {
        let stored: String = row.try_get(0).unwrap();
        assert!(codes.values().all(|code| !stored.contains(&code.replace('-', ""))), "only a hash is kept");
    }
    // A badge that was copied: whoever comes second goes to the staff.
    let thief = phone(&evening, &meeting, 2).await;
    assert_eq!(code(&thief.try_post("/me/identify", badge(&thief, first)).await), (409, "already_bound"));
    // Lost and made anew: the old code is dead, the new one works; somebody who came on the roster late has one too.
    let anew = host.post(&format!("{}/{}/badge", people(&meeting), ids[1]), json!({})).await;
    assert_ne!(anew["code"], json!(codes["第2人"]));
    assert_eq!(
        code(&thief.try_post("/me/identify", badge(&thief, &codes["第2人"])).await),
        (403, "not_matched")
    );
    assert_eq!(printed(&host, &meeting).await["第2人"], anew["code"].as_str().unwrap());
    let owner = phone(&evening, &meeting, 3).await;
    let done = owner.try_post("/me/identify", badge(&owner, anew["code"].as_str().unwrap())).await;
    assert_eq!(code(&done).0, 200, "{done:?}");
    // Ten phones at once with one badge, and one phone ten times.
    let mut crowd = Vec::new();
    for nth in 0..10 {
        crowd.push(phone(&evening, &meeting, 100 + nth).await);
    }
    let third = &codes["第3人"];
    let answers = join_all(crowd.iter().map(|me| me.try_post("/me/identify", badge(me, third)))).await;
    assert_eq!(tally(&answers), BTreeMap::from([(200, 1), (409, 9)]), "{answers:?}");
    let last = phone(&evening, &meeting, 4).await;
    let fourth = &codes["第4人"];
    let answers = join_all((0..12).map(|_| last.try_post("/me/identify", badge(&last, fourth)))).await;
    assert_eq!(tally(&answers), BTreeMap::from([(200, 10), (429, 2)]), "the same place each time");
    assert_eq!(bound(&evening, &meeting).await, 4);
    evening.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_badge_is_one_persons_place() {
    for backend in both() {
        by_badge(backend).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_badge_opens_one_meeting_and_only_while_it_asks_for_badges() {
    let evening = TestApp::start(Backend::Light, json!({})).await;
    let host = evening.staff("host");
    let (one, other) = (meeting(&host, "badge").await, meeting(&host, "badge").await);
    add(&host, &one, "张三", 1).await;
    add(&host, &other, "李四", 2).await;
    let mine = printed(&host, &one).await["张三"].clone();
    let stranger = phone(&evening, &other, 1).await;
    assert_eq!(code(&stranger.try_post("/me/identify", badge(&stranger, &mine)).await), (403, "not_matched"));
    let seen = host.get(&format!("/api/meetings/{one}")).await;
    let mut settings = seen["settings"].clone();
    settings["bind_by"] = json!("sms");
    let edit = json!({ "version": seen["version"], "name": "小会", "settings": settings });
    let done = host.request(reqwest::Method::PATCH, &format!("/api/meetings/{one}")).json(&edit);
    assert_eq!(crate::harness::answer(done).await.0, StatusCode::OK);
    let me = phone(&evening, &one, 2).await;
    assert_eq!(code(&me.try_post("/me/identify", badge(&me, &mine)).await), (409, "bind_by"));
    // A person who was taken off the roster has no badge any more.
    let gone = add(&host, &other, "王五", 3).await;
    let theirs = printed(&host, &other).await["王五"].clone();
    let removed = host.request(reqwest::Method::DELETE, &format!("{}/{gone}", people(&other)));
    assert_eq!(crate::harness::answer(removed).await.0, StatusCode::OK);
    assert_eq!(
        code(&stranger.try_post("/me/identify", badge(&stranger, &theirs)).await),
        (403, "not_matched")
    );
    evening.stop().await;
}

/// Rows of an export as CSV-like cells.
async fn roster_of(host: &Api, meeting: &str) -> Vec<Vec<String>> {
    let bytes = host.bytes(&format!("/api/meetings/{meeting}/export?kind=roster")).await;
    let mut book: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).unwrap();
    let range = book.worksheet_range_at(0).unwrap().unwrap();
    range.rows().map(|row| row.iter().map(ToString::to_string).collect()).collect()
}

async fn without_phones(backend: Backend) {
    let evening = TestApp::start(backend, json!({})).await;
    let host = evening.staff("host");
    let file = || "姓名,工号\n张三,KJ00001\n李四,KJ00002\n".as_bytes().to_vec();
    let sms = meeting(&host, "sms").await;
    let form = reqwest::multipart::Part::bytes(file()).file_name("名单.csv");
    let form = reqwest::multipart::Form::new().part("file", form);
    let refused = host.request(Method::POST, &format!("/api/meetings/{sms}/imports")).multipart(form);
    assert_eq!(code(&answer(refused).await), (422, "header_missing"));
    host.refused(&people(&sms), json!({ "name": "王五", "staff_no": "KJ00003" }), 422, "phone_missing").await;

    let meeting = meeting(&host, "staff").await;
    for (new, same) in [(2, 0), (0, 2)] {
        let report = host.import(&meeting, "名单.csv", file()).await;
        assert_eq!(
            (&report["new"], &report["same"], &report["errors"]),
            (&json!(new), &json!(same), &json!(0))
        );
        let id = report["id"].as_str().unwrap();
        host.post(&format!("/api/meetings/{meeting}/imports/{id}/accept"), json!({})).await;
    }
    host.refused(&people(&meeting), json!({ "name": "王五" }), 422, "phone_missing").await;
    host.post(&people(&meeting), json!({ "name": "王五", "phone": "", "staff_no": "KJ00003" })).await;
    let listed = host.get(&people(&meeting)).await;
    let listed = listed["people"].as_array().unwrap();
    assert_eq!(listed.len(), 3);
    assert!(listed.iter().all(|person| person["phone"] == ""), "{listed:?}");

    let me = phone(&evening, &meeting, 1).await;
    let (status, bound_now) = me.try_post("/me/identify", staff(&me, "KJ00001", "张三")).await;
    assert_eq!(status, StatusCode::OK, "{bound_now}");
    assert_eq!(bound(&evening, &meeting).await, 1);

    // The staff number must stay while there is no phone; a phone that comes later is the same person's.
    let person = listed.iter().find(|person| person["name"] == "张三").unwrap();
    let path = format!("{}/{}", people(&meeting), person["id"].as_str().unwrap());
    let nameless = json!({ "version": person["version"], "name": "张三", "staff_no": "" });
    let refused = answer(host.request(Method::PATCH, &path).json(&nameless)).await;
    assert_eq!(code(&refused), (422, "phone_missing"));
    let later = "姓名,工号,手机号\n张三,KJ00001,13800138001\n".as_bytes().to_vec();
    let report = host.import(&meeting, "手机.csv", later).await;
    assert_eq!(report["update"], 1, "{report}");
    let id = report["id"].as_str().unwrap();
    host.post(&format!("/api/meetings/{meeting}/imports/{id}/accept"), json!({})).await;
    let rows = roster_of(&host, &meeting).await;
    let phones: BTreeMap<&str, &str> =
        rows.iter().skip(1).map(|row| (row[0].as_str(), row[1].as_str())).collect();
    assert_eq!(phones, BTreeMap::from([("张三", "13800138001"), ("李四", ""), ("王五", "")]), "{rows:?}");
    assert_eq!(bound(&evening, &meeting).await, 1);
    evening.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_roster_of_staff_numbers_alone_is_enough_where_nobody_needs_an_sms() {
    for backend in both() {
        without_phones(backend).await;
    }
}
