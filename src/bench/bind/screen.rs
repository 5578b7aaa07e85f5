//! The hall's screen, which counts how often it is told of people.

use std::time::Duration;

use anyhow::{Context, bail};
use futures_util::StreamExt;
use serde_json::Value;
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{Instant, timeout},
};
use tokio_util::sync::CancellationToken;

use super::hall::Hall;
use crate::bench::live::Door;

/// What was bound is shown within this time.
const SHOWN: Duration = Duration::from_secs(10);
const SECOND: Duration = Duration::from_secs(1);

/// A screen that reads.
pub(super) struct Screen {
    bound: watch::Receiver<i64>,
    stop: CancellationToken,
    reading: JoinHandle<anyhow::Result<Updates>>,
}

/// Most messages of a kind within any one second.
pub(super) struct Updates {
    pub(super) counts: u32,
    pub(super) names: u32,
}

impl Screen {
    pub(super) async fn open(hall: &Hall) -> anyhow::Result<Self> {
        let way = hall.way();
        let address = way.base.trim_start_matches("http://").to_owned();
        let ticket = vec![("authorization", format!("Bearer {}", hall.ticket))];
        let door = Door::of(address, (&way.meeting, "screen"), ticket);
        let mut socket = door.open(0).await?;
        let (told, bound) = watch::channel(0);
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let read = async move {
            let (mut counts, mut names) = (Vec::new(), Vec::new());
            loop {
                let message = tokio::select! {
                    () = stopped.cancelled() => break,
                    message = socket.next() => message.context("the screen's socket was closed")??,
                };
                let Ok(text) = message.to_text() else { continue };
                let Ok(value) = serde_json::from_str::<Value>(text) else { continue };
                match value["type"].as_str() {
                    Some("counts") => {
                        counts.push(Instant::now());
                        told.send_replace(value["data"]["bound"].as_i64().unwrap_or_default());
                    }
                    Some("entered") => names.push(Instant::now()),
                    _ => {}
                }
            }
            Ok::<_, anyhow::Error>(Updates { counts: most(&counts)?, names: most(&names)? })
        };
        #[allow(clippy::disallowed_methods, reason = "the benchmark's own task, which `close` waits for")]
        let reading = tokio::spawn(read);
        Ok(Self { bound, stop, reading })
    }

    /// Waits until it shows so many people; the number.
    pub(super) async fn until(&self, people: i64) -> anyhow::Result<i64> {
        let mut bound = self.bound.clone();
        let shown = timeout(SHOWN, bound.wait_for(|bound| *bound >= people)).await;
        let Ok(shown) = shown else {
            bail!("the screen shows {} people, not {people}", *self.bound.borrow());
        };
        Ok(*shown.context("the screen stopped")?)
    }

    pub(super) async fn close(self) -> anyhow::Result<Updates> {
        self.stop.cancel();
        self.reading.await?
    }
}

/// Most of these moments within any one second.
fn most(moments: &[Instant]) -> anyhow::Result<u32> {
    let within = |at: usize| {
        moments.iter().skip(at).take_while(|other| other.duration_since(moments[at]) < SECOND).count()
    };
    Ok(u32::try_from((0..moments.len()).map(within).max().unwrap_or_default())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fullest_second_counts_wherever_it_begins() {
        let begun = Instant::now();
        let moments: Vec<_> = [0, 900, 1_100, 1_500, 1_899, 1_900, 3_000]
            .map(|ms| begun + Duration::from_millis(ms))
            .into_iter()
            .collect();
        assert_eq!(most(&moments).unwrap(), 4, "900 to 1899");
        assert_eq!(most(&[]).unwrap(), 0);
    }
}
