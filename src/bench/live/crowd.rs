//! The viewers: each a task that reads its socket, notes when a message was there, and comes back when it is sent away.

use std::{
    collections::HashSet,
    hash::{DefaultHasher, Hash, Hasher},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use anyhow::Context;
use futures_util::StreamExt;
use serde_json::{Value, json};
use tokio::{
    sync::{Notify, Semaphore},
    time::{Instant, sleep, timeout},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Message, protocol::Role},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::door::{Door, Socket, connect, settings};
use crate::keys::random;

/// Handshakes under way at once.
const AT_ONCE: usize = 128;
/// Time for all to be there.
const ARRIVAL: Duration = Duration::from_secs(120);
/// Time between two looks at who has everything.
const LOOK: Duration = Duration::from_millis(10);
/// Wait before coming back when the server did not say good-bye, at most.
const BACK_MS: u64 = 500;

#[derive(Debug, Default)]
struct Seen {
    /// When the system had the last message.
    at: AtomicU64,
    /// Number of the last event.
    seq: AtomicI64,
    /// Of the winners that were told last; 0 before.
    winners: AtomicU64,
}

/// All of them.
#[derive(Debug)]
pub(super) struct Crowd {
    seen: Vec<Seen>,
    here: AtomicUsize,
    got: AtomicUsize,
    frozen: AtomicUsize,
    cold: AtomicBool,
    changed: Notify,
    thawed: Notify,
    missing: AtomicU64,
    doubled: AtomicU64,
    back: AtomicU64,
    refused: AtomicU64,
    doors: Semaphore,
    ended: CancellationToken,
    tasks: TaskTracker,
}

impl Crowd {
    fn new(count: usize) -> Arc<Self> {
        Arc::new(Self {
            seen: (0..count).map(|_| Seen::default()).collect(),
            here: AtomicUsize::new(0),
            got: AtomicUsize::new(0),
            frozen: AtomicUsize::new(0),
            cold: AtomicBool::new(false),
            changed: Notify::new(),
            thawed: Notify::new(),
            missing: AtomicU64::new(0),
            doubled: AtomicU64::new(0),
            back: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            doors: Semaphore::new(AT_ONCE),
            ended: CancellationToken::new(),
            tasks: TaskTracker::new(),
        })
    }
}

/// How a socket ended, and what follows.
enum Next {
    /// Come back within this time, ms.
    Back(u64),
    /// The measurement is over.
    Home,
}

impl Crowd {
    /// Opens all sockets and waits until each has its snapshot.
    pub(super) async fn gather(count: usize, door: &Door) -> anyhow::Result<Arc<Self>> {
        let crowd = Self::new(count);
        for id in 0..count {
            crowd.tasks.spawn(Arc::clone(&crowd).live(id, door.clone()));
        }
        crowd.arrived().await?;
        Ok(crowd)
    }

    /// Opens plain sockets, on which frames come without a handshake.
    pub(super) async fn gather_bare(count: usize, address: String) -> anyhow::Result<Arc<Self>> {
        let crowd = Self::new(count);
        for id in 0..count {
            let (this, address) = (Arc::clone(&crowd), address.clone());
            crowd.tasks.spawn(async move {
                let Ok(permit) = this.doors.acquire().await else { return };
                let Ok(stream) = connect(&address).await else { return };
                let mut socket =
                    WebSocketStream::from_raw_socket(stream, Role::Client, Some(settings())).await;
                // Held until the far end has accepted: a connection too many for its queue seems open here, and is
                // never accepted there.
                let Some(Ok(_)) = socket.next().await else { return };
                drop(permit);
                this.enter();
                this.read(id, socket, false).await;
            });
        }
        crowd.arrived().await?;
        Ok(crowd)
    }

    async fn arrived(&self) -> anyhow::Result<()> {
        let all = self.seen.len();
        self.until(ARRIVAL, || self.here.load(SeqCst) >= all).await.with_context(|| {
            let (here, refused) = (self.here.load(SeqCst), self.refused.load(SeqCst));
            format!("{here} of {all} viewers came in, {refused} tries were refused; ulimit -n must be larger than that")
        })
    }

    fn enter(&self) {
        self.here.fetch_add(1, SeqCst);
        self.changed.notify_one();
    }

    async fn until(&self, patience: Duration, done: impl Fn() -> bool) -> anyhow::Result<()> {
        let begun = Instant::now();
        while !done() {
            let left = patience.checked_sub(begun.elapsed()).context("it took too long")?;
            let _ = timeout(left, self.changed.notified()).await;
        }
        Ok(())
    }

    async fn live(self: Arc<Self>, id: usize, door: Door) {
        let mut first = true;
        loop {
            let next = if let Ok(socket) = self.open(&door, self.seen[id].seq.load(SeqCst)).await {
                if first && !door.ours {
                    first = false;
                    self.enter();
                }
                self.read(id, socket, first).await
            } else {
                self.refused.fetch_add(1, SeqCst);
                Next::Back(BACK_MS)
            };
            let Next::Back(within) = next else { return };
            first &= self.seen[id].seq.load(SeqCst) == 0;
            if !first {
                self.back.fetch_add(1, SeqCst);
            }
            let wait = u64::from_be_bytes(random()) % within.max(1);
            tokio::select! {
                () = self.ended.cancelled() => return,
                () = sleep(Duration::from_millis(wait)) => {}
            }
        }
    }

    async fn open(&self, door: &Door, after: i64) -> anyhow::Result<Socket> {
        let _permit = self.doors.acquire().await?;
        door.open(after).await
    }

    async fn read(&self, id: usize, mut socket: Socket, mut first: bool) -> Next {
        let mut within = BACK_MS;
        loop {
            let next = tokio::select! {
                () = self.ended.cancelled() => return Next::Home,
                next = socket.next() => next,
            };
            match next {
                Some(Ok(Message::Text(text))) => {
                    if let Some(asked) = self.take(id, text.as_str(), socket.get_ref().came()) {
                        within = asked;
                    }
                    if std::mem::take(&mut first) {
                        self.enter();
                    }
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Next::Back(within),
            }
            if self.is_cold(id) {
                self.stand_still().await;
            }
        }
    }

    fn is_cold(&self, id: usize) -> bool {
        self.cold.load(SeqCst) && id < self.frozen.load(SeqCst)
    }

    async fn stand_still(&self) {
        loop {
            let thawed = self.thawed.notified();
            tokio::pin!(thawed);
            // Listens before it looks: a thaw in between is not missed.
            thawed.as_mut().enable();
            if !self.cold.load(SeqCst) || self.ended.is_cancelled() {
                return;
            }
            tokio::select! {
                () = self.ended.cancelled() => return,
                () = thawed => {}
            }
        }
    }

    /// Notes a message; the time within which the server wants to see us again, when it says so.
    fn take(&self, id: usize, text: &str, came: u64) -> Option<u64> {
        let seen = &self.seen[id];
        let Some(seq) = number(text) else {
            let bye = text.contains(r#""type":"bye""#).then(|| serde_json::from_str::<Value>(text).ok());
            return bye.flatten()?["data"]["within_ms"].as_u64();
        };
        let last = seen.seq.load(SeqCst);
        let kind = kind(text);
        if matches!(kind, "snapshot" | "draw")
            && let Some(winners) = winners(text)
        {
            seen.winners.store(winners, SeqCst);
        }
        if kind == "snapshot" {
            seen.seq.store(seq, SeqCst);
            return None;
        }
        if seq <= last {
            self.doubled.fetch_add(1, SeqCst);
            return None;
        }
        if last != 0 {
            self.missing.fetch_add(u64::try_from(seq - last - 1).unwrap_or(0), SeqCst);
        }
        seen.at.store(came, SeqCst);
        seen.seq.store(seq, SeqCst);
        if !self.is_cold(id) && self.got.fetch_add(1, SeqCst) + 1 == self.expected() {
            self.changed.notify_one();
        }
        None
    }

    fn expected(&self) -> usize {
        let still = if self.cold.load(SeqCst) { self.frozen.load(SeqCst) } else { 0 };
        self.seen.len() - still
    }

    /// Before an event.
    pub(super) fn begin_round(&self) {
        self.got.store(0, SeqCst);
    }

    /// After it: waits until all who read have it.
    pub(super) async fn round_is_done(&self, patience: Duration) -> anyhow::Result<()> {
        self.until(patience, || self.got.load(SeqCst) >= self.expected()).await
    }

    /// When the last message came, of each who reads.
    pub(super) fn received(&self) -> Vec<u64> {
        let skip = self.seen.len() - self.expected();
        self.seen.iter().skip(skip).map(|seen| seen.at.load(SeqCst)).collect()
    }

    /// The first `count` stop reading after their next message.
    pub(super) fn freeze(&self, count: usize) {
        self.frozen.store(count, SeqCst);
        self.cold.store(true, SeqCst);
    }

    /// They read again.
    pub(super) fn thaw(&self) {
        self.cold.store(false, SeqCst);
        self.thawed.notify_waiters();
    }

    /// Waits until everybody has everything up to this event.
    pub(super) async fn all_have(&self, last: i64, patience: Duration) -> anyhow::Result<()> {
        let begun = Instant::now();
        while self.seen.iter().any(|seen| seen.seq.load(SeqCst) < last) {
            anyhow::ensure!(begun.elapsed() < patience, "it took too long");
            sleep(LOOK).await;
        }
        Ok(())
    }

    /// How many different results of the last draw viewers were told, those who were told none included.
    pub(super) fn results(&self) -> usize {
        self.seen.iter().map(|seen| seen.winners.load(SeqCst)).collect::<HashSet<_>>().len()
    }

    /// Number of the newest event that anybody has.
    pub(super) fn newest(&self) -> i64 {
        self.seen.iter().map(|seen| seen.seq.load(SeqCst)).max().unwrap_or_default()
    }

    /// Viewers.
    pub(super) fn size(&self) -> usize {
        self.seen.len()
    }

    /// How often somebody came back.
    pub(super) fn reconnects(&self) -> u64 {
        self.back.load(SeqCst)
    }

    /// Events that somebody did not get, or got twice.
    pub(super) fn faults(&self) -> Value {
        json!({ "missing": self.missing.load(SeqCst), "doubled": self.doubled.load(SeqCst) })
    }

    /// Ends all.
    pub(super) async fn leave(&self) {
        self.ended.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

/// Number of an event.
fn number(text: &str) -> Option<i64> {
    text.strip_prefix(r#"{"seq":"#)?.split_once(',')?.0.trim_start().parse().ok()
}

/// Type of a message with a number.
fn kind(text: &str) -> &str {
    let rest = text.split_once(r#""type":""#).map_or("", |(_, rest)| rest);
    rest.split_once('"').map_or("", |(kind, _)| kind)
}

/// Names the winners of the last draw that a message tells of, when they are known.
fn winners(text: &str) -> Option<u64> {
    let value: Value = serde_json::from_str(text).ok()?;
    let draws = value["data"]["draws"].as_array();
    let draw = draws.map_or(Some(&value["data"]["draw"]), |draws| draws.last())?;
    let mut hasher = DefaultHasher::new();
    draw["winners"].to_string().hash(&mut hasher);
    (draw["state"] == "revealed").then(|| hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::Crowd;

    fn event(seq: i64) -> String {
        format!(r#"{{"seq":{seq},"at":1,"type":"scene","data":{{"text":"\"type\":\"snapshot"}}}}"#)
    }

    #[test]
    fn what_is_missing_or_doubled_is_noticed() {
        let crowd = Crowd::new(1);
        crowd.take(0, r#"{"seq":7,"at":1,"type":"snapshot","data":{}}"#, 1);
        for seq in [8, 9, 9, 12] {
            crowd.take(0, &event(seq), 1);
        }
        crowd.take(0, r#"{"at":1,"type":"counts","data":{}}"#, 1);
        assert_eq!(crowd.faults(), serde_json::json!({ "missing": 2, "doubled": 1 }));
    }

    #[test]
    fn the_server_says_when_to_come_back() {
        let crowd = Crowd::new(1);
        assert_eq!(crowd.take(0, r#"{"at":1,"type":"bye","data":{"within_ms":5000}}"#, 1), Some(5000));
    }

    #[test]
    fn frozen_viewers_are_not_waited_for() {
        let crowd = Crowd::new(3);
        crowd.freeze(1);
        for id in 0..3 {
            crowd.take(id, &event(1), 1);
        }
        assert_eq!((crowd.got.load(super::SeqCst), crowd.received().len()), (2, 2));
    }
}
