//! Telling: the `payout` line of the draw log, the event for every socket, the winner's own page.

use anyhow::Context;
use serde::de::DeserializeOwned;
use sqlx::Row;

use super::{awards::AwardRow, next::Money, sql::Packet};
use crate::{
    app::App,
    db::Tx,
    draw::{
        Body as LogBody, PayoutStatus,
        line::{PaySeat, Payout, pay_ref},
    },
    drawlog::{self, Appended},
    error::ApiResult,
    live::events,
    people,
    wire::{Body, DrawState, Fen, Message, PacketState, SeatView, SeatsEvent},
};

/// Code of the draw log's refusal of a line.
pub(super) const LOG_REFUSED: &str = "log_refused";

/// What is published after the commit.
#[derive(Debug)]
pub(super) struct Told {
    message: Option<Message>,
    meeting: String,
    openid: String,
}

impl Told {
    /// Nobody has to know.
    pub(super) fn nothing() -> Self {
        Self { message: None, meeting: String::new(), openid: String::new() }
    }

    /// Brings it to all sockets, and to the winner's own.
    pub(super) async fn publish(self, app: &App) {
        if let Some(message) = self.message {
            app.publish(&self.meeting, [message]);
        }
        winner(app, &self.meeting, &self.openid).await;
    }
}

/// Brings a winner's own page up to date.
pub(super) async fn winner(app: &App, meeting: &str, openid: &str) {
    // Most winners have put their phone away by then: who is not there reads it on the way back in.
    if openid.is_empty() || !app.may_hear(meeting, openid) {
        return;
    }
    match people::me::view(app, meeting, openid).await {
        Ok(me) => app.publish_to(meeting, openid, Body::Me(Box::new(me))),
        Err(error) => tracing::warn!(%error, "a winner's page could not be told"),
    }
}

/// The lines of a movement of money: sent, failed, refunded (draw protocol §9). `None` when nothing is logged: no money
/// moved, or the award does not come from a draw.
pub(super) async fn log(
    app: &App,
    tx: &mut Tx,
    award: &AwardRow,
    packet: &Packet,
    money: Money,
) -> ApiResult<Option<Appended>> {
    let lines: &[PayoutStatus] = match money {
        Money::Stay => return Ok(None),
        Money::Pay => &[PayoutStatus::Sent],
        Money::Return => &[PayoutStatus::Refunded],
        Money::PayAndReturn => &[PayoutStatus::Sent, PayoutStatus::Refunded],
        Money::Release => &[PayoutStatus::Failed],
    };
    if award.draw == 0 {
        // Not won in a draw: the draw log does not speak of it.
        return Ok(None);
    }
    let row = sqlx::query("select event from meeting where id = $1")
        .bind(&award.meeting)
        .fetch_one(tx.conn())
        .await?;
    let event = row.try_get::<String, _>(0)?.parse().ok().context("a meeting's event")?;
    let seat = PaySeat {
        draw: u32::try_from(award.draw).context("number of a draw")?,
        rank: u32::try_from(award.rank).context("rank")?,
        pid: award.pid.parse().ok().context("a winner's pid")?,
        cents: u64::try_from(award.fen).context("amount")?,
        attempt: u32::try_from(packet.attempt).context("attempt")?,
    };
    let line = |status: &PayoutStatus| {
        drawlog::Entry::from(LogBody::Payout(Payout {
            draw: seat.draw.into(),
            rank: seat.rank.into(),
            pid: seat.pid,
            cents: seat.cents,
            attempt: seat.attempt.into(),
            reference: pay_ref(&event, &seat, &packet.bill),
            status: *status,
        }))
    };
    let entries = lines.iter().map(line).collect();
    drawlog::append_all(app, tx, &award.meeting, entries).await.map(Some)
}

/// The event that a seat's packet has moved, inside the transaction that moved it.
pub(super) async fn seat_changed(
    app: &App,
    tx: &mut Tx,
    award: &AwardRow,
    (before, after): (PacketState, PacketState),
    log: Option<Appended>,
) -> ApiResult<Told> {
    if before == after && log.is_none() {
        return Ok(Told::nothing());
    }
    let Some((state, seat)) = seat(tx, award).await? else {
        // Of no draw: only the person's own page speaks of it.
        return Ok(Told { message: None, meeting: award.meeting.clone(), openid: award.openid.clone() });
    };
    let (checkpoint, code) = match log {
        Some(appended) => (appended.checkpoint, appended.code),
        None => drawlog::checkpoint_on(app, tx.conn(), &award.meeting).await?,
    };
    let event = SeatsEvent { draw: award.draw, state, seats: vec![seat], log: checkpoint, code };
    let message = events::append(tx, &award.meeting, app.now(), &Body::Seats(event)).await?;
    Ok(Told { message: Some(message), meeting: award.meeting.clone(), openid: award.openid.clone() })
}

async fn seat(tx: &mut Tx, award: &AwardRow) -> ApiResult<Option<(DrawState, SeatView)>> {
    if award.draw == 0 {
        return Ok(None);
    }
    let row = sqlx::query(
        "select s.rank, s.idx, s.pid, p.name, p.department, s.weight, s.amount_fen, s.status, s.replaced_by, d.state, \
         (select k.state from packet k where k.award_id = $4 order by k.attempt desc limit 1), \
         coalesce(f.picture, '') from seat s join person p on p.id = s.person_id \
         left join person_photo f on f.person_id = p.id join draw d on d.meeting_id = s.meeting_id and d.n = s.n \
         where s.meeting_id = $1 and s.n = $2 and s.rank = $3",
    )
    .bind(&award.meeting)
    .bind(award.draw)
    .bind(award.rank)
    .bind(&award.id)
    .fetch_optional(tx.conn())
    .await?;
    let Some(row) = row else { return Ok(None) };
    let packet: Option<String> = row.try_get(10)?;
    let view = SeatView {
        rank: row.try_get(0)?,
        no: row.try_get::<i64, _>(1)? + 1,
        pid: row.try_get(2)?,
        name: row.try_get(3)?,
        department: row.try_get(4)?,
        photo: row.try_get(11)?,
        weight: row.try_get(5)?,
        amount_fen: Fen(row.try_get(6)?),
        status: word(&row.try_get::<String, _>(7)?)?,
        replaced_by: row.try_get(8)?,
        packet: packet.map(|state| super::sql::state(&state)).transpose()?,
    };
    Ok(Some((word(&row.try_get::<String, _>(9)?)?, view)))
}

fn word<T: DeserializeOwned>(text: &str) -> ApiResult<T> {
    Ok(serde_json::from_value(text.into()).context("a stored word")?)
}
