//! What happens in a simulated week, and how often.

use super::chance::Chance;
use crate::clock::Ms;

/// 2026-11-23 20:00 in Beijing: the party.
pub(super) const START: Ms = 1_795_435_200_000;

/// What happens next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deed {
    /// A sender takes its next step.
    Work,
    /// A sender dies where it stands.
    Crash,
    /// A sender stands still for up to five minutes and goes on as if nothing had been.
    Freeze,
    /// Finance cancels a packet.
    Cancel,
    /// Finance asks for a new number.
    Reissue,
    /// Finance lets the sender go on.
    Resume,
}

/// The mood of one week.
#[derive(Debug)]
pub(super) struct Weather {
    /// Longest time between two events, ms.
    pub(super) pace: Ms,
    crash: i64,
    freeze: i64,
    hands: i64,
}

impl Weather {
    pub(super) fn new(chance: &mut Chance) -> Self {
        Self {
            pace: [50, 500, 3_000, 20_000][chance.place(4)],
            crash: [0, 5, 30, 80][chance.place(4)],
            freeze: [0, 5, 30][chance.place(3)],
            hands: [0, 10, 40][chance.place(3)],
        }
    }

    pub(super) fn deed(&self, chance: &mut Chance) -> Deed {
        let roll = chance.below(1_000);
        let mut end = 0;
        let shares = [
            (self.crash, Deed::Crash),
            (self.freeze, Deed::Freeze),
            (self.hands / 4, Deed::Cancel),
            (self.hands, Deed::Reissue),
            (self.hands, Deed::Resume),
        ];
        for (share, deed) in shares {
            end += share;
            if roll < end {
                return deed;
            }
        }
        Deed::Work
    }
}
