//! Who holds a rank: the winner of that rank in the newest draw of the family (draw protocol §9).

use std::collections::BTreeMap;

use sqlx::{AnyConnection, Row};

use super::{
    convert,
    rows::{self, DrawRow, Stored},
    views,
};
use crate::{
    db::Tx,
    draw::Winner,
    drawlog::Appended,
    error::ApiResult,
    meeting::{Meeting, tell},
    payout::{self, Grant},
    wire::{Body, DrawState, Message, SeatStatus, SeatsEvent},
};

/// A rank and who holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Holder {
    /// Draw whose winner holds it.
    pub(super) n: i64,
    /// What the host said of that winner.
    pub(super) status: SeatStatus,
}

/// The holder of every rank of a main draw.
pub(super) async fn of(
    conn: &mut AnyConnection,
    meeting: &str,
    main: i64,
) -> ApiResult<BTreeMap<i64, Holder>> {
    let rows = sqlx::query(
        "select s.n, s.rank, s.status from seat s join draw d on d.meeting_id = s.meeting_id and d.n = s.n \
         where s.meeting_id = $1 and (s.n = $2 or d.parent = $2) and d.state = 'revealed' order by s.n",
    )
    .bind(meeting)
    .bind(main)
    .fetch_all(conn)
    .await?;
    let mut holders = BTreeMap::new();
    for row in rows {
        let status: String = row.try_get("status")?;
        let holder = Holder { n: row.try_get("n")?, status: views::status_of(&status)? };
        holders.insert(row.try_get("rank")?, holder);
    }
    Ok(holders)
}

/// Ranks by the draw that holds them.
pub(super) fn by_draw(holders: &BTreeMap<i64, Holder>, ranks: &[i64]) -> BTreeMap<i64, Vec<i64>> {
    let mut groups: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
    for rank in ranks {
        if let Some(holder) = holders.get(rank) {
            groups.entry(holder.n).or_default().push(*rank);
        }
    }
    groups
}

/// A redraw has its result, whose seats are not stored yet: those who held its ranks lose them for good, and their
/// money goes back to the round.
pub(super) async fn replaced(
    tx: &mut Tx,
    meeting: &Meeting,
    redraw: &DrawRow,
    (winners, now): (&[Winner], i64),
) -> ApiResult<()> {
    let id = meeting.id.as_str();
    let before = of(tx.conn(), id, redraw.parent).await?;
    let ranks = winners.iter().map(|winner| convert::signed(winner.rank)).collect::<ApiResult<Vec<_>>>()?;
    for (n, ranks) in by_draw(&before, &ranks) {
        let grant = Grant { meeting: id, event: &meeting.event, draw: n, round: &redraw.round_id };
        payout::cancel_for_seats(tx, now, grant, &ranks).await?;
    }
    Ok(())
}

/// Writes into every seat of a family which later draw holds its rank now.
pub(super) async fn mark(tx: &mut Tx, meeting: &str, main: i64) -> ApiResult<()> {
    sqlx::query(
        "update seat set replaced_by = (select max(o.n) from seat o \
         join draw d on d.meeting_id = o.meeting_id and d.n = o.n \
         where o.meeting_id = seat.meeting_id and o.rank = seat.rank and o.n > seat.n \
         and d.parent = $2 and d.state = 'revealed') \
         where meeting_id = $1 and n in (select n from draw where meeting_id = $1 and (n = $2 or parent = $2))",
    )
    .bind(meeting)
    .bind(main)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Tells the seats of earlier draws of a redraw's family whose holder has changed.
pub(super) async fn told(
    tx: &mut Tx,
    (meeting, now): (&str, i64),
    redraw: &DrawRow,
    ranks: &[i64],
    logged: &Appended,
) -> ApiResult<Vec<Message>> {
    let mut told = Vec::new();
    for row in rows::family(tx.conn(), meeting, redraw.parent).await? {
        if row.n == redraw.n || row.state != Stored::Revealed {
            continue;
        }
        let mut seats = views::draw(tx.conn(), meeting, row.n).await?.winners;
        seats.retain(|seat| ranks.contains(&seat.rank));
        if seats.is_empty() {
            continue;
        }
        let event = SeatsEvent {
            draw: row.n,
            state: DrawState::Revealed,
            seats,
            log: logged.checkpoint.clone(),
            code: logged.code.clone(),
        };
        told.push(tell::event(tx, meeting, now, Body::Seats(event)).await?);
    }
    Ok(told)
}
