//! Budgets, and the ways to pay.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Fen;

/// How money gets to people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PayChannel {
    /// WeChat Pay v2 red packets: pushed, opened within a day.
    RedPacketV2,
    /// WeChat Pay v3 merchant transfers: confirmed by the receiver within a day.
    TransferV3,
}

impl PayChannel {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::RedPacketV2, Self::TransferV3];

    /// As on the wire, and in SQL.
    pub const fn word(self) -> &'static str {
        match self {
            Self::RedPacketV2 => "red_packet_v2",
            Self::TransferV3 => "transfer_v3",
        }
    }

    /// The channel of a word in SQL.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|channel| channel.word() == word)
    }
}

/// A new budget of the meeting, a draft until finance approves it.
#[derive(Debug, Deserialize, ToSchema)]
pub struct NewBudget {
    /// Name, 1–60 characters.
    #[schema(min_length = 1, max_length = 60)]
    pub name: String,
    /// The most that may be reserved and spent together, fen.
    pub cap_fen: Fen,
    /// How it is paid, for good. When absent: red packets, or transfers where only these are configured.
    #[serde(default)]
    pub channel: Option<PayChannel>,
    /// What it pays.
    #[serde(default)]
    pub purpose: BudgetPurpose,
}

/// Change a draft budget; an approved one answers 409 `approval_void` and must be approved again.
#[derive(Debug, Deserialize, ToSchema)]
pub struct EditBudget {
    /// The version that was seen.
    pub version: i64,
    /// Name.
    #[schema(min_length = 1, max_length = 60)]
    pub name: String,
    /// Cap, fen; not below what is reserved and spent.
    pub cap_fen: Fen,
}

/// Approve a budget as it was seen.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
pub struct ApproveBudget {
    /// The version that was seen; when absent, whatever it is now.
    pub version: Option<i64>,
}

/// Another cap for an approved budget.
#[derive(Debug, Deserialize, ToSchema)]
pub struct BudgetCap {
    /// The version that was seen.
    pub version: i64,
    /// Cap, fen; not below what is reserved and spent.
    pub cap_fen: Fen,
}

/// Take the approval of a budget back.
#[derive(Debug, Deserialize, ToSchema)]
pub struct WithdrawBudget {
    /// The version that was seen.
    pub version: i64,
}

/// What a budget pays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum BudgetPurpose {
    /// Rounds of draws.
    #[default]
    Rounds,
    /// Vouchers and referrals: only campaigns that name it.
    Campaign,
}

/// Draft or approved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum BudgetStatus {
    /// Cannot be used yet.
    Draft,
    /// Draws inside it pay at once.
    Approved,
}

/// A budget.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct BudgetView {
    /// Id.
    pub id: String,
    /// Name.
    pub name: String,
    /// Draft or approved.
    pub status: BudgetStatus,
    /// Cap, fen.
    pub cap_fen: Fen,
    /// Kept for rounds and packets on their way, fen.
    pub reserved_fen: Fen,
    /// Paid, fen.
    pub spent_fen: Fen,
    /// Came back unopened, fen.
    pub returned_fen: Fen,
    /// User name of the approver.
    pub approved_by: Option<String>,
    /// When, ms.
    pub approved_at: Option<i64>,
    /// For the next edit.
    pub version: i64,
    /// What it pays.
    pub purpose: BudgetPurpose,
    /// User name of whoever set the amount last: under `four_eyes` somebody else approves it.
    pub changed_by: Option<String>,
    /// How it is paid.
    pub channel: PayChannel,
}
