//! A disk that is full in the middle of paying: no request is answered with a fault of ours, nothing leaves that could
//! not be written down first, and with room again each award is paid once.

use kaijiang::keys;
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::{
    crash::Hall,
    harness::{Api, Backend},
};

const SEATS: usize = 2;
const FEN: i64 = 188;
/// Room for so many more bytes in the largest file: none for a confirmation, some for a few steps of a payment.
const ROOM: [u64; 5] = [8 << 10, 64 << 10, 160 << 10, 320 << 10, 640 << 10];

/// Blocks of the largest file of the database.
fn blocks(hall: &Hall) -> u64 {
    let files = std::fs::read_dir(hall.rig.evening.dir.path()).unwrap();
    let sizes = files.map(|file| file.unwrap().metadata().unwrap().len());
    sizes.max().unwrap() / 512
}

async fn confirm(hall: &Hall, draw: i64) -> StatusCode {
    let path = hall.rig.path(&format!("/draws/{draw}/seats"));
    let present = hall.rig.host().request(Method::POST, &path).header("idempotency-key", keys::row_id());
    present.json(&json!({ "status": "present" })).send().await.unwrap().status()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_loses_and_doubles_nothing() {
    let mut hall = Hall::open(Backend::Light, 5).await;
    let (mut refused, mut stuck) = (0, 0);
    for (round, room) in ROOM.into_iter().enumerate() {
        let draw = hall.rig.draw(SEATS, FEN).await;
        hall.server.kill();
        hall.server.blocks = Some(blocks(&hall) + room / 512);
        hall.start(None).await;
        let status = confirm(&hall, draw).await;
        assert!(
            status.is_success() || status == StatusCode::SERVICE_UNAVAILABLE,
            "{room}: {status} {}",
            hall.server.log()
        );
        refused += usize::from(!status.is_success());
        if status.is_success() {
            let quiet = async || {
                let log = hall.server.log();
                let packets = hall.rig.packets(draw).await;
                let full =
                    log.contains("a packet could not be worked on") || log.contains("could not be claimed");
                (full || packets.iter().all(|packet| packet["state"] == "received")).then_some(packets)
            };
            let packets = hall.rig.evening.eventually("paid, or stuck on the full disk", quiet).await;
            stuck += usize::from(packets.iter().any(|packet| packet["state"] != "received"));
        }
        hall.server.kill();
        hall.server.blocks = None;
        hall.start_again().await;
        if !status.is_success() {
            assert_eq!(confirm(&hall, draw).await, StatusCode::OK, "with room again");
        }
        for packet in hall.received(draw).await {
            assert_eq!(
                (&packet["attempt"], hall.rig.paid(&packet["bill_no"]).await),
                (&json!(1), 1),
                "{packet}"
            );
        }
        let books = Api::new(&hall.rig.evening.sandbox, String::new()).get("/sandbox/packets").await;
        assert_eq!(books["paid_count"].as_u64(), u64::try_from((round + 1) * SEATS).ok(), "{room}");
    }
    assert!(refused + stuck > 0, "the disk was never full");
    hall.end(0, i64::try_from(ROOM.len() * SEATS).unwrap() * FEN).await;
}
