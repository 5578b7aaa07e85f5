//! The sending side of one socket. Whoever has something for it writes at once if nothing waits; what does not fit
//! waits in a bounded queue that the socket's own task writes out. One lock per socket keeps frames whole.

use std::{
    collections::VecDeque,
    io::{self, ErrorKind},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use rustix::net::SendFlags;
use socket2::SockRef;
use tokio::{net::TcpStream, sync::Notify};

use super::{
    frames::{Boxed, Frame},
    wants::Wants,
};
use crate::watch;

/// With so many waiting for a socket already, numbers for show are left out for it.
const PASSING_MAX: usize = 4;
/// Frames that may wait for a socket; with more it is closed and comes back with `after`.
const QUEUE_MAX: usize = 256;

/// The sending side of one socket.
#[derive(Debug)]
pub struct Outlet {
    io: TcpStream,
    out: Mutex<Out>,
    /// Something waits, or the outlet fell behind.
    pub(super) wake: Notify,
    wants: Wants,
}

#[derive(Debug)]
struct Out {
    state: State,
    /// Number of the last event that was sent or queued.
    last: i64,
    /// The box of winners that was sent or queued last; 0 for none.
    holds: u64,
    queue: VecDeque<Frame>,
    /// Bytes of the first frame in the queue that are written.
    offset: usize,
    /// Bytes written so far.
    written: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Until the snapshot is there, events wait.
    Paused,
    /// Sends.
    Open,
    /// Too many waited: sends nothing more.
    Behind,
    /// The far end is gone, or was told that we close.
    Closed,
}

/// How the queue stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Nothing waits.
    Idle,
    /// Something waits until the socket takes more; this many bytes went so far.
    Waiting(u64),
    /// Fell behind.
    Behind,
    /// Gone.
    Closed,
}

impl Outlet {
    /// Paused until [`Self::open`].
    pub fn new(io: TcpStream, wants: Wants) -> Self {
        let out =
            Out { state: State::Paused, last: 0, holds: 0, queue: VecDeque::new(), offset: 0, written: 0 };
        Self { io, out: Mutex::new(out), wake: Notify::new(), wants }
    }

    pub(super) fn io(&self) -> &TcpStream {
        &self.io
    }

    fn out(&self) -> MutexGuard<'_, Out> {
        self.out.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Frames that wait.
    pub(super) fn waiting(&self) -> usize {
        self.out().queue.len()
    }

    /// The kernel forgets what it has not sent yet as soon as this is closed, instead of trying for many minutes to
    /// bring it to somebody who reads no more.
    pub(super) fn forget(&self) {
        let _ = SockRef::from(&self.io).set_linger(Some(Duration::ZERO));
    }

    /// Sends, or lets it wait. Events that this socket had already are passed over.
    pub(super) fn push(&self, frame: &Frame) {
        if !frame.to.reaches(self.wants) {
            return;
        }
        let mut out = self.out();
        if matches!(out.state, State::Behind | State::Closed) || (frame.seq != 0 && frame.seq <= out.last) {
            return;
        }
        if frame.passing && out.queue.len() >= PASSING_MAX {
            metrics::counter!(watch::PASSING_DROPS).increment(1);
            return;
        }
        if out.queue.len() >= QUEUE_MAX {
            out.state = State::Behind;
            metrics::counter!(watch::SLOW_READERS).increment(1);
            // A frame under way is kept: the close frame must not stand in its middle.
            let keep = usize::from(out.offset > 0);
            out.queue.truncate(keep);
        } else {
            out.last = out.last.max(frame.seq);
            if let Boxed::Is(id) = frame.boxed {
                out.holds = id;
            }
            let bytes = frame.for_holder(out.holds);
            if out.at_once(&self.io, bytes) {
                return;
            }
            if out.state != State::Closed {
                out.queue.push_back(Frame { bytes: bytes.clone(), ..frame.clone() });
            }
            if out.state == State::Paused {
                return;
            }
        }
        drop(out);
        self.wake.notify_one();
    }

    /// Sends `first` and then what has waited: messages without number, and events after `seq`, of which `first`
    /// tells.
    pub fn open(&self, seq: i64, mut first: Vec<Frame>) {
        let mut out = self.out();
        if out.state != State::Paused {
            return;
        }
        first.retain(|frame| frame.to.reaches(self.wants));
        for frame in &first {
            if let Boxed::Is(id) = frame.boxed {
                out.holds = id;
            }
        }
        let waited = std::mem::take(&mut out.queue);
        out.queue = first.into();
        out.queue.extend(waited.into_iter().filter(|frame| frame.seq == 0 || frame.seq > seq));
        out.last = out.last.max(seq);
        out.state = State::Open;
        if !out.flush(&self.io) {
            drop(out);
            self.wake.notify_one();
        }
    }

    /// Writes as much as the socket takes now.
    pub(super) fn flush(&self) -> Standing {
        let mut out = self.out();
        match out.state {
            State::Closed => return Standing::Closed,
            State::Behind => return Standing::Behind,
            State::Paused => return Standing::Idle,
            State::Open => {}
        }
        if out.flush(&self.io) {
            Standing::Idle
        } else if out.state == State::Closed {
            Standing::Closed
        } else {
            Standing::Waiting(out.written)
        }
    }

    /// Takes leave: the frame under way is finished if possible, the rest of the queue is dropped, then `last` goes
    /// out. Returns whether all of it is written; if not, [`Self::finish`] goes on.
    pub(super) fn close(&self, last: &[Frame]) -> bool {
        let mut out = self.out();
        let keep = usize::from(out.offset > 0).min(out.queue.len());
        out.queue.truncate(keep);
        out.queue.extend(last.iter().cloned());
        let done = out.flush(&self.io);
        out.state = State::Closed;
        done
    }

    /// Goes on writing what [`Self::close`] left.
    pub(super) fn finish(&self) -> bool {
        self.out().flush(&self.io)
    }
}

impl Out {
    /// Writes a frame if nothing waits before it; true when all of it went out. Nearly every frame does, so it costs
    /// no place in a queue, and no count of who shares its bytes, which all threads would change at once.
    fn at_once(&mut self, io: &TcpStream, bytes: &[u8]) -> bool {
        // Past what tokio notes of the socket, which would be one more place in memory for each of ten thousand. The
        // socket's own task looks again before it waits for room.
        let send = |part: &[u8]| Ok(rustix::net::send(io, part, SendFlags::DONTWAIT)?);
        self.state == State::Open && self.queue.is_empty() && self.write(bytes, send)
    }

    /// Writes what waits; true when nothing waits any more.
    fn flush(&mut self, io: &TcpStream) -> bool {
        while let Some(frame) = self.queue.front() {
            let bytes = frame.bytes.clone();
            if !self.write(&bytes, |part| io.try_write(part)) {
                return false;
            }
            self.queue.pop_front();
        }
        // Who is idle keeps no memory for it.
        self.queue = VecDeque::new();
        true
    }

    /// Writes a frame from where it stands; true when it is done.
    fn write(&mut self, bytes: &[u8], send: impl Fn(&[u8]) -> io::Result<usize>) -> bool {
        while self.offset < bytes.len() {
            match send(&bytes[self.offset..]) {
                Ok(count) if count > 0 => {
                    self.offset += count;
                    self.written += u64::try_from(count).unwrap_or(0);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return false,
                Ok(_) | Err(_) => {
                    (self.state, self.offset, self.queue) = (State::Closed, 0, VecDeque::new());
                    return false;
                }
            }
        }
        self.offset = 0;
        true
    }
}

#[cfg(test)]
mod tests {
    use tokio::{io::AsyncReadExt, net::TcpListener};

    use super::*;
    use crate::live::wants::{To, Viewer};

    /// A reader that takes nothing yet, and the sending side of its socket.
    async fn slow() -> (TcpStream, Outlet) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let reader = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let wants = Wants { viewer: Viewer::Screen, sealed: false };
        let outlet = Outlet::new(listener.accept().await.unwrap().0, wants);
        outlet.open(0, Vec::new());
        (reader, outlet)
    }

    #[tokio::test]
    async fn a_slow_reader_goes_without_numbers_for_show_and_misses_no_event() {
        let (mut reader, outlet) = slow().await;
        let large = "x".repeat(60_000);
        let mut seq = 0;
        while outlet.out().queue.len() < PASSING_MAX {
            seq += 1;
            outlet.push(&Frame::text(seq, &large));
        }
        for _ in 0..10 * QUEUE_MAX {
            outlet.push(&Frame::passing(To::All, "a number for show"));
        }
        assert!(matches!(outlet.flush(), Standing::Waiting(_)), "it is not behind");
        outlet.push(&Frame::text(seq + 1, "the winners"));
        let last = outlet.out().queue.back().cloned().unwrap().bytes.to_vec();
        let mut seen = Vec::new();
        let mut piece = vec![0; 65_536];
        while !seen.ends_with(&last) {
            let waits = matches!(outlet.flush(), Standing::Waiting(_));
            tokio::select! {
                ready = outlet.io().writable(), if waits => ready.unwrap(),
                count = reader.read(&mut piece) => seen.extend_from_slice(&piece[..count.unwrap()]),
            }
        }
        assert!(!String::from_utf8_lossy(&seen).contains("for show"));
        outlet.push(&Frame::passing(To::All, "a number for show"));
        let count = reader.read(&mut piece).await.unwrap();
        assert!(String::from_utf8_lossy(&piece[..count]).contains("for show"), "it has caught up");
    }
}
