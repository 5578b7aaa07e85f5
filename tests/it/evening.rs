//! A whole evening over HTTP and sockets, on both backends.

use std::{path::Path, process::Command};

use serde_json::{Value, json};

use crate::harness::{Api, Backend, By, Phone, TestApp, Viewer, both};

const GUESTS: usize = 12;

/// A meeting with an imported roster; nothing is stored before the report is accepted.
async fn prepare(evening: &TestApp, host: &Api) -> String {
    let made =
        host.post("/api/meetings", json!({ "name": "年会", "settings": { "commit_show_ms": 0 } })).await;
    let meeting = made["id"].as_str().unwrap().to_owned();
    let file = evening.dir.path().join("roster.xlsx");
    kaijiang::people::xlsx_out::write_roster(&file, 300).unwrap();
    let report = host.import(&meeting, "名单.xlsx", std::fs::read(&file).unwrap()).await;
    assert_eq!((&report["new"], &report["errors"]), (&json!(300), &json!(0)), "{report}");
    assert_eq!(host.get(&format!("/api/meetings/{meeting}/people")).await["total"], 0);
    let accept = format!("/api/meetings/{meeting}/imports/{}/accept", report["id"].as_str().unwrap());
    assert_eq!(host.post(&accept, json!({})).await["status"], "accepted");
    assert_eq!(host.get(&format!("/api/meetings/{meeting}/people")).await["total"], 300);
    meeting
}

async fn guests(evening: &TestApp, meeting: &str) -> Vec<Phone> {
    let people = kaijiang::people::xlsx_out::demo_people(GUESTS);
    let mut phones = Vec::new();
    for (number, person) in people.iter().enumerate() {
        phones.push(
            Phone::enter(evening, meeting, &format!("oEveningGuestNumber{number:04}"), &person.phone).await,
        );
    }
    phones
}

async fn round(host: &Api, meeting: &str) -> String {
    let prize = host
        .post(&format!("/api/meetings/{meeting}/prizes"), json!({ "name": "三等奖", "kind": "cash" }))
        .await;
    let round = json!({ "prize_id": prize["id"], "seats": 3, "award": { "mode": "fixed", "fen": 188 } });
    let round = host.post(&format!("/api/meetings/{meeting}/rounds"), round).await;
    round["id"].as_str().unwrap().to_owned()
}

async fn approve_budget(finance: &Api, meeting: &str) {
    let budgets = format!("/api/meetings/{meeting}/budgets");
    let budget = finance.post(&budgets, json!({ "name": "奖金", "cap_fen": 1_000 })).await;
    let approve = format!("{budgets}/{}/approve", budget["id"].as_str().unwrap());
    assert_eq!(finance.post(&approve, json!({ "version": budget["version"] })).await["status"], "approved");
}

/// Commit is made; everybody taps, dice are called out, the result is asked for.
async fn finish(host: &Api, meeting: &str, draw: i64, phones: &[Phone]) -> Value {
    let draws = format!("/api/meetings/{meeting}/draws/{draw}");
    host.refused(&format!("{draws}/result"), json!({}), 409, "sources_open").await;
    for phone in phones {
        let r = hex::encode(kaijiang::keys::random::<32>());
        let (status, answer) = phone.try_post("/me/tap", json!({ "draw": draw, "r": r })).await;
        assert!(status.is_success(), "{answer}");
    }
    host.post(&format!("{draws}/entropy"), json!({ "i": 0 })).await;
    let rolls = json!({ "i": 1, "value": { "rolls": [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8] } });
    host.post(&format!("{draws}/entropy"), rolls).await;
    host.post(&format!("{draws}/result"), json!({})).await
}

/// Confirms two winners, sets one aside, draws again for that seat, confirms it.
async fn confirm(host: &Api, meeting: &str, draw: i64, phones: &[Phone]) -> i64 {
    let seats = format!("/api/meetings/{meeting}/draws/{draw}/seats");
    host.post(&format!("{seats}/1"), json!({ "status": "present" })).await;
    host.post(&format!("{seats}/2"), json!({ "status": "present" })).await;
    host.post(&format!("{seats}/3"), json!({ "status": "absent" })).await;
    let again = host.post(&format!("/api/meetings/{meeting}/draws/{draw}/redraw"), json!({})).await;
    let redraw = again["draw"].as_i64().unwrap();
    let result = finish(host, meeting, redraw, phones).await;
    assert_eq!(result["winners"][0]["rank"], 3);
    host.post(&format!("/api/meetings/{meeting}/draws/{redraw}/seats"), json!({ "status": "present" })).await;
    redraw
}

/// Every award of the seats that count is received once, by the payer's own books.
async fn paid_once(evening: &TestApp, finance: &Api, meeting: &str) {
    let packets = format!("/api/meetings/{meeting}/packets");
    let page = evening
        .eventually("three packets received", async || {
            let page = finance.get(&packets).await;
            let done =
                page["packets"].as_array()?.iter().filter(|packet| packet["state"] == "received").count();
            (done == 3).then_some(page)
        })
        .await;
    assert_eq!(page["total"], 3, "{page}");
    let books = Api::new(&evening.sandbox, String::new()).get("/sandbox/packets").await;
    let books = books.as_array().or_else(|| books["packets"].as_array()).unwrap().clone();
    assert_eq!(books.len(), 3, "{books:?}");
    let mut numbers: Vec<_> =
        page["packets"].as_array().unwrap().iter().map(|packet| &packet["bill_no"]).collect();
    let mut theirs: Vec<_> =
        books.iter().map(|packet| packet.get("bill_no").unwrap_or(&packet["mch_billno"])).collect();
    numbers.sort_by_key(ToString::to_string);
    theirs.sort_by_key(ToString::to_string);
    assert_eq!(numbers, theirs);
    let budget = &finance.get(&format!("/api/meetings/{meeting}/budgets")).await[0];
    assert_eq!((&budget["spent_fen"], &budget["reserved_fen"]), (&json!(564), &json!(0)), "{budget}");
}

/// `kaijiang verify` on a file: exit code and output.
pub(crate) fn verify(file: &Path) -> (Option<i32>, String) {
    let done = Command::new(env!("CARGO_BIN_EXE_kaijiang")).arg("verify").arg(file).output().unwrap();
    (
        done.status.code(),
        String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr),
    )
}

async fn proved(evening: &TestApp, host: &Api, meeting: &str) {
    let bundle = host.bytes(&format!("/api/meetings/{meeting}/proof")).await;
    let file = evening.dir.path().join("proof.json");
    std::fs::write(&file, &bundle).unwrap();
    let (code, said) = verify(&file);
    assert_eq!(code, Some(0), "{said}");
    let text = String::from_utf8(bundle).unwrap();
    let seed = text.find("\\\"seed\\\":\\\"").unwrap() + 12;
    let mut changed = text.into_bytes();
    changed[seed] = if changed[seed] == b'0' { b'1' } else { b'0' };
    std::fs::write(&file, &changed).unwrap();
    let (code, said) = verify(&file);
    assert_eq!(code, Some(1), "{said}");
    std::fs::write(&file, b"not a proof").unwrap();
    assert_eq!(verify(&file).0, Some(2));
}

async fn viewers(evening: &TestApp, host: &Api, meeting: &str, phones: &[Phone]) -> Vec<Viewer> {
    let pairing = host.post(&format!("/api/meetings/{meeting}/pairing"), json!({})).await;
    let ticket =
        host.post(&format!("/api/meetings/{meeting}/screens"), json!({ "code": pairing["code"] })).await;
    let ticket = ticket["ticket"].as_str().unwrap().to_owned();
    vec![
        Viewer::open(evening, meeting, "screen", By::Bearer(&ticket)).await,
        Viewer::open(evening, meeting, "screen", By::Bearer(&ticket)).await,
        Viewer::open(evening, meeting, "control", By::Bearer("token-of-host-for-tests")).await,
        Viewer::open(evening, meeting, "attendee", By::Cookie(&phones[0].cookie)).await,
        Viewer::open(evening, meeting, "attendee", By::Cookie(&phones[1].cookie)).await,
    ]
}

async fn evening(backend: Backend) {
    let mut evening = TestApp::start(backend, json!({})).await;
    let (host, finance) = (evening.staff("host"), evening.staff("finance"));
    let meeting = prepare(&evening, &host).await;
    let phones = guests(&evening, &meeting).await;
    let round = round(&host, &meeting).await;
    let commit = format!("/api/meetings/{meeting}/rounds/{round}/commit");
    host.refused(&commit, json!({}), 422, "budget").await;
    approve_budget(&finance, &meeting).await;
    let mut viewers = viewers(&evening, &host, &meeting, &phones).await;

    let draw = host.post(&commit, json!({})).await["draw"].as_i64().unwrap();
    host.refused(&commit, json!({}), 409, "already_drawn").await;
    let result = finish(&host, &meeting, draw, &phones).await;
    assert_eq!(result["winners"].as_array().unwrap().len(), 3);
    for viewer in &mut viewers {
        assert_eq!(viewer.winners(draw).await, result["winners"]);
    }
    let redraw = confirm(&host, &meeting, draw, &phones).await;
    for viewer in &mut viewers {
        viewer.winners(redraw).await;
        let sequence = viewer.sequence();
        assert!(sequence.windows(2).all(|pair| pair[1] == pair[0] + 1), "{sequence:?}");
    }
    paid_once(&evening, &finance, &meeting).await;

    let winner = phones[usize::try_from(result["winners"][0]["no"].as_i64().unwrap() - 1).unwrap()].clone();
    let me = winner.get("/me").await;
    assert_eq!(me["wins"][0]["packet"], "received", "{me}");
    proved(&evening, &host, &meeting).await;
    let before = host.get(&format!("/api/meetings/{meeting}/draws")).await;
    evening.restart().await;
    assert_eq!(host.get(&format!("/api/meetings/{meeting}/draws")).await, before);
    evening.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_evening_on_each_backend() {
    for backend in both() {
        evening(backend).await;
    }
}
