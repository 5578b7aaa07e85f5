//! The check before the evening.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum CheckState {
    /// Nothing to do.
    Good,
    /// Not used here, or not possible to find out.
    Off,
    /// Works, and should be looked at.
    Warn,
    /// Will fail at the evening.
    Bad,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Check {
    /// Stable name.
    pub name: String,
    /// How it ended.
    pub state: CheckState,
    /// What was found.
    pub says: String,
    /// What to do; empty when there is nothing to do.
    pub todo: String,
}

/// All of them, the worst first.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Checks {
    /// When, ms.
    pub at: i64,
    /// The worst of all.
    pub state: CheckState,
    /// Each.
    pub checks: Vec<Check>,
}

/// What this server sees of a question that it asked itself through its public address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Seen {
    /// Whom the question came from: the proxy in front, if there is one.
    pub peer: String,
    /// Whether `server.trusted_proxies` names that address.
    pub trusted: bool,
    /// Whether it said for whom it asks (`X-Forwarded-For`).
    pub forwarded: bool,
}
