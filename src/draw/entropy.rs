//! Public randomness: sources, their values, what enters the seed, and the level of a draw (§7).

use super::canon::Value as Json;
use super::drand;
use super::hash::{DrandSig, Hash32, Hex, h, sha256};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The only drand chain of the protocol: quicknet.
pub const QUICKNET: &str = "52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971";
/// Possible outcomes of dice from which a draw has level A2.
const STRONG_DICE: u128 = 1_000_000_000_000;
/// Words from which a draw has level A2.
const STRONG_WORDS: u64 = 3;

/// A kind of public randomness, fixed in the commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "s", rename_all = "lowercase", deny_unknown_fields)]
pub enum Source {
    /// Taps on phones.
    Audience,
    /// Dice or digits made in public: faces 0–9 when `sides` is 10, else 1…sides.
    Dice {
        /// 2 … 100.
        sides: u64,
        /// Rolls, 1 … 100.
        count: u64,
    },
    /// Words said in public.
    Words {
        /// 1 … 20.
        count: u64,
    },
    /// A round of drand's quicknet that lies in the future.
    Drand {
        /// Hash of the chain: [`QUICKNET`].
        chain: Hash32,
        /// Round number from 1.
        round: u64,
    },
}

/// What a source gave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub enum Value {
    /// Number of taps and the Merkle root over them.
    Audience {
        /// Taps.
        m: u64,
        /// Root of the tap tree; zero exactly when `m` is 0.
        root: Hash32,
    },
    /// Faces in the order of the rolls.
    Dice {
        /// One face per roll.
        rolls: Vec<u64>,
    },
    /// Words in the order they were said.
    Words {
        /// Each 1–32 characters of `0-9a-z` or U+4E00–U+9FFF.
        words: Vec<String>,
    },
    /// A drand beacon.
    Drand {
        /// SHA-256 of the signature.
        randomness: Hash32,
        /// The beacon's signature, not verified here.
        signature: DrandSig,
    },
}

/// How much the operator could still have done (§2). Ordered: A0 is the weakest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum Level {
    /// No public randomness that counts: the operator could have influenced the draw.
    A0,
    /// Taps only: the operator could have influenced the draw at the last moment.
    A1,
    /// Strong dice or words, made in public view after the commit.
    A2,
    /// A verified drand round.
    A3,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::A0 => "A0",
            Self::A1 => "A1",
            Self::A2 => "A2",
            Self::A3 => "A3",
        })
    }
}

impl Source {
    /// The type byte in the seed; also the order in which sources stand in a commit.
    pub fn kind(&self) -> u8 {
        match self {
            Self::Audience => 1,
            Self::Dice { .. } => 2,
            Self::Words { .. } => 3,
            Self::Drand { .. } => 4,
        }
    }

    /// Whether the numbers are in range, for a commit made at `ts` (ms UTC).
    pub fn in_range(&self, ts: u64) -> bool {
        match self {
            Self::Audience => true,
            Self::Dice { sides, count } => (2..=100).contains(sides) && (1..=100).contains(count),
            Self::Words { count } => (1..=20).contains(count),
            Self::Drand { chain, round } => {
                chain.to_string() == QUICKNET && *round >= 1 && drand_due_ms(*round) > u128::from(ts)
            }
        }
    }

    /// Whether the value fits this source in a pool of `n` members.
    pub fn accepts(&self, value: &Value, n: u64) -> bool {
        match (self, value) {
            (Self::Audience, Value::Audience { m, root }) => *m <= n && (*m == 0) == (*root == Hex::ZERO),
            (Self::Dice { sides, count }, Value::Dice { rolls }) => {
                let faces = if *sides == 10 { 0..=9 } else { 1..=*sides };
                has_len(rolls, *count) && rolls.iter().all(|roll| faces.contains(roll))
            }
            (Self::Words { count }, Value::Words { words }) => {
                has_len(words, *count) && words.iter().all(|word| is_word(word))
            }
            (Self::Drand { .. }, Value::Drand { randomness, signature }) => {
                sha256(signature.bytes()) == *randomness
            }
            _ => false,
        }
    }

    /// Whether the value carries the signature that this source asks for; true where it cannot be verified.
    pub fn is_signed(&self, value: &Value) -> bool {
        match (self, value) {
            (Self::Drand { round, .. }, Value::Drand { signature, .. }) => drand::signed(*round, signature),
            _ => true,
        }
    }

    /// The level that this source gives to a draw, once its value is known.
    pub fn level(&self, value: &Value) -> Level {
        match (self, value) {
            (Self::Audience, Value::Audience { m, .. }) if *m >= 1 => Level::A1,
            (Self::Dice { sides, count }, _) if outcomes(*sides, *count) >= STRONG_DICE => Level::A2,
            (Self::Words { count }, _) if *count >= STRONG_WORDS => Level::A2,
            // No log gets here with a beacon that was found wrong.
            (Self::Drand { .. }, _) if drand::VERIFIED => Level::A3,
            _ => Level::A0,
        }
    }

    /// As in a commit line.
    pub(super) fn to_json(&self) -> Json {
        match self {
            Self::Audience => Json::obj([("s", Json::str("audience"))]),
            Self::Dice { sides, count } => Json::obj([
                ("s", Json::str("dice")),
                ("sides", Json::Int(*sides)),
                ("count", Json::Int(*count)),
            ]),
            Self::Words { count } => Json::obj([("s", Json::str("words")), ("count", Json::Int(*count))]),
            Self::Drand { chain, round } => Json::obj([
                ("s", Json::str("drand")),
                ("chain", Json::str(chain)),
                ("round", Json::Int(*round)),
            ]),
        }
    }
}

impl Value {
    /// The bytes that enter the seed.
    pub fn seed_bytes(&self) -> Vec<u8> {
        match self {
            Self::Audience { m, root } => [&m.to_be_bytes()[..], root.bytes()].concat(),
            // Faces are at most 100; a value that does not fit its source never gets here.
            Self::Dice { rolls } => rolls.iter().map(|roll| u8::try_from(*roll).unwrap_or(u8::MAX)).collect(),
            Self::Words { words } => words.join("\n").into_bytes(),
            Self::Drand { randomness, .. } => randomness.bytes().to_vec(),
        }
    }

    /// As in an entropy line.
    pub(super) fn to_json(&self) -> Json {
        match self {
            Self::Audience { m, root } => Json::obj([("m", Json::Int(*m)), ("root", Json::str(root))]),
            Self::Dice { rolls } => {
                Json::obj([("rolls", Json::Arr(rolls.iter().map(|roll| Json::Int(*roll)).collect()))])
            }
            Self::Words { words } => Json::obj([("words", Json::Arr(words.iter().map(Json::str).collect()))]),
            Self::Drand { randomness, signature } => {
                Json::obj([("randomness", Json::str(randomness)), ("signature", Json::str(signature))])
            }
        }
    }
}

/// When a round of quicknet is due, ms UTC.
pub fn drand_due_ms(round: u64) -> u128 {
    (1_692_803_367 + 3 * u128::from(round.saturating_sub(1))) * 1000
}

/// The first round of quicknet that is due at `ms` UTC or later.
pub fn drand_round_from(ms: u64) -> u64 {
    ms.saturating_sub(1_692_803_367_000).div_ceil(3000) + 1
}

/// `sides^count`, saturating.
fn outcomes(sides: u64, count: u64) -> u128 {
    u128::from(sides).saturating_pow(u32::try_from(count).unwrap_or(u32::MAX))
}

fn has_len<T>(items: &[T], count: u64) -> bool {
    u64::try_from(items.len()) == Ok(count)
}

/// 1–32 characters of `0-9a-z` or U+4E00–U+9FFF.
fn is_word(word: &str) -> bool {
    (1..=32).contains(&word.chars().count())
        && word.chars().all(|c| matches!(c, '0'..='9' | 'a'..='z' | '\u{4e00}'..='\u{9fff}'))
}

/// The taps of an audience: a Merkle tree over 32 random bytes of each phone (§7).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Taps {
    indexes: Vec<u64>,
    levels: Vec<Vec<Hash32>>,
}

impl Taps {
    /// From (index, 32 bytes of that phone). `head` is the log head after the commit line.
    /// `None` unless the indexes strictly ascend.
    pub fn new(head: &Hash32, taps: &[(u64, Hash32)]) -> Option<Self> {
        if !taps.is_sorted_by(|a, b| a.0 < b.0) {
            return None;
        }
        let mut levels = Vec::new();
        let mut level: Vec<Hash32> = taps.iter().map(|(index, r)| tap_leaf(head, *index, r)).collect();
        while level.len() > 1 {
            let above = level
                .chunks(2)
                .map(|pair| match pair {
                    [left, right] => tap_node(left, right),
                    lone => lone[0],
                })
                .collect();
            levels.push(std::mem::replace(&mut level, above));
        }
        levels.push(level);
        Some(Self { indexes: taps.iter().map(|tap| tap.0).collect(), levels })
    }

    /// The value of the audience source.
    pub fn value(&self) -> Value {
        let root = self.levels.last().and_then(|level| level.first()).copied().unwrap_or(Hex::ZERO);
        Value::Audience { m: u64::try_from(self.indexes.len()).unwrap_or(u64::MAX), root }
    }

    /// The place of a member's tap among all taps, and the siblings from it up to the root.
    pub fn path(&self, index: u64) -> Option<(u64, Vec<Hash32>)> {
        let at = self.indexes.binary_search(&index).ok()?;
        let mut i = at;
        let mut path = Vec::new();
        for level in &self.levels {
            path.extend(level.get(i ^ 1));
            i /= 2;
        }
        Some((u64::try_from(at).ok()?, path))
    }
}

/// The leaf of one tap: `r` are the phone's 32 random bytes.
pub fn tap_leaf(head: &Hash32, index: u64, r: &Hash32) -> Hash32 {
    h("mlot1/tap", &[head.bytes(), &index.to_be_bytes(), r.bytes()])
}

fn tap_node(left: &Hash32, right: &Hash32) -> Hash32 {
    h("mlot1/tnode", &[left.bytes(), right.bytes()])
}

/// Checks that the tap leaf at place `at` of `m` leads to `root`.
pub fn check_tap(root: &Hash32, m: u64, at: u64, leaf: Hash32, path: &[Hash32]) -> bool {
    if at >= m {
        return false;
    }
    let (mut i, mut last, mut node) = (at, m - 1, leaf);
    let mut steps = path.iter();
    while last > 0 {
        if i % 2 == 1 || i < last {
            let Some(sibling) = steps.next() else { return false };
            node = if i % 2 == 1 { tap_node(sibling, &node) } else { tap_node(&node, sibling) };
        }
        i /= 2;
        last /= 2;
    }
    steps.next().is_none() && node == *root
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tap_has_a_path() {
        let head = sha256(b"head");
        for m in 0..20_u64 {
            let taps: Vec<_> = (0..m).map(|i| (3 * i + 1, sha256(&i.to_be_bytes()))).collect();
            let tree = Taps::new(&head, &taps).unwrap();
            let Value::Audience { m: count, root } = tree.value() else { panic!("audience") };
            assert_eq!((count, m == 0), (m, root == Hex::ZERO));
            for (place, (index, r)) in (0..).zip(&taps) {
                let (at, path) = tree.path(*index).unwrap();
                assert_eq!(at, place);
                assert!(check_tap(&root, m, at, tap_leaf(&head, *index, r), &path));
                assert!(!check_tap(&root, m, at, tap_leaf(&head, *index + 1, r), &path));
                assert!(!check_tap(&root, m, m, tap_leaf(&head, *index, r), &path));
            }
            assert_eq!(tree.path(0), None);
        }
        assert_eq!(Taps::new(&head, &[(1, head), (1, head)]), None);
    }

    #[test]
    fn values_must_fit_their_source() {
        let dice = |sides, count| Source::Dice { sides, count };
        let rolls = |rolls: &[u64]| Value::Dice { rolls: rolls.to_vec() };
        assert!(dice(10, 2).accepts(&rolls(&[0, 9]), 1));
        assert!(!dice(10, 2).accepts(&rolls(&[0, 10]), 1));
        assert!(dice(6, 2).accepts(&rolls(&[1, 6]), 1));
        assert!(!dice(6, 2).accepts(&rolls(&[0, 6]), 1));
        assert!(!dice(6, 2).accepts(&rolls(&[1]), 1));
        assert!(!dice(6, 2).accepts(&Value::Words { words: vec![] }, 1));
        let words = |words: &[&str]| Value::Words { words: words.iter().map(ToString::to_string).collect() };
        assert!(Source::Words { count: 1 }.accepts(&words(&["红包ok1"]), 1));
        for bad in ["", "A", "a b", "é", "ａ", &"x".repeat(33)] {
            assert!(!Source::Words { count: 1 }.accepts(&words(&[bad]), 1), "{bad}");
        }
        assert_eq!(dice(10, 12).level(&rolls(&[])), Level::A2);
        assert_eq!(dice(10, 11).level(&rolls(&[])), Level::A0);
        assert_eq!(dice(6, 16).level(&rolls(&[])), Level::A2);
        assert_eq!(dice(100, 100).level(&rolls(&[])), Level::A2);
    }

    #[test]
    fn a_drand_round_must_lie_ahead_and_belong_to_quicknet() {
        let chain = QUICKNET.parse().unwrap();
        assert!(Source::Drand { chain, round: 2 }.in_range(1_692_803_369_999));
        assert!(!Source::Drand { chain, round: 2 }.in_range(1_692_803_370_000));
        assert!(!Source::Drand { chain, round: 0 }.in_range(0));
        for (ms, round) in [(0, 1), (1_692_803_367_000, 1), (1_692_803_367_001, 2), (1_692_803_370_000, 2)] {
            assert_eq!(drand_round_from(ms), round, "{ms}");
        }
        assert!(Source::Drand { chain, round: (1 << 53) - 1 }.in_range(u64::MAX >> 11));
        assert!(!Source::Drand { chain: Hex::ZERO, round: 2 }.in_range(0));
    }
}
