//! Why a person's code did not go out: kept for the person's own page for as long as the code would have lived, and
//! shown there only, since the answer to the request was given before.

use crate::{app::App, clock::Ms, keys::Purpose, store::StoreError, wire::Problem};

/// As long as a code lives.
const KEEP: Ms = 300_000;

fn key(app: &App, meeting: &str, openid: &str) -> String {
    let parts = [b"trouble".as_slice(), meeting.as_bytes(), openid.as_bytes()];
    format!("sms:trouble:{}", hex::encode(app.keys().mac(Purpose::Otp, &parts)))
}

/// Notes a word of `SmsError::word`.
pub async fn note(app: &App, meeting: &str, openid: &str, word: &str) -> Result<(), StoreError> {
    app.store().set(&key(app, meeting, openid), word, KEEP).await
}

/// A new code was asked for.
pub async fn forget(app: &App, meeting: &str, openid: &str) -> Result<(), StoreError> {
    app.store().set(&key(app, meeting, openid), "", KEEP).await
}

/// What the person's page says. A store that is away says nothing.
pub(super) async fn find(app: &App, meeting: &str, openid: &str) -> Option<Problem> {
    let word = app.store().get(&key(app, meeting, openid)).await.ok().flatten()?;
    let (code, detail) = match word.as_str() {
        "wait" => ("code_throttled", "这个号码收验证码太频繁，短信运营商没有发送，请过几分钟再试。"),
        "number" => ("phone_invalid", "短信运营商不接受这个号码，请核对手机号。"),
        "config" | "stopped" => ("unavailable", "短信暂时发不出去，请联系主持人，或稍后再试。"),
        _ => return None,
    };
    Some(Problem { code: code.to_owned(), detail: detail.to_owned() })
}
