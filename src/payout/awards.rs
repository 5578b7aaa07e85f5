//! Awards: obligations that are born with a draw's result and become payable when the winner is confirmed.

use anyhow::anyhow;
use sha2::{Digest, Sha256};
use sqlx::Row;

use super::{
    bill_no::{MERCHANT_CHARS, bill_no},
    matching,
};
use crate::{
    app::App,
    budget::{self, DrawPart},
    clock::Ms,
    db::{Tx, hit},
    error::{ApiError, ApiResult},
    wire::PayChannel,
};

/// "Never by itself": for packets that wait for a person or are final.
pub const NEVER: Ms = i64::MAX;

/// What one winner of a draw gets.
#[derive(Clone, Debug)]
pub struct NewAward {
    /// Rank of the seat.
    pub rank: i64,
    /// Person on the roster.
    pub person: String,
    /// Openid that won; empty when none is bound.
    pub openid: String,
    /// Pool id, hex.
    pub pid: String,
    /// Cash, fen; 0 = none.
    pub cash_fen: i64,
    /// Also goods.
    pub goods: bool,
}

/// The draw that gives awards.
#[derive(Clone, Copy, Debug)]
pub struct Grant<'a> {
    /// Meeting.
    pub meeting: &'a str,
    /// The meeting's `event`, hex.
    pub event: &'a str,
    /// Number of the draw.
    pub draw: i64,
    /// Round whose reserved money pays.
    pub round: &'a str,
}

/// One seat of a draw.
#[derive(Clone, Copy, Debug)]
pub struct Seat<'a> {
    /// Meeting.
    pub meeting: &'a str,
    /// Number of the draw.
    pub draw: i64,
    /// Rank.
    pub rank: i64,
}

/// The id of an award is the hash of its reason: the same reason always gives the same award.
pub fn award_id(reason: &str) -> String {
    hex::encode(Sha256::digest(reason.as_bytes()))
}

/// Writes the awards of a result, in its transaction. Their cash moves from what the round has reserved to the draw.
/// A reason that has its award already is left alone.
pub async fn create_awards(tx: &mut Tx, at: Ms, grant: Grant<'_>, awards: &[NewAward]) -> ApiResult<()> {
    let held = budget::held_by_round(tx, grant.round).await?;
    let budget = held.as_ref().map(|(budget, _)| budget.as_str());
    let mut cash = 0;
    for award in awards {
        if award.cash_fen > 0 && insert(tx, at, grant, (award, "cash", award.cash_fen), budget).await? {
            cash += award.cash_fen;
        }
        if award.goods {
            insert(tx, at, grant, (award, "goods", 0), None).await?;
        }
    }
    match budget {
        Some(budget) if cash > 0 => {
            let part = DrawPart { budget, meeting: grant.meeting, draw: grant.draw };
            budget::to_awards(tx, at, grant.round, part, cash).await
        }
        // A rehearsal reserves nothing and pays nothing.
        _ => Ok(()),
    }
}

async fn insert(
    tx: &mut Tx,
    at: Ms,
    grant: Grant<'_>,
    (award, kind, fen): (&NewAward, &str, i64),
    budget: Option<&str>,
) -> ApiResult<bool> {
    let reason = format!("seat:{}:{}:{}:{kind}", grant.event, grant.draw, award.rank);
    let done = sqlx::query(
        "insert into award (id, reason, meeting_id, n, rank, person_id, openid, pid, kind, amount_fen, budget_id, \
         state, channel, created_at, updated_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 'waiting', \
         coalesce((select b.channel from budget b where b.id = $11), 'red_packet_v2'), $12, $12) \
         on conflict (reason) do nothing",
    )
    .bind(award_id(&reason))
    .bind(&reason)
    .bind(grant.meeting)
    .bind(grant.draw)
    .bind(award.rank)
    .bind(&award.person)
    .bind(&award.openid)
    .bind(&award.pid)
    .bind(kind)
    .bind(fen)
    .bind(budget)
    .bind(at)
    .execute(tx.conn())
    .await?;
    Ok(hit(&done))
}

/// Why a seat's status can no longer be changed, if so: `already_paid` (sent, opened, handed out) or
/// `outcome_unknown` (a call is running or has no decided answer).
pub async fn seat_block(tx: &mut Tx, seat: Seat<'_>) -> Result<Option<&'static str>, sqlx::Error> {
    let rows = sqlx::query(
        "select a.state, p.state, p.undecided from award a left join packet p on p.award_id = a.id \
         and p.state not in ('refunded', 'failed', 'cancelled') \
         where a.meeting_id = $1 and a.n = $2 and a.rank = $3",
    )
    .bind(seat.meeting)
    .bind(seat.draw)
    .bind(seat.rank)
    .fetch_all(tx.conn())
    .await?;
    let (mut block, mut doubtful) = (None, false);
    for row in rows {
        let (award, packet): (String, Option<String>) = (row.try_get(0)?, row.try_get(1)?);
        match (award.as_str(), packet.as_deref()) {
            ("paid" | "collected", _) | (_, Some("sent" | "received")) => return Ok(Some("already_paid")),
            (_, Some("sending" | "confirming" | "unknown" | "blocked" | "needs_human")) => {
                block = Some("outcome_unknown");
            }
            _ => doubtful |= row.try_get::<Option<i64>, _>(2)?.unwrap_or(0) != 0,
        }
    }
    // Put back to an older state, the database does not know yet whether it was paid.
    let open = block.is_none() && doubtful && matching::is_open(tx).await?;
    Ok(if open { Some("outcome_unknown") } else { block })
}

/// The answer for a code of [`seat_block`].
pub fn block_error(code: &'static str) -> ApiError {
    let detail = match code {
        "already_paid" => "奖励已经发出或领取，不能再更改。",
        _ => "红包正在发送或结果未知，请等结果明确后再操作。",
    };
    ApiError::conflict(code, detail)
}

/// Confirmed winners: their awards become payable and cash awards get their packet. Also brings back what was
/// suspended. After the commit call [`super::wake`].
pub async fn make_payable(app: &App, tx: &mut Tx, meeting: &str, draw: i64, ranks: &[i64]) -> ApiResult<()> {
    let at = app.now();
    for rank in ranks {
        sqlx::query(
            "update award set state = 'payable', updated_at = $1 \
             where meeting_id = $2 and n = $3 and rank = $4 and state in ('waiting', 'suspended')",
        )
        .bind(at)
        .bind(meeting)
        .bind(draw)
        .bind(rank)
        .execute(tx.conn())
        .await?;
        sqlx::query(
            "update packet set state = 'queued', reason = '', next_at = $1, updated_at = $1 \
             where state = 'held' and reason = 'suspended' and award_id in (select id from award \
             where meeting_id = $2 and n = $3 and rank = $4 and state = 'payable')",
        )
        .bind(at)
        .bind(meeting)
        .bind(draw)
        .bind(rank)
        .execute(tx.conn())
        .await?;
    }
    issue(app, tx, Some((meeting, draw))).await
}

/// Gives every payable cash award without a packet its first one, on the channel of its budget. Where that has no
/// configured merchant nothing happens: the awards wait and get theirs when the sender starts with one.
pub async fn issue(app: &App, tx: &mut Tx, of: Option<(&str, i64)>) -> ApiResult<()> {
    for channel in PayChannel::ALL {
        let mch_id = app.config().merchant(channel);
        if !mch_id.is_empty() && mch_id.len() <= MERCHANT_CHARS {
            issue_by(app, tx, of, channel).await?;
        }
    }
    Ok(())
}

async fn issue_by(app: &App, tx: &mut Tx, of: Option<(&str, i64)>, channel: PayChannel) -> ApiResult<()> {
    let (meeting, draw) = of.unwrap_or(("", 0));
    let rows = sqlx::query(
        "select a.id, a.openid, a.amount_fen, m.bill_day, a.created_at from award a join meeting m on m.id = a.meeting_id \
         where a.state = 'payable' and a.kind = 'cash' and a.attempts = 0 and m.rehearsal = 0 \
         and a.budget_id is not null and a.channel = $3 and ($1 = '' or (a.meeting_id = $1 and a.n = $2)) order by a.rank",
    )
    .bind(meeting)
    .bind(draw)
    .bind(channel.word())
    .fetch_all(tx.conn())
    .await?;
    let doubted = matching::doubted(tx).await?;
    for row in rows {
        let (award, openid): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        let (fen, day): (i64, String) = (row.try_get(2)?, row.try_get(3)?);
        let undecided = i64::from(row.try_get::<i64, _>(4)? <= doubted);
        let claimed = sqlx::query("update award set attempts = 1 where id = $1 and attempts = 0")
            .bind(&award)
            .execute(tx.conn())
            .await?;
        if !hit(&claimed) {
            continue;
        }
        sqlx::query(
            "insert into packet (bill_no, award_id, attempt, channel, openid, amount_fen, state, next_at, \
             created_at, updated_at, undecided) values ($1, $2, 1, $6, $3, $4, 'queued', $5, $5, $5, $7)",
        )
        .bind(bill_no(app.keys(), app.config().merchant(channel), &day, &award, 1))
        .bind(&award)
        .bind(&openid)
        .bind(fen)
        .bind(app.now())
        .bind(channel.word())
        .bind(undecided)
        .execute(tx.conn())
        .await?;
    }
    Ok(())
}

/// A winner was set aside: nothing of theirs is paid until [`make_payable`]. The money stays reserved.
///
/// 409 `already_paid` / `outcome_unknown` when it is too late.
pub async fn suspend(tx: &mut Tx, at: Ms, seat: Seat<'_>) -> ApiResult<()> {
    stop_packets(tx, at, seat, ("held", "suspended")).await?;
    sqlx::query(
        "update award set state = 'suspended', updated_at = $1 \
         where meeting_id = $2 and n = $3 and rank = $4 and state in ('waiting', 'payable')",
    )
    .bind(at)
    .bind(seat.meeting)
    .bind(seat.draw)
    .bind(seat.rank)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Ends the awards of seats for good (replaced by a redraw, void): their money goes back to the round, from where the
/// redraw's awards take it or [`budget::release_round`] frees it.
pub async fn cancel_for_seats(tx: &mut Tx, at: Ms, grant: Grant<'_>, ranks: &[i64]) -> ApiResult<()> {
    for rank in ranks {
        let seat = Seat { meeting: grant.meeting, draw: grant.draw, rank: *rank };
        stop_packets(tx, at, seat, ("cancelled", "replaced")).await?;
        let rows = sqlx::query(
            "update award set state = 'cancelled', updated_at = $1 \
             where meeting_id = $2 and n = $3 and rank = $4 and state in ('waiting', 'payable', 'suspended') \
             returning amount_fen, budget_id",
        )
        .bind(at)
        .bind(seat.meeting)
        .bind(seat.draw)
        .bind(seat.rank)
        .fetch_all(tx.conn())
        .await?;
        for row in rows {
            let (fen, budget): (i64, Option<String>) = (row.try_get(0)?, row.try_get(1)?);
            let Some(budget) = budget.filter(|_| fen > 0) else { continue };
            let part = DrawPart { budget: &budget, meeting: seat.meeting, draw: seat.draw };
            budget::from_awards(tx, at, grant.round, part, fen).await?;
        }
    }
    Ok(())
}

/// Stops the open packets of a seat, or says why that is not possible any more. A worker that holds a claim finds its
/// epoch gone.
async fn stop_packets(tx: &mut Tx, at: Ms, seat: Seat<'_>, (state, reason): (&str, &str)) -> ApiResult<()> {
    if let Some(code) = seat_block(tx, seat).await? {
        return Err(block_error(code));
    }
    // A packet that WeChat refused cleanly stays refused: it is not queued again by a later "present".
    let from = if state == "cancelled" {
        "'queued', 'held', 'reserved', 'refused'"
    } else {
        "'queued', 'held', 'reserved'"
    };
    let text = format!(
        "update packet set state = $1, reason = $2, next_at = $3, epoch = epoch + 1, lease_until = 0, \
         updated_at = $4 where state in ({from}) and award_id in \
         (select id from award where meeting_id = $5 and n = $6 and rank = $7)"
    );
    sqlx::query(sqlx::AssertSqlSafe(text))
        .bind(state)
        .bind(reason)
        .bind(NEVER)
        .bind(at)
        .bind(seat.meeting)
        .bind(seat.draw)
        .bind(seat.rank)
        .execute(tx.conn())
        .await?;
    // On PostgreSQL a sender may have gone ahead between the look and the update: look again, now that nothing of
    // this seat can start any more.
    match seat_block(tx, seat).await? {
        Some(code) => Err(block_error(code)),
        None => Ok(()),
    }
}

/// What a redraw of these seats lacks is reserved for the round: an award whose packet is dead holds nothing any more.
pub async fn reserve_redraw(tx: &mut Tx, at: Ms, grant: Grant<'_>, ranks: &[i64]) -> ApiResult<()> {
    let mut lacking = 0;
    for rank in ranks {
        let row = sqlx::query(
            "select cast(coalesce(sum(amount_fen), 0) as bigint) from award \
             where meeting_id = $1 and n = $2 and rank = $3 and kind = 'cash' \
             and state not in ('waiting', 'payable', 'suspended')",
        )
        .bind(grant.meeting)
        .bind(grant.draw)
        .bind(rank)
        .fetch_one(tx.conn())
        .await?;
        lacking += row.try_get::<i64, _>(0)?;
    }
    budget::reserve_round(tx, at, grant.meeting, grant.round, lacking).await.map(drop)
}

/// One award with what settling it needs.
#[derive(Clone, Debug)]
pub(super) struct AwardRow {
    pub(super) id: String,
    pub(super) meeting: String,
    pub(super) draw: i64,
    pub(super) rank: i64,
    pub(super) pid: String,
    pub(super) openid: String,
    pub(super) fen: i64,
    pub(super) budget: String,
    pub(super) state: String,
}

impl AwardRow {
    /// Whether its money is still reserved.
    pub(super) fn holds(&self) -> bool {
        matches!(self.state.as_str(), "waiting" | "payable" | "suspended")
    }

    pub(super) fn part(&self) -> DrawPart<'_> {
        DrawPart { budget: &self.budget, meeting: &self.meeting, draw: self.draw }
    }

    pub(super) async fn of_packet(tx: &mut Tx, bill: &str) -> ApiResult<Self> {
        let row = sqlx::query(
            "select a.id, a.meeting_id, a.n, a.rank, a.pid, a.openid, a.amount_fen, a.budget_id, a.state \
             from award a join packet p on p.award_id = a.id where p.bill_no = $1",
        )
        .bind(bill)
        .fetch_optional(tx.conn())
        .await?
        .ok_or_else(|| ApiError::not_found("该红包"))?;
        let budget: Option<String> = row.try_get(7)?;
        Ok(Self {
            id: row.try_get(0)?,
            meeting: row.try_get(1)?,
            draw: row.try_get(2)?,
            rank: row.try_get(3)?,
            pid: row.try_get(4)?,
            openid: row.try_get(5)?,
            fen: row.try_get(6)?,
            budget: budget.ok_or_else(|| anyhow!("a cash award without a budget"))?,
            state: row.try_get(8)?,
        })
    }

    pub(super) async fn set_state(&self, tx: &mut Tx, at: Ms, state: &str) -> Result<(), sqlx::Error> {
        sqlx::query("update award set state = $1, updated_at = $2 where id = $3")
            .bind(state)
            .bind(at)
            .bind(&self.id)
            .execute(tx.conn())
            .await
            .map(drop)
    }
}
