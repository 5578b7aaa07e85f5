//! One-time links: an invitation, or a new password. Whoever opens one chooses their own password; nobody else ever knows it.

use anyhow::Context;
use sqlx::Row;

use super::{
    NewStaff, Staff, grants,
    staff::{self, create_staff, hash_password, roles_of},
    team,
};
use crate::{
    app::App,
    audit::{self, Deed},
    clock::{DAY, Ms},
    db::Tx,
    error::{ApiError, ApiResult},
    keys::{random, token_hash},
    wire::{JoinRequest, MeetingRoles, NewStaffLink, Role, StaffLink},
};

/// Long enough for a message to be read, short enough to be forgotten in a chat.
const LIFE: Ms = 3 * DAY;
const NOTE_CHARS: usize = 60;

/// Invites somebody.
pub(super) async fn invite(app: &App, by: &Staff, new: &NewStaffLink) -> ApiResult<StaffLink> {
    team::check_roles(&new.roles, &new.meetings)?;
    grants::check(app, &new.meetings).await?;
    if new.note.chars().count() > NOTE_CHARS {
        return Err(ApiError::invalid("note", "note", format!("备注最多 {NOTE_CHARS} 个字。")));
    }
    make(app, by, (None, &new.roles, &new.meetings), &new.note).await
}

/// A link for a new password. The old one, the sessions, the tokens and the second factor hold until it is used.
pub(super) async fn reset(app: &App, by: &Staff, id: &str) -> ApiResult<StaffLink> {
    let member = team::one(app, id).await?;
    make(app, by, (Some(id), &member.roles, &[]), &member.user).await
}

async fn make(
    app: &App,
    by: &Staff,
    (staff_id, roles, meetings): (Option<&str>, &[Role], &[MeetingRoles]),
    note: &str,
) -> ApiResult<StaffLink> {
    let (code, now) = (hex::encode(random::<16>()), app.now());
    let mut tx = app.db().begin().await?;
    // The last one counts.
    sqlx::query("delete from staff_link where ends_at < $1 or (staff_id is not null and staff_id = $2)")
        .bind(now - LIFE)
        .bind(staff_id.unwrap_or_default())
        .execute(tx.conn())
        .await?;
    sqlx::query(
        "insert into staff_link (code_hash, staff_id, roles, note, made_by, made_at, ends_at, meetings) \
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(token_hash(&code))
    .bind(staff_id)
    .bind(staff::role_names(roles))
    .bind(note)
    .bind(&by.id)
    .bind(now)
    .bind(now + LIFE)
    .bind(serde_json::to_string(meetings).context("roles as JSON")?)
    .execute(tx.conn())
    .await?;
    let what = if staff_id.is_some() { "staff.reset" } else { "staff.invite" };
    let names = grants::words(roles, meetings);
    let deed = Deed { who: &by.user, what, meeting: "", target: staff_id.unwrap_or_default(), note: &names };
    audit::record(&mut tx, now, &deed).await?;
    tx.commit().await?;
    Ok(StaffLink { url: format!("{}/control#join={code}", app.config().origin()), ends_at: now + LIFE })
}

/// Whether a link's maker may still make one: nobody leaves doors open behind them. Locked, so that turning the account off
/// comes before or after this.
async fn is_owner(tx: &mut Tx, id: &str) -> ApiResult<bool> {
    let row =
        sqlx::query("update staff set disabled = disabled where id = $1 and disabled = 0 returning roles")
            .bind(id)
            .fetch_optional(tx.conn())
            .await?;
    let Some(row) = row else { return Ok(false) };
    Ok(roles_of(&row.try_get::<String, _>(0)?).contains(&Role::Owner))
}

/// Uses a link: 403 `staff_link` when it is wrong, used or too old, or made by somebody who is no owner any more.
pub(super) async fn join(app: &App, request: &JoinRequest) -> ApiResult<Staff> {
    let (now, code) = (app.now(), token_hash(&request.code));
    let mut tx = app.db().begin().await?;
    let row = sqlx::query(
        "update staff_link set used_at = $1 where code_hash = $2 and used_at is null and ends_at > $1 \
         returning staff_id, roles, meetings, made_by",
    )
    .bind(now)
    .bind(code)
    .fetch_optional(tx.conn())
    .await?;
    let refuse = || {
        let detail = "这个链接无效、已使用或已过期，请向负责人要一个新的。";
        ApiError::forbidden("staff_link", detail)
    };
    let row = row.ok_or_else(refuse)?;
    if !is_owner(&mut tx, &row.try_get::<String, _>(3)?).await? {
        return Err(refuse());
    }
    let (id, roles): (Option<String>, String) = (row.try_get(0)?, row.try_get(1)?);
    let roles = roles_of(&roles);
    let meetings: Vec<MeetingRoles> =
        serde_json::from_str(&row.try_get::<String, _>(2)?).context("the roles of a link")?;
    let joined = match id {
        None => {
            let new =
                NewStaff { user: &request.user, password: &request.password, roles: &roles, token: None };
            let made = create_staff(app, &mut tx, &new).await?;
            grants::replace(&mut tx, &made.id, &meetings, now).await?;
            Staff { grants: meetings, ..made }
        }
        Some(id) => {
            let hash = hash_password(&request.password).await?;
            sqlx::query("update staff set password_hash = $1, totp_sealed = '', totp_step = 0 where id = $2")
                .bind(hash)
                .bind(&id)
                .execute(tx.conn())
                .await?;
            // Whoever knew the old one may have made tokens and links with it.
            for text in [
                "delete from staff_session where staff_id = $1",
                "delete from staff_token where staff_id = $1",
                "delete from staff_link where made_by = $1 and used_at is null",
            ] {
                sqlx::query(text).bind(&id).execute(tx.conn()).await?;
            }
            let row = sqlx::query("select id, username, roles, disabled from staff where id = $1");
            let row = row.bind(&id).fetch_one(tx.conn()).await?;
            let known = staff::from_row(&row)?
                .ok_or_else(|| ApiError::forbidden("staff_link", "这个账号已停用，请联系负责人。"))?;
            Staff { grants: grants::of(tx.conn(), &known.id).await?, ..known }
        }
    };
    tx.commit().await?;
    Ok(joined)
}
