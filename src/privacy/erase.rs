//! Removing one person's data, in one transaction under the meeting's row lock.

use anyhow::Context;
use sqlx::Row;

use super::{Tx, moving, places::PLACES, texts};
use crate::{
    app::App,
    audit::{self, Deed},
    auth::Staff,
    error::{ApiError, ApiResult},
    invite,
    keys::Purpose,
    meeting::{self, Meeting, tell},
    people::{photo, tell_counts},
    pool::{self, Change, PoolMember},
    voucher,
    wire::{Body, MeetingStatus},
};

/// Photos that one look removes.
const FILES: i64 = 200;

/// Somebody whose data is to go, by everything that texts may call them.
#[derive(Debug)]
pub(super) struct Marks {
    pub(super) id: String,
    pub(super) name: String,
    /// The present name, and those before it.
    pub(super) names: Vec<String>,
    /// As lists show their number, and those before it.
    pub(super) masks: Vec<String>,
    /// Phone numbers, as they are written.
    pub(super) phones: Vec<String>,
    pub(super) openids: Vec<String>,
    /// Numbers in the pool.
    pub(super) nos: Vec<i64>,
}

impl Marks {
    /// None when the data was removed before; 404 for a person of another meeting.
    async fn load(app: &App, tx: &mut Tx, meeting: &str, id: &str) -> ApiResult<Option<Self>> {
        let row = sqlx::query(
            "select name, phone_mask, phone_sealed, former_names, former_masks, erased_at from person \
             where meeting_id = $1 and id = $2",
        )
        .bind(meeting)
        .bind(id)
        .fetch_optional(tx.conn())
        .await?
        .ok_or_else(unknown)?;
        if row.try_get::<Option<i64>, _>("erased_at")?.is_some() {
            return Ok(None);
        }
        let sealed: Vec<u8> = row.try_get("phone_sealed")?;
        let phone = app.keys().unseal(Purpose::Phone, id, &sealed);
        let phone = phone.and_then(|phone| String::from_utf8(phone.to_vec()).ok()).unwrap_or_default();
        let bare = phone.strip_prefix("+86").map(ToOwned::to_owned);
        let rows = sqlx::query(
            "select openid from binding where person_id = $1 union select openid from award where person_id = $1 \
             union select openid from voucher where person_id = $1",
        )
        .bind(id)
        .fetch_all(tx.conn())
        .await?;
        let openids: Vec<String> = rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
        let rows =
            sqlx::query("select idx from binding where person_id = $1").bind(id).fetch_all(tx.conn()).await?;
        let nos = rows.iter().map(|row| Ok(row.try_get::<i64, _>(0)? + 1));
        let with_former = |now: &str, before: &str| -> Result<Vec<String>, sqlx::Error> {
            let (now, before): (String, String) = (row.try_get(now)?, row.try_get(before)?);
            let before = before.lines().filter(|text| !text.is_empty()).map(ToOwned::to_owned);
            Ok([now].into_iter().chain(before).collect())
        };
        let filled = |texts: Vec<String>| texts.into_iter().filter(|text| !text.is_empty()).collect();
        Ok(Some(Self {
            id: id.to_owned(),
            name: row.try_get("name")?,
            names: with_former("name", "former_names")?,
            masks: with_former("phone_mask", "former_masks")?,
            phones: filled(bare.into_iter().chain([phone]).collect()),
            openids: filled(openids),
            nos: nos.collect::<Result<_, sqlx::Error>>()?,
        }))
    }
}

pub(super) fn unknown() -> ApiError {
    ApiError::not_found("这位人员")
}

/// Removes a person's data because the owner says so; `confirm` is the name, typed once more. A second time changes nothing.
///
/// 404; 409 `not_final`, `draw_open`; 422 `confirm`.
pub(super) async fn by_hand(
    app: &App,
    staff: &Staff,
    meeting: &str,
    id: &str,
    confirm: &str,
) -> ApiResult<()> {
    let mut tx = app.db().begin().await?;
    let held = meeting::lock(&mut tx, meeting).await?;
    let Some(marks) = Marks::load(app, &mut tx, meeting, id).await? else { return Ok(()) };
    if confirm.trim() != marks.name.trim() {
        return Err(ApiError::invalid("confirm", "confirm", "输入的姓名与名单不一致，没有删除。"));
    }
    refuse(&mut tx, &held, id).await?;
    let changes = remove(app, &mut tx, meeting, &marks).await?;
    let deed = Deed { who: &staff.user, what: "person.erase", meeting, target: id, note: "" };
    audit::record(&mut tx, app.now(), &deed).await?;
    // Pages that show the person fetch everything anew.
    let told = tell::event(&mut tx, meeting, app.now(), Body::Meeting(held.view())).await?;
    tell::commit(app, tx, meeting, vec![told]).await?;
    pool::tell_store(app, &changes).await;
    tell_counts(app, meeting);
    remove_files(app).await?;
    Ok(app.db().forget().await?)
}

/// Removes the data of somebody whose meeting is over; false when it was gone, or has to wait.
pub(super) async fn when_over(app: &App, meeting: &str, id: &str) -> ApiResult<bool> {
    let mut tx = app.db().begin().await?;
    let held = meeting::lock(&mut tx, meeting).await?;
    let Some(marks) = Marks::load(app, &mut tx, meeting, id).await? else { return Ok(false) };
    match refuse(&mut tx, &held, id).await {
        Err(error) if error.status().is_server_error() => return Err(error),
        Err(_) => return Ok(false),
        Ok(()) => {}
    }
    let changes = remove(app, &mut tx, meeting, &marks).await?;
    tx.commit().await?;
    pool::tell_store(app, &changes).await;
    Ok(true)
}

/// 409 while something of theirs is on its way, or while a draw is open that they may win.
async fn refuse(tx: &mut Tx, meeting: &Meeting, id: &str) -> ApiResult<()> {
    meeting::no_open_draw(tx, &meeting.id, "正在抽奖，请等本轮抽完再删除。").await?;
    if meeting.rehearsal {
        // Nothing of a rehearsal is ever paid.
        return Ok(());
    }
    let row = sqlx::query(concat!(
        "select cast(count(*) as bigint) from award a where a.person_id = $1 and ",
        moving!()
    ))
    .bind(id)
    .fetch_one(tx.conn())
    .await?;
    if row.try_get::<i64, _>(0)? > 0 {
        let detail = "此人还有没有完结的奖金（未发出、未领取或待处理的红包），完结或取消后才能删除个人信息。";
        return Err(ApiError::conflict("not_final", detail));
    }
    let row = sqlx::query(
        "select cast(count(*) as bigint) from award a where a.person_id = $1 and a.kind = 'goods' \
         and a.state in ('waiting', 'payable', 'suspended')",
    )
    .bind(id)
    .fetch_one(tx.conn())
    .await?;
    // Whoever did not fetch their prize by the end does not any more.
    if row.try_get::<i64, _>(0)? > 0 && meeting.status == MeetingStatus::Open {
        return Err(ApiError::conflict("not_final", "此人还有奖品没有领取，领取或取消后才能删除个人信息。"));
    }
    Ok(())
}

async fn remove(app: &App, tx: &mut Tx, meeting: &str, marks: &Marks) -> ApiResult<Vec<Change>> {
    let changes = leave_pool(app, tx, meeting, &marks.id).await?;
    sqlx::query(
        "insert into erased_file (upload, at) select upload, $2 from voucher_photo \
         where voucher_id in (select id from voucher where person_id = $1) on conflict (upload) do nothing",
    )
    .bind(&marks.id)
    .bind(app.now())
    .execute(tx.conn())
    .await?;
    sqlx::query(
        "insert into erased_file (upload, at) select 'photo:' || picture, $2 from person_photo \
         where person_id = $1 on conflict (upload) do nothing",
    )
    .bind(&marks.id)
    .bind(app.now())
    .execute(tx.conn())
    .await?;
    // Nobody is paid for having brought people any more, unless it was due already.
    sqlx::query(
        "update referral set state = 'cancelled', reason = 'erased', updated_at = $2 \
         where referrer_id = $1 and state in ('waiting', 'review')",
    )
    .bind(&marks.id)
    .bind(app.now())
    .execute(tx.conn())
    .await?;
    invite::remember(app.keys(), tx, app.now(), &marks.openids).await?;
    texts::scrub(tx, meeting, marks).await?;
    for place in PLACES {
        place.clear(tx, &marks.id).await?;
    }
    sqlx::query("update person set phone_sealed = $1, erased_at = $2 where id = $3")
        .bind(Vec::<u8>::new())
        .bind(app.now())
        .bind(&marks.id)
        .execute(tx.conn())
        .await?;
    Ok(changes)
}

/// The binding ends: its place stays in the pool for ever, without tickets.
async fn leave_pool(app: &App, tx: &mut Tx, meeting: &str, id: &str) -> ApiResult<Vec<Change>> {
    let row = sqlx::query(
        "select id, idx, pid, weight, present from binding where meeting_id = $1 and person_id = $2 and active = 1",
    )
    .bind(meeting)
    .bind(id)
    .fetch_optional(tx.conn())
    .await?;
    let Some(row) = row else { return Ok(Vec::new()) };
    let before = pool::member(&row)?;
    let binding: String = row.try_get("id")?;
    sqlx::query("update binding set active = 0, weight = 0 where id = $1")
        .bind(binding)
        .execute(tx.conn())
        .await?;
    let after = PoolMember { weight: 0, ..before };
    Ok(vec![pool::change(app, tx, meeting, Some(&before), after).await?])
}

/// Removes the photos whose rows are gone. What cannot be removed now is tried again by the next look.
pub(super) async fn remove_files(app: &App) -> ApiResult<()> {
    let rows = sqlx::query("select upload from erased_file order by at limit $1")
        .bind(FILES)
        .fetch_all(app.db().read())
        .await?;
    for row in rows {
        let upload: String = row.try_get(0)?;
        let erased = match upload.strip_prefix("photo:") {
            Some(picture) => photo::erase_file(app, picture).await,
            None => voucher::erase_files(app, &upload).await,
        };
        erased.map_err(anyhow::Error::new).context("a photo stays")?;
        let mut tx = app.db().begin().await?;
        sqlx::query("delete from erased_file where upload = $1").bind(&upload).execute(tx.conn()).await?;
        tx.commit().await?;
    }
    Ok(())
}
