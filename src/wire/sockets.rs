//! Socket messages: `/ws/{meeting}?role=screen|attendee|control&after={seq}`.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Checkpoint, DrawState, DrawView, Me, MeetingView, PrizeView, RoundView, SeatView, Show};

/// One socket message: `{"seq":n,"at":ms,"type":"…","data":{…}}`.
///
/// Messages with `seq` are the meeting's events: `seq` rises by one per event, all sockets get the same ones in the
/// same order. A client that sees a gap reconnects with `after`. Messages without `seq` are not repeated.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Message {
    /// Number of the event; absent on `snapshot`'s companions `counts`, `taps`, `me`, `tick`, `bye`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seq: Option<i64>,
    /// The server's clock, ms.
    pub at: i64,
    /// What it is and its data.
    #[serde(flatten)]
    pub body: Body,
}

/// All messages by `type`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", content = "data")]
pub enum Body {
    /// First message of a socket: everything, as of event `seq`.
    #[serde(rename = "snapshot")]
    Snapshot(Box<Snapshot>),
    /// The meeting changed.
    #[serde(rename = "meeting")]
    Meeting(MeetingView),
    /// The list of prizes changed.
    #[serde(rename = "prizes")]
    Prizes(Vec<PrizeView>),
    /// The list of rounds changed.
    #[serde(rename = "rounds")]
    Rounds(Vec<RoundView>),
    /// A draw was committed, an entropy value closed, a result logged, or it ended void: the whole draw anew.
    #[serde(rename = "draw")]
    Draw(Box<DrawEvent>),
    /// Without `seq`, only to sockets with `sealed=true`: the winners of a draw whose sources are all closed, sealed.
    #[serde(rename = "sealed")]
    Sealed(SealedWinners),
    /// In place of a `draw`, only to sockets that were sent its winners sealed: all but the winners, and the key.
    #[serde(rename = "opened")]
    Opened(Box<OpenedEvent>),
    /// Some seats of a draw changed: confirmed, set aside, replaced, packet moved.
    #[serde(rename = "seats")]
    Seats(SeatsEvent),
    /// The host chose what the screen shows.
    #[serde(rename = "scene")]
    Scene(Scene),
    /// The host chose how the screen looks and sounds.
    #[serde(rename = "show")]
    Show(Show),
    /// Without `seq`: how many are here. At most five a second.
    #[serde(rename = "counts")]
    Counts(Counts),
    /// Without `seq`: people who just came in, for the sign-in wall. At most five a second, 50 each.
    #[serde(rename = "entered")]
    Entered(Entered),
    /// Without `seq`: taps into the open draw so far.
    #[serde(rename = "taps")]
    Taps(Taps),
    /// Without `seq`, only to one person's sockets: their own page changed (also right after the snapshot).
    #[serde(rename = "me")]
    Me(Box<Me>),
    /// Without `seq`, only to control pages: who else has one open, also right after the snapshot.
    #[serde(rename = "desk")]
    Desk(DeskStaff),
    /// Without `seq` and `data`: nothing else was said to the whole room for ten seconds. Who hears nothing for 25 s
    /// connects again: the network, or the server, is gone without a word.
    #[serde(rename = "tick")]
    Tick,
    /// Without `seq`: the server is going down; come back after a random part of `within_ms`.
    #[serde(rename = "bye")]
    Bye(Bye),
}

/// Everything that a page needs to draw itself.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Snapshot {
    /// The meeting.
    pub meeting: MeetingView,
    /// Prizes by order.
    pub prizes: Vec<PrizeView>,
    /// Rounds by order.
    pub rounds: Vec<RoundView>,
    /// All draws by number.
    pub draws: Vec<DrawView>,
    /// Signed head of the log.
    pub log: Checkpoint,
    /// Its log code.
    pub code: String,
    /// What the screen shows.
    pub scene: Scene,
    /// How the screen looks and sounds.
    pub show: Show,
    /// How many are here.
    pub counts: Counts,
    /// Where phones open pages, without a path: what a code on the wall says.
    pub home: String,
    /// The last people who came in, newest last, at most 200.
    pub recent: Vec<PersonCard>,
}

/// A draw changed.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct DrawEvent {
    /// The draw anew.
    pub draw: DrawView,
    /// Signed head of the log after the line that did it.
    pub log: Checkpoint,
    /// Its log code.
    pub code: String,
}

/// The winners of a draw before the moment in which they are told: slow phones have them by then, and nobody can read
/// them. A draw that ends void is never opened.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct SealedWinners {
    /// Number of the draw.
    pub draw: i64,
    /// Names what is sealed: only an `opened` of the same id opens it. 16 hex digits.
    pub id: String,
    /// Base64 of ChaCha20-Poly1305 (RFC 8439; nonce of zeros, nothing added) over the JSON of `winners` and blanks.
    pub text: String,
}

/// A draw has its result.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct OpenedEvent {
    /// The draw anew, with an empty list of winners.
    pub draw: DrawView,
    /// Signed head of the log after the result.
    pub log: Checkpoint,
    /// Its log code.
    pub code: String,
    /// Names what it opens.
    pub id: String,
    /// The key, 32 bytes, hex.
    pub key: String,
}

/// Seats changed.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct SeatsEvent {
    /// Number of the draw.
    pub draw: i64,
    /// State of the draw.
    pub state: DrawState,
    /// The changed seats.
    pub seats: Vec<SeatView>,
    /// Signed head of the log.
    pub log: Checkpoint,
    /// Its log code.
    pub code: String,
}

/// What the screen shows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Scene {
    /// `lobby`, `checkin`, `ready` (with `round_id`), `draw` (with `draw`), `summary` or `pause` (with `text`
    /// and `picture`).
    #[schema(max_length = 16)]
    pub name: String,
    /// The round that comes next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub round_id: Option<String>,
    /// The draw that is shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub draw: Option<i64>,
    /// Text of a pause, at most 80 characters.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schema(max_length = 80)]
    pub text: String,
    /// Picture of a pause, see `PictureView`; absent when there is none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schema(max_length = 32)]
    pub picture: String,
}

/// How many are here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Counts {
    /// People on the roster.
    pub invited: i64,
    /// People bound.
    pub bound: i64,
    /// People who are bound without tickets until staff accept their registration; not among those bound.
    #[serde(default)]
    pub waiting: i64,
    /// Of those bound, present: seen in the hall, where the meeting's `checkin` is on.
    pub present: i64,
    /// Sockets that are open on all servers, phones and screens.
    pub viewers: i64,
}

/// One person on the sign-in wall.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PersonCard {
    /// Number in the pool (index + 1).
    pub no: i64,
    /// Name.
    pub name: String,
    /// Department.
    pub department: String,
}

/// People came in.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Entered {
    /// Who.
    pub people: Vec<PersonCard>,
}

/// Taps so far.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
pub struct Taps {
    /// Number of the draw.
    pub draw: i64,
    /// Taps.
    pub m: i64,
}

/// Who has a control page of the meeting open.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeskStaff {
    /// Each member of staff once, who came first stands first.
    pub people: Vec<DeskPerson>,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeskPerson {
    /// User name.
    pub user: String,
    /// Since when, ms.
    pub since: i64,
}

/// Good-bye.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
pub struct Bye {
    /// Come back after a random part of this, ms.
    pub within_ms: i64,
}

/// A pairing code for a screen, shown on the control page and typed on the screen once.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Pairing {
    /// Eight digits.
    pub code: String,
    /// When it ends, ms.
    pub expires_at: i64,
}

/// Type the code on the screen.
#[derive(Debug, Deserialize, ToSchema)]
pub struct PairRequest {
    /// The digits.
    #[schema(min_length = 8, max_length = 16)]
    pub code: String,
}

/// The screen's ticket: also set as a cookie; programs send it as `Authorization: Bearer`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Ticket {
    /// Opens `role=screen` sockets of this meeting.
    pub ticket: String,
}
