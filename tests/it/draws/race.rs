//! Many at once.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use kaijiang::{draw::verify::Report, round, wire::CommitKind};

use super::{
    dice,
    stage::{HOST, Stage},
};
use crate::harness::both;

#[tokio::test(flavor = "multi_thread")]
async fn of_twenty_commits_on_two_servers_one_is_made() {
    for backend in both() {
        let stage = Stage::set(backend, 10).await;
        let round = stage.usual(2).await;
        let other = stage.another().await;
        let tries = (0..20).map(|number| {
            let app = if number % 2 == 0 { &stage.app } else { &other };
            round::commit(app, HOST, (&stage.meeting, &round.id), CommitKind::Main)
        });
        let mut answers: BTreeMap<&str, usize> = BTreeMap::new();
        for answer in join_all(tries).await {
            *answers.entry(answer.map_or_else(|error| error.code(), |_| "made")).or_default() += 1;
        }
        assert_eq!(answers, BTreeMap::from([("made", 1), ("already_drawn", 19)]), "{backend:?}");
        assert_eq!(stage.number("select reserved_fen from budget where meeting_id = $1").await, 376);
        other.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn taps_of_a_whole_hall_are_all_counted_or_told_that_they_came_late() {
    for backend in both() {
        let stage = Stage::set(backend, 60).await;
        let round = stage.usual(2).await;
        stage.commit(&round).await;
        let early = join_all((0..30).map(|number| stage.tap(1, number, 1))).await;
        assert!(early.iter().all(Result::is_ok), "{early:?}");
        let late = join_all((30..60).map(|number| stage.tap(1, number, 1)));
        let (late, closed) = tokio::join!(late, stage.close(1, 0, None));
        let counted = 30 + late.iter().filter(|tap| tap.is_ok()).count();
        assert!(late.iter().all(|tap| matches!(tap, Ok(_) | Err("tap_closed"))), "{late:?}");
        assert_eq!(closed.unwrap().taps, i64::try_from(counted).unwrap());
        stage.close(1, 1, dice(1)).await.unwrap();
        stage.reveal(1).await.unwrap();
        let Report::Proved(proved) = stage.verified().await else { panic!("{:?}", stage.verified().await) };
        assert_eq!(proved.checked[&1], "full+taps");
    }
}
