//! When a socket has to be pinged, and when it counts as dead.

use std::time::Duration;

use tokio::time::Instant;

use super::outlet::Standing;

/// A socket is pinged this long after it was last heard.
const PING: Duration = Duration::from_secs(12);
/// A ping must be answered within this time: with [`PING`], whoever stopped reading is gone within 30 s, also when
/// all that it was sent since fits into the kernel's buffers.
const SILENCE: Duration = Duration::from_secs(15);
/// Who takes nothing for this long though something waits is closed.
const STUCK: Duration = Duration::from_secs(20);
/// Messages of a client in one second.
const MESSAGES: u32 = 10;
/// Time between two looks at whether the socket may stay.
pub(super) const CHECK: Duration = Duration::from_secs(4);

/// How we know that nobody is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dead {
    /// Takes nothing.
    Stuck,
    /// Answers no ping.
    Silent,
}

impl Dead {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Stuck => "stuck",
            Self::Silent => "silent",
        }
    }
}

/// What a socket's timers ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// Nothing yet.
    Nothing,
    /// A ping.
    Ping,
    /// The end.
    Gone(Dead),
}

/// Moments of one socket.
pub(super) struct Watch {
    heard: Instant,
    pinged: bool,
    /// Since when nothing goes out though something waits, and how much went before.
    pub(super) stuck: Option<(Instant, u64)>,
    pub(super) check: Instant,
    second: Instant,
    messages: u32,
}

impl Watch {
    pub(super) fn new(now: Instant) -> Self {
        Self { heard: now, pinged: false, stuck: None, check: now + CHECK, second: now, messages: 0 }
    }

    /// When to look next.
    pub(super) fn next(&self, checks: bool) -> Instant {
        let ping = self.heard + if self.pinged { PING + SILENCE } else { PING };
        let stuck = self.stuck.map_or(ping, |(since, _)| ping.min(since + STUCK));
        if checks { stuck.min(self.check) } else { stuck }
    }

    /// What this moment asks for.
    pub(super) fn due(&mut self, now: Instant) -> Due {
        let stuck = self.stuck.is_some_and(|(since, _)| now >= since + STUCK);
        if stuck {
            return Due::Gone(Dead::Stuck);
        }
        if now >= self.heard + PING + SILENCE {
            return Due::Gone(Dead::Silent);
        }
        if !self.pinged && now >= self.heard + PING {
            self.pinged = true;
            return Due::Ping;
        }
        Due::Nothing
    }

    pub(super) fn hear(&mut self, now: Instant) {
        (self.heard, self.pinged) = (now, false);
    }

    pub(super) fn stands(&mut self, standing: Standing, now: Instant) {
        self.stuck = match (standing, self.stuck) {
            (Standing::Waiting(written), Some(stuck)) if stuck.1 == written => Some(stuck),
            (Standing::Waiting(written), _) => Some((now, written)),
            _ => None,
        };
    }

    /// Counts what a client sends; false when it is too much.
    pub(super) fn count(&mut self) -> bool {
        if self.second.elapsed() >= Duration::from_secs(1) {
            (self.second, self.messages) = (Instant::now(), 0);
        }
        self.messages += 1;
        self.messages <= MESSAGES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    /// What is promised of a reader that stopped.
    const PROMISED: Duration = Duration::from_secs(30);

    /// Looks whenever the watch wants to, and says after what time the socket is gone and how many pings went out.
    fn until_gone(mut watch: Watch, begun: Instant) -> (Duration, u32) {
        let mut pings = 0;
        loop {
            let now = watch.next(false);
            match watch.due(now) {
                Due::Gone(why) => {
                    assert_eq!(why, Dead::Silent);
                    return (now - begun, pings);
                }
                Due::Ping => pings += 1,
                Due::Nothing => panic!("it looks at a moment when there is nothing to do"),
            }
        }
    }

    #[test]
    fn who_is_silent_is_pinged_once_and_gone_within_the_promised_time() {
        let begun = Instant::now();
        let (gone, pings) = until_gone(Watch::new(begun), begun);
        assert_eq!((gone, pings), (PING + SILENCE, 1));
        assert!(gone < PROMISED);
    }

    #[test]
    fn who_answers_stays() {
        let begun = Instant::now();
        let (mut watch, mut now) = (Watch::new(begun), begun);
        for _ in 0..1000 {
            now = watch.next(false);
            assert_eq!(watch.due(now), Due::Ping);
            now += SECOND;
            watch.hear(now);
            assert_eq!(watch.due(now), Due::Nothing);
        }
        assert_eq!(until_gone(watch, now).0, PING + SILENCE, "and is missed when it stops");
    }

    #[test]
    fn who_takes_nothing_is_gone_even_if_it_talks() {
        let begun = Instant::now();
        let mut watch = Watch::new(begun);
        for second in 0..20 {
            let now = begun + SECOND * second;
            watch.hear(now);
            watch.stands(Standing::Waiting(77), now);
            assert_eq!(watch.due(now), Due::Nothing);
        }
        assert_eq!(watch.next(false), begun + STUCK);
        assert_eq!(watch.due(begun + STUCK), Due::Gone(Dead::Stuck));
        assert!(STUCK < PROMISED);
    }

    #[test]
    fn who_takes_a_little_from_time_to_time_stays() {
        let begun = Instant::now();
        let mut watch = Watch::new(begun);
        for second in 0..600_u32 {
            let now = begun + SECOND * second;
            watch.hear(now);
            watch.stands(Standing::Waiting(u64::from(second / 19)), now);
            assert_eq!(watch.due(now), Due::Nothing, "after {second} s");
        }
        watch.stands(Standing::Idle, begun);
        assert!(watch.stuck.is_none());
    }
}
