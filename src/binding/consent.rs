//! What somebody agrees to before a phone number is asked for. A change of a text is a new version: what was agreed to
//! earlier can still be read here.

use crate::{
    app::App,
    error::{ApiError, ApiResult},
    wire::ConsentText,
};

/// Number of the text below.
const NUMBER: u32 = 1;

/// Longest name of a version that is looked at, characters.
const VERSION_CHARS: usize = 32;

/// The text in force.
pub(super) fn text(app: &App) -> ConsentText {
    let days = app.config().privacy.keep_days;
    let (zh_until, en_until) = if days == 0 {
        ("活动结束后由主办方删除".to_owned(), "and the organiser deletes them after it".to_owned())
    } else {
        (format!("活动结束 {days} 天后自动删除"), format!("and they are deleted {days} days after it ends"))
    };
    ConsentText {
        version: version(app),
        zh: format!(
            "我同意主办方使用我的姓名、手机号和微信标识（openid），仅用于本次活动的签到、抽奖和发奖，{zh_until}。\
             我可以随时联系主办方查看、导出或删除自己的信息。"
        ),
        en: format!(
            "I agree that the organiser uses my name, phone number and WeChat id (openid) for check-in, draws and prizes \
             of this event only, {en_until}. I can ask the organiser at any time to see, export or delete my data."
        ),
    }
}

/// Names the text in force: its number, and the days that it promises.
pub(super) fn version(app: &App) -> String {
    format!("{NUMBER}-{}d", app.config().privacy.keep_days)
}

/// The version to be recorded: 409 `consent_changed` when the phone showed another text. Programs need not name it: they
/// said yes when they asked for the code.
pub(super) fn agreed(app: &App, seen: Option<&str>) -> ApiResult<String> {
    let present = version(app);
    if seen.is_some_and(|seen| seen.chars().count() > VERSION_CHARS) {
        let detail = format!("此项最多 {VERSION_CHARS} 个字符。");
        return Err(ApiError::invalid("text", "consent", detail));
    }
    if seen.is_some_and(|seen| seen != present) {
        return Err(ApiError::conflict(
            "consent_changed",
            "个人信息使用说明已更新，请刷新页面后重新阅读并同意。",
        ));
    }
    Ok(present)
}
