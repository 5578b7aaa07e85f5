//! A number that the payer does not know, and of which nobody knows whether it ever will: neither a verdict nor a new number
//! pays its winner. The same number once more does, and pays at most once whatever became of the first attempts.

use super::{
    acts, ask,
    next::{NOT_FOUND_PAUSE, NOT_FOUND_SENDS, Outcome, is_askable},
    settle::{self, Call},
    sql::Packet,
};
use crate::{
    app::App,
    approval::Warrant,
    db::hit,
    error::{ApiError, ApiResult},
};

/// Reasons to be with a person that another call cannot end: the payer has an order of this number.
const HELD_BY_PAYER: [&str; 5] =
    ["FATAL_ERROR", "other_order", "late_success", "failed_after_sent", "no_end"];

/// Asks the payer, and sends the packet once more with its number and bytes when it says `NOT_FOUND`. Whatever else the
/// payer says for certain is settled instead. 409 `not_open` when another call cannot help, `ask_again` without an answer.
pub(super) async fn resend(app: &App, warrant: Warrant<'_>, meeting: &str, packet: &Packet) -> ApiResult<()> {
    let facts = &packet.facts;
    if facts.sent_at.is_some() || HELD_BY_PAYER.contains(&facts.reason.as_str()) || !is_askable(facts) {
        let detail = "这个红包再发一次也不会有结果：微信已有这个单号的记录，或距第一次发送已满 28 天。请到商户平台查账后人工认定。";
        return Err(ApiError::conflict("not_open", detail));
    }
    let asked = ask::ask(app, packet).await?;
    settle::settle(app, Call { packet, id: &asked.call, outcome: &asked.outcome }).await?;
    match &asked.outcome {
        Outcome::QueryError { code } if code == "NOT_FOUND" => {}
        Outcome::QueryError { .. } | Outcome::SendError { .. } | Outcome::Lost => {
            return Err(ask::unanswered());
        }
        // The payer has spoken: there is nothing left to send.
        Outcome::Sent { .. } | Outcome::Accepted { .. } | Outcome::Found { .. } => return Ok(()),
    }
    again(app, warrant, meeting, &packet.bill).await
}

/// As after any `NOT_FOUND`: a minute from now, and asked for after that. Each act is one call.
async fn again(app: &App, warrant: Warrant<'_>, meeting: &str, bill: &str) -> ApiResult<()> {
    let now = app.now();
    let mut tx = app.db().begin().await?;
    let done = sqlx::query(
        "update packet set state = 'unknown', reason = 'NOT_FOUND', not_founds = $1, next_at = $2, updated_at = $3 \
         where bill_no = $4 and state = 'needs_human' and lease_until <= $3 and request <> '' \
         and (select a.state from award a where a.id = packet.award_id) = 'payable'",
    )
    .bind(NOT_FOUND_SENDS)
    .bind(now + NOT_FOUND_PAUSE)
    .bind(now)
    .bind(bill)
    .execute(tx.conn())
    .await?;
    if !hit(&done) {
        return Err(super::block_error("outcome_unknown"));
    }
    acts::requeued(app, tx, warrant, (meeting, bill)).await
}
