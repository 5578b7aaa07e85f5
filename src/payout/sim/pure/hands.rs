//! What people of finance do in between.

use super::{World, laws, row};
use crate::{payout::awards::NEVER, wire::PacketState};

impl World {
    pub(super) fn resume(&mut self) {
        if !self.paused {
            return;
        }
        self.paused = false;
        for row in &mut self.rows {
            match row.facts.state {
                PacketState::Queued => row.next_at = row.next_at.min(self.now),
                PacketState::Blocked if laws::pauses(&row.facts.reason) => {
                    row.facts.reason = "resume".into();
                    row.next_at = self.now;
                }
                _ => {}
            }
        }
    }

    pub(super) fn cancel(&mut self) -> Result<(), String> {
        let place = self.chance.place(self.rows.len());
        let row = &mut self.rows[place];
        if !laws::is_first(row.facts.state) && row.facts.state != PacketState::Refused {
            return Ok(());
        }
        (row.facts.state, row.next_at, row.lease) = (PacketState::Cancelled, NEVER, 0);
        row.epoch += 1;
        self.budget.reserved -= self.awards[row.award].1;
        laws::ended(&self.payer, &row.bill)
    }

    /// A person of finance asks for a new number.
    pub(super) fn reissue(&mut self) -> Result<(), String> {
        let place = self.chance.place(self.rows.len());
        let (state, attempt, award) = {
            let row = &self.rows[place];
            (row.facts.state, row.attempt, row.award)
        };
        let newest = self.rows.iter().all(|row| row.award != award || row.attempt <= attempt);
        let mayhap = matches!(state, PacketState::Failed | PacketState::Refunded | PacketState::Refused);
        if !newest || !mayhap {
            return Ok(());
        }
        let told = self.payer.query(self.now, &self.rows[place].bill).outcome(false);
        let now = self.now;
        let since = &mut self.rows[place].unknown_since;
        if !laws::proves_dead(state, &told, (since, now)) {
            return Ok(());
        }
        let fen = self.awards[award].1;
        if state == PacketState::Refused {
            self.rows[place].facts.state = PacketState::Failed;
        } else if self.budget.reserved + self.budget.spent + fen > self.cap {
            return Ok(());
        } else {
            self.budget.reserved += fen;
        }
        laws::ended(&self.payer, &self.rows[place].bill)?;
        self.rows.push(row(award, attempt + 1, now));
        Ok(())
    }
}
