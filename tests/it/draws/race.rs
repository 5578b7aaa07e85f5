//! Many at once.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use kaijiang::{
    draw::verify::Report,
    round,
    wire::{Award, CommitKind, EntropyRequest, Exclude, Source},
};

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

/// Races of the short form; `KAIJIANG_RACES=1000` for the long one.
const RACES: usize = 15;
/// Races of one meeting, which has only so many prizes.
const MEETING: usize = 250;

/// Two hosts at two servers do the same three steps at once, with different dice in their hands.
#[tokio::test(flavor = "multi_thread")]
async fn of_two_hosts_one_decides_each_step() {
    let races = std::env::var("KAIJIANG_RACES").map_or(RACES, |text| text.parse().unwrap());
    for (backend, first) in
        both().into_iter().flat_map(|on| (0..races).step_by(MEETING).map(move |at| (on, at)))
    {
        let stage = Stage::set(backend, 6).await;
        let other = stage.another().await;
        for race in first..races.min(first + MEETING) {
            let mut new = stage.plan(1, Award::None, &[Source::Dice { sides: 10, count: 12 }]).await;
            new.exclude = Exclude::None;
            let round = stage.save(new).await;
            let at = (stage.meeting.as_str(), round.id.as_str());
            let (one, two) = tokio::join!(
                round::commit(&stage.app, HOST, at, CommitKind::Main),
                round::commit(&other, HOST, at, CommitKind::Main)
            );
            let (mut made, mut refused) = (Vec::new(), Vec::new());
            for answer in [one, two] {
                match answer {
                    Ok(answer) => made.push(answer.draw),
                    Err(error) => refused.push(error.code()),
                }
            }
            assert_eq!((made.len(), refused.as_slice()), (1, ["already_drawn"].as_slice()), "race {race}");
            let at = (stage.meeting.as_str(), made[0]);
            let rolls = |last| EntropyRequest { i: 0, value: Some(dice(last)) };
            let (one, two) = tokio::join!(
                round::close_source(&stage.app, HOST, at, rolls(1)),
                round::close_source(&other, HOST, at, rolls(2))
            );
            assert_eq!(u8::from(one.is_ok()) + u8::from(two.is_ok()), 1, "race {race}");
            let (one, two) = tokio::join!(
                round::reveal(&stage.app, HOST, at.0, at.1),
                round::reveal(&other, HOST, at.0, at.1)
            );
            assert_eq!(one.unwrap().winners, two.unwrap().winners, "race {race}");
        }
        assert!(matches!(stage.verified().await, Report::Proved(_)), "{:?}", stage.verified().await);
    }
}
