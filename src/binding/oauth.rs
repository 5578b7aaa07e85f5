//! Log-in through WeChat: the state is bound to the browser by a sealed cookie, works once, and so does the code.

use std::net::IpAddr;

use futures_util::FutureExt;
use sqlx::Row;
use url::Url;

use crate::{
    address::Often,
    app::App,
    clock::DAY,
    db::{Locks, Tx, hit},
    error::{ApiError, ApiResult},
    keys, official,
    wechat::account::{AccountError, Scope},
};

/// Of the log-ins that one address may end in a minute, one in so many may bring a code that WeChat refuses: each costs us
/// rows and a question to WeChat. What we refuse ourselves, a state or code that came before, costs neither and does not
/// count: a hall is one address, and phones open the same page twice.
const REFUSED_SHARE: u32 = 10;

/// What the virtual account of a snapshot page is answered.
pub(super) const SNAPSHOT: &str = "snapshot_user";

/// Longest code and state that are looked at, bytes.
const TEXT_MAX: usize = 512;

/// 400 `login_restart`.
pub(super) fn restart() -> ApiError {
    ApiError::bad_request("login_restart", "登录已失效，请重新打开本页。")
}

/// A fresh state, and where to send the browser with it.
pub(super) async fn begin(app: &App, meeting: &str) -> ApiResult<(String, String)> {
    let known = sqlx::query("select id from meeting where id = $1")
        .bind(meeting)
        .fetch_optional(app.db().read())
        .await?
        .ok_or_else(|| ApiError::not_found("该活动"))?;
    // The id as stored, not as sent: it becomes part of an address.
    let meeting: String = known.try_get(0)?;
    let account = official::account(app)?;
    let state = hex::encode(keys::random::<16>());
    let back = format!("{}/m/{meeting}/callback", app.config().server.public_url);
    let back = Url::parse(&back).map_err(|error| anyhow::anyhow!("server.public_url: {error}"))?;
    Ok((account.authorize_url(&back, Scope::Base, &state), state))
}

/// Exchanges what WeChat's redirect brought for an openid, after state and code are marked as used.
pub(super) async fn finish(
    app: &App,
    from: Option<IpAddr>,
    expected: Option<String>,
    (code, state): (&str, &str),
) -> ApiResult<String> {
    let expected = expected.ok_or_else(restart)?;
    if code.is_empty() || code.len() > TEXT_MAX || !constant_time_eq(&expected, state) {
        return Err(restart());
    }
    let most = app.config().limits.oauth_per_minute.div_ceil(REFUSED_SHARE);
    let refused = Often { what: "oauth.refused", most };
    refused.look(app, from).map_err(busy)?;
    mark(app, code, state).await?;
    let exchanged = exchange(app, code).await;
    if exchanged.as_ref().is_err_and(|error| error.code() == restart().code()) {
        refused.take(app, from).map_err(busy)?;
    }
    exchanged
}

/// 403 `snapshot_user`: the account behind a snapshot page is nobody's.
fn snapshot() -> ApiError {
    ApiError::forbidden(SNAPSHOT, "当前是微信快照页，不能参加活动：请点右下角“使用完整服务”后重新打开。")
}

/// 429 `login_busy`.
pub(super) fn busy(wait_s: i64) -> ApiError {
    ApiError::too_many("login_busy", "同时登录的人太多，请稍后再打开本页。", wait_s)
}

/// Marks both as used; 400 when one was.
async fn mark(app: &App, code: &str, state: &str) -> ApiResult<()> {
    let (now, texts) = (app.now(), [format!("state:{state}"), format!("code:{code}")]);
    let once = app.db().together(Locks::Own, move |tx| {
        async move {
            for text in texts {
                use_once(tx, &keys::token_hash(&text), now).await?;
            }
            Ok(())
        }
        .boxed()
    });
    once.await
}

async fn exchange(app: &App, code: &str) -> ApiResult<String> {
    let user = official::account(app)?.exchange_code(code).await.map_err(|error| match error {
        AccountError::RestartLogin { .. } => restart(),
        other => official::refused(&other),
    })?;
    if user.is_snapshot {
        return Err(snapshot());
    }
    Ok(user.openid)
}

fn constant_time_eq(one: &str, other: &str) -> bool {
    use subtle::ConstantTimeEq;
    one.as_bytes().ct_eq(other.as_bytes()).into()
}

async fn use_once(tx: &mut Tx, hash: &str, now: i64) -> ApiResult<()> {
    let done = sqlx::query(
        "insert into oauth_code (code_hash, at) values ($1, $2) on conflict (code_hash) do nothing",
    )
    .bind(hash)
    .bind(now)
    .execute(tx.conn())
    .await?;
    if hit(&done) { Ok(()) } else { Err(restart()) }
}

/// Forgets codes and callbacks of the day before yesterday; their repeats are refused by age by then.
pub(super) async fn forget_old(app: &App) -> ApiResult<()> {
    let mut tx = app.db().begin().await?;
    for sql in ["delete from oauth_code where at < $1", "delete from callback_seen where at < $1"] {
        sqlx::query(sql).bind(app.now() - 2 * DAY).execute(tx.conn()).await?;
    }
    tx.commit().await?;
    Ok(())
}
