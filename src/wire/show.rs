//! How the hall's screen looks and sounds, and whose names it moves.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How names move before the winners stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ShowStyle {
    /// A globe of names.
    #[default]
    Sphere,
    /// Rows of names that run across.
    Scroll,
    /// Reels that stop one after another.
    Slot,
    /// A wall of cards that turn over.
    Cards,
}

/// Colours and background.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ShowTheme {
    /// Red and gold.
    #[default]
    Red,
    /// Night blue.
    Night,
    /// Jade green.
    Jade,
    /// Violet.
    Violet,
    /// Black and gold.
    Black,
    /// Ivory with red: for bright halls.
    Ivory,
}

/// What is played.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ShowMusic {
    /// Nothing.
    #[default]
    Off,
    /// Drums and plucked strings.
    Festive,
    /// Electronic.
    Modern,
}

/// When music is played.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ShowPhase {
    /// Sign-in, pause, list of winners.
    Calm,
    /// A round is announced.
    Ready,
    /// The pool is locked, randomness is made.
    Wait,
    /// Names move.
    Roll,
    /// The winners stand.
    Joy,
}

/// How the screen looks and sounds. A write names the version that it saw.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Show {
    /// How names move.
    pub style: ShowStyle,
    /// Colours and background.
    pub theme: ShowTheme,
    /// What is played.
    pub music: ShowMusic,
    /// How loud, percent.
    #[schema(minimum = 0, maximum = 100)]
    pub volume: i64,
    /// Text of the logo beside the meeting's name, at most 20 characters; may be empty.
    #[schema(max_length = 20)]
    pub logo: String,
    /// Picture in place of the logo's text, see `PictureView`; absent when there is none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schema(max_length = 32)]
    pub logo_picture: String,
    /// Picture behind everything, likewise.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schema(max_length = 32)]
    pub background: String,
    /// Music of the host by phase, in place of `music`: ids of `TrackView` by `calm`, `ready`, `wait`, `roll`, `joy`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tracks: BTreeMap<ShowPhase, String>,
    /// Styles of single prizes by the prize's `code`; the others take `style`.
    #[serde(default)]
    pub prizes: BTreeMap<String, ShowStyle>,
    /// For the next edit.
    pub version: i64,
}

impl Default for Show {
    fn default() -> Self {
        Self {
            style: ShowStyle::default(),
            theme: ShowTheme::default(),
            music: ShowMusic::default(),
            volume: 60,
            logo: String::new(),
            logo_picture: String::new(),
            background: String::new(),
            tracks: BTreeMap::new(),
            prizes: BTreeMap::new(),
            version: 1,
        }
    }
}

/// Whose names the screen moves.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Wall {
    /// Everybody who can be drawn, by number; at most 10,000.
    pub people: Vec<WallPerson>,
    /// There are more than these.
    pub more: bool,
}

/// One name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WallPerson {
    /// Number in the pool (index + 1).
    pub no: i64,
    /// Name.
    pub name: String,
}
