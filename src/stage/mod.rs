//! What pages see live: the snapshot, the socket's address, the pairing of screens, what the screen shows and how it looks.

mod http;
mod pairing;
mod presence;
mod scene;
mod show;
mod snapshot;
mod wall;
mod ws;

pub use http::router;
pub use snapshot::snapshot;
