//! A database that was put back to an older state does not know what was paid since. Before it sends anything, the payer
//! is asked for every number that could be sent; the same awards have the same numbers, so what was paid is found.

use anyhow::Context;
use serde::{Deserialize, Serialize};
use sqlx::Row;

use super::{
    ask,
    codes::OTHER_ORDER,
    next::Outcome,
    sender::{self, BEHIND_MARK, Sender},
    settle::{self, Call},
    sql::{self, Packet},
};
use crate::{
    app::App,
    clock::Ms,
    db::Tx,
    error::{ApiError, ApiResult},
    wire::{MatchingView, PacketState},
};

/// Numbers of one request: it must end within the time of a request.
const AT_ONCE: i64 = 20;

/// Packets that the sender would send, or send again.
const COULD_BE_SENT: &str =
    "p.state in ('queued', 'held', 'reserved', 'sending', 'confirming', 'unknown', 'blocked')";

/// The payer answered a query about it since $1.
const ANSWERED: &str = "exists (select 1 from call c where c.bill_no = p.bill_no and c.kind = 'query' and c.at >= $1 \
    and c.outcome in ('SENT', 'RECEIVED', 'RFUND_ING', 'REFUND', 'FAILED', 'SENDING', 'SENDING_REASON', \
    'CONFIRMING', 'confirming', 'NOT_FOUND', 'other_order'))";

/// A statement that was imported while the sender was stopped.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Statement {
    at: Ms,
    differences: i64,
}

/// What the older state has forgotten may have been sent without a decided answer: from here on no refusal proves that
/// nothing was paid under these numbers.
pub(super) async fn doubt(tx: &mut Tx, at: Ms) -> Result<(), sqlx::Error> {
    let text = format!("update packet as p set undecided = 1 where {COULD_BE_SENT}");
    sqlx::query(sqlx::AssertSqlSafe(text)).execute(tx.conn()).await?;
    sqlx::query(
        "insert into instance (name, value) values ('doubted', $1) \
         on conflict (name) do update set value = excluded.value",
    )
    .bind(at.to_string())
    .execute(tx.conn())
    .await
    .map(drop)
}

/// Awards made before this moment may have got their packet in a time that the database has forgotten: such a number is
/// undecided from its beginning.
pub(super) async fn doubted(tx: &mut Tx) -> Result<Ms, sqlx::Error> {
    let row =
        sqlx::query("select value from instance where name = 'doubted'").fetch_optional(tx.conn()).await?;
    let Some(row) = row else { return Ok(Ms::MIN) };
    Ok(row.try_get::<String, _>(0)?.parse().unwrap_or(Ms::MAX))
}

/// Whether the database was put back to an older state and is not matched with the payer yet.
pub(super) async fn is_open(tx: &mut Tx) -> Result<bool, sqlx::Error> {
    Ok(Sender::within(tx).await?.reason == BEHIND_MARK)
}

/// Data that were restored do not know what was paid after they were saved: the sender is off until finance has matched
/// them with the payer.
pub async fn hold_restored(tx: &mut Tx, at: Ms) -> Result<(), sqlx::Error> {
    sender::stop(tx, at, BEHIND_MARK).await?;
    doubt(tx, at).await
}

/// Notes that the payer's statement was compared, in the transaction that records it.
pub async fn note_statement(tx: &mut Tx, at: Ms, differences: i64) -> ApiResult<()> {
    let text = serde_json::to_string(&Statement { at, differences }).context("a statement's result")?;
    sqlx::query(
        "insert into instance (name, value) values ('statement', $1) \
         on conflict (name) do update set value = excluded.value",
    )
    .bind(text)
    .execute(tx.conn())
    .await?;
    Ok(())
}

async fn statement(app: &App, since: Ms) -> ApiResult<Option<Statement>> {
    let row = sqlx::query("select value from instance where name = 'statement'")
        .fetch_optional(app.db().read())
        .await?;
    let Some(row) = row else { return Ok(None) };
    let stored: Statement =
        serde_json::from_str(&row.try_get::<String, _>(0)?).context("a statement's result")?;
    Ok((stored.at >= since).then_some(stored))
}

/// How far it is.
pub(super) async fn view(app: &App) -> ApiResult<MatchingView> {
    let sender = Sender::load(app.db()).await?;
    let behind = sender.paused && sender.reason == BEHIND_MARK;
    let since = if behind { sender.at } else { 0 };
    let text = format!(
        "select (select count(*) from packet p where {ANSWERED}), \
         (select count(*) from packet p where {COULD_BE_SENT} and not {ANSWERED}), \
         (select count(*) from packet p where p.sent_at >= $1)"
    );
    let row = sqlx::query(sqlx::AssertSqlSafe(text)).bind(since).fetch_one(app.db().read()).await?;
    let statement = statement(app, since).await?.filter(|_| behind);
    let left: i64 = if behind { row.try_get(1)? } else { 0 };
    Ok(MatchingView {
        behind,
        since,
        asked: if behind { row.try_get(0)? } else { 0 },
        left,
        found_paid: if behind { row.try_get(2)? } else { 0 },
        statement_at: statement.map(|stored| stored.at),
        statement_differences: statement.map_or(0, |stored| stored.differences),
        // No statement releases it: nothing in a file proves that it is whole, new enough and of every merchant.
        complete: left == 0,
    })
}

/// 409 `not_matched` while numbers are left to be asked for.
pub(super) async fn must_be_complete(app: &App) -> ApiResult<()> {
    let view = view(app).await?;
    if view.complete {
        return Ok(());
    }
    let detail = format!("还有 {} 个单号没有向微信核对，恢复发送前请先核对完。", view.left);
    Err(ApiError::conflict("not_matched", detail))
}

/// Asks for some of the numbers that are left.
pub(super) async fn ask_more(app: &App) -> ApiResult<()> {
    let sender = Sender::load(app.db()).await?;
    if !sender.paused || sender.reason != BEHIND_MARK {
        return Err(ApiError::conflict("not_behind", "数据库没有落后于账本标记，不需要核对。"));
    }
    let text = format!(
        "select p.bill_no from packet p where {COULD_BE_SENT} and not {ANSWERED} \
         order by p.created_at, p.bill_no limit $2"
    );
    let rows = sqlx::query(sqlx::AssertSqlSafe(text))
        .bind(sender.at)
        .bind(AT_ONCE)
        .fetch_all(app.db().read())
        .await?;
    let mut unanswered = false;
    for row in &rows {
        let packet = sql::one(app, &row.try_get::<String, _>(0)?).await?;
        unanswered |= !one(app, &packet).await?;
    }
    if unanswered {
        return Err(ask::unanswered());
    }
    Ok(())
}

/// Asks for one number; false when the payer gave no answer.
async fn one(app: &App, packet: &Packet) -> ApiResult<bool> {
    if packet.facts.state == PacketState::Sending {
        // Nobody has seen its answer. That it is undecided must stand before anything else is heard of it.
        settle::settle(app, Call { packet, id: "", outcome: &Outcome::Lost }).await?;
    }
    let packet = &sql::one(app, &packet.bill).await?;
    let asked = match ask::ask(app, packet).await {
        Ok(asked) => asked,
        // The sender asks for it just now: its answer counts as well.
        Err(error) if error.code() == "outcome_unknown" => return Ok(true),
        Err(error) => return Err(error),
    };
    let waits = matches!(packet.facts.state, PacketState::Queued | PacketState::Held | PacketState::Reserved);
    if let (true, Outcome::QueryError { code }) = (waits, &asked.outcome)
        && code != OTHER_ORDER
    {
        // Not at the payer: it stays in the queue as it was.
        ask::note_only(app, packet, &asked.call, code).await?;
        return Ok(code == "NOT_FOUND");
    }
    let answered = match &asked.outcome {
        Outcome::QueryError { code } => code == "NOT_FOUND" || code == OTHER_ORDER,
        _ => true,
    };
    settle::settle(app, Call { packet, id: &asked.call, outcome: &asked.outcome }).await?;
    Ok(answered)
}
