//! Who may win, who confirms, what the end of a meeting and a rehearsal mean.

use kaijiang::{
    draw::verify::Report,
    meeting, pool, round,
    wire::{Award, Confirm, Eligible, Exclude, Fen, MeetingStatus, NewMeeting, SeatStatus, Source},
};

use super::{
    mark,
    stage::{HOST, Stage},
};
use crate::harness::{Backend, both};

const FIXED: Award = Award::Fixed { fen: Fen(188) };
const WORDS: [Source; 1] = [Source::Words { count: 3 }];

async fn said(stage: &Stage, draw: i64) -> kaijiang::wire::DrawView {
    let words = ["红", "包", "雨"].map(String::from).to_vec();
    stage.close(draw, 0, Some(kaijiang::wire::EntropyInput::Words { words })).await.unwrap();
    stage.reveal(draw).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn departments_limit_who_can_win_and_the_log_says_so() {
    let stage = Stage::set(Backend::Light, 10).await;
    let mut plan = stage.plan(5, FIXED, &WORDS).await;
    plan.eligible = Eligible { departments: vec!["研发中心".into()], groups: Vec::new() };
    let made = stage.commit(&stage.save(plan).await).await;
    assert_eq!((made.view.pool.n, made.view.pool.eligible), (10, 5));
    let won = said(&stage, 1).await.winners;
    assert!(won.iter().all(|seat| seat.department == "研发中心"), "{won:?}");
    let bundle = round::bundle(&stage.app, &stage.meeting).await.unwrap();
    assert!(bundle.log[1].contains("仅限部门：研发中心"), "{}", bundle.log[1]);
}

async fn sql(stage: &Stage, text: &'static str) {
    let mut tx = stage.app.db().begin().await.unwrap();
    sqlx::query(text).bind(&stage.meeting).execute(tx.conn()).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_not_seen_keeps_the_place_and_has_no_ticket() {
    for backend in both() {
        let stage = Stage::set(backend, 10).await;
        let text = format!(
            "update meeting set settings = '{}' where id = $1",
            serde_json::json!({ "checkin": true, "commit_show_ms": 0 })
        );
        sql(&stage, Box::leak(text.into_boxed_str())).await;
        let first = stage.round(3, FIXED, &WORDS).await;
        let nobody = stage.try_commit(&first, kaijiang::wire::CommitKind::Main).await.unwrap_err();
        assert_eq!(nobody, "not_enough_eligible");
        sql(&stage, "update binding set checked_in_at = 1 where meeting_id = $1 and idx >= 6").await;
        let made = stage.commit(&first).await;
        assert_eq!((made.view.pool.n, made.view.pool.eligible), (10, 4));
        // Comes through the door after the commit: for the next round.
        sql(&stage, "update binding set checked_in_at = 2 where meeting_id = $1 and idx = 0").await;
        let absent = round::my_proof(&stage.app, &stage.meeting, &Stage::openid(0), 1).await.unwrap();
        assert_eq!((absent.index, absent.w), (0, 0), "the path shows the 0");
        let won = said(&stage, 1).await.winners;
        assert!(won.iter().all(|seat| seat.no > 6), "{won:?}");
        assert!(matches!(stage.verified().await, Report::Proved(_)), "{:?}", stage.verified().await);
        let bundle = round::bundle(&stage.app, &stage.meeting).await.unwrap();
        assert!(bundle.log[1].contains("仅限已现场签到的人"), "{}", bundle.log[1]);
        // One winner of those seen is left, and the one who came: a redraw goes by the same rule.
        assert_eq!(mark(&stage, 1, 1, SeatStatus::Absent).await, Ok(SeatStatus::Absent));
        assert_eq!(super::redraw(&stage, 1, &[1]).await, Ok(2));
        let draws = round::views_of(&stage.app, &stage.meeting).await.unwrap();
        assert_eq!(draws[1].pool.eligible, 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_who_won_is_shut_out_under_a_new_openid_too() {
    let stage = Stage::set(Backend::Light, 4).await;
    let first = stage.round(1, FIXED, &WORDS).await;
    stage.commit(&first).await;
    let index = said(&stage, 1).await.winners[0].no - 1;
    // The winner's phone is replaced: the old binding ends, a new openid of the same person enters.
    stage.bind(4).await;
    let mut tx = stage.app.db().begin().await.unwrap();
    let old = "update binding set active = 0 where meeting_id = $1 and idx = $2";
    sqlx::query(old).bind(&stage.meeting).bind(index).execute(tx.conn()).await.unwrap();
    let same = "update binding set person_id = (select person_id from binding where meeting_id = $1 and idx = $2) \
                where meeting_id = $1 and idx = 4";
    sqlx::query(same).bind(&stage.meeting).bind(index).execute(tx.conn()).await.unwrap();
    tx.commit().await.unwrap();
    let plan = stage.plan(3, FIXED, &WORDS).await;
    let made = stage.commit(&stage.save(plan).await).await;
    assert_eq!((made.view.pool.n, made.view.pool.eligible), (5, 3));
    let won = said(&stage, 2).await.winners;
    assert!(won.iter().all(|seat| seat.no != index + 1 && seat.no != 5), "{won:?}");
    // Without exclusion everybody is in again.
    let mut plan = stage.plan(1, FIXED, &WORDS).await;
    plan.exclude = Exclude::None;
    assert_eq!(stage.commit(&stage.save(plan).await).await.view.pool.eligible, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn winners_confirm_themselves_when_the_time_has_come() {
    let stage = Stage::set(Backend::Light, 6).await;
    let mut plan = stage.plan(2, FIXED, &WORDS).await;
    plan.confirm = Confirm::Auto;
    stage.commit(&stage.save(plan).await).await;
    said(&stage, 1).await;
    assert_eq!(mark(&stage, 1, 2, SeatStatus::Absent).await, Ok(SeatStatus::Absent));
    stage.app.clock().advance(29_999);
    assert_eq!(round::sweep(&stage.app).await.unwrap(), 0);
    stage.app.clock().advance(1);
    assert_eq!(round::sweep(&stage.app).await.unwrap(), 1);
    assert_eq!(round::sweep(&stage.app).await.unwrap(), 0, "once");
    let seats = &round::views_of(&stage.app, &stage.meeting).await.unwrap()[0].winners;
    assert_eq!([seats[0].status, seats[1].status], [SeatStatus::Present, SeatStatus::Absent]);
    let payable = "select cast(count(*) as bigint) from award where meeting_id = $1 and state = 'payable'";
    assert_eq!(stage.number(payable).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_forgets_nobody_and_cancels_what_was_set_aside() {
    let stage = Stage::set(Backend::Light, 6).await;
    let round = stage.round(3, FIXED, &WORDS).await;
    stage.commit(&round).await;
    let early = round::close_meeting(&stage.app, HOST, &stage.meeting).await.unwrap_err();
    assert_eq!(early.code(), "draw_open");
    said(&stage, 1).await;
    mark(&stage, 1, 1, SeatStatus::Present).await.unwrap();
    mark(&stage, 1, 2, SeatStatus::Absent).await.unwrap();
    let waiting = round::close_meeting(&stage.app, HOST, &stage.meeting).await.unwrap_err();
    assert_eq!(waiting.code(), "winners_waiting");
    mark(&stage, 1, 3, SeatStatus::Declined).await.unwrap();
    let closed = round::close_meeting(&stage.app, HOST, &stage.meeting).await.unwrap();
    assert_eq!(closed.status, MeetingStatus::Closed);
    let gone = "select cast(count(*) as bigint) from award where meeting_id = $1 and state = 'cancelled'";
    assert_eq!(stage.number(gone).await, 2);
    assert_eq!(stage.number("select reserved_fen from budget where meeting_id = $1").await, 188);
    assert!(matches!(stage.verified().await, Report::Proved(proved) if proved.closed));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rehearsal_has_the_same_rounds_other_people_and_no_money() {
    let mut stage = Stage::set(Backend::Light, 6).await;
    stage.round(3, FIXED, &WORDS).await;
    let new = NewMeeting {
        name: "彩排".into(),
        settings: kaijiang::wire::MeetingSettings { commit_show_ms: 0, ..Default::default() },
        rehearsal_of: Some(stage.meeting.clone()),
        copy_of: None,
    };
    let made = round::create_meeting(&stage.app, HOST, new).await.unwrap();
    assert!(made.rehearsal);
    let real = std::mem::replace(&mut stage.meeting, made.id);
    let mut conn = stage.app.db().read().acquire().await.unwrap();
    let rounds = round::rounds::list(&mut conn, &stage.meeting).await.unwrap();
    drop(conn);
    assert_eq!(rounds.len(), 1);
    stage.commit(&rounds[0]).await;
    let won = said(&stage, 1).await.winners;
    assert!(won.iter().all(|seat| !seat.name.starts_with("客人")), "made-up names: {won:?}");
    round::confirm_all(&stage.app, HOST, (&stage.meeting, 1), SeatStatus::Present).await.unwrap();
    assert!(matches!(stage.verified().await, Report::Proved(_)));
    let packets = "select cast(count(*) as bigint) from packet p join award a on a.id = p.award_id where a.meeting_id = $1";
    assert_eq!(stage.number(packets).await, 0);
    let mut tx = stage.app.db().begin().await.unwrap();
    assert_eq!(pool::snapshot(&stage.app, &mut tx, &stage.meeting).await.unwrap().n(), 6);
    drop(tx);
    let mut conn = stage.app.db().read().acquire().await.unwrap();
    assert_eq!(
        meeting::load(&mut conn, &real).await.unwrap().log_size,
        1,
        "the real log knows nothing of it"
    );
}

/// Said once by one host, it holds for every desk and after a reload, until there is a redraw after all.
#[tokio::test(flavor = "multi_thread")]
async fn seats_that_the_host_leaves_free_are_asked_about_no_more() {
    let stage = Stage::set(Backend::Light, 8).await;
    let made = stage.round(3, FIXED, &WORDS).await;
    let left = async |left: bool| {
        let done = round::rounds::leave(&stage.app, HOST, (&stage.meeting, &made.id), left).await;
        done.map(|round| round.left).map_err(|error| error.code())
    };
    assert_eq!(left(true).await, Err("no_result"));
    stage.commit(&made).await;
    said(&stage, 1).await;
    mark(&stage, 1, 2, SeatStatus::Absent).await.unwrap();
    let kept = async || {
        let mut conn = stage.app.db().read().acquire().await.unwrap();
        round::rounds::load(&mut conn, &stage.meeting, &made.id).await.unwrap().left
    };
    assert_eq!((kept().await, left(true).await, kept().await), (false, Ok(true), true));
    let told = "select cast(count(*) as bigint) from event where meeting_id = $1 and type = 'rounds' \
                and data like '%\"left\":true%'";
    assert_eq!(stage.number(told).await, 1);
    assert_eq!((left(true).await, stage.number(told).await), (Ok(true), 1), "a repeat changes nothing");
    assert_eq!((left(false).await, kept().await), (Ok(false), false));
    left(true).await.unwrap();
    assert_eq!(super::redraw(&stage, 1, &[2]).await, Ok(2));
    assert!(!kept().await);
}
