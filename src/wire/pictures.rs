//! Pictures of the host.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a picture is for: says how large it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum PictureUse {
    /// Behind everything on the screen: at most 2,560 pixels a side.
    Background,
    /// Beside the meeting's name: at most 800 pixels a side.
    Logo,
    /// A prize: at most 1,280 pixels a side.
    Prize,
}

/// A picture as it was made anew.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PictureView {
    /// Id, 32 hex digits: the picture is at `/api/pictures/{id}`.
    pub id: String,
    /// Pixels.
    pub width: i64,
    /// Pixels.
    pub height: i64,
}

/// Music of the host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TrackView {
    /// Id, 32 hex digits: the music is at `/api/tracks/{id}`.
    pub id: String,
    /// Name of the file.
    pub name: String,
    /// Its size.
    pub bytes: i64,
}
