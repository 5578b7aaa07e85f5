//! People who are not on the roster and register at the door, where the host lets them: at once, or after a yes of staff.

use anyhow::Context;
use sqlx::{AnyConnection, Row};

use super::{
    import::{self, Known},
    roster,
    sql::{self, Written},
};
use crate::{
    app::App,
    db::Tx,
    error::{ApiError, ApiResult},
    keys::{self, Purpose},
    meeting::{self, Meeting},
    phone::Phone,
    pool::Change,
    wire::{Applicant, Applicants, Registration},
};

/// Code of the answer that asks for a name.
pub const NAME_NEEDED: &str = "name_needed";
/// Most people of a list.
const LISTED: i64 = 200;

/// Whose phone it is.
#[derive(Clone, Debug)]
pub struct Holder {
    /// Id of the person.
    pub id: String,
    /// Registered, and nobody has accepted them yet.
    pub waiting: bool,
}

/// The person that a phone is bound to.
pub async fn bound(conn: &mut AnyConnection, meeting: &str, openid: &str) -> ApiResult<Option<Holder>> {
    let row = sqlx::query(
        "select p.id, p.waiting from binding b join person p on p.id = b.person_id \
         where b.meeting_id = $1 and b.openid = $2 and b.active = 1",
    )
    .bind(meeting)
    .bind(openid)
    .fetch_optional(conn)
    .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Holder { id: row.try_get(0)?, waiting: row.try_get::<i64, _>(1)? != 0 }))
}

/// A name as somebody gives it, tidied.
pub fn name(typed: &str) -> ApiResult<String> {
    let name = import::tidy_text(typed);
    if name.is_empty() {
        return Err(ApiError::invalid("name_missing", "name", "请填写姓名。"));
    }
    let most = import::MAX_NAME;
    if name.chars().count() > most {
        return Err(ApiError::invalid("name_too_long", "name", format!("内容过长，最多 {most} 个字。")));
    }
    if name.chars().any(char::is_control) {
        return Err(ApiError::invalid("text_invalid", "name", "内容里有无法显示的控制字符，请重新输入。"));
    }
    Ok(name)
}

/// Puts somebody who has proved the phone number onto the roster. Whoever was taken off or refused before waits for a yes
/// even where nobody else has to.
///
/// 403 `not_invited` where registration is closed; 422 `name_needed`.
pub async fn register(
    app: &App,
    tx: &mut Tx,
    meeting: &Meeting,
    (phone, name): (&Phone, Option<&str>),
) -> ApiResult<()> {
    let how = meeting.settings.registration;
    if how == Registration::Closed {
        let detail = "这个手机号不在本次活动的名单里，请联系工作人员核对。";
        return Err(ApiError::forbidden("not_invited", detail));
    }
    let Some(name) = name else {
        return Err(ApiError::invalid(NAME_NEEDED, "name", "名单里没有这个手机号，请填写姓名后登记。"));
    };
    let known = Known {
        id: String::new(),
        name: name.to_owned(),
        department: String::new(),
        staff_no: String::new(),
        group: String::new(),
        weight: 1,
        removed: false,
    };
    let index = phone.index(app.keys(), &meeting.id);
    let holder = sql::phone_holder(tx.conn(), &meeting.id, &index).await?;
    let waiting = holder.is_some() || how == Registration::Approval;
    let id = if let Some((id, _)) = holder {
        sql::update(tx, &Written { meeting: &meeting.id, id: &id, known: &known }).await?;
        id
    } else {
        let id = keys::row_id();
        let written = Written { meeting: &meeting.id, id: &id, known: &known };
        sql::insert(tx, app.keys(), &written, Some(phone), app.now()).await?;
        id
    };
    sqlx::query("update person set registered = 1, waiting = $1 where id = $2")
        .bind(i64::from(waiting))
        .bind(id)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Those who wait, in the order in which they came.
pub async fn list(app: &App, meeting: &str) -> ApiResult<Applicants> {
    let mut conn = app.db().read().acquire().await?;
    meeting::load(&mut conn, meeting).await?;
    let row = sqlx::query(
        "select cast(count(*) as bigint) from person where meeting_id = $1 and waiting = 1 and removed = 0",
    )
    .bind(meeting)
    .fetch_one(&mut *conn)
    .await?;
    let rows = sqlx::query(
        "select p.id, p.name, p.phone_mask, b.idx, coalesce(b.bound_at, p.created_at) as at from person p \
         left join binding b on b.meeting_id = p.meeting_id and b.person_id = p.id and b.active = 1 \
         where p.meeting_id = $1 and p.waiting = 1 and p.removed = 0 order by at, p.id limit $2",
    )
    .bind(meeting)
    .bind(LISTED)
    .fetch_all(&mut *conn)
    .await?;
    let one = |row: &sqlx::any::AnyRow| {
        Ok(Applicant {
            id: row.try_get("id")?,
            name: row.try_get("name")?,
            phone: row.try_get("phone_mask")?,
            no: row.try_get::<Option<i64>, _>("idx")?.map(|idx| idx + 1),
            at: row.try_get("at")?,
        })
    };
    let people = rows.iter().map(one).collect::<Result<_, sqlx::Error>>()?;
    Ok(Applicants { people, total: row.try_get(0)? })
}

/// Somebody whose registration was judged.
#[derive(Debug)]
pub struct Judged {
    /// Name.
    pub name: String,
    /// Department.
    pub department: String,
    /// Phone number.
    pub phone: Option<Phone>,
    /// What became of their place.
    pub changes: Vec<Change>,
}

/// Gives somebody who waits their tickets; `None` when they are on the roster already: a second press.
pub async fn accept(app: &App, tx: &mut Tx, meeting: &str, id: &str) -> ApiResult<Option<Judged>> {
    let mut person = sql::get(tx.conn(), meeting, id).await?.ok_or_else(roster::unknown)?;
    if !person.view.waiting {
        return Ok(None);
    }
    sqlx::query("update person set waiting = 0, version = version + 1 where id = $1")
        .bind(id)
        .execute(tx.conn())
        .await?;
    person.view.waiting = false;
    let changes = roster::weigh(app, tx, meeting, &person, person.view.weight).await?;
    let phone = phone(app, tx, id).await?;
    Ok(Some(Judged { name: person.view.name, department: person.view.department, phone, changes }))
}

/// Takes somebody who waits off the roster and out of the pool; they may register again.
///
/// 409 `not_waiting`, `draw_open`.
pub async fn reject(
    app: &App,
    tx: &mut Tx,
    meeting: &str,
    (id, reason): (&str, &str),
) -> ApiResult<Vec<Change>> {
    let person = sql::get(tx.conn(), meeting, id).await?.ok_or_else(roster::unknown)?;
    if !person.view.waiting {
        return Err(ApiError::conflict("not_waiting", "这个人已经通过，不能再拒绝；可在名单里删除。"));
    }
    roster::no_open_draw(tx, meeting).await?;
    let changes = roster::release(app, tx, meeting, &person).await?;
    sql::remove(tx, id).await?;
    sqlx::query("update person set refused = $1 where id = $2")
        .bind(reason)
        .bind(id)
        .execute(tx.conn())
        .await?;
    Ok(changes)
}

async fn phone(app: &App, tx: &mut Tx, id: &str) -> ApiResult<Option<Phone>> {
    let row =
        sqlx::query("select phone_sealed from person where id = $1").bind(id).fetch_one(tx.conn()).await?;
    let sealed: Vec<u8> = row.try_get(0)?;
    let plain = app.keys().unseal(Purpose::Phone, id, &sealed).context("a sealed phone does not open")?;
    let text = std::str::from_utf8(&plain).context("a sealed phone")?;
    Ok(Phone::parse(text).ok())
}
