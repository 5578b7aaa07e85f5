//! What pages see live: the snapshot, the socket's address, the pairing of screens, and what the screen shows.

mod address;
mod http;
mod pairing;
mod scene;
mod snapshot;
mod ws;

pub use http::router;
pub use snapshot::snapshot;
