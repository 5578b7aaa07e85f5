//! Whether a round can be drawn.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Fen;

/// Can this round be drawn now? Every number the host needs, and the reason if not.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Readiness {
    /// True when the commit would be accepted now.
    pub ready: bool,
    /// Why not: the `code`s and sentences that the commit would answer.
    pub problems: Vec<Problem>,
    /// People on the roster.
    pub invited: i64,
    /// People bound.
    pub bound: i64,
    /// Of them present: seen in the hall, where the meeting's `checkin` is on.
    pub present: i64,
    /// Of them able to win this round.
    pub eligible: i64,
    /// Of them payable (they follow the account where that is required).
    pub payable: i64,
    /// Cost of the round in fen.
    pub cost_fen: Fen,
    /// Free in approved budgets, fen.
    pub budget_left_fen: Fen,
    /// Level that the round's sources give: `A0` … `A3` (`A1` needs one tap).
    pub level: String,
}

/// One reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// Stable code.
    pub code: String,
    /// What to do, in Chinese.
    pub detail: String,
}

/// How many could win a round if it were drawn now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EligibleNow {
    /// People with at least one ticket in this round.
    pub eligible: i64,
}
