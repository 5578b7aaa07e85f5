//! The story of a packet, from the line of the draw log to the receipt, in steps that pages put into words.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Fen, PacketState, PayChannel};

/// What the machine concluded from one call, and by which rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Conclusion {
    /// The call runs, or its server died: nobody knows yet.
    Open,
    /// The whole answer says paid and echoes our number, amount and receiver.
    Paid,
    /// The payer holds the order and pays when the person confirms: not paid, and no refusal ends it any more.
    Confirming,
    /// The payer's books say that the person has it.
    Received,
    /// Unclaimed: the money is on its way back.
    Returning,
    /// The money came back.
    Returned,
    /// No answer that decides: may be paid, so only the same number may be used again.
    Undecided,
    /// By itself a refusal, but an earlier call of this number is undecided: proves nothing.
    StillUndecided,
    /// Refused for now; WeChat may keep the order, so the money stays reserved.
    Blocked,
    /// Certainly not paid: back to the queue with the same number.
    Requeued,
    /// Certainly not paid, and never will be with these fields.
    Refused,
    /// Only a person can find out.
    Person,
    /// The payer's books say FAILED; twice, ten minutes apart, ends the number.
    Dead,
    /// The payer does not know the number (yet): no proof that nothing was paid.
    NotProof,
    /// The payer has the order and has not decided.
    Running,
    /// The query itself failed: says nothing about the packet.
    NoNews,
}

/// What happens next with a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum NextAct {
    /// Sent (again) with the same number.
    Send,
    /// Would be sent, but the sender is paused.
    Paused,
    /// The payer is asked.
    Query,
    /// A call is running.
    Running,
    /// Nothing by itself: finance has to decide.
    Person,
    /// Nothing: it is over.
    Nothing,
}

/// One step, oldest first; the last one is `now`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum StoryStep {
    /// The draw's result gave this person the award.
    Drawn {
        /// When, ms.
        at: i64,
        /// Number of the draw.
        draw: i64,
        /// Rank.
        rank: i64,
        /// Name of the round.
        round: String,
        /// Name of the prize.
        prize: String,
        /// Line of the draw log with the result.
        line: i64,
        /// Head of the log after that line, hex: the proof has the same.
        head: String,
    },
    /// The winner's seat got its status.
    Confirmed {
        /// When, ms.
        at: i64,
        /// `present` makes the award payable.
        status: String,
    },
    /// The budget that the award is paid from.
    Budgeted {
        /// When the award was born and its part reserved, ms.
        at: i64,
        /// Name of the budget.
        budget: String,
        /// Fen.
        fen: Fen,
        /// Who approved it.
        approved_by: String,
        /// When, ms.
        approved_at: i64,
    },
    /// The packet was made.
    Issued {
        /// When, ms.
        at: i64,
        /// Bill number.
        bill_no: String,
        /// Attempt, from 1.
        attempt: i64,
        /// How it is paid.
        channel: PayChannel,
    },
    /// One call to the payer.
    Called {
        /// When it left, ms.
        at: i64,
        /// When the answer came, ms.
        answered_at: Option<i64>,
        /// `send` or `query`.
        kind: String,
        /// The answer in one code.
        outcome: String,
        /// What the machine concluded.
        conclusion: Conclusion,
        /// The raw answer, masked.
        raw: String,
    },
    /// Somebody of finance did something to it by hand.
    Hand {
        /// When, ms.
        at: i64,
        /// `cancel`, `reissue` (the new number is the note), `paid`, `returned`, `unpaid`, `ask`, `retry` or `trial`.
        what: String,
        /// Who wanted it.
        who: String,
        /// Who confirmed it, when two were needed.
        second: Option<String>,
        /// The evidence, or the new number.
        note: String,
    },
    /// Where it stands, and what comes.
    Now {
        /// State.
        state: PacketState,
        /// Stable code of the reason; may be empty.
        reason: String,
        /// What happens next.
        next: NextAct,
        /// When, ms; 0 when nothing is planned.
        next_at: i64,
    },
}
