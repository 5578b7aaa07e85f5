//! T5: one transaction for all that an answer means — packet, award, budget, ledger, draw log, event.

use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::FutureExt;
use metrics::counter;
use sqlx::Row;

use super::{
    awards::AwardRow,
    codes::{self, Effect},
    day, matching,
    next::{Money, Next, Outcome, Status, next},
    sender, sql,
    sql::Packet,
    tell::{self, Told},
};
use crate::{
    app::App,
    budget::{self, ledger},
    clock::{DAY, Ms},
    db::{Locks, Tx},
    error::{ApiError, ApiResult},
    failpoint,
    keys::Purpose,
    mutant::planted,
    watch,
    wire::PacketState,
};

/// A transaction that lost against another one is tried again so often.
const TRIES: usize = 3;

/// What a call was about.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call<'a> {
    pub(super) packet: &'a Packet,
    /// Empty when there was none ([`Outcome::Lost`]).
    pub(super) id: &'a str,
    pub(super) outcome: &'a Outcome,
}

/// Settles an answer and tells everybody. Answers what the packet became, `None` when the claim was gone: the
/// answer is kept, and whoever holds the packet now will ask the payer.
pub(super) async fn settle(app: &App, call: Call<'_>) -> ApiResult<Option<Next>> {
    if !call.id.is_empty() {
        counter!(watch::PAYER_ANSWERS, "outcome" => counted(call.outcome)).increment(1);
    }
    let (mut logged, mut covered) = (true, true);
    let mut tries = 0;
    loop {
        tries += 1;
        match once(app, call, (logged, covered)).await {
            Ok(None) => return Ok(None),
            Ok(Some((next, told))) => {
                failpoint::hit("pay.after_settle");
                if next.money != Money::Stay {
                    mark(app).await;
                    failpoint::hit("pay.after_mark");
                }
                told.publish(app).await;
                return Ok(Some(next));
            }
            // Money that moved is booked even when the draw log does not take its line: the log is for people, and the
            // refusal is an alarm of its own.
            Err(error) if error.code() == tell::LOG_REFUSED && logged => logged = false,
            // Paid after it was taken for dead, and its budget has no room for it any more: a person has to make some.
            Err(error) if error.code() == "budget" && covered => covered = false,
            Err(error) if tries < TRIES && error.status().is_server_error() => {
                tracing::warn!(bill = call.packet.bill, %error, "settling is tried again");
            }
            Err(error) => return Err(error),
        }
    }
}

/// Who writes the mark, and for how many settlements it was written.
#[derive(Debug, Default)]
struct Marks {
    writing: tokio::sync::Mutex<u64>,
    wanted: AtomicU64,
}

/// Copies the ledger's head to its mark; one that cannot be written is logged, and the next settlement tries again.
/// Settlements that wait for the one who writes share the next writing.
pub(super) async fn mark(app: &App) {
    let marks = app.kept::<Marks>();
    let mine = marks.wanted.fetch_add(1, Ordering::SeqCst) + 1;
    let mut written = marks.writing.lock().await;
    if *written >= mine {
        return;
    }
    let all = marks.wanted.load(Ordering::SeqCst);
    match ledger::write_mark(app).await {
        Ok(()) => *written = all,
        Err(error) => tracing::error!(error = format!("{error:#}"), "the ledger's mark could not be written"),
    }
}

async fn once(app: &App, call: Call<'_>, may: (bool, bool)) -> ApiResult<Option<(Next, Told)>> {
    let (app, packet) = (app.clone(), call.packet.clone());
    let (id, outcome) = (call.id.to_owned(), call.outcome.clone());
    let db = app.db().clone();
    db.together(Locks::Books, move |tx| {
        async move {
            let call = Call { packet: &packet, id: &id, outcome: &outcome };
            let settled = apply(&app, tx, call, may).await?;
            failpoint::hit("pay.before_settle");
            Ok(settled)
        }
        .boxed()
    })
    .await
}

async fn apply(
    app: &App,
    tx: &mut Tx,
    call: Call<'_>,
    (logged, covered): (bool, bool),
) -> ApiResult<Option<(Next, Told)>> {
    let now = app.now();
    let award = AwardRow::of_packet(tx, &call.packet.bill).await?;
    lock_meeting(tx, &award.meeting).await?;
    if !call.id.is_empty() {
        sql::note_outcome(tx, call.id, &said(call.outcome)).await?;
    }
    let Some(packet) = Packet::claimed(tx, &call.packet.bill, call.packet.epoch, now).await? else {
        return Ok(None);
    };
    let mut next = next(&packet.facts, call.outcome);
    keep_again(tx, now, (&award, &packet), &mut next, covered).await?;
    let pays = matches!(next.money, Money::Pay | Money::PayAndReturn);
    let sent_at = if pays { Some(now) } else { packet.facts.sent_at };
    if !sql::become_next(tx, &packet, &next, list_id(call.outcome), sent_at).await? {
        return Ok(None);
    }
    if let Outcome::Accepted { ticket, until, .. } = call.outcome
        && !ticket.is_empty()
    {
        let sealed = hex::encode(app.keys().seal(Purpose::Ticket, &packet.bill, ticket.as_bytes()));
        sql::keep_ticket(tx, &packet.bill, (&sealed, *until)).await?;
    }
    let log = if logged { tell::log(app, tx, &award, &packet, next.money).await? } else { None };
    move_money(tx, now, &award, &packet, next.money).await?;
    match next.sender {
        Effect::Pause => sender::stop(tx, now, &next_code(call.outcome)).await?,
        Effect::PauseAtThree if sql::three_in_a_row(tx, &next_code(call.outcome)).await? => {
            sender::stop(tx, now, &next_code(call.outcome)).await?;
        }
        Effect::PauseAtThree | Effect::Slow | Effect::None => {}
    }
    let told = tell::seat_changed(app, tx, &award, (packet.facts.state, next.state), log).await?;
    Ok(Some((next, told)))
}

/// The money of a number that was taken for dead was released, and the payer says now that it paid: it is reserved again
/// before it is booked as paid, so that nobody else's is taken for it. Without cover it stays with a person.
async fn keep_again(
    tx: &mut Tx,
    now: Ms,
    (award, packet): (&AwardRow, &Packet),
    next: &mut Next,
    covered: bool,
) -> ApiResult<()> {
    if packet.facts.sent_at.is_some() || award.holds() {
        return Ok(());
    }
    match next.money {
        Money::Pay | Money::PayAndReturn if covered => {
            budget::reserve_again(tx, now, award.part(), award.fen).await
        }
        Money::Pay | Money::PayAndReturn => {
            next.state = PacketState::NeedsHuman;
            next.reason = "late_success".into();
            next.next_at = now + DAY;
            next.money = Money::Stay;
            Ok(())
        }
        Money::Release => {
            next.money = Money::Stay;
            Ok(())
        }
        Money::Stay | Money::Return => Ok(()),
    }
}

/// All money of a meeting moves under its row lock, as draws do: no two transactions wait for each other crosswise.
pub(super) async fn lock_meeting(tx: &mut Tx, meeting: &str) -> Result<(), sqlx::Error> {
    let text = format!("select id from meeting where id = $1{}", tx.locking());
    sqlx::query(sqlx::AssertSqlSafe(text)).bind(meeting).fetch_optional(tx.conn()).await.map(drop)
}

/// Books a movement of money: budget, account, ledger, award, and the day's slot of what failed.
pub(super) async fn move_money(
    tx: &mut Tx,
    now: Ms,
    award: &AwardRow,
    packet: &Packet,
    money: Money,
) -> ApiResult<()> {
    let pays = matches!(money, Money::Pay | Money::PayAndReturn);
    let returns = matches!(money, Money::Return | Money::PayAndReturn);
    if money == Money::Stay && planted("slot_given_back_early") {
        day::give_back_slot(tx, packet).await?;
    }
    if pays {
        budget::spend(tx, now, award.part(), award.fen, &packet.bill).await?;
        award.set_state(tx, now, "paid").await?;
    }
    if returns {
        budget::give_back(tx, now, &award.budget, award.fen, &packet.bill).await?;
        award.set_state(tx, now, "returned").await?;
    }
    if money == Money::Release {
        budget::release(tx, now, award.part(), award.fen).await?;
        award.set_state(tx, now, "failed").await?;
        day::give_back_slot(tx, packet).await?;
    }
    Ok(())
}

fn list_id(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::Sent { list_id } | Outcome::Accepted { list_id, .. } | Outcome::Found { list_id, .. } => {
            list_id
        }
        Outcome::SendError { .. } | Outcome::QueryError { .. } | Outcome::Lost => "",
    }
}

fn next_code(outcome: &Outcome) -> String {
    match outcome {
        Outcome::SendError { code } | Outcome::QueryError { code } => code.clone(),
        Outcome::Sent { .. } | Outcome::Accepted { .. } | Outcome::Found { .. } | Outcome::Lost => {
            String::new()
        }
    }
}

/// The outcome as a label: the payer may invent codes without end.
fn counted(outcome: &Outcome) -> String {
    match outcome {
        Outcome::SendError { code } | Outcome::QueryError { code } if !codes::is_known(code) => {
            "other".into()
        }
        _ => said(outcome),
    }
}

/// The outcome of a call in one word, as stored.
fn said(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Sent { .. } => "sent".into(),
        Outcome::Accepted { .. } => "confirming".into(),
        Outcome::SendError { code } | Outcome::QueryError { code } => code.clone(),
        Outcome::Found { status, .. } => match status {
            Status::Sending => "SENDING",
            Status::Stuck => "SENDING_REASON",
            Status::Confirming => "CONFIRMING",
            Status::Sent => "SENT",
            Status::Received => "RECEIVED",
            Status::Failed => "FAILED",
            Status::Refunding => "RFUND_ING",
            Status::Refunded => "REFUND",
            Status::Other => "other",
        }
        .into(),
        Outcome::Lost => "lost".into(),
    }
}

/// A person of finance ends a packet that was never paid and never will be, and its award with it.
///
/// 409 `already_paid` / `outcome_unknown` when that is not certain. Cancelling again what is cancelled changes nothing.
pub(super) async fn cancel(app: &App, tx: &mut Tx, bill: &str) -> ApiResult<Told> {
    let now = app.now();
    let award = AwardRow::of_packet(tx, bill).await?;
    lock_meeting(tx, &award.meeting).await?;
    let also = if planted("cancel_what_is_unknown") { "'unknown', 'blocked', " } else { "" };
    let text = format!(
        "update packet set state = 'cancelled', reason = 'by_hand', next_at = $1, epoch = epoch + 1, lease_until = 0, \
         updated_at = $2 where bill_no = $3 and state in ({also}'queued', 'held', 'reserved', 'refused')"
    );
    let done = sqlx::query(sqlx::AssertSqlSafe(text))
        .bind(super::awards::NEVER)
        .bind(now)
        .bind(bill)
        .execute(tx.conn())
        .await?;
    let row = sqlx::query("select state, sent_at, undecided from packet where bill_no = $1")
        .bind(bill)
        .fetch_one(tx.conn())
        .await?;
    let state = sql::state(&row.try_get::<String, _>(0)?)?;
    let sent: Option<Ms> = row.try_get(1)?;
    if row.try_get::<i64, _>(2)? != 0 && matching::is_open(tx).await? {
        return Err(super::block_error("outcome_unknown"));
    }
    if !crate::db::hit(&done) {
        return cancellable(state, sent).map(|()| Told::nothing());
    }
    if matches!(award.state.as_str(), "waiting" | "payable" | "suspended") {
        budget::release(tx, now, award.part(), award.fen).await?;
        award.set_state(tx, now, "cancelled").await?;
    }
    tell::seat_changed(app, tx, &award, (PacketState::Queued, state), None).await
}

/// Whether a packet in this state was never paid and can be ended; one that is cancelled already is, too.
pub(super) fn cancellable(state: PacketState, sent: Option<Ms>) -> ApiResult<()> {
    use PacketState::{Cancelled, Failed, Held, Queued, Refused, Reserved};
    match state {
        Cancelled | Queued | Held | Reserved | Refused => Ok(()),
        _ if sent.is_some() => Err(super::block_error("already_paid")),
        Failed => Err(ApiError::conflict("already_failed", "该红包已确认失败，没有付款，无需取消。")),
        _ => Err(super::block_error("outcome_unknown")),
    }
}
