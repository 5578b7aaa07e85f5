//! One meeting's room in this process: follows the meeting's events in order and sends each to its crowd once.

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures_util::future::BoxFuture;
use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};

use super::{
    envelope::What,
    follow::Follower,
    frames::Frame,
    hub::{Hub, Seat},
    outlet::Outlet,
    shards::Crowd,
};
use crate::error::ApiResult;

/// Things that may wait for a room; with more it looks at SQL.
const INBOX: usize = 1024;
/// A snapshot serves everybody who comes within this time, unless an event comes first.
const SNAPSHOT_LIFE: Duration = Duration::from_secs(1);

/// Different gaps kept at once.
const GAPS: usize = 15;

/// A room.
#[derive(Debug)]
pub(super) struct Room {
    pub(super) meeting: String,
    pub(super) crowd: Arc<Crowd>,
    /// Number of the last event sent; -1 until the room follows.
    last: watch::Sender<i64>,
    inbox: mpsc::Sender<What>,
    missed: AtomicBool,
    /// When something was last sent to everybody.
    spoke: Mutex<Instant>,
    people: Mutex<HashMap<Arc<str>, Vec<Arc<Outlet>>>>,
    counts: Mutex<Option<Frame>>,
    /// Winners that are told later, for those who come meanwhile.
    ahead: Mutex<Option<Frame>>,
    desk: Mutex<Option<Frame>>,
    snapshot: tokio::sync::Mutex<Option<(i64, Instant, Frame)>>,
    /// What who had seen everything up to the first number missed, up to the second one; newest first.
    gaps: tokio::sync::Mutex<VecDeque<(i64, i64, Option<Frame>)>>,
}

/// Makes a room and starts its task.
pub(super) fn start(hub: &Hub, meeting: &str) -> Arc<Room> {
    let (inbox, told) = mpsc::channel(INBOX);
    let room = Arc::new(Room {
        meeting: meeting.to_owned(),
        crowd: Arc::default(),
        last: watch::Sender::new(-1),
        inbox,
        missed: AtomicBool::new(false),
        spoke: Mutex::new(Instant::now()),
        people: Mutex::default(),
        counts: Mutex::default(),
        ahead: Mutex::default(),
        desk: Mutex::default(),
        snapshot: tokio::sync::Mutex::default(),
        gaps: tokio::sync::Mutex::default(),
    });
    hub.spawn(Follower::new(hub.clone(), Arc::clone(&room)).run(told));
    room
}

impl Room {
    /// Something for this room.
    pub(super) fn tell(&self, what: What) {
        if self.inbox.try_send(what).is_err() {
            self.missed();
        }
    }

    /// Something may have been missed: look at SQL.
    pub(super) fn missed(&self) {
        self.missed.store(true, Ordering::Release);
    }

    pub(super) fn take_missed(&self) -> bool {
        self.missed.swap(false, Ordering::AcqRel)
    }

    /// Something is sent to everybody.
    pub(super) fn spoke(&self) {
        *self.spoke.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// For how long nothing was sent to everybody.
    pub(super) fn quiet(&self) -> Duration {
        self.spoke.lock().unwrap_or_else(PoisonError::into_inner).elapsed()
    }

    /// Number of the last event sent, or -1.
    pub(super) fn last(&self) -> i64 {
        *self.last.borrow()
    }

    pub(super) fn set_last(&self, seq: i64) {
        self.last.send_replace(seq);
    }

    /// Waits until the room knows where it stands.
    pub(super) async fn following(&self) {
        // Ends with an error only when the room is gone, and then the socket is closed anyway.
        let _ = self.last.subscribe().wait_for(|last| *last >= 0).await;
    }

    /// To one person's sockets.
    pub(super) fn whisper(&self, openid: &str, text: &str) {
        let people = self.people.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(outlets) = people.get(openid) {
            let frame = Frame::text(0, text);
            for outlet in outlets {
                outlet.push(&frame);
            }
        }
    }

    pub(super) fn has_person(&self, openid: &str) -> bool {
        self.people.lock().unwrap_or_else(PoisonError::into_inner).contains_key(openid)
    }

    pub(super) fn seat_person(&self, openid: &Arc<str>, outlet: &Arc<Outlet>) {
        let mut people = self.people.lock().unwrap_or_else(PoisonError::into_inner);
        people.entry(Arc::clone(openid)).or_default().push(Arc::clone(outlet));
    }

    pub(super) fn unseat_person(&self, openid: &str, outlet: &Arc<Outlet>) {
        let mut people = self.people.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(outlets) = people.get_mut(openid) {
            outlets.retain(|other| !Arc::ptr_eq(other, outlet));
            if outlets.is_empty() {
                people.remove(openid);
            }
        }
    }

    /// The last `counts` that were sent.
    pub(super) fn counts(&self) -> Option<Frame> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn set_counts(&self, frame: Frame) {
        *self.counts.lock().unwrap_or_else(PoisonError::into_inner) = Some(frame);
    }

    /// The box of winners that are not told yet.
    pub(super) fn ahead(&self) -> Option<Frame> {
        self.ahead.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn set_ahead(&self, frame: Option<Frame>) {
        *self.ahead.lock().unwrap_or_else(PoisonError::into_inner) = frame;
    }

    pub(super) fn set_desk(&self, frame: Frame) {
        *self.desk.lock().unwrap_or_else(PoisonError::into_inner) = Some(frame);
    }
}

impl Seat {
    /// The snapshot and its number: one that was built a moment ago if it tells of every event that this socket
    /// will not be sent, else a new one. Many who come at once wait for the same one.
    pub async fn snapshot<'a, F>(&self, build: F) -> ApiResult<(i64, Frame)>
    where
        F: FnOnce() -> BoxFuture<'a, ApiResult<(i64, String)>>,
    {
        let mut kept = self.room.snapshot.lock().await;
        if let Some((seq, built, frame)) = &*kept
            && built.elapsed() < SNAPSHOT_LIFE
            && *seq >= self.room.last()
        {
            return Ok((*seq, frame.clone()));
        }
        let (seq, text) = build().await?;
        let mut frame = Frame::text(seq, &text);
        // It is no event itself: it must not count as the one that it is numbered after.
        frame.seq = 0;
        *kept = Some((seq, Instant::now(), frame.clone()));
        Ok((seq, frame))
    }

    /// What a socket missed that had everything up to event `after`, and the number up to which that tells. Those who
    /// come back together, after a restart say, missed the same: it is read once for all of them. `None` when nobody
    /// can say it in few events.
    pub async fn missed<'a, F>(&self, after: i64, read: F) -> ApiResult<Option<(i64, Option<Frame>)>>
    where
        F: FnOnce() -> BoxFuture<'a, ApiResult<Option<(i64, Option<Frame>)>>>,
    {
        if after == self.room.last() {
            return Ok(Some((after, None)));
        }
        let mut kept = self.room.gaps.lock().await;
        let last = self.room.last();
        if let Some((_, seq, frame)) = kept.iter().find(|(from, seq, _)| *from == after && *seq >= last) {
            return Ok(Some((*seq, frame.clone())));
        }
        let Some((seq, frame)) = read().await? else { return Ok(None) };
        kept.retain(|(_, seq, _)| *seq >= last);
        kept.truncate(GAPS);
        kept.push_front((after, seq, frame.clone()));
        Ok(Some((seq, frame)))
    }

    /// Who is at the desk, as last said in this room.
    pub fn desk(&self) -> Option<Frame> {
        self.room.desk.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What comes after the snapshot: how many are here, and winners that are told later, sealed.
    pub fn present(&self) -> impl Iterator<Item = Frame> {
        self.room.counts().into_iter().chain(self.room.ahead())
    }
}
