//! Slots of a person's day on a list: the same rules as in SQL.

use super::{MINUTE, PersonDay, Stage, World, beijing, laws};
use crate::{
    clock::DAY,
    payout::sim::payer::{DAY_FEN, DAY_PACKETS},
    wire::PacketState,
};

impl World {
    pub(super) fn reserve(&mut self, place: usize, epoch: i64) -> Stage {
        let first = laws::is_first(self.rows[place].facts.state);
        if self.rows[place].epoch != epoch {
            return Stage::Idle;
        }
        let took = self.take_slot(place);
        let row = &mut self.rows[place];
        if !took {
            let midnight = (beijing(self.now) + 1) * DAY - 8 * 60 * MINUTE;
            let quiet = (self.now + 8 * 60 * MINUTE).rem_euclid(DAY) < MINUTE;
            row.next_at = if quiet { self.now + MINUTE } else { midnight + MINUTE };
            row.lease = 0;
            if first {
                row.facts.state = PacketState::Held;
                row.facts.reason = "day_limit".into();
            }
            return Stage::Idle;
        }
        if first {
            row.facts.state = PacketState::Reserved;
            row.facts.reason = String::new();
        }
        Stage::Ready { send: true }
    }

    /// See `day`: the same rules on a list.
    pub(super) fn take_slot(&mut self, place: usize) -> bool {
        let (person, fen) = self.awards[self.rows[place].award];
        let (today, midnight) = (beijing(self.now), beijing(self.now) * DAY - 8 * 60 * MINUTE);
        if self.now - midnight < MINUTE {
            return false;
        }
        if self.people[person].day != today {
            let mut day = PersonDay { day: today, ..PersonDay::default() };
            for row in &mut self.rows {
                let (owner, fen) = self.awards[row.award];
                let open = laws::is_open(row.facts.state)
                    || row.facts.sent_at.is_some_and(|at| at >= midnight - MINUTE);
                if owner == person && row.day >= 0 && row.day < today && open {
                    day.packets += 1;
                    day.fen += fen;
                    row.day = today;
                }
            }
            day.packets = day.packets.min(DAY_PACKETS);
            day.fen = day.fen.min(DAY_FEN);
            self.people[person] = day;
        }
        if self.rows[place].day == today {
            return true;
        }
        let day = &mut self.people[person];
        if day.packets + 1 > DAY_PACKETS || day.fen + fen > DAY_FEN {
            return false;
        }
        day.packets += 1;
        day.fen += fen;
        self.rows[place].day = today;
        true
    }
}
