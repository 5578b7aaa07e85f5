//! Roster and imports, on both backends.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::{Api, Backend, TestApp, both};

pub(crate) async fn meeting(host: &Api, require_follow: bool) -> String {
    let settings = json!({ "require_follow": require_follow });
    let made = host.post("/api/meetings", json!({ "name": "年会", "settings": settings })).await;
    made["id"].as_str().unwrap().to_owned()
}

pub(crate) fn people(meeting: &str) -> String {
    format!("/api/meetings/{meeting}/people")
}

pub(crate) async fn add(host: &Api, meeting: &str, name: &str, phone: &str) -> Value {
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

pub(crate) fn code(answer: &(StatusCode, Value)) -> (u16, &str) {
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

/// Plans that PostgreSQL made while a table was empty read all of a meeting for each person in it; it comes to look by
/// itself once a minute.
#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_grew_is_looked_at_by_the_database_within_seconds() {
    let evening = TestApp::start(Backend::Heavy, json!({})).await;
    let host = evening.staff("host");
    let meeting = meeting(&host, false).await;
    let rows: Vec<_> = (0..600).map(|number| format!("员工{number},139{number:08}")).collect();
    let file = format!("姓名,手机号\n{}", rows.join("\n"));
    let (status, report) = upload(&host, &meeting, file.into_bytes()).await;
    assert!(status.is_success(), "{report}");
    let id = report["id"].as_str().unwrap();
    host.post(&format!("/api/meetings/{meeting}/imports/{id}/accept"), json!({})).await;
    // Counts only who was told to look, which the database's own upkeep is not.
    let told = "select 1 from pg_stat_user_tables where relname = 'person' and analyze_count > 0 and n_mod_since_analyze = 0";
    evening
        .eventually("a look at the people", async || {
            sqlx::query(told).fetch_optional(evening.app.db().read()).await.unwrap()
        })
        .await;
    evening.stop().await;
}
