//! One socket: the handshake, and the task that reads, pings, and writes what the shards could not.

use std::{io::ErrorKind, sync::Arc, time::Duration};

use axum::response::{IntoResponse, Response};
use futures_util::future::BoxFuture;
use http::{HeaderMap, StatusCode, header, request::Parts};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::{
    io::Interest,
    net::TcpStream,
    time::{Instant, sleep_until, timeout},
};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_util::sync::CancellationToken;

use super::{
    encode,
    frames::{self, CloseCode, Frame, Incoming, Reader},
    outlet::{Outlet, Standing},
};
use crate::{
    clock::Clock,
    error::{ApiError, ApiResult},
    wire::{Body, Bye, Message},
};

/// A socket is pinged this long after it was last heard.
const PING: Duration = Duration::from_secs(12);
/// A ping must be answered within this time: with [`PING`], whoever stopped reading is gone within 30 s, also when
/// all that it was sent since fits into the kernel's buffers.
const SILENCE: Duration = Duration::from_secs(15);
/// Who takes nothing for this long though something waits is closed.
const STUCK: Duration = Duration::from_secs(20);
/// Time for taking leave.
const LEAVE: Duration = Duration::from_secs(1);
/// Messages of a client in one second.
const MESSAGES: u32 = 10;
/// Time between two looks at whether the socket may stay.
const CHECK: Duration = Duration::from_secs(4);
/// Clients come back within this time after the server went away, ms.
const BYE_WITHIN_MS: i64 = 5_000;

/// Answers whether a socket may stay.
pub type Check = Box<dyn Fn() -> BoxFuture<'static, bool> + Send + Sync>;

/// The handshake of a request, checked.
#[derive(Debug)]
pub struct Upgrade {
    on_upgrade: OnUpgrade,
    accept: String,
}

/// What a socket's task needs.
pub struct Live {
    /// The sending side.
    pub outlet: Arc<Outlet>,
    /// What the client sent before the upgrade was done.
    pub early: Vec<u8>,
    /// Time in messages.
    pub clock: Clock,
    /// The server stops.
    pub stopping: CancellationToken,
    /// Whether it may stay; asked every few seconds.
    pub check: Option<Check>,
}

impl std::fmt::Debug for Live {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Live").field("outlet", &self.outlet).finish_non_exhaustive()
    }
}

fn has(headers: &HeaderMap, name: header::HeaderName, word: &str) -> bool {
    let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|part| part.trim().eq_ignore_ascii_case(word))
}

impl Upgrade {
    /// Checks the handshake; 426 when the request is none.
    pub fn of(parts: &mut Parts) -> ApiResult<Self> {
        let refuse = || {
            ApiError::new(StatusCode::UPGRADE_REQUIRED, "upgrade", "该地址只接受 WebSocket（版本 13）连接。")
        };
        let key = parts.headers.get(header::SEC_WEBSOCKET_KEY).filter(|key| key.len() == 24);
        let accept = key.map(|key| derive_accept_key(key.as_bytes())).ok_or_else(refuse)?;
        let asked = has(&parts.headers, header::CONNECTION, "upgrade")
            && has(&parts.headers, header::UPGRADE, "websocket")
            && has(&parts.headers, header::SEC_WEBSOCKET_VERSION, "13");
        let on_upgrade = parts.extensions.remove::<OnUpgrade>().filter(|_| asked).ok_or_else(refuse)?;
        Ok(Self { on_upgrade, accept })
    }

    /// The answer 101.
    pub fn response(&self) -> Response {
        let headers = [
            (header::CONNECTION, "Upgrade"),
            (header::UPGRADE, "websocket"),
            (header::SEC_WEBSOCKET_ACCEPT, self.accept.as_str()),
        ];
        (StatusCode::SWITCHING_PROTOCOLS, headers).into_response()
    }

    /// The bare connection after the answer went out, and what the client sent meanwhile. `None` when the client
    /// went away.
    pub async fn stream(self) -> Option<(TcpStream, Vec<u8>)> {
        let upgraded = self.on_upgrade.await.ok()?;
        let (stream, early) = bare(upgraded)?;
        // Two quick messages would wait for the first one's ACK.
        let _ = stream.set_nodelay(true);
        Some((stream, early))
    }
}

/// Takes hyper's wrapping off.
fn bare(upgraded: Upgraded) -> Option<(TcpStream, Vec<u8>)> {
    let Ok(parts) = hyper_util::server::conn::auto::upgrade::downcast::<TokioIo<TcpStream>>(upgraded) else {
        tracing::error!("a socket's connection is not plain TCP: TLS belongs in front of this server");
        return None;
    };
    Some((parts.io.into_inner(), parts.read_buf.to_vec()))
}

/// Runs a socket until it ends.
pub async fn run(mut live: Live) {
    let code = match serve(&mut live).await {
        End::Gone => return,
        End::Code(code) => code,
    };
    let mut last = Vec::new();
    if code == frames::GOING_AWAY {
        let bye = Body::Bye(Bye { within_ms: BYE_WITHIN_MS });
        last.push(Frame::text(0, &encode(&Message { seq: None, at: live.clock.now(), body: bye })));
    }
    last.push(Frame::close(code));
    // Whoever does not take leave in time is dropped.
    let _ = timeout(LEAVE, leave(&live.outlet, &last)).await;
}

/// How a socket ends.
enum End {
    /// The far end is gone.
    Gone,
    /// We close with this code.
    Code(CloseCode),
}

/// What a socket's timers ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Due {
    /// Nothing yet.
    Nothing,
    /// A ping.
    Ping,
    /// The far end does not live any more.
    Gone,
}

/// Moments of one socket.
struct Watch {
    heard: Instant,
    pinged: bool,
    /// Since when nothing goes out though something waits, and how much went before.
    stuck: Option<(Instant, u64)>,
    check: Instant,
    second: Instant,
    messages: u32,
}

impl Watch {
    fn new(now: Instant) -> Self {
        Self { heard: now, pinged: false, stuck: None, check: now + CHECK, second: now, messages: 0 }
    }

    /// When to look next.
    fn next(&self, checks: bool) -> Instant {
        let ping = self.heard + if self.pinged { PING + SILENCE } else { PING };
        let stuck = self.stuck.map_or(ping, |(since, _)| ping.min(since + STUCK));
        if checks { stuck.min(self.check) } else { stuck }
    }

    /// What this moment asks for.
    fn due(&mut self, now: Instant) -> Due {
        let stuck = self.stuck.is_some_and(|(since, _)| now >= since + STUCK);
        if stuck || now >= self.heard + PING + SILENCE {
            return Due::Gone;
        }
        if !self.pinged && now >= self.heard + PING {
            self.pinged = true;
            return Due::Ping;
        }
        Due::Nothing
    }

    fn hear(&mut self, now: Instant) {
        (self.heard, self.pinged) = (now, false);
    }

    fn stands(&mut self, standing: Standing, now: Instant) {
        self.stuck = match (standing, self.stuck) {
            (Standing::Waiting(written), Some(stuck)) if stuck.1 == written => Some(stuck),
            (Standing::Waiting(written), _) => Some((now, written)),
            _ => None,
        };
    }

    /// Counts what a client sends; false when it is too much.
    fn count(&mut self) -> bool {
        if self.second.elapsed() >= Duration::from_secs(1) {
            (self.second, self.messages) = (Instant::now(), 0);
        }
        self.messages += 1;
        self.messages <= MESSAGES
    }
}

async fn serve(live: &mut Live) -> End {
    let (outlet, mut reader, mut watch) = (&live.outlet, Reader::default(), Watch::new(Instant::now()));
    let early = std::mem::take(&mut live.early);
    if let Err(end) = take(outlet, &mut reader, &mut watch, &early) {
        return end;
    }
    drop(early);
    loop {
        let standing = outlet.flush();
        match standing {
            Standing::Behind => return End::Code(frames::BEHIND),
            Standing::Closed => return End::Gone,
            Standing::Idle | Standing::Waiting(_) => watch.stands(standing, Instant::now()),
        }
        let interest =
            if watch.stuck.is_some() { Interest::READABLE | Interest::WRITABLE } else { Interest::READABLE };
        tokio::select! {
            () = live.stopping.cancelled() => return End::Code(frames::GOING_AWAY),
            () = outlet.wake.notified() => {}
            ready = outlet.io().ready(interest) => {
                let Ok(ready) = ready else { return End::Gone };
                // Otherwise it takes more, and the next turn writes.
                if ready.is_readable() && let Err(end) = read(outlet, &mut reader, &mut watch) {
                    return end;
                }
            }
            () = sleep_until(watch.next(live.check.is_some())) => {
                if let Some(end) = on_time(outlet, &mut watch, live.check.as_ref()).await {
                    return end;
                }
            }
        }
    }
}

async fn on_time(outlet: &Outlet, watch: &mut Watch, check: Option<&Check>) -> Option<End> {
    let now = Instant::now();
    match watch.due(now) {
        Due::Gone => return Some(End::Gone),
        Due::Ping => outlet.push(&Frame::ping()),
        Due::Nothing => {}
    }
    if let Some(check) = check
        && now >= watch.check
    {
        watch.check = now + CHECK;
        if !check().await {
            return Some(End::Code(frames::POLICY));
        }
    }
    None
}

/// Reads what is there. The buffer lives only here, not as long as the socket.
fn read(outlet: &Outlet, reader: &mut Reader, watch: &mut Watch) -> Result<(), End> {
    let mut buffer = [0; 1024];
    match outlet.io().try_read(&mut buffer) {
        Ok(0) => Err(End::Gone),
        Ok(count) => take(outlet, reader, watch, &buffer[..count]),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(()),
        Err(_) => Err(End::Gone),
    }
}

fn take(outlet: &Outlet, reader: &mut Reader, watch: &mut Watch, bytes: &[u8]) -> Result<(), End> {
    for incoming in reader.take(bytes).map_err(End::Code)? {
        watch.hear(Instant::now());
        match incoming {
            Incoming::Close => return Err(End::Code(frames::NORMAL)),
            Incoming::Text | Incoming::Ping(_) if !watch.count() => return Err(End::Code(frames::POLICY)),
            Incoming::Text | Incoming::Pong => {}
            Incoming::Ping(payload) => outlet.push(&Frame::pong(&payload)),
        }
    }
    Ok(())
}

/// Sends the last frames and waits until the client has closed too.
async fn leave(outlet: &Outlet, last: &[Frame]) {
    let mut done = outlet.close(last);
    while !done {
        if outlet.io().writable().await.is_err() {
            return;
        }
        done = outlet.finish();
    }
    let _ = socket2::SockRef::from(outlet.io()).shutdown(std::net::Shutdown::Write);
    while outlet.io().readable().await.is_ok() && ignore(outlet) {}
}

/// Reads and forgets; false when the far end has closed.
fn ignore(outlet: &Outlet) -> bool {
    let mut buffer = [0; 1024];
    match outlet.io().try_read(&mut buffer) {
        Ok(count) => count > 0,
        Err(error) => error.kind() == ErrorKind::WouldBlock,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    /// What is promised of a reader that stopped.
    const PROMISED: Duration = Duration::from_secs(30);

    /// Looks whenever the watch wants to, and says after what time the socket is gone and how many pings went out.
    fn until_gone(mut watch: Watch, begun: Instant) -> (Duration, u32) {
        let mut pings = 0;
        loop {
            let now = watch.next(false);
            match watch.due(now) {
                Due::Gone => return (now - begun, pings),
                Due::Ping => pings += 1,
                Due::Nothing => panic!("it looks at a moment when there is nothing to do"),
            }
        }
    }

    #[test]
    fn who_is_silent_is_pinged_once_and_gone_within_the_promised_time() {
        let begun = Instant::now();
        let (gone, pings) = until_gone(Watch::new(begun), begun);
        assert_eq!((gone, pings), (PING + SILENCE, 1));
        assert!(gone < PROMISED);
    }

    #[test]
    fn who_answers_stays() {
        let begun = Instant::now();
        let (mut watch, mut now) = (Watch::new(begun), begun);
        for _ in 0..1000 {
            now = watch.next(false);
            assert_eq!(watch.due(now), Due::Ping);
            now += SECOND;
            watch.hear(now);
            assert_eq!(watch.due(now), Due::Nothing);
        }
        assert_eq!(until_gone(watch, now).0, PING + SILENCE, "and is missed when it stops");
    }

    #[test]
    fn who_takes_nothing_is_gone_even_if_it_talks() {
        let begun = Instant::now();
        let mut watch = Watch::new(begun);
        for second in 0..20 {
            let now = begun + SECOND * second;
            watch.hear(now);
            watch.stands(Standing::Waiting(77), now);
            assert_eq!(watch.due(now), Due::Nothing);
        }
        assert_eq!(watch.next(false), begun + STUCK);
        assert_eq!(watch.due(begun + STUCK), Due::Gone);
        assert!(STUCK < PROMISED);
    }

    #[test]
    fn who_takes_a_little_from_time_to_time_stays() {
        let begun = Instant::now();
        let mut watch = Watch::new(begun);
        for second in 0..600_u32 {
            let now = begun + SECOND * second;
            watch.hear(now);
            watch.stands(Standing::Waiting(u64::from(second / 19)), now);
            assert_eq!(watch.due(now), Due::Nothing, "after {second} s");
        }
        watch.stands(Standing::Idle, begun);
        assert!(watch.stuck.is_none());
    }
}
