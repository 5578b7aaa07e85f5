//! The hub: rooms by meeting, what comes from the bus, what goes to it, and how many sockets may be open.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::mpsc;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    encode,
    envelope::{Ahead, Envelope, Private, Told, What},
    outlet::Outlet,
    room::{self, Room},
    sealed::Sealed,
    shards::Shards,
    ticks,
};
use crate::{
    clock::Clock,
    db::Db,
    error::{ApiError, ApiResult},
    keys::{self, Keys},
    store::{Notice, Store},
    watch,
    wire::{Body, Message},
};

/// Messages that may wait for the bus; more are dropped, and other servers find their events in SQL.
const OUTGOING: usize = 4096;
/// One socket in so many is kept for screens and control pages.
const KEPT_FOR_THE_HALL: usize = 50;
/// Most sockets of one phone: its tabs, and those that it lost and nobody has missed yet. Only screens' tickets are for
/// many at once.
const PHONE_MAX: usize = 20;

/// What a hub is made of.
#[derive(Debug)]
pub struct HubParts {
    /// Where the truth is.
    pub db: Db,
    /// The bus.
    pub store: Store,
    /// For private messages between servers.
    pub keys: Keys,
    /// Time in messages.
    pub clock: Clock,
    /// Where tasks are spawned.
    pub tasks: TaskTracker,
    /// Ends the tasks.
    pub stopping: CancellationToken,
    /// Most sockets of this process.
    pub sockets: usize,
    /// Most sockets of one session.
    pub sockets_per_session: usize,
}

/// The hub of this process.
#[derive(Clone, Debug)]
pub struct Hub {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    parts: HubParts,
    /// Names this process on the bus.
    server: String,
    rooms: Mutex<HashMap<String, Arc<Room>>>,
    open: Mutex<Open>,
    shards: Shards,
    outgoing: mpsc::Sender<(String, What)>,
}

#[derive(Debug, Default)]
struct Open {
    all: usize,
    sessions: HashMap<Arc<str>, usize>,
}

/// The right to one open socket; given back when dropped.
#[derive(Debug)]
pub struct Permit {
    hub: Hub,
    session: Arc<str>,
}

/// A socket's place in its room; left when dropped.
#[derive(Debug)]
pub struct Seat {
    pub(super) room: Arc<Room>,
    place: super::shards::Place,
    outlet: Arc<Outlet>,
    openid: Option<Arc<str>>,
    _permit: Permit,
}

impl Hub {
    /// Starts the hub, its threads and its tasks.
    pub fn start(parts: HubParts) -> std::io::Result<Self> {
        let (outgoing, waiting) = mpsc::channel(OUTGOING);
        let shards = Shards::start()?;
        let server = hex::encode(keys::random::<8>());
        let inner =
            Inner { parts, server, rooms: Mutex::default(), open: Mutex::default(), shards, outgoing };
        let hub = Self { inner: Arc::new(inner) };
        hub.spawn(ticks::run(hub.clone()));
        if hub.parts().store.shared() {
            hub.spawn(hub.clone().listen());
            hub.spawn(hub.clone().speak(waiting));
        }
        Ok(hub)
    }

    pub(super) fn parts(&self) -> &HubParts {
        &self.inner.parts
    }

    pub(super) fn server(&self) -> &str {
        &self.inner.server
    }

    pub(super) fn shards(&self) -> &Shards {
        &self.inner.shards
    }

    pub(super) fn rooms(&self) -> MutexGuard<'_, HashMap<String, Arc<Room>>> {
        self.inner.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn room(&self, meeting: &str) -> Option<Arc<Room>> {
        self.rooms().get(meeting).cloned()
    }

    /// Runs a task until the process stops.
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let stopping = self.parts().stopping.clone();
        self.parts().tasks.spawn(async move {
            tokio::select! {
                () = stopping.cancelled() => {}
                () = task => {}
            }
        });
    }

    /// Brings events to all sockets on all servers. Their transaction is committed.
    pub fn publish(&self, meeting: &str, messages: &[Message]) {
        self.publish_events(meeting, messages, |_| None);
    }

    /// The same for the result of a draw: whoever has its winners sealed gets the key in their place.
    pub fn publish_result(&self, meeting: &str, messages: &[Message], sealed: &Sealed) {
        self.publish_events(meeting, messages, |message| {
            Some(Ahead { id: sealed.id, text: sealed.opening(message)? })
        });
    }

    fn publish_events(&self, meeting: &str, messages: &[Message], opens: impl Fn(&Message) -> Option<Ahead>) {
        let told = |message: &Message| {
            Some(Told { seq: message.seq?, text: encode(message), opens: opens(message) })
        };
        let events: Vec<_> = messages.iter().filter_map(told).collect();
        if !events.is_empty() {
            self.tell(meeting, What::Events(events));
        }
    }

    /// Brings winners that are told later to all sockets on all servers that can open them.
    pub fn publish_ahead(&self, meeting: &str, sealed: &Sealed) {
        let message = Message { seq: None, at: self.parts().clock.now(), body: sealed.ahead() };
        self.tell(meeting, What::Sealed(Ahead { id: sealed.id, text: encode(&message) }));
    }

    /// Brings a message without number to one person's sockets on all servers.
    pub fn publish_to(&self, meeting: &str, openid: &str, body: Body) {
        let message = Message { seq: None, at: self.parts().clock.now(), body };
        let private = Private { openid: openid.to_owned(), text: encode(&message) };
        if let Some(room) = self.room(meeting) {
            room.whisper(&private.openid, &private.text);
        }
        let sealed = private.seal(&self.parts().keys, meeting);
        self.broadcast(meeting, What::Private(sealed));
    }

    /// Whether this person has a socket here, or may have one at another server.
    pub fn may_hear(&self, meeting: &str, openid: &str) -> bool {
        self.parts().store.shared() || self.room(meeting).is_some_and(|room| room.has_person(openid))
    }

    /// Brings a message without number to all sockets on all servers. `counts` and `desk` are read anew in each room,
    /// `entered`, `counts` and `taps` are gathered to at most five a second.
    pub fn publish_ephemeral(&self, meeting: &str, body: Body) {
        self.tell(meeting, What::Ephemeral(Box::new(body)));
    }

    fn tell(&self, meeting: &str, what: What) {
        if let Some(room) = self.room(meeting) {
            room.tell(what.clone());
        }
        self.broadcast(meeting, what);
    }

    fn broadcast(&self, meeting: &str, what: What) {
        if self.parts().store.shared() && self.inner.outgoing.try_send((meeting.to_owned(), what)).is_err() {
            metrics::counter!(watch::BUS_DROPS).increment(1);
            tracing::warn!(meeting, "the bus is too slow: a message to other servers was dropped");
        }
    }

    async fn speak(self, mut waiting: mpsc::Receiver<(String, What)>) {
        while let Some((meeting, what)) = waiting.recv().await {
            let envelope = Envelope { from: self.inner.server.clone(), what };
            let Ok(payload) = serde_json::to_vec(&envelope) else { continue };
            if let Err(error) = self.parts().store.publish(&meeting, &payload).await {
                metrics::counter!(watch::BUS_FAILURES).increment(1);
                tracing::warn!(meeting, %error, "not published; other servers find events in SQL");
            }
        }
    }

    async fn listen(self) {
        let mut subscription = self.parts().store.subscribe();
        loop {
            match subscription.next().await {
                Notice::Resync => {
                    metrics::counter!(watch::RESYNCS).increment(1);
                    for room in self.rooms().values() {
                        room.missed();
                    }
                }
                Notice::Message { meeting, payload } => self.heard(&meeting, &payload),
            }
        }
    }

    fn heard(&self, meeting: &str, payload: &[u8]) {
        let Some(room) = self.room(meeting) else { return };
        let Ok(envelope) = serde_json::from_slice::<Envelope>(payload) else {
            tracing::warn!(meeting, "something on the bus is not ours");
            return room.missed();
        };
        if envelope.from == self.inner.server {
            return;
        }
        match envelope.what {
            What::Private(sealed) => {
                if let Some(private) = Private::open(&self.parts().keys, meeting, &sealed) {
                    room.whisper(&private.openid, &private.text);
                }
            }
            what => room.tell(what),
        }
    }

    /// Reserves one socket for a session (a name of it that is not its secret). When the server is nearly full only the
    /// `hall` comes in any more: the evening goes on without some of its phones, not without its host.
    pub fn permit(&self, session: &str, hall: bool) -> ApiResult<Permit> {
        let mut open = self.inner.open.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = if hall { 0 } else { self.parts().sockets / KEPT_FOR_THE_HALL };
        if open.all >= self.parts().sockets - kept {
            return Err(ApiError::unavailable("在线连接已满，请稍后重试。"));
        }
        // One text for all sockets of a session.
        let known = open.sessions.get_key_value(session);
        let (session, mine) =
            known.map_or_else(|| (session.into(), 0), |(key, mine)| (Arc::clone(key), *mine));
        let most = self.parts().sockets_per_session;
        let most = if hall { most } else { most.min(PHONE_MAX) };
        if mine >= most {
            return Err(ApiError::too_many("sockets", "您打开的页面太多，请关闭一些后重试。", 5));
        }
        open.sessions.insert(Arc::clone(&session), mine + 1);
        open.all += 1;
        Ok(Permit { hub: self.clone(), session })
    }

    /// Most sockets that this process takes.
    pub fn most(&self) -> usize {
        self.parts().sockets
    }

    /// Whether a room follows this meeting's events, so that the meeting is known to exist.
    pub fn follows(&self, meeting: &str) -> bool {
        self.room(meeting).is_some_and(|room| room.last() > 0)
    }

    /// Open sockets of this process.
    pub fn open(&self) -> usize {
        self.inner.open.lock().unwrap_or_else(PoisonError::into_inner).all
    }

    /// Frames that wait for sockets of this process.
    pub fn waiting(&self) -> usize {
        let rooms: Vec<_> = self.rooms().values().cloned().collect();
        rooms.iter().map(|room| room.crowd.waiting()).sum()
    }

    /// Seats a paused outlet in its room and waits until the room follows the meeting's events. What the caller
    /// reads from SQL afterwards overlaps with what the outlet gets: nothing falls between.
    pub async fn enter(
        &self,
        permit: Permit,
        meeting: &str,
        outlet: &Arc<Outlet>,
        openid: Option<Arc<str>>,
    ) -> Seat {
        let seat = {
            let mut rooms = self.rooms();
            let room = rooms.entry(meeting.to_owned()).or_insert_with(|| room::start(self, meeting));
            let room = Arc::clone(room);
            let place = room.crowd.add(outlet);
            if let Some(openid) = &openid {
                room.seat_person(openid, outlet);
            }
            Seat { room, place, outlet: Arc::clone(outlet), openid, _permit: permit }
        };
        seat.room.following().await;
        seat
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut open = self.hub.inner.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.all -= 1;
        if let Some(mine) = open.sessions.get_mut(&self.session) {
            *mine -= 1;
            if *mine == 0 {
                open.sessions.remove(&self.session);
            }
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.room.crowd.remove(self.place);
        if let Some(openid) = &self.openid {
            self.room.unseat_person(openid, &self.outlet);
        }
    }
}
