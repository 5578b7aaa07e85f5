//! Packets in SQL: claiming, and the durable steps around a call. Each step is a transaction of its own, and each
//! update names the claim's epoch: a worker that was frozen and wakes late finds that the packet is no longer its own.

use anyhow::{Context, anyhow};
use futures_util::{FutureExt, TryFutureExt};
use serde::de::{IntoDeserializer, value::Error as WordError};
use sqlx::{Row, any::AnyRow};

use super::{
    awards::NEVER,
    channel::Answer,
    next::{Facts, Next},
};
use crate::{
    app::App,
    clock::{Ms, beijing_day},
    db::{Locks, Tx, hit},
    error::ApiResult,
    failpoint,
    keys::row_id,
    mutant::planted,
    wire::{PacketState, PayChannel},
};

/// How long a claim lasts: longer than a call with all its commits.
pub(super) const LEASE: Ms = 60_000;

pub(super) const COLUMNS: &str = "p.bill_no, p.award_id, p.attempt, p.openid, p.amount_fen, p.request, p.state, p.reason, \
    p.undecided, p.sends, p.queries, p.not_founds, p.failed_at, p.sent_at, p.epoch, p.day, \
    (select min(c.at) from call c where c.bill_no = p.bill_no) as first_call_at, p.updated_at, p.channel, \
    p.created_at";

/// One packet as the sender sees it.
#[derive(Clone, Debug)]
pub(super) struct Packet {
    pub(super) bill: String,
    pub(super) attempt: i64,
    pub(super) openid: String,
    pub(super) fen: i64,
    /// How it is paid.
    pub(super) channel: PayChannel,
    /// Sealed, hex; empty before the first reservation.
    pub(super) request: String,
    pub(super) epoch: i64,
    /// Beijing day whose slot it holds; may be empty.
    pub(super) day: String,
    /// Since when it is as it is, ms; of a held one: since when it waits for the same reason.
    pub(super) since: Ms,
    /// The sender was paused when it was claimed: it is asked for, and nothing is sent.
    pub(super) paused: bool,
    pub(super) facts: Facts,
}

/// The state of a word in SQL.
pub(super) fn state(word: &str) -> anyhow::Result<PacketState> {
    let from = IntoDeserializer::<WordError>::into_deserializer(word);
    serde::Deserialize::deserialize(from).map_err(|_| anyhow!("unknown packet state {word}"))
}

/// The channel of a word in SQL.
pub(super) fn channel(word: &str) -> anyhow::Result<PayChannel> {
    PayChannel::of(word).with_context(|| format!("unknown channel {word}"))
}

/// The word of a state in SQL: as on the wire.
pub(super) fn word(state: PacketState) -> &'static str {
    match state {
        PacketState::Queued => "queued",
        PacketState::Reserved => "reserved",
        PacketState::Sending => "sending",
        PacketState::Confirming => "confirming",
        PacketState::Sent => "sent",
        PacketState::Received => "received",
        PacketState::Held => "held",
        PacketState::Unknown => "unknown",
        PacketState::Blocked => "blocked",
        PacketState::Refused => "refused",
        PacketState::Refunded => "refunded",
        PacketState::Failed => "failed",
        PacketState::Cancelled => "cancelled",
        PacketState::NeedsHuman => "needs_human",
    }
}

impl Packet {
    pub(super) fn read(row: &AnyRow, at: Ms) -> anyhow::Result<Self> {
        Ok(Self {
            bill: row.try_get(0)?,
            attempt: row.try_get(2)?,
            openid: row.try_get(3)?,
            fen: row.try_get(4)?,
            request: row.try_get(5)?,
            epoch: row.try_get(14)?,
            day: row.try_get(15)?,
            since: row.try_get(17)?,
            paused: false,
            channel: channel(&row.try_get::<String, _>(18)?)?,
            facts: Facts {
                state: state(&row.try_get::<String, _>(6)?)?,
                reason: row.try_get(7)?,
                undecided: row.try_get::<i64, _>(8)? != 0,
                sends: row.try_get(9)?,
                queries: row.try_get(10)?,
                not_founds: row.try_get(11)?,
                failed_at: row.try_get(12)?,
                sent_at: row.try_get(13)?,
                born: row.try_get(19)?,
                first_call_at: row.try_get(16)?,
                at,
            },
        })
    }

    /// The packet as it is now, while the claim with `epoch` still holds.
    pub(super) async fn claimed(tx: &mut Tx, bill: &str, epoch: i64, at: Ms) -> ApiResult<Option<Self>> {
        let same = if planted("epoch_ignored") { ">=" } else { "=" };
        let text = format!("select {COLUMNS} from packet p where p.bill_no = $1 and p.epoch {same} $2");
        let row =
            sqlx::query(sqlx::AssertSqlSafe(text)).bind(bill).bind(epoch).fetch_optional(tx.conn()).await?;
        Ok(row.map(|row| Self::read(&row, at)).transpose()?)
    }
}

/// A packet as it stands, claimed by nobody.
pub(super) async fn one(app: &App, bill: &str) -> ApiResult<Packet> {
    let text = format!("select {COLUMNS} from packet p where p.bill_no = $1");
    let row = sqlx::query(sqlx::AssertSqlSafe(text)).bind(bill).fetch_one(app.db().read()).await?;
    Ok(Packet::read(&row, app.now())?)
}

/// What is known of a packet, for pages.
pub(super) async fn facts(app: &App, bill: &str) -> ApiResult<Facts> {
    Ok(one(app, bill).await?.facts)
}

/// Gives a claim back; `next_at` moves when given. A packet that is `sending` keeps its lease: its call may be out.
pub(super) async fn release(app: &App, packet: &Packet, next_at: Option<Ms>) -> ApiResult<()> {
    let packet = packet.clone();
    app.db()
        .together(Locks::Own, move |tx| async move { Ok(put_back(tx, &packet, next_at).await?) }.boxed())
        .await
}

/// [`release`] within a transaction.
pub(super) async fn put_back(tx: &mut Tx, packet: &Packet, next_at: Option<Ms>) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update packet set lease_until = 0, next_at = coalesce($1, next_at) \
         where bill_no = $2 and epoch = $3 and state <> 'sending'",
    )
    .bind(next_at)
    .bind(&packet.bill)
    .bind(packet.epoch)
    .execute(tx.conn())
    .await
    .map(drop)
}

/// A limit or something missing: waits, with the moment of the next try; [`NEVER`] gives it to a person, as refused by
/// ourselves: nothing was sent, and it can be tried again with the same number.
pub(super) async fn hold(tx: &mut Tx, packet: &Packet, reason: &str, next_at: Ms) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update packet set updated_at = case when state = 'held' and reason = $1 then updated_at else $3 end, \
         state = case when $2 = $6 then 'refused' else 'held' end, reason = $1, next_at = $2, lease_until = 0 \
         where bill_no = $4 and epoch = $5 and state in ('queued', 'held', 'reserved')",
    )
    .bind(reason)
    .bind(next_at)
    .bind(packet.facts.at)
    .bind(&packet.bill)
    .bind(packet.epoch)
    .bind(NEVER)
    .execute(tx.conn())
    .await
    .map(drop)
}

/// T2: everything that the call needs is in the row.
pub(super) async fn reserved(
    tx: &mut Tx,
    packet: &Packet,
    request: &str,
    day: &str,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query(
        "update packet set state = 'reserved', reason = '', request = $1, openid = $2, updated_at = $3, day = $6 \
         where bill_no = $4 and epoch = $5 and state in ('queued', 'held', 'reserved')",
    )
    .bind(request)
    .bind(&packet.openid)
    .bind(packet.facts.at)
    .bind(&packet.bill)
    .bind(packet.epoch)
    .bind(day)
    .execute(tx.conn())
    .await?;
    Ok(hit(&done))
}

/// What a call wants of the payer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asks {
    /// To pay: a claimed packet.
    Send,
    /// What became of a claimed packet.
    Query,
    /// The same of one that nobody works on: a person wants to know.
    ByHand,
}

/// T3: what is about to leave is durable first. `None` when the packet is no longer ours to call for: another one has
/// claimed it, or our own claim ran out while we were frozen, so that the person may be in another call by now.
pub(super) async fn begin_call(app: &App, packet: &Packet, what: Asks) -> ApiResult<Option<String>> {
    let (now, packet) = (app.now(), packet.clone());
    // If the outcome of this commit is not known, nothing leaves: the lease runs out, and then the packet is asked for.
    app.db()
        .together(Locks::Own, move |tx| {
            async move {
                let row = call_row(tx, now, &packet, what).await?;
                failpoint::hit("pay.in_begin");
                Ok(row)
            }
            .boxed()
        })
        .await
}

async fn call_row(tx: &mut Tx, now: Ms, packet: &Packet, what: Asks) -> ApiResult<Option<String>> {
    let send = what == Asks::Send;
    let mut text = if send {
        "update packet set state = 'sending', sends = sends + 1, last_call_at = $1, next_at = $2, lease_until = $2, \
         updated_at = $1 where bill_no = $3 and state in ('reserved', 'unknown', 'blocked', 'confirming') \
         and lease_until > $1 and day = $5 and (select a.state from award a where a.id = packet.award_id) = 'payable'"
    } else if what == Asks::Query {
        "update packet set queries = queries + 1, last_call_at = $1, lease_until = $2 \
         where bill_no = $3 and lease_until > $1"
    } else {
        "update packet set queries = queries + 1, last_call_at = $1, lease_until = $2 \
         where bill_no = $3 and lease_until <= $1"
    }
    .to_owned();
    text += if planted("epoch_ignored") { " and epoch >= $4" } else { " and epoch = $4" };
    let mut update = sqlx::query(sqlx::AssertSqlSafe(text))
        .bind(now)
        .bind(now + LEASE)
        .bind(&packet.bill)
        .bind(packet.epoch);
    if send {
        // After midnight the slot must be one of the new day.
        update = update.bind(beijing_day(now));
    }
    if !hit(&update.execute(tx.conn()).await?) {
        return Ok(None);
    }
    let id = row_id();
    if planted("call_without_a_row") {
        return Ok(Some(id));
    }
    sqlx::query("insert into call (id, bill_no, epoch, kind, at) values ($1, $2, $3, $4, $5)")
        .bind(&id)
        .bind(&packet.bill)
        .bind(packet.epoch)
        .bind(if send { "send" } else { "query" })
        .bind(now)
        .execute(tx.conn())
        .await?;
    Ok(Some(id))
}

/// T4: the answer as it came, before anybody reads it. Answers it again.
pub(super) async fn store_answer(app: &App, call: &str, answer: Answer) -> ApiResult<Answer> {
    let (now, call) = (app.now(), call.to_owned());
    let update =
        sqlx::query("update call set answered_at = $1, status = $2, raw = $3, outcome = $4 where id = $5")
            .bind(now)
            .bind(answer.status.map(i64::from))
            .bind(answer.raw.clone())
            .bind(answer.failure.unwrap_or_default())
            .bind(call);
    app.db()
        .together(Locks::Own, |tx| {
            let stored = update.execute(tx.conn()).map_ok(|_| answer).err_into();
            stored.inspect_ok(|_| failpoint::hit("pay.in_store")).boxed()
        })
        .await
}

/// What a call meant, for people.
pub(super) async fn note_outcome(tx: &mut Tx, call: &str, outcome: &str) -> Result<(), sqlx::Error> {
    sqlx::query("update call set outcome = $1 where id = $2")
        .bind(outcome)
        .bind(call)
        .execute(tx.conn())
        .await
        .map(drop)
}

/// What the receiver confirms with: sealed, and shown to nobody else.
pub(super) async fn keep_ticket(
    tx: &mut Tx,
    bill: &str,
    (sealed, until): (&str, Ms),
) -> Result<(), sqlx::Error> {
    sqlx::query("update packet set ticket = $1, confirm_until = $2 where bill_no = $3")
        .bind(sealed)
        .bind(until)
        .bind(bill)
        .execute(tx.conn())
        .await
        .map(drop)
}

/// T5: what the packet becomes. Its end keeps the day on which it came: the books of that day are closed. False when the claim is gone.
pub(super) async fn become_next(
    tx: &mut Tx,
    packet: &Packet,
    next: &Next,
    list_id: &str,
    sent_at: Option<Ms>,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query(
        "update packet set state = $1, reason = $2, next_at = $3, undecided = $4, not_founds = $5, failed_at = $6, \
         sent_at = $7, list_id = case when $8 = '' then list_id else $8 end, lease_until = 0, updated_at = \
         case when state = $1 and state in ('received', 'refunded', 'failed', 'cancelled') then updated_at else $9 end \
         where bill_no = $10 and epoch = $11",
    )
    .bind(word(next.state))
    .bind(&next.reason)
    .bind(next.next_at)
    .bind(i64::from(next.undecided))
    .bind(next.not_founds)
    .bind(next.failed_at)
    .bind(sent_at)
    .bind(list_id)
    .bind(packet.facts.at)
    .bind(&packet.bill)
    .bind(packet.epoch)
    .execute(tx.conn())
    .await?;
    Ok(hit(&done))
}

/// Three different people in a row got this code, since the sender last went on.
pub(super) async fn three_in_a_row(tx: &mut Tx, code: &str) -> ApiResult<bool> {
    const LOOK: i64 = 30;
    const PEOPLE: usize = 3;
    let row =
        sqlx::query("select value from instance where name = 'sender'").fetch_optional(tx.conn()).await?;
    let since = match row {
        Some(row) => {
            let text: String = row.try_get(0)?;
            serde_json::from_str::<super::sender::Sender>(&text).context("the sender's state")?.at
        }
        None => 0,
    };
    let rows = sqlx::query(
        "select c.outcome, p.openid from call c join packet p on p.bill_no = c.bill_no \
         where c.kind = 'send' and c.answered_at >= $1 order by c.answered_at desc, c.id desc limit $2",
    )
    .bind(since)
    .bind(LOOK)
    .fetch_all(tx.conn())
    .await?;
    let mut people: Vec<String> = Vec::new();
    for row in rows {
        if row.try_get::<String, _>(0)? != code {
            break;
        }
        let openid: String = row.try_get(1)?;
        if !people.contains(&openid) {
            people.push(openid);
        }
    }
    Ok(people.len() >= PEOPLE)
}
