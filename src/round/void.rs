//! Void: a draw ends without counting, with a reason, and its secret becomes public.

use super::{
    convert, entropy, holders, rounds,
    rows::{self, DrawRow, Stored},
    views,
};
use crate::{
    app::App,
    audit::{self, Deed},
    budget,
    db::Tx,
    draw::{Body as LogBody, line::Void},
    drawlog::{self, Appended, Entry},
    error::{ApiError, ApiResult},
    meeting::{self, Meeting, check, tell},
    payout::{self, Grant},
    wire::{Body, DrawEvent, DrawKind, DrawView},
};

/// The short reason in the log; the host's words stand in the memo.
const REASON: &str = "host";

/// Ends a draw without counting it. A draw whose sources are all closed must show its result first (409 `result_due`).
pub async fn void(app: &App, who: &str, (meeting, n): (&str, i64), reason: &str) -> ApiResult<DrawView> {
    check::text("reason", reason, 1, 200)?;
    let mut tx = app.db().begin().await?;
    let meeting = meeting::lock(&mut tx, meeting).await?;
    meeting.must_be_open()?;
    let draw = rows::load(tx.conn(), &meeting.id, n).await?;
    match draw.state {
        Stored::Void => return Err(ApiError::conflict("draw_void", "这次抽奖已经作废。")),
        Stored::Committed => not_due(&mut tx, &meeting.id, n).await?,
        Stored::Revealed => {
            rows::none_open(tx.conn(), &meeting.id).await?;
            cancel(app, &mut tx, &meeting, &draw).await?;
        }
    }
    if draw.kind != DrawKind::Test {
        budget::release_round(&mut tx, app.now(), &draw.round_id).await?;
    }
    let secret = drawlog::secret(app, tx.conn(), &meeting.id, n).await?;
    let line = Void { draw: convert::unsigned(n)?, secret, reason: REASON.into() };
    let entry = Entry { body: LogBody::Void(line), memo: reason.to_owned() };
    let logged = drawlog::append(app, &mut tx, &meeting.id, entry).await?;
    store(&mut tx, &meeting.id, &draw, reason).await?;
    finish(app, tx, who, (&meeting, &draw), logged).await
}

async fn not_due(tx: &mut Tx, meeting: &str, n: i64) -> ApiResult<()> {
    if !entropy::progress(tx.conn(), meeting, n).await?.closed() {
        return Ok(());
    }
    Err(ApiError::conflict("result_due", "随机数已全部封存，必须先公布结果，之后才能作废。"))
}

/// Ends the awards of the draw, and of its redraws when it is a main draw; 409 when one of them cannot be stopped.
async fn cancel(app: &App, tx: &mut Tx, meeting: &Meeting, draw: &DrawRow) -> ApiResult<()> {
    let family = match draw.parent {
        0 => rows::family(tx.conn(), &meeting.id, draw.n).await?,
        _ => vec![draw.clone()],
    };
    for member in family {
        let seats = views::draw(tx.conn(), &meeting.id, member.n).await?.winners;
        let ranks: Vec<i64> = seats.iter().map(|seat| seat.rank).collect();
        let grant =
            Grant { meeting: &meeting.id, event: &meeting.event, draw: member.n, round: &draw.round_id };
        payout::cancel_for_seats(tx, app.now(), grant, &ranks).await?;
    }
    Ok(())
}

async fn store(tx: &mut Tx, meeting: &str, draw: &DrawRow, reason: &str) -> ApiResult<()> {
    sqlx::query("update draw set state = 'void', void_reason = $1 where meeting_id = $2 and n = $3")
        .bind(reason)
        .bind(meeting)
        .bind(draw.n)
        .execute(tx.conn())
        .await?;
    // A test that was revealed has left its round alone since.
    if draw.kind != DrawKind::Test || draw.state == Stored::Committed {
        let status = if draw.parent > 0 { "drawn" } else { "ready" };
        sqlx::query("update round set status = $1 where id = $2")
            .bind(status)
            .bind(&draw.round_id)
            .execute(tx.conn())
            .await?;
    }
    if draw.parent > 0 {
        holders::mark(tx, meeting, draw.parent).await?;
    }
    Ok(())
}

async fn finish(
    app: &App,
    mut tx: Tx,
    who: &str,
    (meeting, draw): (&Meeting, &DrawRow),
    logged: Appended,
) -> ApiResult<DrawView> {
    let (id, now) = (meeting.id.as_str(), app.now());
    let view = views::draw(tx.conn(), id, draw.n).await?;
    let event = DrawEvent { draw: view.clone(), log: logged.checkpoint.clone(), code: logged.code.clone() };
    let mut told = vec![tell::event(&mut tx, id, now, Body::Draw(Box::new(event))).await?];
    if draw.parent > 0 {
        let ranks: Vec<i64> = view.winners.iter().map(|seat| seat.rank).collect();
        told.extend(holders::told(&mut tx, (id, now), draw, &ranks, &logged).await?);
    }
    told.push(rounds::told(app, &mut tx, id).await?);
    let deed =
        Deed { who, what: "draw.void", meeting: id, target: &draw.n.to_string(), note: &view.void_reason };
    audit::record(&mut tx, now, &deed).await?;
    tell::commit(app, tx, id, told).await?;
    super::tell_winners(app, id, draw.n);
    if draw.parent > 0 {
        super::tell_winners(app, id, draw.parent);
    }
    Ok(view)
}
