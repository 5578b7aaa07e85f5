//! The client of the service account: web authorization, the global token, and what needs it.
//!
//! WeChat answers errors with HTTP 200 and an `errcode`. What a caller can do about one is a closed set,
//! [`AccountError`]; the numbers behind it are read in one place. No error text carries an address, since addresses
//! here carry secrets.

use std::time::Duration;

use anyhow::Context;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use url::Url;

pub use super::account_error::AccountError;
use super::tls;
use crate::answer::{self, ReadError};
use crate::config::WechatConfig;

/// A call that takes longer is given up.
const CALL_TIMEOUT: Duration = Duration::from_secs(8);
/// Answers are a few hundred bytes, a code for a page a few thousand.
const ANSWER_BYTES: usize = 256 * 1024;
/// A connection that takes longer is given up.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// Where the account's platform is and who we are there.
#[derive(Clone, Debug)]
pub struct AccountConfig {
    /// App id of the service account.
    pub app_id: String,
    /// Its secret.
    pub app_secret: SecretString,
    /// `https://api.weixin.qq.com` or a stand-in.
    pub api_base: Url,
    /// `https://open.weixin.qq.com` or a stand-in.
    pub oauth_base: Url,
}

/// What the authorization asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Silent, openid only: the one to use where money may follow.
    Base,
    /// Asks the person, gives name and picture.
    UserInfo,
}

/// Who came back from the authorization.
#[derive(Clone, PartialEq, Eq)]
pub struct OauthUser {
    /// The openid under our app id.
    pub openid: String,
    /// A virtual account of a snapshot page: must never be bound or paid.
    pub is_snapshot: bool,
}

/// The global access token.
#[derive(Clone, Debug)]
pub struct AccessToken {
    /// The token; up to 512 characters.
    pub token: SecretString,
    /// How long it is good, seconds.
    pub expires_in_s: i64,
}

/// What the account knows about a person.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UserInfo {
    /// Whether the person follows the account now.
    pub subscribe: bool,
    /// Since when, seconds; 0 when it was not said.
    pub subscribe_s: i64,
    /// The text of the parametric QR code that the person began to follow by, empty for any other way.
    pub scene: String,
}

/// A ticket for the JS-SDK; to be cached for all.
#[derive(Clone, Debug)]
pub struct JsTicket {
    /// The ticket.
    pub ticket: SecretString,
    /// How long it is good, seconds.
    pub expires_in_s: i64,
}

/// A temporary QR code with a text of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QrCode {
    /// What the code says; draw it ourselves.
    pub url: String,
}

/// The client. Cloning is cheap.
#[derive(Clone)]
pub struct Account {
    config: AccountConfig,
    http: reqwest::Client,
}

#[derive(Deserialize)]
struct OauthAnswer {
    openid: String,
    #[serde(default)]
    is_snapshotuser: i64,
}

#[derive(Deserialize)]
struct TokenAnswer {
    access_token: String,
    expires_in: i64,
}

#[derive(Deserialize)]
struct UserAnswer {
    subscribe: i64,
    #[serde(default)]
    subscribe_time: i64,
    #[serde(default)]
    qr_scene_str: String,
}

#[derive(Deserialize)]
struct TicketAnswer {
    ticket: String,
    expires_in: i64,
}

#[derive(Deserialize)]
struct QrAnswer {
    url: String,
}

#[derive(Deserialize)]
struct SentAnswer {
    msgid: i64,
}

#[derive(Deserialize)]
struct Nothing {}

impl std::fmt::Debug for Account {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Account").field("app_id", &self.config.app_id).finish_non_exhaustive()
    }
}

impl Account {
    /// The account that the configuration names; none when no app id is set.
    pub fn open(config: &WechatConfig) -> anyhow::Result<Option<Self>> {
        if config.app_id.is_empty() {
            return Ok(None);
        }
        let account = Self::new(AccountConfig {
            app_id: config.app_id.clone(),
            app_secret: config.app_secret.expose().into(),
            api_base: config.api_base.parse().context("wechat.api_base is not an address")?,
            oauth_base: config.oauth_base.parse().context("wechat.oauth_base is not an address")?,
        });
        account.map(Some).context("no TLS on this machine")
    }

    /// Makes the client; fails only when no TLS is possible on this machine (no certificate store).
    pub fn new(config: AccountConfig) -> Result<Self, reqwest::Error> {
        tls::install_ring();
        let builder = reqwest::Client::builder()
            .timeout(CALL_TIMEOUT)
            .connect_timeout(CONNECT_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none());
        // A stand-in on plain HTTP must not need the platform's certificate store.
        let plain = config.api_base.scheme() == "http";
        let builder = if plain { builder.tls_certs_only([]) } else { builder };
        Ok(Self { config, http: builder.build()? })
    }

    /// Where to send a browser for authorization. `state` is at most 128 letters and digits and bound to the session.
    pub fn authorize_url(&self, redirect: &Url, scope: Scope, state: &str) -> String {
        let mut url = endpoint(&self.config.oauth_base, "connect/oauth2/authorize");
        let scope = match scope {
            Scope::Base => "snsapi_base",
            Scope::UserInfo => "snsapi_userinfo",
        };
        // WeChat wants this order and the fragment.
        url.query_pairs_mut()
            .append_pair("appid", &self.config.app_id)
            .append_pair("redirect_uri", redirect.as_str())
            .append_pair("response_type", "code")
            .append_pair("scope", scope)
            .append_pair("state", state);
        url.set_fragment(Some("wechat_redirect"));
        url.into()
    }

    /// Exchanges a code, which works once and for five minutes, for the person's openid.
    pub async fn exchange_code(&self, code: &str) -> Result<OauthUser, AccountError> {
        let request = self.http.get(endpoint(&self.config.api_base, "sns/oauth2/access_token")).query(&[
            ("appid", self.config.app_id.as_str()),
            ("secret", self.config.app_secret.expose_secret()),
            ("code", code),
            ("grant_type", "authorization_code"),
        ]);
        let answer: OauthAnswer = call(request).await?;
        if answer.openid.is_empty() {
            return Err(AccountError::Busy("no openid in the answer"));
        }
        Ok(OauthUser { openid: answer.openid, is_snapshot: answer.is_snapshotuser != 0 })
    }

    /// The global token. Repeated calls give the same one while it is good, so several servers do not disturb each
    /// other. Force is never used: it would invalidate the others' token.
    pub async fn stable_token(&self) -> Result<AccessToken, AccountError> {
        let body = json!({
            "grant_type": "client_credential",
            "appid": self.config.app_id,
            "secret": self.config.app_secret.expose_secret(),
            "force_refresh": false,
        });
        let url = endpoint(&self.config.api_base, "cgi-bin/stable_token");
        let answer: TokenAnswer = call(self.http.post(url).json(&body)).await?;
        Ok(AccessToken { token: answer.access_token.into(), expires_in_s: answer.expires_in })
    }

    /// Whether the person follows the account.
    pub async fn user_info(&self, token: &SecretString, openid: &str) -> Result<UserInfo, AccountError> {
        let request = self.get("cgi-bin/user/info", token).query(&[("openid", openid), ("lang", "zh_CN")]);
        let answer: UserAnswer = call(request).await?;
        Ok(UserInfo {
            subscribe: answer.subscribe == 1,
            subscribe_s: answer.subscribe_time,
            scene: answer.qr_scene_str,
        })
    }

    /// A ticket for the JS-SDK.
    pub async fn js_ticket(&self, token: &SecretString) -> Result<JsTicket, AccountError> {
        let request = self.get("cgi-bin/ticket/getticket", token).query(&[("type", "jsapi")]);
        let answer: TicketAnswer = call(request).await?;
        Ok(JsTicket { ticket: answer.ticket.into(), expires_in_s: answer.expires_in })
    }

    /// A temporary parametric QR code; `scene` is 1 to 64 characters and comes back in the callback.
    pub async fn create_qr(
        &self,
        token: &SecretString,
        scene: &str,
        expire_seconds: i64,
    ) -> Result<QrCode, AccountError> {
        let body = json!({
            "expire_seconds": expire_seconds,
            "action_name": "QR_STR_SCENE",
            "action_info": { "scene": { "scene_str": scene } },
        });
        let answer: QrAnswer = call(self.post("cgi-bin/qrcode/create", token).json(&body)).await?;
        Ok(QrCode { url: answer.url })
    }

    /// A customer-service text. Allowed only for a short time after the person did something.
    pub async fn send_text(
        &self,
        token: &SecretString,
        openid: &str,
        content: &str,
    ) -> Result<(), AccountError> {
        let body = json!({ "touser": openid, "msgtype": "text", "text": { "content": content } });
        let _: Nothing = call(self.post("cgi-bin/message/custom/send", token).json(&body)).await?;
        Ok(())
    }

    /// A template message; `body` has `touser`, `template_id`, `data`, and a `client_msg_id` that makes a repeat within
    /// some minutes the same message. Answers the platform's number of it.
    pub async fn send_template(&self, token: &SecretString, body: &Value) -> Result<String, AccountError> {
        let answer: SentAnswer = call(self.post("cgi-bin/message/template/send", token).json(body)).await?;
        Ok(answer.msgid.to_string())
    }

    /// Makes the account's menu, in place of the one before.
    pub async fn create_menu(&self, token: &SecretString, menu: &Value) -> Result<(), AccountError> {
        let _: Nothing = call(self.post("cgi-bin/menu/create", token).json(menu)).await?;
        Ok(())
    }

    fn get(&self, path: &str, token: &SecretString) -> reqwest::RequestBuilder {
        let url = endpoint(&self.config.api_base, path);
        self.http.get(url).query(&[("access_token", token.expose_secret())])
    }

    fn post(&self, path: &str, token: &SecretString) -> reqwest::RequestBuilder {
        let url = endpoint(&self.config.api_base, path);
        self.http.post(url).query(&[("access_token", token.expose_secret())])
    }
}

/// An address below a base, which may have a path of its own.
fn endpoint(base: &Url, path: &str) -> Url {
    let mut url = base.clone();
    let joined = format!("{}/{path}", base.path().trim_end_matches('/'));
    url.set_path(&joined);
    url
}

/// Sends and reads. The content type is not looked at: WeChat answers JSON as `text/plain`.
async fn call<T: DeserializeOwned>(request: reqwest::RequestBuilder) -> Result<T, AccountError> {
    let answer = request.send().await.map_err(|error| AccountError::from_transport(&error))?;
    if !answer.status().is_success() {
        return Err(AccountError::Busy("the HTTP status is not 200"));
    }
    let body = answer::read(answer, ANSWER_BYTES).await.map_err(|error| match error {
        ReadError::Broken(error) => AccountError::from_transport(&error),
        ReadError::TooLong(_) => AccountError::Busy("the answer is too long"),
    })?;
    read(&body)
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, AccountError> {
    #[derive(Deserialize)]
    struct Envelope {
        #[serde(default)]
        errcode: i64,
    }
    let envelope: Envelope =
        serde_json::from_slice(body).map_err(|_| AccountError::Busy("the answer is not JSON"))?;
    if envelope.errcode != 0 {
        return Err(AccountError::from_errcode(envelope.errcode));
    }
    serde_json::from_slice(body).map_err(|_| AccountError::Busy("the answer lacks what was asked for"))
}

#[cfg(test)]
mod tests;
