//! The account's menu: kept here, and made at the platform when it is saved.

use serde_json::{Value, json};
use sqlx::Row;

use crate::{
    app::App,
    audit::{self, Deed},
    error::{ApiError, ApiResult},
    wire::{Menu, MenuButton},
};

/// Most buttons of the bar, and below one of them.
const BAR: usize = 3;
const BELOW: usize = 5;
/// Longest names, bytes: of the bar, and below it.
const BAR_BYTES: usize = 16;
const BELOW_BYTES: usize = 60;
/// Longest address, bytes.
const URL_BYTES: usize = 1024;

/// The menu as it was saved; before that, one button to the newest open meeting.
pub(super) async fn load(app: &App) -> ApiResult<Menu> {
    let row =
        sqlx::query("select value from instance where name = 'menu'").fetch_optional(app.db().read()).await?;
    if let Some(row) = row {
        let text: String = row.try_get(0)?;
        return Ok(serde_json::from_str(&text).map_err(anyhow::Error::new)?);
    }
    let url = format!("{}/m", app.config().origin());
    Ok(Menu { buttons: vec![MenuButton { name: "参加活动".into(), url, buttons: Vec::new() }] })
}

/// Checks, makes at the platform, keeps.
pub(super) async fn save(app: &App, who: &str, menu: Menu) -> ApiResult<Menu> {
    if menu.buttons.is_empty() || menu.buttons.len() > BAR {
        return Err(ApiError::invalid("menu", "buttons", "菜单应有 1 到 3 个按钮。"));
    }
    for (at, button) in menu.buttons.iter().enumerate() {
        check(button, &format!("buttons.{at}"), true)?;
    }
    super::account(app)?;
    let wanted = json!({ "button": menu.buttons.iter().map(platform).collect::<Vec<_>>() });
    let wanted = &wanted;
    super::call(app, |account, token| Box::pin(async move { account.create_menu(&token, wanted).await }))
        .await
        .map_err(|error| super::refused(&error))?;
    let text = serde_json::to_string(&menu).map_err(anyhow::Error::new)?;
    let mut tx = app.db().begin().await?;
    sqlx::query(
        "insert into instance (name, value) values ('menu', $1) on conflict (name) do update set value = excluded.value",
    )
    .bind(text)
    .execute(tx.conn())
    .await?;
    let deed = Deed { who, what: "official.menu", meeting: "", target: "menu", note: "" };
    audit::record(&mut tx, app.now(), &deed).await?;
    tx.commit().await?;
    Ok(menu)
}

fn check(button: &MenuButton, field: &str, bar: bool) -> ApiResult<()> {
    let wrong = |part: &str, words: &str| Err(ApiError::invalid("menu", &format!("{field}.{part}"), words));
    let most = if bar { BAR_BYTES } else { BELOW_BYTES };
    if button.name.trim().is_empty() || button.name.len() > most {
        return wrong("name", "按钮名不能为空；一级最多 5 个汉字，二级最多 20 个汉字。");
    }
    if button.buttons.is_empty() {
        let web = url::Url::parse(&button.url).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
        return if web && button.url.len() <= URL_BYTES {
            Ok(())
        } else {
            wrong("url", "请填写以 https:// 开头的网址。")
        };
    }
    if !bar || button.buttons.len() > BELOW {
        return wrong("buttons", "每个一级按钮下最多 5 个二级按钮，不能再分级。");
    }
    for (at, below) in button.buttons.iter().enumerate() {
        check(below, &format!("{field}.buttons.{at}"), false)?;
    }
    Ok(())
}

fn platform(button: &MenuButton) -> Value {
    if button.buttons.is_empty() {
        return json!({ "type": "view", "name": button.name, "url": button.url });
    }
    json!({ "name": button.name, "sub_button": button.buttons.iter().map(platform).collect::<Vec<_>>() })
}
