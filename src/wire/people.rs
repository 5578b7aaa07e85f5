//! Roster, imports, binding, the attendee's own page.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{AwardState, Checkpoint, Fen, PacketState, PathStep, Problem, SeatStatus};

/// What an import would do with one row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum RowOutcome {
    /// A new person.
    New,
    /// Known by phone; something changes.
    Update,
    /// Known, nothing changes.
    Same,
    /// Wrong: nothing can be accepted until it is fixed, or skipped on purpose.
    Error,
}

/// The report on one row of an imported file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ImportRow {
    /// Row number as the spreadsheet shows it, from 1.
    pub row: i64,
    /// What would happen.
    pub outcome: RowOutcome,
    /// Name as read.
    pub name: String,
    /// Phone, masked.
    pub phone: String,
    /// Department as read.
    pub department: String,
    /// Stable code of the fault or remark: `phone_missing`, `phone_invalid`, `name_missing`, `name_too_long`,
    /// `duplicate_in_file`, `formula`, `text_too_long` …; empty when there is none.
    pub code: String,
    /// The same in a sentence, in Chinese.
    pub message: String,
}

/// Import the roster of another meeting.
#[derive(Debug, Deserialize, ToSchema)]
pub struct CopyRoster {
    /// Id of the meeting whose people are copied.
    pub from: String,
}

/// Where an import stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ImportStatus {
    /// Reported; nothing stored.
    Reported,
    /// Accepted and stored.
    Accepted,
}

/// What an import would do, or did, row by row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ImportReport {
    /// Id, for `accept`.
    pub id: String,
    /// Name of the file.
    pub file: String,
    /// Reported or accepted.
    pub status: ImportStatus,
    /// Rows with people (blank rows and the header are not counted).
    pub total: i64,
    /// New people.
    pub new: i64,
    /// Changed people.
    pub update: i64,
    /// Unchanged people.
    pub same: i64,
    /// Faulty rows.
    pub errors: i64,
    /// Blank rows passed over.
    pub blank: i64,
    /// Every row with people, in order.
    pub rows: Vec<ImportRow>,
}

/// Accept an import.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
pub struct AcceptImport {
    /// Leave faulty rows out; without it a report with faults is refused (422 `import_errors`).
    pub skip_errors: bool,
}

/// A person on the roster.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct PersonView {
    /// Id.
    pub id: String,
    /// Name.
    pub name: String,
    /// Phone, masked.
    pub phone: String,
    /// Department.
    pub department: String,
    /// Staff number.
    pub staff_no: String,
    /// Group.
    pub group: String,
    /// Tickets in the drum: 0 to 1,000,000, normally 1.
    pub weight: i64,
    /// Bound to an openid now.
    pub bound: bool,
    /// Their number in the pool (index + 1), once bound.
    pub no: Option<i64>,
    /// Was seen in the hall.
    pub checked_in: bool,
    /// Photo, see `PictureView`; absent when there is none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schema(max_length = 32)]
    pub photo: String,
    /// Registered by themselves and waits to be accepted, without tickets.
    #[serde(default)]
    pub waiting: bool,
    /// For the next edit.
    pub version: i64,
}

/// A page of the roster.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct PeoplePage {
    /// People, by name.
    pub people: Vec<PersonView>,
    /// All that match.
    pub total: i64,
    /// For the next page's `after`, when there is one.
    pub next: Option<String>,
}

/// Add or change a person.
#[derive(Debug, Deserialize, ToSchema)]
pub struct EditPerson {
    /// The version that was seen; leave out when adding.
    #[serde(default)]
    pub version: Option<i64>,
    /// Name, 1–60 characters.
    #[schema(min_length = 1, max_length = 60)]
    pub name: String,
    /// Phone number; leave out to keep it.
    #[serde(default)]
    #[schema(max_length = 32)]
    pub phone: Option<String>,
    /// Department, at most 60 characters.
    #[serde(default)]
    #[schema(max_length = 60)]
    pub department: String,
    /// Staff number, at most 32 characters.
    #[serde(default)]
    #[schema(max_length = 32)]
    pub staff_no: String,
    /// Group, at most 60 characters.
    #[serde(default)]
    #[schema(max_length = 60)]
    pub group: String,
    /// Tickets; 1 when absent.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 1_000_000)]
    pub weight: Option<i64>,
}

/// Ask for an SMS code.
#[derive(Debug, Deserialize, ToSchema)]
pub struct CodeRequest {
    /// Phone number: 11 digits of the mainland, or +country number.
    #[schema(max_length = 32, example = "13800138000")]
    pub phone: String,
    /// Consent to the use of name and phone; must be true.
    pub consent: bool,
}

/// The code is on its way (also said to a phone that is not on the roster).
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct CodeSent {
    /// When another code may be asked for, ms.
    pub again_at: i64,
    /// When this code ends, ms.
    pub expires_at: i64,
}

/// Bind the phone.
#[derive(Debug, Deserialize, ToSchema)]
pub struct BindRequest {
    /// The same phone number.
    #[schema(max_length = 32)]
    pub phone: String,
    /// The 6 digits.
    #[schema(min_length = 6, max_length = 6, pattern = "^[0-9]{6}$")]
    pub code: String,
    /// 32 random bytes in hex, made on the phone and kept there (draw protocol §4).
    #[schema(min_length = 64, max_length = 64, pattern = "^[0-9a-f]{64}$")]
    pub salt: String,
    /// Version of the text that the phone showed (`GET /api/consent`); the one in force when it is not named.
    #[serde(default)]
    #[schema(max_length = 32)]
    pub consent: Option<String>,
    /// The own name, where the meeting lets people register and the phone is not on the roster: 422 `name_needed` without
    /// it, and the same code is good for the second try.
    #[serde(default)]
    #[schema(max_length = 60)]
    pub name: Option<String>,
}

/// A signed receipt: this index and pid were in the pool when the log had `size` lines (draw protocol §4).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Receipt {
    /// Lines in the log at that moment.
    pub size: i64,
    /// Ed25519 signature, hex.
    pub sig: String,
}

/// My place in the pool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MyPlace {
    /// Index in the pool, from 0; shown as No. index + 1.
    pub index: i64,
    /// Pool id, hex.
    pub pid: String,
    /// The salt that I sent.
    pub salt: String,
    /// The identity that is hashed with it (`wx:` and my openid).
    pub identity: String,
    /// The server's promise.
    pub receipt: Receipt,
}

/// What the attendee has to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Step {
    /// Follow the account first.
    Follow,
    /// Bind the phone.
    Bind,
    /// Registered and bound, without tickets until staff accept it.
    Waiting,
    /// In the pool.
    In,
}

/// Something that I won.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MyWin {
    /// Number of the draw.
    pub draw: i64,
    /// Rank.
    pub rank: i64,
    /// Prize name.
    pub prize: String,
    /// What is handed out, when goods.
    pub goods: String,
    /// Cash in fen.
    pub amount_fen: Fen,
    /// What the host said of me.
    pub status: SeatStatus,
    /// The code to show when collecting goods; empty for cash only.
    pub claim_code: String,
    /// When the goods were handed out, ms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handed_at: Option<i64>,
    /// State of the cash award.
    pub cash: Option<AwardState>,
    /// State of its packet.
    pub packet: Option<PacketState>,
    /// Open the packet before this moment, ms, once it was sent.
    pub open_by: Option<i64>,
    /// What happens next, in Chinese.
    pub story: String,
}

/// A transfer that waits for me: it is paid when I confirm it in WeChat. Goes to nobody else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MyConfirm {
    /// Number of the draw; 0 when it comes from none.
    pub draw: i64,
    /// Rank in that draw.
    pub rank: i64,
    /// A test packet before the evening.
    pub trial: bool,
    /// Fen.
    pub amount_fen: Fen,
    /// Confirm before this moment, ms; 0 when not known.
    pub until: i64,
    /// `mchId` of `requestMerchantTransfer`.
    pub mch_id: String,
    /// `appId` of it.
    pub app_id: String,
    /// `package` of it.
    pub package: String,
    /// Where to confirm instead: only with the sandbox as the payer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<String>,
}

/// The attendee's own page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Me {
    /// What to do next.
    pub step: Step,
    /// My name on the roster, once bound.
    pub name: String,
    /// My phone, masked, once bound.
    pub phone: String,
    /// My place in the pool, once bound.
    pub place: Option<MyPlace>,
    /// I was seen in the hall; counts where the meeting's `checkin` is on.
    #[serde(default)]
    pub checked_in: bool,
    /// What I won, newest first.
    pub wins: Vec<MyWin>,
    /// What waits for me to confirm it in WeChat, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub confirm: Vec<MyConfirm>,
    /// The open draw into which I have tapped, if any.
    pub tapped: Option<i64>,
    /// Why the code that I asked for last may not come: `unavailable` while nothing can be sent, `code_late` when it should
    /// have come by now. The same for invited numbers and others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code_problem: Option<Problem>,
    /// Why my registration was not accepted; I may register again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

/// I am in.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Bound {
    /// My name on the roster.
    pub name: String,
    /// My place in the pool.
    pub place: MyPlace,
    /// The log at that moment, to be kept on the phone.
    pub log: Checkpoint,
    /// Without tickets until staff accept my registration.
    #[serde(default)]
    pub waiting: bool,
}

/// Add my randomness to the open draw.
#[derive(Debug, Deserialize, ToSchema)]
pub struct TapRequest {
    /// Number of the draw.
    #[schema(minimum = 1)]
    pub draw: i64,
    /// 32 random bytes in hex, made after the commit was seen.
    #[schema(min_length = 64, max_length = 64, pattern = "^[0-9a-f]{64}$")]
    pub r: String,
}

/// My own path in the pool of a draw (draw protocol §5).
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct MyProof {
    /// Number of the draw.
    pub draw: i64,
    /// My index.
    pub index: i64,
    /// My tickets in this draw.
    pub w: i64,
    /// First of my tickets.
    pub start: i64,
    /// Siblings from the leaf up.
    pub path: Vec<PathStep>,
    /// My tap among all taps, once they are closed; absent when none of mine was taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tap: Option<MyTap>,
}

/// Where my tap went into the randomness (draw protocol §7).
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct MyTap {
    /// Place among all taps, from 0.
    pub place: i64,
    /// What my phone sent, hex.
    pub r: String,
    /// Siblings from my tap up to the logged root, hex.
    pub path: Vec<String>,
}
