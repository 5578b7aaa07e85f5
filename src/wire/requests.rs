//! What one person of finance asks for and a second one confirms.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Fen, PayChannel};

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RequestKind {
    /// A higher cap of an approved budget.
    BudgetRaise,
    /// A new bill number for a dead one.
    Reissue,
    /// The end of a packet that was never paid.
    Cancel,
    /// A verdict on a packet that no machine can decide.
    Resolve,
    /// A test packet to a bound person.
    Trial,
    /// Sending again after the database was behind its mark.
    Release,
}

/// Where a request stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RequestStatus {
    /// Waits for a second person.
    Open,
    /// Confirmed and done.
    Confirmed,
    /// Refused by a second person.
    Refused,
    /// Taken back by whoever asked.
    Withdrawn,
    /// Nobody confirmed it in time.
    Expired,
}

/// A request that waits for a second person, or did.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct RequestView {
    /// Id.
    pub id: String,
    /// What is asked for.
    pub kind: RequestKind,
    /// Budget, bill number, person, or `sender`.
    pub target: String,
    /// Name of the budget or of the person who is to be paid; empty when about neither.
    pub name: String,
    /// The amount that it is about, fen: the new cap, or the packet's.
    pub fen: Fen,
    /// The verdict of a resolution: `paid`, `returned`, `unpaid`; the channel of a test packet; empty otherwise.
    pub verdict: String,
    /// The evidence in the words of whoever asked; may be empty.
    pub note: String,
    /// User name of whoever asked.
    pub asked_by: String,
    /// When, ms.
    pub asked_at: i64,
    /// Until when it can be confirmed, ms.
    pub expires_at: i64,
    /// Where it stands.
    pub status: RequestStatus,
    /// User name of whoever confirmed, refused or withdrew it.
    pub decided_by: Option<String>,
    /// When, ms.
    pub decided_at: Option<i64>,
}

/// What a person found out about a packet that no machine can decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It was paid and is with the person.
    Paid,
    /// It was paid, and the money came back.
    Returned,
    /// It was never paid; the money is free again.
    Unpaid,
}

/// End a packet that no machine can decide.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub struct ResolveRequest {
    /// What was found out.
    pub verdict: Verdict,
    /// The evidence, 6–300 characters: which statement, which line.
    #[schema(min_length = 6, max_length = 300)]
    pub note: String,
}

/// Send a test packet of the smallest amount.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub struct TrialRequest {
    /// A bound person of the meeting: best yourself.
    pub person_id: String,
    /// How it is paid; when absent as for a new budget.
    #[serde(default)]
    pub channel: Option<PayChannel>,
}

/// Turn the rule of the second person on or off.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
pub struct FourEyesRequest {
    /// On or off; only the owner turns it off.
    pub on: bool,
}

/// Whether money needs a second person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FourEyesView {
    /// It does.
    pub on: bool,
    /// Set for the whole instance in its configuration: pages cannot turn it off.
    pub fixed: bool,
}
