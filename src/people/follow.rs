//! Who follows the service account: told by callbacks, asked for when unknown.

use secrecy::{ExposeSecret, SecretString};
use sqlx::Row;

use crate::{
    app::App,
    clock::Ms,
    db::Tx,
    error::{ApiError, ApiResult},
    wechat::account::{Account, AccountError},
};

/// Somebody who did not follow is asked for again after this time: a callback may have been lost.
const ASK_AGAIN: Ms = 5_000;
/// The global token is taken anew this long before it ends.
const TOKEN_SPARE_S: i64 = 300;
/// Name of the cached global token in the store.
const TOKEN: &str = "wechat:token";

/// The service account; 503 when none is configured.
pub fn account(app: &App) -> ApiResult<&Account> {
    app.account().ok_or_else(|| {
        tracing::error!("wechat.app_id is not configured");
        ApiError::unavailable("还没有配置微信公众号，请联系管理员。")
    })
}

/// Whether the person follows the account. Known followers are not asked for; an error means that nobody could say.
pub async fn follows(app: &App, openid: &str) -> ApiResult<bool> {
    let row = sqlx::query("select subscribed, updated_at from follower where openid = $1")
        .bind(openid)
        .fetch_optional(app.db().read())
        .await?;
    if let Some(row) = row {
        let (subscribed, at): (i64, Ms) = (row.try_get("subscribed")?, row.try_get("updated_at")?);
        if subscribed != 0 || app.now() - at < ASK_AGAIN {
            return Ok(subscribed != 0);
        }
    }
    check(app, openid).await
}

/// Asks the account itself, and records what it says: before money goes out, what is known is not enough.
pub async fn check(app: &App, openid: &str) -> ApiResult<bool> {
    let subscribed = ask(app, openid).await.map_err(|error| refused(&error))?;
    let mut tx = app.db().begin().await?;
    set(&mut tx, openid, subscribed, "", app.now()).await?;
    tx.commit().await?;
    Ok(subscribed)
}

/// What a failed call means to the person who waits.
pub fn refused(error: &AccountError) -> ApiError {
    if matches!(error, AccountError::Config { .. }) {
        tracing::error!(%error, "the service account refuses us");
    } else {
        tracing::warn!(%error, "the service account did not answer");
    }
    ApiError::unavailable("暂时无法连接微信，请稍后重试。")
}

/// Asks WeChat; a token that is no longer good is taken anew once.
async fn ask(app: &App, openid: &str) -> Result<bool, AccountError> {
    let Some(account) = app.account() else { return Err(AccountError::Busy("no service account")) };
    let first = account.user_info(&token(app, account, false).await?, openid).await;
    let info = match first {
        Err(AccountError::TokenExpired { .. }) => {
            account.user_info(&token(app, account, true).await?, openid).await
        }
        other => other,
    };
    match info {
        Ok(info) => Ok(info.subscribe),
        // An openid that WeChat does not know as a follower.
        Err(AccountError::User { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

/// The global token, cached for all servers. A store that is away only costs a call.
async fn token(app: &App, account: &Account, anew: bool) -> Result<SecretString, AccountError> {
    if !anew && let Ok(Some(token)) = app.store().get(TOKEN).await {
        return Ok(token.into());
    }
    let fresh = account.stable_token().await?;
    let ttl = (fresh.expires_in_s - TOKEN_SPARE_S).max(1) * 1000;
    if let Err(error) = app.store().set(TOKEN, fresh.token.expose_secret(), ttl).await {
        tracing::warn!(%error, "the token was not cached");
    }
    Ok(fresh.token)
}

/// Records what is known at `at`, ms; older news never replace newer ones.
pub async fn set(tx: &mut Tx, openid: &str, subscribed: bool, scene: &str, at: Ms) -> ApiResult<()> {
    sqlx::query(
        "insert into follower (openid, subscribed, scene, updated_at) values ($1, $2, $3, $4) \
         on conflict (openid) do update set subscribed = excluded.subscribed, updated_at = excluded.updated_at, \
         scene = case when excluded.scene = '' then follower.scene else excluded.scene end \
         where follower.updated_at <= excluded.updated_at",
    )
    .bind(openid)
    .bind(i64::from(subscribed))
    .bind(scene)
    .bind(at)
    .execute(tx.conn())
    .await?;
    Ok(())
}
