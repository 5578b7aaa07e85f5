//! The store in this process. Time is the clock's, so that tests move it.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::broadcast;

use super::{
    CodeTry, Hit, Member, PENDING_MAX, Pool, Subscription, TOKEN_WAIT_MAX_MS, VIEWERS_TTL_MS,
    token_interval_us,
};
use crate::clock::{Clock, Ms};

/// Messages that a subscriber may be behind before it is told to look at SQL.
const BUS_CAPACITY: usize = 1024;
/// Ended things are swept out once in this many writes.
const SWEEP_EVERY: u64 = 1024;

/// The store in this process.
#[derive(Clone, Debug)]
pub struct Memory {
    state: Arc<Mutex<State>>,
    bus: broadcast::Sender<(String, Arc<[u8]>)>,
    clock: Clock,
}

#[derive(Debug, Default)]
struct State {
    pools: HashMap<String, PoolState>,
    codes: HashMap<String, Code>,
    hits: HashMap<String, Hits>,
    tokens: HashMap<String, i64>,
    values: HashMap<String, (String, Ms)>,
    locks: HashMap<String, (String, Ms)>,
    viewers: HashMap<String, HashMap<String, (i64, Ms)>>,
    writes: u64,
}

#[derive(Debug, Default)]
struct PoolState {
    /// Each member with the revision that wrote it.
    members: BTreeMap<i64, (Member, i64)>,
    rev: i64,
    digest: String,
    pending: BTreeMap<i64, String>,
    lost: bool,
}

#[derive(Debug)]
struct Code {
    hash: String,
    ends: Ms,
    tries: u32,
    used: bool,
}

#[derive(Debug, Default)]
struct Hits {
    at: VecDeque<Ms>,
    window: i64,
}

impl Hits {
    /// Forgets what is over; ms until there may be another one, 0 for now.
    fn wait(&mut self, now: Ms, window: i64, limit: usize) -> i64 {
        self.window = window;
        while self.at.front().is_some_and(|at| at + window <= now) {
            self.at.pop_front();
        }
        if self.at.len() < limit {
            return 0;
        }
        let oldest = self.at.len().checked_sub(limit.max(1)).and_then(|place| self.at.get(place));
        oldest.map_or(window, |at| (at + window - now).max(1))
    }
}

impl Memory {
    pub(super) fn new(clock: Clock) -> Self {
        Self { state: Arc::default(), bus: broadcast::Sender::new(BUS_CAPACITY), clock }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn writing(&self) -> (MutexGuard<'_, State>, Ms) {
        let (mut state, now) = (self.state(), self.clock.now());
        state.writes += 1;
        if state.writes.is_multiple_of(SWEEP_EVERY) {
            state.sweep(now);
        }
        (state, now)
    }

    pub(super) fn enter(&self, meeting: &str, member: &Member, rev: i64, digest: &str) -> bool {
        let (mut state, _) = self.writing();
        state.pools.entry(meeting.to_owned()).or_default().enter(member, rev, digest)
    }

    pub(super) fn members(&self, meeting: &str) -> Pool {
        let state = self.state();
        state.pools.get(meeting).map_or_else(Pool::default, |pool| Pool {
            members: pool.members.values().map(|(member, _)| *member).collect(),
            rev: pool.rev,
            digest: pool.digest.clone(),
        })
    }

    pub(super) fn replace(&self, meeting: &str, pool: &Pool) {
        let members = pool.members.iter().map(|member| (member.idx, (*member, pool.rev))).collect();
        let fresh = PoolState { members, rev: pool.rev, digest: pool.digest.clone(), ..PoolState::default() };
        self.writing().0.pools.insert(meeting.to_owned(), fresh);
    }

    pub(super) fn outline(&self, meeting: &str) -> (i64, i64, String) {
        let state = self.state();
        state.pools.get(meeting).map_or_else(Default::default, |pool| {
            (i64::try_from(pool.members.len()).unwrap_or(i64::MAX), pool.rev, pool.digest.clone())
        })
    }

    pub(super) fn counts(&self, meeting: &str) -> (i64, i64) {
        let state = self.state();
        let members = state.pools.get(meeting).into_iter().flat_map(|pool| pool.members.values());
        members
            .filter(|(member, _)| member.weight > 0)
            .fold((0, 0), |(bound, present), (member, _)| (bound + 1, present + i64::from(member.present)))
    }

    pub(super) fn put_code(&self, key: &str, hash: &str, ttl_ms: i64) {
        let (mut state, now) = self.writing();
        let code = Code { hash: hash.to_owned(), ends: now + ttl_ms, tries: 0, used: false };
        state.codes.insert(key.to_owned(), code);
    }

    pub(super) fn take_try(&self, key: &str, hash: &str, max_tries: u32) -> CodeTry {
        let (mut state, now) = self.writing();
        let Some(code) = state.codes.get_mut(key).filter(|code| now < code.ends) else {
            return CodeTry::Expired;
        };
        if code.used {
            return CodeTry::Used;
        }
        code.tries = code.tries.saturating_add(1);
        if code.tries > max_tries {
            CodeTry::TooMany
        } else if code.hash == hash {
            code.used = true;
            CodeTry::Right
        } else {
            CodeTry::Wrong { left: max_tries - code.tries }
        }
    }

    pub(super) fn dead_code(&self, key: &str, max_tries: u32) -> Option<CodeTry> {
        let (state, now) = (self.state(), self.clock.now());
        match state.codes.get(key).filter(|code| now < code.ends) {
            None => Some(CodeTry::Expired),
            Some(code) if code.used => Some(CodeTry::Used),
            Some(code) if code.tries >= max_tries => Some(CodeTry::TooMany),
            Some(_) => None,
        }
    }

    pub(super) fn hit(&self, key: &str, window_ms: i64, limit: usize) -> Hit {
        let (mut state, now) = self.writing();
        let hits = state.hits.entry(key.to_owned()).or_default();
        let wait = hits.wait(now, window_ms, limit);
        if wait > 0 {
            return Hit::RetryAfter(wait);
        }
        hits.at.push_back(now);
        Hit::Ok
    }

    pub(super) fn hit_all(&self, keys: &[(String, i64, usize)]) -> Hit {
        let (mut state, now) = self.writing();
        let waits = keys.iter().map(|(key, window, limit)| {
            state.hits.entry(key.clone()).or_default().wait(now, *window, *limit)
        });
        let longest = waits.max().unwrap_or(0);
        if longest > 0 {
            return Hit::RetryAfter(longest);
        }
        for (key, ..) in keys {
            state.hits.entry(key.clone()).or_default().at.push_back(now);
        }
        Hit::Ok
    }

    pub(super) fn take_token(&self, name: &str, rate_per_s: u32) -> i64 {
        let (mut state, now) = self.writing();
        let now_us = now * 1000;
        let next = state.tokens.entry(name.to_owned()).or_insert(0);
        if *next < now_us || *next > now_us + TOKEN_WAIT_MAX_MS * 1000 {
            *next = now_us;
        }
        let wait_us = *next - now_us;
        *next += token_interval_us(rate_per_s);
        (wait_us + 999).div_euclid(1000)
    }

    pub(super) fn get(&self, name: &str) -> Option<String> {
        let (state, now) = (self.state(), self.clock.now());
        state.values.get(name).filter(|(_, ends)| now < *ends).map(|(value, _)| value.clone())
    }

    pub(super) fn set(&self, name: &str, value: &str, ttl_ms: i64) {
        let (mut state, now) = self.writing();
        state.values.insert(name.to_owned(), (value.to_owned(), now + ttl_ms));
    }

    pub(super) fn lock(&self, name: &str, owner: &str, ttl_ms: i64) -> bool {
        let (mut state, now) = self.writing();
        if state.locks.get(name).is_some_and(|(_, ends)| now < *ends) {
            return false;
        }
        state.locks.insert(name.to_owned(), (owner.to_owned(), now + ttl_ms));
        true
    }

    pub(super) fn unlock(&self, name: &str, owner: &str) {
        let (mut state, _) = self.writing();
        if state.locks.get(name).is_some_and(|(holder, _)| holder == owner) {
            state.locks.remove(name);
        }
    }

    pub(super) fn publish(&self, meeting: &str, payload: &[u8]) {
        // Nobody listening is no fault.
        let _ = self.bus.send((meeting.to_owned(), payload.into()));
    }

    pub(super) fn subscribe(&self) -> Subscription {
        Subscription::memory(self.bus.subscribe())
    }

    pub(super) fn report_viewers(&self, server: &str, meeting: &str, open: i64) {
        let (mut state, now) = self.writing();
        let servers = state.viewers.entry(meeting.to_owned()).or_default();
        servers.insert(server.to_owned(), (open, now + VIEWERS_TTL_MS));
    }

    pub(super) fn viewers(&self, meeting: &str) -> i64 {
        let (state, now) = (self.state(), self.clock.now());
        let servers = state.viewers.get(meeting).into_iter().flat_map(HashMap::values);
        servers.filter(|(_, ends)| now < *ends).map(|(open, _)| open).sum()
    }
}

impl State {
    fn sweep(&mut self, now: Ms) {
        self.codes.retain(|_, code| now < code.ends);
        self.hits.retain(|_, hits| hits.at.back().is_some_and(|at| now < at + hits.window));
        self.tokens.retain(|_, next| now * 1000 < *next);
        self.values.retain(|_, (_, ends)| now < *ends);
        self.locks.retain(|_, (_, ends)| now < *ends);
        self.viewers.retain(|_, servers| {
            servers.retain(|_, (_, ends)| now < *ends);
            !servers.is_empty()
        });
    }
}

impl PoolState {
    fn enter(&mut self, member: &Member, rev: i64, digest: &str) -> bool {
        if rev <= self.rev {
            return true;
        }
        if self.members.get(&member.idx).is_none_or(|(_, written)| *written < rev) {
            self.members.insert(member.idx, (*member, rev));
        }
        if self.lost {
            return false;
        }
        self.pending.insert(rev, digest.to_owned());
        while let Some(digest) = self.pending.remove(&(self.rev + 1)) {
            self.rev += 1;
            self.digest = digest;
        }
        if self.pending.len() > PENDING_MAX {
            self.pending.clear();
            self.lost = true;
        }
        rev <= self.rev
    }
}
