//! Paying: one award, one packet, paid once. Write before calling, never forget a number, take every unclear answer as
//! unknown, ask with the same number.

pub mod awards;
pub mod bill_no;
pub mod codes;
pub mod next;

pub use awards::{
    Grant, NewAward, Seat, block_error, cancel_for_seats, create_awards, make_payable, reserve_redraw,
    seat_block, suspend,
};

use crate::app::App;

/// Tells the sender that there is something to pay, after a commit. It also looks by itself every second.
pub fn wake(app: &App) {
    app.pay_wake().notify_one();
}
