//! Texts and files: too long, of the wrong kind, or meant for another program.

use std::io::{Cursor, Write};

use calamine::{Data, Reader, Xlsx};
use reqwest::Method;
use serde_json::{Value, json};

use super::{Desk, refusal, send};
use crate::harness::{Backend, answer, both};

/// Commands with a text, by the field that holds it.
fn texts(desk: &Desk) -> Vec<(Method, String, &'static str, Value)> {
    let settings = json!({ "commit_show_ms": 0 });
    let award = json!({ "mode": "fixed", "fen": 100 });
    let (post, patch) = (Method::POST, Method::PATCH);
    let person = json!({ "name": "李四", "phone": "13800138001" });
    let prize = json!({ "name": "奖", "kind": "goods", "goods": "书" });
    let round = json!({ "prize_id": desk.prize, "seats": 1, "award": award });
    let edit = json!({ "version": 1, "name": "年会", "settings": settings });
    vec![
        (post.clone(), "/api/meetings".into(), "name", json!({ "settings": settings })),
        (patch.clone(), desk.path(""), "name", edit.clone()),
        (patch.clone(), desk.path(""), "settings.send_name", edit.clone()),
        (patch.clone(), desk.path(""), "settings.act_name", edit.clone()),
        (patch.clone(), desk.path(""), "settings.wishing", edit.clone()),
        (patch, desk.path(""), "settings.min_level", edit),
        (post.clone(), desk.path("/prizes"), "name", prize.clone()),
        (post.clone(), desk.path("/prizes"), "goods", prize.clone()),
        (post.clone(), desk.path("/prizes"), "code", prize),
        (post.clone(), desk.path("/rounds"), "name", round.clone()),
        (post.clone(), desk.path("/rounds"), "group", round.clone()),
        (post.clone(), desk.path("/rounds"), "prize_id", round),
        (post.clone(), desk.path("/people"), "name", person.clone()),
        (post.clone(), desk.path("/people"), "phone", person.clone()),
        (post.clone(), desk.path("/people"), "department", person.clone()),
        (post.clone(), desk.path("/people"), "staff_no", person.clone()),
        (post.clone(), desk.path("/people"), "group", person),
        (post.clone(), desk.path("/budgets"), "name", json!({ "cap_fen": 5 })),
        (post.clone(), desk.path("/scene"), "name", json!({})),
        (post.clone(), desk.path("/scene"), "text", json!({ "name": "pause" })),
        (post.clone(), desk.path("/scene"), "text", json!({ "name": "lobby" })),
        (post.clone(), desk.path("/awards/collect"), "claim_code", json!({})),
        (post.clone(), desk.path("/screens"), "code", json!({})),
        (post.clone(), "/api/login".into(), "user", json!({ "password": "password-of-nobody" })),
        (post.clone(), "/api/login".into(), "password", json!({ "user": "nobody" })),
        (post, "/api/setup".into(), "code", json!({ "user": "nobody", "password": "password-of-nobody" })),
    ]
}

fn with(body: &Value, field: &str, text: Value) -> Value {
    let mut body = body.clone();
    let place = field.split('.').fold(&mut body, |at, name| &mut at[name]);
    *place = text;
    body
}

async fn refused_texts(backend: Backend) {
    let desk = Desk::open(backend).await;
    let owner = desk.evening.staff("owner");
    let before = desk.state().await;
    let meetings = owner.get("/api/meetings").await;
    for (method, path, field, body) in texts(&desk) {
        let long = json!("长".repeat(5_000));
        for (what, text) in
            [("long", long), ("NUL", json!("a\u{0}b")), ("number", json!(7)), ("list", json!([]))]
        {
            let found = refusal(send(&owner, method.clone(), &path, &with(&body, field, text))).await;
            assert_eq!((found.0, found.2.as_str()), (422, field), "{what} {method} {path}: {}", found.1);
        }
    }
    assert_eq!(owner.get("/api/meetings").await, meetings);
    assert_eq!(desk.state().await, before);
    // Addresses: no id of ours has such characters, and PostgreSQL would not take all of them.
    for odd in ["%00", "%ff", "a%2fb", "%E4%BD%A0", "'%20or%201=1--"] {
        for path in [format!("/api/meetings/{odd}"), desk.path(&format!("/imports/{odd}"))] {
            assert_eq!(refusal(owner.request(Method::GET, &path)).await.0, 404, "{path}");
        }
    }
    for query in [
        "people?search=%00",
        "people?limit=0",
        "people?limit=x",
        "packets?offset=-1",
        "packets?state=lost",
        "packets?search=%00",
        "awards?draw=9223372036854775808",
        "vouchers?state=lost",
        "vouchers?search=%00",
        "vouchers?limit=101",
        "referrals?offset=-1",
        "log?from=-1",
        "export?kind=all",
        "export",
    ] {
        let found = refusal(owner.request(Method::GET, &desk.path(&format!("/{query}")))).await;
        assert_eq!(found.0, 422, "{query}: {found:?}");
    }
    desk.evening.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn texts_that_do_not_fit_are_refused_by_name() {
    for backend in both() {
        refused_texts(backend).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_of_the_wrong_kind_are_refused() {
    let desk = Desk::open(Backend::Light).await;
    let path = desk.path("/people");
    let request = |kind: Option<&str>, body: Vec<u8>| {
        let request = desk.host.request(Method::POST, &path).body(body);
        match kind {
            Some(kind) => request.header("content-type", kind),
            None => request,
        }
    };
    let person = br#"{"name":"a","phone":"13800138001"}"#;
    for kind in [
        None,
        Some("text/plain"),
        Some("application/x-www-form-urlencoded"),
        Some("application/jsonp"),
        Some(""),
    ] {
        let found = refusal(request(kind, person.to_vec())).await;
        assert_eq!((found.0, found.1.as_str()), (415, "content_type"), "{kind:?}");
    }
    let json = Some("application/json; charset=utf-8");
    let deep = [b"[".repeat(200_000), b"]".repeat(200_000)].concat();
    let bodies: [(&[u8], u16, &str); 8] = [
        (b"", 400, "json"),
        (b"{", 400, "json"),
        (b"{\"name\":\"\xff\"}", 400, "json"),
        (b"{} {}", 422, "invalid"),
        (b"null", 422, "invalid"),
        (b"[]", 422, "invalid"),
        (b"{\"name\":\"a\",\"name\":\"b\"}", 422, "invalid"),
        (&deep, 422, "invalid"),
    ];
    for (body, status, code) in bodies {
        let found = refusal(request(json, body.to_vec())).await;
        let shown = String::from_utf8_lossy(&body[..body.len().min(40)]).into_owned();
        assert_eq!((found.0, found.1.as_str()), (status, code), "{shown}");
    }
    let large = format!(r#"{{"name":"{}"}}"#, "x".repeat(2 << 20));
    // Its connection is not used again: the server ends it without having read all of that.
    assert_eq!(refusal(request(json, large.into_bytes()).header("connection", "close")).await.0, 413);
    let (status, _) = answer(request(json, person.to_vec())).await;
    super::is_ok(status, "a good one");
    for (method, path) in
        [(Method::PUT, "/api/meetings"), (Method::DELETE, "/api/login"), (Method::GET, "/api/nothing")]
    {
        let found = refusal(desk.host.request(method.clone(), path)).await;
        assert!(matches!(found.0, 404 | 405), "{method} {path}: {found:?}");
    }
    desk.evening.stop().await;
}

fn zip_bomb() -> Vec<u8> {
    let mut out = zip::ZipWriter::new(Cursor::new(Vec::new()));
    out.start_file("xl/worksheets/sheet1.xml", zip::write::SimpleFileOptions::default()).unwrap();
    let block = vec![b' '; 1 << 20];
    for _ in 0..160 {
        out.write_all(&block).unwrap();
    }
    out.finish().unwrap().into_inner()
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_known_by_content_and_text_stays_text() {
    let desk = Desk::open(Backend::Light).await;
    let upload = |name: &'static str, bytes: Vec<u8>| {
        let part = reqwest::multipart::Part::bytes(bytes).file_name(name);
        let form = reqwest::multipart::Form::new().part("file", part);
        desk.host.request(Method::POST, &desk.path("/imports")).multipart(form)
    };
    let html = "<html><body><script>alert(1)</script></body></html>";
    for (name, bytes, wanted) in [
        ("名单.xlsx", html.as_bytes().to_vec(), (415, "file_type")),
        ("名单.xlsx", zip_bomb(), (413, "file_too_large")),
        ("名单.xlsx", b"PK\x03\x04garbage".to_vec(), (415, "file_type")),
        ("名单.csv", Vec::new(), (422, "header_missing")),
    ] {
        let found = refusal(upload(name, bytes)).await;
        assert_eq!((found.0, found.1.as_str()), wanted, "{name}");
    }
    let names = ["=HYPERLINK(\"http://evil\")", "+1", "-1", "@SUM(A1)", "<img src=x onerror=alert(1)>"];
    let rows = names.iter().enumerate();
    let rows = rows.map(|(at, name)| format!("1390013900{at},\"{}\"", name.replace('"', "\"\"")));
    let file = format!("手机号,姓名\n{}\n", rows.collect::<Vec<_>>().join("\n"));
    let (status, report) = answer(upload("../../etc/名单.csv", file.into_bytes())).await;
    assert_eq!((status.as_u16(), &report["errors"]), (201, &json!(0)), "{report}");
    assert!(!report["file"].as_str().unwrap_or("").contains(".."), "{report}");
    let accept = desk.path(&format!("/imports/{}/accept", report["id"].as_str().unwrap()));
    desk.host.post(&accept, json!({})).await;

    let people = desk.host.get(&desk.path("/people")).await;
    let stored: Vec<_> =
        people["people"].as_array().unwrap().iter().filter_map(|one| one["name"].as_str()).collect();
    for name in names {
        assert!(stored.contains(&name), "{name} is kept as it is: {stored:?}");
    }
    let answer = desk.host.request(Method::GET, &desk.path("/people")).send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "application/json");
    assert_eq!(answer.headers()["x-content-type-options"], "nosniff");

    let book = desk.host.bytes(&desk.path("/export?kind=roster")).await;
    let mut book: Xlsx<_> = Xlsx::new(Cursor::new(book)).unwrap();
    let sheet = book.sheet_names()[0].clone();
    assert_eq!(book.worksheet_formula(&sheet).unwrap().used_cells().count(), 0, "no formula at all");
    let cells = book.worksheet_range(&sheet).unwrap();
    let written: Vec<_> = cells.rows().skip(1).map(|row| row[0].clone()).collect();
    for name in names {
        let risky = name.starts_with(['=', '+', '-', '@']);
        let wanted = Data::String(if risky { format!("'{name}") } else { name.to_owned() });
        assert!(written.contains(&wanted), "{name}: {written:?}");
    }
    desk.evening.stop().await;
}
