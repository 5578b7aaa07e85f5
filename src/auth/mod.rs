//! Who is asking: staff (cookie or API token), attendees (sealed cookie), screens (ticket).

mod cookies;
mod http;
mod http_team;
mod links;
mod origin;
mod sessions;
mod staff;
mod team;
mod totp;

use ::http::request::Parts;
use axum::extract::FromRequestParts;

pub use cookies::{
    Name, attendee_cookie, clear_cookie, oauth_cookie, oauth_state, screen_cookie, staff_cookie,
};
pub use http::router;
pub use origin::{ours, refused, same_origin};
pub use staff::{NewStaff, create_staff, make_setup_code, staff_count};

use crate::{
    app::App,
    draw::drand,
    error::{ApiError, ApiResult},
    wire::{Role, StaffView},
};

/// A member of staff who is logged in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Staff {
    /// Id.
    pub id: String,
    /// User name.
    pub user: String,
    /// Roles.
    pub roles: Vec<Role>,
}

impl Staff {
    /// 403 `role` unless one of `roles` is held; the owner may do everything.
    pub fn need(&self, roles: &[Role]) -> ApiResult<()> {
        if self.roles.contains(&Role::Owner) || self.roles.iter().any(|role| roles.contains(role)) {
            return Ok(());
        }
        Err(ApiError::forbidden("role", "您的角色不能执行此操作，请联系活动负责人。"))
    }

    /// As programs and pages see it.
    pub fn view(&self) -> StaffView {
        StaffView {
            id: self.id.clone(),
            user: self.user.clone(),
            roles: self.roles.clone(),
            drand: drand::VERIFIED,
        }
    }
}

impl FromRequestParts<App> for Staff {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        if let Some(known) = parts.extensions.get::<Self>() {
            return Ok(known.clone());
        }
        let found = if let Some(token) = bearer(parts) {
            staff::by_token(app, &token).await?
        } else if let Some(cookie) = cookies::get(app, parts, Name::Staff) {
            sessions::by_cookie(app, &cookie).await?
        } else {
            None
        };
        let staff = found.ok_or_else(ApiError::login)?;
        parts.extensions.insert(staff.clone());
        Ok(staff)
    }
}

/// A phone that came through WeChat's log-in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attendee {
    /// The openid under our service account.
    pub openid: String,
    /// WeChat showed a snapshot page with a virtual account: never bound, never paid.
    pub snapshot: bool,
}

impl FromRequestParts<App> for Attendee {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        cookies::attendee(app, parts).ok_or_else(|| {
            ApiError::new(::http::StatusCode::UNAUTHORIZED, "login", "请在微信中重新打开本页以登录。")
        })
    }
}

/// A screen that was paired with a meeting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Screen {
    /// The meeting it may show.
    pub meeting: String,
    /// Names the ticket in counts and limits without being it.
    pub ticket_hash: String,
}

impl FromRequestParts<App> for Screen {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let ticket = bearer(parts).or_else(|| cookies::get(app, parts, Name::Screen));
        let found = match ticket {
            Some(ticket) => sessions::by_ticket(app, &ticket).await?,
            None => None,
        };
        found.ok_or_else(|| {
            ApiError::new(::http::StatusCode::UNAUTHORIZED, "pairing", "请先在大屏上输入控制台显示的配对码。")
        })
    }
}

/// The value of `Authorization: Bearer …`.
pub fn bearer(parts: &Parts) -> Option<String> {
    let value = parts.headers.get(::http::header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().to_owned()).filter(|token| !token.is_empty())
}

/// A name for the caller in scopes of idempotency: never the credential itself.
pub async fn caller(app: &App, parts: &mut Parts) -> ApiResult<Option<String>> {
    match Staff::from_request_parts(parts, app).await {
        Ok(staff) => return Ok(Some(format!("staff:{}", staff.id))),
        Err(error) if error.status().is_server_error() => return Err(error),
        Err(_) => {}
    }
    Ok(cookies::attendee(app, parts)
        .map(|attendee| format!("attendee:{}", crate::keys::token_hash(&attendee.openid))))
}
