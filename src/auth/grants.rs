//! Roles that hold in one meeting only.

use std::collections::HashMap;

use sqlx::{Any, Executor, Row};

use super::{
    Staff,
    staff::{role_names, roles_of},
};
use crate::{
    app::App,
    clock::Ms,
    db::Tx,
    error::{ApiError, ApiResult},
    wire::{MeetingRoles, Role},
};

/// Meetings of one member.
const MOST: usize = 100;

/// A member's, by meeting.
pub(super) async fn of<'c, E: Executor<'c, Database = Any>>(
    on: E,
    id: &str,
) -> Result<Vec<MeetingRoles>, sqlx::Error> {
    let rows =
        sqlx::query("select meeting_id, roles from staff_grant where staff_id = $1 order by meeting_id")
            .bind(id)
            .fetch_all(on)
            .await?;
    let one = |row: &sqlx::any::AnyRow| {
        Ok(MeetingRoles { meeting: row.try_get(0)?, roles: roles_of(&row.try_get::<String, _>(1)?) })
    };
    rows.iter().map(one).collect()
}

/// The member with them.
pub(super) async fn with<'c, E: Executor<'c, Database = Any>>(
    on: E,
    staff: Staff,
) -> Result<Staff, sqlx::Error> {
    Ok(Staff { grants: of(on, &staff.id).await?, ..staff })
}

/// Everybody's, by member.
pub(super) async fn all<'c, E: Executor<'c, Database = Any>>(
    on: E,
) -> Result<HashMap<String, Vec<MeetingRoles>>, sqlx::Error> {
    let rows = sqlx::query("select staff_id, meeting_id, roles from staff_grant order by meeting_id")
        .fetch_all(on)
        .await?;
    let mut all: HashMap<_, Vec<_>> = HashMap::new();
    for row in rows {
        let roles = roles_of(&row.try_get::<String, _>(2)?);
        all.entry(row.try_get(0)?).or_default().push(MeetingRoles { meeting: row.try_get(1)?, roles });
    }
    Ok(all)
}

/// 422 `meetings` for a meeting that there is not, or that stands there twice; for an owner of one, or for no role.
pub(super) async fn check(app: &App, wanted: &[MeetingRoles]) -> ApiResult<()> {
    let wrong = |detail: &str| Err(ApiError::invalid("meetings", "meetings", detail));
    if wanted.len() > MOST {
        return wrong("每个账号最多限定 100 场活动。");
    }
    for (at, grant) in wanted.iter().enumerate() {
        if grant.roles.is_empty() {
            return wrong("每场活动请至少选择一个角色。");
        }
        if grant.roles.contains(&Role::Owner) {
            return wrong("负责人（owner）总是管理所有活动，不能只限一场。");
        }
        if wanted.iter().take(at).any(|earlier| earlier.meeting == grant.meeting) {
            return wrong("同一场活动只能写一次。");
        }
        let known = sqlx::query("select id from meeting where id = $1")
            .bind(&grant.meeting)
            .fetch_optional(app.db().read())
            .await?;
        if known.is_none() {
            return wrong("没有这场活动，请刷新后重选。");
        }
    }
    Ok(())
}

/// Puts these in place of those before.
pub(super) async fn replace(
    tx: &mut Tx,
    id: &str,
    wanted: &[MeetingRoles],
    now: Ms,
) -> Result<(), sqlx::Error> {
    sqlx::query("delete from staff_grant where staff_id = $1").bind(id).execute(tx.conn()).await?;
    for grant in wanted {
        sqlx::query("insert into staff_grant (staff_id, meeting_id, roles, made_at) values ($1, $2, $3, $4)")
            .bind(id)
            .bind(&grant.meeting)
            .bind(role_names(&grant.roles))
            .bind(now)
            .execute(tx.conn())
            .await?;
    }
    Ok(())
}

/// Whoever works in a meeting works in its rehearsal.
pub async fn inherit(tx: &mut Tx, (from, to): (&str, &str), now: Ms) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into staff_grant (staff_id, meeting_id, roles, made_at) \
         select staff_id, $1, roles, $2 from staff_grant where meeting_id = $3",
    )
    .bind(to)
    .bind(now)
    .bind(from)
    .execute(tx.conn())
    .await
    .map(drop)
}

/// For the audit trail: `finance; abc123: host,reviewer`.
pub(super) fn words(roles: &[Role], meetings: &[MeetingRoles]) -> String {
    let here = meetings.iter().map(|grant| format!("{}: {}", grant.meeting, role_names(&grant.roles)));
    let everywhere = Some(role_names(roles)).filter(|names| !names.is_empty());
    everywhere.into_iter().chain(here).collect::<Vec<_>>().join("; ")
}
