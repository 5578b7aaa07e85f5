//! Referrals: rules, what a person has brought, what looks wrong.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Fen, PacketState};

/// Rules of a meeting's referrals.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReferralRules {
    /// New people are counted, and codes shown.
    pub open: bool,
    /// What a reward is, fen.
    pub fen: Fen,
    /// A reward for every so many new people.
    #[schema(minimum = 1, maximum = 100)]
    pub every: i64,
    /// Rewards of one person on one Beijing day, at most; more wait for the next day.
    #[schema(minimum = 1, maximum = 100)]
    pub daily: i64,
    /// Rewards of one person, at most.
    #[schema(minimum = 1, maximum = 10_000)]
    pub total: i64,
    /// Time between binding and reward, ms: whoever stops following within it does not count.
    #[schema(minimum = 0, maximum = 2_592_000_000_i64)]
    pub delay_ms: i64,
    /// Budget that pays, of purpose `campaign`; without one rewards wait.
    #[serde(default)]
    #[schema(max_length = 64)]
    pub budget_id: Option<String>,
}

/// Make or change the rules.
#[derive(Debug, Deserialize, ToSchema)]
pub struct SaveReferralRules {
    /// The version that was seen; 0 when there were none.
    pub version: i64,
    /// The rules.
    pub rules: ReferralRules,
}

/// The rules as they stand.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ReferralRulesView {
    /// The rules; none before they were made.
    pub rules: Option<ReferralRules>,
    /// Name of the budget; empty without one.
    pub budget: String,
    /// What it has left, fen; 0 while it is not approved.
    pub budget_left_fen: Fen,
    /// For the next change.
    pub version: i64,
}

/// Where a new person stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ReferralState {
    /// The delay runs, or a cap or the budget makes it wait.
    Waiting,
    /// Looks wrong: a reviewer decides first.
    Review,
    /// Counts, and is not the n-th one.
    Confirmed,
    /// Counts, and made a reward.
    Paid,
    /// Counts, but the referrer has all rewards that one may get.
    Capped,
    /// Stopped following or unbound before the end of the delay.
    Cancelled,
    /// A reviewer refused it.
    Refused,
}

/// Somebody I brought.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct MyBrought {
    /// First letter of the name.
    pub name: String,
    /// Where it stands.
    pub state: ReferralState,
    /// When they bound, ms.
    pub at: i64,
    /// The reward that it made, fen; 0 when none.
    pub fen: Fen,
    /// State of that reward's packet.
    pub packet: Option<PacketState>,
}

/// My code, and what came of it.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct MyReferral {
    /// The meeting takes referrals now.
    pub open: bool,
    /// My code; empty before it was asked for.
    pub code: String,
    /// Link to give to others; empty without a code.
    pub link: String,
    /// What the account's QR code says: whoever scans it follows first. Empty when WeChat gives none.
    pub qr: String,
    /// What a reward is, fen.
    pub fen: Fen,
    /// A reward for every so many new people.
    pub every: i64,
    /// The delay, ms.
    pub delay_ms: i64,
    /// New people who count.
    pub counted: i64,
    /// New people whose delay runs, or who are looked at.
    pub waiting: i64,
    /// Rewards so far.
    pub rewards: i64,
    /// Their sum, fen.
    pub rewards_fen: Fen,
    /// The newest hundred.
    pub people: Vec<MyBrought>,
}

/// The code that a phone came by.
#[derive(Debug, Deserialize, ToSchema)]
pub struct ScanRequest {
    /// The code of the link.
    #[schema(min_length = 1, max_length = 32)]
    pub code: String,
}

/// What came of a scan.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Scanned {
    /// This code counts when the person binds.
    pub kept: bool,
    /// Why not: `own`, `not_new`, `bound`, `earlier` (another code was first), `closed`; empty when it counts.
    pub why: String,
}

/// A new person as reviewers see them.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ReferralView {
    /// Id.
    pub id: String,
    /// Name of who brought them.
    pub referrer: String,
    /// Their own name.
    pub name: String,
    /// Phone, masked.
    pub phone: String,
    /// Where it stands.
    pub state: ReferralState,
    /// What looks wrong: `same_device`, `phone_burst`, `snapshot`.
    pub signals: Vec<String>,
    /// Why it waits longer or came to nothing: `day_cap`, `budget`, `follow_check`, `unfollowed`, `unbound`, or a
    /// reviewer's words.
    pub reason: String,
    /// `qr` or `link`.
    pub way: String,
    /// When they bound, ms.
    pub bound_at: i64,
    /// When it is decided, ms.
    pub due_at: i64,
    /// The reward that it made, fen.
    pub fen: Fen,
    /// State of the reward's packet.
    pub packet: Option<PacketState>,
    /// User name of the reviewer who decided.
    pub decided_by: String,
}

/// New people that match, newest first.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ReferralPage {
    /// This page.
    pub referrals: Vec<ReferralView>,
    /// All that match.
    pub total: i64,
}

/// Refuse a new person.
#[derive(Debug, Deserialize, ToSchema)]
pub struct RefuseReferral {
    /// Why, 1–200 characters.
    #[schema(min_length = 1, max_length = 200)]
    pub reason: String,
}

/// How many new people are in a state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReferralCount {
    /// State.
    pub state: ReferralState,
    /// People.
    pub count: i64,
}

/// One of those who brought most.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TopReferrer {
    /// Name.
    pub name: String,
    /// Department.
    pub department: String,
    /// New people, those included that came to nothing.
    pub brought: i64,
    /// Those that count.
    pub counted: i64,
    /// Rewards, fen.
    pub fen: Fen,
}

/// Numbers of a meeting's referrals.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ReferralStats {
    /// Codes that were handed out.
    pub codes: i64,
    /// New phones that came by a code.
    pub scans: i64,
    /// By state.
    pub states: Vec<ReferralCount>,
    /// Rewards, fen.
    pub fen: Fen,
    /// The twenty who brought most.
    pub top: Vec<TopReferrer>,
}
