//! Meetings, prizes and rounds.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{BindBy, Fen, NotifySettings, Registration};

/// Whether a meeting runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum MeetingStatus {
    /// Its log is open: people bind, draws are made.
    Open,
    /// Its log is closed: only payments go on.
    Closed,
}

/// What the host may set for a meeting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MeetingSettings {
    /// Pay only openids that follow the account.
    pub require_follow: bool,
    /// Least time from the commit to its randomness, and (4,800 at most) from the result to confirmations, in ms (5,000).
    #[schema(minimum = 0, maximum = 600_000)]
    pub commit_show_ms: i64,
    /// Draws below this level are refused: `A0` … `A3`.
    #[schema(max_length = 2)]
    pub min_level: String,
    /// Sender's name on the packet, at most 31 bytes of UTF-8 (10 Chinese characters).
    #[schema(max_length = 31)]
    pub send_name: String,
    /// Name of the activity on the packet, at most 31 bytes of UTF-8.
    #[schema(max_length = 31)]
    pub act_name: String,
    /// Wish on the packet, at most 127 bytes of UTF-8.
    #[schema(max_length = 127)]
    pub wishing: String,
    /// Winners confirm themselves after this many seconds when a round's `confirm` is `auto`.
    #[schema(minimum = 0, maximum = 3600)]
    pub auto_confirm_s: i64,
    /// Messages of the service account to winners.
    pub notify: NotifySettings,
    /// Budgets, reissues and every resolution by hand need a second person of finance; only the owner turns it off.
    pub four_eyes: bool,
    /// How people prove who they are when they bind.
    pub bind_by: BindBy,
    /// Who may come in: only those on the roster, or whoever has a phone. Counts with `bind_by` = `sms`.
    pub registration: Registration,
    /// People that are expected where registration is not closed: at most twice as many SMS are sent.
    #[schema(minimum = 1, maximum = 100_000)]
    pub expected_people: i64,
    /// Only people who were seen in the hall, by the changing code on the screen or by hand, can be drawn.
    pub checkin: bool,
}

impl Default for MeetingSettings {
    fn default() -> Self {
        Self {
            require_follow: true,
            commit_show_ms: 5_000,
            min_level: "A1".into(),
            send_name: "开奖".into(),
            act_name: "年会抽奖".into(),
            wishing: "恭喜中奖，祝您好运！".into(),
            auto_confirm_s: 30,
            notify: NotifySettings::default(),
            four_eyes: false,
            bind_by: BindBy::Sms,
            registration: Registration::Closed,
            expected_people: 300,
            checkin: false,
        }
    }
}

/// A new meeting.
#[derive(Debug, Deserialize, ToSchema)]
pub struct NewMeeting {
    /// Name as people see it, 1–60 characters.
    #[schema(min_length = 1, max_length = 60)]
    pub name: String,
    /// Settings; absent ones take their defaults.
    #[serde(default)]
    pub settings: MeetingSettings,
    /// Make a rehearsal of this meeting: its prizes and rounds, made-up people, no payment ever.
    #[serde(default)]
    pub rehearsal_of: Option<String>,
    /// Begin with the settings, prizes, rounds and look of this meeting, in place of `settings`. No people, no money:
    /// its roster can be imported (`imports/copy`), budgets are approved anew.
    #[serde(default)]
    pub copy_of: Option<String>,
}

/// Change a meeting.
#[derive(Debug, Deserialize, ToSchema)]
pub struct EditMeeting {
    /// The version that was seen; another one gives 409 `stale`.
    pub version: i64,
    /// New name.
    #[schema(min_length = 1, max_length = 60)]
    pub name: String,
    /// All settings.
    pub settings: MeetingSettings,
}

/// A meeting as everybody may see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MeetingView {
    /// Id, as in the addresses of its pages.
    pub id: String,
    /// Name.
    pub name: String,
    /// A rehearsal never pays and is marked as such for ever.
    pub rehearsal: bool,
    /// Open or closed.
    pub status: MeetingStatus,
    /// The draw protocol's name of the meeting: 16 bytes in hex. Phones pin it.
    pub event: String,
    /// The log's public key, hex. Phones pin it.
    pub key: String,
    /// Settings.
    pub settings: MeetingSettings,
    /// When it was made, ms.
    pub created_at: i64,
    /// For the next edit.
    pub version: i64,
}

/// What a prize is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum PrizeKind {
    /// A red packet.
    Cash,
    /// A thing, handed out against the winner's code.
    Goods,
    /// Both.
    Both,
}

/// A new prize.
#[derive(Debug, Deserialize, ToSchema)]
pub struct NewPrize {
    /// Name as people see it, 1–40 characters, such as 一等奖.
    #[schema(min_length = 1, max_length = 40)]
    pub name: String,
    /// Its name in the draw log, 1–64 of `[A-Za-z0-9._-]`; made from its order (`p1`, `p2` …) when absent.
    #[serde(default)]
    #[schema(max_length = 64, pattern = "^[A-Za-z0-9._-]*$")]
    pub code: Option<String>,
    /// Cash, goods or both.
    pub kind: PrizeKind,
    /// What is handed out, when goods, at most 80 characters.
    #[serde(default)]
    #[schema(max_length = 80)]
    pub goods: String,
    /// Picture, see `PictureView`.
    #[serde(default)]
    #[schema(max_length = 32)]
    pub picture: String,
}

/// Change a prize.
#[derive(Debug, Deserialize, ToSchema)]
pub struct EditPrize {
    /// The version that was seen.
    pub version: i64,
    /// New name.
    #[schema(min_length = 1, max_length = 40)]
    pub name: String,
    /// What is handed out.
    #[serde(default)]
    #[schema(max_length = 80)]
    pub goods: String,
    /// Picture, see `PictureView`; empty takes it away, absent leaves it as it is.
    #[serde(default)]
    #[schema(max_length = 32)]
    pub picture: Option<String>,
    /// Place in the list, from 0.
    #[schema(minimum = 0, maximum = 10_000)]
    pub ord: i64,
}

/// A prize.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PrizeView {
    /// Id.
    pub id: String,
    /// Name as people see it.
    pub name: String,
    /// Name in the draw log.
    pub code: String,
    /// Cash, goods or both.
    pub kind: PrizeKind,
    /// What is handed out.
    pub goods: String,
    /// Picture, see `PictureView`; absent when it has none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub picture: String,
    /// Place in the list.
    pub ord: i64,
    /// For the next edit.
    pub version: i64,
}

/// Who can win a round. Empty lists mean everybody who is bound.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Eligible {
    /// Only these departments.
    pub departments: Vec<String>,
    /// Only these groups.
    pub groups: Vec<String>,
}

/// Who is shut out of a round for having won before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Exclude {
    /// Nobody.
    None,
    /// Winners of rounds with the same `group`.
    Group,
    /// All winners of the meeting.
    #[default]
    Event,
}

/// What each winner of a round gets in cash (goods come from the prize).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "mode", rename_all = "lowercase")]
pub enum Award {
    /// No cash.
    #[default]
    None,
    /// The same for each winner.
    Fixed {
        /// Fen for each winner, within the packet's limits (100–20,000 by default).
        fen: Fen,
    },
    /// One sum, divided by chance (拼手气).
    Split {
        /// Fen for all winners together.
        fen: Fen,
        /// Least part of one winner, in fen.
        min_fen: Fen,
    },
}

/// One source of public randomness, as in the draw protocol (`s` names it).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "s", rename_all = "lowercase", deny_unknown_fields)]
pub enum Source {
    /// Taps on phones.
    Audience {},
    /// Dice or called-out digits: `sides` = 10 means the digits 0–9.
    Dice {
        /// Sides, 2–100.
        #[schema(minimum = 2, maximum = 100)]
        sides: i64,
        /// Number of rolls, 1–100.
        #[schema(minimum = 1, maximum = 100)]
        count: i64,
    },
    /// Words called out.
    Words {
        /// Number of words, 1–20.
        #[schema(minimum = 1, maximum = 20)]
        count: i64,
    },
    /// A round of drand's quicknet, made by nobody here: `{"s":"drand"}` in a round, which gets its number at the commit.
    Drand {
        /// Hash of the chain, hex; empty before the commit.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        chain: String,
        /// Number of the beacon's round, due (1692803367 + 3 (round − 1)) s UTC; 0 before the commit.
        #[serde(default)]
        #[schema(minimum = 0)]
        round: i64,
    },
}

/// How seats of a round are confirmed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Confirm {
    /// The host says who is present.
    #[default]
    Host,
    /// Everybody counts as present after the meeting's `auto_confirm_s`.
    Auto,
}

/// Where a round stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum RoundStatus {
    /// Can be drawn.
    Ready,
    /// A draw is committed and not yet revealed.
    Drawing,
    /// Its winners are known.
    Drawn,
}

/// A new round: a prize, k winners, who can win, how much.
#[derive(Debug, Deserialize, ToSchema)]
pub struct NewRound {
    /// Prize.
    pub prize_id: String,
    /// Name as people see it; the prize's name when absent.
    #[serde(default)]
    #[schema(max_length = 60)]
    pub name: Option<String>,
    /// Winners, 1–100,000.
    #[schema(minimum = 1, maximum = 100_000)]
    pub seats: i64,
    /// Who is shut out for having won before.
    #[serde(default)]
    pub exclude: Exclude,
    /// Group for `exclude` = `group`, 1–64 of `[A-Za-z0-9._-]`.
    #[serde(default)]
    #[schema(max_length = 64, pattern = "^[A-Za-z0-9._-]*$")]
    pub group: String,
    /// Who can win.
    #[serde(default)]
    pub eligible: Eligible,
    /// Cash for each winner.
    #[serde(default)]
    pub award: Award,
    /// Public randomness in the order audience, dice, words; audience and 12 ten-sided dice when absent.
    #[serde(default)]
    #[schema(max_items = 3)]
    pub sources: Option<Vec<Source>>,
    /// Who confirms winners.
    #[serde(default)]
    pub confirm: Confirm,
    /// Place in the list; the end when absent.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 10_000)]
    pub ord: Option<i64>,
}

/// Change a round that was not drawn yet.
#[derive(Debug, Deserialize, ToSchema)]
pub struct EditRound {
    /// The version that was seen.
    pub version: i64,
    /// All fields anew.
    #[serde(flatten)]
    pub round: NewRound,
}

/// A round.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RoundView {
    /// Id.
    pub id: String,
    /// Prize.
    pub prize_id: String,
    /// Name as people see it.
    pub name: String,
    /// Winners.
    pub seats: i64,
    /// Who is shut out.
    pub exclude: Exclude,
    /// Group for `exclude` = `group`.
    pub group: String,
    /// Who can win.
    pub eligible: Eligible,
    /// Cash for each winner.
    pub award: Award,
    /// What the round can cost in cash, fen.
    pub cost_fen: Fen,
    /// Public randomness.
    pub sources: Vec<Source>,
    /// Who confirms winners.
    pub confirm: Confirm,
    /// Place in the list.
    pub ord: i64,
    /// Where it stands.
    pub status: RoundStatus,
    /// Number of its live main draw, if any.
    pub draw: Option<i64>,
    /// The host leaves the seats free whose holders were set aside: nobody is asked about a redraw any more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub left: bool,
    /// For the next edit.
    pub version: i64,
}
