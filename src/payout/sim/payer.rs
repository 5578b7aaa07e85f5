//! A payer with books of its own, as hostile as the real one may be: it pays what it refused, forgets what it paid, says
//! FAILED by mistake, answers late or not at all. The laws of money are checked here, against what it really paid.

use std::collections::HashMap;

use super::{
    chance::Chance,
    faults::{Effect, QUERY, SEND, Wire},
};
use crate::{
    clock::{DAY, Ms},
    payout::next::Status,
};

const SECOND: Ms = 1_000;
const MINUTE: Ms = 60 * SECOND;
const HOUR: Ms = 60 * MINUTE;
/// For how long a number may be called FAILED by mistake: shorter than what two looks must lie apart.
const LIES: Ms = 9 * MINUTE;
/// What a person may get on one Beijing day.
pub(super) const DAY_PACKETS: i64 = 10;
pub(super) const DAY_FEN: i64 = 100_000;

/// A request as it came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) bill: String,
    /// Which award it is for: our books' word, which the payer does not know.
    pub(super) award: usize,
    pub(super) openid: String,
    pub(super) fen: i64,
    /// Everything else of it.
    pub(super) rest: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Book {
    Kept,
    Processing {
        pays: bool,
    },
    /// Waits for its receiver to confirm.
    Waiting,
    Paid,
    Received,
    Refunding,
    Refunded,
    Dead,
}

#[derive(Clone, Debug)]
struct Order {
    request: Request,
    book: Book,
    /// When something happens by itself, ms.
    due: Ms,
    /// Since when it is so, ms.
    since: Ms,
    /// Until when it says FAILED by mistake now and then.
    lies_until: Option<Ms>,
    /// Whether a kept order is known to queries.
    known: bool,
}

/// The payer.
#[derive(Debug)]
pub(super) struct Payer {
    chance: Chance,
    /// How many calls of a thousand go wrong.
    rate: i64,
    /// What goes wrong most of the time, in some worlds.
    habit: Option<usize>,
    /// Nothing that was paid is ever opened or given back.
    never_ends: bool,
    /// Its receivers confirm before they are paid.
    confirms: bool,
    /// All of them, within minutes.
    prompt: bool,
    /// How far its clock is ahead of ours.
    skew: Ms,
    orders: HashMap<String, Order>,
    late: Vec<(Ms, Request)>,
    /// What each award is: openid and fen.
    awards: Vec<(String, i64)>,
    /// Payments minus refunds of each award.
    net: Vec<i64>,
    days: HashMap<(String, i64), (i64, i64)>,
    due: Ms,
    /// The first law that was broken.
    pub(super) broken: Option<String>,
}

impl Payer {
    pub(super) fn new(mut chance: Chance, awards: Vec<(String, i64)>, confirms: bool) -> Self {
        let rate = [0, 50, 200, 400, 700, 1_000][chance.place(6)];
        let habit = chance.permille(300).then(|| chance.place(SEND.len()));
        let never_ends = chance.permille(100);
        let skew = chance.below(100 * SECOND) - 50 * SECOND;
        let prompt = chance.permille(500);
        let net = vec![0; awards.len()];
        Self {
            chance,
            rate,
            habit,
            never_ends,
            confirms,
            prompt,
            skew,
            orders: HashMap::new(),
            late: Vec::new(),
            awards,
            net,
            days: HashMap::new(),
            due: Ms::MAX,
            broken: None,
        }
    }

    fn break_law(&mut self, law: &str, bill: &str) {
        self.broken.get_or_insert_with(|| format!("{law} (bill {bill})"));
    }

    /// A send call comes in.
    pub(super) fn send(&mut self, now: Ms, request: Request) -> Wire {
        let (effect, wire) = if self.chance.permille(self.rate) {
            let any = self.chance.place(SEND.len());
            SEND[self.habit.filter(|_| self.chance.permille(900)).unwrap_or(any)]
        } else {
            (Effect::Pay, Wire::Success)
        };
        if effect == Effect::Late {
            let at = now + self.chance.below(10 * MINUTE);
            self.late.push((at, request));
            self.due = self.due.min(at);
            return wire;
        }
        let success = wire == Wire::Success;
        let book = self.take(now, request, effect);
        match book {
            Book::Processing { .. } if success => Wire::Code("PROCESSING"),
            // A repeat of a number that has come to its end only says that it is known.
            _ if success && self.confirms && book != Book::Kept => match book {
                Book::Waiting => Wire::Accepted { ticket: self.chance.permille(900) },
                _ => Wire::Code("accepted"),
            },
            Book::Dead if success => Wire::Code("SEND_FAILED"),
            // Paid is what would have been said, and it is not so.
            Book::Kept if success => Wire::Code("SYSTEMERROR"),
            _ => wire,
        }
    }

    /// Books a request; what its order then is. An effect of nothing on an unknown number leaves no trace.
    fn take(&mut self, now: Ms, request: Request, effect: Effect) -> Book {
        let bill = request.bill.clone();
        let (before, same) = match self.orders.get(&bill) {
            Some(order) => (Some(order.book), order.request == request),
            None => (None, true),
        };
        if !same {
            self.break_law("P6: one bill number came with two requests", &bill);
        }
        if let Some(book) = before.filter(|book| *book != Book::Kept) {
            return book;
        }
        let book = match effect {
            Effect::Pay => self.promised(),
            Effect::Keep => Book::Kept,
            Effect::Process { pays } => Book::Processing { pays },
            Effect::Kill => Book::Dead,
            Effect::Nothing | Effect::Late => return before.unwrap_or(Book::Dead),
        };
        if before.is_none() {
            let (award, openid, fen) = (request.award, request.openid.clone(), request.fen);
            if self.awards.get(award) != Some(&(openid, fen)) {
                self.break_law("P12: not the person or the amount that was approved", &bill);
            }
            let known = self.chance.permille(500);
            self.orders.insert(
                bill.clone(),
                Order { request, book: Book::Kept, due: Ms::MAX, since: now, lies_until: None, known },
            );
        }
        self.become_book(now, &bill, book);
        book
    }

    /// What an order that is accepted becomes.
    fn promised(&self) -> Book {
        if self.confirms { Book::Waiting } else { Book::Paid }
    }

    fn become_book(&mut self, now: Ms, bill: &str, book: Book) {
        let due = match book {
            Book::Kept => now + HOUR + self.chance.below(29 * HOUR),
            Book::Processing { .. } => now + MINUTE + self.chance.below(HOUR),
            Book::Waiting | Book::Paid if self.never_ends => Ms::MAX,
            Book::Waiting if self.prompt => now + MINUTE / 2 + self.chance.below(3 * MINUTE),
            // Confirmed on the spot, later in the day, or never: it is closed after a day, and a little later than said.
            Book::Waiting => match self.chance.below(10) {
                0..5 => now + SECOND + self.chance.below(2 * MINUTE),
                5..8 => now + MINUTE + self.chance.below(23 * HOUR),
                _ => now + DAY + self.chance.below(6 * HOUR),
            },
            Book::Paid if self.chance.permille(700) => now + SECOND + self.chance.below(20 * HOUR),
            Book::Paid => now + DAY,
            Book::Refunding => now + HOUR,
            Book::Received | Book::Refunded | Book::Dead => Ms::MAX,
        };
        self.due = self.due.min(due);
        let Some(order) = self.orders.get_mut(bill) else { return };
        let before = order.book;
        (order.book, order.due, order.since) = (book, due, now);
        let (award, openid, fen) = (order.request.award, order.request.openid.clone(), order.request.fen);
        let confirmed = book == Book::Received && before == Book::Waiting;
        if confirmed || (book == Book::Paid && before != Book::Paid) {
            self.paid(now, bill, (award, openid, fen));
        }
        if book == Book::Refunded {
            self.net[award] -= 1;
        }
    }

    fn paid(&mut self, now: Ms, bill: &str, (award, openid, fen): (usize, String, i64)) {
        self.net[award] += 1;
        if self.net[award] > 1 {
            self.break_law("P2: an award was paid twice", bill);
        }
        let day = (now + self.skew + 8 * HOUR).div_euclid(DAY);
        let (packets, sum) = self.days.entry((openid, day)).or_default();
        *packets += 1;
        *sum += fen;
        if *packets > DAY_PACKETS || *sum > DAY_FEN {
            self.break_law("P4: a person got more on one day than allowed", bill);
        }
    }

    /// What happens by itself until now.
    pub(super) fn pass(&mut self, now: Ms) {
        while now >= self.due {
            self.due = Ms::MAX;
            let late: Vec<_> = self.late.extract_if(.., |(at, _)| *at <= now).collect();
            for (at, request) in late {
                self.take(at, request, Effect::Pay);
            }
            let mut due: Vec<_> = self
                .orders
                .iter()
                .filter(|(_, order)| order.due <= now)
                .map(|(bill, order)| (order.due, bill.clone()))
                .collect();
            due.sort();
            for (at, bill) in due {
                self.go_on(at, &bill);
            }
            let waiting =
                self.orders.values().map(|order| order.due).chain(self.late.iter().map(|(at, _)| *at));
            self.due = waiting.min().unwrap_or(Ms::MAX);
        }
    }

    fn go_on(&mut self, at: Ms, bill: &str) {
        let Some(order) = self.orders.get(bill) else { return };
        let book = match order.book {
            Book::Kept => match self.chance.below(4) {
                0 => Book::Dead,
                1 | 2 => self.promised(),
                _ => {
                    // Kept for good: nothing happens any more by itself.
                    if let Some(order) = self.orders.get_mut(bill) {
                        order.due = Ms::MAX;
                    }
                    return;
                }
            },
            Book::Processing { pays } => {
                if pays {
                    self.promised()
                } else {
                    Book::Dead
                }
            }
            Book::Waiting if at - order.since >= DAY => Book::Dead,
            Book::Waiting => Book::Received,
            Book::Paid if self.chance.permille(700) => Book::Received,
            Book::Paid => Book::Refunding,
            Book::Refunding => Book::Refunded,
            other => other,
        };
        self.become_book(at, bill, book);
    }

    /// When something happens by itself next.
    pub(super) fn due(&self) -> Ms {
        self.due
    }

    /// A query comes in.
    pub(super) fn query(&mut self, now: Ms, bill: &str) -> Wire {
        let wrong = self.chance.permille(self.rate);
        let lie = self.chance.permille(300);
        let Some(order) = self.orders.get_mut(bill) else {
            return if wrong { QUERY[self.chance.place(7)] } else { Wire::Code("NOT_FOUND") };
        };
        if wrong && lie && order.book != Book::Dead && now < *order.lies_until.get_or_insert(now + LIES) {
            return Wire::Found(Status::Failed);
        }
        if wrong {
            return QUERY[self.chance.place(QUERY.len())];
        }
        match order.book {
            Book::Kept if order.known => Wire::Found(Status::Stuck),
            Book::Kept => Wire::Code("NOT_FOUND"),
            Book::Processing { .. } => Wire::Found(Status::Sending),
            Book::Waiting => Wire::Found(Status::Confirming),
            Book::Paid => Wire::Found(Status::Sent),
            Book::Received => Wire::Found(Status::Received),
            Book::Refunding => Wire::Found(Status::Refunding),
            Book::Refunded => Wire::Found(Status::Refunded),
            Book::Dead => Wire::Found(Status::Failed),
        }
    }

    /// Whether money went out on this number.
    pub(super) fn was_paid(&self, bill: &str) -> bool {
        let paid = [Book::Paid, Book::Received, Book::Refunding, Book::Refunded];
        self.orders.get(bill).is_some_and(|order| paid.contains(&order.book))
    }

    /// Whether money went out on this number and did not come back, or may still go out.
    pub(super) fn may_cost(&self, bill: &str) -> bool {
        let dead = [Book::Dead, Book::Refunded, Book::Processing { pays: false }];
        self.orders.get(bill).is_some_and(|order| !dead.contains(&order.book))
            || self.late.iter().any(|(_, request)| request.bill == bill)
    }

    /// Whether the person has it for good.
    pub(super) fn received(&self, bill: &str) -> bool {
        self.orders.get(bill).is_some_and(|order| order.book == Book::Received)
    }
}
