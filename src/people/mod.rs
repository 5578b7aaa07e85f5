//! The roster: who is invited. Spreadsheets come in (`table`, `import`, `pending`), people are listed and edited
//! (`roster`), some register themselves (`registration`) or change phones (`rebind`), badges are printed (`badge`), books go out (`xlsx_out`, `export`), numbers for charts too (`stats`), and each
//! attendee sees their own page (`me`, `confirm`). Phone numbers are
//! sealed at rest, found by a keyed index, and shown masked.

pub mod badge;
mod confirm;
mod export;
pub mod follow;
mod http;
mod http_photo;
pub mod import;
pub mod me;
pub mod pending;
pub mod photo;
mod rebind;
pub mod registration;
pub mod roster;
mod sql;
mod stats;
pub mod table;
pub mod trouble;
pub mod xlsx_out;

#[cfg(test)]
mod hostile;

pub use export::{packet_word, yuan};
pub use http::{file as uploaded_file, router};
pub use rebind::{Left, leave_other_phone};

use crate::{
    app::App,
    wire::{Body, Counts},
};

/// Everybody who looks on learns that the numbers changed; they are counted anew where they are shown.
pub fn tell_counts(app: &App, meeting: &str) {
    app.publish_ephemeral(meeting, Body::Counts(Counts::default()));
}
