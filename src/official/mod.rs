//! The service account as all servers use it together: one shared token and one shared ticket, each refreshed once by
//! one server; the account's menu; parametric QR codes; signatures for pages that use the JS-SDK.

mod http;
mod jssdk;
mod menu;
mod qr;
mod token;

pub use http::router;
pub use qr::{QrScene, code as qr_code};
pub use token::call;

use crate::{
    app::App,
    error::{ApiError, ApiResult},
    wechat::account::{Account, AccountError},
};

/// The service account; 503 when none is configured.
pub fn account(app: &App) -> ApiResult<&Account> {
    app.account().ok_or_else(|| {
        tracing::error!("wechat.app_id is not configured");
        ApiError::unavailable("还没有配置微信公众号，请联系管理员。")
    })
}

/// What people read while the platform does not answer.
const AWAY: &str = "暂时无法连接微信，请稍后重试。";

/// What a failed call means to the person who waits.
pub fn refused(error: &AccountError) -> ApiError {
    if matches!(error, AccountError::Config { .. }) {
        tracing::error!(%error, "the service account refuses us");
    } else {
        tracing::warn!(%error, "the service account did not answer");
    }
    ApiError::unavailable(AWAY)
}
