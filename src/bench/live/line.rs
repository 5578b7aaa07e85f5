//! A viewer's connection that tells when the system had what was read. Thousands of viewers share this machine with the
//! server: when their turn comes to read says how busy the viewers are, not when the message was there.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, Interest, ReadBuf},
    net::TcpStream,
};

use super::child::nanos;

/// The connection.
#[derive(Debug)]
pub(in crate::bench) struct Line {
    stream: TcpStream,
    stamps: Stamps,
    came: u64,
}

impl Line {
    /// Around a connection.
    pub(super) fn new(stream: TcpStream) -> io::Result<Self> {
        let stamps = Stamps::ask(&stream)?;
        Ok(Self { stream, stamps, came: 0 })
    }

    /// When the system had the last of what was read, nanoseconds of its clock.
    pub(super) fn came(&self) -> u64 {
        self.came
    }
}

impl AsyncRead for Line {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            ready!(this.stream.poll_read_ready(cx))?;
            let (stream, stamps) = (&this.stream, &mut this.stamps);
            let read =
                stream.try_io(Interest::READABLE, || stamps.receive(stream, into.initialize_unfilled()));
            match read {
                Ok((count, came)) => {
                    into.advance(count);
                    this.came = came.unwrap_or_else(nanos);
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl AsyncWrite for Line {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

/// The system's times of arrival.
#[cfg(target_os = "linux")]
#[derive(Debug)]
struct Stamps {
    space: Vec<u8>,
}

#[cfg(target_os = "linux")]
impl Stamps {
    fn ask(stream: &TcpStream) -> io::Result<Self> {
        use nix::sys::socket::{setsockopt, sockopt::ReceiveTimestampns};
        setsockopt(stream, ReceiveTimestampns, &true)?;
        Ok(Self { space: nix::cmsg_space!(nix::sys::time::TimeSpec) })
    }

    fn receive(&mut self, stream: &TcpStream, into: &mut [u8]) -> io::Result<(usize, Option<u64>)> {
        use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg};
        use std::os::fd::AsRawFd;

        let mut into = [io::IoSliceMut::new(into)];
        let space = Some(&mut self.space[..]);
        let read = recvmsg::<()>(stream.as_raw_fd(), &mut into, space, MsgFlags::MSG_DONTWAIT)?;
        let came = read.cmsgs()?.find_map(|told| match told {
            ControlMessageOwned::ScmTimestampns(at) => {
                u64::try_from(at.tv_sec() * 1_000_000_000 + at.tv_nsec()).ok()
            }
            _ => None,
        });
        Ok((read.bytes, came))
    }
}

/// Other systems: the time of reading.
#[cfg(not(target_os = "linux"))]
#[derive(Debug)]
struct Stamps;

#[cfg(not(target_os = "linux"))]
impl Stamps {
    fn ask(_: &TcpStream) -> io::Result<Self> {
        Ok(Self)
    }

    fn receive(&mut self, stream: &TcpStream, into: &mut [u8]) -> io::Result<(usize, Option<u64>)> {
        Ok((stream.try_read(into)?, None))
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    use super::*;

    /// Tries until the system, asked for the first time, gives times.
    const TRIES: usize = 10_000;

    #[tokio::test]
    async fn a_message_counts_from_when_it_was_there_not_from_when_it_was_read() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut line = Line::new(TcpStream::connect(listener.local_addr().unwrap()).await.unwrap()).unwrap();
        let (mut far, _) = listener.accept().await.unwrap();
        for _ in 0..TRIES {
            let before = nanos();
            far.write_all(b"event").await.unwrap();
            let sent = nanos();
            line.read_exact(&mut [0; 5]).await.unwrap();
            assert!(line.came() >= before);
            if line.came() <= sent {
                return;
            }
        }
        panic!("only times of reading");
    }
}
