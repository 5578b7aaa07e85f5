//! Canonical text to lines: exactly the fields of §6, nothing else.

use super::canon::{self, Value as Json};
use super::code::Code;
use super::entropy::{Source, Value};
use super::hash::Hex;
use super::line::{
    Award, Body, Commit, DrawKind, DrawResult, DrawRule, Entropy, Exclude, Line, MAX_MEMO, Open, PROTOCOL,
    Payout, PayoutStatus, SeatStatus, Status, Void, Winner,
};
use super::path::PoolSummary;
use std::collections::BTreeMap;

impl Line {
    /// Reads a line: [`Code::Canon`] when the text is not canonical JSON, [`Code::Entry`] when the fields
    /// are not exactly those of its type. Whether it may stand where it stands is for
    /// [`LogState`](crate::draw::state::LogState).
    pub fn parse(text: &str) -> Result<Self, Code> {
        let fields = Fields(canon::parse(text).ok_or(Code::Canon)?);
        line(fields).ok_or(Code::Entry)
    }
}

/// The fields of an object; each is taken once, and none may be left.
struct Fields(BTreeMap<String, Json>);

impl Fields {
    fn of(value: Json) -> Option<Self> {
        if let Json::Obj(fields) = value { Some(Self(fields)) } else { None }
    }

    fn int(&mut self, key: &str) -> Option<u64> {
        int(&self.0.remove(key)?)
    }

    fn text(&mut self, key: &str) -> Option<String> {
        text(self.0.remove(key)?)
    }

    fn hex<const N: usize>(&mut self, key: &str) -> Option<Hex<N>> {
        self.text(key)?.parse().ok()
    }

    fn list<T>(&mut self, key: &str, each: impl Fn(Json) -> Option<T>) -> Option<Vec<T>> {
        let Json::Arr(items) = self.0.remove(key)? else { return None };
        items.into_iter().map(each).collect()
    }

    fn inner(&mut self, key: &str) -> Option<Self> {
        Self::of(self.0.remove(key)?)
    }

    /// A short name: up to 64 of `[A-Za-z0-9._-]`.
    fn name(&mut self, key: &str, least: usize) -> Option<String> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
        self.text(key).filter(|name| (least..=64).contains(&name.len()) && name.bytes().all(plain))
    }

    fn done<T>(self, value: T) -> Option<T> {
        self.0.is_empty().then_some(value)
    }
}

fn int(value: &Json) -> Option<u64> {
    if let Json::Int(number) = value { Some(*number) } else { None }
}

fn text(value: Json) -> Option<String> {
    if let Json::Str(text) = value { Some(text) } else { None }
}

fn line(mut fields: Fields) -> Option<Line> {
    let kind = fields.text("t")?;
    let (seq, ts) = (fields.int("seq")?, fields.int("ts")?);
    let memo = match fields.0.remove("memo") {
        Some(memo) => Some(text(memo).filter(|memo| memo.chars().count() <= MAX_MEMO)?),
        None => None,
    };
    let body = body(&kind, &mut fields)?;
    fields.done(Line { seq, ts, memo, body })
}

fn body(kind: &str, fields: &mut Fields) -> Option<Body> {
    Some(match kind {
        "event.open" => Body::Open(open(fields)?),
        "draw.commit" => Body::Commit(commit(fields)?),
        "draw.entropy" => Body::Entropy(Entropy {
            draw: fields.int("draw")?,
            i: fields.int("i")?,
            value: value(fields.inner("value")?)?,
        }),
        "draw.result" => Body::Result(DrawResult {
            draw: fields.int("draw")?,
            secret: fields.hex("secret")?,
            seed: fields.hex("seed")?,
            winners: fields.list("winners", winner)?,
        }),
        "draw.void" => Body::Void(Void {
            draw: fields.int("draw")?,
            secret: fields.hex("secret")?,
            reason: fields.name("reason", 1)?,
        }),
        "winner.status" => Body::Status(Status {
            draw: fields.int("draw")?,
            rank: fields.int("r")?,
            status: SeatStatus::from_word(&fields.text("status")?)?,
        }),
        "payout" => Body::Payout(payout(fields)?),
        "event.close" => Body::Close,
        _ => return None,
    })
}

fn open(fields: &mut Fields) -> Option<Open> {
    if fields.text("v")? != PROTOCOL {
        return None;
    }
    Some(Open {
        event: fields.hex("event")?,
        key: fields.hex("key")?,
        anchor: fields.hex("anchor")?,
        links: fields.int("links")?,
    })
}

fn commit(fields: &mut Fields) -> Option<Commit> {
    let mut pool = fields.inner("pool")?;
    let summary = PoolSummary {
        n: pool.int("n")?,
        tickets: pool.int("tickets")?,
        max: pool.int("max")?,
        root: pool.hex("root")?,
    };
    Some(Commit {
        draw: fields.int("draw")?,
        rule: DrawRule {
            kind: DrawKind::from_word(&fields.text("kind")?)?,
            prize: fields.name("prize", 1)?,
            k: fields.int("k")?,
            exclude: Exclude::from_word(&fields.text("exclude")?)?,
            group: fields.name("group", 0)?,
            parent: fields.int("parent")?,
            ranks: fields.list("ranks", |rank| int(&rank))?,
            entropy: fields.list("entropy", source)?,
            award: award(fields.inner("award")?)?,
        },
        pool: pool.done(summary)?,
    })
}

fn source(json: Json) -> Option<Source> {
    let mut fields = Fields::of(json)?;
    let source = match fields.text("s")?.as_str() {
        "audience" => Source::Audience,
        "dice" => Source::Dice { sides: fields.int("sides")?, count: fields.int("count")? },
        "words" => Source::Words { count: fields.int("count")? },
        "drand" => Source::Drand { chain: fields.hex("chain")?, round: fields.int("round")? },
        _ => return None,
    };
    fields.done(source)
}

fn value(mut fields: Fields) -> Option<Value> {
    let value = if fields.0.contains_key("m") {
        Value::Audience { m: fields.int("m")?, root: fields.hex("root")? }
    } else if fields.0.contains_key("rolls") {
        Value::Dice { rolls: fields.list("rolls", |roll| int(&roll))? }
    } else if fields.0.contains_key("words") {
        Value::Words { words: fields.list("words", text)? }
    } else {
        Value::Drand { randomness: fields.hex("randomness")?, signature: fields.hex("signature")? }
    };
    fields.done(value)
}

fn award(mut fields: Fields) -> Option<Award> {
    let award = match fields.text("mode")?.as_str() {
        "none" => Award::None,
        "fixed" => Award::Fixed { cents: fields.int("cents")? },
        "split" => Award::Split { cents: fields.int("cents")?, min: fields.int("min")? },
        "inherit" => Award::Inherit,
        _ => return None,
    };
    fields.done(award)
}

fn winner(json: Json) -> Option<Winner> {
    let mut fields = Fields::of(json)?;
    let winner = Winner {
        rank: fields.int("r")?,
        index: fields.int("i")?,
        pid: fields.hex("pid")?,
        weight: fields.int("w")?,
        cents: fields.int("c")?,
    };
    fields.done(winner)
}

fn payout(fields: &mut Fields) -> Option<Payout> {
    Some(Payout {
        draw: fields.int("draw")?,
        rank: fields.int("r")?,
        pid: fields.hex("pid")?,
        cents: fields.int("c")?,
        attempt: fields.int("a")?,
        reference: fields.hex("ref")?,
        status: PayoutStatus::from_word(&fields.text("status")?)?,
    })
}
