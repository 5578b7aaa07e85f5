//! Goods, and the list that is signed when they are handed out.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::AwardState;

/// Something to hand out: who, which prize, handed out or not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GoodsView {
    /// Id of the award.
    pub award: String,
    /// Number of the draw.
    pub draw: i64,
    /// Rank.
    pub rank: i64,
    /// Name of the round.
    pub round: String,
    /// Name of the prize.
    pub prize: String,
    /// What is handed out.
    pub goods: String,
    /// Picture of the prize, see `PictureView`; empty when it has none.
    pub picture: String,
    /// Name of the winner.
    pub name: String,
    /// Department.
    pub department: String,
    /// Staff number.
    pub staff_no: String,
    /// Phone, masked.
    pub phone: String,
    /// `payable` can be handed out, `collected` is.
    pub state: AwardState,
    /// When it was handed out, ms.
    pub handed_at: Option<i64>,
    /// User name of who handed it out.
    pub handed_by: Option<String>,
}

/// The list that is signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GoodsList {
    /// Things to hand out, without those that were set aside.
    pub total: i64,
    /// Of them handed out.
    pub handed: i64,
    /// By draw and rank, at most 2,000; the workbook `export?kind=handover` has all.
    pub rows: Vec<GoodsView>,
}
