//! Who follows the service account: told by callbacks, asked for when unknown.

use sqlx::Row;

use crate::{
    app::App,
    clock::Ms,
    db::Tx,
    error::ApiResult,
    invite::{self, Scan},
    official::{self, QrScene},
    wechat::account::{AccountError, UserInfo},
};

/// Somebody who did not follow is asked for again after this time: a callback may have been lost.
const ASK_AGAIN: Ms = 5_000;

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
    let info = ask(app, openid).await.map_err(|error| official::refused(&error))?;
    let mut tx = app.db().begin().await?;
    if info.subscribe
        && let Some(QrScene::Referrer(code)) = QrScene::parse(&info.scene)
    {
        // The callback that told of it may have been lost: whoever brought this person has brought them all the same.
        let now = app.now();
        let at = if info.subscribe_s > 0 { info.subscribe_s.saturating_mul(1000).min(now) } else { now };
        invite::scanned(app.keys(), &mut tx, at, Scan { openid, code: &code, way: "qr", snapshot: false })
            .await?;
    }
    set(&mut tx, openid, info.subscribe, &info.scene, app.now()).await?;
    tx.commit().await?;
    Ok(info.subscribe)
}

/// Asks WeChat.
async fn ask(app: &App, openid: &str) -> Result<UserInfo, AccountError> {
    let asked = official::call(app, |account, token| {
        Box::pin(async move { account.user_info(&token, openid).await })
    });
    match asked.await {
        Ok(info) => Ok(info),
        // An openid that WeChat does not know as a follower.
        Err(AccountError::User { .. }) => Ok(UserInfo::default()),
        Err(error) => Err(error),
    }
}

/// Records what is known at `at`, ms; older news never replace newer ones.
pub async fn set(tx: &mut Tx, openid: &str, subscribed: bool, scene: &str, at: Ms) -> ApiResult<()> {
    sqlx::query(
        "insert into follower (openid, subscribed, scene, updated_at, first_at) \
         values ($1, $2, $3, $4, case when $2 = 1 then $4 end) \
         on conflict (openid) do update set subscribed = excluded.subscribed, updated_at = excluded.updated_at, \
         first_at = coalesce(follower.first_at, excluded.first_at), \
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

/// Somebody stopped following at `at`, ms, says the account: then they did follow before, even if nobody had told us.
pub async fn left(tx: &mut Tx, openid: &str, at: Ms) -> ApiResult<()> {
    set(tx, openid, false, "", at).await?;
    sqlx::query("update follower set first_at = $1 where openid = $2 and first_at is null")
        .bind(at)
        .bind(openid)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Since `at` the account may write to this person so many times, for so long: the person did something in the chat.
pub async fn open_window(tx: &mut Tx, openid: &str, (writes, ms): (i64, Ms), at: Ms) -> ApiResult<()> {
    sqlx::query(
        "update follower set writes_left = $1, write_until = $2 where openid = $3 and (write_until < $2 or $1 = 0)",
    )
    .bind(writes)
    .bind(at + ms)
    .bind(openid)
    .execute(tx.conn())
    .await?;
    Ok(())
}
