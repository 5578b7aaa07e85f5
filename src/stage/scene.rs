//! What the screen shows: chosen by the host, told to every page as an event.

use anyhow::Context;

use crate::{
    app::App,
    audit::{self, Deed},
    db::Tx,
    error::{ApiError, ApiResult},
    live::events,
    meeting,
    wire::{Body, Scene},
};

/// Longest text of a pause, in characters.
const TEXT_MAX: usize = 80;

/// Sets the scene. What belongs to other scenes is left out of it.
pub(super) async fn set(app: &App, who: &str, meeting: &str, wanted: Scene) -> ApiResult<Scene> {
    let mut tx = app.db().begin().await?;
    if !exists(&mut tx, "select id from meeting where id = $1 and id = $2", meeting, meeting).await? {
        return Err(ApiError::not_found("该活动"));
    }
    let scene = checked(&mut tx, meeting, wanted).await?;
    let text = serde_json::to_string(&scene).context("a scene")?;
    sqlx::query("update meeting set scene = $1 where id = $2")
        .bind(text)
        .bind(meeting)
        .execute(tx.conn())
        .await?;
    let message = events::append(&mut tx, meeting, app.now(), &Body::Scene(scene.clone())).await?;
    let deed = Deed { who, what: "scene", meeting, target: &scene.name, note: &scene.text };
    audit::record(&mut tx, app.now(), &deed).await?;
    tx.commit().await?;
    app.publish(meeting, [message]);
    Ok(scene)
}

async fn checked(tx: &mut Tx, meeting_id: &str, wanted: Scene) -> ApiResult<Scene> {
    if wanted.text.chars().count() > TEXT_MAX || wanted.text.chars().any(char::is_control) {
        return Err(ApiError::invalid("invalid", "text", "暂停文字最多 80 个字符。"));
    }
    meeting::pictures::shape("picture", &wanted.picture)?;
    let bare = Scene { name: wanted.name.clone(), ..Scene::default() };
    match wanted.name.as_str() {
        "lobby" | "checkin" | "summary" => Ok(bare),
        "ready" => {
            let id = wanted.round_id.unwrap_or_default();
            if !exists(tx, "select id from round where meeting_id = $1 and id = $2", meeting_id, &id).await? {
                return Err(ApiError::invalid("invalid", "round_id", "没有这个轮次，请重新选择。"));
            }
            Ok(Scene { round_id: Some(id), ..bare })
        }
        "draw" => {
            let draw = wanted.draw.unwrap_or(0);
            let found = sqlx::query("select n from draw where meeting_id = $1 and n = $2")
                .bind(meeting_id)
                .bind(draw)
                .fetch_optional(tx.conn())
                .await?;
            if found.is_none() {
                return Err(ApiError::invalid("invalid", "draw", "没有这次抽奖，请重新选择。"));
            }
            Ok(Scene { draw: Some(draw), ..bare })
        }
        "pause" => {
            meeting::pictures::check(tx.conn(), "picture", &wanted.picture).await?;
            Ok(Scene { text: wanted.text, picture: wanted.picture, ..bare })
        }
        _ => {
            let words = "大屏画面应为 lobby、checkin、ready、draw、summary 或 pause。";
            Err(ApiError::invalid("invalid", "name", words))
        }
    }
}

async fn exists(tx: &mut Tx, text: &'static str, meeting: &str, id: &str) -> ApiResult<bool> {
    Ok(sqlx::query(text).bind(meeting).bind(id).fetch_optional(tx.conn()).await?.is_some())
}
