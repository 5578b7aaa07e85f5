//! The verifier's answer, with the warnings that people have to judge.

use crate::draw::code::Code;
use crate::draw::entropy::{Level, Source};
use crate::draw::line::DrawKind;
use crate::draw::state::{Draw, LogState, Stage};
use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// The answer. Serialises to the JSON of §10.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    /// All checks passed.
    Proved(Box<Proved>),
    /// A check failed: what was shown is not what was committed.
    Disproved(Fault),
    /// The input could not be read.
    Unreadable(Fault),
}

impl Report {
    /// What failed, if anything.
    pub fn fault(&self) -> Option<&Fault> {
        match self {
            Self::Proved(_) => None,
            Self::Disproved(fault) | Self::Unreadable(fault) => Some(fault),
        }
    }
}

impl Serialize for Report {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Proved(proved) => proved.serialize(s),
            Self::Disproved(fault) | Self::Unreadable(fault) => {
                let mut map = s.serialize_map(Some(2))?;
                map.serialize_entry("ok", &false)?;
                map.serialize_entry("error", fault.code.as_str())?;
                map.end()
            }
        }
    }
}

/// What was proved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Proved {
    /// Always true.
    pub ok: bool,
    /// Whether the event was closed.
    pub closed: bool,
    /// Log code of the checkpoint.
    pub code: String,
    /// Level of every draw with a result.
    pub levels: BTreeMap<u64, Level>,
    /// `light` or `full`, with `+taps`, for every draw whose proofs are in the bundle.
    pub checked: BTreeMap<u64, String>,
    /// Sorted.
    pub warnings: Vec<String>,
    /// What this device's own paths show.
    pub me: BTreeMap<u64, Mine>,
}

/// My part in a draw.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mine {
    /// First ticket, and how many.
    pub tickets: (u64, u64),
    /// Ranks won.
    pub won: Vec<u64>,
    /// Whether the rules excluded me from this draw.
    #[serde(skip)]
    pub excluded: bool,
}

/// Where a check failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The file as a whole.
    Bundle,
    /// The local input, a pin or a checkpoint that this device has seen.
    Local,
    /// The bundle's checkpoint.
    Checkpoint,
    /// A line of the log by number, and its type where it is known.
    Line(u64, &'static str),
    /// The proofs of a draw.
    Draw(u64),
    /// The local input about my own person.
    Me,
}

/// The check that failed first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// Which check.
    pub code: Code,
    /// Where.
    pub place: Place,
}

impl fmt::Display for Fault {
    /// The exact step as a Chinese sentence, with the code.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place {
            Place::Bundle => f.write_str("凭据文件")?,
            Place::Local => f.write_str("本机记录")?,
            Place::Checkpoint => f.write_str("检查点")?,
            Place::Line(seq, "") => write!(f, "日志第 {seq} 行")?,
            Place::Line(seq, kind) => write!(f, "日志第 {seq} 行({kind})")?,
            Place::Draw(draw) => write!(f, "第 {draw} 次抽奖的证明")?,
            Place::Me => f.write_str("本人记录")?,
        }
        write!(f, ":{}({})", self.code.sentence(), self.code)
    }
}

impl Fault {
    /// The exact step in English, with the code.
    pub fn english(&self) -> String {
        let place = match self.place {
            Place::Bundle => "the bundle".to_owned(),
            Place::Local => "what this device remembers".to_owned(),
            Place::Checkpoint => "the checkpoint".to_owned(),
            Place::Line(seq, "") => format!("log line {seq}"),
            Place::Line(seq, kind) => format!("log line {seq} ({kind})"),
            Place::Draw(draw) => format!("the proofs of draw {draw}"),
            Place::Me => "my own record".to_owned(),
        };
        format!("{place}: {} ({})", self.code.english(), self.code)
    }
}

/// Puts the report together. `seen` are the sizes of valid checkpoints this device has seen.
pub(super) fn proved(
    state: &LogState,
    seen: &[u64],
    checked: BTreeMap<u64, String>,
    me: BTreeMap<u64, Mine>,
    code: String,
) -> Proved {
    let done = state.draws().filter(|draw| draw.result.is_some());
    let levels = done.map(|draw| (draw.commit.draw, draw.level())).collect();
    let mut warnings = BTreeSet::new();
    for draw in state.draws() {
        warn_draw(state, draw, seen, &mut warnings);
    }
    for (draw, mine) in &me {
        if mine.tickets.1 == 0 && !mine.excluded {
            warnings.insert(format!("W_ME_ZERO:{draw}"));
        }
    }
    let warnings = warnings.into_iter().collect();
    Proved { ok: true, closed: state.is_closed(), code, levels, checked, warnings, me }
}

fn warn_draw(state: &LogState, draw: &Draw, seen: &[u64], warnings: &mut BTreeSet<String>) {
    let (number, rule) = (draw.commit.draw, &draw.commit.rule);
    let words = rule.entropy.iter().any(|source| matches!(source, Source::Words { .. }));
    let drand = rule.entropy.iter().any(|source| matches!(source, Source::Drand { .. }));
    let done = draw.result.is_some();
    let weaker = || {
        let parent = state.draw(rule.parent);
        parent.is_some_and(|parent| draw.level() < parent.level())
    };
    let found = [
        ("W_VOID", draw.void.is_some() && !done),
        ("W_VOID_RESULT", draw.void.is_some() && done),
        ("W_VOID_PAID", draw.void_paid),
        ("W_TEST", rule.kind == DrawKind::Test),
        ("W_WEIGHTED", draw.commit.pool.max > 1),
        ("W_WEAKER", done && rule.kind == DrawKind::Redraw && weaker()),
        ("W_WORDS", done && words),
        ("W_DRAND_UNVERIFIED", done && drand && !crate::draw::drand::VERIFIED),
        ("W_STALLED", draw.stage() == Stage::Due),
        ("W_OPEN", matches!(draw.stage(), Stage::Entropy(_))),
        ("W_UNWITNESSED", !is_witnessed(draw, seen)),
    ];
    let found = found.into_iter().filter(|(_, warn)| *warn);
    warnings.extend(found.map(|(name, _)| format!("{name}:{number}")));
    for (winner, seat) in draw.winners().iter().zip(&draw.seats) {
        if seat.was_set_aside {
            warnings.insert(format!("W_ABSENT:{number}:{}", winner.rank));
        }
    }
}

/// Whether this device has a checkpoint from between the deciding randomness and the draw's line before it.
/// A draw without a result needs none.
fn is_witnessed(draw: &Draw, seen: &[u64]) -> bool {
    let Some((result, _)) = draw.result else { return true };
    let own: Vec<u64> = std::iter::once(draw.seq).chain(draw.values.iter().map(|(seq, _)| *seq)).collect();
    let (before, deciding) = match own.as_slice() {
        [.., before, last] => (*before, *last),
        _ => (draw.seq, result),
    };
    seen.iter().any(|size| before < *size && *size <= deciding)
}
