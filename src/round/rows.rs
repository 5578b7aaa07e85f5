//! Rows of draws.

use sqlx::{AnyConnection, Row, any::AnyRow};

use crate::{
    error::{ApiError, ApiResult},
    wire::DrawKind,
};

/// Where a draw stands in SQL; that all its sources are closed is told by its lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stored {
    /// In the log, without result.
    Committed,
    /// With result.
    Revealed,
    /// Ended without counting.
    Void,
}

/// A draw as it is stored.
#[derive(Clone, Debug)]
pub(super) struct DrawRow {
    /// Number in the log.
    pub n: i64,
    /// Round.
    pub round_id: String,
    /// Main, redraw or test.
    pub kind: DrawKind,
    /// Number of the main draw that a redraw belongs to, else 0.
    pub parent: i64,
    /// Where it stands.
    pub state: Stored,
    /// Winners.
    pub k: i64,
    /// Members with tickets.
    pub eligible: i64,
    /// Number of the commit line.
    pub commit_seq: i64,
    /// When it was committed, ms.
    pub committed_at: i64,
    /// Randomness may not be closed before, ms.
    pub randomness_at: i64,
    /// When its result was logged, ms.
    pub revealed_at: Option<i64>,
    /// Why it is void.
    pub void_reason: String,
}

macro_rules! select {
    ($tail:literal) => {
        concat!(
            "select n, round_id, kind, parent, state, k, eligible, commit_seq, committed_at, randomness_at, ",
            "revealed_at, void_reason from draw ",
            $tail
        )
    };
}

fn read(row: &AnyRow) -> ApiResult<DrawRow> {
    let word = |column: &str| row.try_get::<String, _>(column);
    Ok(DrawRow {
        n: row.try_get("n")?,
        round_id: word("round_id")?,
        kind: match word("kind")?.as_str() {
            "main" => DrawKind::Main,
            "redraw" => DrawKind::Redraw,
            _ => DrawKind::Test,
        },
        parent: row.try_get("parent")?,
        state: match word("state")?.as_str() {
            "committed" => Stored::Committed,
            "revealed" => Stored::Revealed,
            _ => Stored::Void,
        },
        k: row.try_get("k")?,
        eligible: row.try_get("eligible")?,
        commit_seq: row.try_get("commit_seq")?,
        committed_at: row.try_get("committed_at")?,
        randomness_at: row.try_get("randomness_at")?,
        revealed_at: row.try_get("revealed_at")?,
        void_reason: word("void_reason")?,
    })
}

/// One draw; 404 when the meeting has none with this number.
pub(super) async fn load(conn: &mut AnyConnection, meeting: &str, n: i64) -> ApiResult<DrawRow> {
    let text = select!("where meeting_id = $1 and n = $2");
    let row = sqlx::query(text).bind(meeting).bind(n).fetch_optional(conn).await?;
    read(&row.ok_or_else(|| ApiError::not_found("这次抽奖"))?)
}

/// All draws of a meeting by number.
pub(super) async fn all(conn: &mut AnyConnection, meeting: &str) -> ApiResult<Vec<DrawRow>> {
    let text = select!("where meeting_id = $1 order by n");
    sqlx::query(text).bind(meeting).fetch_all(conn).await?.iter().map(read).collect()
}

/// A main draw and the redraws that hang on it, void ones left out, by number.
pub(super) async fn family(conn: &mut AnyConnection, meeting: &str, main: i64) -> ApiResult<Vec<DrawRow>> {
    let text = select!("where meeting_id = $1 and (n = $2 or parent = $2) and state <> 'void' order by n");
    sqlx::query(text).bind(meeting).bind(main).fetch_all(conn).await?.iter().map(read).collect()
}

/// The open draw of a meeting, if any.
pub(super) async fn open(conn: &mut AnyConnection, meeting: &str) -> ApiResult<Option<DrawRow>> {
    let text = select!("where meeting_id = $1 and state = 'committed'");
    sqlx::query(text).bind(meeting).fetch_optional(conn).await?.as_ref().map(read).transpose()
}

/// 409 `test_draw`: nobody can be confirmed, replaced or paid after a test.
pub(super) fn is_test() -> ApiError {
    ApiError::conflict(
        "test_draw",
        "这是一次试抽，不算数：没有中奖者可以确认、补抽或发奖。正式开奖请重新锁定这一轮。",
    )
}

/// 409 `draw_open` while a draw of the meeting is open.
pub(super) async fn none_open(conn: &mut AnyConnection, meeting: &str) -> ApiResult<()> {
    match open(conn, meeting).await? {
        None => Ok(()),
        Some(draw) => {
            let detail = format!("第 {} 次抽奖还没有结束，请先公布结果或作废。", draw.n);
            Err(ApiError::conflict("draw_open", detail))
        }
    }
}
