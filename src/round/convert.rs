//! Between the wire's words, the protocol's and SQL's.

use anyhow::Context;

use crate::{
    draw::{
        self,
        entropy::{QUICKNET, Source as LogSource, Value, drand_round_from},
        hash::{DrandSig, sha256},
    },
    error::ApiResult,
    wire::{Award, EntropyInput, Exclude, PathStep, SeatStatus, Source},
};

/// Clocks differ a little: a beacon that is due this long after the commit cannot be known at it.
const BEACON_MARGIN_MS: i64 = 3000;

/// A number of the log.
pub(super) fn unsigned(number: i64) -> ApiResult<u64> {
    Ok(u64::try_from(number).context("a negative number")?)
}

/// A number of SQL.
pub(super) fn signed(number: u64) -> ApiResult<i64> {
    Ok(i64::try_from(number).context("a number beyond 63 bits")?)
}

/// A number from outside that the protocol will judge: negative ones become too large for everything.
fn outside(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

/// A source as the log writes it.
pub(super) fn source(source: &Source) -> ApiResult<LogSource> {
    Ok(match source {
        Source::Audience {} => LogSource::Audience,
        Source::Dice { sides, count } => {
            LogSource::Dice { sides: unsigned(*sides)?, count: unsigned(*count)? }
        }
        Source::Words { count } => LogSource::Words { count: unsigned(*count)? },
        Source::Drand { round, .. } => LogSource::Drand {
            chain: QUICKNET.parse().context("the chain of the protocol")?,
            round: unsigned(*round)?,
        },
    })
}

/// A source as a commit at `ts` (ms) writes it: a beacon's round that is due only after the commit was shown.
pub(super) fn committed(source: &Source, ts: i64, show_ms: i64) -> ApiResult<LogSource> {
    let mut source = self::source(source)?;
    if let LogSource::Drand { round, .. } = &mut source {
        *round = drand_round_from(unsigned(ts + show_ms + BEACON_MARGIN_MS)?);
    }
    Ok(source)
}

/// A value that people made or copied; `None` for what cannot be one.
pub(super) fn value(input: EntropyInput) -> Option<Value> {
    Some(match input {
        EntropyInput::Dice { rolls } => Value::Dice { rolls: rolls.into_iter().map(outside).collect() },
        EntropyInput::Words { words } => Value::Words { words },
        EntropyInput::Drand { signature } => beacon(signature.trim().to_ascii_lowercase().parse().ok()?),
    })
}

/// A beacon by its signature.
pub(super) fn beacon(signature: DrandSig) -> Value {
    Value::Drand { randomness: sha256(signature.bytes()), signature }
}

/// An award as the log writes it.
pub(super) fn award(award: &Award) -> ApiResult<draw::Award> {
    Ok(match award {
        Award::None => draw::Award::None,
        Award::Fixed { fen } => draw::Award::Fixed { cents: unsigned(fen.0)? },
        Award::Split { fen, min_fen } => {
            draw::Award::Split { cents: unsigned(fen.0)?, min: unsigned(min_fen.0)? }
        }
    })
}

/// An exclusion as the log writes it.
pub(super) fn exclude(exclude: Exclude) -> draw::Exclude {
    match exclude {
        Exclude::None => draw::Exclude::None,
        Exclude::Group => draw::Exclude::Group,
        Exclude::Event => draw::Exclude::Event,
    }
}

/// A status as the log writes it; `None` for waiting, which is no status of the log.
pub(super) fn status(status: SeatStatus) -> Option<draw::SeatStatus> {
    match status {
        SeatStatus::Waiting => None,
        SeatStatus::Present => Some(draw::SeatStatus::Present),
        SeatStatus::Absent => Some(draw::SeatStatus::Absent),
        SeatStatus::Declined => Some(draw::SeatStatus::Declined),
        SeatStatus::Disqualified => Some(draw::SeatStatus::Disqualified),
    }
}

/// A path as the wire writes it.
pub(super) fn path(path: Vec<draw::path::Step>) -> ApiResult<Vec<PathStep>> {
    path.into_iter().map(|step| Ok(PathStep { h: step.h.to_string(), s: signed(step.s)? })).collect()
}
