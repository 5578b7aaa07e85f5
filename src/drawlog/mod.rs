//! The draw log of each meeting (draw protocol §6): lines in SQL, appended under the meeting's row lock.
//!
//! Every line is checked by the protocol's own state machine before it is stored. That state is kept in memory per
//! meeting and only ever advanced by lines that are committed; lines of the running transaction are replayed on a
//! copy, so a transaction that is rolled back leaves no trace.

mod secrets;
mod state;

pub use secrets::{Birth, secret, sign_receipt};
pub use state::DrawLogs;

use anyhow::{Context, anyhow};
use sqlx::{AnyConnection, Row};

use crate::{
    app::App,
    db::Tx,
    draw::{
        Body, Code, Hash32, Line, LogState,
        log::{self, log_code},
    },
    error::{ApiError, ApiResult},
    wire::Checkpoint,
};

/// A line to be appended: what it says, and a remark for people.
#[derive(Clone, Debug)]
pub struct Entry {
    /// What it says.
    pub body: Body,
    /// Remark, cut to what the protocol allows.
    pub memo: String,
}

impl From<Body> for Entry {
    fn from(body: Body) -> Self {
        Self { body, memo: String::new() }
    }
}

/// Where the log stands after an append, inside the transaction.
#[derive(Clone, Debug)]
pub struct Appended {
    /// Number of the last appended line.
    pub seq: i64,
    /// Signed head. It is stored with the transaction's events and leaves the server only after the commit: a rolled
    /// back transaction takes it along.
    pub checkpoint: Checkpoint,
    /// Its log code.
    pub code: String,
}

/// Appends one line.
pub async fn append(app: &App, tx: &mut Tx, meeting: &str, entry: impl Into<Entry>) -> ApiResult<Appended> {
    append_all(app, tx, meeting, vec![entry.into()]).await
}

/// Appends lines in their order; all or none. A line that the protocol forbids gives 409 `log_refused`: callers ask
/// their own questions first, so this is the last guard.
pub async fn append_all(app: &App, tx: &mut Tx, meeting: &str, entries: Vec<Entry>) -> ApiResult<Appended> {
    let count = i64::try_from(entries.len()).context("number of lines")?;
    let row = sqlx::query(
        "update meeting set log_size = log_size + $1 where id = $2 returning log_size, log_head, event, log_secret",
    )
    .bind(count)
    .bind(meeting)
    .fetch_optional(tx.conn())
    .await?
    .ok_or_else(|| ApiError::not_found("该活动"))?;
    let size: i64 = row.try_get("log_size")?;
    let stored: String = row.try_get("log_head")?;
    let mut state = state::at(app, tx, meeting, size - count).await?;
    let known = state.head().map(|head| head.to_string()).unwrap_or_default();
    ensure(known == stored, || format!("the stored head of {meeting}'s draw log is not that of its lines"))?;
    let ts = u64::try_from(app.now()).context("the clock stands before 1970")?;
    for entry in entries {
        let memo = Some(tidy(&entry.memo)).filter(|memo| !memo.is_empty());
        let line = state.next_line(ts, memo, entry.body);
        let text = state.apply(&line).map_err(|code| refused(&line, code))?;
        let head = state.head().context("a log with lines has a head")?;
        store(tx, meeting, &line, (&text, &head)).await?;
    }
    let head = state.head().context("an empty append to an empty log")?;
    sqlx::query("update meeting set log_head = $1 where id = $2")
        .bind(head.to_string())
        .bind(meeting)
        .execute(tx.conn())
        .await?;
    let signer = secrets::signer(app, meeting, &row)?;
    let checkpoint = secrets::sign(&signer, size, head)?;
    Ok(Appended { seq: size - 1, code: log_code(&head), checkpoint })
}

fn ensure(holds: bool, fault: impl FnOnce() -> String) -> ApiResult<()> {
    if holds { Ok(()) } else { Err(anyhow!(fault()).into()) }
}

fn refused(line: &Line, code: Code) -> ApiError {
    tracing::error!(line = line.body.kind(), seq = line.seq, %code, "a line was refused by the draw protocol");
    refusal(code)
}

/// What the protocol forbids, as an answer.
pub fn refusal(code: Code) -> ApiError {
    ApiError::conflict("log_refused", format!("抽奖规则不允许这一步（{code}：{}）。", code.sentence()))
}

/// The protocol's state over all lines, those of this transaction included; takes the meeting's row lock.
pub async fn current(app: &App, tx: &mut Tx, meeting: &str) -> ApiResult<LogState> {
    let row = sqlx::query("update meeting set log_size = log_size where id = $1 returning log_size")
        .bind(meeting)
        .fetch_optional(tx.conn())
        .await?
        .ok_or_else(|| ApiError::not_found("该活动"))?;
    state::at(app, tx, meeting, row.try_get(0)?).await
}

async fn store(tx: &mut Tx, meeting: &str, line: &Line, (text, head): (&str, &Hash32)) -> ApiResult<()> {
    sqlx::query(
        "insert into log_line (meeting_id, seq, t, draw, body, head) values ($1, $2, $3, $4, $5, $6)",
    )
    .bind(meeting)
    .bind(i64::try_from(line.seq).context("number of a line")?)
    .bind(line.body.kind())
    .bind(draw_of(&line.body)?)
    .bind(text)
    .bind(head.to_string())
    .execute(tx.conn())
    .await?;
    Ok(())
}

fn draw_of(body: &Body) -> ApiResult<i64> {
    let draw = match body {
        Body::Open(_) | Body::Close => 0,
        Body::Commit(line) => line.draw,
        Body::Entropy(line) => line.draw,
        Body::Result(line) => line.draw,
        Body::Void(line) => line.draw,
        Body::Status(line) => line.draw,
        Body::Payout(line) => line.draw,
    };
    Ok(i64::try_from(draw).context("number of a draw")?)
}

/// Takes out what canonical JSON forbids, and cuts to the longest memo.
fn tidy(memo: &str) -> String {
    let allowed = |c: &char| !c.is_control() && !matches!(c, '\u{2028}' | '\u{2029}');
    memo.chars().filter(allowed).take(crate::draw::line::MAX_MEMO).collect()
}

fn parse_head(head: &str) -> ApiResult<Hash32> {
    Ok(head.parse().ok().context("a stored head of the draw log")?)
}

/// The log code of a head in hex.
pub fn code(head: &str) -> ApiResult<String> {
    Ok(log_code(&parse_head(head)?))
}

/// The signed head of all lines that are committed now, and its log code.
pub async fn checkpoint(app: &App, meeting: &str) -> ApiResult<(Checkpoint, String)> {
    let mut conn = app.db().read().acquire().await?;
    checkpoint_on(app, &mut conn, meeting).await
}

/// The same as this connection sees it: within a transaction, lines of earlier parts of it are counted.
pub async fn checkpoint_on(
    app: &App,
    conn: &mut AnyConnection,
    meeting: &str,
) -> ApiResult<(Checkpoint, String)> {
    let row = sqlx::query("select log_size, log_head, event, log_secret from meeting where id = $1")
        .bind(meeting)
        .fetch_optional(conn)
        .await?
        .ok_or_else(|| ApiError::not_found("该活动"))?;
    let head = parse_head(row.try_get("log_head")?)?;
    let signer = secrets::signer(app, meeting, &row)?;
    Ok((secrets::sign(&signer, row.try_get("log_size")?, head)?, log_code(&head)))
}

/// Lines from number `from` on, below number `until`, as they were stored.
pub async fn lines(conn: &mut AnyConnection, meeting: &str, from: i64, until: i64) -> ApiResult<Vec<String>> {
    let rows = sqlx::query(
        "select body from log_line where meeting_id = $1 and seq >= $2 and seq < $3 order by seq",
    )
    .bind(meeting)
    .bind(from)
    .bind(until)
    .fetch_all(conn)
    .await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

/// As the wire writes it.
fn to_wire(checkpoint: &log::Checkpoint) -> ApiResult<Checkpoint> {
    Ok(Checkpoint {
        event: checkpoint.event.to_string(),
        size: i64::try_from(checkpoint.size).context("size of the log")?,
        head: checkpoint.head.to_string(),
        sig: checkpoint.sig.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::tidy;

    #[test]
    fn memos_fit_the_protocol() {
        assert_eq!(tidy("销售部\n二组\u{2028}"), "销售部二组");
        assert_eq!(tidy(&"长".repeat(300)).chars().count(), 200);
    }
}
