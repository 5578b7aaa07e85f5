//! Our clock against the payer's. The limits of a day are ours to keep, and they hold only while both clocks agree within
//! a minute ([`super::day`]); five minutes apart no signature of a transfer is believed any more.

use std::sync::atomic::{AtomicU32, Ordering};

use super::{channel::Answer, day, sender};
use crate::{app::App, clock::Ms, error::ApiResult};

/// Why the sender stops.
pub(super) const CLOCK_SKEW: &str = "clock_skew";
/// One answer with an odd date is the far end's, or of something in between; so many in a row mean our own clock.
const IN_A_ROW: u32 = 3;
/// A `Date` has whole seconds.
const SECOND: Ms = 1_000;

/// Answers in a row whose date was too far away.
#[derive(Debug, Default)]
struct Odd(AtomicU32);

/// How far a date lies outside of the time in which the call was made: a slow call is no wrong clock.
fn apart(date: Ms, (asked, answered): (Ms, Ms)) -> Ms {
    (asked - date - SECOND + 1).max(date - answered).max(0)
}

/// Looks at the date of an answer to a call that was made at `asked`.
pub(super) fn look(app: &App, answer: &Answer, asked: Ms) {
    let Some(date) = answer.date else { return };
    let odd = &app.kept::<Odd>().0;
    let apart = apart(date, (asked, app.now()));
    if apart < day::SKEW {
        odd.store(0, Ordering::SeqCst);
    } else {
        tracing::warn!(apart, "the payer's clock differs from ours");
        odd.fetch_add(1, Ordering::SeqCst);
    }
}

/// Stops the sender when too many answers in a row said that our clock is wrong.
pub(super) async fn stop_if_wrong(app: &App) -> ApiResult<()> {
    let odd = &app.kept::<Odd>().0;
    if odd.load(Ordering::SeqCst) < IN_A_ROW {
        return Ok(());
    }
    let mut tx = app.db().begin().await?;
    sender::stop(&mut tx, app.now(), CLOCK_SKEW).await?;
    tx.commit().await?;
    // Whoever resumes has put the clock right, or is told again.
    odd.store(0, Ordering::SeqCst);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_call_and_whole_seconds_are_no_wrong_clock() {
        let call = (60_500, 75_400);
        for (date, wanted) in
            [(60_000, 0), (75_000, 0), (59_000, 501), (76_000, 600), (0, 59_501), (135_400, 60_000)]
        {
            assert_eq!(apart(date, call), wanted, "{date}");
        }
    }
}
