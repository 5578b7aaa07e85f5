//! Where a request comes from, and how often one place may do what needs no session.
//!
//! A hall's phones share one address: limits here are far above what a hall does, and are kept by each server for itself,
//! so that counting costs nothing.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr, SocketAddr},
    sync::{Mutex, PoisonError},
};

use axum::extract::ConnectInfo;
use http::request::Parts;

use crate::{app::App, clock::Ms};

/// A count begins anew after this time.
const MINUTE: Ms = 60_000;
/// Places that are counted apart; with more, the new ones share one count.
const PLACES: usize = 50_000;

/// The far end's address; what our own proxies say of it is believed, what anybody else says is not.
pub fn of(app: &App, parts: &Parts) -> Option<IpAddr> {
    let trusted = &app.config().server.trusted_proxies;
    let ConnectInfo(peer) = parts.extensions.get::<ConnectInfo<SocketAddr>>()?;
    let mut address = peer.ip();
    let forwarded =
        parts.headers.get_all("x-forwarded-for").into_iter().filter_map(|value| value.to_str().ok());
    let mut hops: Vec<&str> = forwarded.flat_map(|value| value.split(',')).map(str::trim).collect();
    while trusted.contains(&address)
        && let Some(before) = hops.pop().and_then(|hop| hop.parse().ok())
    {
        address = before;
    }
    Some(address)
}

/// What one line has: an IPv4 address, or the 2^64 addresses of an IPv6 network.
fn place(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(long) => {
            let [a, b, c, d, ..] = long.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        short @ IpAddr::V4(_) => short,
    }
}

#[derive(Debug, Default)]
struct Counts(Mutex<HashMap<(&'static str, IpAddr), Count>>);

#[derive(Clone, Copy, Debug)]
struct Count {
    since: Ms,
    times: u32,
}

impl Count {
    fn is_over(&self, now: Ms) -> bool {
        // A clock that went back does not hold anybody up.
        now < self.since || now - self.since >= MINUTE
    }
}

impl Counts {
    /// Works on the count of one place.
    fn with<T>(&self, what: &'static str, address: IpAddr, now: Ms, work: impl FnOnce(&mut Count) -> T) -> T {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut key = (what, place(address));
        if counts.len() >= PLACES && !counts.contains_key(&key) {
            counts.retain(|_, count| !count.is_over(now));
            if counts.len() >= PLACES {
                key = (what, IpAddr::V6(Ipv6Addr::UNSPECIFIED));
            }
        }
        let count = counts.entry(key).or_insert(Count { since: now, times: 0 });
        if count.is_over(now) {
            *count = Count { since: now, times: 0 };
        }
        work(count)
    }
}

/// Something that a place may do only so often in a minute.
#[derive(Clone, Copy, Debug)]
pub struct Often {
    /// Its name.
    pub what: &'static str,
    /// Times in a minute.
    pub most: u32,
}

impl Often {
    /// Counts once more; the seconds to wait when it was too often. A request without an address is not counted: there is
    /// none but in tests.
    pub fn take(self, app: &App, address: Option<IpAddr>) -> Result<(), i64> {
        let Some(address) = address else { return Ok(()) };
        let now = app.now();
        app.kept::<Counts>().with(self.what, address, now, |count| {
            if count.times >= self.most {
                return Err(wait(count, now));
            }
            count.times += 1;
            Ok(())
        })
    }

    /// Whether there may be another one, without counting it.
    pub fn look(self, app: &App, address: Option<IpAddr>) -> Result<(), i64> {
        let Some(address) = address else { return Ok(()) };
        let now = app.now();
        app.kept::<Counts>().with(self.what, address, now, |count| {
            if count.times >= self.most { Err(wait(count, now)) } else { Ok(()) }
        })
    }

    /// One of those that were counted was none of them.
    pub fn give_back(self, app: &App, address: Option<IpAddr>) {
        let Some(address) = address else { return };
        app.kept::<Counts>().with(self.what, address, app.now(), |count| {
            count.times = count.times.saturating_sub(1);
        });
    }
}

/// Seconds until the count begins anew.
fn wait(count: &Count, now: Ms) -> i64 {
    (count.since + MINUTE - now).div_euclid(1000) + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(counts: &Counts, address: &str, now: Ms) -> u32 {
        counts.with("test", address.parse().unwrap(), now, |count| {
            count.times += 1;
            count.times
        })
    }

    #[test]
    fn a_line_is_one_place_whatever_addresses_it_uses() {
        let counts = Counts::default();
        assert_eq!(times(&counts, "203.0.113.7", 0), 1);
        assert_eq!(times(&counts, "::ffff:203.0.113.7", 0), 2);
        assert_eq!(times(&counts, "203.0.113.8", 0), 1);
        assert_eq!(times(&counts, "2001:db8:1:2::1", 0), 1);
        assert_eq!(times(&counts, "2001:db8:1:2:ffff::9", 0), 2);
        assert_eq!(times(&counts, "2001:db8:1:3::1", 0), 1);
    }

    #[test]
    fn counts_end_with_their_minute_and_there_are_not_too_many() {
        let counts = Counts::default();
        assert_eq!(times(&counts, "203.0.113.7", 0), 1);
        assert_eq!(times(&counts, "203.0.113.7", MINUTE - 1), 2);
        assert_eq!(times(&counts, "203.0.113.7", MINUTE), 1);
        let base = u32::from(std::net::Ipv4Addr::new(10, 0, 0, 0));
        for nth in 1..u32::try_from(PLACES).unwrap() {
            let address = IpAddr::V4((base + nth).into());
            counts.with("test", address, MINUTE, |count| count.times += 1);
        }
        assert_eq!(times(&counts, "198.51.100.1", MINUTE), 1, "they share one count from here on");
        assert_eq!(times(&counts, "198.51.100.2", MINUTE), 2);
        assert_eq!(times(&counts, "198.51.100.3", 3 * MINUTE), 1, "and what ended makes room");
        assert!(counts.0.lock().unwrap().len() < 10);
    }
}
