//! The draw protocol `mlot1`: how winners are drawn so that anybody can check it afterwards.
//!
//! Pure: no clock, no files, no database, no randomness but what is passed in.
pub mod canon;
pub mod chain;
pub mod code;
pub mod entropy;
pub mod hash;
pub mod line;
pub mod log;
pub mod path;
pub mod pick;
pub mod pool;
mod read;
pub mod seed;
mod write;

pub use code::Code;
pub use hash::{EventId, Hash32, Pid};
pub use line::{Award, Body, DrawKind, DrawRule, Exclude, Line, PayoutStatus, SeatStatus, Winner};
pub use pool::PoolTree;
