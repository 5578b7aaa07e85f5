//! Callbacks of the service account: who follows, who stopped, and a welcome with the way to the meeting. They never
//! decide about money.

use sqlx::Row;

use super::oauth;
use crate::{
    app::App,
    clock::DAY,
    db::{Tx, hit},
    error::{ApiError, ApiResult},
    invite::{self, Scan},
    keys, notice,
    official::QrScene,
    people::follow,
    store::Hit,
    wechat::{
        callback::{CallbackQuery, Callbacks, Event, Message, text_reply},
        safe_mode::AesKey,
    },
};

/// What stops WeChat's repeats and shows the person nothing.
const SUCCESS: &str = "success";
/// Old rows are swept at most this often, ms.
const SWEEP: i64 = 3_600_000;

/// Our end, as configured; 503 while it is not.
pub(super) fn callbacks(app: &App) -> ApiResult<Callbacks> {
    let config = &app.config().wechat;
    let unset = || ApiError::unavailable("还没有配置微信回调（wechat.token），请联系管理员。");
    if config.token.is_empty() {
        return Err(unset());
    }
    let keys = if config.aes_key.is_empty() {
        Vec::new()
    } else {
        let key = AesKey::parse(config.aes_key.expose());
        vec![key.map_err(|error| anyhow::anyhow!("wechat.aes_key: {error}"))?]
    };
    Ok(Callbacks::new(config.token.expose().into(), config.app_id.clone(), keys))
}

/// 403 `callback`: the sender learns no reason, the log does.
pub(super) fn refused(error: &impl std::fmt::Display) -> ApiError {
    tracing::warn!(%error, "a callback was refused");
    ApiError::forbidden("callback", "回调签名或内容无效。")
}

/// Takes a message: the answer's body.
pub(super) async fn take(app: &App, query: &CallbackQuery, body: &[u8]) -> ApiResult<String> {
    let ours = callbacks(app)?;
    let now_s = app.now() / 1000;
    let message = ours.open(query, body, now_s).map_err(|error| refused(&error))?;
    if !record(app, &message).await? {
        return Ok(SUCCESS.to_owned());
    }
    if let Hit::Ok = app.store().hit("sweep:callbacks", SWEEP, 1).await? {
        oauth::forget_old(app).await?;
    }
    let Some(welcome) = welcome(app, &message).await? else { return Ok(SUCCESS.to_owned()) };
    let reply = text_reply(&message, &welcome, now_s);
    let nonce = u32::from_be_bytes(keys::random()).to_string();
    let sealed = ours.seal(&reply, now_s, &nonce, keys::random());
    Ok(sealed.map_err(|error| anyhow::anyhow!("a reply could not be sealed: {error}"))?)
}

/// The dedupe row first, in one transaction with what it stands for; false when it was taken before.
async fn record(app: &App, message: &Message) -> ApiResult<bool> {
    let mut tx = app.db().begin().await?;
    let done =
        sqlx::query("insert into callback_seen (dedupe, at) values ($1, $2) on conflict (dedupe) do nothing")
            .bind(&message.dedupe_key)
            .bind(app.now())
            .execute(tx.conn())
            .await?;
    if !hit(&done) {
        return Ok(false);
    }
    // WeChat counts seconds: the event is news against whatever we asked within the same one.
    let at = message.created_s.saturating_mul(1000).saturating_add(999);
    match &message.event {
        Event::Subscribe { scene } => {
            brought(&mut tx, &message.openid, scene.as_deref(), at).await?;
            follow::set(&mut tx, &message.openid, true, scene.as_deref().unwrap_or_default(), at).await?;
        }
        Event::Unsubscribe => {
            follow::set(&mut tx, &message.openid, false, "", at).await?;
            invite::unfollowed(&mut tx, &message.openid, app.now()).await?;
        }
        Event::Scan { scene } => follow::set(&mut tx, &message.openid, true, scene, at).await?,
        Event::Text { .. } => follow::set(&mut tx, &message.openid, true, "", at).await?,
        Event::TemplateDone { msgid, status } => notice::finished(&mut tx, msgid, status, app.now()).await?,
        Event::Other => {}
    }
    if let Some(window) = window(&message.event) {
        follow::open_window(&mut tx, &message.openid, window, message.created_s.saturating_mul(1000)).await?;
    }
    if matches!(message.event, Event::Subscribe { .. } | Event::Scan { .. } | Event::Text { .. }) {
        due_again(&mut tx, &message.openid, app.now()).await?;
    }
    tx.commit().await?;
    app.pay_wake().notify_one();
    Ok(true)
}

/// Somebody follows by a code of a person: remembered before the follow is, for only who never followed before is new.
async fn brought(tx: &mut Tx, openid: &str, scene: Option<&str>, at: i64) -> ApiResult<()> {
    if let Some(QrScene::Referrer(code)) = scene.and_then(QrScene::parse) {
        invite::scanned(tx, at, Scan { openid, code: &code, way: "qr", snapshot: false }).await?;
    }
    Ok(())
}

/// How often and how long, ms, the account may write by itself after an event. (wechat: §6.4)
fn window(event: &Event) -> Option<(i64, i64)> {
    match event {
        Event::Subscribe { .. } | Event::Scan { .. } => Some((3, 60_000)),
        Event::Text { .. } => Some((5, 2 * DAY)),
        Event::Unsubscribe => Some((0, 0)),
        Event::TemplateDone { .. } | Event::Other => None,
    }
}

/// What waited for this follow is tried now; whether the person follows is asked again then, and not taken from here.
async fn due_again(tx: &mut Tx, openid: &str, now: i64) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update packet set next_at = $1 where openid = $2 and state = 'held' and reason = 'not_following' \
         and next_at > $1",
    )
    .bind(now)
    .bind(openid)
    .execute(tx.conn())
    .await
    .map(drop)
}

/// The way in, for somebody who follows, scans or writes while a meeting is open. A scene of a meeting
/// names it; otherwise the newest open one.
async fn welcome(app: &App, message: &Message) -> ApiResult<Option<String>> {
    let scene = match &message.event {
        Event::Subscribe { scene } => scene.clone().unwrap_or_default(),
        Event::Scan { scene } => scene.clone(),
        Event::Text { .. } => String::new(),
        Event::Unsubscribe | Event::TemplateDone { .. } | Event::Other => return Ok(None),
    };
    let scene = match QrScene::parse(&scene) {
        Some(QrScene::Meeting(id)) => id,
        Some(QrScene::Referrer(code)) => {
            let mut conn = app.db().read().acquire().await?;
            invite::referrer(&mut conn, &code).await?.map(|by| by.meeting).unwrap_or_default()
        }
        None => scene,
    };
    let row = sqlx::query(
        "select id, name from meeting where status = 'open' and (id = $1 or rehearsal = 0) \
         order by case when id = $1 then 0 else 1 end, created_at desc, id limit 1",
    )
    .bind(scene.replace('\0', ""))
    .fetch_optional(app.db().read())
    .await?;
    let Some(row) = row else { return Ok(None) };
    let (id, name): (String, String) = (row.try_get("id")?, row.try_get("name")?);
    let base = &app.config().server.public_url;
    Ok(Some(format!("欢迎参加“{name}”！点此签到、绑定手机号，即可参加抽奖：\n{base}/m/{id}")))
}
