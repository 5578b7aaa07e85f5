//! Paying: one award, one packet, paid once. Write before calling, never forget a number, take every unclear answer as
//! unknown, ask with the same number.
//!
//! [`awards`] says who gets what; [`next`] (pure) what a packet becomes after each answer; [`worker`] does it, step by
//! durable step: reserve, about to call, call, answer stored, settled.

mod acts;
mod ask;
pub mod awards;
pub mod bill_no;
mod certificate;
pub mod channel;
mod claim;
pub mod codes;
mod day;
mod goods;
pub mod http;
mod http_goods;
mod http_hand;
mod http_sender;
mod matching;
pub mod next;
mod prepare;
mod probe;
mod queue;
mod reissue;
mod requests;
mod resend;
mod resolve;
pub mod sender;
mod settle;
#[cfg(test)]
mod sim;
mod single;
mod skew;
mod sql;
mod stats;
mod steps;
mod story;
mod tell;
mod timeline;
mod trial;
pub mod views;
pub mod worker;

pub use awards::{
    Grant, NewAward, Seat, block_error, cancel_for_seats, create_awards, issue, make_payable, reserve_redraw,
    seat_block, suspend,
};
pub use channel::check_config;
pub use http::router;
pub use matching::{hold_restored, note_statement};
pub use probe::{Probe, probe};
pub use single::{Gift, give};
pub use worker::{Worker, run};

use crate::app::App;

/// Before the sender of a new process begins: claims of a server that died are free again, where that is certain.
pub async fn forget_claims(app: &App) -> Result<(), sqlx::Error> {
    claim::forget_claims(app).await
}

/// At start: the caps of the account and of the merchant's day as configured.
pub async fn apply_limits(app: &App) -> Result<(), sqlx::Error> {
    day::apply_limits(app).await
}

/// Tells the sender that there is something to pay, after a commit. It also looks by itself every second.
pub fn wake(app: &App) {
    app.pay_wake().notify_one();
}
