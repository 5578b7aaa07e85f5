//! Several senders on one queue.

use kaijiang::payout::Worker;
use serde_json::json;

use super::Rig;
use crate::harness::Backend;

#[tokio::test(flavor = "multi_thread")]
async fn servers_that_race_pay_each_award_once() {
    const WINNERS: usize = 8;
    let rig = Rig::new(Backend::Heavy, WINNERS).await;
    rig.budget(10_000).await;
    rig.finance().post("/api/sender/pause", json!({})).await;
    let first = rig.win(WINNERS, 100).await;
    let second = rig.win(WINNERS, 100).await;
    let (one, two) = (rig.evening.another().await, rig.evening.another().await);
    let (one, two) = (Worker::open(&one).await.unwrap(), Worker::open(&two).await.unwrap());
    rig.pass(1_000);
    rig.finance().post("/api/sender/resume", json!({})).await;
    let (a, b) = tokio::join!(one.pass(), two.pass());
    a.unwrap();
    b.unwrap();
    for draw in [first, second] {
        for packet in rig.until(draw, "received").await {
            assert_eq!(packet["sends"], 1, "{packet}");
            assert_eq!(rig.paid(&packet["bill_no"]).await, 1);
        }
    }
    assert_eq!(rig.paid_fen().await, i64::try_from(WINNERS).unwrap() * 200);
    rig.books(0, i64::try_from(WINNERS).unwrap() * 200).await;
    rig.evening.stop().await;
}
