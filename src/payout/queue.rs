//! The queue of packets as finance looks through it.

use serde::Deserialize;
use sqlx::{Any, Database, Row, query::Query};
use utoipa::IntoParams;

use super::{
    sql,
    views::{PACKET, in_range, known, packet},
};
use crate::{
    app::App,
    clock::Ms,
    error::{ApiError, ApiResult},
    wire::{Fen, PacketPage, PacketState, ReasonCount, StateCount},
};

/// Packets of a page when nothing is asked for, and at most.
const PAGE: i64 = 100;
const MAX_PAGE: i64 = 1000;
/// Longest search text, characters: names are no longer.
const SEARCH_CHARS: usize = 60;
/// Longest reason.
const REASON_CHARS: usize = 64;
/// Digits of a phone number that are shown, and so can be searched for.
const LAST_DIGITS: usize = 4;
/// Fewest last characters of a bill number that are searched for.
const BILL_CHARS: usize = 6;

/// Which packets.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub(super) struct PacketFilter {
    /// Only in this state.
    state: Option<PacketState>,
    /// Only with this reason: a stable code such as `day_limit` or `NOTENOUGH`.
    #[param(max_length = 64)]
    reason: Option<String>,
    /// Only of this draw.
    draw: Option<i64>,
    /// Only test packets, or only others.
    trial: Option<bool>,
    /// Of this amount at least, fen.
    #[param(minimum = 0)]
    min_fen: Option<i64>,
    /// Of this amount at most, fen.
    #[param(minimum = 0)]
    max_fen: Option<i64>,
    /// Made so many minutes ago or earlier.
    #[param(minimum = 0)]
    older_min: Option<i64>,
    /// Part of a name; the last four digits of a phone number; a bill number or its last characters, six or more.
    #[param(max_length = 60)]
    search: Option<String>,
    /// At most so many, 1–1000; 100 when absent.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<i64>,
    /// Pass over so many.
    #[param(minimum = 0)]
    offset: Option<i64>,
}

/// A filter as it is bound.
struct Matched<'a> {
    meeting: &'a str,
    draw: i64,
    name: String,
    bill: String,
    phone: String,
    fen: (i64, i64),
    until: Ms,
    trial: i64,
}

/// $1 to $9 of [`Matched::bind`]; empty or 0 is any.
const MATCHING: &str = "a.meeting_id = $1 and ($2 = 0 or a.n = $2) and ($3 = '' or e.name like $3 escape '!' \
    or ($4 <> '' and p.bill_no like $4 escape '!') or ($5 <> '' and e.phone_mask like $5)) \
    and p.amount_fen between $6 and $7 and p.created_at <= $8 \
    and ($9 = 0 or ($9 = 1 and a.reason like 'trial:%') or ($9 = 2 and a.reason not like 'trial:%'))";

type AnyQuery<'q> = Query<'q, Any, <Any as Database>::Arguments>;

impl<'a> Matched<'a> {
    fn new(app: &App, meeting: &'a str, filter: &PacketFilter) -> ApiResult<Self> {
        const MOST: i64 = i64::MAX / 120_000;
        let search = text(filter.search.as_deref(), "search", SEARCH_CHARS)?;
        let escaped = search.replace('!', "!!").replace('%', "!%").replace('_', "!_");
        let digits = search.len() == LAST_DIGITS && search.bytes().all(|byte| byte.is_ascii_digit());
        let bill = search.len() >= BILL_CHARS && search.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let least = in_range(filter.min_fen, (0, i64::MAX), 0, "min_fen")?;
        let most = in_range(filter.max_fen, (0, i64::MAX), i64::MAX, "max_fen")?;
        let older = in_range(filter.older_min, (0, MOST), 0, "older_min")?;
        Ok(Self {
            meeting,
            draw: in_range(filter.draw, (0, i64::from(u32::MAX)), 0, "draw")?,
            name: if search.is_empty() { String::new() } else { format!("%{escaped}%") },
            bill: if bill { format!("%{escaped}") } else { String::new() },
            phone: if digits { format!("%{search}") } else { String::new() },
            fen: (least, most),
            // Not "until now": after a clock was set back, what was made before lies in the future.
            until: if older == 0 { Ms::MAX } else { app.now() - older * 60_000 },
            trial: filter.trial.map_or(0, |only| if only { 1 } else { 2 }),
        })
    }

    fn bind<'q>(&'q self, query: AnyQuery<'q>) -> AnyQuery<'q> {
        query
            .bind(self.meeting)
            .bind(self.draw)
            .bind(&self.name)
            .bind(&self.bill)
            .bind(&self.phone)
            .bind(self.fen.0)
            .bind(self.fen.1)
            .bind(self.until)
            .bind(self.trial)
    }
}

fn text<'a>(value: Option<&'a str>, name: &str, chars: usize) -> ApiResult<&'a str> {
    let value = value.unwrap_or_default().trim();
    if value.chars().count() > chars {
        return Err(ApiError::invalid("query", name, format!("参数 {name} 最多 {chars} 个字。")));
    }
    Ok(value)
}

/// Packets of a meeting, newest first.
pub(super) async fn packets(app: &App, meeting: &str, filter: &PacketFilter) -> ApiResult<PacketPage> {
    known(app, meeting).await?;
    let limit = in_range(filter.limit, (1, MAX_PAGE), PAGE, "limit")?;
    let offset = in_range(filter.offset, (0, i64::from(u32::MAX)), 0, "offset")?;
    let state = filter.state.map_or("", sql::word);
    let reason = text(filter.reason.as_deref(), "reason", REASON_CHARS)?;
    let matched = Matched::new(app, meeting, filter)?;
    let page = format!(
        "{PACKET} where {MATCHING} and ($10 = '' or p.state = $10) and ($11 = '' or p.reason = $11) \
         order by p.created_at desc, a.n desc, a.rank, p.bill_no limit $12 offset $13"
    );
    let rows = matched
        .bind(sqlx::query(sqlx::AssertSqlSafe(page)))
        .bind(state)
        .bind(reason)
        .bind(limit)
        .bind(offset)
        .fetch_all(app.db().read())
        .await?;
    let (counts, reasons, total) = counted(app, &matched, (filter.state, reason)).await?;
    Ok(PacketPage {
        packets: rows.iter().map(packet).collect::<Result<_, _>>()?,
        total: total.0,
        total_fen: Fen(total.1),
        counts,
        reasons,
    })
}

type Counted = (Vec<StateCount>, Vec<ReasonCount>, (i64, i64));

/// By state without the filter of the state, by reason without that of the reason, and all that match both.
async fn counted(
    app: &App,
    matched: &Matched<'_>,
    (state, reason): (Option<PacketState>, &str),
) -> ApiResult<Counted> {
    let text = format!(
        "select p.state, p.reason, count(*), cast(sum(p.amount_fen) as bigint) from packet p \
         join award a on a.id = p.award_id join person e on e.id = a.person_id where {MATCHING} \
         group by p.state, p.reason order by p.state, p.reason"
    );
    let rows = matched.bind(sqlx::query(sqlx::AssertSqlSafe(text))).fetch_all(app.db().read()).await?;
    let (mut counts, mut reasons, mut total) = (Vec::<StateCount>::new(), Vec::<ReasonCount>::new(), (0, 0));
    for row in rows {
        let (its, why): (PacketState, String) = (sql::state(&row.try_get::<String, _>(0)?)?, row.try_get(1)?);
        let (count, fen): (i64, i64) = (row.try_get(2)?, row.try_get(3)?);
        let (of_state, of_reason) =
            (state.is_none_or(|wanted| wanted == its), reason.is_empty() || reason == why);
        if of_reason {
            match counts.iter_mut().find(|one| one.state == its) {
                Some(one) => {
                    one.count += count;
                    one.amount_fen.0 += fen;
                }
                None => counts.push(StateCount { state: its, count, amount_fen: Fen(fen) }),
            }
        }
        if of_state && !why.is_empty() {
            match reasons.iter_mut().find(|one| one.reason == why) {
                Some(one) => one.count += count,
                None => reasons.push(ReasonCount { reason: why, count }),
            }
        }
        if of_state && of_reason {
            total = (total.0 + count, total.1 + fen);
        }
    }
    Ok((counts, reasons, total))
}
