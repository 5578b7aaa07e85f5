//! What a meeting's texts and settings may be.

use crate::{
    error::{ApiError, ApiResult},
    wire::{MeetingSettings, NotifySettings},
};

/// Longest name of a meeting, in characters.
const NAME_CHARS: usize = 60;
/// Longest sender's name and activity name on a packet, in bytes of UTF-8 (`money.md` §5).
const SHORT_BYTES: usize = 31;
/// Longest wish on a packet, in bytes of UTF-8.
const WISH_BYTES: usize = 127;
/// Longest time that a commit is shown, ms.
const SHOW_MAX: i64 = 600_000;
/// Longest time before winners count as present, s.
const CONFIRM_MAX: i64 = 3_600;

/// Most people that may be expected where they register themselves.
const EXPECTED_MAX: i64 = 100_000;

/// Longest id of a template message, most fields of one, longest name and content of a field.
const TEMPLATE_CHARS: usize = 64;
const FIELDS: usize = 10;
const FIELD_CHARS: usize = 64;

/// A text of `least` to `most` characters without control characters: 422 `text` otherwise.
pub fn text(field: &str, value: &str, least: usize, most: usize) -> ApiResult<()> {
    let chars = value.trim().chars().count();
    if chars < least {
        return Err(ApiError::invalid("text", field, "此项不能为空。"));
    }
    if value.chars().count() > most {
        return Err(ApiError::invalid("text", field, format!("此项最多 {most} 个字。")));
    }
    characters(field, value)
}

/// Refuses what XML, and so the payer, cannot carry: control characters and non-characters.
fn characters(field: &str, value: &str) -> ApiResult<()> {
    let bad = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{fffe}' | '\u{ffff}');
    if value.chars().any(bad) {
        return Err(ApiError::invalid("text", field, "此项含有不能使用的控制字符，请删去。"));
    }
    Ok(())
}

fn packet_text(field: &str, value: &str, most: usize) -> ApiResult<()> {
    if value.len() > most {
        let detail = format!("红包上的文字最多 {most} 个字节（约 {} 个汉字）。", most / 3);
        return Err(ApiError::invalid("text", field, detail));
    }
    characters(field, value)
}

/// Name of a meeting.
pub fn name(value: &str) -> ApiResult<()> {
    text("name", value, 1, NAME_CHARS)
}

/// All settings.
pub fn settings(settings: &MeetingSettings) -> ApiResult<()> {
    // An empty sender's name takes the configured one; the payer refuses the other two when empty.
    packet_text("settings.send_name", &settings.send_name, SHORT_BYTES)?;
    for (field, value, most) in [
        ("settings.act_name", &settings.act_name, SHORT_BYTES),
        ("settings.wishing", &settings.wishing, WISH_BYTES),
    ] {
        packet_text(field, value, most)?;
        if value.trim().is_empty() {
            return Err(ApiError::invalid("text", field, "此项不能为空。"));
        }
    }
    if !["A0", "A1", "A2"].contains(&settings.min_level.as_str()) {
        let detail = "最低等级只能是 A0、A1 或 A2。";
        return Err(ApiError::invalid("invalid", "settings.min_level", detail));
    }
    if !(0..=SHOW_MAX).contains(&settings.commit_show_ms) {
        let detail = "锁定后的展示时间为 0 到 600000 毫秒。";
        return Err(ApiError::invalid("invalid", "settings.commit_show_ms", detail));
    }
    if !(0..=CONFIRM_MAX).contains(&settings.auto_confirm_s) {
        let detail = "自动确认时间为 0 到 3600 秒。";
        return Err(ApiError::invalid("invalid", "settings.auto_confirm_s", detail));
    }
    if !(1..=EXPECTED_MAX).contains(&settings.expected_people) {
        let detail = "预计人数为 1 到 100000。";
        return Err(ApiError::invalid("invalid", "settings.expected_people", detail));
    }
    notify(&settings.notify)
}

/// What the platform would refuse every time.
fn notify(settings: &NotifySettings) -> ApiResult<()> {
    let word = |text: &str, most: usize| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
        text.len() <= most && text.bytes().all(plain)
    };
    let wrong = |field: &str, detail: &str| Err(ApiError::invalid("invalid", field, detail));
    if !word(&settings.template, TEMPLATE_CHARS) {
        let detail = "模板 ID 只含字母、数字、下划线和连字符，请从公众平台复制。";
        return wrong("settings.notify.template", detail);
    }
    let sound = |(name, pattern): (&String, &String)| {
        !name.is_empty() && word(name, FIELD_CHARS) && pattern.chars().count() <= FIELD_CHARS
    };
    if settings.fields.len() > FIELDS || !settings.fields.iter().all(sound) {
        return wrong("settings.notify.fields", "模板字段最多 10 个，名称如 thing1，内容最多 64 个字。");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packet_texts_are_measured_in_bytes() {
        let with = |name: &str| MeetingSettings { act_name: name.into(), ..MeetingSettings::default() };
        assert!(settings(&MeetingSettings::default()).is_ok());
        assert!(settings(&with("一二三四五六七八九十")).is_ok(), "30 bytes");
        for bad in ["一二三四五六七八九十十", "", "  ", "年会\u{0}", "年会\u{fffe}"] {
            let error = settings(&with(bad)).unwrap_err();
            assert_eq!((error.code(), error.body().field.as_deref()), ("text", Some("settings.act_name")));
        }
        let nameless = MeetingSettings { send_name: String::new(), ..MeetingSettings::default() };
        assert!(settings(&nameless).is_ok(), "the configured name is taken");
    }

    #[test]
    fn a_template_is_named_as_the_platform_names_it() {
        let with = |template: &str| MeetingSettings {
            notify: NotifySettings { template: template.into(), ..NotifySettings::default() },
            ..MeetingSettings::default()
        };
        assert!(settings(&with("kL3_x-9")).is_ok() && settings(&with("")).is_ok());
        let error = settings(&with("a b")).unwrap_err();
        assert_eq!(error.body().field.as_deref(), Some("settings.notify.template"));
    }

    #[test]
    fn names_have_one_to_sixty_characters() {
        assert!(name(&"会".repeat(60)).is_ok());
        assert!(name(&"会".repeat(61)).is_err());
        assert!(name("").is_err());
        assert!(name(" \u{3000}").is_err());
        assert!(name("年会\n").is_err());
    }
}
