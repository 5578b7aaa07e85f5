//! Seats: the host says who is present, absent, has declined or may not win.

use sqlx::Row;

use super::{
    convert,
    rows::{self, DrawRow, Stored},
    views,
};
use crate::{
    app::App,
    audit::{self, Deed},
    db::Tx,
    draw::{Body as LogBody, line::Status},
    drawlog::{self, Appended, Entry},
    error::{ApiError, ApiResult},
    failpoint,
    meeting::{self, tell},
    payout::{self, Seat},
    wire::{Body, DrawKind, DrawState, DrawView, SeatStatus, SeatView, SeatsEvent},
};

/// Says something of one winner; a repeat changes nothing.
pub async fn mark(
    app: &App,
    who: &str,
    (meeting, n, rank): (&str, i64, i64),
    status: SeatStatus,
) -> ApiResult<SeatView> {
    let Some(word) = convert::status(status) else {
        return Err(ApiError::invalid("invalid", "status", "请选择到场、缺席、放弃或取消资格。"));
    };
    let mut tx = app.db().begin().await?;
    meeting::lock(&mut tx, meeting).await?.must_be_open()?;
    let draw = counting(&mut tx, meeting, n).await?;
    let seat = views::seat(tx.conn(), meeting, n, rank).await?;
    if seat.replaced_by.is_some() {
        return Err(ApiError::conflict("seat_replaced", "这个名次已由补抽的人获得，不能再更改。"));
    }
    if seat.status == status {
        return Ok(seat);
    }
    not_in_redraw(&mut tx, meeting, &draw, rank).await?;
    if status == SeatStatus::Present {
        not_cancelled(&mut tx, (meeting, n, rank)).await?;
        payout::make_payable(app, &mut tx, meeting, n, &[rank]).await?;
    } else {
        payout::suspend(&mut tx, app.now(), Seat { meeting, draw: n, rank }).await?;
    }
    let line = Status { draw: convert::unsigned(n)?, rank: convert::unsigned(rank)?, status: word };
    let logged = drawlog::append(app, &mut tx, meeting, LogBody::Status(line)).await?;
    store(&mut tx, (meeting, n, rank), word.as_str(), app.now()).await?;
    let target = format!("{n}/{rank}");
    let deed = Deed { who, what: "seat.mark", meeting, target: &target, note: word.as_str() };
    let seat = views::seat(tx.conn(), meeting, n, rank).await?;
    finish(app, tx, &deed, (n, vec![seat.clone()], logged)).await?;
    Ok(seat)
}

/// Confirms all winners of a draw who still wait.
pub async fn confirm_all(
    app: &App,
    who: &str,
    (meeting, n): (&str, i64),
    status: SeatStatus,
) -> ApiResult<DrawView> {
    if status != SeatStatus::Present {
        return Err(ApiError::invalid("invalid", "status", "批量操作只能确认到场。"));
    }
    let mut tx = app.db().begin().await?;
    meeting::lock(&mut tx, meeting).await?.must_be_open()?;
    let draw = counting(&mut tx, meeting, n).await?;
    let view = views::draw(tx.conn(), meeting, n).await?;
    let waits = |seat: &&SeatView| seat.status == SeatStatus::Waiting && seat.replaced_by.is_none();
    let ranks: Vec<i64> = view.winners.iter().filter(waits).map(|seat| seat.rank).collect();
    if ranks.is_empty() {
        return Ok(view);
    }
    let mut entries = Vec::with_capacity(ranks.len());
    for rank in &ranks {
        let status = crate::draw::SeatStatus::Present;
        let line = Status { draw: convert::unsigned(n)?, rank: convert::unsigned(*rank)?, status };
        entries.push(Entry::from(LogBody::Status(line)));
        store(&mut tx, (meeting, draw.n, *rank), "present", app.now()).await?;
    }
    payout::make_payable(app, &mut tx, meeting, n, &ranks).await?;
    let logged = drawlog::append_all(app, &mut tx, meeting, entries).await?;
    let view = views::draw(tx.conn(), meeting, n).await?;
    let mut changed = view.winners.clone();
    changed.retain(|seat| ranks.binary_search(&seat.rank).is_ok());
    let (target, note) = (n.to_string(), ranks.len().to_string());
    let deed = Deed { who, what: "seat.confirm_all", meeting, target: &target, note: &note };
    finish(app, tx, &deed, (n, changed, logged)).await?;
    Ok(view)
}

/// The draw has a result that counts.
async fn counting(tx: &mut Tx, meeting: &str, n: i64) -> ApiResult<DrawRow> {
    let draw = rows::load(tx.conn(), meeting, n).await?;
    if draw.kind == DrawKind::Test {
        return Err(rows::is_test());
    }
    let parent = match draw.parent {
        0 => Stored::Revealed,
        main => rows::load(tx.conn(), meeting, main).await?.state,
    };
    match (draw.state, parent) {
        (Stored::Revealed, Stored::Revealed) => Ok(draw),
        (Stored::Committed, _) => Err(ApiError::conflict("no_result", "这次抽奖还没有公布结果。")),
        _ => Err(ApiError::conflict("draw_void", "这次抽奖已经作废。")),
    }
}

/// A rank that an open redraw is about to replace keeps its status (draw protocol §10).
async fn not_in_redraw(tx: &mut Tx, meeting: &str, draw: &DrawRow, rank: i64) -> ApiResult<()> {
    let Some(open) = rows::open(tx.conn(), meeting).await? else { return Ok(()) };
    let main = if draw.parent > 0 { draw.parent } else { draw.n };
    if open.parent != main {
        return Ok(());
    }
    let commit = super::entropy::progress(tx.conn(), meeting, open.n).await?.commit;
    if commit.rule.place(convert::unsigned(rank)?).is_none() {
        return Ok(());
    }
    Err(ApiError::conflict("draw_open", "这个名次正在补抽，请先完成或作废补抽。"))
}

/// After a void redraw the earlier winner holds the rank again, but the award was ended for good: only another redraw
/// can give it to somebody.
async fn not_cancelled(tx: &mut Tx, (meeting, n, rank): (&str, i64, i64)) -> ApiResult<()> {
    let row = sqlx::query(
        "select cast(count(*) as bigint) from award \
         where meeting_id = $1 and n = $2 and rank = $3 and state = 'cancelled'",
    )
    .bind(meeting)
    .bind(n)
    .bind(rank)
    .fetch_one(tx.conn())
    .await?;
    if row.try_get::<i64, _>(0)? == 0 {
        return Ok(());
    }
    Err(ApiError::conflict("seat_replaced", "这个名次的奖励已经取消，只能再次补抽。"))
}

async fn store(
    tx: &mut Tx,
    (meeting, n, rank): (&str, i64, i64),
    status: &str,
    now: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query("update seat set status = $1, status_at = $2 where meeting_id = $3 and n = $4 and rank = $5")
        .bind(status)
        .bind(now)
        .bind(meeting)
        .bind(n)
        .bind(rank)
        .execute(tx.conn())
        .await
        .map(drop)
}

async fn finish(
    app: &App,
    mut tx: Tx,
    deed: &Deed<'_>,
    (n, seats, logged): (i64, Vec<SeatView>, Appended),
) -> ApiResult<()> {
    let now = app.now();
    let event =
        SeatsEvent { draw: n, state: DrawState::Revealed, seats, log: logged.checkpoint, code: logged.code };
    let told = tell::event(&mut tx, deed.meeting, now, Body::Seats(event)).await?;
    audit::record(&mut tx, now, deed).await?;
    failpoint::hit("seats.before_commit");
    tell::commit(app, tx, deed.meeting, vec![told]).await?;
    failpoint::hit("seats.after_commit");
    payout::wake(app);
    super::tell_winners(app, deed.meeting, n);
    Ok(())
}

/// Draws whose winners count as present by now: (meeting, draw).
async fn due(app: &App) -> ApiResult<Vec<(String, i64)>> {
    let found = sqlx::query(
        "select distinct d.meeting_id, d.n, d.revealed_at, m.settings from draw d \
         join round r on r.id = d.round_id join meeting m on m.id = d.meeting_id \
         join seat s on s.meeting_id = d.meeting_id and s.n = d.n \
         left join draw p on p.meeting_id = d.meeting_id and p.n = d.parent \
         where d.state = 'revealed' and d.kind <> 'test' and m.status = 'open' and r.confirm = 'auto' \
         and s.status = 'waiting' and s.replaced_by is null and (d.parent = 0 or p.state = 'revealed')",
    )
    .fetch_all(app.db().read())
    .await?;
    let mut due = Vec::new();
    for row in found {
        let settings: String = row.try_get("settings")?;
        let settings: crate::wire::MeetingSettings =
            serde_json::from_str(&settings).map_err(anyhow::Error::from)?;
        let revealed: i64 = row.try_get("revealed_at")?;
        if revealed + settings.auto_confirm_s * 1000 <= app.now() {
            due.push((row.try_get("meeting_id")?, row.try_get("n")?));
        }
    }
    Ok(due)
}

/// Confirms the winners of rounds with `confirm = auto` whose time has come; answers how many draws it touched.
pub async fn sweep(app: &App) -> ApiResult<usize> {
    let due = due(app).await?;
    for (meeting, n) in &due {
        match confirm_all(app, "system", (meeting, *n), SeatStatus::Present).await {
            Ok(_) => {}
            // A host was quicker, or closed the meeting.
            Err(error) if error.status() == http::StatusCode::CONFLICT => {}
            Err(error) => return Err(error),
        }
    }
    Ok(due.len())
}
