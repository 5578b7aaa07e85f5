//! Draws from commit to proof on both databases: nobody can do two things at once, skip a step or lose one.

mod audit;
mod crash;
mod drand;
mod pool;
mod race;
mod rules;
mod stage;

use kaijiang::{
    draw::verify::Report,
    round,
    wire::{
        Award, CommitKind, DrawKind, DrawState, EntropyInput, Fen, RedrawRequest, RoundStatus, SeatStatus,
        Source,
    },
};

use crate::harness::{Backend, both};
use stage::{HOST, Stage, dice, report};

async fn mark(stage: &Stage, n: i64, rank: i64, status: SeatStatus) -> Result<SeatStatus, &'static str> {
    let marked = round::mark(&stage.app, HOST, (&stage.meeting, n, rank), status).await;
    marked.map(|seat| seat.status).map_err(|error| error.code())
}

async fn void(stage: &Stage, n: i64) -> Result<DrawState, &'static str> {
    let void = round::void(&stage.app, HOST, (&stage.meeting, n), "现场有异议").await;
    void.map(|draw| draw.state).map_err(|error| error.code())
}

async fn redraw(stage: &Stage, n: i64, ranks: &[i64]) -> Result<i64, &'static str> {
    let request = RedrawRequest { ranks: ranks.to_vec() };
    let made = round::redraw(&stage.app, HOST, (&stage.meeting, n), request).await;
    made.map(|made| made.draw).map_err(|error| error.code())
}

/// Audience without taps, then dice, then the result.
async fn through(stage: &Stage, n: i64) -> kaijiang::wire::DrawView {
    stage.close(n, 0, None).await.unwrap();
    stage.close(n, 1, dice(8)).await.unwrap();
    stage.reveal(n).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_step_in_its_turn_and_none_twice() {
    for backend in both() {
        let stage = Stage::set(backend, 20).await;
        let (first, second) = (stage.usual(3).await, stage.usual(2).await);
        let made = stage.commit(&first).await;
        assert_eq!((made.draw, made.view.state, made.log.size), (1, DrawState::Committed, 2));
        let again = stage.try_commit(&first, CommitKind::Main).await.unwrap_err();
        assert_eq!(again, "already_drawn");
        let other = stage.try_commit(&second, CommitKind::Main).await.unwrap_err();
        assert_eq!(other, "draw_open");

        assert_eq!(stage.tap(1, 4, 1).await, Ok(1));
        assert_eq!(stage.tap(1, 4, 1).await, Ok(1), "the same tap again");
        assert_eq!(stage.tap(1, 4, 2).await, Err("already_tapped"));
        assert_eq!(stage.tap(1, 99, 2).await, Err("not_in_pool"));
        stage.bind(20).await;
        assert_eq!(stage.tap(1, 20, 2).await, Err("not_in_pool"), "came after the commit");
        assert_eq!(stage.reveal(1).await.unwrap_err(), "sources_open");
        assert_eq!(stage.close(1, 1, dice(1)).await.unwrap_err(), "entropy_order");
        assert_eq!(stage.close(1, 0, dice(1)).await.unwrap_err(), "entropy_value", "the server counts taps");
        let mine = async |number: i64| {
            round::my_proof(&stage.app, &stage.meeting, &Stage::openid(number), 1).await.unwrap().tap
        };
        assert!(mine(4).await.is_none(), "not closed yet");
        assert_eq!(stage.close(1, 0, None).await.unwrap().values.len(), 1);
        let tap = mine(4).await.unwrap();
        assert_eq!(
            (tap.place, tap.r, tap.path.len()),
            (0, hex::encode([1; 32]), 0),
            "the only one is the root"
        );
        assert!(mine(5).await.is_none(), "did not tap");
        assert_eq!(stage.tap(1, 5, 1).await, Err("tap_closed"));
        assert_eq!(stage.close(1, 0, None).await.unwrap_err(), "entropy_order", "taken once");
        let short = Some(EntropyInput::Dice { rolls: vec![1, 2] });
        assert_eq!(stage.close(1, 1, short).await.unwrap_err(), "entropy_value");
        assert_eq!(stage.close(1, 1, dice(10)).await.unwrap_err(), "entropy_value");
        assert_eq!(stage.close(1, 1, dice(8)).await.unwrap().state, DrawState::Closed);
        assert_eq!(void(&stage, 1).await, Err("result_due"), "a result that is not liked");

        let result = stage.reveal(1).await.unwrap();
        assert_eq!(
            (result.state, result.level.as_str(), result.winners.len()),
            (DrawState::Revealed, "A2", 3)
        );
        assert_eq!(stage.reveal(1).await.unwrap(), result, "a repeat gives the first answer");
        assert_eq!(stage.tap(1, 5, 1).await, Err("no_open_draw"));
        assert_eq!(stage.number("select reserved_fen from budget where meeting_id = $1").await, 3 * 188);
        let proved = matches!(stage.verified().await, Report::Proved(_));
        assert!(proved, "{:?}", stage.verified().await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_absent_winner_is_replaced_by_a_new_draw() {
    for backend in both() {
        let stage = Stage::set(backend, 12).await;
        let first = stage.usual(3).await;
        stage.commit(&first).await;
        let result = through(&stage, 1).await;
        assert_eq!(redraw(&stage, 1, &[]).await, Err("nothing_to_redraw"));
        assert_eq!(mark(&stage, 1, 1, SeatStatus::Present).await, Ok(SeatStatus::Present));
        assert_eq!(mark(&stage, 1, 2, SeatStatus::Absent).await, Ok(SeatStatus::Absent));
        assert_eq!(
            mark(&stage, 1, 2, SeatStatus::Present).await,
            Ok(SeatStatus::Present),
            "came back in time"
        );
        assert_eq!(mark(&stage, 1, 2, SeatStatus::Absent).await, Ok(SeatStatus::Absent));
        assert_eq!(redraw(&stage, 1, &[3]).await, Err("nothing_to_redraw"), "nobody set rank 3 aside");
        assert_eq!(redraw(&stage, 1, &[2]).await, Ok(2));
        assert_eq!(mark(&stage, 1, 2, SeatStatus::Present).await, Err("draw_open"), "being replaced");
        assert_eq!(mark(&stage, 1, 3, SeatStatus::Declined).await, Ok(SeatStatus::Declined), "another rank");

        let second = through(&stage, 2).await;
        let winner = &second.winners[0];
        assert_eq!((winner.rank, winner.amount_fen, second.winners.len()), (2, Fen(188), 1));
        assert!(result.winners.iter().all(|seat| seat.pid != winner.pid), "the family is shut out");
        assert_eq!(mark(&stage, 1, 2, SeatStatus::Present).await, Err("seat_replaced"));
        let cancelled =
            "select cast(count(*) as bigint) from award where meeting_id = $1 and state = 'cancelled'";
        assert_eq!(stage.number(cancelled).await, 1);
        // A redraw of the redraw's own seat, and one that ends void: its seats go back to those before.
        assert_eq!(mark(&stage, 2, 2, SeatStatus::Absent).await, Ok(SeatStatus::Absent));
        assert_eq!(redraw(&stage, 2, &[]).await, Ok(3));
        assert_eq!(through(&stage, 3).await.winners.len(), 2, "ranks 2 and 3");
        assert_eq!(void(&stage, 3).await, Ok(DrawState::Void));
        assert_eq!(
            mark(&stage, 2, 2, SeatStatus::Present).await,
            Err("seat_replaced"),
            "its award was ended"
        );
        assert_eq!(redraw(&stage, 1, &[2]).await, Ok(4));
        through(&stage, 4).await;
        assert_eq!(mark(&stage, 4, 2, SeatStatus::Present).await, Ok(SeatStatus::Present));
        let seats = round::views_of(&stage.app, &stage.meeting).await.unwrap();
        let replaced: Vec<_> = seats[0].winners.iter().map(|seat| seat.replaced_by).collect();
        assert_eq!(replaced, [None, Some(4), None]);
        let Report::Proved(proved) = stage.verified().await else { panic!("{:?}", stage.verified().await) };
        assert!(proved.warnings.contains(&"W_ABSENT:1:2".to_owned()), "{:?}", proved.warnings);
        assert_eq!(proved.checked.len(), 4);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_void_draw_gives_everything_back() {
    let stage = Stage::set(Backend::Light, 12).await;
    let first = stage.usual(2).await;
    let kept = "select reserved_fen from budget where meeting_id = $1";
    stage.commit(&first).await;
    assert_eq!(stage.number(kept).await, 376);
    assert_eq!(void(&stage, 1).await, Ok(DrawState::Void));
    assert_eq!(void(&stage, 1).await, Err("draw_void"));
    assert_eq!(stage.number(kept).await, 0);

    assert_eq!(stage.commit(&first).await.draw, 2, "the round can be drawn again under a new number");
    let result = through(&stage, 2).await;
    assert_eq!(mark(&stage, 2, 1, SeatStatus::Present).await, Ok(SeatStatus::Present));
    assert_eq!(void(&stage, 2).await, Ok(DrawState::Void), "nothing was paid yet");
    assert_eq!(stage.number(kept).await, 0);
    assert_eq!(mark(&stage, 2, 2, SeatStatus::Present).await, Err("draw_void"));
    let round = &round::rounds::list(&mut stage.app.db().read().acquire().await.unwrap(), &stage.meeting)
        .await
        .unwrap()[0];
    assert_eq!((round.status, round.draw), (RoundStatus::Ready, None));

    stage.commit(&first).await;
    through(&stage, 3).await;
    let Report::Proved(proved) = stage.verified().await else { panic!("{:?}", stage.verified().await) };
    assert_eq!(proved.warnings[..2], ["W_UNWITNESSED:2", "W_UNWITNESSED:3"]);
    assert!(
        proved.warnings.contains(&"W_VOID:1".to_owned())
            && proved.warnings.contains(&"W_VOID_RESULT:2".to_owned())
    );
    assert_eq!(result.winners.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn split_words_and_goods_prove_too_and_tampering_does_not() {
    let stage = Stage::set(Backend::Light, 10).await;
    let split = Award::Split { fen: Fen(888), min_fen: Fen(100) };
    let words = Source::Words { count: 3 };
    let first = stage.round(4, split, std::slice::from_ref(&words)).await;
    stage.commit(&first).await;
    let said = EntropyInput::Words { words: vec!["红包".into(), "abc9".into(), "年会".into()] };
    stage.close(1, 0, Some(said)).await.unwrap();
    let result = stage.reveal(1).await.unwrap();
    assert_eq!(result.winners.iter().map(|seat| seat.amount_fen.0).sum::<i64>(), 888);
    let things = stage.round(2, Award::None, &[words]).await;
    stage.commit(&things).await;
    let said = EntropyInput::Words { words: vec!["一".into(), "二".into(), "三".into()] };
    stage.close(2, 0, Some(said)).await.unwrap();
    stage.reveal(2).await.unwrap();
    let all = round::confirm_all(&stage.app, HOST, (&stage.meeting, 1), SeatStatus::Present).await.unwrap();
    assert!(all.winners.iter().all(|seat| seat.status == SeatStatus::Present));
    let waiting = round::close_meeting(&stage.app, HOST, &stage.meeting).await.unwrap_err();
    assert_eq!(waiting.code(), "winners_waiting");
    round::confirm_all(&stage.app, HOST, (&stage.meeting, 2), SeatStatus::Present).await.unwrap();
    round::close_meeting(&stage.app, HOST, &stage.meeting).await.unwrap();
    assert_eq!(mark(&stage, 2, 1, SeatStatus::Present).await, Err("meeting_closed"));

    let bundle = round::bundle(&stage.app, &stage.meeting).await.unwrap();
    let Report::Proved(proved) = report(&bundle) else { panic!("{:?}", report(&bundle)) };
    assert!(proved.closed);
    let mut other = bundle.clone();
    other.log[3] = other.log[3].replacen("\"c\":", "\"c\":1", 1);
    assert!(matches!(report(&other), Report::Disproved(_)), "an amount was changed");
    let mut other = bundle.clone();
    let pool = other.draws[0].pool.as_mut().unwrap();
    pool[0].1 = 2;
    assert!(matches!(report(&other), Report::Disproved(_)), "a weight was changed");
    let mut other = bundle;
    other.log.pop();
    assert!(matches!(report(&other), Report::Disproved(_)), "the end was cut off");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_round_that_cannot_be_paid_or_filled_is_refused_with_the_reason() {
    let stage = Stage::set(Backend::Light, 3).await;
    let many = stage.usual(4).await;
    let refused = stage.try_commit(&many, CommitKind::Main).await.unwrap_err();
    assert_eq!(refused, "not_enough_eligible");
    let sources = [Source::Words { count: 3 }];
    let mut dear = Vec::new();
    for _ in 0..17 {
        dear.push(stage.round(3, Award::Fixed { fen: Fen(20_000) }, &sources).await);
    }
    // 16 rounds of 600 yuan fit into 10,000; the next one does not.
    let spare = stage.number("select cap_fen / 60000 from budget where meeting_id = $1").await;
    let mut tx = stage.app.db().begin().await.unwrap();
    sqlx::query("update budget set reserved_fen = $1").bind(spare * 60_000).execute(tx.conn()).await.unwrap();
    tx.commit().await.unwrap();
    let refused = stage.try_commit(&dear[0], CommitKind::Main).await.unwrap_err();
    assert_eq!(refused, "budget");
    let ready = round::readiness(&stage.app, &stage.meeting, &dear[0].id).await.unwrap();
    let codes: Vec<_> = ready.problems.iter().map(|problem| problem.code.as_str()).collect();
    assert_eq!((ready.ready, codes, ready.eligible, ready.bound), (false, vec!["budget"], 3, 3));
    assert_eq!(ready.budget_left_fen, Fen(1_000_000 - spare * 60_000));
    assert_eq!(stage.number("select log_size from meeting where id = $1").await, 1, "nothing was logged");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_draw_is_in_the_log_and_counts_for_nothing() {
    for backend in both() {
        let stage = Stage::set(backend, 3).await;
        let round = stage.usual(3).await;
        let made = stage.try_commit(&round, CommitKind::Test).await.unwrap();
        assert_eq!((made.draw, made.view.kind), (1, DrawKind::Test));
        assert_eq!(stage.try_commit(&round, CommitKind::Main).await.unwrap_err(), "already_drawn");
        let shown = through(&stage, 1).await;
        assert_eq!(shown.winners.len(), 3);
        let awards = "select cast(count(*) as bigint) from award where meeting_id = $1";
        assert_eq!(stage.number(awards).await, 0);
        let reserved = "select cast(sum(reserved_fen) as bigint) from budget where meeting_id = $1";
        assert_eq!(stage.number(reserved).await, 0);
        assert_eq!(mark(&stage, 1, 1, SeatStatus::Present).await, Err("test_draw"));
        assert_eq!(redraw(&stage, 1, &[]).await, Err("test_draw"));
        let all = round::confirm_all(&stage.app, HOST, (&stage.meeting, 1), SeatStatus::Present).await;
        assert_eq!(all.unwrap_err().code(), "test_draw");
        // The same three can still win everything, and a test made void later leaves the round alone.
        stage.commit(&round).await;
        assert_eq!(through(&stage, 2).await.winners.len(), 3);
        assert_eq!(void(&stage, 1).await, Ok(DrawState::Void));
        assert_eq!(stage.number("select reserved_fen from budget where meeting_id = $1").await, 3 * 188);
        assert_eq!(mark(&stage, 2, 1, SeatStatus::Present).await, Ok(SeatStatus::Present));
        let Report::Proved(proved) = stage.verified().await else { panic!("{:?}", stage.verified().await) };
        assert!(proved.warnings.contains(&"W_TEST:1".to_owned()), "{:?}", proved.warnings);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_names_the_prize_and_who_may_win() {
    let stage = Stage::set(Backend::Light, 4).await;
    let mut new = stage.plan(1, Award::None, &[Source::Audience {}]).await;
    new.eligible.departments = vec!["研发中心".into()];
    let round = stage.save(new).await;
    stage.commit(&round).await;
    let log = round::log_page(&stage.app, &stage.meeting, 1).await.unwrap();
    assert!(log.lines[0].contains(r#""memo":"奖品；仅限部门：研发中心""#), "{}", log.lines[0]);
}
