//! A new bill number for an award whose old number is proved dead: the only act that could pay twice, so it asks the
//! payer at that moment, and only a person of finance does it (`money.md` §4).

use sqlx::Row;

use super::{
    acts,
    ask::{self, Asked},
    awards::{AwardRow, NEVER},
    bill_no::bill_no,
    day,
    next::{Money, Outcome, Status},
    settle::{self, Call},
    sql::{self, Packet},
    tell,
};
use crate::{
    app::App,
    approval::Warrant,
    audit::{self, Deed},
    budget,
    clock::Ms,
    db::{Tx, hit},
    error::{ApiError, ApiResult},
    wire::PacketState,
};

/// A clean refusal is dead only when the payer does not know the number at two queries so far apart.
const APART: Ms = 10 * 60_000;

/// What is proved of the old number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dead {
    /// The payer's books say that it failed.
    Failed,
    /// It was paid, not opened, and the money came back.
    Returned,
    /// It was refused cleanly, and the payer has never heard of it.
    NeverTaken,
}

/// Gives the packet's award another number; answers it.
pub(super) async fn reissue(app: &App, warrant: Warrant<'_>, meeting: &str, bill: &str) -> ApiResult<String> {
    let packet = candidate(app, bill).await?;
    let proved = proof(app, &packet).await?;
    renew(app, warrant, meeting, (&packet, proved)).await
}

/// The new number, once the old one is proved dead.
pub(super) async fn renew(
    app: &App,
    warrant: Warrant<'_>,
    meeting: &str,
    (packet, proved): (&Packet, Dead),
) -> ApiResult<String> {
    let (now, bill) = (app.now(), packet.bill.as_str());
    let mut tx = app.db().begin().await?;
    let award = AwardRow::of_packet(&mut tx, bill).await?;
    settle::lock_meeting(&mut tx, &award.meeting).await?;
    still(&mut tx, &award, packet).await?;
    let mut log = None;
    if proved == Dead::NeverTaken {
        // Its money is still kept: the new number takes it over.
        bury(&mut tx, packet, now).await?;
        log = tell::log(app, &mut tx, &award, packet, Money::Release).await?;
    } else {
        budget::reserve_again(&mut tx, now, award.part(), award.fen).await?;
    }
    let new = issue(app, &mut tx, &award, packet).await?;
    let told =
        tell::seat_changed(app, &mut tx, &award, (packet.facts.state, PacketState::Queued), log).await?;
    warrant.close(&mut tx, now).await?;
    acts::write(&mut tx, now, warrant, (bill, "reissue"), &new).await?;
    let deed = Deed { who: &warrant.staff.user, what: "packet.reissue", meeting, target: bill, note: &new };
    audit::record(&mut tx, now, &deed).await?;
    tx.commit().await?;
    told.publish(app).await;
    super::wake(app);
    Ok(new)
}

/// The packet, when its number can be dead and no other has followed it; the refusals that need no question.
pub(super) async fn candidate(app: &App, bill: &str) -> ApiResult<Packet> {
    let packet = sql::one(app, bill).await?;
    may(packet.facts.state)?;
    newest(app, &packet).await?;
    Ok(packet)
}

/// States whose number can be dead at all.
fn may(state: PacketState) -> ApiResult<()> {
    use PacketState::{
        Blocked, Cancelled, Confirming, Failed, Held, NeedsHuman, Queued, Received, Refunded, Refused,
        Reserved, Sending, Sent, Unknown,
    };
    match state {
        Failed | Refunded | Refused => Ok(()),
        Sent | Received => Err(super::block_error("already_paid")),
        Cancelled => Err(ApiError::conflict("award_cancelled", "该红包已取消，奖励不再发放。")),
        Queued | Reserved | Held => {
            Err(ApiError::conflict("not_dead", "该红包还没有发出，会用原单号继续，无需换号。"))
        }
        Sending | Confirming | Unknown | Blocked | NeedsHuman => Err(super::block_error("outcome_unknown")),
    }
}

/// Only the newest number of an award can be followed by another.
async fn newest(app: &App, packet: &Packet) -> ApiResult<()> {
    let row =
        sqlx::query("select a.attempts from award a join packet p on p.award_id = a.id where p.bill_no = $1")
            .bind(&packet.bill)
            .fetch_one(app.db().read())
            .await?;
    if row.try_get::<i64, _>(0)? == packet.attempt { Ok(()) } else { Err(reissued()) }
}

fn reissued() -> ApiError {
    ApiError::conflict("reissued", "这份奖励已经换过单号，请查看最新的红包。")
}

/// Asks the payer now, and says what that proves.
async fn proof(app: &App, packet: &Packet) -> ApiResult<Dead> {
    let Asked { call, outcome } = ask::ask(app, packet).await?;
    if let (PacketState::Refused, Outcome::QueryError { code }) = (packet.facts.state, &outcome) {
        // It stays refused: asking must never bring it back among those that are sent again.
        ask::note_only(app, packet, &call, code).await?;
        return if code == "NOT_FOUND" { never_taken(app, packet).await } else { Err(ask::unanswered()) };
    }
    // Whatever else it says is settled like any answer: money that went out after all is found here.
    settle::settle(app, Call { packet, id: &call, outcome: &outcome }).await?;
    match outcome {
        Outcome::Found { status: Status::Failed, .. } if packet.facts.state == PacketState::Failed => {
            Ok(Dead::Failed)
        }
        Outcome::Found { status: Status::Refunded, .. } if packet.facts.state == PacketState::Refunded => {
            Ok(Dead::Returned)
        }
        Outcome::Found { .. } | Outcome::Sent { .. } | Outcome::Accepted { .. } => Err(ApiError::conflict(
            "not_dead",
            "微信的记录与这里不一致，原单号不能算作废，请查看该红包的记录。",
        )),
        Outcome::QueryError { code } if code == "NOT_FOUND" => {
            let detail = "微信查不到这个单号，这不证明没有付款，不能换号。只有微信的记录写明失败或已退回，才可以换号重发。";
            Err(ApiError::conflict("ask_again", detail))
        }
        Outcome::QueryError { .. } | Outcome::SendError { .. } | Outcome::Lost => Err(ask::unanswered()),
    }
}

/// Two queries, ten minutes apart, since the last time it was sent.
async fn never_taken(app: &App, packet: &Packet) -> ApiResult<Dead> {
    let row = sqlx::query(
        "select min(c.at) from call c where c.bill_no = $1 and c.kind = 'query' and c.outcome = 'NOT_FOUND' \
         and c.at >= (select coalesce(max(s.at), 0) from call s where s.bill_no = $1 and s.kind = 'send')",
    )
    .bind(&packet.bill)
    .fetch_one(app.db().read())
    .await?;
    let first: Option<Ms> = row.try_get(0)?;
    if first.is_some_and(|first| app.now() - first >= APART) {
        return Ok(Dead::NeverTaken);
    }
    let detail = "微信没有这个单号的记录。为防止重复付款，请至少十分钟后再点一次，两次都没有才会换号。";
    Err(ApiError::conflict("ask_again", detail))
}

/// The packet is the award's newest and has not changed; the winner is still the one to be paid.
async fn still(tx: &mut Tx, award: &AwardRow, packet: &Packet) -> ApiResult<()> {
    let row = sqlx::query(
        "select p.state, a.attempts, a.state, coalesce(s.status, ''), s.replaced_by, coalesce(d.state, '') \
         from packet p join award a on a.id = p.award_id \
         left join seat s on s.meeting_id = a.meeting_id and s.n = a.n and s.rank = a.rank \
         left join draw d on d.meeting_id = a.meeting_id and d.n = a.n where p.bill_no = $1",
    )
    .bind(&packet.bill)
    .fetch_one(tx.conn())
    .await?;
    let word = |place: usize| row.try_get::<String, _>(place);
    if sql::state(&word(0)?)? != packet.facts.state {
        return Err(super::block_error("outcome_unknown"));
    }
    if row.try_get::<i64, _>(1)? != packet.attempt {
        return Err(reissued());
    }
    let stands = match packet.facts.state {
        PacketState::Failed => "failed",
        PacketState::Refunded => "returned",
        _ => "payable",
    };
    let replaced = row.try_get::<Option<i64>, _>(4)?.is_some();
    if word(2)? != stands || replaced || word(5)? == "void" {
        return Err(ApiError::conflict("award_cancelled", "该奖励已搁置、补抽或作废，不能再发。"));
    }
    if !award.pid.is_empty() && word(3)? != "present" {
        return Err(ApiError::conflict("not_confirmed", "该中奖者现在没有被确认到场，请主持人先确认。"));
    }
    Ok(())
}

/// The old packet ends as failed: it gives its place of the day back, and never anything else.
async fn bury(tx: &mut Tx, packet: &Packet, now: Ms) -> ApiResult<()> {
    sqlx::query(
        "update packet set state = 'failed', reason = 'reissued', next_at = $1, epoch = epoch + 1, lease_until = 0, \
         updated_at = $2 where bill_no = $3",
    )
    .bind(NEVER)
    .bind(now)
    .bind(&packet.bill)
    .execute(tx.conn())
    .await?;
    if !packet.day.is_empty() {
        day::give_back_slot(tx, packet).await?;
    }
    Ok(())
}

/// Where a new number goes: to the WeChat that its person has bound now, as the old one may not be theirs any more. None
/// bound: it waits for the next binding, as any packet.
async fn receiver(tx: &mut Tx, award: &AwardRow) -> ApiResult<String> {
    let row = sqlx::query(
        "select b.openid from binding b join award a on a.person_id = b.person_id where a.id = $1 and b.active = 1",
    )
    .bind(&award.id)
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?.unwrap_or_default())
}

async fn issue(app: &App, tx: &mut Tx, award: &AwardRow, old: &Packet) -> ApiResult<String> {
    let (now, attempt) = (app.now(), old.attempt + 1);
    let row = sqlx::query("select bill_day from meeting where id = $1")
        .bind(&award.meeting)
        .fetch_one(tx.conn())
        .await?;
    let mch_id = app.config().merchant(old.channel);
    let new = bill_no(app.keys(), mch_id, &row.try_get::<String, _>(0)?, &award.id, attempt);
    let openid = receiver(tx, award).await?;
    let done = sqlx::query(
        "update award set attempts = $1, state = 'payable', openid = $5, updated_at = $2 \
         where id = $3 and attempts = $4",
    )
    .bind(attempt)
    .bind(now)
    .bind(&award.id)
    .bind(old.attempt)
    .bind(&openid)
    .execute(tx.conn())
    .await?;
    if !hit(&done) {
        return Err(reissued());
    }
    sqlx::query(
        "insert into packet (bill_no, award_id, attempt, channel, openid, amount_fen, state, next_at, created_at, \
         updated_at) values ($1, $2, $3, $7, $4, $5, 'queued', $6, $6, $6)",
    )
    .bind(&new)
    .bind(&award.id)
    .bind(attempt)
    .bind(&openid)
    .bind(award.fen)
    .bind(now)
    .bind(old.channel.word())
    .execute(tx.conn())
    .await?;
    Ok(new)
}
