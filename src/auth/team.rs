//! The accounts: who there is, what they may do, tokens and passwords.

use sqlx::{Row, any::AnyRow};

use super::{
    Staff,
    staff::{self, hash_password, role_names, role_of},
};
use crate::{
    app::App,
    audit::{self, Deed},
    db::{Tx, hit},
    error::{ApiError, ApiResult},
    keys::{random, token_hash},
    wire::{EditStaff, PasswordChange, Role, StaffMember},
};

const COLUMNS: &str = "select id, username, roles, disabled, token_hash, totp_sealed, created_at from staff";

fn member(row: &AnyRow) -> Result<StaffMember, sqlx::Error> {
    let roles: String = row.try_get(2)?;
    Ok(StaffMember {
        id: row.try_get(0)?,
        user: row.try_get(1)?,
        roles: roles.split(',').filter_map(role_of).collect(),
        disabled: row.try_get::<i64, _>(3)? != 0,
        token: row.try_get::<Option<String>, _>(4)?.is_some(),
        totp: !row.try_get::<String, _>(5)?.is_empty(),
        created_at: row.try_get(6)?,
    })
}

/// Everybody, by name.
pub(super) async fn all(app: &App) -> ApiResult<Vec<StaffMember>> {
    let text = sqlx::AssertSqlSafe(format!("{COLUMNS} order by disabled, username"));
    let rows = sqlx::query(text).fetch_all(app.db().read()).await?;
    Ok(rows.iter().map(member).collect::<Result<_, _>>()?)
}

/// One of them.
pub(super) async fn one(app: &App, id: &str) -> ApiResult<StaffMember> {
    let text = sqlx::AssertSqlSafe(format!("{COLUMNS} where id = $1"));
    let row = sqlx::query(text).bind(id).fetch_optional(app.db().read()).await?;
    row.as_ref().map(member).transpose()?.ok_or_else(|| ApiError::not_found("该账号"))
}

/// 422 `roles` unless there is at least one.
pub(super) fn check_roles(roles: &[Role]) -> ApiResult<()> {
    if roles.is_empty() {
        return Err(ApiError::invalid("roles", "roles", "请至少选择一个角色。"));
    }
    Ok(())
}

/// Changes roles, or turns an account off and on. What it was logged in with ends at once.
pub(super) async fn edit(app: &App, by: &Staff, id: &str, wanted: EditStaff) -> ApiResult<StaffMember> {
    let before = one(app, id).await?;
    let roles = wanted.roles.unwrap_or_else(|| before.roles.clone());
    check_roles(&roles)?;
    let disabled = wanted.disabled.unwrap_or(before.disabled);
    let mut tx = app.db().begin().await?;
    sqlx::query("update staff set roles = $1, disabled = $2 where id = $3")
        .bind(role_names(&roles))
        .bind(i64::from(disabled))
        .bind(id)
        .execute(tx.conn())
        .await?;
    an_owner_is_left(&mut tx).await?;
    if disabled {
        sqlx::query("delete from staff_session where staff_id = $1").bind(id).execute(tx.conn()).await?;
        sqlx::query("update staff set token_hash = null where id = $1").bind(id).execute(tx.conn()).await?;
    }
    let note = format!("{}{}", role_names(&roles), if disabled { ", disabled" } else { "" });
    record(app, &mut tx, by, ("staff.edit", id), &note).await?;
    tx.commit().await?;
    one(app, id).await
}

/// 409 `last_owner`: nobody could let anybody in any more. Owners are counted under the lock of all accounts.
async fn an_owner_is_left(tx: &mut Tx) -> ApiResult<()> {
    let rows = sqlx::query("update staff set disabled = disabled where disabled = 0 returning roles")
        .fetch_all(tx.conn())
        .await?;
    for row in rows {
        let roles: String = row.try_get(0)?;
        if roles.split(',').filter_map(role_of).any(|role| role == Role::Owner) {
            return Ok(());
        }
    }
    Err(ApiError::conflict("last_owner", "至少要留一位负责人，请先请另一位接任。"))
}

/// Gives a member an API token; the one before stops working.
pub(super) async fn make_token(app: &App, by: &Staff, id: &str) -> ApiResult<String> {
    let token = hex::encode(random::<32>());
    set_token(app, by, id, Some(&token)).await?;
    Ok(token)
}

/// Takes it away.
pub(super) async fn end_token(app: &App, by: &Staff, id: &str) -> ApiResult<()> {
    set_token(app, by, id, None).await
}

async fn set_token(app: &App, by: &Staff, id: &str, token: Option<&str>) -> ApiResult<()> {
    let mut tx = app.db().begin().await?;
    let done = sqlx::query("update staff set token_hash = $1 where id = $2 and disabled = 0")
        .bind(token.map(token_hash))
        .bind(id)
        .execute(tx.conn())
        .await?;
    if !hit(&done) {
        return Err(ApiError::not_found("该账号"));
    }
    let what = if token.is_some() { "staff.token" } else { "staff.token_end" };
    record(app, &mut tx, by, (what, id), "").await?;
    Ok(tx.commit().await?)
}

/// One's own password: 401 `login_failed` when the present one is wrong. Every session ends, this one too.
pub(super) async fn change_password(app: &App, by: &Staff, change: &PasswordChange) -> ApiResult<()> {
    staff::check_password(app, &by.user, &change.old).await?;
    let hash = hash_password(&change.new).await?;
    let mut tx = app.db().begin().await?;
    sqlx::query("update staff set password_hash = $1 where id = $2")
        .bind(hash)
        .bind(&by.id)
        .execute(tx.conn())
        .await?;
    sqlx::query("delete from staff_session where staff_id = $1").bind(&by.id).execute(tx.conn()).await?;
    record(app, &mut tx, by, ("staff.password", &by.id), "").await?;
    Ok(tx.commit().await?)
}

pub(super) async fn record(
    app: &App,
    tx: &mut Tx,
    by: &Staff,
    (what, target): (&str, &str),
    note: &str,
) -> Result<(), sqlx::Error> {
    let deed = Deed { who: &by.user, what, meeting: "", target, note };
    audit::record(tx, app.now(), &deed).await
}
