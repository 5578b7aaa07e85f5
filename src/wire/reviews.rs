//! Vouchers as reviewers see and judge them, and their numbers.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Fen, VoucherState, VoucherView};

/// Something that a reviewer should look at: a photo that looks like one of another voucher.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VoucherFlag {
    /// Photo of this voucher.
    pub n: i64,
    /// The other voucher.
    pub voucher_id: String,
    /// Its photo.
    pub other_n: i64,
    /// Bits of 64 that differ.
    pub distance: i64,
    /// The other voucher is of the same person.
    pub own: bool,
}

/// What happened to a voucher.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct VoucherStep {
    /// When, ms.
    pub at: i64,
    /// `sent`, `first` (accepted once), `accepted` or `rejected`.
    pub what: String,
    /// User name of the reviewer; empty: the person.
    pub who: String,
    /// The reason of a rejection.
    pub note: String,
}

/// A voucher as reviewers see it.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ReviewView {
    /// The voucher.
    pub voucher: VoucherView,
    /// Name of the person.
    pub name: String,
    /// Department.
    pub department: String,
    /// Phone, masked.
    pub phone: String,
    /// What was noticed when it was sent.
    pub flags: Vec<VoucherFlag>,
    /// What happened to it, oldest first.
    pub steps: Vec<VoucherStep>,
    /// User name of whoever is judging it; empty when nobody is.
    pub locked_by: String,
    /// Until when, ms.
    pub locked_until: i64,
    /// That is me.
    pub mine: bool,
    /// Vouchers of this person in this campaign that were accepted.
    pub accepted_before: i64,
}

/// Ask for a voucher to judge.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
pub struct NextVoucher {
    /// Only of this campaign.
    #[schema(max_length = 64)]
    pub campaign_id: Option<String>,
    /// Give this one back and take one after it.
    #[schema(max_length = 64)]
    pub skip: Option<String>,
}

/// A voucher to judge, for me alone for a while.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ReviewNext {
    /// The voucher; none when nothing waits for me.
    pub next: Option<ReviewView>,
    /// All that wait.
    pub waiting: i64,
}

/// Accept a voucher as it was seen.
#[derive(Debug, Deserialize, ToSchema)]
pub struct AcceptVoucher {
    /// The version that was seen.
    pub version: i64,
}

/// Reject a voucher as it was seen.
#[derive(Debug, Deserialize, ToSchema)]
pub struct RejectVoucher {
    /// The version that was seen.
    pub version: i64,
    /// What the person is told, 1–200 characters.
    #[schema(min_length = 1, max_length = 200)]
    pub reason: String,
}

/// Vouchers that match, newest first.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct VoucherPage {
    /// This page.
    pub vouchers: Vec<ReviewView>,
    /// All that match.
    pub total: i64,
}

/// How many vouchers are in a state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VoucherCount {
    /// State.
    pub state: VoucherState,
    /// Vouchers.
    pub count: i64,
    /// Their sum, fen.
    pub amount_fen: Fen,
}

/// What one reviewer has judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReviewerCount {
    /// User name.
    pub user: String,
    /// Accepted, first looks included.
    pub accepted: i64,
    /// Rejected.
    pub rejected: i64,
}

/// How often a reason was given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RejectCount {
    /// Reason.
    pub reason: String,
    /// Rejections.
    pub count: i64,
}

/// Numbers of the vouchers of a meeting or campaign.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct VoucherStats {
    /// By state; drafts are left out.
    pub states: Vec<VoucherCount>,
    /// People who sent something.
    pub people: i64,
    /// Paid so far, fen.
    pub paid_fen: Fen,
    /// From sending to the judgement, on average, ms; 0 before the first.
    pub judged_ms: i64,
    /// By reviewer.
    pub reviewers: Vec<ReviewerCount>,
    /// The ten most frequent reasons of rejections.
    pub reasons: Vec<RejectCount>,
}
