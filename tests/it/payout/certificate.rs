//! The merchant's certificate ends: the sender stops a day before, says so, and sends on when finance has read it.

use std::fs;

use kaijiang::{clock::Clock, payout::worker::Worker};
use serde_json::json;

use super::{NOON, Rig};
use crate::harness::{Backend, TestApp};

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

#[tokio::test(flavor = "multi_thread")]
async fn the_sender_stops_a_day_before_the_certificate_ends_and_again_at_its_end() {
    let dir = tempfile::tempdir().unwrap();
    let (cert, key) = (dir.path().join("cert.pem"), dir.path().join("key.pem"));
    let mut wanted = rcgen::CertificateParams::new(vec!["merchant".to_owned()]).unwrap();
    wanted.not_after = time::OffsetDateTime::from_unix_timestamp((NOON + 3 * DAY) / 1_000).unwrap();
    let pair = rcgen::KeyPair::generate().unwrap();
    fs::write(&cert, wanted.self_signed(&pair).unwrap().pem()).unwrap();
    fs::write(&key, pair.serialize_pem()).unwrap();
    let pay = json!({ "pay": { "cert_pem": cert, "key_pem": key } });
    let rig = Rig::in_hall(TestApp::start_at(Backend::Light, pay, Clock::fixed(NOON)).await, 0).await;
    let finance = rig.finance();
    let sender = Worker::open(&rig.evening.app).await.unwrap();
    let after = async |ms: i64| {
        rig.evening.app.clock().advance(ms);
        sender.pass().await.unwrap();
        finance.get("/api/sender").await
    };

    assert_eq!(after(2 * DAY - HOUR).await["paused"], false, "more than a day before");
    let told = after(HOUR).await;
    assert_eq!((&told["paused"], &told["reason"]), (&json!(true), &json!("certificate")));
    assert!(told["detail"].as_str().unwrap().contains("pay.cert_pem"), "{told}");

    finance.post("/api/sender/resume", json!({})).await;
    assert_eq!(after(24 * HOUR - 1).await["paused"], false, "resumed by somebody who had read it");
    let told = after(1).await;
    assert_eq!((&told["paused"], &told["reason"]), (&json!(true), &json!("certificate")));
    rig.evening.stop().await;
}
