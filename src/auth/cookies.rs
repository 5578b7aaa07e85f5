//! Cookies: `__Host-` and Secure behind TLS, plain names on http (demo, development).

use ::http::{header, request::Parts};
use axum_extra::extract::cookie::{Cookie, SameSite};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};

use super::Attendee;
use crate::{app::App, clock::Ms, keys::Purpose};

/// A phone stays logged in for the meeting's day and the day after.
const ATTENDEE_MS: Ms = 48 * 3_600_000;
/// A log-in through WeChat is finished within this time.
const OAUTH_MS: Ms = 10 * 60_000;

/// Our cookies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Name {
    /// Staff session.
    Staff,
    /// Attendee.
    Me,
    /// OAuth state of a log-in under way.
    Oauth,
    /// Screen ticket.
    Screen,
    /// WeChat showed a snapshot page here.
    Snapshot,
}

impl Name {
    fn bare(self) -> &'static str {
        match self {
            Self::Staff => "kj_staff",
            Self::Me => "kj_me",
            Self::Oauth => "kj_oauth",
            Self::Screen => "kj_screen",
            Self::Snapshot => "kj_snapshot",
        }
    }

    /// The cookie's name under this configuration.
    pub fn of(self, app: &App) -> String {
        if app.config().secure_cookies() { format!("__Host-{}", self.bare()) } else { self.bare().to_owned() }
    }
}

fn build(app: &App, name: Name, value: String, max_age_s: Option<i64>) -> Cookie<'static> {
    let mut cookie = Cookie::new(name.of(app), value);
    cookie.set_path("/");
    cookie.set_http_only(true);
    cookie.set_secure(app.config().secure_cookies());
    // WeChat's redirect back is a cross-site navigation: Lax lets the cookie come along.
    cookie.set_same_site(SameSite::Lax);
    if let Some(seconds) = max_age_s {
        cookie.set_max_age(time::Duration::seconds(seconds));
    }
    cookie
}

/// Reads one of our cookies.
pub(super) fn get(app: &App, parts: &Parts, name: Name) -> Option<String> {
    let wanted = name.of(app);
    parts
        .headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|text| Cookie::split_parse(text.to_owned()).flatten().collect::<Vec<_>>())
        .find(|cookie| cookie.name() == wanted)
        .map(|cookie| cookie.value().to_owned())
}

/// Any of our cookies is present: the request may be one that a browser was led into.
pub(super) fn any(app: &App, parts: &Parts) -> bool {
    [Name::Staff, Name::Me, Name::Oauth, Name::Screen, Name::Snapshot]
        .into_iter()
        .any(|name| get(app, parts, name).is_some())
}

#[derive(Serialize, Deserialize)]
struct Sealed {
    until: Ms,
    value: String,
    flag: bool,
    /// Of an attendee: the browser's mark. Empty in a cookie of before there were marks.
    #[serde(default)]
    device: String,
}

impl Sealed {
    fn new(app: &App, value: &str, ms: Ms) -> Self {
        Self { until: app.now() + ms, value: value.to_owned(), flag: false, device: String::new() }
    }
}

fn seal(app: &App, name: Name, sealed: &Sealed) -> String {
    let plain = serde_json::to_vec(sealed).unwrap_or_default();
    URL_SAFE_NO_PAD.encode(app.keys().seal(Purpose::Cookie, name.bare(), &plain))
}

fn unseal(app: &App, parts: &Parts, name: Name) -> Option<Sealed> {
    let bytes = URL_SAFE_NO_PAD.decode(get(app, parts, name)?).ok()?;
    let plain = app.keys().unseal(Purpose::Cookie, name.bare(), &bytes)?;
    let sealed: Sealed = serde_json::from_slice(&plain).ok()?;
    (sealed.until > app.now()).then_some(sealed)
}

/// The session cookie of staff.
pub fn staff_cookie(app: &App, token: String) -> Cookie<'static> {
    build(app, Name::Staff, token, None)
}

/// The cookie that makes a phone an attendee.
pub fn attendee_cookie(app: &App, attendee: &Attendee) -> Cookie<'static> {
    let Attendee { openid, after_snapshot, device } = attendee;
    let sealed =
        Sealed { flag: *after_snapshot, device: device.clone(), ..Sealed::new(app, openid, ATTENDEE_MS) };
    build(app, Name::Me, seal(app, Name::Me, &sealed), Some(ATTENDEE_MS / 1000))
}

/// The attendee of a request.
pub(super) fn attendee(app: &App, parts: &Parts) -> Option<Attendee> {
    let sealed = unseal(app, parts, Name::Me)?;
    Some(Attendee { openid: sealed.value, after_snapshot: sealed.flag, device: sealed.device })
}

/// Binds an OAuth state to the browser that began the log-in.
pub fn oauth_cookie(app: &App, state: &str) -> Cookie<'static> {
    let sealed = Sealed::new(app, state, OAUTH_MS);
    build(app, Name::Oauth, seal(app, Name::Oauth, &sealed), Some(OAUTH_MS / 1000))
}

/// The OAuth state that this browser began with.
pub fn oauth_state(app: &App, parts: &Parts) -> Option<String> {
    unseal(app, parts, Name::Oauth).map(|sealed| sealed.value)
}

/// Remembers that WeChat showed this browser a snapshot page.
pub fn snapshot_cookie(app: &App) -> Cookie<'static> {
    let sealed = Sealed::new(app, "", ATTENDEE_MS);
    build(app, Name::Snapshot, seal(app, Name::Snapshot, &sealed), Some(ATTENDEE_MS / 1000))
}

/// WeChat showed this browser a snapshot page not long ago.
pub fn saw_snapshot(app: &App, parts: &Parts) -> bool {
    unseal(app, parts, Name::Snapshot).is_some()
}

/// The cookie of a paired screen.
pub fn screen_cookie(app: &App, ticket: String) -> Cookie<'static> {
    build(app, Name::Screen, ticket, Some(7 * 86_400))
}

/// Makes the browser forget a cookie.
pub fn clear_cookie(app: &App, name: Name) -> Cookie<'static> {
    build(app, name, String::new(), Some(0))
}
