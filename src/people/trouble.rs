//! Why a person's code does not come: for the person's own page, for as long as the code lives.
//!
//! An SMS goes only to a phone that is on the roster, so nothing may be said here that is true of such a phone alone: what
//! is said depends on the moment, and on whether sending works at all, and never on what the provider said of one number.

use crate::{app::App, clock::Ms, keys::Purpose, store::StoreError, wire::Problem};

/// Set in the store while the provider has stopped us: nobody is sent anything.
pub const STOPPED: &str = "sms:stopped";
/// As long as a code lives.
const KEEP: Ms = 300_000;
/// An SMS that has not come by then does not come.
const LATE: Ms = 50_000;
/// Stands for the moment when the code was promised and is lost since.
const LOST: &str = "lost";

fn key(app: &App, meeting: &str, openid: &str) -> String {
    let parts = [b"trouble".as_slice(), meeting.as_bytes(), openid.as_bytes()];
    format!("sms:trouble:{}", hex::encode(app.keys().mac(Purpose::Otp, &parts)))
}

/// A code was promised, invited or not.
pub async fn promised(app: &App, meeting: &str, openid: &str) -> Result<(), StoreError> {
    app.store().set(&key(app, meeting, openid), &app.now().to_string(), KEEP).await
}

/// A promised code was lost by us, before anybody looked whose it was.
pub async fn lost(app: &App, meeting: &str, openid: &str) -> Result<(), StoreError> {
    app.store().set(&key(app, meeting, openid), LOST, KEEP).await
}

/// What the person's page says. A store that is away says nothing.
pub(super) async fn find(app: &App, meeting: &str, openid: &str) -> Option<Problem> {
    let word = app.store().get(&key(app, meeting, openid)).await.ok().flatten()?;
    let stopped = app.store().get(STOPPED).await.ok().flatten().is_some();
    let (code, detail) = match word.parse::<Ms>() {
        _ if stopped || word == LOST => ("unavailable", "短信暂时发不出去，请联系主持人，或稍后再试。"),
        Ok(at) if app.now() - at >= LATE => (
            "code_late",
            "还没收到验证码？请核对手机号；收验证码太频繁时要等几分钟。一直收不到，请联系主持人。",
        ),
        _ => return None,
    };
    Some(Problem { code: code.to_owned(), detail: detail.to_owned() })
}
