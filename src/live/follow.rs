//! The task of a room: puts events in order, finds missed ones in SQL, gathers what comes too often.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use tokio::{
    sync::mpsc,
    time::{Instant, MissedTickBehavior, interval},
};

use super::{
    counts, encode,
    envelope::{Told, What},
    events,
    frames::Frame,
    hub::Hub,
    presence,
    room::Room,
    wants::To,
};
use crate::wire::{Body, Counts, DeskStaff, Entered, Message, PersonCard, Taps};

/// What comes too often is sent once in this time: five times a second and a little less, so that no second holds a sixth.
const GATHER: Duration = Duration::from_millis(220);
/// Ticks of [`GATHER`] between two looks at how many sockets are open.
const VIEWERS_TICKS: u32 = 5;
/// Ticks between two looks at SQL, for events whose publication was lost, and for other servers' viewers.
const LOOK_TICKS: u32 = 10;
/// Ticks between two reports of an unchanged number of sockets.
const REPORT_TICKS: u32 = 50;
/// An empty room is kept this long.
const EMPTY: Duration = Duration::from_secs(30);
/// People in one `entered`.
const ENTERED_MAX: usize = 50;
/// People who may wait for an `entered`; a wall that is so far behind shows the newest.
const ENTERED_WAIT: usize = 500;

pub(super) struct Follower {
    hub: Hub,
    room: Arc<Room>,
    seq: i64,
    entered: VecDeque<PersonCard>,
    taps: Option<Taps>,
    counts_due: bool,
    counting: Option<BoxFuture<'static, Option<Counts>>>,
    counted: Option<Counts>,
    desk_due: bool,
    desk: DeskStaff,
    reported: i64,
    tick: u32,
    empty_since: Option<Instant>,
}

impl Follower {
    pub(super) fn new(hub: Hub, room: Arc<Room>) -> Self {
        Self {
            hub,
            room,
            seq: -1,
            entered: VecDeque::new(),
            taps: None,
            counts_due: true,
            counting: None,
            counted: None,
            desk_due: true,
            desk: DeskStaff::default(),
            reported: 0,
            tick: 0,
            empty_since: None,
        }
    }

    pub(super) async fn run(mut self, mut told: mpsc::Receiver<What>) {
        let mut ticks = interval(GATHER);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            if self.seq < 0 {
                ticks.tick().await;
                self.begin().await;
                continue;
            }
            tokio::select! {
                what = told.recv() => match what {
                    Some(what) => self.take(what).await,
                    None => return,
                },
                counts = counted(&mut self.counting) => self.send_counts(counts).await,
                _ = ticks.tick() => {
                    self.on_tick().await;
                    if self.leave() {
                        return;
                    }
                }
            }
        }
    }

    async fn begin(&mut self) {
        match events::last(&self.hub.parts().db, &self.room.meeting).await {
            Ok(last) => {
                self.seq = last.unwrap_or(0);
                self.room.set_last(self.seq);
            }
            Err(error) => tracing::warn!(meeting = self.room.meeting, %error, "a room cannot begin yet"),
        }
    }

    async fn take(&mut self, what: What) {
        match what {
            What::Events(events) => {
                for told in events {
                    if told.seq == self.seq + 1 {
                        self.event(&told).await;
                    } else if told.seq > self.seq {
                        self.catch_up().await;
                    }
                }
            }
            What::Sealed(ahead) => {
                let frame = Frame::ahead(&ahead);
                self.room.set_ahead(Some(frame.clone()));
                self.send(frame).await;
            }
            What::Ephemeral(body) => match *body {
                Body::Counts(_) => self.counts_due = true,
                Body::Desk(_) => self.desk_due = true,
                Body::Entered(entered) => {
                    self.entered.extend(entered.people);
                    let over = self.entered.len().saturating_sub(ENTERED_WAIT);
                    self.entered.drain(..over);
                    self.counts_due = true;
                }
                Body::Taps(taps) => {
                    if self.taps.is_none_or(|held| (held.draw, held.m) < (taps.draw, taps.m)) {
                        self.taps = Some(taps);
                    }
                }
                body => {
                    let text = self.text(body);
                    self.send(Frame::text(0, &text)).await;
                }
            },
            What::Private(_) => {}
        }
    }

    async fn event(&mut self, told: &Told) {
        self.seq = told.seq;
        // Before it is sent: who reads this number and then SQL will not be missing the event.
        self.room.set_last(told.seq);
        // Only one draw is under way at a time: when it moves, what was sealed before is opened or never will be.
        if told.text.contains(r#""type":"draw""#) {
            self.room.set_ahead(None);
        }
        self.send(Frame::event(told)).await;
    }

    /// Sends what SQL has after the last event sent.
    async fn catch_up(&mut self) {
        loop {
            let found = events::since(&self.hub.parts().db, &self.room.meeting, self.seq, events::PAGE).await;
            match found {
                Ok(texts) if texts.is_empty() => return,
                Ok(texts) => {
                    for (seq, text) in texts {
                        self.event(&Told { seq, text, opens: None }).await;
                    }
                }
                Err(error) => {
                    tracing::warn!(meeting = self.room.meeting, %error, "missed events cannot be read yet");
                    return self.room.missed();
                }
            }
        }
    }

    async fn on_tick(&mut self) {
        self.tick = self.tick.wrapping_add(1);
        if self.tick.is_multiple_of(LOOK_TICKS) {
            self.counts_due = true;
            self.desk_due = true;
        }
        if std::mem::take(&mut self.desk_due) {
            self.tell_desk().await;
        }
        if self.room.take_missed() || self.tick.is_multiple_of(LOOK_TICKS) {
            self.catch_up().await;
        }
        if let Some(taps) = self.taps.take() {
            let text = self.text(Body::Taps(taps));
            self.send(Frame::passing(To::All, &text)).await;
        }
        if !self.entered.is_empty() {
            let some = self.entered.len().min(ENTERED_MAX);
            let people = self.entered.drain(..some).collect();
            let text = self.text(Body::Entered(Entered { people }));
            self.send(Frame::passing(To::Hall, &text)).await;
        }
        let open = i64::try_from(self.room.crowd.size()).unwrap_or(i64::MAX);
        let changed = open != self.reported && self.tick.is_multiple_of(VIEWERS_TICKS);
        if self.counting.is_none() && (self.counts_due || changed || self.counted.is_none()) {
            let report = changed || self.tick.is_multiple_of(REPORT_TICKS);
            self.counts_due = false;
            self.reported = if report { open } else { self.reported };
            self.counting = Some(self.count(report.then_some(open)));
        }
    }

    /// Tells control pages who else has one open, when that changed.
    async fn tell_desk(&mut self) {
        let parts = self.hub.parts();
        match presence::list(&parts.db, &self.room.meeting, parts.clock.now()).await {
            Ok(desk) if desk == self.desk => {}
            Ok(desk) => {
                self.desk = desk.clone();
                let frame = Frame::desk(&self.text(Body::Desk(desk)));
                self.room.set_desk(frame.clone());
                self.send(frame).await;
            }
            Err(error) => {
                tracing::warn!(meeting = self.room.meeting, %error, "nobody knows who is at the desk");
            }
        }
    }

    /// Beside the room's other work, since a store that is away takes its time to say so.
    fn count(&self, report: Option<i64>) -> BoxFuture<'static, Option<Counts>> {
        let (hub, room) = (self.hub.clone(), Arc::clone(&self.room));
        Box::pin(async move {
            let (db, store) = (&hub.parts().db, &hub.parts().store);
            if let Some(open) = report
                && let Err(error) = store.report_viewers(hub.server(), &room.meeting, open).await
            {
                tracing::warn!(%error, "viewers are not reported");
            }
            let counts = counts(db, store, &room.meeting).await;
            counts.inspect_err(|error| tracing::warn!(%error, "nobody was counted")).ok()
        })
    }

    async fn send_counts(&mut self, counts: Option<Counts>) {
        self.counting = None;
        if let Some(counts) = counts
            && self.counted != Some(counts)
        {
            self.counted = Some(counts);
            let frame = Frame::passing(To::All, &self.text(Body::Counts(counts)));
            self.room.set_counts(frame.clone());
            self.send(frame).await;
        }
    }

    fn text(&self, body: Body) -> String {
        encode(&Message { seq: None, at: self.hub.parts().clock.now(), body })
    }

    // By `&mut self`: what is being counted cannot be shared between threads.
    async fn send(&mut self, frame: Frame) {
        if frame.to == To::All {
            self.room.spoke();
        }
        self.hub.shards().send(&self.room.crowd, &frame).await;
    }

    /// Ends an empty room. Under the lock of the rooms nobody enters meanwhile.
    fn leave(&mut self) -> bool {
        if self.room.crowd.size() > 0 {
            self.empty_since = None;
            return false;
        }
        if self.empty_since.get_or_insert_with(Instant::now).elapsed() < EMPTY {
            return false;
        }
        let mut rooms = self.hub.rooms();
        if self.room.crowd.size() > 0 {
            return false;
        }
        rooms.remove(&self.room.meeting);
        true
    }
}

async fn counted(counting: &mut Option<BoxFuture<'static, Option<Counts>>>) -> Option<Counts> {
    match counting {
        Some(future) => future.await,
        None => std::future::pending().await,
    }
}
