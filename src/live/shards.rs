//! Threads that write one frame to many sockets. Waking a task per socket would cost more than the writing, and threads of
//! their own can go before the rest of the process.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Instant,
};

use metrics::{counter, histogram};
use tokio::sync::mpsc;

use super::{frames::Frame, outlet::Outlet};
use crate::watch;

/// Shards of a room, and threads of the process.
const SHARDS: usize = 2;
/// Sockets written to before others may come or go.
const CHUNK: usize = 128;
/// Frames that may wait for a shard's thread; then the room waits.
const BACKLOG: usize = 256;
/// Niceness of the threads, if the system allows it (`RLIMIT_NICE`). The hall sees a result at once even while a table is
/// imported or a picture is encoded; what else runs keeps a quarter of a processor that the threads want whole.
const NICE: i32 = -5;

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

/// The threads. They end when this is dropped.
#[derive(Clone, Debug)]
pub(super) struct Shards {
    queues: [mpsc::Sender<Job>; SHARDS],
}

/// One frame for everybody in a room.
type Job = (Arc<Crowd>, Frame, Instant);

impl Shards {
    /// Starts the threads.
    pub(super) fn start() -> io::Result<Self> {
        let start = |shard| -> io::Result<_> {
            let (sender, receiver) = mpsc::channel(BACKLOG);
            thread::Builder::new().name(format!("fan-out-{shard}")).spawn(move || work(shard, receiver))?;
            Ok(sender)
        };
        Ok(Self { queues: [start(0)?, start(1)?] })
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

/// Whether this thread goes before the others from now on. Others keep their priority (on Linux it is each thread's own).
fn go_first() -> bool {
    rustix::process::setpriority_process(None, NICE).is_ok()
}

fn work(shard: usize, mut jobs: mpsc::Receiver<Job>) {
    let first = go_first();
    tracing::debug!(shard, first, "a thread for sockets");
    let mut chunk = Vec::with_capacity(CHUNK);
    let (given, late) = (counter!(watch::DELIVERIES), histogram!(watch::DELIVERY_SECONDS));
    while let Some((crowd, frame, sent)) = jobs.blocking_recv() {
        let (mut from, mut more) = (0, true);
        while more {
            // Who joins meanwhile takes its snapshot later, and that tells of this event.
            more = crowd.chunk(shard, from, &mut chunk);
            given.increment(chunk.len().try_into().unwrap_or_default());
            for outlet in chunk.drain(..) {
                outlet.push(&frame);
            }
            from += CHUNK;
        }
        late.record(sent.elapsed());
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::{fs, time::Duration};

    use rustix::process::getpriority_process;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(10);

    /// Niceness of all threads for sockets in this process.
    fn priorities() -> Vec<i32> {
        let tasks = fs::read_dir("/proc/self/task").into_iter().flatten();
        let stats = tasks.filter_map(|task| fs::read_to_string(task.ok()?.path().join("stat")).ok());
        let fans = stats.filter_map(|stat| {
            let (name, rest) = stat.rsplit_once(") ")?;
            name.contains("(fan-out-").then(|| rest.split(' ').nth(16)?.parse().ok())?
        });
        fans.collect()
    }

    #[test]
    fn only_the_threads_for_sockets_go_first_and_only_with_leave() {
        let before = getpriority_process(None).unwrap();
        let (leave, other) =
            thread::spawn(|| (go_first(), getpriority_process(None).unwrap())).join().unwrap();
        let wanted = if leave { NICE } else { before };
        assert_eq!(other, wanted);
        let _shards = Shards::start().unwrap();
        let begun = Instant::now();
        loop {
            let seen = priorities();
            if seen.len() >= SHARDS && seen.iter().all(|nice| *nice == wanted) {
                break;
            }
            assert!(begun.elapsed() < PATIENCE, "{seen:?} in place of {wanted}");
            thread::yield_now();
        }
        assert_eq!(getpriority_process(None).unwrap(), before);
    }
}
