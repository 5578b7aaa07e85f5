//! Awards, packets, the sender.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Fen, PayChannel, StoryStep};

/// Cash or goods.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum AwardKind {
    /// A red packet.
    Cash,
    /// A thing.
    Goods,
}

/// Where an award stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum AwardState {
    /// The winner is not confirmed yet.
    Waiting,
    /// To be paid, or on its way.
    Payable,
    /// The winner was set aside; `present` restores it.
    Suspended,
    /// For good: replaced, void or closed.
    Cancelled,
    /// Cash sent.
    Paid,
    /// Goods handed out.
    Collected,
    /// Not opened within a day; the money came back.
    Returned,
    /// Its packet is dead; finance may issue a new one.
    Failed,
}

/// Where an award comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum AwardOrigin {
    /// A seat of a draw.
    Draw,
    /// A test packet before the evening.
    Trial,
    /// An accepted voucher.
    Voucher,
    /// New people who were brought.
    Referral,
}

/// An obligation: this person, this amount, for this reason.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct AwardView {
    /// Id: a hash of the reason.
    pub id: String,
    /// Where it comes from.
    pub origin: AwardOrigin,
    /// Number of the draw; 0 when of none.
    pub draw: i64,
    /// Rank.
    pub rank: i64,
    /// Name of the person.
    pub name: String,
    /// Department.
    pub department: String,
    /// Cash or goods.
    pub kind: AwardKind,
    /// Fen; 0 for goods.
    pub amount_fen: Fen,
    /// Where it stands.
    pub state: AwardState,
    /// Its newest packet.
    pub bill_no: Option<String>,
    /// State of that packet.
    pub packet: Option<PacketState>,
    /// What happens next, in Chinese.
    pub story: String,
}

/// Where a packet stands (`money.md` §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PacketState {
    /// Waits for its turn.
    Queued,
    /// Budget and day limit are reserved.
    Reserved,
    /// A call is running, or was when the server stopped.
    Sending,
    /// Accepted; the person has 24 hours to confirm in WeChat, and only then it is paid.
    Confirming,
    /// Paid; the person has 24 hours to open it.
    Sent,
    /// Opened. Final.
    Received,
    /// Waits for a limit, a binding or a follow.
    Held,
    /// No decided answer yet: asked again with the same number.
    Unknown,
    /// Refused for now by WeChat; the order may live on.
    Blocked,
    /// Refused cleanly: nothing was or will be paid under these fields.
    Refused,
    /// Not opened, money back. Final.
    Refunded,
    /// Dead. Final.
    Failed,
    /// Never sent. Final.
    Cancelled,
    /// A person of finance has to decide.
    NeedsHuman,
}

/// A packet: one bill number for an award.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct PacketView {
    /// Bill number.
    pub bill_no: String,
    /// Award.
    pub award_id: String,
    /// Attempt, from 1.
    pub attempt: i64,
    /// Number of the draw.
    pub draw: i64,
    /// Rank.
    pub rank: i64,
    /// Name of the person.
    pub name: String,
    /// A test packet before the evening: of no draw.
    pub trial: bool,
    /// Where its award comes from.
    pub origin: AwardOrigin,
    /// Fen.
    pub amount_fen: Fen,
    /// How it is paid.
    pub channel: PayChannel,
    /// Where it stands.
    pub state: PacketState,
    /// Why it waits or failed: a stable code (`day_limit`, `no_openid`, `budget`, `paused`, an error code of WeChat …).
    pub reason: String,
    /// When it is looked at next, ms; 0 when final.
    pub next_at: i64,
    /// When it was made, ms.
    pub created_at: i64,
    /// When it was paid, ms.
    pub sent_at: Option<i64>,
    /// Requests to send, so far.
    pub sends: i64,
    /// Queries, so far.
    pub queries: i64,
    /// The story so far in sentences, in Chinese.
    pub story: Vec<String>,
    /// Every call, oldest first (only when one packet is asked for).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub calls: Vec<CallView>,
    /// Every step from the draw to the receipt, oldest first (only when one packet is asked for).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub timeline: Vec<StoryStep>,
}

/// One call to the payer.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct CallView {
    /// `send` or `query`.
    pub kind: String,
    /// When it left, ms.
    pub at: i64,
    /// When the answer came, ms.
    pub answered_at: Option<i64>,
    /// What it meant.
    pub outcome: String,
    /// The raw answer, with openids and names masked.
    pub raw: String,
}

/// Packets that match.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct PacketPage {
    /// Newest first.
    pub packets: Vec<PacketView>,
    /// All that match.
    pub total: i64,
    /// Sum of all that match, fen.
    pub total_fen: Fen,
    /// What matches but for the state, by state.
    pub counts: Vec<StateCount>,
    /// What matches but for the reason, by reason; those without one are left out.
    pub reasons: Vec<ReasonCount>,
}

/// How many packets have a reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReasonCount {
    /// Stable code.
    pub reason: String,
    /// Packets.
    pub count: i64,
}

/// The sender of all packets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SenderView {
    /// Sends nothing while paused.
    pub paused: bool,
    /// Stable code of the reason; empty when running.
    pub reason: String,
    /// What to do, in Chinese.
    pub detail: String,
    /// Channels that are configured.
    pub channels: Vec<PayChannel>,
    /// The far end says that it is the sandbox.
    pub sandbox: bool,
    /// Packets by state, account-wide.
    pub counts: Vec<StateCount>,
    /// Caps over all meetings.
    pub limits: LimitsView,
}

/// Caps over all meetings, and what is used of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LimitsView {
    /// What all budgets together may have reserved and spent, fen; none when there is no such cap.
    pub account_cap_fen: Option<Fen>,
    /// Reserved, all budgets together, fen.
    pub account_reserved_fen: Fen,
    /// Paid and not come back, all budgets together, fen.
    pub account_spent_fen: Fen,
    /// What the merchant may send on a Beijing day, fen.
    pub day_cap_fen: Fen,
    /// What today has taken of that, sent or about to be, fen.
    pub day_fen: Fen,
    /// Packets of today.
    pub day_packets: i64,
    /// Packets that wait because the merchant's day is full.
    pub day_held: i64,
    /// Their sum, fen.
    pub day_held_fen: Fen,
    /// When the first of them is tried again, ms; 0 when none waits.
    pub day_held_until: i64,
}

/// A database that was behind its mark is matched with the payer before anything is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MatchingView {
    /// The sender is stopped for this.
    pub behind: bool,
    /// Since when, ms; 0 when it is not.
    pub since: i64,
    /// Numbers that could be sent and that the payer has been asked for since.
    pub asked: i64,
    /// Numbers that it still has to be asked for.
    pub left: i64,
    /// Numbers that turned out to be paid already.
    pub found_paid: i64,
    /// When a statement of the payer was imported since; none when not.
    pub statement_at: Option<i64>,
    /// Its differences.
    pub statement_differences: i64,
    /// All numbers were asked for: sending can be released. A statement alone never does that.
    pub complete: bool,
}

/// How many packets are in a state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StateCount {
    /// State.
    pub state: PacketState,
    /// Packets.
    pub count: i64,
    /// Their sum, fen.
    pub amount_fen: Fen,
}

/// Hand out goods against the winner's code.
#[derive(Debug, Deserialize, ToSchema)]
pub struct CollectRequest {
    /// The code that the winner shows.
    #[schema(min_length = 4, max_length = 16)]
    pub claim_code: String,
}
