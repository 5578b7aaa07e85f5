//! From a WeChat openid to a place in the pool: log-in through OAuth, a code by SMS (or, for small meetings, what the roster
//! knows), and one transaction that binds a person to an openid. Callbacks of the service account say who follows.

mod bind;
mod callback;
mod consent;
mod http;
mod known;
mod oauth;
mod otp;
mod outbox;
mod register;
mod spend;

pub use http::router;
pub use outbox::run as run_outbox;

use crate::{
    app::App,
    auth::Attendee,
    error::{ApiError, ApiResult},
    meeting::{self, Meeting},
    people::follow,
    wire::BindBy,
};

/// A meeting that takes people in one of the ways `by`, and a person who may come in: following when the meeting
/// wants it.
async fn admitted(app: &App, attendee: &Attendee, meeting_id: &str, by: &[BindBy]) -> ApiResult<Meeting> {
    let meeting = {
        let mut conn = app.db().read().acquire().await?;
        meeting::load(&mut conn, meeting_id).await?
    };
    meeting.must_be_open()?;
    if !by.contains(&meeting.settings.bind_by) {
        return Err(another_way());
    }
    if meeting.settings.require_follow && !follow::follows(app, &attendee.openid).await? {
        return Err(ApiError::forbidden("not_following", "请先关注公众号，再回到本页绑定。"));
    }
    Ok(meeting)
}

/// 409 `bind_by`: the page was loaded before the host changed it.
fn another_way() -> ApiError {
    ApiError::conflict("bind_by", "本场活动的签到方式已更改，请刷新页面后重新填写。")
}
