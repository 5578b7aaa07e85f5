//! Personal data: what somebody agrees to, how long it is kept, and its removal.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What somebody agrees to before a phone number is asked for.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ConsentText {
    /// Names this very text, also how long it promises to keep things; recorded with each binding.
    pub version: String,
    /// In Chinese.
    pub zh: String,
    /// In English.
    pub en: String,
}

/// Where a meeting's personal data stands.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct PrivacyView {
    /// Days after the meeting's end for which personal data is kept (`privacy.keep_days`); 0: until removed by hand.
    pub keep_days: i64,
    /// When it is removed, ms; none while the meeting is open, or when it is kept until removed by hand.
    pub erase_at: Option<i64>,
    /// When the last of it was removed, ms.
    pub erased_at: Option<i64>,
    /// People whose data is here.
    pub people: i64,
    /// People whose data was removed.
    pub erased: i64,
    /// Of those whose data is here: people with a packet that is not final, whose removal waits for it.
    pub waiting: i64,
}

/// Remove one person's data. It cannot be undone.
#[derive(Debug, Deserialize, ToSchema)]
pub struct ErasePerson {
    /// The person's name as it stands on the roster, typed once more.
    #[schema(max_length = 60)]
    pub confirm: String,
}
