//! Everything that crosses the wire to browsers and programs: bodies, views, socket messages.
//!
//! These types are the contract. `OpenAPI` and the TypeScript client are generated from them, so a change here
//! is a change for others. Money is integer fen, time is integer ms UTC, ids are text.

mod budgets;
mod checks;
mod door;
mod draws;
mod fen;
mod finance;
mod goods;
mod meetings;
mod money;
mod official;
mod order;
mod people;
mod pictures;
mod privacy;
mod readiness;
mod referrals;
mod requests;
mod reviews;
mod show;
mod sockets;
mod staff;
mod stats;
mod story;
mod team;
mod vouchers;

pub use budgets::*;
pub use checks::*;
pub use door::*;
pub use draws::*;
pub use fen::Fen;
pub use finance::*;
pub use goods::*;
pub use meetings::*;
pub use money::*;
pub use official::*;
pub use order::*;
pub use people::*;
pub use pictures::*;
pub use privacy::*;
pub use readiness::*;
pub use referrals::*;
pub use requests::*;
pub use reviews::*;
pub use show::*;
pub use sockets::*;
pub use staff::*;
pub use stats::*;
pub use story::*;
pub use team::*;
pub use vouchers::*;
