//! The order of a list.

use serde::Deserialize;
use utoipa::ToSchema;

/// The prizes in a new order.
#[derive(Debug, Deserialize, ToSchema)]
pub struct PrizeOrder {
    /// Ids of all prizes of the meeting, each once.
    #[schema(max_items = 500)]
    pub ids: Vec<String>,
}
