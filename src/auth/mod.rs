//! Who is asking: staff (cookie or API token), attendees (sealed cookie), screens (ticket).

mod cookies;
mod grants;
mod http;
mod http_team;
mod links;
mod origin;
mod sessions;
mod staff;
mod team;
mod tokens;
mod totp;

use ::http::request::Parts;
use axum::extract::{FromRequestParts, RawPathParams};

pub use cookies::{
    Name, attendee_cookie, clear_cookie, oauth_cookie, oauth_state, saw_snapshot, screen_cookie,
    snapshot_cookie, staff_cookie,
};
pub use grants::inherit;
pub use http::router;
pub use origin::{ours, refused, same_origin};
pub use staff::{NewStaff, create_staff, first_setup_code, make_setup_code, staff_count};

use crate::{
    app::App,
    draw::drand,
    error::{ApiError, ApiResult},
    wire::{MeetingRoles, Role, StaffView},
};

/// A member of staff who is logged in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Staff {
    /// Id.
    pub id: String,
    /// User name.
    pub user: String,
    /// Roles that count for this request: those that hold everywhere, and those of the meeting that it is about.
    pub roles: Vec<Role>,
    /// Roles in one meeting only.
    pub grants: Vec<MeetingRoles>,
    /// Came with a token that has not all of them: may not make itself more.
    pub limited: bool,
}

impl Staff {
    /// 403 `role` unless one of `roles` is held; the owner may do everything.
    pub fn need(&self, roles: &[Role]) -> ApiResult<()> {
        if self.roles.contains(&Role::Owner) || self.roles.iter().any(|role| roles.contains(role)) {
            return Ok(());
        }
        Err(ApiError::forbidden("role", "您的角色不能执行此操作，请联系活动负责人。"))
    }

    /// The same member in one meeting: 404 for whoever has no role there, as if there were no such meeting.
    pub fn in_meeting(mut self, meeting: &str) -> ApiResult<Self> {
        let here = self.grants.iter().filter(|grant| grant.meeting == meeting);
        let more: Vec<Role> = here.flat_map(|grant| &grant.roles).copied().collect();
        self.roles.extend(more.into_iter().filter(|role| !self.roles.contains(role)).collect::<Vec<_>>());
        if self.roles.is_empty() {
            return Err(ApiError::not_found("该活动"));
        }
        Ok(self)
    }

    /// Whether there is a role anywhere in this meeting. Only for a member who is not in one.
    pub fn sees(&self, meeting: &str) -> bool {
        !self.roles.is_empty() || self.grants.iter().any(|grant| grant.meeting == meeting)
    }

    /// 403 `role` for a token with fewer roles than its owner.
    fn must_be_whole(&self) -> ApiResult<()> {
        if self.limited {
            let detail = "这个令牌的权限受限，不能管理账号和令牌。";
            return Err(ApiError::forbidden("role", detail));
        }
        Ok(())
    }

    /// As programs and pages see it.
    pub fn view(&self) -> StaffView {
        StaffView {
            id: self.id.clone(),
            user: self.user.clone(),
            roles: self.roles.clone(),
            meetings: self.grants.clone(),
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
        let staff = staff_of(app, parts).await?;
        // The one place that knows which meeting a request is about: every route of a meeting names it so.
        let staff = match RawPathParams::from_request_parts(parts, app).await {
            Ok(params) => match params.iter().find(|(name, _)| *name == "meeting") {
                Some((_, meeting)) => staff.in_meeting(meeting)?,
                None => staff,
            },
            Err(_) => staff,
        };
        parts.extensions.insert(staff.clone());
        Ok(staff)
    }
}

/// Who sent a request, by token or cookie, whatever it is about.
pub async fn staff_of(app: &App, parts: &Parts) -> ApiResult<Staff> {
    let found = if let Some(token) = bearer(parts) {
        tokens::owner(app, &token).await?
    } else if let Some(cookie) = cookies::get(app, parts, Name::Staff) {
        sessions::by_cookie(app, &cookie).await?
    } else {
        None
    };
    found.ok_or_else(ApiError::login)
}

/// A phone that came through WeChat's log-in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attendee {
    /// The openid under our service account.
    pub openid: String,
    /// WeChat had shown this browser a snapshot page before. The virtual account behind one is refused at log-in; the
    /// real account after it is served, and what it earns others is looked at by a person.
    pub after_snapshot: bool,
    /// Random mark of this browser: whoever logs in here next has the same. Empty for a log-in of before there were marks.
    pub device: String,
}

impl Attendee {
    /// Somebody who logs in; `before` is who was logged in here.
    pub fn new(openid: String, after_snapshot: bool, before: Option<&Self>) -> Self {
        let device = before.map(|before| before.device.clone()).filter(|device| !device.is_empty());
        Self {
            openid,
            after_snapshot,
            device: device.unwrap_or_else(|| hex::encode(crate::keys::random::<16>())),
        }
    }
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
