//! What the messages say.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sqlx::Row;

use super::Notice;
use crate::{app::App, clock::beijing_stamp, error::ApiResult, meeting::Meeting, wire::NotifySettings};

/// How much the platform takes in a field whose name begins so; other fields take 32 characters.
const TYPES: [(&str, usize); 3] = [("thing", 20), ("phrase", 5), ("character_string", 32)];
const OTHER_CHARS: usize = 32;

/// What a message is made of.
pub(super) struct Words {
    openid: String,
    id: String,
    meeting: String,
    prize: String,
    time: String,
    page: String,
}

/// Looks up prize and moment.
pub(super) async fn words(app: &App, meeting: &Meeting, notice: &Notice) -> ApiResult<Words> {
    let row = sqlx::query(
        "select z.name, d.revealed_at from draw d join round r on r.id = d.round_id join prize z on z.id = r.prize_id \
         where d.meeting_id = $1 and d.n = $2",
    )
    .bind(&notice.meeting)
    .bind(notice.n)
    .fetch_one(app.db().read())
    .await?;
    let at: Option<i64> = row.try_get(1)?;
    Ok(Words {
        openid: notice.openid.clone(),
        id: notice.id.clone(),
        meeting: meeting.name.clone(),
        prize: row.try_get(0)?,
        time: beijing_stamp(at.unwrap_or(notice.created_at)).chars().take(16).collect(),
        page: format!("{}/m/{}", app.config().origin(), meeting.id),
    })
}

impl Words {
    /// For the chat.
    pub(super) fn chat(&self) -> String {
        format!("恭喜！您在“{}”中获得{}。点此查看并领取：\n{}", self.meeting, self.prize, self.page)
    }

    /// The body of a template message.
    pub(super) fn template(&self, settings: &NotifySettings) -> Value {
        let fields = if settings.fields.is_empty() { defaults() } else { settings.fields.clone() };
        let data: BTreeMap<&str, Value> = fields
            .iter()
            .map(|(name, pattern)| {
                let filled = pattern
                    .replace("{meeting}", &self.meeting)
                    .replace("{prize}", &self.prize)
                    .replace("{time}", &self.time);
                (name.as_str(), json!({ "value": fit(name, &filled) }))
            })
            .collect();
        json!({
            "touser": self.openid, "template_id": settings.template, "url": self.page,
            "client_msg_id": self.id, "data": data,
        })
    }
}

fn defaults() -> BTreeMap<String, String> {
    let fields = [("thing1", "{meeting}"), ("thing2", "{prize}"), ("time3", "{time}")];
    fields.into_iter().map(|(name, pattern)| (name.to_owned(), pattern.to_owned())).collect()
}

/// Longer contents are refused as a whole: they are cut instead.
fn fit(name: &str, text: &str) -> String {
    let most = TYPES.iter().find(|(kind, _)| name.starts_with(kind)).map_or(OTHER_CHARS, |(_, most)| *most);
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_fit_what_the_platform_takes() {
        let words = Words {
            openid: "o1".into(),
            id: "n1".into(),
            meeting: "二〇二六年度全国经销商大会暨新品发布会".into(),
            prize: "一等奖".into(),
            time: "2026-11-23 21:40".into(),
            page: "https://a.example/m/x".into(),
        };
        let body = words.template(&NotifySettings { template: "T".into(), ..NotifySettings::default() });
        assert_eq!(body["data"]["thing2"]["value"], "一等奖");
        assert_eq!(body["client_msg_id"], "n1");
        let long = fit("thing1", &"长".repeat(40));
        assert_eq!((long.chars().count(), long.ends_with('…')), (20, true));
    }
}
