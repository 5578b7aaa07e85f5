//! Tasks that write one frame to many sockets. Waking a task per socket would cost more than the writing.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use metrics::{counter, histogram};
use tokio::sync::mpsc;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{frames::Frame, outlet::Outlet};
use crate::watch;

/// Shards of a room, and tasks of the process.
const SHARDS: usize = 2;
/// Sockets written to before other tasks get their turn.
const CHUNK: usize = 128;
/// Frames that may wait for a shard's task; then the room waits.
const BACKLOG: usize = 256;

/// The sockets of one room.
#[derive(Debug, Default)]
pub(super) struct Crowd {
    shards: [Mutex<Slots>; SHARDS],
}

#[derive(Debug, Default)]
struct Slots {
    outlets: Vec<Option<Arc<Outlet>>>,
    free: Vec<usize>,
}

/// Where an outlet stands in its crowd.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    shard: usize,
    slot: usize,
}

impl Crowd {
    /// Adds an outlet to the emptier shard.
    pub(super) fn add(&self, outlet: &Arc<Outlet>) -> Place {
        let shard = (0..SHARDS).min_by_key(|shard| self.len(*shard)).unwrap_or(0);
        let mut slots = self.shards[shard].lock().unwrap_or_else(PoisonError::into_inner);
        let slot = slots.free.pop().unwrap_or(slots.outlets.len());
        if slot == slots.outlets.len() {
            slots.outlets.push(None);
        }
        slots.outlets[slot] = Some(Arc::clone(outlet));
        Place { shard, slot }
    }

    /// Takes an outlet out.
    pub(super) fn remove(&self, place: Place) {
        let mut slots = self.shards[place.shard].lock().unwrap_or_else(PoisonError::into_inner);
        slots.outlets[place.slot] = None;
        slots.free.push(place.slot);
    }

    fn len(&self, shard: usize) -> usize {
        let slots = self.shards[shard].lock().unwrap_or_else(PoisonError::into_inner);
        slots.outlets.len() - slots.free.len()
    }

    /// Outlets in it.
    pub(super) fn size(&self) -> usize {
        (0..SHARDS).map(|shard| self.len(shard)).sum()
    }

    /// Frames that wait for its sockets.
    pub(super) fn waiting(&self) -> usize {
        let (mut chunk, mut waiting) = (Vec::new(), 0);
        for shard in 0..SHARDS {
            let (mut from, mut more) = (0, true);
            while more {
                more = self.chunk(shard, from, &mut chunk);
                waiting += chunk.drain(..).map(|outlet: Arc<Outlet>| outlet.waiting()).sum::<usize>();
                from += CHUNK;
            }
        }
        waiting
    }

    fn chunk(&self, shard: usize, from: usize, into: &mut Vec<Arc<Outlet>>) -> bool {
        let slots = self.shards[shard].lock().unwrap_or_else(PoisonError::into_inner);
        let end = slots.outlets.len().min(from + CHUNK);
        into.extend(slots.outlets.get(from..end).unwrap_or_default().iter().flatten().cloned());
        end < slots.outlets.len()
    }
}

/// The tasks.
#[derive(Clone, Debug)]
pub(super) struct Shards {
    queues: [mpsc::Sender<Job>; SHARDS],
}

/// One frame for everybody in a room.
type Job = (Arc<Crowd>, Frame, Instant);

impl Shards {
    /// Starts the tasks.
    pub(super) fn start(tasks: &TaskTracker, stopping: &CancellationToken) -> Self {
        let queues = std::array::from_fn(|shard| {
            let (sender, receiver) = mpsc::channel(BACKLOG);
            let stopping = stopping.clone();
            tasks.spawn(async move {
                tokio::select! {
                    () = stopping.cancelled() => {}
                    () = work(shard, receiver) => {}
                }
            });
            sender
        });
        Self { queues }
    }

    /// Sends a frame to everybody in a room. Frames reach each socket in the order of these calls.
    pub(super) async fn send(&self, crowd: &Arc<Crowd>, frame: &Frame) {
        let now = Instant::now();
        for queue in &self.queues {
            // Closed only when the process stops.
            let _ = queue.send((Arc::clone(crowd), frame.clone(), now)).await;
        }
    }
}

async fn work(shard: usize, mut jobs: mpsc::Receiver<Job>) {
    let mut chunk = Vec::with_capacity(CHUNK);
    let (given, late) = (counter!(watch::DELIVERIES), histogram!(watch::DELIVERY_SECONDS));
    while let Some((crowd, frame, sent)) = jobs.recv().await {
        let mut from = 0;
        loop {
            // Who joins meanwhile takes its snapshot later, and that tells of this event.
            let more = crowd.chunk(shard, from, &mut chunk);
            given.increment(chunk.len().try_into().unwrap_or_default());
            for outlet in chunk.drain(..) {
                outlet.push(&frame);
            }
            if !more {
                break;
            }
            from += CHUNK;
            tokio::task::yield_now().await;
        }
        late.record(sent.elapsed());
    }
}
