//! Where a request comes from, for limits of callers that have no session.

use std::net::{IpAddr, SocketAddr};

use axum::extract::ConnectInfo;
use http::request::Parts;

use crate::app::App;

/// The far end's address; what our own proxies say of it is believed, what anybody else says is not.
pub(super) fn of(app: &App, parts: &Parts) -> Option<IpAddr> {
    let trusted = &app.config().server.trusted_proxies;
    let ConnectInfo(peer) = parts.extensions.get::<ConnectInfo<SocketAddr>>()?;
    let mut address = peer.ip();
    let forwarded =
        parts.headers.get_all("x-forwarded-for").into_iter().filter_map(|value| value.to_str().ok());
    let mut hops: Vec<&str> = forwarded.flat_map(|value| value.split(',')).map(str::trim).collect();
    while trusted.contains(&address)
        && let Some(before) = hops.pop().and_then(|hop| hop.parse().ok())
    {
        address = before;
    }
    Some(address)
}
