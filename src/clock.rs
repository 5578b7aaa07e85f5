//! The only source of time.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::UNIX_EPOCH,
};

use jiff::{Timestamp, tz::TimeZone};

/// Milliseconds UTC.
pub type Ms = i64;

/// A day has this many milliseconds; Beijing has no summer time.
pub const DAY: Ms = 86_400_000;

/// Where the time comes from.
#[derive(Clone, Debug)]
pub enum Clock {
    /// The machine's clock.
    System,
    /// A clock that tests set; it moves only when told.
    Fixed(Arc<AtomicI64>),
}

impl Clock {
    /// A fixed clock at `ms`.
    pub fn fixed(ms: Ms) -> Self {
        Self::Fixed(Arc::new(AtomicI64::new(ms)))
    }

    /// Now, in ms UTC.
    #[allow(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
    pub fn now(&self) -> Ms {
        match self {
            Self::System => std::time::SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX)),
            Self::Fixed(at) => at.load(Ordering::SeqCst),
        }
    }

    /// Moves a fixed clock; the machine's clock stays as it is.
    pub fn advance(&self, ms: Ms) {
        if let Self::Fixed(at) = self {
            at.fetch_add(ms, Ordering::SeqCst);
        }
    }
}

fn beijing(ms: Ms) -> jiff::Zoned {
    let zone = TimeZone::get("Asia/Shanghai").unwrap_or_else(|_| TimeZone::fixed(jiff::tz::offset(8)));
    Timestamp::from_millisecond(ms).unwrap_or(Timestamp::UNIX_EPOCH).to_zoned(zone)
}

/// The Beijing day of a moment, `yyyymmdd`.
pub fn beijing_day(ms: Ms) -> String {
    beijing(ms).strftime("%Y%m%d").to_string()
}

/// The next Beijing midnight after a moment.
pub fn next_beijing_midnight(ms: Ms) -> Ms {
    const OFFSET: Ms = 8 * 3_600_000;
    ((ms + OFFSET).div_euclid(DAY) + 1) * DAY - OFFSET
}

/// For books: `2026-11-23 21:40:05`, Beijing time.
pub fn beijing_stamp(ms: Ms) -> String {
    beijing(ms).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// For people: `11月23日 21:40`.
pub fn beijing_words(ms: Ms) -> String {
    beijing(ms).strftime("%-m月%-d日 %H:%M").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_day_changes_at_beijing_midnight() {
        let before = 1_795_449_599_999; // 2026-11-23 23:59:59.999 +08:00
        assert_eq!(beijing_day(before), "20261123");
        assert_eq!(beijing_day(before + 1), "20261124");
        assert_eq!(next_beijing_midnight(before), before + 1);
        assert_eq!(next_beijing_midnight(before + 1), before + 1 + DAY);
    }
}
