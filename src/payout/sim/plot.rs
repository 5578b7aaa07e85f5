//! What happens in a simulated week, and how often.

use super::chance::Chance;
use crate::clock::{DAY, Ms};

/// 2026-11-23 20:00 in Beijing: the party. Four hours before midnight.
pub(super) const START: Ms = 1_795_435_200_000;

const FOUR_HOURS: Ms = 14_400_000;

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

/// How long a frozen sender stands still, ms: often shorter than a lease.
pub(super) fn pause(chance: &mut Chance) -> Ms {
    let longest = if chance.permille(500) { 20_000 } else { 300_000 };
    chance.below(longest)
}

/// The mood of one week.
#[derive(Debug)]
pub(super) struct Weather {
    /// Receivers confirm before they are paid: transfers instead of red packets.
    pub(super) confirms: bool,
    /// One person wins more than two days hold, shortly before midnight.
    pub(super) crowded: bool,
    /// When it begins: at the party, or shortly before midnight.
    pub(super) begin: Ms,
    /// When it ends: after a week, or after the day that follows.
    pub(super) end: Ms,
    /// Longest time between two events, ms.
    pub(super) pace: Ms,
    crash: i64,
    freeze: i64,
    hands: i64,
}

impl Weather {
    pub(super) fn new(chance: &mut Chance) -> Self {
        let confirms = chance.permille(400);
        if chance.permille(700) {
            let midnight = Self::midnight(chance);
            // Whoever confirms takes his time.
            let end = midnight.end + if confirms { 300_000 } else { 0 };
            return Self { confirms, end, ..midnight };
        }
        let begin = START + [0, 0, 14_000_000, 14_390_000][chance.place(4)];
        let days = if chance.permille(500) { 7 * DAY } else { 5 * DAY / 4 };
        Self {
            confirms,
            crowded: false,
            begin,
            end: begin + days,
            pace: [50, 500, 3_000, 20_000][chance.place(4)],
            crash: [0, 5, 30, 80][chance.place(4)],
            freeze: [0, 5, 30][chance.place(3)],
            hands: [0, 10, 40][chance.place(3)],
        }
    }

    /// The minutes around midnight, when the slots of one day end and those of the next begin.
    fn midnight(chance: &mut Chance) -> Self {
        let begin = START + FOUR_HOURS - 70_000 - chance.below(50_000);
        let end = START + FOUR_HOURS + 150_000;
        Self { confirms: false, crowded: true, begin, end, pace: 200, crash: 0, freeze: 40, hands: 0 }
    }

    /// Who wins what: people, and the list of person and fen.
    pub(super) fn winners(&self, chance: &mut Chance) -> (usize, Vec<(usize, i64)>) {
        if self.crowded {
            return (1, vec![(0, 100); 25]);
        }
        let people = 1 + chance.place(5);
        let one = |chance: &mut Chance| (chance.place(people), [100, 188, 8_800, 20_000][chance.place(4)]);
        (people, (0..10 + chance.place(20)).map(|_| one(chance)).collect())
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
