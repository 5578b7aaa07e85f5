//! Parametric QR codes: whoever scans one comes to the account, and the account's callback carries our text.
//!
//! `m_<meeting>` leads to a meeting, `r_<referral>` names a referrer. They are temporary ones: of permanent codes an
//! account has a hundred thousand for its whole life.

use tokio::sync::Mutex;

use super::AWAY;
use crate::{
    app::App,
    clock::{DAY, Ms},
    error::{ApiError, ApiResult},
    wire::QrView,
};

/// The longest life that the platform gives.
const LIFE_S: i64 = 30 * 86_400;
/// A hall does not ask again sooner after the platform refused, ms.
const PAUSE: Ms = 5_000;

/// What a code stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QrScene {
    /// The way to a meeting, by its id.
    Meeting(String),
    /// Somebody who brings others, by an id of ours.
    Referrer(String),
}

impl QrScene {
    /// As it stands in the code.
    pub fn text(&self) -> String {
        match self {
            Self::Meeting(id) => format!("m_{id}"),
            Self::Referrer(id) => format!("r_{id}"),
        }
    }

    /// Reads what a callback brought; `None` for a text that is not of ours.
    pub fn parse(text: &str) -> Option<Self> {
        let (kind, id) = text.split_once('_')?;
        let plain = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
        match kind {
            "m" if plain => Some(Self::Meeting(id.to_owned())),
            "r" if plain => Some(Self::Referrer(id.to_owned())),
            _ => None,
        }
    }
}

/// One question of a whole hall at a time, and when the next may be asked after a refusal.
#[derive(Debug, Default)]
struct Asking(Mutex<Ms>);

/// A meeting's code for those who do not follow yet: a hall of people asks for it within seconds, and the platform is
/// asked once. A code that is kept waits for nobody.
pub(super) async fn for_hall(app: &App, meeting: String) -> ApiResult<QrView> {
    let scene = QrScene::Meeting(meeting);
    if let Some(view) = kept(app, &key(&scene)).await {
        return Ok(view);
    }
    let asking = app.kept::<Asking>();
    let mut not_before = asking.0.lock().await;
    if app.now() < *not_before {
        return Err(ApiError::unavailable(AWAY));
    }
    let made = code(app, &scene).await;
    if made.is_err() {
        *not_before = app.now() + PAUSE;
    }
    made
}

fn key(scene: &QrScene) -> String {
    format!("wechat:qr:{}", scene.text())
}

async fn kept(app: &App, key: &str) -> Option<QrView> {
    let text = app.store().get(key).await.ok()??;
    serde_json::from_str(&text).ok()
}

/// The code of a scene. The same one is given for most of its life, so that a page that is opened often costs one call.
pub async fn code(app: &App, scene: &QrScene) -> ApiResult<QrView> {
    let (text, name) = (scene.text(), key(scene));
    if let Some(view) = kept(app, &name).await {
        return Ok(view);
    }
    super::account(app)?;
    let wanted = text.as_str();
    let made = super::call(app, |account, token| {
        Box::pin(async move { account.create_qr(&token, wanted, LIFE_S).await })
    })
    .await
    .map_err(|error| super::refused(&error))?;
    let view = QrView { scene: text, url: made.url, expires_at: app.now() + LIFE_S * 1000 };
    // Shown for two days more than it is handed out anew.
    let kept = serde_json::to_string(&view).unwrap_or_default();
    if let Err(error) = app.store().set(&name, &kept, LIFE_S * 1000 - 2 * DAY).await {
        tracing::warn!(%error, "a QR code was not kept");
    }
    Ok(view)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scenes_are_read_as_they_were_written() {
        for scene in [QrScene::Meeting("a1b2c3".into()), QrScene::Referrer("0190f".into())] {
            assert_eq!(QrScene::parse(&scene.text()), Some(scene));
        }
        for text in ["", "m_", "m", "x_1", "m_../x", "r_<b>", "m_1_2"] {
            assert_eq!(QrScene::parse(text), None, "{text}");
        }
    }
}
