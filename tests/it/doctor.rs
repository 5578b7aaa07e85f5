//! The check before the evening finds what would fail, and says what to do.

use kaijiang::{
    doctor::examine,
    wire::{Check, CheckState},
};
use serde_json::json;

use crate::harness::{Api, Backend, TestApp, both};

async fn found(evening: &TestApp, name: &str) -> Check {
    let all = examine(&evening.app).await;
    all.checks.into_iter().find(|check| check.name == name).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_ready_has_only_what_is_the_sandbox_s() {
    for backend in both() {
        let evening = TestApp::start(backend, json!({})).await;
        let all = evening.staff("host").get("/api/checks").await;
        let bad: Vec<_> = all["checks"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|check| check["state"] != "good" && check["state"] != "off")
            .map(|check| check["name"].as_str().unwrap())
            .collect();
        // Plain http and the sandbox are no real evening; the tests' Redis forgets on purpose, and their
        // machine may allow few open files.
        for name in &bad {
            assert!(["configuration", "payer", "store", "open_files"].contains(name), "{all}");
        }
        assert_eq!(all["checks"][0]["name"], "configuration", "the worst comes first: {all}");
        assert_eq!(all["checks"].as_array().unwrap().len(), 19);
        for check in all["checks"].as_array().unwrap() {
            let todo = check["todo"].as_str().unwrap();
            let wanted = check["state"] == "bad" || check["state"] == "warn";
            assert_eq!(!todo.is_empty(), wanted, "{check}");
        }
        evening.staff("finance").refused_get("/api/checks", 429, "checks").await;
        evening.staff("auditor").refused_get("/api/checks", 403, "role").await;
        evening.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_would_fail_at_the_evening_is_found() {
    let mut evening = TestApp::start(Backend::Light, json!({})).await;
    let sandbox = Api::new(&evening.sandbox, String::new());
    for (kind, code) in [("ca_error", "CA_ERROR"), ("sign_error", "SIGN_ERROR")] {
        sandbox.post("/sandbox/faults", json!({ "kind": kind, "on": "query" })).await;
        let payer = found(&evening, "payer").await;
        assert_eq!(payer.state, CheckState::Bad, "{payer:?}");
        assert!(payer.says.contains(code), "{payer:?}");
    }
    let dead = "http://127.0.0.1:9";
    evening.restart_with(&json!({ "wechat": { "api_base": dead }, "pay": { "api_base": dead } })).await;
    for name in ["wechat_token", "payer"] {
        assert_eq!(found(&evening, name).await.state, CheckState::Bad, "{name}");
    }
    assert_eq!(found(&evening, "clock").await.state, CheckState::Warn);
    evening.restart_with(&json!({ "server": { "public_url": dead }, "sms": { "provider": "log" } })).await;
    for name in ["public_url", "callback"] {
        assert_eq!(found(&evening, name).await.state, CheckState::Warn, "{name}");
    }
    assert_eq!(found(&evening, "sms").await.state, CheckState::Bad);
    evening.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_ledger_and_a_silent_redis_are_found() {
    let evening = TestApp::start(Backend::Light, json!({})).await;
    assert_eq!(found(&evening, "ledger").await.state, CheckState::Good);
    let mark = &evening.app.config().ledger.mark_file;
    std::fs::write(mark, format!("99 {}\n", "0".repeat(64))).unwrap();
    let ledger = found(&evening, "ledger").await;
    assert_eq!(ledger.state, CheckState::Bad, "{ledger:?}");
    std::fs::remove_file(mark).unwrap();
    evening.stop().await;
    let evening = TestApp::start(Backend::Light, json!({ "redis": { "url": "redis://127.0.0.1:9" } })).await;
    let store = found(&evening, "store").await;
    assert_eq!(store.state, CheckState::Bad, "{store:?}");
    evening.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_written_is_found() {
    // Nobody, not even root, makes a file there: as under a unit that may write in one folder only.
    let nowhere = json!({ "ledger": { "mark_file": "/proc/kaijiang/ledger.mark" } });
    let evening = TestApp::start(Backend::Light, nowhere).await;
    let ledger = found(&evening, "ledger").await;
    assert_eq!(ledger.state, CheckState::Bad, "{ledger:?}");
    assert!(ledger.todo.contains("ReadWritePaths"), "{ledger:?}");
    assert_eq!(found(&evening, "files").await.state, CheckState::Good);
    let folder = evening.app.config().data.dir.join("files");
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0, "what was tried is removed");
    std::fs::remove_dir(&folder).unwrap();
    std::fs::write(&folder, "no folder").unwrap();
    let files = found(&evening, "files").await;
    assert_eq!(files.state, CheckState::Bad, "{files:?}");
    evening.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_address_its_files_and_its_certificate_are_looked_at() {
    let mut evening = TestApp::start(Backend::Light, json!({})).await;
    let stranger = Api::new(&evening.base, String::new());
    let mac = "0".repeat(64);
    let path = format!("/api/checks/seen?at={}&mac={mac}", evening.app.now());
    stranger.refused_get(&path, 403, "probe").await;
    assert_eq!(found(&evening, "proxy").await.state, CheckState::Good);
    assert_eq!(found(&evening, "domain_files").await.state, CheckState::Off);
    let domain = evening.app.config().data.dir.join("domain");
    std::fs::create_dir(&domain).unwrap();
    std::fs::write(domain.join("MP_verify_1a2b.txt"), "1a2b").unwrap();
    assert_eq!(found(&evening, "domain_files").await.state, CheckState::Good);
    // A name that is not served: WeChat would not get it.
    std::fs::write(domain.join("MP_verify_3c4d.txt.bak"), "3c4d").unwrap();
    let files = found(&evening, "domain_files").await;
    assert_eq!(files.state, CheckState::Bad, "{files:?}");
    assert!(files.says.contains("3c4d"), "{files:?}");
    // Somebody else's https: there is a certificate, and behind it not this program.
    let https = evening.app.config().pay.api_base.clone();
    evening.restart_with(&json!({ "server": { "public_url": https } })).await;
    let certificate = found(&evening, "certificate").await;
    assert_eq!(certificate.state, CheckState::Good, "{certificate:?}");
    assert_ne!(found(&evening, "proxy").await.state, CheckState::Good);
    evening.stop().await;
}
