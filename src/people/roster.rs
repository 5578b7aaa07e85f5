//! The roster, person by person: list, add, change, take off, unbind.

use super::{
    import::{self, Known},
    me, pending, rebind,
    sql::{self, Person, Wanted, Written},
};
use crate::{
    app::App,
    audit::{self, Deed},
    auth::Staff,
    db::Tx,
    error::{ApiError, ApiResult},
    keys,
    meeting::{self, Meeting},
    phone::Phone,
    pool::{self, Change},
    wire::{EditPerson, PeoplePage, PersonView, Role},
};

/// People on a page, unless fewer are asked for.
pub const PAGE: i64 = 50;
/// Most people on a page.
pub const PAGE_MAX: i64 = 500;
/// Longest search text, characters; longer ones find nothing anyway.
const SEARCH_MAX: usize = 64;

/// A page of the roster, by name. `search` looks in name, department, staff number and group, at the visible digits of
/// the phone, or for a whole phone number.
pub async fn list(
    app: &App,
    meeting: &str,
    search: &str,
    after: &str,
    limit: Option<i64>,
) -> ApiResult<PeoplePage> {
    let mut conn = app.db().read().acquire().await?;
    meeting::load(&mut conn, meeting).await?;
    let search: String = import::tidy_text(search).chars().filter(|c| *c != '\0').take(SEARCH_MAX).collect();
    let phone_index =
        Phone::parse(&search).map_or_else(|_| String::new(), |phone| phone.index(app.keys(), meeting));
    let limit = limit.unwrap_or(PAGE).clamp(1, PAGE_MAX);
    let after = match after {
        "" => None,
        id if id.contains('\0') => return Err(bad_cursor()),
        id => Some((sql::cursor(&mut conn, meeting, id).await?.ok_or_else(bad_cursor)?, id.to_owned())),
    };
    // One more than asked for tells whether there is a next page.
    let wanted = Wanted { meeting, search: &search, phone_index: &phone_index, after, limit: limit + 1 };
    let (mut people, total) = sql::page(&mut conn, &wanted).await?;
    let more = i64::try_from(people.len()).unwrap_or(i64::MAX) > limit;
    if more {
        people.pop();
    }
    let next = people.last().filter(|_| more).map(|person| person.id.clone());
    Ok(PeoplePage { people, total, next })
}

/// Who has this staff number, in any case, and this name; `None` whichever of them is wrong.
pub async fn known(app: &App, meeting: &str, staff_no: &str, name: &str) -> ApiResult<Option<String>> {
    let mut conn = app.db().read().acquire().await?;
    let holders = sql::staff_no_holders(&mut conn, meeting, staff_no).await?;
    let same = |other: &str| plain(other) == plain(name);
    Ok(holders.into_iter().find(|(_, holder)| same(holder)).map(|(id, _)| id))
}

/// A name without what people write in different ways: blanks, case, and the dot inside names of many languages.
fn plain(name: &str) -> String {
    name.chars()
        .filter(|letter| !letter.is_whitespace() && !matches!(letter, '·' | '•' | '・' | '‧' | '.' | '．'))
        .flat_map(char::to_lowercase)
        .collect()
}

fn bad_cursor() -> ApiError {
    ApiError::invalid("invalid", "after", "翻页位置已失效，请从第一页重新查看。")
}

pub(super) fn unknown() -> ApiError {
    ApiError::not_found("这位人员")
}

/// Adds a person, or brings back one who was taken off.
pub async fn add(app: &App, staff: &Staff, meeting: &str, edit: &EditPerson) -> ApiResult<PersonView> {
    let known = checked(edit, 1)?;
    let phone = checked_phone(edit)?;
    let mut tx = app.db().begin().await?;
    let held = meeting::lock(&mut tx, meeting).await?;
    held.must_be_open()?;
    if phone.is_none() {
        findable(&held, &known)?;
    }
    staff_no_free(&mut tx, meeting, &known.staff_no, None).await?;
    let holder = match &phone {
        Some(phone) => sql::phone_holder(tx.conn(), meeting, &phone.index(app.keys(), meeting)).await?,
        None => None,
    };
    let id = match holder {
        Some((_, false)) => return Err(phone_taken()),
        Some((id, true)) => {
            sql::update(&mut tx, &Written { meeting, id: &id, known: &known }).await?;
            id
        }
        None => {
            let id = keys::row_id();
            let written = Written { meeting, id: &id, known: &known };
            sql::insert(&mut tx, app.keys(), &written, phone.as_ref(), app.now()).await?;
            id
        }
    };
    finish(app, tx, staff, ("person.add", meeting, &id), Vec::new()).await?;
    view(app, meeting, &id).await
}

/// Changes a person; the version that was seen must be the present one.
pub async fn edit(
    app: &App,
    staff: &Staff,
    meeting: &str,
    id: &str,
    edit: &EditPerson,
) -> ApiResult<PersonView> {
    let seen = edit
        .version
        .ok_or_else(|| ApiError::invalid("version_missing", "version", "缺少版本号，请刷新后重试。"))?;
    let phone = checked_phone(edit)?;
    let mut tx = app.db().begin().await?;
    let held = meeting::lock(&mut tx, meeting).await?;
    held.must_be_open()?;
    let person = sql::get(tx.conn(), meeting, id).await?.ok_or_else(unknown)?;
    if person.view.version != seen {
        return Err(ApiError::stale());
    }
    let known = checked(edit, person.view.weight)?;
    if phone.is_none() {
        let erased = edit.phone.is_some() && !person.view.phone.is_empty();
        if erased {
            return Err(ApiError::invalid("phone_missing", "phone", "请填写手机号。"));
        }
        if person.view.phone.is_empty() {
            still_findable(&known)?;
        }
    }
    staff_no_free(&mut tx, meeting, &known.staff_no, Some(id)).await?;
    let written = Written { meeting, id, known: &known };
    if let Some(phone) = &phone {
        let index = phone.index(app.keys(), meeting);
        match sql::phone_holder(tx.conn(), meeting, &index).await? {
            Some((holder, false)) if holder != id => return Err(phone_taken()),
            _ if index != person.phone_index => sql::set_phone(&mut tx, app.keys(), &written, phone).await?,
            _ => {}
        }
    }
    sql::update(&mut tx, &written).await?;
    let changes = weigh(app, &mut tx, meeting, &person, known.weight).await?;
    finish(app, tx, staff, ("person.edit", meeting, id), changes).await?;
    view(app, meeting, id).await
}

/// Takes a person off the roster and out of the pool. Somebody who won stays: the record needs them.
pub async fn remove(app: &App, staff: &Staff, meeting: &str, id: &str) -> ApiResult<()> {
    let mut tx = app.db().begin().await?;
    meeting::lock(&mut tx, meeting).await?.must_be_open()?;
    let person = sql::get(tx.conn(), meeting, id).await?.ok_or_else(unknown)?;
    if sql::has_won(tx.conn(), meeting, id).await? {
        return Err(ApiError::conflict("already_won", "此人已有中奖记录，不能从名单删除；可把权重改为 0。"));
    }
    no_open_draw(&mut tx, meeting).await?;
    let changes = release(app, &mut tx, meeting, &person).await?;
    sql::remove(&mut tx, id).await?;
    finish(app, tx, staff, ("person.remove", meeting, id), changes).await
}

/// Ends a person's binding, so that another phone can be bound. After a win that takes a reviewer.
pub async fn unbind(app: &App, staff: &Staff, meeting: &str, id: &str) -> ApiResult<PersonView> {
    let mut tx = app.db().begin().await?;
    meeting::lock(&mut tx, meeting).await?.must_be_open()?;
    let person = sql::get(tx.conn(), meeting, id).await?.ok_or_else(unknown)?;
    if person.binding_id.is_none() {
        return Ok(person.view);
    }
    if sql::has_won(tx.conn(), meeting, id).await? {
        staff
            .need(&[Role::Reviewer])
            .map_err(|_| ApiError::forbidden("role", "此人已有中奖记录，解除绑定需要审核人员操作。"))?;
        rebind::nothing_moving(&mut tx, id).await?;
    }
    no_open_draw(&mut tx, meeting).await?;
    rebind::await_new_openid(&mut tx, app.now(), id).await?;
    let openid = rebind::openid(&mut tx, meeting, id).await?;
    let changes = release(app, &mut tx, meeting, &person).await?;
    finish(app, tx, staff, ("person.unbind", meeting, id), changes).await?;
    if let Some(openid) = openid {
        me::tell(app, meeting, &openid).await;
    }
    view(app, meeting, id).await
}

/// Whoever is bound when a draw is committed is who wins it.
pub(super) async fn no_open_draw(tx: &mut Tx, meeting: &str) -> ApiResult<()> {
    meeting::no_open_draw(tx, meeting, "正在抽奖，请等本轮抽完再操作。").await
}

/// A person as staff see them; 404 when there is none.
pub async fn view(app: &App, meeting: &str, id: &str) -> ApiResult<PersonView> {
    let mut conn = app.db().read().acquire().await?;
    Ok(sql::get(&mut conn, meeting, id).await?.ok_or_else(unknown)?.view)
}

/// Audit, commit, then everybody who looks on.
async fn finish(
    app: &App,
    mut tx: Tx,
    staff: &Staff,
    (what, meeting, target): (&str, &str, &str),
    changes: Vec<Change>,
) -> ApiResult<()> {
    let deed = Deed { who: &staff.user, what, meeting, target, note: "" };
    audit::record(&mut tx, app.now(), &deed).await?;
    tx.commit().await?;
    pool::tell_store(app, &changes).await;
    super::tell_counts(app, meeting);
    Ok(())
}

/// The pool learns a bound person's new weight.
pub(super) async fn weigh(
    app: &App,
    tx: &mut Tx,
    meeting: &str,
    person: &Person,
    weight: i64,
) -> ApiResult<Vec<Change>> {
    let Some(binding) = &person.binding_id else { return Ok(Vec::new()) };
    let (before, mut after) = binding_member(tx, binding).await?;
    // Whoever waits to be accepted has no tickets, whatever the roster says.
    after.weight = if person.view.waiting { 0 } else { weight };
    if before == after {
        return Ok(Vec::new());
    }
    sqlx::query("update binding set weight = $1 where id = $2")
        .bind(after.weight)
        .bind(binding)
        .execute(tx.conn())
        .await?;
    Ok(vec![pool::change(app, tx, meeting, Some(&before), after).await?])
}

/// The binding ends: its place stays in the pool for ever, without tickets.
pub(super) async fn release(
    app: &App,
    tx: &mut Tx,
    meeting: &str,
    person: &Person,
) -> ApiResult<Vec<Change>> {
    let Some(binding) = &person.binding_id else { return Ok(Vec::new()) };
    let (before, mut after) = binding_member(tx, binding).await?;
    after.weight = 0;
    sqlx::query("update binding set active = 0, weight = 0 where id = $1")
        .bind(binding)
        .execute(tx.conn())
        .await?;
    Ok(vec![pool::change(app, tx, meeting, Some(&before), after).await?])
}

async fn binding_member(tx: &mut Tx, binding: &str) -> ApiResult<(pool::PoolMember, pool::PoolMember)> {
    let row = sqlx::query("select idx, pid, weight, present from binding where id = $1")
        .bind(binding)
        .fetch_one(tx.conn())
        .await?;
    let member = pool::member(&row)?;
    Ok((member, member))
}

async fn staff_no_free(tx: &mut Tx, meeting: &str, staff_no: &str, own: Option<&str>) -> ApiResult<()> {
    match sql::staff_no_holder(tx.conn(), meeting, staff_no).await? {
        Some(holder) if own != Some(holder.as_str()) => {
            Err(ApiError::conflict("staff_no_taken", "这个工号已属于名单里的另一个人。").field("staff_no"))
        }
        _ => Ok(()),
    }
}

fn phone_taken() -> ApiError {
    ApiError::conflict("phone_taken", "这个手机号已属于名单里的另一个人。").field("phone")
}

/// Somebody without a phone must be known by staff number, in a meeting that needs no SMS.
fn findable(meeting: &Meeting, known: &Known) -> ApiResult<()> {
    if pending::needs_phones(meeting) {
        return Err(ApiError::invalid("phone_missing", "phone", "请填写手机号。"));
    }
    still_findable(known)
}

fn still_findable(known: &Known) -> ApiResult<()> {
    if known.staff_no.is_empty() {
        return Err(ApiError::invalid("phone_missing", "phone", "请填写手机号或工号，至少一项。"));
    }
    Ok(())
}

fn checked_phone(edit: &EditPerson) -> ApiResult<Option<Phone>> {
    let Some(text) = edit.phone.as_deref().filter(|text| !text.trim().is_empty()) else { return Ok(None) };
    let parsed = Phone::parse(text);
    parsed.map(Some).map_err(|error| ApiError::invalid(error.code(), "phone", format!("{error}。")))
}

fn checked(edit: &EditPerson, weight: i64) -> ApiResult<Known> {
    let weight = edit.weight.unwrap_or(weight);
    if !(0..=import::MAX_WEIGHT).contains(&weight) {
        return Err(ApiError::invalid("weight_invalid", "weight", "权重应为 0 到 1,000,000 的整数。"));
    }
    let name = text(&edit.name, ("name", "name_too_long"), import::MAX_NAME)?;
    if name.is_empty() {
        return Err(ApiError::invalid("name_missing", "name", "请填写姓名。"));
    }
    Ok(Known {
        id: String::new(),
        name,
        department: text(&edit.department, ("department", "text_too_long"), import::MAX_NAME)?,
        staff_no: text(&edit.staff_no, ("staff_no", "text_too_long"), import::MAX_STAFF_NO)?,
        group: text(&edit.group, ("group", "text_too_long"), import::MAX_NAME)?,
        weight,
        removed: false,
    })
}

fn text(value: &str, (field, code): (&str, &'static str), most: usize) -> ApiResult<String> {
    let tidy = import::tidy_text(value);
    if tidy.chars().count() > most {
        return Err(ApiError::invalid(code, field, format!("内容过长，最多 {most} 个字。")));
    }
    if tidy.chars().any(char::is_control) {
        return Err(ApiError::invalid("text_invalid", field, "内容里有无法显示的控制字符，请重新输入。"));
    }
    Ok(tidy)
}
