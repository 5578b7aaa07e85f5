//! Fan-out: events in SQL, the hub that brings them to sockets, and the sockets themselves.
//!
//! A command appends its events inside its transaction ([`events::append`]) and publishes them after the commit.
//! Publishing only makes it quick: what a hub missed (bus away, process killed in between) it finds in SQL. Every
//! socket gets every event once, in order.

mod counts;
mod envelope;
pub mod events;
pub mod files;
mod follow;
mod frames;
mod hub;
mod outlet;
pub mod presence;
mod pulse;
mod room;
mod sealed;
mod shards;
mod socket;
mod ticks;
mod wants;

pub use self::{
    counts::counts,
    frames::Frame,
    hub::{Hub, HubParts, Permit, Seat},
    outlet::Outlet,
    sealed::Sealed,
    socket::{Check, Live, Upgrade, run},
    wants::{Viewer, Wants},
};

/// Text of a message.
pub fn encode(message: &crate::wire::Message) -> String {
    serde_json::to_string(message).unwrap_or_default()
}
