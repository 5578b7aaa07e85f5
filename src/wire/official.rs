//! The service account: menu, QR codes, page signatures, messages to winners.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The account's menu.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Menu {
    /// One to three buttons.
    #[schema(min_items = 1, max_items = 3)]
    pub buttons: Vec<MenuButton>,
}

/// A button that opens a page, or that has up to five such buttons below it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MenuButton {
    /// Name: at most 16 bytes of UTF-8 in the bar, 60 below it.
    #[schema(min_length = 1, max_length = 60)]
    pub name: String,
    /// Address of the page; not used when there are buttons below.
    #[serde(default)]
    #[schema(max_length = 1024)]
    pub url: String,
    /// Buttons below, at most five.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 5, no_recursion)]
    pub buttons: Vec<MenuButton>,
}

/// A parametric QR code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QrView {
    /// Its text, which comes back when somebody scans it.
    pub scene: String,
    /// What the picture says.
    pub url: String,
    /// When it stops working, ms.
    pub expires_at: i64,
}

/// What `wx.config` wants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JsSdk {
    /// App id of the account.
    pub app_id: String,
    /// Unix seconds.
    pub timestamp: i64,
    /// Random text.
    pub nonce: String,
    /// SHA-1, hex.
    pub signature: String,
}

/// Where a message to a winner stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum NoticeState {
    /// Will be sent.
    Due,
    /// WeChat took it.
    Sent,
    /// No usable answer: it may have arrived, and is not sent again.
    Unknown,
    /// Not sent; `why` says why.
    Failed,
}

/// A message to a winner.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct NoticeView {
    /// Number of the draw.
    pub draw: i64,
    /// Rank.
    pub rank: i64,
    /// The winner's name.
    pub name: String,
    /// Where it stands.
    pub state: NoticeState,
    /// `chat`, `template`, or empty before it was sent.
    pub way: String,
    /// Stable code of what is wrong: `window`, `not_following`, `declined`, `config`, `quota`, `unreachable` (it may have arrived), `away`, `system`.
    pub why: String,
    /// The same in a sentence, with what to do.
    pub detail: String,
    /// When it came to this, ms.
    pub at: i64,
}

/// Messages to the winners of a meeting.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Notices {
    /// Waiting.
    pub due: i64,
    /// Taken by WeChat.
    pub sent: i64,
    /// Without a usable answer.
    pub unknown: i64,
    /// Not sent.
    pub failed: i64,
    /// Those that were not sent or may not have arrived, newest first, at most 200.
    pub open: Vec<NoticeView>,
}

/// How many messages are tried again.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Retried {
    /// Messages.
    pub count: i64,
}

/// Messages of the service account to winners.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct NotifySettings {
    /// Tell winners: in the chat for as long as WeChat allows it after an act of theirs, else by the template.
    pub winners: bool,
    /// Id of the account's template; empty: only in the chat.
    #[schema(max_length = 64)]
    pub template: String,
    /// The template's fields and what they say, with `{meeting}`, `{prize}`, `{time}`. Empty: `thing1` the meeting,
    /// `thing2` the prize, `time3` the time.
    pub fields: BTreeMap<String, String>,
}
