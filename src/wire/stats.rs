//! Numbers for charts.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::StateCount;

/// How many in one minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MinuteCount {
    /// When the minute begins, ms.
    pub at: i64,
    /// How many.
    pub count: i64,
}

/// People who came in, by minute.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EntryStats {
    /// Minutes with anybody, oldest first; the newest 1,440 of them.
    pub minutes: Vec<MinuteCount>,
}

/// Packets by state and by the minute in which they were sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PayoutStats {
    /// States that occur.
    pub states: Vec<StateCount>,
    /// Minutes in which packets were sent, oldest first; the newest 1,440 of them.
    pub minutes: Vec<MinuteCount>,
}
