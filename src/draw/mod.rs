//! The draw protocol `mlot1`: how winners are drawn so that anybody can check it afterwards.
//!
//! Pure: no clock, no files, no database, no randomness but what is passed in. §n in the documentation of
//! this module means section n of the protocol.
//!
//! # How a server uses it
//!
//! 1. *Open*: [`chain::LastSecret`] from 32 random bytes, [`chain::anchor`], [`log::public_key`], then
//!    [`line::Open`] as the first [`Body`].
//! 2. *Any line*: `let line = state.next_line(ts, memo, body)`, then `let text = state.apply(&line)?`, which
//!    refuses with the [`Code`] a verifier would give. Store `text` as it is; then sign
//!    [`log::Checkpoint::sign`]`(key, event, state.size(), state.head())`. [`LogState::check`] only asks.
//!    [`LogState::replay`] rebuilds the state from the stored lines.
//! 3. *Commit*: give the members of [`LogState::excluded`] weight 0 in the [`PoolTree`], then
//!    `state.commit(rule, &pool)` makes the body.
//! 4. *Randomness*: one [`line::Entropy`] per source; [`entropy::Taps`] for an audience.
//! 5. *Result*: `state.outcome(chain::secret(…), &pool)` gives the [`Outcome`]; log it as [`Body::Result`].
//!    After a crash the same call gives the same winners.
//! 6. *Seats and payments*: [`line::Status`], [`line::Payout`] with [`line::pay_ref`];
//!    [`LogState::seat`] and [`LogState::holder`] tell what stands.
//! 7. *Proof*: [`verify::Bundle`] with the stored lines, their checkpoint and [`PoolTree::path`] of each
//!    winner; [`verify::verify`] checks it.

pub mod audit;
mod blocks;
pub mod canon;
pub mod chain;
pub mod code;
pub mod drand;
pub mod entropy;
pub mod hash;
pub mod line;
pub mod log;
pub mod path;
pub mod pick;
pub mod pool;
mod read;
pub mod seed;
pub mod state;
pub mod verify;
mod write;

pub use code::Code;
pub use hash::{EventId, Hash32, Pid};
pub use line::{Award, Body, DrawKind, DrawRule, Exclude, Line, PayoutStatus, SeatStatus, Winner};
pub use pool::PoolTree;
pub use state::{LogState, Outcome};

#[cfg(test)]
mod cases;
#[cfg(test)]
mod differential;
#[cfg(test)]
mod evening;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod vectors;
