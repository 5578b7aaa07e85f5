//! How viewers and the phone come in.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use anyhow::Context;
use futures_util::StreamExt;
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{client::IntoClientRequest, protocol::WebSocketConfig},
};

use super::{child::nanos, line::Line};
use crate::keys;

/// From so many addresses viewers come.
const ADDRESSES: u8 = 16;

/// How a viewer comes in.
#[derive(Clone, Debug)]
pub(in crate::bench) struct Door {
    pub(in crate::bench) address: String,
    /// Path and query.
    pub(in crate::bench) target: String,
    pub(in crate::bench) headers: Vec<(&'static str, String)>,
    /// It is our protocol: a first message comes by itself, and missed events are asked for.
    pub(in crate::bench) ours: bool,
}

/// An open socket.
pub(in crate::bench) type Socket = WebSocketStream<Line>;

/// Small buffers: twenty thousand of the usual ones would be the benchmark's own burden.
pub(super) fn settings() -> WebSocketConfig {
    WebSocketConfig::default().read_buffer_size(2048).write_buffer_size(0)
}

impl Door {
    /// Into a meeting of ours.
    pub(in crate::bench) fn of(
        address: String,
        (meeting, role): (&str, &str),
        headers: Vec<(&'static str, String)>,
    ) -> Self {
        Self { address, target: format!("/ws/{meeting}?role={role}"), headers, ours: true }
    }

    /// Opens it; with `after` not 0 as one that was there before.
    pub(in crate::bench) async fn open(&self, after: i64) -> anyhow::Result<Socket> {
        let resume = if self.ours && after > 0 { format!("&after={after}") } else { String::new() };
        let url = format!("ws://{}{}{resume}", self.address, self.target);
        let mut request = url.into_client_request()?;
        for (name, value) in &self.headers {
            request.headers_mut().insert(*name, value.parse()?);
        }
        let stream = connect(&self.address).await?;
        Ok(client_async_with_config(request, stream, Some(settings())).await?.0)
    }
}

#[cfg(not(target_os = "linux"))]
pub(super) async fn connect(address: &str) -> anyhow::Result<Line> {
    Ok(Line::new(TcpStream::connect(address).await?)?)
}

/// Viewers on this machine come from several of its own addresses: from a single one, the search of the system for a free
/// port takes longer than all that is measured once half of the ports are in use.
#[cfg(target_os = "linux")]
pub(super) async fn connect(address: &str) -> anyhow::Result<Line> {
    let server = tokio::net::lookup_host(address).await?.next().context("an address")?;
    if server.ip() != IpAddr::V4(Ipv4Addr::LOCALHOST) {
        return Ok(Line::new(TcpStream::connect(server).await?)?);
    }
    let socket = TcpSocket::new_v4()?;
    let [from] = keys::random::<1>();
    // Bound to a port as well, thousands of them would take that port away from every other connection of this machine.
    nix::sys::socket::setsockopt(&socket, nix::sys::socket::sockopt::IpBindAddressNoPort, &true)?;
    socket.bind(SocketAddr::from((Ipv4Addr::new(127, 0, 0, 1 + from % ADDRESSES), 0)))?;
    Ok(Line::new(socket.connect(server).await?)?)
}

/// One person's phone.
pub(super) struct Phone {
    socket: Socket,
}

impl Phone {
    /// Opens it and waits for the present state.
    pub(super) async fn open(door: &Door) -> anyhow::Result<Self> {
        let mut phone = Self { socket: door.open(0).await? };
        phone.until(r#""type":"me""#).await?;
        Ok(phone)
    }

    async fn until(&mut self, part: &str) -> anyhow::Result<u64> {
        loop {
            let message = self.socket.next().await.context("the phone's socket was closed")??;
            let now = nanos();
            if message.to_text().is_ok_and(|text| text.contains(part)) {
                return Ok(now);
            }
        }
    }

    /// When a message to this name came.
    pub(super) async fn hear(&mut self, name: &str) -> anyhow::Result<u64> {
        self.until(&format!(r#""name":"{name}""#)).await
    }
}
