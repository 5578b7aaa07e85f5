//! Whether a person follows the account, asked of the account itself before money goes out.

use std::sync::{Mutex, PoisonError};

use anyhow::Context;
use secrecy::SecretString;
use url::Url;

use crate::{
    app::App,
    clock::Ms,
    config::Config,
    error::ApiResult,
    wechat::{
        account::{Account, AccountConfig, AccountError},
        tls,
    },
};

/// A token is fetched anew so long before its end.
const MARGIN_S: i64 = 300;

/// The answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Follows {
    Yes,
    No,
    /// No answer: ask again soon.
    Unclear,
}

/// Asks the account, and keeps its token.
pub(super) struct Followers {
    account: Option<Account>,
    token: Mutex<Option<(SecretString, Ms)>>,
}

impl std::fmt::Debug for Followers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Followers").finish_non_exhaustive()
    }
}

impl Followers {
    pub(super) fn open(config: &Config) -> anyhow::Result<Self> {
        let wechat = &config.wechat;
        if wechat.app_id.is_empty() || wechat.app_secret.is_empty() {
            return Ok(Self { account: None, token: Mutex::new(None) });
        }
        tls::install_ring();
        let account = Account::new(AccountConfig {
            app_id: wechat.app_id.clone(),
            app_secret: SecretString::from(wechat.app_secret.expose()),
            api_base: Url::parse(&wechat.api_base).context("wechat.api_base is not an address")?,
            oauth_base: Url::parse(&wechat.oauth_base).context("wechat.oauth_base is not an address")?,
        })
        .context("the client of the service account cannot be made")?;
        Ok(Self { account: Some(account), token: Mutex::new(None) })
    }

    /// Asks, and remembers the answer for the person's own page.
    pub(super) async fn ask(&self, app: &App, openid: &str) -> ApiResult<Follows> {
        let Some(account) = &self.account else { return Ok(Follows::Unclear) };
        let info = match self.info(app, account, openid).await {
            Err(AccountError::TokenExpired { .. }) => {
                *self.token.lock().unwrap_or_else(PoisonError::into_inner) = None;
                self.info(app, account, openid).await
            }
            first => first,
        };
        let follows = match info {
            Ok(true) => Follows::Yes,
            // The account does not know this person.
            Ok(false) | Err(AccountError::User { .. }) => Follows::No,
            Err(error) => {
                tracing::warn!(%error, "the account does not say who follows");
                return Ok(Follows::Unclear);
            }
        };
        let mut tx = app.db().begin().await?;
        sqlx::query(
            "insert into follower (openid, subscribed, updated_at) values ($1, $2, $3) on conflict (openid) \
             do update set subscribed = excluded.subscribed, updated_at = excluded.updated_at",
        )
        .bind(openid)
        .bind(i64::from(follows == Follows::Yes))
        .bind(app.now())
        .execute(tx.conn())
        .await?;
        tx.commit().await?;
        Ok(follows)
    }

    async fn info(&self, app: &App, account: &Account, openid: &str) -> Result<bool, AccountError> {
        let kept = self.token.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let token = match kept {
            Some((token, until)) if app.now() < until => token,
            _ => {
                let fresh = account.stable_token().await?;
                let until = app.now() + (fresh.expires_in_s - MARGIN_S).max(0) * 1000;
                *self.token.lock().unwrap_or_else(PoisonError::into_inner) =
                    Some((fresh.token.clone(), until));
                fresh.token
            }
        };
        account.user_info(&token, openid).await.map(|info| info.subscribe)
    }
}
