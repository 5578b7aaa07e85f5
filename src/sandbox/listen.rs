//! The TLS listener of the pay server, with connections that a fault can cut.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// A handshake that takes longer is given up.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// Finished handshakes that wait for the HTTP server.
const READY_QUEUE: usize = 64;

/// What a handler knows about its connection.
#[derive(Debug, Clone)]
pub(super) struct Peer {
    /// A certificate of the sandbox's authority was shown.
    pub(super) certified: bool,
    cut: Arc<AtomicBool>,
}

impl Peer {
    /// From now on nothing more is written: the client sees the connection end without an answer.
    pub(super) fn cut(&self) {
        self.cut.store(true, Ordering::SeqCst);
    }
}

/// Accepts in the background, so that a slow handshake does not hold up the next client.
pub(super) struct TlsListener {
    ready: mpsc::Receiver<(Wire, SocketAddr)>,
    local: SocketAddr,
}

impl TlsListener {
    pub(super) fn start(
        listener: TcpListener,
        config: ServerConfig,
        tracker: &TaskTracker,
        shutdown: CancellationToken,
    ) -> io::Result<Self> {
        let local = listener.local_addr()?;
        let (sender, ready) = mpsc::channel(READY_QUEUE);
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let handshakes = tracker.clone();
        tracker.spawn(async move {
            loop {
                let accepted = tokio::select! {
                    () = shutdown.cancelled() => return,
                    accepted = listener.accept() => accepted,
                };
                // A failed accept is the peer's end or too many files: the next one may work.
                let Ok((stream, from)) = accepted else {
                    tokio::task::yield_now().await;
                    continue;
                };
                handshakes.spawn(handshake(acceptor.clone(), stream, from, sender.clone()));
            }
        });
        Ok(Self { ready, local })
    }
}

async fn handshake(
    acceptor: TlsAcceptor,
    stream: TcpStream,
    from: SocketAddr,
    ready: mpsc::Sender<(Wire, SocketAddr)>,
) {
    // Small answers must not wait for more; failing to say so only costs time.
    let _ = stream.set_nodelay(true);
    if let Ok(Ok(stream)) = tokio::time::timeout(HANDSHAKE_TIMEOUT, acceptor.accept(stream)).await {
        // The HTTP server is gone only at shutdown.
        let _ = ready.send((Wire { stream, cut: Arc::default() }, from)).await;
    }
}

impl Listener for TlsListener {
    type Io = Wire;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        match self.ready.recv().await {
            Some(connection) => connection,
            // Shutting down: nothing more will come.
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        Ok(self.local)
    }
}

impl Connected<IncomingStream<'_, TlsListener>> for Peer {
    fn connect_info(stream: IncomingStream<'_, TlsListener>) -> Self {
        let wire = stream.io();
        let certified = wire.stream.get_ref().1.peer_certificates().is_some();
        Self { certified, cut: Arc::clone(&wire.cut) }
    }
}

/// A TLS connection that can be cut.
pub(super) struct Wire {
    stream: TlsStream<TcpStream>,
    cut: Arc<AtomicBool>,
}

impl Wire {
    fn is_cut(&self) -> bool {
        self.cut.load(Ordering::SeqCst)
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.is_cut() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.is_cut() {
            // A cut line says no goodbye.
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
