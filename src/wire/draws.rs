//! Draws, seats, and what proves them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Fen, PacketState, Source};

/// A signed head of the draw log (draw protocol §6).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Checkpoint {
    /// The meeting's `event`, hex.
    pub event: String,
    /// Number of lines.
    pub size: i64,
    /// Hash over all lines, hex.
    pub head: String,
    /// Ed25519 signature, hex.
    pub sig: String,
}

/// One sibling of a path in the pool's tree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PathStep {
    /// Hash, hex.
    pub h: String,
    /// Sum of tickets below it.
    pub s: i64,
}

/// Main, replacement, or for show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum DrawKind {
    /// The round's own draw.
    Main,
    /// Replaces seats of its parent.
    Redraw,
    /// Counts for nothing.
    Test,
}

/// Commit a round's draw.
#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
pub struct CommitRequest {
    /// `test` shows how it goes: the same rules and the same log, but nobody wins anything, nobody is shut out
    /// afterwards, and the round can be drawn still. Not `redraw`, which has a command of its own.
    pub kind: CommitKind,
}

/// A draw that counts, or one for show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum CommitKind {
    /// The round's own draw.
    #[default]
    Main,
    /// Counts for nothing, and says so in the log before anybody can know what comes out.
    Test,
}

/// Where a draw stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum DrawState {
    /// Rules and pool are in the log; randomness is being made.
    Committed,
    /// All randomness is closed: only the result can follow.
    Closed,
    /// The result is in the log.
    Revealed,
    /// Ended without counting, with a reason.
    Void,
}

/// What the host said of a winner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum SeatStatus {
    /// Nothing yet.
    Waiting,
    /// Here: the award is payable.
    Present,
    /// Not here.
    Absent,
    /// Does not want it.
    Declined,
    /// May not have it.
    Disqualified,
}

/// One winner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SeatView {
    /// Rank, from 1.
    pub rank: i64,
    /// Number in the pool (index + 1).
    pub no: i64,
    /// Pool id, hex.
    pub pid: String,
    /// Name.
    pub name: String,
    /// Department.
    pub department: String,
    /// Photo, see `PictureView`; absent when there is none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schema(max_length = 32)]
    pub photo: String,
    /// Tickets.
    pub weight: i64,
    /// Cash, fen.
    pub amount_fen: Fen,
    /// What the host said.
    pub status: SeatStatus,
    /// Number of the redraw that holds this rank now, if it was replaced.
    pub replaced_by: Option<i64>,
    /// State of the cash packet, when there is one.
    pub packet: Option<PacketState>,
}

/// The pool that was committed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PoolView {
    /// Members.
    pub n: i64,
    /// Tickets.
    pub tickets: i64,
    /// Members with at least one ticket.
    pub eligible: i64,
    /// Largest weight.
    pub max: i64,
    /// Root of the sum tree, hex.
    pub root: String,
}

/// A closed value of public randomness: one shape per source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum EntropyValue {
    /// Audience: number of taps and root of their tree.
    Audience {
        /// Taps.
        m: i64,
        /// Root, hex.
        root: String,
    },
    /// Dice: the faces.
    Dice {
        /// Faces, in order.
        #[schema(max_items = 100)]
        rolls: Vec<i64>,
    },
    /// Words.
    Words {
        /// Words, in order: 1–32 of `0-9a-z` or Chinese characters each.
        #[schema(max_items = 20)]
        words: Vec<String>,
    },
    /// A beacon of drand: its randomness is the SHA-256 of its signature.
    Drand {
        /// 32 bytes, hex.
        randomness: String,
        /// 48 bytes, hex.
        signature: String,
    },
}

/// A draw as everybody may see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DrawView {
    /// Number in the log.
    pub draw: i64,
    /// Round.
    pub round_id: String,
    /// Main, redraw or test.
    pub kind: DrawKind,
    /// Number of the draw whose seats it replaces; 0 for others.
    pub parent: i64,
    /// Prize name.
    pub prize: String,
    /// What is handed out, when goods.
    pub goods: String,
    /// Where it stands.
    pub state: DrawState,
    /// Winners.
    pub k: i64,
    /// The committed pool.
    pub pool: PoolView,
    /// Public randomness, in order.
    pub sources: Vec<Source>,
    /// Closed values, in order; shorter than `sources` while randomness is being made.
    pub values: Vec<EntropyValue>,
    /// Taps so far, while the audience's source is open.
    pub taps: i64,
    /// Number of the commit line in the log.
    pub commit_seq: i64,
    /// Head of the log right after the commit, hex: phones tap on it.
    pub commit_head: String,
    /// Log code of that moment.
    pub commit_code: String,
    /// When it was committed, ms.
    pub committed_at: i64,
    /// Randomness may not be closed before this moment, ms.
    pub randomness_at: i64,
    /// When the result was logged, ms.
    pub revealed_at: Option<i64>,
    /// `A0` … `A3`, once revealed; before it the level that the sources can give.
    pub level: String,
    /// Seed, hex, once revealed.
    pub seed: Option<String>,
    /// Why it is void.
    pub void_reason: String,
    /// Winners by rank, once revealed.
    pub winners: Vec<SeatView>,
}

/// A draw was committed.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Committed {
    /// Its number in the log.
    pub draw: i64,
    /// All of it.
    pub view: DrawView,
    /// The log right after the commit.
    pub log: Checkpoint,
    /// Log code to compare: 24 letters in groups of four.
    pub code: String,
}

/// Close one source. Values are taken once and never as drafts.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EntropyRequest {
    /// Number of the source, from 0, in the order of the commit.
    #[schema(minimum = 0, maximum = 3)]
    pub i: i64,
    /// `{"rolls":[…]}`, `{"words":[…]}` or `{"signature":…}`; leave out for the audience, whose taps the server counts,
    /// and for a drand round, which the server fetches.
    #[serde(default)]
    pub value: Option<EntropyInput>,
}

/// A value that people made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum EntropyInput {
    /// Dice or digits.
    Dice {
        /// Faces, in order.
        #[schema(max_items = 100)]
        rolls: Vec<i64>,
    },
    /// Words.
    Words {
        /// Words, in order.
        #[schema(max_items = 20)]
        words: Vec<String>,
    },
    /// A beacon of drand, copied from another relay while this server reaches none.
    Drand {
        /// Its signature, 48 bytes, hex.
        #[schema(min_length = 96, max_length = 96)]
        signature: String,
    },
}

/// End a draw without counting it.
#[derive(Debug, Deserialize, ToSchema)]
pub struct VoidRequest {
    /// Why, as people will read it, 1–200 characters (goes to the log's memo).
    #[schema(min_length = 1, max_length = 200)]
    pub reason: String,
}

/// Say something of one winner, or of all who still wait.
#[derive(Debug, Deserialize, ToSchema)]
pub struct SeatRequest {
    /// `present`, `absent`, `declined` or `disqualified`.
    pub status: SeatStatus,
}

/// Replace seats that are set aside.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
pub struct RedrawRequest {
    /// Ranks to replace; all that are set aside when empty.
    #[schema(max_items = 100_000)]
    pub ranks: Vec<i64>,
}

/// A bundle of the draw protocol (§10): feed it to `kaijiang verify` or to any other verifier.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Bundle {
    /// Always `mlot1`.
    pub v: String,
    /// The log's lines, as text, from 0.
    pub log: Vec<String>,
    /// Signed head over all of them.
    pub checkpoint: Checkpoint,
    /// Proofs of the draws.
    pub draws: Vec<DrawProof>,
}

/// What proves one draw beside the log.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct DrawProof {
    /// Number of the draw.
    pub draw: i64,
    /// Path of each winner, in order of choice.
    pub proofs: Vec<Vec<PathStep>>,
    /// The whole pool as `[pid, weight]`, for a full check; left out of large ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pool: Option<Vec<(String, i64)>>,
    /// The taps as `[index, r]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub taps: Option<Vec<(i64, String)>>,
}

/// Lines of the log.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct LogPage {
    /// Number of the first line given.
    pub from: i64,
    /// Lines, as text.
    pub lines: Vec<String>,
    /// Signed head over all lines that exist now.
    pub checkpoint: Checkpoint,
    /// Log code of that head.
    pub code: String,
}

/// Ask for the list of a private audit.
#[derive(Debug, Deserialize, ToSchema)]
pub struct NewAudit {
    /// How many members, chosen by the log's head and `word`; everybody when absent.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 100_000)]
    pub sample: Option<i64>,
    /// A word of the auditor that nobody could know before.
    #[schema(min_length = 4, max_length = 100)]
    pub word: String,
    /// Why, for the audit trail.
    #[schema(min_length = 1, max_length = 200)]
    pub reason: String,
    /// The auditor keeps the list confidential. Must be true.
    pub confidential: bool,
}

/// The list of a private audit.
#[derive(Debug, Serialize, ToSchema)]
pub struct AuditList {
    /// Version of the list.
    pub v: String,
    /// The meeting's log, hex.
    pub event: String,
    /// Lines of the log when the list was made.
    pub size: i64,
    /// Head of the log then, hex.
    pub head: String,
    /// Members then.
    pub members: i64,
    /// The auditor's word.
    pub word: String,
    /// Members in the sample; 0 for everybody.
    pub sample: i64,
    /// The people by index.
    pub people: Vec<AuditEntry>,
}

/// A member behind a pid.
#[derive(Debug, Serialize, ToSchema)]
pub struct AuditEntry {
    /// Place in the pool, from 0.
    pub index: i64,
    /// Scheme and value, for example `wx:…`.
    pub identity: String,
    /// What the phone made, hex.
    pub salt: String,
}

/// Size of a sample.
#[derive(Debug, Serialize, ToSchema)]
pub struct AuditSize {
    /// Members to look at.
    pub people: i64,
}

/// Leaves free seats of a round free, or not any more.
#[derive(Debug, Deserialize, ToSchema)]
pub struct LeaveRequest {
    /// Whether they stay free.
    pub left: bool,
}
