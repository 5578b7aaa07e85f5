//! API tokens of staff: stored by hash, shown once, perhaps with fewer roles than their owner.

use sqlx::Row;

use super::{
    Staff, grants,
    staff::{self, role_names, roles_of},
    team,
};
use crate::{
    app::App,
    clock::Ms,
    db::{Tx, hit},
    error::{ApiError, ApiResult},
    keys::{random, row_id, token_hash},
    wire::{NewToken, Role, TokenView},
};

/// Tokens of one member.
const MOST: i64 = 20;
const NAME_CHARS: usize = 60;
/// When a token was used is written down at most so often.
const MINUTE: Ms = 60_000;

/// Whose it is, with the roles that it has; none while the member may not log in.
pub(super) async fn owner(app: &App, token: &str) -> Result<Option<Staff>, sqlx::Error> {
    let row = sqlx::query(
        "select s.id, s.username, s.roles, s.disabled, t.id as token, t.roles as only_roles, t.used_at \
         from staff_token t join staff s on s.id = t.staff_id where t.token_hash = $1",
    )
    .bind(token_hash(token))
    .fetch_optional(app.db().read())
    .await?;
    let Some(row) = row else { return Ok(None) };
    let Some(found) = staff::from_row(&row)? else { return Ok(None) };
    let used: Option<Ms> = row.try_get("used_at")?;
    if used.is_none_or(|used| app.now() - used > MINUTE)
        && let Err(error) = note_use(app, row.try_get("token")?).await
    {
        // Reading must go on where nothing can be written.
        tracing::warn!(%error, "the use of a token is not written down");
    }
    let found = grants::with(app.db().read(), found).await?;
    Ok(Some(only(found, &roles_of(&row.try_get::<String, _>("only_roles")?))))
}

async fn note_use(app: &App, id: &str) -> Result<(), sqlx::Error> {
    let mut tx = app.db().begin().await?;
    sqlx::query("update staff_token set used_at = $1 where id = $2")
        .bind(app.now())
        .bind(id)
        .execute(tx.conn())
        .await?;
    tx.commit().await
}

/// The member with no more than these roles; all of them where none is named. An owner has every role.
fn only(mut staff: Staff, roles: &[Role]) -> Staff {
    if roles.is_empty() {
        return staff;
    }
    staff.limited = true;
    if staff.roles.contains(&Role::Owner) {
        staff.roles = roles.to_vec();
        staff.grants.clear();
        return staff;
    }
    staff.roles.retain(|role| roles.contains(role));
    for grant in &mut staff.grants {
        grant.roles.retain(|role| roles.contains(role));
    }
    staff.grants.retain(|grant| !grant.roles.is_empty());
    staff
}

/// Stores one.
pub(super) async fn insert(
    tx: &mut Tx,
    now: Ms,
    (staff_id, name, roles): (&str, &str, &[Role]),
    token: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into staff_token (id, staff_id, name, token_hash, roles, made_at) values ($1, $2, $3, $4, $5, $6)",
    )
    .bind(row_id())
    .bind(staff_id)
    .bind(name)
    .bind(token_hash(token))
    .bind(role_names(roles))
    .bind(now)
    .execute(tx.conn())
    .await
    .map(drop)
}

/// A member's, oldest first.
pub(super) async fn list(app: &App, id: &str) -> ApiResult<Vec<TokenView>> {
    team::one(app, id).await?;
    let rows = sqlx::query(
        "select id, name, roles, made_at, used_at from staff_token where staff_id = $1 order by made_at, id",
    )
    .bind(id)
    .fetch_all(app.db().read())
    .await?;
    let one = |row: &sqlx::any::AnyRow| {
        Ok(TokenView {
            id: row.try_get(0)?,
            name: row.try_get(1)?,
            roles: roles_of(&row.try_get::<String, _>(2)?),
            made_at: row.try_get(3)?,
            used_at: row.try_get(4)?,
        })
    };
    Ok(rows.iter().map(one).collect::<Result<_, sqlx::Error>>()?)
}

/// Takes the row of a member who may log in; 404.
async fn lock(tx: &mut Tx, id: &str) -> ApiResult<()> {
    let done = sqlx::query("update staff set disabled = 0 where id = $1 and disabled = 0")
        .bind(id)
        .execute(tx.conn())
        .await?;
    if hit(&done) { Ok(()) } else { Err(ApiError::not_found("该账号")) }
}

/// Makes the token without a name; the one before stops working.
pub(super) async fn replace(app: &App, by: &Staff, id: &str) -> ApiResult<String> {
    let token = hex::encode(random::<32>());
    let mut tx = app.db().begin().await?;
    lock(&mut tx, id).await?;
    sqlx::query("delete from staff_token where staff_id = $1 and name = ''")
        .bind(id)
        .execute(tx.conn())
        .await?;
    insert(&mut tx, app.now(), (id, "", &[]), &token).await?;
    team::record(app, &mut tx, by, ("staff.token", id), "").await?;
    tx.commit().await?;
    Ok(token)
}

/// Makes another one: 404, 409 `too_many_tokens`, 422 `name`, `roles`.
pub(super) async fn add(app: &App, by: &Staff, id: &str, new: &NewToken) -> ApiResult<String> {
    let name = new.name.trim();
    if name.is_empty() || new.name.chars().count() > NAME_CHARS || name.chars().any(char::is_control) {
        let detail = format!("请写明用途，1 到 {NAME_CHARS} 个字。");
        return Err(ApiError::invalid("name", "name", detail));
    }
    let member = team::one(app, id).await?;
    let owner = member.roles.contains(&Role::Owner);
    let has = |role: &Role| {
        owner || member.roles.contains(role) || member.meetings.iter().any(|grant| grant.roles.contains(role))
    };
    if !new.roles.iter().all(has) {
        return Err(ApiError::invalid("roles", "roles", "令牌的角色不能多于账号本身的角色。"));
    }
    let token = hex::encode(random::<32>());
    let mut tx = app.db().begin().await?;
    lock(&mut tx, id).await?;
    let row = sqlx::query("select cast(count(*) as bigint) from staff_token where staff_id = $1")
        .bind(id)
        .fetch_one(tx.conn())
        .await?;
    if row.try_get::<i64, _>(0)? >= MOST {
        let detail = format!("每个账号最多 {MOST} 个令牌，请先删除不用的。");
        return Err(ApiError::conflict("too_many_tokens", detail));
    }
    insert(&mut tx, app.now(), (id, name, &new.roles), &token).await?;
    let note = format!("{name}: {}", role_names(&new.roles));
    team::record(app, &mut tx, by, ("staff.token", id), &note).await?;
    tx.commit().await?;
    Ok(token)
}

/// Takes one away; 404.
pub(super) async fn end(app: &App, by: &Staff, (id, token): (&str, &str)) -> ApiResult<()> {
    let mut tx = app.db().begin().await?;
    let row = sqlx::query("delete from staff_token where staff_id = $1 and id = $2 returning name")
        .bind(id)
        .bind(token)
        .fetch_optional(tx.conn())
        .await?;
    let Some(row) = row else { return Err(ApiError::not_found("这个令牌")) };
    team::record(app, &mut tx, by, ("staff.token_end", id), &row.try_get::<String, _>(0)?).await?;
    Ok(tx.commit().await?)
}

/// Takes all of them away; 404.
pub(super) async fn end_all(app: &App, by: &Staff, id: &str) -> ApiResult<()> {
    let mut tx = app.db().begin().await?;
    lock(&mut tx, id).await?;
    sqlx::query("delete from staff_token where staff_id = $1").bind(id).execute(tx.conn()).await?;
    team::record(app, &mut tx, by, ("staff.token_end", id), "").await?;
    Ok(tx.commit().await?)
}
