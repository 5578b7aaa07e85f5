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
    pulse::{CHECK, Dead, Due, Watch},
};
use crate::{
    clock::Clock,
    error::{ApiError, ApiResult},
    watch,
    wire::{Body, Bye, Message},
};

/// Time for taking leave.
const LEAVE: Duration = Duration::from_secs(1);
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
        End::Dead(why) => return bury(&live.outlet, why),
        End::Code(code) => code,
    };
    match code {
        frames::BEHIND => closed("behind"),
        frames::POLICY => closed("policy"),
        _ => {}
    }
    let mut last = Vec::new();
    if code == frames::GOING_AWAY {
        let bye = Body::Bye(Bye { within_ms: BYE_WITHIN_MS });
        last.push(Frame::text(0, &encode(&Message { seq: None, at: live.clock.now(), body: bye })));
    }
    last.push(Frame::close(code));
    // Whoever does not take leave in time is dropped.
    let left = timeout(LEAVE, leave(&live.outlet, &last)).await;
    if left.is_err() && code == frames::BEHIND {
        live.outlet.forget();
    }
}

fn bury(outlet: &Outlet, why: Dead) {
    closed(why.word());
    outlet.forget();
}

fn closed(why: &'static str) {
    metrics::counter!(watch::SOCKETS_CLOSED, "why" => why).increment(1);
}

/// How a socket ends.
enum End {
    /// The far end is gone.
    Gone,
    /// It does not live any more, though nobody said so.
    Dead(Dead),
    /// We close with this code.
    Code(CloseCode),
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
        Due::Gone(why) => return Some(End::Dead(why)),
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
    use tokio::{
        io::AsyncReadExt,
        net::{TcpListener, TcpStream},
    };

    use super::*;
    use crate::live::wants::{Viewer, Wants};

    /// Bytes of the task of a socket when this was written, and a tenth.
    const SIZE_MAX: usize = 818;

    /// The far end, and what our side runs on.
    async fn pair() -> (TcpStream, Live) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let far = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let wants = Wants { viewer: Viewer::Screen, sealed: false };
        let outlet = Arc::new(Outlet::new(listener.accept().await.unwrap().0, wants));
        outlet.open(0, Vec::new());
        let stopping = CancellationToken::new();
        (far, Live { outlet, early: Vec::new(), clock: Clock::System, stopping, check: None })
    }

    /// Ten thousand of them lie in memory at once: what is added here is paid ten thousand times.
    #[tokio::test]
    async fn a_socket_that_sleeps_is_small() {
        let (_far, live) = pair().await;
        let future = run(live);
        let size = std::mem::size_of_val(&future);
        assert!(size <= SIZE_MAX, "{size} bytes");
    }

    /// Nothing of what waits for a reader that stopped stays in the kernel once it is given up.
    #[tokio::test]
    async fn a_frozen_reader_leaves_nothing_behind() {
        let (mut far, live) = pair().await;
        let large = "x".repeat(60_000);
        let mut sent = 0;
        while !matches!(live.outlet.flush(), Standing::Waiting(_)) {
            live.outlet.push(&Frame::text(0, &large));
            sent += large.len();
        }
        bury(&live.outlet, Dead::Stuck);
        drop(live);
        let mut seen = Vec::new();
        let end = far.read_to_end(&mut seen).await;
        assert_eq!(end.unwrap_err().kind(), ErrorKind::ConnectionReset);
        assert!(seen.len() < sent, "{} of {sent}", seen.len());
    }
}
