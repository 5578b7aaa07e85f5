//! The typed lines of a draw log (§6). How they are written and read is in `text.rs`.

use super::entropy::{Source, Value};
use super::hash::{EventId, Hash32, Pid, h};
use super::path::PoolSummary;
use serde::{Deserialize, Serialize};

/// The protocol's name, `v` of the first line and of a bundle.
pub const PROTOCOL: &str = "mlot1";
/// Longest memo, in Unicode code points.
pub const MAX_MEMO: usize = 200;

/// One line of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Number of the line from 0.
    pub seq: u64,
    /// Milliseconds UTC; information only.
    pub ts: u64,
    /// Free text, at most [`MAX_MEMO`] code points.
    pub memo: Option<String>,
    /// What the line says.
    pub body: Body,
}

/// What a line says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// `event.open`, always and only line 0.
    Open(Open),
    /// `draw.commit`: everything about a draw but its randomness.
    Commit(Commit),
    /// `draw.entropy`: the value of one source.
    Entropy(Entropy),
    /// `draw.result`: reveals the secret.
    Result(DrawResult),
    /// `draw.void`: also reveals the secret.
    Void(Void),
    /// `winner.status`.
    Status(Status),
    /// `payout`.
    Payout(Payout),
    /// `event.close`; after it only payouts.
    Close,
}

impl Body {
    /// The line type as written, for example `draw.commit`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Open(_) => "event.open",
            Self::Commit(_) => "draw.commit",
            Self::Entropy(_) => "draw.entropy",
            Self::Result(_) => "draw.result",
            Self::Void(_) => "draw.void",
            Self::Status(_) => "winner.status",
            Self::Payout(_) => "payout",
            Self::Close => "event.close",
        }
    }
}

/// Opens an event: fixes the signing key and the chain of secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Open {
    /// The event's random name.
    pub event: EventId,
    /// Ed25519 public key of checkpoints and receipts.
    pub key: Hash32,
    /// The published end of the chain, `s_0`.
    pub anchor: Hash32,
    /// Links of the chain = most draws, 1 … 65,535.
    pub links: u64,
}

/// Kind of a draw.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DrawKind {
    /// Counts.
    Main,
    /// Replaces winners of a main draw who were set aside.
    Redraw,
    /// Shown, but never counts.
    Test,
}

/// Whose earlier winners cannot win.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Exclude {
    /// Nobody's.
    None,
    /// Those of counting draws with the same `group`.
    Group,
    /// Those of all counting draws.
    Event,
}

/// What winners get, in fen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "mode", rename_all = "lowercase", deny_unknown_fields)]
pub enum Award {
    /// Nothing that is paid.
    None,
    /// The same for each.
    Fixed {
        /// Fen for each winner.
        cents: u64,
    },
    /// A total, divided by chance.
    Split {
        /// Fen in total.
        cents: u64,
        /// Least part, fen.
        min: u64,
    },
    /// A redraw: the parent's amount of that rank.
    Inherit,
}

/// The rules of a draw, without its number and pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DrawRule {
    /// Kind.
    pub kind: DrawKind,
    /// Short name of the prize, 1–64 of `[A-Za-z0-9._-]`.
    pub prize: String,
    /// Number of winners, 1 … 100,000.
    pub k: u64,
    /// Whose earlier winners cannot win.
    pub exclude: Exclude,
    /// Name of the group, as `prize` or empty.
    pub group: String,
    /// A redraw's main draw, else 0.
    pub parent: u64,
    /// A redraw's ranks, strictly ascending; else empty.
    pub ranks: Vec<u64>,
    /// Public randomness to come, in the order audience, dice, words, drand.
    pub entropy: Vec<Source>,
    /// What winners get.
    pub award: Award,
}

impl DrawRule {
    /// The rank of the j-th winner (from 0).
    pub fn rank(&self, j: usize) -> u64 {
        match self.kind {
            DrawKind::Redraw => self.ranks.get(j).copied().unwrap_or(0),
            _ => u64::try_from(j).unwrap_or(u64::MAX).saturating_add(1),
        }
    }

    /// The place among the winners (from 0) of a rank.
    pub fn place(&self, rank: u64) -> Option<usize> {
        match self.kind {
            DrawKind::Redraw => self.ranks.binary_search(&rank).ok(),
            _ if rank > self.k => None,
            _ => usize::try_from(rank.checked_sub(1)?).ok(),
        }
    }
}

/// Commits to a draw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// Number of the draw from 1.
    pub draw: u64,
    /// Its rules.
    pub rule: DrawRule,
    /// The pool.
    pub pool: PoolSummary,
}

/// Closes one source of public randomness.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entropy {
    /// Draw.
    pub draw: u64,
    /// Number of the source from 0.
    pub i: u64,
    /// What it gave.
    pub value: Value,
}

/// A winner, in the order of choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Winner {
    /// Rank (prize seat) from 1.
    pub rank: u64,
    /// The member's number in the pool from 0.
    pub index: u64,
    /// The member's pid.
    pub pid: Pid,
    /// The member's tickets.
    pub weight: u64,
    /// Amount in fen.
    pub cents: u64,
}

/// The result of a draw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DrawResult {
    /// Draw.
    pub draw: u64,
    /// The draw's link of the chain.
    pub secret: Hash32,
    /// The seed.
    pub seed: Hash32,
    /// The winners in the order of choice.
    pub winners: Vec<Winner>,
}

/// Voids a draw, open or with a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Void {
    /// Draw.
    pub draw: u64,
    /// The draw's link of the chain.
    pub secret: Hash32,
    /// Short reason, as a prize's name.
    pub reason: String,
}

/// What became of a winner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SeatStatus {
    /// Confirmed.
    Present,
    /// Set aside: not there.
    Absent,
    /// Set aside: does not want it.
    Declined,
    /// Set aside: may not have it.
    Disqualified,
}

impl SeatStatus {
    /// Whether the winner no longer holds the prize.
    pub fn set_aside(self) -> bool {
        self != Self::Present
    }
}

/// Marks a winner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Draw.
    pub draw: u64,
    /// Rank.
    pub rank: u64,
    /// The new status.
    pub status: SeatStatus,
}

/// What became of a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PayoutStatus {
    /// The payer took the order.
    Sent,
    /// Nothing was or will be paid under this bill number.
    Failed,
    /// The packet was not opened and the money came back.
    Refunded,
}

/// A payment, or the end of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payout {
    /// Draw.
    pub draw: u64,
    /// Rank.
    pub rank: u64,
    /// The winner.
    pub pid: Pid,
    /// Amount in fen.
    pub cents: u64,
    /// Attempt from 1; a next one only after failed or refunded.
    pub attempt: u64,
    /// Fingerprint of the bill number: [`pay_ref`].
    pub reference: Hash32,
    /// What became of it.
    pub status: PayoutStatus,
}

/// What a payment's fingerprint is made of (§9).
#[derive(Debug, Clone, Copy)]
pub struct PaySeat {
    /// Draw.
    pub draw: u32,
    /// Rank.
    pub rank: u32,
    /// The winner.
    pub pid: Pid,
    /// Amount in fen.
    pub cents: u64,
    /// Attempt from 1.
    pub attempt: u32,
}

/// Binds one bill number of the payer to one winner without publishing it (§9).
pub fn pay_ref(event: &EventId, seat: &PaySeat, bill: &str) -> Hash32 {
    h(
        "mlot1/pay",
        &[
            event.bytes(),
            &seat.draw.to_be_bytes(),
            &seat.rank.to_be_bytes(),
            seat.pid.bytes(),
            &seat.cents.to_be_bytes(),
            &seat.attempt.to_be_bytes(),
            bill.as_bytes(),
        ],
    )
}
