//! Routes: what became of the messages, and another try.

use axum::{Json, extract::State};
use sqlx::Row;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::send;
use crate::{
    app::App,
    audit::{self, Deed},
    auth::Staff,
    error::{ApiResult, ProblemBody},
    http::Path,
    meeting,
    wire::{NoticeState, NoticeView, Notices, Retried, Role},
};

/// Messages that are listed.
const LISTED: i64 = 200;

/// Routes of this module.
pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(retry))
}

/// Messages to the winners, and what is wrong with those that did not arrive.
#[utoipa::path(get, path = "/api/meetings/{meeting}/notices", tag = "wechat",
    params(("meeting" = String, Path, description = "Id of the meeting.")),
    security(("cookie" = []), ("bearer" = [])), responses(
    (status = 200, body = Notices),
    (status = 403, description = "`role`", body = ProblemBody),
    (status = 404, description = "`not_found`", body = ProblemBody),
))]
async fn list(State(app): State<App>, staff: Staff, Path(id): Path<String>) -> ApiResult<Json<Notices>> {
    staff.need(&[Role::Host, Role::Auditor])?;
    {
        let mut conn = app.db().read().acquire().await?;
        meeting::load(&mut conn, &id).await?;
    }
    let tally = send::tally(&app, &id).await?;
    let count = |state: &str| tally.iter().find(|(name, _)| name == state).map_or(0, |(_, count)| *count);
    let rows = sqlx::query(
        "select x.n, x.rank, x.state, x.way, x.why, x.updated_at, p.name from notice x \
         join seat s on s.meeting_id = x.meeting_id and s.n = x.n and s.rank = x.rank \
         join person p on p.id = s.person_id \
         where x.meeting_id = $1 and (x.state in ('failed', 'unknown') or x.why <> '') \
         order by x.updated_at desc, x.id limit $2",
    )
    .bind(&id)
    .bind(LISTED)
    .fetch_all(app.db().read())
    .await?;
    let open = rows
        .iter()
        .map(|row| {
            let (state, why): (String, String) = (row.try_get("state")?, row.try_get("why")?);
            Ok(NoticeView {
                draw: row.try_get("n")?,
                rank: row.try_get("rank")?,
                name: row.try_get("name")?,
                state: state_of(&state),
                way: row.try_get("way")?,
                detail: detail(&why).to_owned(),
                why,
                at: row.try_get("updated_at")?,
            })
        })
        .collect::<ApiResult<_>>()?;
    let (due, sent, unknown, failed) = (count("due"), count("sent"), count("unknown"), count("failed"));
    Ok(Json(Notices { due, sent, unknown, failed, open }))
}

fn state_of(word: &str) -> NoticeState {
    match word {
        "sent" => NoticeState::Sent,
        "unknown" => NoticeState::Unknown,
        "failed" => NoticeState::Failed,
        _ => NoticeState::Due,
    }
}

fn detail(why: &str) -> &'static str {
    match why {
        "window" => "微信只允许在对方互动后短时间内发消息，而活动没有设置模板消息；请在大屏或现场通知。",
        "not_following" => "对方没有关注公众号，收不到消息；请现场通知。",
        "declined" => "对方拒收了公众号的消息；请现场通知。",
        "config" => "微信不接受模板或字段；请核对模板 ID 与字段后重发。",
        "quota" => "当天的消息额度已用完，零点后自动再发。",
        "unreachable" => "没有得到微信的明确答复，可能已送达；请现场确认。",
        "away" => "连不上微信，没有发出；可以重发。",
        "system" => "微信没能送达；可重发一次。",
        _ => "",
    }
}

/// Try all failed ones again.
#[utoipa::path(post, path = "/api/meetings/{meeting}/notices/retry", tag = "wechat",
    params(("meeting" = String, Path, description = "Id of the meeting.")),
    security(("cookie" = []), ("bearer" = [])), responses(
    (status = 200, body = Retried),
    (status = 403, description = "`role`", body = ProblemBody),
    (status = 404, description = "`not_found`", body = ProblemBody),
))]
async fn retry(State(app): State<App>, staff: Staff, Path(id): Path<String>) -> ApiResult<Json<Retried>> {
    staff.need(&[Role::Host])?;
    {
        let mut conn = app.db().read().acquire().await?;
        meeting::load(&mut conn, &id).await?;
    }
    let count = send::retry(&app, &id).await?;
    let mut tx = app.db().begin().await?;
    let deed =
        Deed { who: &staff.user, what: "notice.retry", meeting: &id, target: &id, note: &count.to_string() };
    audit::record(&mut tx, app.now(), &deed).await?;
    tx.commit().await?;
    Ok(Json(Retried { count }))
}
