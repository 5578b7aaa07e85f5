//! Can this round be drawn now? The same questions as the commit asks, with all answers, in a transaction that is
//! rolled back.

use sqlx::{AnyConnection, Row};

use super::{check, commit, electorate, rounds};
use crate::{
    app::App,
    budget,
    error::{ApiError, ApiResult},
    meeting::{self, Meeting},
    wire::{EligibleNow, Fen, Problem, Readiness},
};

struct Counts {
    invited: i64,
    bound: i64,
    present: i64,
    budget_left: i64,
}

/// The line that the host reads before a round.
pub async fn check(app: &App, meeting: &str, round: &str) -> ApiResult<Readiness> {
    let mut tx = app.db().begin().await?;
    let meeting = meeting::lock(&mut tx, meeting).await?;
    let round = rounds::load(tx.conn(), &meeting.id, round).await?;
    let counts = counts(tx.conn(), &meeting).await?;
    let electorate = electorate::build(app, &mut tx, &meeting, commit::rules(&round, 0)).await?;
    let mut found = Vec::new();
    found.extend(refusal(commit::may_open(&mut tx, &meeting, &round).await)?);
    found.extend(commit::problems(app, &meeting, &round, &electorate));
    let reserved = budget::reserve_round(&mut tx, app.now(), &meeting.id, &round.id, round.cost_fen.0).await;
    found.extend(refusal(reserved.map(drop))?);
    drop(tx);
    let word = |error: ApiError| Problem { code: error.code().into(), detail: error.detail().into() };
    let problems: Vec<Problem> = found.into_iter().map(word).collect();
    Ok(Readiness {
        ready: problems.is_empty(),
        problems,
        invited: counts.invited,
        bound: counts.bound,
        present: counts.present,
        eligible: electorate.eligible,
        payable: electorate.payable,
        cost_fen: round.cost_fen,
        budget_left_fen: Fen(counts.budget_left),
        level: check::level(&round.sources).to_string(),
    })
}

/// How many could win a round if it were drawn now.
pub async fn eligible(app: &App, meeting: &str, round: &str) -> ApiResult<EligibleNow> {
    let mut conn = app.db().read().acquire().await?;
    let meeting = meeting::load(&mut conn, meeting).await?;
    let round = rounds::load(&mut conn, &meeting.id, round).await?;
    let eligible = electorate::count(&mut conn, &meeting, commit::rules(&round, 0)).await?;
    Ok(EligibleNow { eligible })
}

/// A refusal is an answer here; a fault of ours stays one.
fn refusal(result: ApiResult<()>) -> ApiResult<Option<ApiError>> {
    match result {
        Ok(()) => Ok(None),
        Err(error) if error.status().is_server_error() => Err(error),
        Err(error) => Ok(Some(error)),
    }
}

async fn counts(conn: &mut AnyConnection, meeting: &Meeting) -> ApiResult<Counts> {
    let row = sqlx::query(
        "select (select cast(count(*) as bigint) from person where meeting_id = $1 and removed = 0 and waiting = 0) as invited, \
         (select cast(count(*) as bigint) from binding b join person p on p.id = b.person_id \
         where b.meeting_id = $1 and b.active = 1 and p.waiting = 0) as bound, \
         (select cast(count(*) as bigint) from binding b join person p on p.id = b.person_id \
         where b.meeting_id = $1 and b.active = 1 and p.waiting = 0 and b.checked_in_at is not null) as seen, \
         (select cast(coalesce(sum(cap_fen - reserved_fen - spent_fen), 0) as bigint) from budget \
         where meeting_id = $1 and status = 'approved' and purpose = '') as budget_left, \
         (select cap_fen - reserved_fen - spent_fen from account where id = 1) as account_left",
    )
    .bind(&meeting.id)
    .fetch_one(conn)
    .await?;
    let bound = row.try_get("bound")?;
    Ok(Counts {
        invited: row.try_get("invited")?,
        bound,
        present: if meeting.settings.checkin { row.try_get("seen")? } else { bound },
        budget_left: row.try_get::<i64, _>("budget_left")?.min(row.try_get("account_left")?),
    })
}
