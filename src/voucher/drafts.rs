//! What a person does with a voucher: make, change, send, throw away.

use sqlx::Row;

use super::{Facts, Sender, campaigns, duplicate, note, parsed, rules, text, upload};
use crate::{
    app::App,
    db::{Tx, hit},
    error::{ApiError, ApiResult},
    keys::row_id,
    meeting,
    wire::{EditVoucher, NewVoucher, VoucherFields, VoucherFlag, VoucherRules},
};

/// Drafts of one person in one meeting: what is begun and not sent takes room.
const DRAFTS: i64 = 5;
/// One voucher may be sent so often.
const SENDS: i64 = 10;
/// Photos that a new one is compared with, newest first.
const COMPARED: i64 = 20_000;
/// Bits that may differ between two photos that look alike.
const ALIKE: u32 = 6;

/// A new draft: 409 `campaign_closed`, `meeting_closed`, `too_many_drafts`.
pub(super) async fn create(app: &App, me: &Sender, meeting_id: &str, new: &NewVoucher) -> ApiResult<String> {
    let fields = rules::fields(&new.fields)?;
    let (id, now) = (row_id(), app.now());
    let mut tx = app.db().begin().await?;
    meeting::load(tx.conn(), meeting_id).await?.must_be_open()?;
    let campaign = campaigns::one(tx.conn(), meeting_id, &new.campaign_id).await?;
    rules::open(campaign.status, &campaign.rules, now)?;
    let (fen, name) = rules::item(&campaign.rules.amount, new.item)?;
    one_at_a_time(&mut tx, me, meeting_id).await?;
    let row = sqlx::query(
        "select cast(count(*) as bigint) from voucher where meeting_id = $1 and person_id = $2 and state = 'draft'",
    )
    .bind(meeting_id)
    .bind(&me.person)
    .fetch_one(tx.conn())
    .await?;
    if row.try_get::<i64, _>(0)? >= DRAFTS {
        let detail = format!("您已有 {DRAFTS} 份没有提交的凭证，请先提交或删除它们。");
        return Err(ApiError::conflict("too_many_drafts", detail));
    }
    sqlx::query(
        "insert into voucher (id, meeting_id, campaign_id, person_id, openid, state, fields, order_key, item, item_name, \
         amount_fen, created_at, updated_at) values ($1, $2, $3, $4, $5, 'draft', $6, $7, $8, $9, $10, $11, $11)",
    )
    .bind(&id)
    .bind(meeting_id)
    .bind(&new.campaign_id)
    .bind(&me.person)
    .bind(&me.openid)
    .bind(text(&fields)?)
    .bind(rules::order_key(&fields.order_no))
    .bind(new.item)
    .bind(name)
    .bind(fen)
    .bind(now)
    .execute(tx.conn())
    .await?;
    tx.commit().await?;
    Ok(id)
}

/// The row of the person's binding, so that what one person does twice at once is done one after the other.
async fn one_at_a_time(tx: &mut Tx, me: &Sender, meeting: &str) -> Result<(), sqlx::Error> {
    sqlx::query("update binding set active = active where meeting_id = $1 and openid = $2")
        .bind(meeting)
        .bind(&me.openid)
        .execute(tx.conn())
        .await
        .map(drop)
}

/// Changes what was written, before it is sent: 409 `voucher_sent`.
pub(super) async fn edit(
    app: &App,
    me: &Sender,
    (meeting_id, id): (&str, &str),
    change: &EditVoucher,
) -> ApiResult<()> {
    let fields = rules::fields(&change.fields)?;
    let mut tx = app.db().begin().await?;
    let facts = Facts::own(tx.conn(), me, (meeting_id, id)).await?;
    facts.must_be_open()?;
    let campaign = campaigns::one(tx.conn(), meeting_id, &facts.campaign).await?;
    let (fen, name) = rules::item(&campaign.rules.amount, change.item)?;
    let done = sqlx::query(
        "update voucher set fields = $1, order_key = $2, item = $3, item_name = $4, amount_fen = $5, updated_at = $6, \
         version = version + 1 where id = $7 and state in ('draft', 'rejected')",
    )
    .bind(text(&fields)?)
    .bind(rules::order_key(&fields.order_no))
    .bind(change.item)
    .bind(name)
    .bind(fen)
    .bind(app.now())
    .bind(id)
    .execute(tx.conn())
    .await?;
    if !hit(&done) {
        // Sent from another page between the look and the update.
        return Facts::own(tx.conn(), me, (meeting_id, id)).await?.must_be_open();
    }
    tx.commit().await?;
    Ok(())
}

/// Throws a draft away, with its photos. What was sent once stays: 409 `voucher_sent`.
pub(super) async fn remove(app: &App, me: &Sender, (meeting_id, id): (&str, &str)) -> ApiResult<()> {
    let mut tx = app.db().begin().await?;
    let facts = Facts::own(tx.conn(), me, (meeting_id, id)).await?;
    if facts.sends > 0 {
        return Err(ApiError::conflict("voucher_sent", "提交过的凭证不能删除，可以修改后重新提交。"));
    }
    let gone = erase(&mut tx, id).await?;
    tx.commit().await?;
    upload::clean(app, &gone).await;
    Ok(())
}

/// Erases a draft that was never sent; answers its uploads.
pub(super) async fn erase(tx: &mut Tx, id: &str) -> ApiResult<Vec<String>> {
    let done =
        sqlx::query("update voucher set state = 'draft' where id = $1 and state = 'draft' and sends = 0")
            .bind(id)
            .execute(tx.conn())
            .await?;
    if !hit(&done) {
        return Ok(Vec::new());
    }
    let gone = upload::uploads_of(tx, id).await?;
    for text in [
        "delete from voucher_file where voucher_id = $1",
        "delete from voucher_photo where voucher_id = $1",
        "delete from voucher where id = $1",
    ] {
        sqlx::query(text).bind(id).execute(tx.conn()).await?;
    }
    Ok(gone)
}

/// Sends a voucher to the reviewers. One that is sent already stays as it is: a repeat changes nothing.
///
/// 409 `campaign_closed`, `meeting_closed`, `person_limit`, `voucher_duplicate`, `photos_missing`, `sends_limit`;
/// 422 `missing` with the field.
pub(super) async fn send(app: &App, me: &Sender, (meeting_id, id): (&str, &str)) -> ApiResult<()> {
    let now = app.now();
    let mut tx = app.db().begin().await?;
    meeting::load(tx.conn(), meeting_id).await?.must_be_open()?;
    let campaign = Facts::own(tx.conn(), me, (meeting_id, id)).await?.campaign;
    let (status, rules) = campaigns::take_turn(&mut tx, (meeting_id, &campaign)).await?;
    // Now that nobody else sends to this campaign. Photos are changed under the voucher's row.
    sqlx::query("update voucher set updated_at = updated_at where id = $1")
        .bind(id)
        .execute(tx.conn())
        .await?;
    let facts = Facts::own(tx.conn(), me, (meeting_id, id)).await?;
    if facts.must_be_open().is_err() {
        return Ok(());
    }
    rules::open(status, &rules, now)?;
    let fields: VoucherFields = parsed(&facts.fields)?;
    rules::complete(&rules, &fields)?;
    let (fen, name) = rules::item(&rules.amount, facts.item)?;
    photos_there(&mut tx, id, &rules).await?;
    if facts.sends >= SENDS {
        return Err(ApiError::conflict("sends_limit", "这份凭证已多次提交，请联系工作人员。"));
    }
    may_more(&mut tx, me, &facts, &rules).await?;
    order_free(&mut tx, me, &facts, &rules::order_key(&fields.order_no)).await?;
    files_free(&mut tx, me, &facts).await?;
    let flags = alike(&mut tx, me, &facts).await?;
    sqlx::query(
        "update voucher set state = 'waiting', reason = '', first_by = null, flags = $1, item_name = $2, amount_fen = $3, \
         openid = $4, sends = sends + 1, sent_at = $5, updated_at = $5, locked_by = null, locked_until = 0, \
         version = version + 1 where id = $6",
    )
    .bind(text(&flags)?)
    .bind(name)
    .bind(fen)
    .bind(&me.openid)
    .bind(now)
    .bind(id)
    .execute(tx.conn())
    .await?;
    note(&mut tx, now, (id, "sent"), (None, "")).await?;
    tx.commit().await?;
    Ok(())
}

async fn photos_there(tx: &mut Tx, id: &str, rules: &VoucherRules) -> ApiResult<()> {
    let rows = sqlx::query("select ready from voucher_photo where voucher_id = $1")
        .bind(id)
        .fetch_all(tx.conn())
        .await?;
    let ready = rows.iter().map(|row| row.try_get::<i64, _>(0)).collect::<Result<Vec<_>, _>>()?;
    if ready.contains(&0) {
        return Err(ApiError::conflict("photos_missing", "还有照片没有传完，请等待或删除它。"));
    }
    let count = i64::try_from(ready.len()).unwrap_or(i64::MAX);
    if (rules.photos_min..=rules.photos_max).contains(&count) {
        return Ok(());
    }
    let detail = format!("需要 {} 至 {} 张照片，现有 {count} 张。", rules.photos_min, rules.photos_max);
    Err(ApiError::conflict("photos_missing", detail))
}

async fn may_more(tx: &mut Tx, me: &Sender, facts: &Facts, rules: &VoucherRules) -> ApiResult<()> {
    let row = sqlx::query(
        "select cast(count(*) as bigint) from voucher where campaign_id = $1 and person_id = $2 and id <> $3 \
         and state in ('waiting', 'second', 'accepted')",
    )
    .bind(&facts.campaign)
    .bind(&me.person)
    .bind(&facts.id)
    .fetch_one(tx.conn())
    .await?;
    if row.try_get::<i64, _>(0)? < rules.per_person {
        return Ok(());
    }
    let detail = format!("每人最多 {} 份，您已达到上限。", rules.per_person);
    Err(ApiError::conflict("person_limit", detail))
}

/// No order pays twice in a meeting, whatever campaigns it has.
async fn order_free(tx: &mut Tx, me: &Sender, facts: &Facts, key: &str) -> ApiResult<()> {
    if key.is_empty() {
        return Ok(());
    }
    let row = sqlx::query(
        "select person_id from voucher where order_key = $2 and id <> $3 and state in ('waiting', 'second', 'accepted') \
         and campaign_id in (select id from voucher_campaign where meeting_id = $1)",
    )
    .bind(&facts.meeting)
    .bind(key)
    .bind(&facts.id)
    .fetch_optional(tx.conn())
    .await?;
    match row {
        None => Ok(()),
        Some(row) => {
            let own = row.try_get::<String, _>(0)? == me.person;
            Err(duplicate("这个订单号", own).field("fields.order_no"))
        }
    }
}

/// No file does either. Within a campaign that is a key; two drafts of two campaigns may have got the same one.
async fn files_free(tx: &mut Tx, me: &Sender, facts: &Facts) -> ApiResult<()> {
    let row = sqlx::query(
        "select v.person_id from voucher_file mine \
         join voucher_file f on f.sha256 = mine.sha256 and f.voucher_id <> mine.voucher_id \
         join voucher v on v.id = f.voucher_id where mine.voucher_id = $1 and v.state <> 'draft' \
         and f.campaign_id in (select id from voucher_campaign where meeting_id = $2)",
    )
    .bind(&facts.id)
    .bind(&facts.meeting)
    .fetch_optional(tx.conn())
    .await?;
    match row {
        None => Ok(()),
        Some(row) => Err(duplicate("这张照片", row.try_get::<String, _>(0)? == me.person)),
    }
}

/// Photos of other vouchers of the meeting that look like one of these.
async fn alike(tx: &mut Tx, me: &Sender, facts: &Facts) -> ApiResult<Vec<VoucherFlag>> {
    let looks = |state: &str| {
        format!(
            "select p.n, p.look, p.voucher_id, v.person_id from voucher_photo p join voucher v on v.id = p.voucher_id \
             where {state} and p.ready = 1 order by p.updated_at desc limit $2"
        )
    };
    let mine = sqlx::query(sqlx::AssertSqlSafe(looks("p.voucher_id = $1")))
        .bind(&facts.id)
        .bind(COMPARED)
        .fetch_all(tx.conn())
        .await?;
    let all = sqlx::query(sqlx::AssertSqlSafe(looks("v.meeting_id = $1 and v.state <> 'draft'")))
        .bind(&facts.meeting)
        .bind(COMPARED)
        .fetch_all(tx.conn())
        .await?;
    let read = |row: &sqlx::any::AnyRow| -> ApiResult<(i64, u64, String, String)> {
        let look = u64::from_str_radix(&row.try_get::<String, _>(1)?, 16).unwrap_or_default();
        Ok((row.try_get(0)?, look, row.try_get(2)?, row.try_get(3)?))
    };
    let all = all.iter().map(read).collect::<ApiResult<Vec<_>>>()?;
    let mut flags = Vec::new();
    for row in &mine {
        let (n, look, _, _) = read(row)?;
        // A plain area looks like every other.
        if look == 0 || look == u64::MAX {
            continue;
        }
        let near = all.iter().filter(|other| other.2 != facts.id && (other.1 ^ look).count_ones() <= ALIKE);
        flags.extend(near.map(|(other_n, other, voucher, person)| VoucherFlag {
            n,
            voucher_id: voucher.clone(),
            other_n: *other_n,
            distance: i64::from((other ^ look).count_ones()),
            own: *person == me.person,
        }));
    }
    flags.sort_by_key(|flag| flag.distance);
    flags.truncate(20);
    Ok(flags)
}
