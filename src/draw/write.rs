//! Lines to canonical text.

use super::canon::Value as Json;
use super::entropy::{Source, Value};
use super::line::{
    Award, Body, Commit, DrawKind, DrawResult, Exclude, Line, Open, PROTOCOL, Payout, PayoutStatus,
    SeatStatus, Winner,
};
use std::collections::BTreeMap;

impl Line {
    /// The canonical text whose bytes are stored and hashed. What the fields hold is not checked here;
    /// [`Line::parse`] or [`LogState::check`](crate::draw::state::LogState::check) does that.
    pub fn to_text(&self) -> String {
        let mut fields = body(&self.body);
        fields.insert("t".to_owned(), Json::str(self.body.kind()));
        fields.insert("seq".to_owned(), Json::Int(self.seq));
        fields.insert("ts".to_owned(), Json::Int(self.ts));
        if let Some(memo) = &self.memo {
            fields.insert("memo".to_owned(), Json::str(memo));
        }
        Json::Obj(fields).to_text()
    }
}

fn fields<const N: usize>(pairs: [(&str, Json); N]) -> BTreeMap<String, Json> {
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

fn body(body: &Body) -> BTreeMap<String, Json> {
    match body {
        Body::Open(open) => self::open(open),
        Body::Commit(commit) => self::commit(commit),
        Body::Entropy(entropy) => fields([
            ("draw", Json::Int(entropy.draw)),
            ("i", Json::Int(entropy.i)),
            ("value", Value::to_json(&entropy.value)),
        ]),
        Body::Result(result) => self::result(result),
        Body::Void(void) => fields([
            ("draw", Json::Int(void.draw)),
            ("secret", Json::str(&void.secret)),
            ("reason", Json::str(&void.reason)),
        ]),
        Body::Status(status) => fields([
            ("draw", Json::Int(status.draw)),
            ("r", Json::Int(status.rank)),
            ("status", Json::str(status.status.as_str())),
        ]),
        Body::Payout(payout) => self::payout(payout),
        Body::Close => BTreeMap::new(),
    }
}

fn open(open: &Open) -> BTreeMap<String, Json> {
    fields([
        ("v", Json::str(PROTOCOL)),
        ("event", Json::str(&open.event)),
        ("key", Json::str(&open.key)),
        ("anchor", Json::str(&open.anchor)),
        ("links", Json::Int(open.links)),
    ])
}

fn commit(commit: &Commit) -> BTreeMap<String, Json> {
    let (rule, pool) = (&commit.rule, &commit.pool);
    fields([
        ("draw", Json::Int(commit.draw)),
        ("kind", Json::str(rule.kind.as_str())),
        ("prize", Json::str(&rule.prize)),
        ("k", Json::Int(rule.k)),
        ("exclude", Json::str(rule.exclude.as_str())),
        ("group", Json::str(&rule.group)),
        ("parent", Json::Int(rule.parent)),
        ("ranks", Json::Arr(rule.ranks.iter().map(|rank| Json::Int(*rank)).collect())),
        (
            "pool",
            Json::obj([
                ("n", Json::Int(pool.n)),
                ("tickets", Json::Int(pool.tickets)),
                ("max", Json::Int(pool.max)),
                ("root", Json::str(&pool.root)),
            ]),
        ),
        ("entropy", Json::Arr(rule.entropy.iter().map(Source::to_json).collect())),
        ("award", award(&rule.award)),
    ])
}

fn award(award: &Award) -> Json {
    let mode = |name| ("mode", Json::str(name));
    match award {
        Award::None => Json::obj([mode("none")]),
        Award::Fixed { cents } => Json::obj([mode("fixed"), ("cents", Json::Int(*cents))]),
        Award::Split { cents, min } => {
            Json::obj([mode("split"), ("cents", Json::Int(*cents)), ("min", Json::Int(*min))])
        }
        Award::Inherit => Json::obj([mode("inherit")]),
    }
}

fn result(result: &DrawResult) -> BTreeMap<String, Json> {
    let winner = |winner: &Winner| {
        Json::obj([
            ("r", Json::Int(winner.rank)),
            ("i", Json::Int(winner.index)),
            ("pid", Json::str(&winner.pid)),
            ("w", Json::Int(winner.weight)),
            ("c", Json::Int(winner.cents)),
        ])
    };
    fields([
        ("draw", Json::Int(result.draw)),
        ("secret", Json::str(&result.secret)),
        ("seed", Json::str(&result.seed)),
        ("winners", Json::Arr(result.winners.iter().map(winner).collect())),
    ])
}

fn payout(payout: &Payout) -> BTreeMap<String, Json> {
    fields([
        ("draw", Json::Int(payout.draw)),
        ("r", Json::Int(payout.rank)),
        ("pid", Json::str(&payout.pid)),
        ("c", Json::Int(payout.cents)),
        ("a", Json::Int(payout.attempt)),
        ("ref", Json::str(&payout.reference)),
        ("status", Json::str(payout.status.as_str())),
    ])
}

/// Words of the log for the variants of a plain enum, both ways.
macro_rules! words {
    ($name:ident { $($variant:ident $word:literal),* }) => {
        impl $name {
            /// As in the log.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }

            /// From the log's word.
            pub fn from_word(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

words!(DrawKind { Main "main", Redraw "redraw", Test "test" });
words!(Exclude { None "none", Group "group", Event "event" });
words!(SeatStatus { Present "present", Absent "absent", Declined "declined", Disqualified "disqualified" });
words!(PayoutStatus { Sent "sent", Failed "failed", Refunded "refunded" });
