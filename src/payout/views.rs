//! Awards and packets as staff see them.

use anyhow::{Context, anyhow};
use serde::{Deserialize, de::DeserializeOwned};
use sqlx::{Row, any::AnyRow};
use utoipa::IntoParams;

use super::{awards::NEVER, next::is_final, single::origin, sql, story, timeline, trial};
use crate::{
    app::App,
    error::{ApiError, ApiResult},
    wire::{AwardState, AwardView, CallView, Fen, PacketView},
};

/// Characters of an openid that stay visible.
const OPENID_SHOWN: usize = 4;

/// Which awards.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct AwardFilter {
    /// Only in this state.
    pub state: Option<AwardState>,
    /// Only of this draw.
    pub draw: Option<i64>,
}

pub(super) const PACKET: &str = "select p.bill_no, p.award_id, p.attempt, a.n, a.rank, e.name, p.amount_fen, p.state, p.reason, \
    p.next_at, p.created_at, p.sent_at, p.sends, p.queries, p.updated_at, a.reason, \
    p.channel, p.confirm_until \
    from packet p join award a on a.id = p.award_id join person e on e.id = a.person_id";

pub(super) fn packet(row: &AnyRow) -> ApiResult<PacketView> {
    let state = sql::state(&row.try_get::<String, _>(7)?)?;
    let (reason, next_at): (String, i64) = (row.try_get(8)?, row.try_get(9)?);
    let given: String = row.try_get(15)?;
    let told = story::Told {
        state,
        reason: &reason,
        next_at,
        created_at: row.try_get(10)?,
        sent_at: row.try_get(11)?,
        updated_at: row.try_get(14)?,
        confirm_until: row.try_get(17)?,
        sends: row.try_get(12)?,
        queries: row.try_get(13)?,
        origin: origin(&given),
    };
    let story = story::packet(told);
    Ok(PacketView {
        bill_no: row.try_get(0)?,
        award_id: row.try_get(1)?,
        attempt: row.try_get(2)?,
        draw: row.try_get(3)?,
        rank: row.try_get(4)?,
        name: row.try_get(5)?,
        trial: given.starts_with(trial::REASON),
        origin: told.origin,
        amount_fen: Fen(row.try_get(6)?),
        channel: sql::channel(&row.try_get::<String, _>(16)?)?,
        state,
        next_at: if next_at == NEVER || is_final(state) { 0 } else { next_at },
        created_at: told.created_at,
        sent_at: told.sent_at,
        sends: told.sends,
        queries: told.queries,
        story,
        reason,
        calls: Vec::new(),
        timeline: Vec::new(),
    })
}

pub(super) async fn known(app: &App, meeting: &str) -> ApiResult<()> {
    let row = sqlx::query("select id from meeting where id = $1")
        .bind(meeting)
        .fetch_optional(app.db().read())
        .await?;
    row.map(drop).ok_or_else(|| ApiError::not_found("该活动"))
}

pub(super) fn in_range(
    value: Option<i64>,
    (least, most): (i64, i64),
    default: i64,
    name: &str,
) -> ApiResult<i64> {
    let value = value.unwrap_or(default);
    if (least..=most).contains(&value) {
        return Ok(value);
    }
    Err(ApiError::invalid("query", name, format!("参数 {name} 须在 {least} 到 {most} 之间。")))
}

/// One packet with every call.
pub(super) async fn one_packet(app: &App, meeting: &str, bill: &str) -> ApiResult<PacketView> {
    let text = format!("{PACKET} where a.meeting_id = $1 and p.bill_no = $2");
    let row = sqlx::query(sqlx::AssertSqlSafe(text))
        .bind(meeting)
        .bind(bill)
        .fetch_optional(app.db().read())
        .await?
        .ok_or_else(|| ApiError::not_found("该红包"))?;
    let calls = calls(app, bill).await?;
    let timeline = timeline::of(app, bill, &calls).await?;
    Ok(PacketView { calls, timeline, ..packet(&row)? })
}

async fn calls(app: &App, bill: &str) -> ApiResult<Vec<CallView>> {
    let rows = sqlx::query(
        "select c.kind, c.at, c.answered_at, c.outcome, c.raw, p.openid from call c \
         join packet p on p.bill_no = c.bill_no where c.bill_no = $1 order by c.at, c.id",
    )
    .bind(bill)
    .fetch_all(app.db().read())
    .await?;
    let mut calls = Vec::with_capacity(rows.len());
    for row in rows {
        let raw: Option<Vec<u8>> = row.try_get(4)?;
        calls.push(CallView {
            kind: row.try_get(0)?,
            at: row.try_get(1)?,
            answered_at: row.try_get(2)?,
            outcome: row.try_get(3)?,
            raw: masked(&raw.unwrap_or_default(), &row.try_get::<String, _>(5)?),
        });
    }
    Ok(calls)
}

/// A raw answer as text, without whom it was about, and without what only that person may use.
fn masked(raw: &[u8], openid: &str) -> String {
    let text = without_ticket(String::from_utf8_lossy(raw).into_owned());
    if openid.is_empty() {
        return text;
    }
    let shown: String = openid.chars().take(OPENID_SHOWN).collect();
    text.replace(openid, &format!("{shown}****"))
}

fn without_ticket(text: String) -> String {
    const NAME: &str = "\"package_info\"";
    let Some(start) = text.find(NAME).map(|at| at + NAME.len()) else { return text };
    let value = text[start..].find('"').map(|at| start + at + 1);
    let Some(value) = value else { return text };
    let end = text[value..].find('"').map_or(text.len(), |at| value + at);
    format!("{}****{}", &text[..value], &text[end..])
}

const AWARD: &str = "select a.id, a.n, a.rank, e.name, e.department, a.kind, a.amount_fen, a.state, \
    (select k.bill_no from packet k where k.award_id = a.id order by k.attempt desc limit 1), \
    (select k.state from packet k where k.award_id = a.id order by k.attempt desc limit 1), a.reason \
    from award a join person e on e.id = a.person_id";

fn award(row: &AnyRow) -> ApiResult<AwardView> {
    let (kind, state): (String, String) = (row.try_get(5)?, row.try_get(7)?);
    let (kind, state) = (word(&kind)?, word(&state)?);
    let packet: Option<String> = row.try_get(9)?;
    let packet = packet.map(|state| sql::state(&state)).transpose()?;
    Ok(AwardView {
        id: row.try_get(0)?,
        origin: origin(&row.try_get::<String, _>(10)?),
        draw: row.try_get(1)?,
        rank: row.try_get(2)?,
        name: row.try_get(3)?,
        department: row.try_get(4)?,
        kind,
        amount_fen: Fen(row.try_get(6)?),
        state,
        bill_no: row.try_get(8)?,
        packet,
        story: story::award(kind, state, packet).into(),
    })
}

fn word<T: DeserializeOwned>(text: &str) -> anyhow::Result<T> {
    serde_json::from_value(text.into()).context("a stored word")
}

/// Awards of a meeting by draw and rank.
pub(super) async fn awards(app: &App, meeting: &str, filter: &AwardFilter) -> ApiResult<Vec<AwardView>> {
    known(app, meeting).await?;
    let draw = in_range(filter.draw, (0, i64::from(u32::MAX)), 0, "draw")?;
    let state = match filter.state {
        None => String::new(),
        Some(state) => match serde_json::to_value(state).context("a state")? {
            serde_json::Value::String(word) => word,
            _ => return Err(anyhow!("a state that is no word").into()),
        },
    };
    let text = format!(
        "{AWARD} where a.meeting_id = $1 and a.reason not like 'trial:%' and ($2 = '' or a.state = $2) and ($3 = 0 or a.n = $3) \
         order by a.n, a.rank, a.kind"
    );
    let rows = sqlx::query(sqlx::AssertSqlSafe(text))
        .bind(meeting)
        .bind(state)
        .bind(draw)
        .fetch_all(app.db().read())
        .await?;
    rows.iter().map(award).collect()
}

/// One award.
pub(super) async fn one_award(app: &App, id: &str) -> ApiResult<AwardView> {
    let text = format!("{AWARD} where a.id = $1");
    let row = sqlx::query(sqlx::AssertSqlSafe(text)).bind(id).fetch_one(app.db().read()).await?;
    award(&row)
}

#[cfg(test)]
mod tests {
    use super::masked;

    #[test]
    fn raw_answers_do_not_show_whom_they_are_about() {
        let shown =
            masked(b"<re_openid>oxTWIuGaIt6gTKsQRLau2M0yL16E</re_openid>", "oxTWIuGaIt6gTKsQRLau2M0yL16E");
        assert_eq!(shown, "<re_openid>oxTW****</re_openid>");
        let shown = masked(b"{\"package_info\": \"secret\",\"state\":\"x\"}", "");
        assert_eq!(shown, "{\"package_info\": \"****\",\"state\":\"x\"}");
        assert_eq!(masked(b"{\"package_info\":\"cut", ""), "{\"package_info\":\"****");
    }
}
