//! Books of a day, and the payer's statement against ours.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Fen;

/// A budget at one moment, as the ledger says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BookBalance {
    /// Cap, fen.
    pub cap_fen: Fen,
    /// Kept for rounds and awards, fen.
    pub reserved_fen: Fen,
    /// Paid and not come back, fen.
    pub spent_fen: Fen,
    /// What nobody has claimed, fen.
    pub free_fen: Fen,
}

/// One budget on one day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BookRow {
    /// Id of the budget.
    pub budget: String,
    /// Its name.
    pub name: String,
    /// Name of its meeting.
    pub meeting: String,
    /// When the day began.
    pub opening: BookBalance,
    /// By how much the cap changed, fen.
    pub cap_fen: Fen,
    /// Reserved on that day, fen.
    pub reserved_fen: Fen,
    /// Released without being paid, fen.
    pub released_fen: Fen,
    /// Paid, fen.
    pub paid_fen: Fen,
    /// Came back unopened, fen.
    pub returned_fen: Fen,
    /// When the day ended, or now.
    pub closing: BookBalance,
}

/// Something that does not add up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BookDifference {
    /// `pay` and `return`: a bill number that ledger and packets tell differently; `budget`: movements that do not
    /// explain the closing balance; `ledger`: the chain, or a balance that replaying does not give.
    pub kind: String,
    /// Bill number, budget, or a sentence.
    pub about: String,
    /// By how much, fen.
    pub fen: Fen,
}

/// The books of a Beijing day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DayBooks {
    /// `2026-11-26`.
    pub day: String,
    /// Every budget that the ledger knew by then.
    pub rows: Vec<BookRow>,
    /// Nothing differs.
    pub balanced: bool,
    /// What differs, by name.
    pub differences: Vec<BookDifference>,
}

/// A line of the statement that differs from our packets, or a packet that the statement lacks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StatementDifference {
    /// `unknown_bill` they paid a number that we do not have; `amount` another amount; `not_paid_here` they paid, our
    /// packet is not booked as paid; `not_returned_here` money came back, our packet is not refunded; `twice` a second
    /// line for the same number; `missing` we booked a payment that the statement of these days lacks; `missing_edge`
    /// the same within ten minutes of the first or last midnight; `unreadable` a line whose amount is none.
    pub kind: String,
    /// Line of the file, from 1; 0 when the file has none.
    pub row: i64,
    /// Bill number; may be empty.
    pub bill_no: String,
    /// Our amount, fen.
    pub ours_fen: Option<Fen>,
    /// Theirs, fen.
    pub theirs_fen: Option<Fen>,
}

/// A statement compared with our packets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StatementReport {
    /// Lines about packets; a packet that came back has two.
    pub lines: i64,
    /// Lines about something else.
    pub others: i64,
    /// Lines that agree with our packets.
    pub matched: i64,
    /// Paid according to the statement, fen.
    pub paid_fen: Fen,
    /// Came back according to the statement, fen.
    pub returned_fen: Fen,
    /// All differences.
    pub difference_count: i64,
    /// The first 1,000 of them.
    pub differences: Vec<StatementDifference>,
}
