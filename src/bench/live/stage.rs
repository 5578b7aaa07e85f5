//! What a measurement's meeting plays: events of any size, and a draw among made-up people.

use anyhow::Context;

use super::child::nanos;
use crate::{
    app::App,
    live::events,
    meeting, round,
    wire::{
        Award, Body, CommitKind, Confirm, Eligible, EntropyInput, EntropyRequest, Exclude, MeetingSettings,
        NewMeeting, NewPrize, NewRound, PrizeKind, Scene, Source,
    },
};

/// Who gives the commands.
const HOST: &str = "bench";
/// What a message carries beside its text, bytes, about.
const AROUND: usize = 88;
/// Winners of the draw.
const SEATS: i64 = 20;
const DICE: i64 = 12;

/// A rehearsal with people, and one round of goods. Its id.
pub(super) async fn set(app: &App) -> anyhow::Result<String> {
    let settings = MeetingSettings { commit_show_ms: 0, ..MeetingSettings::default() };
    let new = |name: &str, rehearsal_of| {
        let settings = settings.clone();
        NewMeeting { name: name.into(), settings, rehearsal_of, copy_of: None }
    };
    let original = meeting::create(app, HOST, new("测速", None)).await?.id;
    let prize = NewPrize {
        name: "奖品".into(),
        code: None,
        kind: PrizeKind::Goods,
        goods: "水杯".into(),
        picture: String::new(),
    };
    let prize = round::prizes::create(app, HOST, &original, prize).await?;
    let round = NewRound {
        prize_id: prize.id,
        name: None,
        seats: SEATS,
        exclude: Exclude::Event,
        group: String::new(),
        eligible: Eligible::default(),
        award: Award::None,
        sources: Some(vec![Source::Dice { sides: 10, count: DICE }]),
        confirm: Confirm::Host,
        ord: None,
    };
    round::rounds::create(app, HOST, &original, round).await?;
    Ok(round::create_meeting(app, HOST, new("测速彩排", Some(original))).await?.id)
}

/// An event of about so many bytes; the moment of its publication.
pub(super) async fn event(app: &App, meeting: &str, bytes: usize) -> anyhow::Result<u64> {
    let text = "x".repeat(bytes.saturating_sub(AROUND));
    let mut tx = app.db().begin().await?;
    let scene = Body::Scene(Scene { name: "pause".into(), text, ..Scene::default() });
    let message = events::append(&mut tx, meeting, app.now(), &scene).await?;
    tx.commit().await?;
    let sent = nanos();
    app.publish(meeting, [message]);
    Ok(sent)
}

/// A draw up to its closed randomness. Its number.
pub(super) async fn draw(app: &App, meeting: &str) -> anyhow::Result<i64> {
    let mut conn = app.db().read().acquire().await?;
    let round = round::rounds::list(&mut conn, meeting).await?.pop().context("the round of the benchmark")?;
    drop(conn);
    let draw = round::commit(app, HOST, (meeting, &round.id), CommitKind::Main).await?.draw;
    let value = Some(EntropyInput::Dice { rolls: (0..DICE).map(|roll| roll % 10).collect() });
    round::close_source(app, HOST, (meeting, draw), EntropyRequest { i: 0, value }).await?;
    Ok(draw)
}

/// Its result.
pub(super) async fn result(app: &App, meeting: &str, draw: i64) -> anyhow::Result<()> {
    round::reveal(app, HOST, meeting, draw).await?;
    Ok(())
}
