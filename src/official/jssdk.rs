//! Signatures for pages that use WeChat's JS-SDK: only for pages of our own.

use url::Url;

use super::token;
use crate::{
    app::App,
    error::{ApiError, ApiResult},
    keys,
    wechat::jssdk,
    wire::JsSdk,
};

/// Signs a page's address for `wx.config`; 422 `url_foreign` for any host but ours.
pub(super) async fn sign(app: &App, address: &str) -> ApiResult<JsSdk> {
    let foreign =
        || ApiError::invalid("url_foreign", "url", "只能为本站页面签名，请使用当前页面的完整地址。");
    let page = Url::parse(address).map_err(|_| foreign())?;
    let own =
        Url::parse(app.config().origin()).map_err(|error| anyhow::anyhow!("server.public_url: {error}"))?;
    if page.origin() != own.origin() || !page.username().is_empty() || page.password().is_some() {
        return Err(foreign());
    }
    super::account(app)?;
    let ticket = token::ticket(app).await.map_err(|error| super::refused(&error))?;
    let (nonce, timestamp) = (hex::encode(keys::random::<8>()), app.now() / 1000);
    let signature =
        jssdk::signature(secrecy::ExposeSecret::expose_secret(&ticket), &nonce, timestamp, address);
    Ok(JsSdk { app_id: app.config().wechat.app_id.clone(), timestamp, nonce, signature })
}
