//! The roster: who is invited. Spreadsheets come in (`table`, `import`), people are listed and edited (`roster`), and
//! books go out (`xlsx_out`). Phone numbers are sealed at rest, found by a keyed index, and shown masked.

pub mod import;
pub mod phone;
pub mod table;
pub mod xlsx_out;

pub use phone::{Phone, PhoneError};
