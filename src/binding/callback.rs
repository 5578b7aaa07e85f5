//! Callbacks of the service account: who follows, who stopped, and a welcome with the way to the meeting. They never
//! decide about money.

use std::time::Duration;

use futures_util::FutureExt;
use sqlx::Row;

use super::oauth;
use crate::{
    app::App,
    clock::DAY,
    db::{Locks, Tx, hit},
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
/// WeChat waits five seconds for an answer: what is not ready by then is not said.
const WELCOME: Duration = Duration::from_secs(3);
/// Old rows are swept at most this often, ms.
const SWEEP: i64 = 3_600_000;

/// Our end, as configured; 503 while it is not.
pub(super) fn callbacks(app: &App) -> ApiResult<Callbacks> {
    let config = &app.config().wechat;
    let unset = || ApiError::unavailable("还没有配置微信回调（wechat.token），请联系管理员。");
    if config.token.is_empty() {
        return Err(unset());
    }
    let mut keys = Vec::new();
    // WeChat goes on using the former key for a while; without a present one there is no safe mode.
    let both = [("aes_key", &config.aes_key), ("aes_key_before", &config.aes_key_before)];
    for (name, key) in both.into_iter().take_while(|(_, key)| !key.is_empty()) {
        let key = AesKey::parse(key.expose());
        keys.push(key.map_err(|error| anyhow::anyhow!("wechat.{name}: {error}"))?);
    }
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
    sweep(app).await?;
    let Ok(welcome) = tokio::time::timeout(WELCOME, welcome(app, &message)).await else {
        tracing::warn!("there was no time left for a welcome");
        return Ok(SUCCESS.to_owned());
    };
    let Some(welcome) = welcome? else { return Ok(SUCCESS.to_owned()) };
    let reply = text_reply(&message, &welcome, now_s);
    let nonce = u32::from_be_bytes(keys::random()).to_string();
    let sealed = ours.seal(&reply, now_s, &nonce, keys::random());
    Ok(sealed.map_err(|error| anyhow::anyhow!("a reply could not be sealed: {error}"))?)
}

/// Old rows go now and then, while nobody waits for it.
async fn sweep(app: &App) -> ApiResult<()> {
    if let Hit::Ok = app.store().hit("sweep:callbacks", SWEEP, 1).await? {
        let server = app.clone();
        app.spawn(async move {
            if let Err(error) = oauth::forget_old(&server).await {
                tracing::warn!(%error, "old callbacks could not be forgotten");
            }
        });
    }
    Ok(())
}

/// The dedupe row first, in one transaction with what it stands for; false when it was taken before. A hall that follows
/// at once shares its transactions.
async fn record(app: &App, message: &Message) -> ApiResult<bool> {
    let (server, taken) = (app.clone(), message.clone());
    let fresh = app
        .db()
        .together(Locks::Own, move |tx| async move { keep(&server, tx, &taken).await }.boxed())
        .await?;
    if fresh && matches!(message.event, Event::Subscribe { .. } | Event::Scan { .. } | Event::Text { .. }) {
        due_again(app, &message.openid).await?;
    }
    if fresh {
        app.pay_wake().notify_one();
    }
    Ok(fresh)
}

async fn keep(app: &App, tx: &mut Tx, message: &Message) -> ApiResult<bool> {
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
            brought(app, tx, (&message.openid, scene.as_deref()), at).await?;
            follow::set(tx, &message.openid, true, scene.as_deref().unwrap_or_default(), at).await?;
        }
        Event::Unsubscribe => {
            follow::left(tx, &message.openid, at).await?;
            invite::unfollowed(tx, &message.openid, app.now()).await?;
        }
        Event::Scan { scene } => follow::set(tx, &message.openid, true, scene, at).await?,
        Event::Text { .. } => follow::set(tx, &message.openid, true, "", at).await?,
        Event::TemplateDone { msgid, status } => notice::finished(tx, msgid, status, app.now()).await?,
        Event::Other => {}
    }
    if let Some(window) = window(&message.event) {
        follow::open_window(tx, &message.openid, window, message.created_s.saturating_mul(1000)).await?;
    }
    Ok(true)
}

/// Somebody follows by a code of a person: remembered before the follow is, for only who never followed before is new.
async fn brought(app: &App, tx: &mut Tx, (openid, scene): (&str, Option<&str>), at: i64) -> ApiResult<()> {
    if let Some(QrScene::Referrer(code)) = scene.and_then(QrScene::parse) {
        let scan = Scan { openid, code: &code, way: "qr", snapshot: false };
        invite::scanned(app.keys(), tx, at, scan).await?;
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

/// What waited for this follow is tried now; whether the person follows is asked again then, and not taken from here. Packets
/// are the sender's rows, so this is a transaction of its own, and only for the few who have one: should it be lost, the
/// sender looks by itself later.
async fn due_again(app: &App, openid: &str) -> ApiResult<()> {
    let waits = sqlx::query(
        "select bill_no from packet where openid = $1 and state = 'held' and reason = 'not_following' and next_at > $2",
    )
    .bind(openid)
    .bind(app.now())
    .fetch_optional(app.db().read())
    .await?;
    if waits.is_none() {
        return Ok(());
    }
    let mut tx = app.db().begin().await?;
    sqlx::query(
        "update packet set next_at = $1 where openid = $2 and state = 'held' and reason = 'not_following' \
         and next_at > $1",
    )
    .bind(app.now())
    .bind(openid)
    .execute(tx.conn())
    .await?;
    Ok(tx.commit().await?)
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
