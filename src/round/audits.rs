//! The list that a private audit works on (draw protocol §12): logged, and only for auditors.

use anyhow::Context;
use sqlx::Row;

use super::convert;
use crate::{
    app::App,
    audit::{self, Deed},
    auth::Staff,
    db::placeholders,
    draw::audit::{Entry, LIST, List, chosen},
    drawlog,
    error::{ApiError, ApiResult},
    meeting::check,
    wire::NewAudit,
};

/// Most people of one list.
pub(super) const PEOPLE_MAX: i64 = 100_000;
/// Shortest and longest word of an auditor.
const WORD: (usize, usize) = (4, 100);
/// Bound values of one statement.
const CHUNK: usize = 500;

/// Makes the list. The word comes from the auditor, after the log's head was public; so nobody could choose whom it picks.
pub(super) async fn list(app: &App, staff: &Staff, meeting: &str, new: &NewAudit) -> ApiResult<List> {
    if !new.confidential {
        return Err(ApiError::invalid("not_confirmed", "confidential", "请先确认会对名单保密、仅用于审计。"));
    }
    check::text("word", &new.word, WORD.0, WORD.1)?;
    check::text("reason", &new.reason, 1, 200)?;
    let (checkpoint, _) = drawlog::checkpoint(app, meeting).await?;
    let members: i64 = sqlx::query("select cast(count(*) as bigint) from binding where meeting_id = $1")
        .bind(meeting)
        .fetch_one(app.db().read())
        .await?
        .try_get(0)?;
    let sample = new.sample.unwrap_or(0).min(members);
    if (if sample == 0 { members } else { sample }) > PEOPLE_MAX {
        let detail = format!("一次最多导出 {PEOPLE_MAX} 人，请改为抽样。");
        return Err(ApiError::invalid("too_many", "sample", detail));
    }
    let head = checkpoint.head.parse().context("a head of the log")?;
    let (members, sample) = (convert::unsigned(members)?, convert::unsigned(sample)?);
    let people = people(app, meeting, &chosen(&head, &new.word, members, sample)).await?;
    record(app, staff, meeting, (new, people.len())).await?;
    Ok(List {
        v: LIST.into(),
        event: checkpoint.event.parse().context("the event of a log")?,
        size: convert::unsigned(checkpoint.size)?,
        head,
        members,
        word: new.word.clone(),
        sample,
        people,
    })
}

async fn people(app: &App, meeting: &str, indexes: &[u64]) -> ApiResult<Vec<Entry>> {
    let mut people = Vec::with_capacity(indexes.len());
    for chunk in indexes.chunks(CHUNK) {
        let text = format!(
            "select idx, identity, salt from binding where meeting_id = $1 and idx in ({}) order by idx",
            placeholders(2, chunk.len())
        );
        // Only placeholders are put together; the indexes are bound.
        let mut query = sqlx::query(sqlx::AssertSqlSafe(text)).bind(meeting);
        for index in chunk {
            query = query.bind(convert::signed(*index)?);
        }
        for row in query.fetch_all(app.db().read()).await? {
            let salt: String = row.try_get("salt")?;
            if salt.is_empty() {
                let detail = "名单中有人的个人信息已按规定删除，不能再做私下审计。";
                return Err(ApiError::conflict("erased", detail));
            }
            people.push(Entry {
                index: convert::unsigned(row.try_get("idx")?)?,
                identity: row.try_get("identity")?,
                salt: salt.parse().context("a stored salt")?,
            });
        }
    }
    Ok(people)
}

async fn record(app: &App, staff: &Staff, meeting: &str, (new, people): (&NewAudit, usize)) -> ApiResult<()> {
    let mut tx = app.db().begin().await?;
    let note = format!("{people}: {}", new.reason);
    let deed = Deed { who: &staff.user, what: "meeting.audit", meeting, target: meeting, note: &note };
    audit::record(&mut tx, app.now(), &deed).await?;
    Ok(tx.commit().await?)
}
