//! Verdicts by hand, where no machine can decide; and the two harmless acts beside them, asking again and trying again.
//!
//! The payer is asked first, and whatever it says for certain goes before any verdict. A verdict never makes a new
//! number: for that the old one must be proved dead by the payer itself, as always.

use anyhow::Context;
use sqlx::Row;

use super::{
    acts, ask,
    awards::{AwardRow, NEVER},
    codes::Effect,
    next::{Facts, Money, Next, Outcome, Status},
    resend,
    settle::{self, Call},
    sql::{self, Packet},
    tell,
};
use crate::{
    app::App,
    approval::Warrant,
    audit::{self, Deed},
    budget,
    clock::{DAY, Ms},
    db::hit,
    error::{ApiError, ApiResult},
    wire::{PacketState, Verdict},
};

/// "Not paid" needs a payer that does not know the number so long after it was last sent.
const QUIET: Ms = DAY;
/// The payer answers questions about a number for 30 days; from here on it cannot contradict.
const ASKABLE: Ms = 28 * DAY;
/// Asking by hand goes to the payer at most so often for one number.
const ASK_PAUSE: Ms = 10_000;
/// Evidence, characters.
const NOTE: std::ops::RangeInclusive<usize> = 6..=300;

/// Evidence as it is kept: 422 `evidence` when it says nothing.
pub(super) fn evidence(note: &str) -> ApiResult<String> {
    let note = note.trim();
    if !NOTE.contains(&note.chars().count()) || note.chars().any(char::is_control) {
        let detail = "请写明依据（6 到 300 个字），例如商户平台哪一天的账单、哪一行。";
        return Err(ApiError::invalid("evidence", "note", detail));
    }
    Ok(note.to_owned())
}

/// 409 unless the packet waits for a person.
pub(super) fn must_wait(state: PacketState) -> ApiResult<()> {
    match state {
        PacketState::NeedsHuman => Ok(()),
        PacketState::Sent | PacketState::Received => Err(super::block_error("already_paid")),
        PacketState::Sending | PacketState::Confirming | PacketState::Unknown | PacketState::Blocked => {
            Err(super::block_error("outcome_unknown"))
        }
        _ => Err(ApiError::conflict("not_open", "该红包不需要人工认定，请看它现在的状态。")),
    }
}

/// Ends a packet by a person's verdict, unless the payer decides it now.
pub(super) async fn resolve(
    app: &App,
    warrant: Warrant<'_>,
    (meeting, bill): (&str, &str),
    (verdict, note): (Verdict, &str),
) -> ApiResult<()> {
    let packet = sql::one(app, bill).await?;
    must_wait(packet.facts.state)?;
    let asked = ask::ask(app, &packet).await?;
    settle::settle(app, Call { packet: &packet, id: &asked.call, outcome: &asked.outcome }).await?;
    let packet = sql::one(app, bill).await?;
    if packet.facts.state != PacketState::NeedsHuman {
        // The payer has spoken: there is nothing left to confirm.
        let mut tx = app.db().begin().await?;
        warrant.close(&mut tx, app.now()).await?;
        return Ok(tx.commit().await?);
    }
    may(app, &packet, verdict, &asked.outcome).await?;
    let logged = end(app, warrant, (&packet, meeting), (verdict, note), true).await;
    match logged {
        Err(error) if error.code() == tell::LOG_REFUSED => {
            end(app, warrant, (&packet, meeting), (verdict, note), false).await
        }
        done => done,
    }
}

/// What the payer's answer allows.
async fn may(app: &App, packet: &Packet, verdict: Verdict, outcome: &Outcome) -> ApiResult<()> {
    let disagrees = || {
        let detail = "微信的记录与这个认定相反，不能这样处理；请以微信的记录为准，稍后再问一次。";
        Err(ApiError::conflict("payer_disagrees", detail))
    };
    match (verdict, outcome) {
        (
            Verdict::Paid | Verdict::Returned,
            Outcome::Found { status: Status::Failed | Status::Confirming, .. } | Outcome::Accepted { .. },
        )
        | (Verdict::Returned, Outcome::Found { status: Status::Sent, .. }) => disagrees(),
        (Verdict::Paid | Verdict::Returned, _) => Ok(()),
        // Booked as paid, and the payer's books deny it now.
        (Verdict::Unpaid, Outcome::Found { status: Status::Failed, .. })
            if packet.facts.sent_at.is_some() =>
        {
            Ok(())
        }
        (Verdict::Unpaid, Outcome::Found { .. } | Outcome::Sent { .. } | Outcome::Accepted { .. }) => {
            Err(super::block_error("outcome_unknown"))
        }
        (Verdict::Unpaid, _) if age(&packet.facts) >= ASKABLE => Ok(()),
        (Verdict::Unpaid, Outcome::QueryError { code }) if code == "NOT_FOUND" => quiet(app, packet).await,
        (Verdict::Unpaid, _) => Err(ask::unanswered()),
    }
}

fn age(facts: &Facts) -> Ms {
    facts.first_call_at.map_or(0, |first| facts.at - first)
}

async fn quiet(app: &App, packet: &Packet) -> ApiResult<()> {
    let row = sqlx::query("select coalesce(max(at), 0) from call where bill_no = $1 and kind = 'send'")
        .bind(&packet.bill)
        .fetch_one(app.db().read())
        .await?;
    if app.now() - row.try_get::<Ms, _>(0)? >= QUIET {
        return Ok(());
    }
    let detail = "微信查不到这个单号，但距最后一次发送不到 24 小时，还不能认定没有付款，请到时再处理。";
    Err(ApiError::conflict("ask_again", detail))
}

/// What the packet becomes, and what happens to its money.
fn ended(facts: &Facts, verdict: Verdict) -> Next {
    let booked = facts.sent_at.is_some();
    let (state, money) = match (verdict, booked) {
        (Verdict::Paid, true) => (PacketState::Received, Money::Stay),
        (Verdict::Paid, false) => (PacketState::Received, Money::Pay),
        (Verdict::Returned | Verdict::Unpaid, true) => (PacketState::Refunded, Money::Return),
        (Verdict::Returned, false) => (PacketState::Refunded, Money::PayAndReturn),
        (Verdict::Unpaid, false) => (PacketState::Failed, Money::Release),
    };
    Next {
        state,
        reason: "by_hand".into(),
        next_at: NEVER,
        undecided: facts.undecided,
        not_founds: facts.not_founds,
        failed_at: facts.failed_at,
        money,
        sender: Effect::None,
    }
}

async fn end(
    app: &App,
    warrant: Warrant<'_>,
    (packet, meeting): (&Packet, &str),
    (verdict, note): (Verdict, &str),
    logged: bool,
) -> ApiResult<()> {
    let now = app.now();
    let mut tx = app.db().begin().await?;
    let award = AwardRow::of_packet(&mut tx, &packet.bill).await?;
    settle::lock_meeting(&mut tx, &award.meeting).await?;
    let fresh = Packet::claimed(&mut tx, &packet.bill, packet.epoch, now).await?;
    let Some(packet) = fresh.filter(|fresh| fresh.facts.state == PacketState::NeedsHuman) else {
        return Err(super::block_error("outcome_unknown"));
    };
    let mut next = ended(&packet.facts, verdict);
    // Money that was released when the number was taken for dead is kept again before it is booked as paid.
    let kept = packet.facts.sent_at.is_some() || award.holds();
    match next.money {
        Money::Pay | Money::PayAndReturn if !kept => {
            budget::reserve_again(&mut tx, now, award.part(), award.fen).await?;
        }
        Money::Release if !kept => next.money = Money::Stay,
        _ => {}
    }
    let sent_at = if next.state == PacketState::Failed {
        packet.facts.sent_at
    } else {
        packet.facts.sent_at.or(Some(now))
    };
    if !sql::become_next(&mut tx, &packet, &next, "", sent_at).await? {
        return Err(super::block_error("outcome_unknown"));
    }
    let log = if logged { tell::log(app, &mut tx, &award, &packet, next.money).await? } else { None };
    settle::move_money(&mut tx, now, &award, &packet, next.money).await?;
    warrant.close(&mut tx, now).await?;
    acts::write(&mut tx, now, warrant, (&packet.bill, word(verdict)), note).await?;
    let deed = Deed {
        who: &warrant.staff.user,
        what: "packet.resolve",
        meeting,
        target: &packet.bill,
        note: word(verdict),
    };
    audit::record(&mut tx, now, &deed).await?;
    let told = tell::seat_changed(app, &mut tx, &award, (packet.facts.state, next.state), log).await?;
    tx.commit().await?;
    settle::mark(app).await;
    told.publish(app).await;
    Ok(())
}

/// A verdict as stored.
pub(super) fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Paid => "paid",
        Verdict::Returned => "returned",
        Verdict::Unpaid => "unpaid",
    }
}

/// The verdict of a stored word.
pub(super) fn verdict(word: &str) -> ApiResult<Verdict> {
    Ok(serde_json::from_value(word.into()).context("a stored verdict")?)
}

/// Asks the payer now and settles what it says. Only what is open at the payer can be asked for.
pub(super) async fn ask_now(app: &App, warrant: Warrant<'_>, bill: &str) -> ApiResult<()> {
    let packet = sql::one(app, bill).await?;
    if !matches!(
        packet.facts.state,
        PacketState::NeedsHuman
            | PacketState::Unknown
            | PacketState::Blocked
            | PacketState::Confirming
            | PacketState::Sent
    ) {
        return Err(ApiError::conflict("not_open", "该红包没有等待微信结果，无需查询。"));
    }
    let row = sqlx::query("select coalesce(last_call_at, 0) from packet where bill_no = $1")
        .bind(bill)
        .fetch_one(app.db().read())
        .await?;
    if app.now() - row.try_get::<Ms, _>(0)? < ASK_PAUSE {
        return Err(ApiError::conflict("ask_again", "刚刚问过微信，请十秒后再问。"));
    }
    let asked = ask::ask(app, &packet).await?;
    settle::settle(app, Call { packet: &packet, id: &asked.call, outcome: &asked.outcome }).await?;
    let mut tx = app.db().begin().await?;
    acts::write(&mut tx, app.now(), warrant, (bill, "ask"), "").await?;
    Ok(tx.commit().await?)
}

/// Puts a packet back into the queue with its number: one that waits, or one that was given up before it was ever sent.
/// One that waits for a person is sent once more under its number, when the payer does not know that number.
pub(super) async fn retry(app: &App, warrant: Warrant<'_>, meeting: &str, bill: &str) -> ApiResult<()> {
    let packet = sql::one(app, bill).await?;
    if packet.facts.state == PacketState::NeedsHuman {
        return resend::resend(app, warrant, meeting, &packet).await;
    }
    let now = app.now();
    let mut tx = app.db().begin().await?;
    let done = sqlx::query(
        "update packet set state = 'queued', reason = '', next_at = $1, updated_at = $1 where bill_no = $2 \
         and ((state = 'held' and reason <> 'suspended') or (state = 'refused' and sends = 0)) and lease_until <= $1 \
         and (select a.state from award a where a.id = packet.award_id) = 'payable'",
    )
    .bind(now)
    .bind(bill)
    .execute(tx.conn())
    .await?;
    if !hit(&done) {
        let detail = "只有暂缓的、或从未发出就停下的红包可以再试；被微信拒绝的请核实后换号重发。";
        return Err(ApiError::conflict("not_open", detail));
    }
    acts::requeued(app, tx, warrant, (meeting, bill)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(sent_at: Option<Ms>) -> Facts {
        Facts {
            state: PacketState::NeedsHuman,
            reason: "NOT_FOUND".into(),
            undecided: true,
            sends: 3,
            queries: 9,
            not_founds: 6,
            born: 0,
            first_call_at: Some(0),
            failed_at: None,
            sent_at,
            at: 4 * DAY,
        }
    }

    #[test]
    fn a_verdict_books_each_fen_once() {
        let became = |sent, verdict| {
            let next = ended(&facts(sent), verdict);
            (next.state, next.money)
        };
        assert_eq!(became(None, Verdict::Paid), (PacketState::Received, Money::Pay));
        assert_eq!(became(Some(1), Verdict::Paid), (PacketState::Received, Money::Stay));
        assert_eq!(became(None, Verdict::Returned), (PacketState::Refunded, Money::PayAndReturn));
        assert_eq!(became(Some(1), Verdict::Returned), (PacketState::Refunded, Money::Return));
        assert_eq!(became(None, Verdict::Unpaid), (PacketState::Failed, Money::Release));
        // What was booked as paid goes back through the books, never out of them.
        assert_eq!(became(Some(1), Verdict::Unpaid), (PacketState::Refunded, Money::Return));
        assert!(ended(&facts(None), Verdict::Unpaid).undecided, "an undecided attempt stays one");
    }

    #[test]
    fn evidence_says_something() {
        assert!(evidence("  账单 ").is_err());
        assert!(evidence("商户平台11月26日账单第3行").is_ok());
        assert!(evidence(&"依".repeat(301)).is_err());
        assert!(evidence("第一行\n第二行第三行").is_err());
    }
}
