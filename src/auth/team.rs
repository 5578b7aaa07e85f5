//! The accounts: who there is, what they may do, tokens and passwords.

use sqlx::{Row, any::AnyRow};

use super::{
    Staff, grants,
    staff::{self, hash_password, role_names, role_of, roles_of},
};
use crate::{
    app::App,
    audit::{self, Deed},
    db::Tx,
    error::{ApiError, ApiResult},
    wire::{EditStaff, MeetingRoles, PasswordChange, Role, StaffMember},
};

const COLUMNS: &str = "select id, username, roles, disabled, \
     (select cast(count(*) as bigint) from staff_token t where t.staff_id = staff.id), totp_sealed, created_at from staff";

fn member(row: &AnyRow) -> Result<StaffMember, sqlx::Error> {
    let roles: String = row.try_get(2)?;
    Ok(StaffMember {
        id: row.try_get(0)?,
        user: row.try_get(1)?,
        roles: roles_of(&roles),
        meetings: Vec::new(),
        disabled: row.try_get::<i64, _>(3)? != 0,
        token: row.try_get::<i64, _>(4)? > 0,
        totp: !row.try_get::<String, _>(5)?.is_empty(),
        created_at: row.try_get(6)?,
    })
}

/// Everybody, by name.
pub(super) async fn all(app: &App) -> ApiResult<Vec<StaffMember>> {
    let text = sqlx::AssertSqlSafe(format!("{COLUMNS} order by disabled, username"));
    let rows = sqlx::query(text).fetch_all(app.db().read()).await?;
    let mut all = rows.iter().map(member).collect::<Result<Vec<_>, _>>()?;
    let mut granted = grants::all(app.db().read()).await?;
    for member in &mut all {
        member.meetings = granted.remove(&member.id).unwrap_or_default();
    }
    Ok(all)
}

/// One of them.
pub(super) async fn one(app: &App, id: &str) -> ApiResult<StaffMember> {
    let text = sqlx::AssertSqlSafe(format!("{COLUMNS} where id = $1"));
    let row = sqlx::query(text).bind(id).fetch_optional(app.db().read()).await?;
    let row = row.as_ref().map(member).transpose()?.ok_or_else(|| ApiError::not_found("该账号"))?;
    Ok(StaffMember { meetings: grants::of(app.db().read(), id).await?, ..row })
}

/// 422 `roles` unless there is at least one, in every meeting or in one.
pub(super) fn check_roles(roles: &[Role], meetings: &[MeetingRoles]) -> ApiResult<()> {
    if roles.is_empty() && meetings.is_empty() {
        return Err(ApiError::invalid("roles", "roles", "请至少选择一个角色。"));
    }
    Ok(())
}

/// Changes roles, or turns an account off and on. What it was logged in with ends at once when it may do less.
pub(super) async fn edit(app: &App, by: &Staff, id: &str, wanted: EditStaff) -> ApiResult<StaffMember> {
    let before = one(app, id).await?;
    let roles = wanted.roles.unwrap_or_else(|| before.roles.clone());
    let meetings = wanted.meetings.as_deref().unwrap_or(&before.meetings);
    check_roles(&roles, meetings)?;
    grants::check(app, meetings).await?;
    let disabled = wanted.disabled.unwrap_or(before.disabled);
    let mut tx = app.db().begin().await?;
    sqlx::query("update staff set roles = $1, disabled = $2 where id = $3")
        .bind(role_names(&roles))
        .bind(i64::from(disabled))
        .bind(id)
        .execute(tx.conn())
        .await?;
    an_owner_is_left(&mut tx).await?;
    grants::replace(&mut tx, id, meetings, app.now()).await?;
    // Open pages of somebody who may do less now end with their sessions; a token never has more than its owner.
    if disabled || loses(&before, &roles, meetings) {
        sqlx::query("delete from staff_session where staff_id = $1").bind(id).execute(tx.conn()).await?;
    }
    if disabled {
        sqlx::query("delete from staff_token where staff_id = $1").bind(id).execute(tx.conn()).await?;
    }
    let note = format!("{}{}", grants::words(&roles, meetings), if disabled { ", disabled" } else { "" });
    record(app, &mut tx, by, ("staff.edit", id), &note).await?;
    tx.commit().await?;
    one(app, id).await
}

/// Whether somebody has a role, anywhere or in one meeting, that they will not have there any more.
fn loses(before: &StaffMember, roles: &[Role], meetings: &[MeetingRoles]) -> bool {
    let kept = |meeting: &str, role: &Role| {
        let here = meetings.iter().filter(|grant| grant.meeting == meeting);
        roles.contains(role) || here.flat_map(|grant| &grant.roles).any(|kept| kept == role)
    };
    before.roles.iter().any(|role| !roles.contains(role))
        || before.meetings.iter().any(|grant| grant.roles.iter().any(|role| !kept(&grant.meeting, role)))
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

/// One's own password: 401 `login_failed` when the present one is wrong. Every session ends, this one too.
pub(super) async fn change_password(app: &App, by: &Staff, change: &PasswordChange) -> ApiResult<()> {
    staff::check_password(app, &by.user, &change.old).await?;
    staff::not_failed(app, &by.user).await?;
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
