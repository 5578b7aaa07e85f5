//! A word to rooms in which nothing happens: pages cannot see the protocol's pings, and would take a network that died
//! without a word, or a server that stands still, for a quiet evening.
//!
//! A task of its own, not the rooms': a database that hangs holds them up, and that is no reason for ten thousand pages
//! to come back at once.

use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use super::{encode, frames::Frame, hub::Hub, wants::To};
use crate::wire::{Body, Message};

/// A room that was told nothing for so long is told that the server lives. Pages wait 25 s for it
/// (`web/src/shared/connection.ts`).
const QUIET: Duration = Duration::from_secs(10);
/// Time between two looks.
const LOOK: Duration = Duration::from_secs(1);

/// Until the process stops.
pub(super) async fn run(hub: Hub) {
    let mut looks = interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        looks.tick().await;
        let quiet: Vec<_> = hub.rooms().values().filter(|room| room.quiet() >= QUIET).cloned().collect();
        if quiet.is_empty() {
            continue;
        }
        let tick = Message { seq: None, at: hub.parts().clock.now(), body: Body::Tick };
        let frame = Frame::passing(To::All, &encode(&tick));
        for room in quiet {
            room.spoke();
            hub.shards().send(&room.crowd, &frame).await;
        }
    }
}
