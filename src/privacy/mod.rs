//! Personal data (PIPL; consent is recorded with the binding): everything that is held about one person (`export`), its removal by hand
//! (`erase`) and after the meeting (`retention`).
//!
//! What is removed: names, phone and staff numbers, openids, photos, and what people wrote. What stays: the draw log,
//! which has pids only, so that every proof holds; money, with bill numbers, amounts and states, naming nobody; and a
//! keyed hash of each account that followed, so that nobody is rewarded for bringing it as somebody new.

mod erase;
mod export;
mod http;
mod places;
mod retention;
mod texts;

pub use http::router;
pub use retention::{run, sweep};

use crate::db::Tx;

/// What stands where a name was.
const GONE: &str = "已删除";

/// Awards `a` whose money may still move: their packets need the openid, and the person their prize.
macro_rules! moving {
    () => {
        "a.kind = 'cash' and (a.state in ('waiting', 'payable', 'suspended') or exists (select 1 from packet k \
         where k.award_id = a.id and k.state not in ('received', 'refunded', 'failed', 'cancelled')))"
    };
}
use moving;
