//! The live side: pools, SMS codes, counters, cached tokens, and the bus between servers.
//!
//! [`Store::Redis`] when `redis.url` is set, [`Store::Memory`] otherwise (one server only); both pass the same
//! contract suite. SQL stays the truth: whoever reads a pool here compares it with the revision and digest in SQL
//! first and rebuilds it when they differ. Callers pass hashes: no phone number and no openid is a key or a value.

mod bus;
mod memory;
mod packed;
mod redis;

use std::future::Future;

pub use self::bus::{Notice, Subscription};
use self::{memory::Memory, redis::Redis};
use crate::{clock::Clock, config::Config, draw::Pid, error::ApiError};

/// Changes of a pool that may wait for an earlier one; with more the pool can only be rebuilt.
const PENDING_MAX: usize = 4096;
/// A server that has not reported its viewers for this long is gone, ms.
const VIEWERS_TTL_MS: i64 = 30_000;
/// A token bucket that promises a wait longer than this was filled by a clock that was wrong, ms.
const TOKEN_WAIT_MAX_MS: i64 = 60_000;

/// The store.
#[derive(Clone, Debug)]
pub enum Store {
    /// In this process.
    Memory(Memory),
    /// Shared by all servers.
    Redis(Redis),
}

/// The store did not answer.
#[derive(Debug, thiserror::Error)]
#[error("the store is away: {0}")]
pub struct StoreError(String);

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        tracing::warn!(%error, "the store is away");
        Self::unavailable("实时服务暂时不可用，请稍后重试。")
    }
}

/// What Redis says of itself.
#[derive(Clone, Debug)]
pub struct RedisFacts {
    /// Its version.
    pub version: String,
    /// What it does when its memory is full.
    pub eviction: String,
    /// It writes what it has to the disk.
    pub persistent: bool,
    /// Time of the smallest question.
    pub ping: std::time::Duration,
}

/// One place in a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// Index, from 0.
    pub idx: i64,
    /// Pool id.
    pub pid: Pid,
    /// Tickets; 0 for a place whose identity was unbound.
    pub weight: i64,
    /// Is in the hall.
    pub present: bool,
}

/// A pool as the store has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pool {
    /// Members by index.
    pub members: Vec<Member>,
    /// Every change up to this revision is in `members` (later ones may be). 0 when the store knows nothing.
    pub rev: i64,
    /// What the caller said the digest is at `rev`. It does not prove `members`: recompute it from them.
    pub digest: String,
}

/// What became of one try of an SMS code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeTry {
    /// Right; the code is used up now.
    Right,
    /// Wrong, with this many tries left.
    Wrong {
        /// Tries left.
        left: u32,
    },
    /// All tries were used before this one: the code is dead even if it was right.
    TooMany,
    /// There is no such code, or it has ended.
    Expired,
    /// It was right before: a code works once.
    Used,
}

/// Whether a counted thing may happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hit {
    /// Counted; go on.
    Ok,
    /// Not counted; may be tried again after this many ms.
    RetryAfter(i64),
}

/// A lock that is held; pass it to [`Store::unlock`].
#[derive(Debug)]
pub struct Lock {
    name: String,
    owner: String,
}

macro_rules! on_backend {
    ($store:expr, $backend:ident => $call:expr) => {
        match $store {
            Self::Memory($backend) => Ok($call),
            Self::Redis($backend) => $call.await,
        }
    };
}

impl Store {
    /// Opens the store that the configuration names. Redis is connected to when first needed.
    pub fn open(config: &Config, clock: &Clock) -> anyhow::Result<Self> {
        if config.redis.url.is_empty() {
            return Ok(Self::Memory(Memory::new(clock.clone())));
        }
        Redis::open(config.redis.url.expose(), clock).map(Self::Redis)
    }

    /// Whether other servers may share it.
    pub fn shared(&self) -> bool {
        matches!(self, Self::Redis(_))
    }

    /// Whether the store answers.
    pub async fn ping(&self) -> Result<(), StoreError> {
        match self {
            Self::Memory(_) => Ok(()),
            Self::Redis(redis) => redis.ping().await,
        }
    }

    /// What Redis says of itself; nothing for the store in this process.
    pub async fn facts(&self) -> Result<Option<RedisFacts>, StoreError> {
        match self {
            Self::Memory(_) => Ok(None),
            Self::Redis(redis) => redis.facts().await.map(Some),
        }
    }

    /// Puts a member into a pool or changes it, as SQL's revision `rev_after` did, with the digest that SQL has
    /// then. Calls may arrive in any order: a change that the pool has already is passed over, one that came too
    /// early counts when those before it have come. Says whether the pool is whole up to `rev_after` now.
    pub async fn enter(
        &self,
        meeting: &str,
        member: &Member,
        rev_after: i64,
        digest_after: &str,
    ) -> Result<bool, StoreError> {
        on_backend!(self, store => store.enter(meeting, member, rev_after, digest_after))
    }

    /// The pool.
    pub async fn members(&self, meeting: &str) -> Result<Pool, StoreError> {
        on_backend!(self, store => store.members(meeting))
    }

    /// Puts SQL's pool in place of whatever is there. Call it while the meeting's row is locked, so that no newer
    /// change can have come before it.
    pub async fn replace(&self, meeting: &str, pool: &Pool) -> Result<(), StoreError> {
        on_backend!(self, store => store.replace(meeting, pool))
    }

    /// Number of members, revision and digest of the pool: what a store that lost something cannot have right.
    pub async fn outline(&self, meeting: &str) -> Result<(i64, i64, String), StoreError> {
        on_backend!(self, store => store.outline(meeting))
    }

    /// Members with tickets, and those of them that are present.
    pub async fn counts(&self, meeting: &str) -> Result<(i64, i64), StoreError> {
        on_backend!(self, store => store.counts(meeting))
    }

    /// Keeps the hash of a code for `ttl_ms`, instead of one kept before.
    pub async fn put_code(&self, key: &str, hash: &str, ttl_ms: i64) -> Result<(), StoreError> {
        on_backend!(self, store => store.put_code(key, hash, ttl_ms))
    }

    /// Compares, after counting the try. A code is right once.
    pub async fn take_try(&self, key: &str, hash: &str, max_tries: u32) -> Result<CodeTry, StoreError> {
        on_backend!(self, store => store.take_try(key, hash, max_tries))
    }

    /// What a try would come to whatever its hash, without being one; `None` for a code that a try would be compared with.
    pub async fn dead_code(&self, key: &str, max_tries: u32) -> Result<Option<CodeTry>, StoreError> {
        on_backend!(self, store => store.dead_code(key, max_tries))
    }

    /// Counts one more of `key` unless there were `limit` of them within the last `window_ms`. Each one is
    /// remembered with its moment, so `limit` should stay below some ten thousand.
    pub async fn hit(&self, key: &str, window_ms: i64, limit: usize) -> Result<Hit, StoreError> {
        on_backend!(self, store => store.hit(key, window_ms, limit))
    }

    /// Counts one more of each key, each with its window and its limit, or none of them at all: a refusal uses nothing
    /// up. Says the longest of the waits.
    pub async fn hit_all(&self, keys: &[(String, i64, usize)]) -> Result<Hit, StoreError> {
        on_backend!(self, store => store.hit_all(keys))
    }

    /// Reserves the next slot of `name`, at `rate_per_s` on all servers together: go on after that many ms, without
    /// asking again.
    pub async fn take_token(&self, name: &str, rate_per_s: u32) -> Result<i64, StoreError> {
        on_backend!(self, store => store.take_token(name, rate_per_s))
    }

    /// A cached value, if it has not ended.
    pub async fn get(&self, name: &str) -> Result<Option<String>, StoreError> {
        on_backend!(self, store => store.get(name))
    }

    /// Keeps a value for `ttl_ms`.
    pub async fn set(&self, name: &str, value: &str, ttl_ms: i64) -> Result<(), StoreError> {
        on_backend!(self, store => store.set(name, value, ttl_ms))
    }

    /// Takes the lock `name` unless somebody holds it; it ends by itself after `ttl_ms`.
    pub async fn lock(&self, name: &str, ttl_ms: i64) -> Result<Option<Lock>, StoreError> {
        let lock = Lock { name: name.to_owned(), owner: hex::encode(crate::keys::random::<16>()) };
        let taken = on_backend!(self, store => store.lock(&lock.name, &lock.owner, ttl_ms))?;
        Ok(taken.then_some(lock))
    }

    /// Gives a lock back, unless it ended and somebody else holds it.
    pub async fn unlock(&self, lock: Lock) -> Result<(), StoreError> {
        on_backend!(self, store => store.unlock(&lock.name, &lock.owner))
    }

    /// Tells every subscriber on every server. Not kept: who is away misses it.
    pub async fn publish(&self, meeting: &str, payload: &[u8]) -> Result<(), StoreError> {
        on_backend!(self, store => store.publish(meeting, payload))
    }

    /// Listens to all meetings from now on.
    pub fn subscribe(&self) -> Subscription {
        match self {
            Self::Memory(memory) => memory.subscribe(),
            Self::Redis(redis) => redis.subscribe(),
        }
    }

    /// Says how many sockets `server` has open for a meeting; to be repeated, else it counts as gone.
    pub async fn report_viewers(&self, server: &str, meeting: &str, open: i64) -> Result<(), StoreError> {
        on_backend!(self, store => store.report_viewers(server, meeting, open))
    }

    /// Open sockets of a meeting on all servers.
    pub async fn viewers(&self, meeting: &str) -> Result<i64, StoreError> {
        on_backend!(self, store => store.viewers(meeting))
    }
}

/// Ms between two tokens, in thousandths of a ms.
fn token_interval_us(rate_per_s: u32) -> i64 {
    1_000_000 / i64::from(rate_per_s.max(1))
}

/// Awaits with a limit: an answer that does not come is an error like any other.
async fn within<T>(
    seconds: u64,
    work: impl Future<Output = Result<T, ::redis::RedisError>>,
) -> Result<T, StoreError> {
    match tokio::time::timeout(std::time::Duration::from_secs(seconds), work).await {
        Ok(answer) => answer.map_err(|error| StoreError(error.to_string())),
        Err(_) => Err(StoreError("no answer in time".into())),
    }
}
