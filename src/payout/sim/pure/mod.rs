//! The machine alone: [`next`] and [`plan`] on a table in memory, with several senders that die, freeze and wake late.
//! A step is one event offered to the machine.

mod hands;
mod slots;

use super::{
    chance::Chance,
    laws,
    payer::{Payer, Request},
    plot::{Deed, Weather, pause},
};
use crate::{
    clock::{DAY, Ms},
    payout::{
        awards::NEVER,
        codes::Effect,
        next::{Act, Facts, Money, Outcome, is_final, next, plan},
    },
    wire::PacketState,
};

const LEASE: Ms = 60_000;
const MINUTE: Ms = 60_000;

struct Row {
    award: usize,
    bill: String,
    attempt: i64,
    born: Ms,
    facts: Facts,
    next_at: Ms,
    epoch: i64,
    lease: Ms,
    day: i64,
    /// First query since the last send that said `NOT_FOUND`, for a new number.
    unknown_since: Option<Ms>,
}

#[derive(Default)]
struct PersonDay {
    day: i64,
    packets: i64,
    fen: i64,
}

#[derive(Default)]
struct Budget {
    reserved: i64,
    spent: i64,
    returned: i64,
}

enum Stage {
    Idle,
    Claimed,
    Ready { send: bool },
    Calling { send: bool },
    Answered { outcome: Outcome },
}

struct Worker {
    stage: Stage,
    row: usize,
    epoch: i64,
    facts: Facts,
    frozen: Ms,
}

/// One evening and the week after it.
pub(super) struct World {
    now: Ms,
    chance: Chance,
    weather: Weather,
    payer: Payer,
    awards: Vec<(usize, i64)>,
    rows: Vec<Row>,
    people: Vec<PersonDay>,
    budget: Budget,
    cap: i64,
    paused: bool,
    workers: Vec<Worker>,
}

fn fresh(at: Ms) -> Facts {
    Facts {
        state: PacketState::Queued,
        reason: String::new(),
        undecided: false,
        sends: 0,
        queries: 0,
        not_founds: 0,
        born: at,
        first_call_at: None,
        failed_at: None,
        sent_at: None,
        at,
    }
}

fn row(award: usize, attempt: i64, at: Ms) -> Row {
    Row {
        award,
        bill: format!("{award}-{attempt}"),
        attempt,
        born: at,
        facts: fresh(at),
        next_at: at,
        epoch: 0,
        lease: 0,
        day: -1,
        unknown_since: None,
    }
}

fn beijing(at: Ms) -> i64 {
    (at + 8 * 60 * MINUTE).div_euclid(DAY)
}

/// Plays one world to its end; the steps it took.
pub(super) fn play(seed: u64) -> Result<u64, String> {
    let mut world = World::new(seed);
    let mut steps = 0;
    while world.now < world.weather.end {
        world.step()?;
        steps += 1;
    }
    world.end()?;
    Ok(steps)
}

impl World {
    fn new(seed: u64) -> Self {
        let mut chance = Chance::new(seed);
        let weather = Weather::new(&mut chance);
        let (people, awards) = weather.winners(&mut chance);
        let sums: i64 = awards.iter().map(|(_, fen)| fen).sum();
        let told = awards.iter().map(|(person, fen)| (person.to_string(), *fen)).collect();
        let idle = |_| Worker { stage: Stage::Idle, row: 0, epoch: 0, facts: fresh(0), frozen: 0 };
        let begin = weather.begin;
        Self {
            now: begin,
            payer: Payer::new(Chance::new(seed ^ 0x5eed), told, weather.confirms),
            rows: (0..awards.len()).map(|award| row(award, 1, begin)).collect(),
            awards,
            people: (0..people).map(|_| PersonDay { day: -1, ..PersonDay::default() }).collect(),
            budget: Budget { reserved: sums, ..Budget::default() },
            cap: sums,
            paused: false,
            workers: (0..2).map(idle).collect(),
            weather,
            chance,
        }
    }

    fn step(&mut self) -> Result<(), String> {
        self.now += self.chance.below(self.weather.pace);
        self.payer.pass(self.now);
        match self.weather.deed(&mut self.chance) {
            Deed::Work => self.work(),
            Deed::Crash => {
                let worker = self.chance.place(self.workers.len());
                self.workers[worker].stage = Stage::Idle;
                Ok(())
            }
            Deed::Freeze => {
                let (worker, pause) = (self.chance.place(self.workers.len()), pause(&mut self.chance));
                self.workers[worker].frozen = self.now + pause;
                Ok(())
            }
            Deed::Cancel => self.cancel(),
            Deed::Reissue => self.reissue(),
            Deed::Resume => {
                self.resume();
                Ok(())
            }
        }?;
        if self.budget.reserved + self.budget.spent > self.cap || self.budget.reserved < 0 {
            return Err("P1: a budget is overdrawn".into());
        }
        self.payer.broken.take().map_or(Ok(()), Err)
    }

    fn work(&mut self) -> Result<(), String> {
        let number = self.chance.place(self.workers.len());
        if self.workers[number].frozen > self.now {
            return Ok(());
        }
        let stage = std::mem::replace(&mut self.workers[number].stage, Stage::Idle);
        let after = match stage {
            Stage::Idle => self.claim(number),
            Stage::Claimed => self.begin(number)?,
            Stage::Ready { send } => self.about_to_call(number, send),
            Stage::Calling { send } => self.call(number, send),
            Stage::Answered { outcome } => {
                let worker = &self.workers[number];
                let (row, epoch) = (worker.row, worker.epoch);
                self.settle(row, epoch, &outcome)?;
                Stage::Idle
            }
        };
        self.workers[number].stage = after;
        Ok(())
    }

    fn claim(&mut self, number: usize) -> Stage {
        use PacketState::{Blocked, Confirming, Held, NeedsHuman, Queued, Reserved, Sending, Sent, Unknown};
        let now = self.now;
        let may = |state| match state {
            Queued | Held | Reserved => !self.paused,
            Sending | Unknown | Blocked | Confirming | Sent | NeedsHuman => true,
            _ => false,
        };
        let person = |row: &Row| self.awards[row.award].0;
        let due = (0..self.rows.len()).filter(|place| {
            let row = &self.rows[*place];
            row.next_at <= now
                && row.lease <= now
                && may(row.facts.state)
                && !self.rows.iter().any(|other| other.lease > now && person(other) == person(row))
        });
        let Some(place) = due.min_by_key(|place| (self.rows[*place].next_at, *place)) else {
            self.wait();
            return Stage::Idle;
        };
        let row = &mut self.rows[place];
        row.epoch += 1;
        row.lease = now + LEASE;
        row.facts.at = now;
        let (epoch, facts) = (row.epoch, row.facts.clone());
        self.workers[number] = Worker { stage: Stage::Idle, row: place, epoch, facts, frozen: 0 };
        Stage::Claimed
    }

    /// Nothing is due: time goes on to whatever comes next.
    fn wait(&mut self) {
        let moments = self
            .rows
            .iter()
            .filter(|row| !is_final(row.facts.state))
            .flat_map(|row| [row.next_at, row.lease]);
        let workers = self
            .workers
            .iter()
            .filter(|worker| !matches!(worker.stage, Stage::Idle))
            .map(|worker| worker.frozen.max(self.now + 1));
        let next = moments.chain(workers).chain([self.payer.due()]).filter(|at| *at > self.now).min();
        // A person looks after the sender twice a day at least.
        self.now = next.unwrap_or(NEVER).min(self.now + DAY / 2);
        if self.paused && self.chance.permille(300) {
            self.resume();
        }
    }

    fn begin(&mut self, number: usize) -> Result<Stage, String> {
        let worker = &self.workers[number];
        let (place, epoch) = (worker.row, worker.epoch);
        match plan(&worker.facts, false) {
            Act::Query => Ok(Stage::Ready { send: false }),
            Act::Recover => {
                self.settle(place, epoch, &Outcome::Lost)?;
                Ok(Stage::Idle)
            }
            Act::Rest => {
                self.release(place, epoch);
                Ok(Stage::Idle)
            }
            Act::Send => Ok(self.reserve(place, epoch)),
        }
    }

    fn release(&mut self, place: usize, epoch: i64) {
        let row = &mut self.rows[place];
        if row.epoch == epoch && row.facts.state != PacketState::Sending {
            row.lease = 0;
        }
    }

    fn about_to_call(&mut self, number: usize, send: bool) -> Stage {
        let (now, today) = (self.now, beijing(self.now));
        let worker = &self.workers[number];
        let row = &mut self.rows[worker.row];
        let sendable = matches!(
            row.facts.state,
            PacketState::Reserved | PacketState::Unknown | PacketState::Blocked | PacketState::Confirming
        );
        if row.epoch != worker.epoch || (send && (!sendable || row.day != today)) {
            let (place, epoch) = (worker.row, worker.epoch);
            self.release(place, epoch);
            return Stage::Idle;
        }
        row.lease = now + LEASE;
        row.facts.first_call_at.get_or_insert(now);
        if send {
            row.facts.state = PacketState::Sending;
            row.facts.sends += 1;
            row.next_at = row.lease;
            row.unknown_since = None;
        } else {
            row.facts.queries += 1;
        }
        Stage::Calling { send }
    }

    fn call(&mut self, number: usize, send: bool) -> Stage {
        let row = &self.rows[self.workers[number].row];
        let wire = if send {
            let (person, fen) = self.awards[row.award];
            let request = Request {
                bill: row.bill.clone(),
                award: row.award,
                openid: person.to_string(),
                fen,
                rest: String::new(),
            };
            self.payer.send(self.now, request)
        } else {
            self.payer.query(self.now, &row.bill)
        };
        Stage::Answered { outcome: wire.outcome(send) }
    }

    fn settle(&mut self, place: usize, epoch: i64, outcome: &Outcome) -> Result<(), String> {
        let now = self.now;
        let row = &mut self.rows[place];
        if row.epoch != epoch {
            return Ok(());
        }
        row.facts.at = now;
        let after = next(&row.facts, outcome);
        let pays = matches!(after.money, Money::Pay | Money::PayAndReturn);
        let facts = &mut row.facts;
        facts.state = after.state;
        facts.reason = after.reason;
        facts.undecided = after.undecided;
        facts.not_founds = after.not_founds;
        facts.failed_at = after.failed_at;
        facts.sent_at = if pays { Some(now) } else { facts.sent_at };
        (row.next_at, row.lease) = (after.next_at, 0);
        if matches!(after.sender, Effect::Pause) {
            self.paused = true;
        }
        self.move_money(place, after.money)
    }

    fn move_money(&mut self, place: usize, money: Money) -> Result<(), String> {
        let row = &mut self.rows[place];
        let (person, fen) = self.awards[row.award];
        laws::booked(&self.payer, &row.bill, money)?;
        match money {
            Money::Stay => {}
            Money::Pay => {
                self.budget.reserved -= fen;
                self.budget.spent += fen;
            }
            Money::Return => {
                self.budget.spent -= fen;
                self.budget.returned += fen;
            }
            Money::PayAndReturn => {
                self.budget.reserved -= fen;
                self.budget.returned += fen;
            }
            Money::Release => {
                self.budget.reserved -= fen;
                let day = &mut self.people[person];
                if day.day == row.day {
                    day.packets = (day.packets - 1).max(0);
                    day.fen = (day.fen - fen).max(0);
                }
                row.day = -1;
            }
        }
        Ok(())
    }

    /// P9 and the books of both sides.
    fn end(&mut self) -> Result<(), String> {
        let mut spent = 0;
        for row in &self.rows {
            let (person, fen) = self.awards[row.award];
            let human = self.rows.iter().any(|other| {
                self.awards[other.award].0 == person && other.facts.state == PacketState::NeedsHuman
            });
            laws::at_the_end(&self.payer, &row.bill, &row.facts, (self.now - row.born, self.paused, human))?;
            spent +=
                if row.facts.sent_at.is_some() && row.facts.state != PacketState::Refunded { fen } else { 0 };
        }
        if spent == self.budget.spent {
            Ok(())
        } else {
            Err(format!("P7: {} spent, the packets say {spent}", self.budget.spent))
        }
    }
}
