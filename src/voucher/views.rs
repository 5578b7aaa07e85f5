//! Vouchers as their sender and the reviewers see them.

use std::collections::HashMap;

use anyhow::Context;
use sqlx::{AnyConnection, Row, any::AnyRow};

use super::{Sender, campaigns, not_found, parsed, rules, word};
use crate::{
    app::App,
    auth::Staff,
    clock::{DAY, Ms, beijing_words},
    db::placeholders,
    error::ApiResult,
    meeting,
    people::yuan,
    wire::{
        Fen, MyVouchers, PacketState, ReviewView, VoucherOffer, VoucherPhoto, VoucherState, VoucherStep,
        VoucherView,
    },
};

/// Vouchers that a person's page shows.
const MINE: i64 = 100;

macro_rules! packet {
    ($column:literal) => {
        concat!(
            "(select k.",
            $column,
            " from packet k join award a on a.id = k.award_id where a.reason = 'voucher:' || v.id ",
            "order by k.attempt desc limit 1)"
        )
    };
}

const BASE: &str = concat!(
    "select v.id, v.campaign_id, c.name as campaign, v.state, v.fields, v.item, v.item_name, v.amount_fen, v.reason, ",
    "v.created_at, v.sent_at, v.decided_at, v.version, v.flags, v.locked_by, v.locked_until, p.name, p.department, ",
    "p.phone_mask, l.username as locker, ",
    packet!("state"),
    " as packet, ",
    packet!("reason"),
    " as packet_reason, ",
    packet!("sent_at"),
    " as paid_at, (select cast(count(*) as bigint) from voucher o where o.campaign_id = v.campaign_id ",
    "and o.person_id = v.person_id and o.state = 'accepted' and o.id <> v.id) as before ",
    "from voucher v join voucher_campaign c on c.id = v.campaign_id join person p on p.id = v.person_id ",
    "left join staff l on l.id = v.locked_by "
);

fn voucher(row: &AnyRow, photos: Vec<VoucherPhoto>) -> ApiResult<VoucherView> {
    let packet: Option<String> = row.try_get("packet")?;
    let packet: Option<PacketState> = packet.map(|state| word(&state)).transpose()?;
    let paid: Option<Ms> = row.try_get("paid_at")?;
    let mut view = VoucherView {
        id: row.try_get("id")?,
        campaign_id: row.try_get("campaign_id")?,
        campaign: row.try_get("campaign")?,
        state: word(&row.try_get::<String, _>("state")?)?,
        fields: parsed(&row.try_get::<String, _>("fields")?)?,
        item: row.try_get("item")?,
        item_name: row.try_get("item_name")?,
        amount_fen: Fen(row.try_get("amount_fen")?),
        reason: row.try_get("reason")?,
        photos,
        packet,
        open_by: paid.filter(|_| packet == Some(PacketState::Sent)).map(|paid| paid + DAY),
        story: String::new(),
        created_at: row.try_get("created_at")?,
        sent_at: row.try_get("sent_at")?,
        decided_at: row.try_get("decided_at")?,
        version: row.try_get("version")?,
    };
    let unfollowed = row.try_get::<Option<String>, _>("packet_reason")?.as_deref() == Some("not_following");
    view.story = story(&view, unfollowed);
    Ok(view)
}

/// What happens next, for the person.
fn story(view: &VoucherView, unfollowed: bool) -> String {
    let money = yuan(view.amount_fen.0);
    match (view.state, view.packet) {
        (VoucherState::Draft, _) => "还没有提交。".into(),
        (VoucherState::Waiting, _) => "已提交，等待审核。".into(),
        (VoucherState::Second, _) => "初审已通过，等待复审。".into(),
        (VoucherState::Rejected, _) => format!("未通过：{}。可以修改后重新提交。", view.reason),
        (VoucherState::Accepted, Some(PacketState::Sent)) => {
            let by = view.open_by.map(|at| format!("，{} 前有效", beijing_words(at))).unwrap_or_default();
            format!("{money} 元红包已发出：请在微信“服务通知”里领取{by}。")
        }
        (VoucherState::Accepted, Some(PacketState::Received)) => format!("{money} 元红包已领取。"),
        (VoucherState::Accepted, Some(PacketState::Refunded)) => {
            format!("{money} 元红包超过 24 小时未领，已退回；请联系工作人员补发。")
        }
        (VoucherState::Accepted, Some(PacketState::Held)) if unfollowed => {
            format!("审核通过，{money} 元红包在等您：请重新关注公众号，关注后随即发出。")
        }
        (VoucherState::Accepted, Some(PacketState::Held)) => {
            format!("审核通过，{money} 元红包在排队，可能要等到明天，请留意微信通知。")
        }
        (
            VoucherState::Accepted,
            Some(PacketState::Failed | PacketState::Cancelled | PacketState::Refused),
        ) => {
            format!("审核通过，{money} 元红包没有发成，工作人员会处理，请不必重复操作。")
        }
        (VoucherState::Accepted, _) => format!("审核通过，{money} 元红包正在路上。"),
    }
}

/// Photos of vouchers, by voucher.
async fn photos(conn: &mut AnyConnection, ids: &[String]) -> ApiResult<HashMap<String, Vec<VoucherPhoto>>> {
    let mut found: HashMap<String, Vec<VoucherPhoto>> = HashMap::new();
    if ids.is_empty() {
        return Ok(found);
    }
    let text = format!(
        "select voucher_id, n, size, received, sha256, ready, width, height from voucher_photo \
         where voucher_id in ({}) order by voucher_id, n",
        placeholders(1, ids.len())
    );
    let query = ids.iter().fold(sqlx::query(sqlx::AssertSqlSafe(text)), sqlx::query::Query::bind);
    for row in query.fetch_all(conn).await? {
        let photo = VoucherPhoto {
            n: row.try_get(1)?,
            size: row.try_get(2)?,
            received: row.try_get(3)?,
            sha256: row.try_get(4)?,
            ready: row.try_get::<i64, _>(5)? != 0,
            width: row.try_get(6)?,
            height: row.try_get(7)?,
        };
        found.entry(row.try_get(0)?).or_default().push(photo);
    }
    Ok(found)
}

async fn steps(conn: &mut AnyConnection, ids: &[String]) -> ApiResult<HashMap<String, Vec<VoucherStep>>> {
    let mut found: HashMap<String, Vec<VoucherStep>> = HashMap::new();
    if ids.is_empty() {
        return Ok(found);
    }
    let text = format!(
        "select x.voucher_id, x.at, x.what, s.username, x.note from voucher_step x \
         left join staff s on s.id = x.staff_id where x.voucher_id in ({}) order by x.at, x.id",
        placeholders(1, ids.len())
    );
    let query = ids.iter().fold(sqlx::query(sqlx::AssertSqlSafe(text)), sqlx::query::Query::bind);
    for row in query.fetch_all(conn).await? {
        let step = VoucherStep {
            at: row.try_get(1)?,
            what: row.try_get(2)?,
            who: row.try_get::<Option<String>, _>(3)?.unwrap_or_default(),
            note: row.try_get(4)?,
        };
        found.entry(row.try_get(0)?).or_default().push(step);
    }
    Ok(found)
}

fn ids(rows: &[AnyRow]) -> Result<Vec<String>, sqlx::Error> {
    rows.iter().map(|row| row.try_get("id")).collect()
}

/// One voucher of this person.
pub(super) async fn own(app: &App, me: &Sender, (meeting, id): (&str, &str)) -> ApiResult<VoucherView> {
    let mut conn = app.db().read().acquire().await?;
    let text = format!("{BASE} where v.meeting_id = $1 and v.id = $2 and v.person_id = $3");
    let row = sqlx::query(sqlx::AssertSqlSafe(text))
        .bind(meeting)
        .bind(id)
        .bind(&me.person)
        .fetch_optional(&mut *conn)
        .await?
        .ok_or_else(not_found)?;
    let photos = photos(&mut conn, &[id.to_owned()]).await?.remove(id).unwrap_or_default();
    voucher(&row, photos)
}

/// What a person's page shows.
pub(super) async fn mine(app: &App, me: &Sender, meeting_id: &str) -> ApiResult<MyVouchers> {
    let mut conn = app.db().read().acquire().await?;
    let text = format!(
        "{BASE} where v.meeting_id = $1 and v.person_id = $2 order by v.created_at desc, v.id desc limit $3"
    );
    let rows = sqlx::query(sqlx::AssertSqlSafe(text))
        .bind(meeting_id)
        .bind(&me.person)
        .bind(MINE)
        .fetch_all(&mut *conn)
        .await?;
    let mut photos = photos(&mut conn, &ids(&rows)?).await?;
    let mut vouchers = Vec::with_capacity(rows.len());
    for row in &rows {
        let id: String = row.try_get("id")?;
        vouchers.push(voucher(row, photos.remove(&id).unwrap_or_default())?);
    }
    let campaigns = offers(app, &mut conn, me, meeting_id).await?;
    Ok(MyVouchers { campaigns, vouchers })
}

async fn offers(
    app: &App,
    conn: &mut AnyConnection,
    me: &Sender,
    meeting_id: &str,
) -> ApiResult<Vec<VoucherOffer>> {
    let rows = sqlx::query(
        "select campaign_id, cast(count(*) as bigint) from voucher where meeting_id = $1 and person_id = $2 \
         and state in ('waiting', 'second', 'accepted') group by campaign_id",
    )
    .bind(meeting_id)
    .bind(&me.person)
    .fetch_all(&mut *conn)
    .await?;
    let mut used: HashMap<String, i64> = HashMap::new();
    for row in rows {
        used.insert(row.try_get(0)?, row.try_get(1)?);
    }
    let meeting = meeting::load(conn, meeting_id).await?;
    let mut offers = Vec::new();
    for campaign in campaigns::all(conn, meeting_id).await? {
        let open =
            meeting.must_be_open().is_ok() && rules::is_open(campaign.status, &campaign.rules, app.now());
        let left = campaign.rules.per_person - used.get(&campaign.id).copied().unwrap_or(0);
        let mut rules = campaign.rules;
        (rules.budget_id, rules.second_review_fen) = (None, None);
        offers.push(VoucherOffer { id: campaign.id, name: campaign.name, open, rules, left: left.max(0) });
    }
    Ok(offers)
}

/// Rows of [`BASE`] as reviewers see them.
async fn reviews(
    app: &App,
    conn: &mut AnyConnection,
    staff: &Staff,
    rows: &[AnyRow],
) -> ApiResult<Vec<ReviewView>> {
    let ids = ids(rows)?;
    let (mut photos, mut steps) = (photos(conn, &ids).await?, steps(conn, &ids).await?);
    let mut out = Vec::with_capacity(rows.len());
    for row in rows {
        let id: String = row.try_get("id")?;
        let until: Ms = row.try_get("locked_until")?;
        let locked = until > app.now();
        let by: Option<String> = row.try_get("locked_by")?;
        let user: Option<String> = row.try_get("locker")?;
        out.push(ReviewView {
            voucher: voucher(row, photos.remove(&id).unwrap_or_default())?,
            name: row.try_get("name")?,
            department: row.try_get("department")?,
            phone: row.try_get("phone_mask")?,
            flags: parsed(&row.try_get::<String, _>("flags")?)?,
            steps: steps.remove(&id).unwrap_or_default(),
            locked_by: if locked { user.unwrap_or_default() } else { String::new() },
            locked_until: if locked { until } else { 0 },
            mine: locked && by.as_deref() == Some(staff.id.as_str()),
            accepted_before: row.try_get("before")?,
        });
    }
    Ok(out)
}

/// One voucher for a reviewer; 404 when it is none of the meeting, or was never sent.
pub(super) async fn review(app: &App, staff: &Staff, (meeting, id): (&str, &str)) -> ApiResult<ReviewView> {
    let mut conn = app.db().read().acquire().await?;
    let text = format!("{BASE} where v.meeting_id = $1 and v.id = $2 and v.state <> 'draft'");
    let row = sqlx::query(sqlx::AssertSqlSafe(text))
        .bind(meeting)
        .bind(id)
        .fetch_optional(&mut *conn)
        .await?
        .ok_or_else(not_found)?;
    let mut found = reviews(app, &mut conn, staff, &[row]).await?;
    Ok(found.pop().context("one row is one voucher")?)
}

/// Which vouchers.
#[derive(Clone, Debug)]
pub(super) struct Matching<'a> {
    pub(super) meeting: &'a str,
    pub(super) campaign: &'a str,
    /// Word of the state; empty: all but drafts.
    pub(super) state: &'a str,
    /// Part of a name or order number.
    pub(super) search: &'a str,
}

const MATCHING: &str = "v.meeting_id = $1 and v.state <> 'draft' and ($2 = '' or v.campaign_id = $2) \
    and ($3 = '' or v.state = $3) and ($4 = '' or p.name like '%' || $4 || '%' \
    or ($5 <> '' and v.order_key like '%' || $5 || '%'))";

type AnyQuery<'q> = sqlx::query::Query<'q, sqlx::Any, sqlx::any::AnyArguments>;

fn bound<'q>(query: AnyQuery<'q>, which: &Matching<'q>, key: &'q str) -> AnyQuery<'q> {
    query.bind(which.meeting).bind(which.campaign).bind(which.state).bind(which.search).bind(key)
}

/// A page of vouchers, newest first, and how many match.
pub(super) async fn page(
    app: &App,
    staff: &Staff,
    which: &Matching<'_>,
    (limit, offset): (i64, i64),
) -> ApiResult<(Vec<ReviewView>, i64)> {
    let key = rules::order_key(which.search);
    let mut conn = app.db().read().acquire().await?;
    meeting::load(&mut conn, which.meeting).await?;
    let text = format!("{BASE} where {MATCHING} order by v.sent_at desc, v.id desc limit $6 offset $7");
    let rows = bound(sqlx::query(sqlx::AssertSqlSafe(text)), which, &key)
        .bind(limit)
        .bind(offset)
        .fetch_all(&mut *conn)
        .await?;
    let text = format!(
        "select cast(count(*) as bigint) from voucher v join person p on p.id = v.person_id where {MATCHING}"
    );
    let total = bound(sqlx::query(sqlx::AssertSqlSafe(text)), which, &key).fetch_one(&mut *conn).await?;
    Ok((reviews(app, &mut conn, staff, &rows).await?, total.try_get(0)?))
}
