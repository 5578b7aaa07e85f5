//! The merchant's certificate ends one day, and from then on nobody is paid. The sender stops a day before: somebody who
//! waits for money in the hall must not be the first to notice. Whoever resumes has read that, and it sends until the end.

use super::{
    channel::Channels,
    sender::{self, Sender},
};
use crate::{
    app::App,
    clock::{DAY, Ms},
    error::ApiResult,
};

/// Why the sender stops.
pub(super) const CERTIFICATE: &str = "certificate";
/// So long before the end.
const BEFORE: Ms = DAY;

/// Whether a sender that was paused or resumed last at `since` stops now.
fn must_stop(ends: Ms, since: Ms, now: Ms) -> bool {
    now >= ends || (now >= ends - BEFORE && since < ends - BEFORE)
}

/// Stops the sender, if it is time; answers what it is then.
pub(super) async fn stop_before_its_end(app: &App, channels: &Channels, sender: Sender) -> ApiResult<Sender> {
    let now = app.now();
    let ends = channels.all().filter_map(|(_, channel)| channel.certificate_ends()).min();
    if sender.paused || !ends.is_some_and(|ends| must_stop(ends, sender.at, now)) {
        return Ok(sender);
    }
    let mut tx = app.db().begin().await?;
    sender::stop(&mut tx, now, CERTIFICATE).await?;
    let stopped = Sender::within(&mut tx).await?;
    tx.commit().await?;
    Ok(stopped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_stops_once_a_day_before_and_for_good_at_the_end() {
        let ends = 100 * DAY;
        for (since, now, wanted) in [
            (0, ends - DAY - 1, false),
            (0, ends - DAY, true),
            // Resumed on that last day: until the end.
            (ends - DAY, ends - DAY + 1, false),
            (ends - 1, ends - 1, false),
            (ends - 1, ends, true),
            (ends + 5, ends + 6, true),
        ] {
            assert_eq!(must_stop(ends, since, now), wanted, "{since} {now}");
        }
    }
}
