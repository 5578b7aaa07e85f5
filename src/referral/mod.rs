//! Rewards (转发) for people who bring new ones. Who brought whom is counted by [`crate::invite`] at the binding; here a
//! worker decides each new person once the delay is over, and gives the reward through the one sender.

mod decide;
mod export;
mod http;
mod rules;
mod views;

pub use decide::run;
pub use http::router;
