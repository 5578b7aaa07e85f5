//! The desk of finance after the evening: the books of a day, the payer's statement against ours, and what the
//! accountant needs for the tax on prizes; and alarms for what cannot wait. Money is moved by [`crate::payout`] and
//! [`crate::budget`], never here.

mod accounting;
pub mod alarms;
mod books;
mod http;
mod matching;
mod statement;

pub use http::router;
