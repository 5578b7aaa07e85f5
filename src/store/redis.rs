//! The store in Redis: every change of more than one thing is one Lua script, so it happens whole or not at all.

use std::{sync::Arc, time::Duration};

use ::redis::{
    Client, FromRedisValue, Script,
    aio::{ConnectionManager, ConnectionManagerConfig},
};
use anyhow::Context;

use super::{
    CodeTry, Hit, Member, PENDING_MAX, Pool, RedisFacts, StoreError, Subscription, TOKEN_WAIT_MAX_MS,
    VIEWERS_TTL_MS, packed, token_interval_us, within,
};
use crate::clock::Clock;

/// An answer that takes longer does not come any more, seconds.
const ANSWER_S: u64 = 3;

/// The store in Redis.
#[derive(Clone)]
pub struct Redis {
    client: Client,
    manager: ConnectionManager,
    scripts: Arc<Scripts>,
    clock: Clock,
    /// Bus channels begin with this. Redis's databases do not keep channels apart, so the number is in the name.
    channel: String,
}

struct Scripts {
    enter: Script,
    replace: Script,
    put_code: Script,
    take_try: Script,
    dead_code: Script,
    hit: Script,
    take_token: Script,
    get: Script,
    set: Script,
    lock: Script,
    unlock: Script,
    report_viewers: Script,
    viewers: Script,
}

macro_rules! script {
    ($file:literal) => {
        Script::new(concat!(include_str!("now.lua"), include_str!($file)))
    };
}

/// Values as Redis takes them.
macro_rules! args {
    ($($value:expr),* $(,)?) => { vec![$($value.to_string().into_bytes()),*] };
}

impl Scripts {
    fn new() -> Self {
        Self {
            enter: Script::new(include_str!("enter.lua")),
            replace: Script::new(include_str!("replace.lua")),
            put_code: script!("put_code.lua"),
            take_try: script!("take_try.lua"),
            dead_code: script!("dead_code.lua"),
            hit: script!("hit.lua"),
            take_token: script!("take_token.lua"),
            get: script!("get.lua"),
            set: script!("set.lua"),
            lock: script!("lock.lua"),
            unlock: Script::new(include_str!("unlock.lua")),
            report_viewers: script!("report_viewers.lua"),
            viewers: script!("viewers.lua"),
        }
    }
}

impl std::fmt::Debug for Redis {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Redis").field("channel", &self.channel).finish_non_exhaustive()
    }
}

/// Keys of what a pool has besides its members: revision, digest and counts; changes that came too early.
fn pool_keys(meeting: &str) -> [String; 2] {
    ["meta", "pending"].map(|part| format!("kj:pool:{{{meeting}}}:{part}"))
}

/// Beginning of the keys of the strings that hold a pool's members.
fn strings_key(meeting: &str) -> String {
    format!("kj:pool:{{{meeting}}}:members:")
}

/// What the scripts of codes answer.
fn code_try(left: i64) -> CodeTry {
    match left {
        -1 => CodeTry::Right,
        -2 => CodeTry::TooMany,
        -3 => CodeTry::Expired,
        -4 => CodeTry::Used,
        left => CodeTry::Wrong { left: u32::try_from(left).unwrap_or(0) },
    }
}

impl Redis {
    pub(super) fn open(url: &str, clock: &Clock) -> anyhow::Result<Self> {
        let client = Client::open(url).context("redis.url is not a Redis address (redis://host:port/db)")?;
        let config = ConnectionManagerConfig::new()
            .set_number_of_retries(1)
            .set_min_delay(Duration::from_millis(50))
            .set_connection_timeout(Some(Duration::from_secs(2)))
            .set_response_timeout(Some(Duration::from_secs(2)));
        let manager = ConnectionManager::new_lazy_with_config(client.clone(), config)?;
        let channel = format!("kj:bus:{}:", client.get_connection_info().redis_settings().db());
        Ok(Self { client, manager, scripts: Arc::new(Scripts::new()), clock: clock.clone(), channel })
    }

    /// -1 lets the script take Redis's own time.
    fn now(&self) -> i64 {
        match &self.clock {
            Clock::System => -1,
            Clock::Fixed(_) => self.clock.now(),
        }
    }

    /// Runs a script; once more if the connection was lost, since every script may run twice without harm (at
    /// worst a try or a hit counts double).
    async fn run<T: FromRedisValue>(
        &self,
        script: &Script,
        keys: &[String],
        args: &[Vec<u8>],
    ) -> Result<T, StoreError> {
        let mut call = script.prepare_invoke();
        for key in keys {
            call.key(key);
        }
        for arg in args {
            call.arg(arg.as_slice());
        }
        let mut manager = self.manager.clone();
        within(ANSWER_S * 2, async {
            match call.invoke_async(&mut manager).await {
                Err(error) if error.is_connection_dropped() || error.is_io_error() => {
                    call.invoke_async(&mut manager).await
                }
                answer => answer,
            }
        })
        .await
    }

    pub(super) async fn ping(&self) -> Result<(), StoreError> {
        let mut manager = self.manager.clone();
        within(ANSWER_S, async { ::redis::cmd("PING").query_async(&mut manager).await }).await
    }

    pub(super) async fn facts(&self) -> Result<RedisFacts, StoreError> {
        let begun = std::time::Instant::now();
        self.ping().await?;
        let ping = begun.elapsed();
        let mut manager = self.manager.clone();
        let text: String =
            within(ANSWER_S, async { ::redis::cmd("INFO").query_async(&mut manager).await }).await?;
        let word = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            line.unwrap_or_default().trim().to_owned()
        };
        let persistent = word("aof_enabled") == "1";
        Ok(RedisFacts {
            version: word("redis_version"),
            eviction: word("maxmemory_policy"),
            persistent,
            ping,
        })
    }

    pub(super) async fn enter(
        &self,
        meeting: &str,
        member: &Member,
        rev: i64,
        digest: &str,
    ) -> Result<bool, StoreError> {
        let (string, at) = packed::place(member.idx).ok_or_else(|| StoreError("no such place".into()))?;
        let mut args = args![at, "", packed::word(member), rev, digest, PENDING_MAX, string + 1];
        args[1] = packed::record(member, rev).to_vec();
        let [meta, pending] = pool_keys(meeting);
        let keys = [meta, pending, format!("{}{string}", strings_key(meeting))];
        self.run(&self.scripts.enter, &keys, &args).await
    }

    /// Revision and digest, then the strings: what is read later may only be newer.
    pub(super) async fn members(&self, meeting: &str) -> Result<Pool, StoreError> {
        let (rev, digest, strings) = self.meta(meeting).await?;
        let mut pipe = ::redis::pipe();
        for string in 0..strings {
            pipe.cmd("GET").arg(format!("{}{string}", strings_key(meeting)));
        }
        let mut manager = self.manager.clone();
        // Redis refuses an empty pipeline.
        let strings: Vec<Option<Vec<u8>>> = match strings {
            0 => Vec::new(),
            _ => within(ANSWER_S * 2, async { pipe.query_async(&mut manager).await }).await?,
        };
        let mut members = Vec::new();
        for (string, bytes) in strings.iter().enumerate() {
            members.extend(packed::members(string, bytes.as_deref().unwrap_or_default()));
        }
        Ok(Pool { members, rev, digest })
    }

    async fn meta(&self, meeting: &str) -> Result<(i64, String, usize), StoreError> {
        let [meta, _] = pool_keys(meeting);
        let mut manager = self.manager.clone();
        let found: (Option<i64>, Option<String>, Option<usize>) = within(ANSWER_S, async {
            let mut ask = ::redis::cmd("HMGET");
            ask.arg(meta).arg("rev").arg("digest").arg("strings").query_async(&mut manager).await
        })
        .await?;
        Ok((found.0.unwrap_or(0), found.1.unwrap_or_default(), found.2.unwrap_or(0)))
    }

    pub(super) async fn replace(&self, meeting: &str, pool: &Pool) -> Result<(), StoreError> {
        let bound = pool.members.iter().filter(|member| member.weight > 0);
        let present = bound.clone().filter(|member| member.present).count();
        let mut list = args![strings_key(meeting), pool.rev, pool.digest, bound.count(), present];
        list.extend(packed::strings(&pool.members, pool.rev));
        self.run(&self.scripts.replace, &pool_keys(meeting), &list).await
    }

    pub(super) async fn outline(&self, meeting: &str) -> Result<(i64, i64, String), StoreError> {
        let (rev, digest, strings) = self.meta(meeting).await?;
        let mut pipe = ::redis::pipe();
        for string in 0..strings {
            pipe.cmd("STRLEN").arg(format!("{}{string}", strings_key(meeting)));
        }
        let mut manager = self.manager.clone();
        let bytes: Vec<usize> = match strings {
            0 => Vec::new(),
            _ => within(ANSWER_S, async { pipe.query_async(&mut manager).await }).await?,
        };
        let members = bytes.iter().sum::<usize>() / packed::RECORD;
        Ok((i64::try_from(members).unwrap_or(i64::MAX), rev, digest))
    }

    pub(super) async fn counts(&self, meeting: &str) -> Result<(i64, i64), StoreError> {
        let [meta, _] = pool_keys(meeting);
        let mut manager = self.manager.clone();
        let (bound, present): (Option<i64>, Option<i64>) = within(ANSWER_S, async {
            ::redis::cmd("HMGET").arg(meta).arg("bound").arg("present").query_async(&mut manager).await
        })
        .await?;
        Ok((bound.unwrap_or(0), present.unwrap_or(0)))
    }

    pub(super) async fn put_code(&self, key: &str, hash: &str, ttl_ms: i64) -> Result<(), StoreError> {
        let args = args![self.now(), hash, ttl_ms];
        self.run(&self.scripts.put_code, &[format!("kj:code:{key}")], &args).await
    }

    pub(super) async fn take_try(
        &self,
        key: &str,
        hash: &str,
        max_tries: u32,
    ) -> Result<CodeTry, StoreError> {
        let args = args![self.now(), hash, max_tries];
        let left: i64 = self.run(&self.scripts.take_try, &[format!("kj:code:{key}")], &args).await?;
        Ok(code_try(left))
    }

    pub(super) async fn dead_code(&self, key: &str, max_tries: u32) -> Result<Option<CodeTry>, StoreError> {
        let args = args![self.now(), max_tries];
        let found: i64 = self.run(&self.scripts.dead_code, &[format!("kj:code:{key}")], &args).await?;
        Ok((found < 0).then(|| code_try(found)))
    }

    pub(super) async fn hit(&self, key: &str, window_ms: i64, limit: usize) -> Result<Hit, StoreError> {
        self.hit_all(&[(key.to_owned(), window_ms, limit)]).await
    }

    pub(super) async fn hit_all(&self, keys: &[(String, i64, usize)]) -> Result<Hit, StoreError> {
        let mut list = args![self.now()];
        for (_, window, limit) in keys {
            list.extend(args![window, limit]);
        }
        let keys: Vec<String> = keys.iter().map(|(key, ..)| format!("kj:hit:{key}")).collect();
        let wait: i64 = self.run(&self.scripts.hit, &keys, &list).await?;
        Ok(if wait == 0 { Hit::Ok } else { Hit::RetryAfter(wait) })
    }

    pub(super) async fn take_token(&self, name: &str, rate_per_s: u32) -> Result<i64, StoreError> {
        let args = args![self.now(), token_interval_us(rate_per_s), TOKEN_WAIT_MAX_MS];
        self.run(&self.scripts.take_token, &[format!("kj:token:{name}")], &args).await
    }

    pub(super) async fn get(&self, name: &str) -> Result<Option<String>, StoreError> {
        let args = args![self.now()];
        self.run(&self.scripts.get, &[format!("kj:value:{name}")], &args).await
    }

    pub(super) async fn set(&self, name: &str, value: &str, ttl_ms: i64) -> Result<(), StoreError> {
        let args = args![self.now(), value, ttl_ms];
        self.run(&self.scripts.set, &[format!("kj:value:{name}")], &args).await
    }

    pub(super) async fn lock(&self, name: &str, owner: &str, ttl_ms: i64) -> Result<bool, StoreError> {
        let args = args![self.now(), owner, ttl_ms];
        self.run(&self.scripts.lock, &[format!("kj:lock:{name}")], &args).await
    }

    pub(super) async fn unlock(&self, name: &str, owner: &str) -> Result<(), StoreError> {
        let args = args![owner];
        self.run(&self.scripts.unlock, &[format!("kj:lock:{name}")], &args).await
    }

    pub(super) async fn publish(&self, meeting: &str, payload: &[u8]) -> Result<(), StoreError> {
        let mut manager = self.manager.clone();
        let channel = format!("{}{meeting}", self.channel);
        within(ANSWER_S, async {
            ::redis::cmd("PUBLISH").arg(channel).arg(payload).query_async(&mut manager).await
        })
        .await
    }

    pub(super) fn subscribe(&self) -> Subscription {
        Subscription::redis(self.client.clone(), format!("{}*", self.channel))
    }

    pub(super) async fn report_viewers(
        &self,
        server: &str,
        meeting: &str,
        open: i64,
    ) -> Result<(), StoreError> {
        let args = args![self.now(), server, open, VIEWERS_TTL_MS];
        self.run(&self.scripts.report_viewers, &[format!("kj:viewers:{meeting}")], &args).await
    }

    pub(super) async fn viewers(&self, meeting: &str) -> Result<i64, StoreError> {
        let args = args![self.now()];
        self.run(&self.scripts.viewers, &[format!("kj:viewers:{meeting}")], &args).await
    }
}
