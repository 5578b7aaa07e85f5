//! Vouchers: campaigns, what people send, how it is judged.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Fen, PacketState};

/// Whether a campaign takes anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum CampaignStatus {
    /// Takes what comes within its period.
    Open,
    /// Takes nothing new; what was sent is still judged and paid.
    Closed,
}

/// One row of a table of amounts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VoucherItem {
    /// What was sold, 1–40 characters.
    #[schema(min_length = 1, max_length = 40)]
    pub name: String,
    /// What it pays, fen.
    pub fen: Fen,
}

/// What an accepted voucher pays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "mode", rename_all = "lowercase", deny_unknown_fields)]
pub enum VoucherAmount {
    /// Always the same.
    Fixed {
        /// Fen.
        fen: Fen,
    },
    /// The person chooses a row.
    Table {
        /// 1–20 rows.
        #[schema(min_items = 1, max_items = 20)]
        rows: Vec<VoucherItem>,
    },
}

/// What a person may be asked to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum VoucherField {
    /// Order number: unique within the campaign.
    OrderNo,
    /// Shop.
    Shop,
    /// What was sold.
    Product,
    /// Anything else.
    Note,
}

/// A field that the phone shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VoucherAsk {
    /// Which.
    pub field: VoucherField,
    /// Nothing can be sent without it.
    pub required: bool,
}

/// Rules of a campaign.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VoucherRules {
    /// What it pays.
    pub amount: VoucherAmount,
    /// Vouchers of one person that wait or were accepted, at most.
    #[schema(minimum = 1, maximum = 1000)]
    pub per_person: i64,
    /// Takes nothing before this moment, ms.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 4_102_444_800_000_i64)]
    pub starts_at: Option<i64>,
    /// Takes nothing from this moment on, ms.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 4_102_444_800_000_i64)]
    pub ends_at: Option<i64>,
    /// What is asked for, in this order.
    #[schema(max_items = 4)]
    pub fields: Vec<VoucherAsk>,
    /// Photos, at least.
    #[schema(minimum = 1, maximum = 9)]
    pub photos_min: i64,
    /// Photos, at most.
    #[schema(minimum = 1, maximum = 9)]
    pub photos_max: i64,
    /// Above this amount a second reviewer has to accept it too.
    #[serde(default)]
    pub second_review_fen: Option<Fen>,
    /// Budget that pays, of purpose `campaign`; without one nothing can be accepted.
    #[serde(default)]
    #[schema(max_length = 64)]
    pub budget_id: Option<String>,
    /// What the phone tells people, at most 500 characters.
    #[serde(default)]
    #[schema(max_length = 500)]
    pub intro: String,
}

/// A new campaign, open at once.
#[derive(Debug, Deserialize, ToSchema)]
pub struct NewVoucherCampaign {
    /// Name, 1–60 characters.
    #[schema(min_length = 1, max_length = 60)]
    pub name: String,
    /// Its rules.
    pub rules: VoucherRules,
}

/// Change a campaign; what was sent before keeps its amount.
#[derive(Debug, Deserialize, ToSchema)]
pub struct EditVoucherCampaign {
    /// The version that was seen.
    pub version: i64,
    /// Name, 1–60 characters.
    #[schema(min_length = 1, max_length = 60)]
    pub name: String,
    /// Open or closed.
    pub status: CampaignStatus,
    /// Its rules.
    pub rules: VoucherRules,
}

/// A campaign.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct VoucherCampaignView {
    /// Id.
    pub id: String,
    /// Name.
    pub name: String,
    /// Open or closed.
    pub status: CampaignStatus,
    /// Its rules.
    pub rules: VoucherRules,
    /// Name of its budget; empty without one.
    pub budget: String,
    /// What that budget has left, fen; 0 while it is not approved.
    pub budget_left_fen: Fen,
    /// When it was made, ms.
    pub created_at: i64,
    /// For the next edit.
    pub version: i64,
}

/// Where a voucher stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum VoucherState {
    /// Being filled in on the phone.
    Draft,
    /// Waits for a reviewer.
    Waiting,
    /// Accepted once, waits for a second reviewer.
    Second,
    /// To be paid, or paid.
    Accepted,
    /// Not accepted; may be changed and sent again.
    Rejected,
}

/// What the person wrote.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct VoucherFields {
    /// Order number.
    #[schema(max_length = 64)]
    pub order_no: String,
    /// Shop.
    #[schema(max_length = 100)]
    pub shop: String,
    /// What was sold.
    #[schema(max_length = 100)]
    pub product: String,
    /// Anything else.
    #[schema(max_length = 200)]
    pub note: String,
}

/// A new draft.
#[derive(Debug, Deserialize, ToSchema)]
pub struct NewVoucher {
    /// Campaign.
    #[schema(min_length = 1, max_length = 64)]
    pub campaign_id: String,
    /// What the person wrote.
    #[serde(default)]
    pub fields: VoucherFields,
    /// Row of the table of amounts, from 0.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 19)]
    pub item: i64,
}

/// Change a draft, or a rejected one before it is sent again.
#[derive(Debug, Deserialize, ToSchema)]
pub struct EditVoucher {
    /// What the person wrote.
    pub fields: VoucherFields,
    /// Row of the table of amounts, from 0.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 19)]
    pub item: i64,
}

/// A photo of a voucher.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VoucherPhoto {
    /// Which, from 1.
    pub n: i64,
    /// Bytes that will come.
    pub size: i64,
    /// Bytes that are here: where the next piece begins.
    pub received: i64,
    /// SHA-256 of the whole file, hex.
    pub sha256: String,
    /// Whole, checked and made anew.
    pub ready: bool,
    /// Pixels.
    pub width: i64,
    /// Pixels.
    pub height: i64,
}

/// A voucher as its sender sees it.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct VoucherView {
    /// Id.
    pub id: String,
    /// Campaign.
    pub campaign_id: String,
    /// Its name.
    pub campaign: String,
    /// Where it stands.
    pub state: VoucherState,
    /// What the person wrote.
    pub fields: VoucherFields,
    /// Row of the table of amounts.
    pub item: i64,
    /// Name of that row; empty when the amount is fixed.
    pub item_name: String,
    /// What it pays when accepted, fen.
    pub amount_fen: Fen,
    /// Why it was rejected.
    pub reason: String,
    /// Its photos.
    pub photos: Vec<VoucherPhoto>,
    /// State of its newest packet.
    pub packet: Option<PacketState>,
    /// Until when a packet can be opened, ms.
    pub open_by: Option<i64>,
    /// What happens next, in Chinese.
    pub story: String,
    /// When it was made, ms.
    pub created_at: i64,
    /// When it was sent last, ms.
    pub sent_at: Option<i64>,
    /// When it was judged last, ms.
    pub decided_at: Option<i64>,
    /// For the next command.
    pub version: i64,
}

/// A campaign as phones see it.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct VoucherOffer {
    /// Id.
    pub id: String,
    /// Name.
    pub name: String,
    /// It takes vouchers now.
    pub open: bool,
    /// Its rules, without budget and second review.
    pub rules: VoucherRules,
    /// How many more this person may send.
    pub left: i64,
}

/// Campaigns of the meeting, and my vouchers, newest first.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct MyVouchers {
    /// Campaigns.
    pub campaigns: Vec<VoucherOffer>,
    /// My vouchers.
    pub vouchers: Vec<VoucherView>,
}
