//! What is fetched from the platform once and used by all servers: kept in the store until shortly before it ends,
//! fetched under a lock, so that a thousand requests after an expiry cause one call. (wechat: §6.2)

use std::{pin::Pin, time::Duration};

use secrecy::{ExposeSecret, SecretString};

use crate::{
    app::App,
    wechat::account::{Account, AccountError},
};

/// Taken anew this long before it ends.
const SPARE_S: i64 = 300;
/// Whoever fetches holds the lock at most this long, ms: longer than a call may take.
const LOCK_MS: i64 = 10_000;
/// Others look for the fetched value so often, so long.
const LOOKS: u32 = 200;
const LOOK: Duration = Duration::from_millis(50);
/// Names of the cached values in the store.
const TOKEN: &str = "wechat:token";
const TICKET: &str = "wechat:ticket";

/// A call on its way.
pub(super) type Calling<'a, T> = Pin<Box<dyn Future<Output = Result<T, AccountError>> + Send + 'a>>;

/// A value and how long it is good, seconds.
type Fetched = (SecretString, i64);

/// Runs a call with the shared token; once more with a fresh one when WeChat says that it is no longer good.
pub async fn call<'a, T>(
    app: &'a App,
    work: impl Fn(&'a Account, SecretString) -> Calling<'a, T> + Send,
) -> Result<T, AccountError> {
    let account = app.account().ok_or(AccountError::Busy("no service account"))?;
    let token = token(app, account, None).await?;
    match work(account, token.clone()).await {
        Err(AccountError::TokenExpired { .. }) => {
            work(account, self::token(app, account, Some(&token)).await?).await
        }
        other => other,
    }
}

/// The JS-SDK's ticket.
pub(super) async fn ticket(app: &App) -> Result<SecretString, AccountError> {
    let fetch = || -> Calling<'_, Fetched> {
        Box::pin(async {
            let ticket =
                call(app, |account, token| Box::pin(async move { account.js_ticket(&token).await })).await?;
            Ok((ticket.ticket, ticket.expires_in_s))
        })
    };
    shared(app, TICKET, None, fetch).await
}

/// The access token, other than `stale`.
async fn token(
    app: &App,
    account: &Account,
    stale: Option<&SecretString>,
) -> Result<SecretString, AccountError> {
    let fetch = || -> Calling<'_, Fetched> {
        Box::pin(async {
            let fresh = account.stable_token().await?;
            Ok((fresh.token, fresh.expires_in_s))
        })
    };
    shared(app, TOKEN, stale, fetch).await
}

/// The value of this name from the store, or fetched by whoever gets the lock. A store that is away only costs a call.
async fn shared<'a>(
    app: &App,
    name: &str,
    stale: Option<&SecretString>,
    fetch: impl Fn() -> Calling<'a, Fetched> + Send,
) -> Result<SecretString, AccountError> {
    for _ in 0..LOOKS {
        match known(app, name, stale).await {
            Ok(Some(value)) => return Ok(value),
            Ok(None) => {}
            Err(()) => break,
        }
        match app.store().lock(&format!("fetch:{name}"), LOCK_MS).await {
            Ok(Some(lock)) => {
                // Somebody may have fetched it between the look and the lock.
                let value = match known(app, name, stale).await {
                    Ok(Some(value)) => Ok(value),
                    _ => fetch_and_keep(app, name, &fetch).await,
                };
                if let Err(error) = app.store().unlock(lock).await {
                    tracing::warn!(%error, "a lock was not given back; it ends by itself");
                }
                return value;
            }
            Ok(None) => tokio::time::sleep(LOOK).await,
            Err(_) => break,
        }
    }
    Ok(fetch().await?.0)
}

async fn known(app: &App, name: &str, stale: Option<&SecretString>) -> Result<Option<SecretString>, ()> {
    let found = app.store().get(name).await.map_err(|error| tracing::warn!(%error, "the store is away"))?;
    Ok(found.filter(|value| stale.is_none_or(|stale| stale.expose_secret() != value)).map(Into::into))
}

async fn fetch_and_keep<'a>(
    app: &App,
    name: &str,
    fetch: &(impl Fn() -> Calling<'a, Fetched> + Send),
) -> Result<SecretString, AccountError> {
    let (value, good_s) = fetch().await?;
    let ttl = (good_s - SPARE_S).max(1) * 1000;
    if let Err(error) = app.store().set(name, value.expose_secret(), ttl).await {
        tracing::warn!(%error, "what was fetched from the platform was not kept");
    }
    Ok(value)
}
