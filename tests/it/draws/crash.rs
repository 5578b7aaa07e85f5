//! A server that dies between any two lines: the next one goes on from SQL alone and comes to the same winners.

use kaijiang::{app::App, clock::Clock, draw::verify::Report, drawlog, round};
use serde_json::json;

use super::{
    dice,
    stage::{HOST, Stage, open_config},
};
use crate::harness::{Backend, both};

#[tokio::test(flavor = "multi_thread")]
async fn a_new_server_takes_over_between_any_two_lines() {
    for backend in both() {
        let mut stage = Stage::set(backend, 15).await;
        for n in 1..=2 {
            let round = stage.usual(2).await;
            stage.restart().await;
            stage.commit(&round).await;
            stage.restart().await;
            assert_eq!(stage.tap(n, 3, 7).await, Ok(1));
            stage.restart().await;
            stage.close(n, 0, None).await.unwrap();
            stage.restart().await;
            stage.close(n, 1, dice(n)).await.unwrap();
            stage.restart().await;
            let result = stage.reveal(n).await.unwrap();
            stage.restart().await;
            assert_eq!(stage.reveal(n).await.unwrap(), result);
        }
        assert!(matches!(stage.verified().await, Report::Proved(_)), "{:?}", stage.verified().await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_servers_that_never_met_work_out_the_same_winners() {
    let stage = Stage::set(Backend::Light, 40).await;
    let round = stage.usual(5).await;
    stage.commit(&round).await;
    stage.tap(1, 3, 7).await.unwrap();
    stage.close(1, 0, None).await.unwrap();
    stage.close(1, 1, dice(2)).await.unwrap();
    // A backup of this very moment, restored elsewhere.
    let copy = tempfile::tempdir().unwrap();
    let mut tx = stage.app.db().begin().await.unwrap();
    for file in ["kaijiang.db", "kaijiang.db-wal", "master.key"] {
        std::fs::copy(stage.dir.path().join(file), copy.path().join(file)).unwrap();
    }
    sqlx::query("select 1").execute(tx.conn()).await.unwrap();
    drop(tx);
    let values = json!({ "data": { "dir": copy.path() } });
    let restored = App::open(open_config(&values), Clock::fixed(stage.app.now() + 1_000)).await.unwrap();
    let here = stage.reveal(1).await.unwrap();
    let there = round::reveal(&restored, HOST, &stage.meeting, 1).await.unwrap();
    assert_eq!((here.seed, here.winners), (there.seed, there.winners));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_is_rolled_back_leaves_no_trace() {
    for backend in both() {
        let stage = Stage::set(backend, 10).await;
        let round = stage.usual(2).await;
        for step in 0..4 {
            let mut tx = stage.app.db().begin().await.unwrap();
            let body = kaijiang::draw::Body::Close;
            let lost = drawlog::append(&stage.app, &mut tx, &stage.meeting, body).await;
            // While a draw is open the protocol forbids the line; at other times it is merely rolled back.
            assert_eq!(lost.is_ok(), step == 0 || step == 3, "{step}");
            drop(tx);
            match step {
                0 => drop(stage.commit(&round).await),
                1 => drop(stage.close(1, 0, None).await.unwrap()),
                2 => {
                    stage.close(1, 1, dice(5)).await.unwrap();
                    stage.reveal(1).await.unwrap();
                }
                _ => {}
            }
        }
        assert!(matches!(stage.verified().await, Report::Proved(_)), "{:?}", stage.verified().await);
        let (checkpoint, _) = drawlog::checkpoint(&stage.app, &stage.meeting).await.unwrap();
        assert_eq!(checkpoint.size, 5);
    }
}
