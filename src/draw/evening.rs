//! Honest evenings, made up at random through the same calls that a server uses. They must verify; with one
//! byte changed they must not.

use super::chain::{self, LastSecret};
use super::entropy::{QUICKNET, Source, Taps, Value};
use super::hash::{EventId, Hash32, Hex, pid, sha256};
use super::line::{Entropy, Open, PaySeat, Payout, Status, Void, pay_ref};
use super::log::{Checkpoint, Receipt, next_head, public_key};
use super::seed::Keystream;
use super::state::{LogState, Stage};
use super::verify::{Bundle, DrawProof, Proved, Report, verify};
use super::{Award, Body, DrawKind, DrawRule, Exclude, PayoutStatus, PoolTree, SeatStatus};
use ed25519_dalek::SigningKey;
use proptest::prelude::*;
use serde_json::json;
use std::collections::BTreeMap;

const LINKS: u32 = 40;

pub(super) struct Evening {
    dice: Keystream,
    key: SigningKey,
    last: LastSecret,
    event: EventId,
    pub(super) state: LogState,
    lines: Vec<String>,
    pub(super) pool: PoolTree,
    pub(super) proofs: Vec<DrawProof>,
    seen: Vec<Checkpoint>,
    receipt: Receipt,
    mine: serde_json::Map<String, serde_json::Value>,
    bills: u64,
}

/// The person whose phone checks.
const ME: u64 = 2;

impl Evening {
    pub(super) fn open(seed: u64) -> Self {
        let seed = sha256(&seed.to_be_bytes());
        let key = SigningKey::from_bytes(sha256(seed.bytes()).bytes());
        let event = Hex([seed.bytes()[0]; 16]);
        let last = LastSecret::new(*seed.bytes());
        let mut evening = Self {
            dice: Keystream::new(&seed, 9),
            receipt: Receipt { size: 0, sig: Hex([0; 64]) },
            state: LogState::default(),
            lines: Vec::new(),
            pool: PoolTree::new(),
            proofs: Vec::new(),
            seen: Vec::new(),
            mine: serde_json::Map::new(),
            bills: 0,
            key,
            last,
            event,
        };
        let anchor = chain::anchor(&event, &evening.last, LINKS);
        let key = public_key(&evening.key);
        evening.push(Body::Open(Open { event, key, anchor, links: LINKS.into() }));
        for _ in 0..8 {
            evening.join();
        }
        evening.receipt = Receipt::sign(&evening.key, &event, ME, &evening.pool.member(ME).unwrap().0, 1);
        evening
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.dice.uniform(bound)
    }

    fn salt(i: u64) -> Hash32 {
        sha256(&i.to_be_bytes())
    }

    fn join(&mut self) {
        let i = self.pool.n();
        self.pool.append(pid(&self.event, Self::salt(i).bytes(), &format!("wx:{i}")), 1).unwrap();
    }

    pub(super) fn push(&mut self, body: Body) {
        let memo = (self.below(4) == 0).then(|| "备注 \"one\" \\ two".to_owned());
        let line = self.state.next_line(1_600_000_000_000 + self.state.size(), memo, body);
        self.state.check(&line).unwrap();
        self.lines.push(self.state.apply(&line).unwrap());
    }

    fn checkpoint(&self) -> Checkpoint {
        Checkpoint::sign(&self.key, self.event, self.state.size(), self.state.head().unwrap())
    }

    pub(super) fn secret(&self, draw: u64) -> Hash32 {
        chain::secret(&self.event, &self.last, LINKS, u32::try_from(draw).unwrap()).unwrap()
    }

    /// A draw from its commit to its result or void; returns its number when it has a result.
    pub(super) fn draw(&mut self, mut rule: DrawRule) -> Option<u64> {
        for _ in 0..self.below(3) {
            self.join();
        }
        let excluded = self.state.excluded(&rule);
        for i in 0..self.pool.n() {
            let out = excluded.contains(&self.pool.member(i).unwrap().0);
            let weight = if out { 0 } else { self.below(4).min(2) };
            self.pool.set_weight(i, weight).unwrap();
        }
        if rule.kind == DrawKind::Redraw && rule.k > self.pool.eligible() || self.pool.eligible() == 0 {
            return None;
        }
        rule.k = rule.k.min(self.pool.eligible());
        let body = self.state.commit(rule, &self.pool).unwrap();
        self.push(body);
        let number = self.state.open_draw().unwrap().commit.draw;
        let path = self.pool.path(ME).unwrap();
        self.mine.insert(number.to_string(), json!({"w": self.pool.member(ME).unwrap().1, "path": path}));
        let mut taps = None;
        while let Stage::Entropy(i) = self.state.draw(number).unwrap().stage() {
            if self.below(8) == 0 {
                let secret = self.secret(number);
                self.push(Body::Void(Void { draw: number, secret, reason: "test.1".to_owned() }));
                return None;
            }
            self.seen.push(self.checkpoint());
            let value = self.value(number, i, &mut taps);
            self.push(Body::Entropy(Entropy { draw: number, i: u64::try_from(i).unwrap(), value }));
        }
        self.result(number, taps);
        Some(number)
    }

    fn value(&mut self, number: u64, i: usize, taps: &mut Option<Vec<(u64, Hash32)>>) -> Value {
        let draw = self.state.draw(number).unwrap();
        let head = draw.head;
        match draw.commit.rule.entropy[i].clone() {
            Source::Audience => {
                let tapped = (0..self.pool.n()).filter(|_| self.dice.uniform(2) == 0);
                let tapped: Vec<_> = tapped.map(|i| (i, Self::salt(i + 1000))).collect();
                let value = Taps::new(&head, &tapped).unwrap().value();
                *taps = Some(tapped);
                value
            }
            Source::Dice { count, .. } => {
                Value::Dice { rolls: (0..count).map(|_| self.below(6) + 1).collect() }
            }
            Source::Words { count } => {
                Value::Words { words: (0..count).map(|i| format!("红包{i}")).collect() }
            }
            Source::Drand { .. } => Value::Drand { randomness: sha256(&[7; 48]), signature: Hex([7; 48]) },
        }
    }

    fn result(&mut self, number: u64, taps: Option<Vec<(u64, Hash32)>>) {
        let outcome = self.state.outcome(self.secret(number), &self.pool).unwrap();
        let proofs = outcome.winners.iter().map(|winner| self.pool.path(winner.index).unwrap()).collect();
        let full = self.below(3) > 0;
        self.proofs.push(DrawProof {
            draw: number,
            proofs,
            pool: full.then(|| self.pool.members().collect()),
            taps: taps.filter(|_| full),
        });
        self.push(Body::Result(outcome));
    }

    pub(super) fn rule(&mut self) -> DrawRule {
        let all = [
            Source::Audience,
            Source::Dice { sides: 6, count: 16 },
            Source::Words { count: 3 },
            Source::Drand { chain: QUICKNET.parse().unwrap(), round: 1_000_000_000 },
        ];
        let kind = if self.below(5) == 0 { DrawKind::Test } else { DrawKind::Main };
        let k = self.below(3) + 1;
        DrawRule {
            kind,
            prize: format!("p{}", self.below(3)),
            k,
            exclude: [Exclude::None, Exclude::Group, Exclude::Event][usize::try_from(self.below(3)).unwrap()],
            group: format!("g{}", self.below(2)),
            parent: 0,
            ranks: Vec::new(),
            entropy: all.into_iter().filter(|_| self.below(2) == 0).collect(),
            award: match self.below(3) {
                0 => Award::None,
                1 => Award::Fixed { cents: 100 },
                _ => Award::Split { cents: 1000, min: 100 },
            },
        }
    }

    fn status(&mut self, draw: u64, rank: u64, status: SeatStatus) {
        self.push(Body::Status(Status { draw, rank, status }));
    }

    pub(super) fn pay(&mut self, draw: u64, rank: u64, status: PayoutStatus) {
        let winner = *self.state.draw(draw).unwrap().winner(rank).unwrap();
        if winner.cents == 0 {
            return;
        }
        let seat = self.state.seat(draw, rank).unwrap();
        let (attempt, reference) = if status == PayoutStatus::Refunded {
            (seat.attempts(), seat.last_payout.as_ref().unwrap().reference)
        } else {
            self.bills += 1;
            let narrow = |x: u64| u32::try_from(x).unwrap();
            let attempt = seat.attempts() + 1;
            let (pid, cents) = (winner.pid, winner.cents);
            let seat =
                PaySeat { draw: narrow(draw), rank: narrow(rank), pid, cents, attempt: narrow(attempt) };
            (attempt, pay_ref(&self.event, &seat, &self.bills.to_string()))
        };
        let (pid, cents) = (winner.pid, winner.cents);
        self.push(Body::Payout(Payout { draw, rank, pid, cents, attempt, reference, status }));
    }

    /// Seats of a draw are confirmed, set aside, paid; those set aside are drawn again.
    fn seats(&mut self, number: u64) {
        if !self.state.counts(number) {
            return;
        }
        let mut rule = self.state.draw(number).unwrap().commit.rule.clone();
        let winners: Vec<_> = self.state.draw(number).unwrap().winners().iter().map(|w| w.rank).collect();
        let mut aside = Vec::new();
        for rank in winners {
            if self.below(3) == 0 {
                self.status(number, rank, SeatStatus::Absent);
                aside.push(rank);
                continue;
            }
            self.status(number, rank, SeatStatus::Present);
            match self.below(4) {
                0 => self.pay(number, rank, PayoutStatus::Failed),
                1 => self.pay(number, rank, PayoutStatus::Sent),
                2 => {
                    self.pay(number, rank, PayoutStatus::Sent);
                    self.pay(number, rank, PayoutStatus::Refunded);
                    self.pay(number, rank, PayoutStatus::Sent);
                }
                _ => {}
            }
        }
        aside.sort_unstable();
        if !aside.is_empty() && self.state.next_draw() < u64::from(LINKS) {
            rule.parent = self.state.draw(number).unwrap().family();
            (rule.kind, rule.award, rule.k) =
                (DrawKind::Redraw, Award::Inherit, u64::try_from(aside.len()).unwrap());
            rule.ranks = aside;
            if let Some(redraw) = self.draw(rule) {
                self.seats(redraw);
            }
        }
    }

    pub(super) fn run(seed: u64) -> Self {
        let mut evening = Self::open(seed);
        for _ in 0..=evening.below(5) {
            if evening.state.next_draw() > 30 {
                break;
            }
            let rule = evening.rule();
            let Some(number) = evening.draw(rule) else { continue };
            evening.seats(number);
            if evening.below(6) == 0 {
                let secret = evening.secret(number);
                evening.push(Body::Void(Void { draw: number, secret, reason: "wrong-list".to_owned() }));
            }
        }
        if evening.below(2) == 0 {
            evening.push(Body::Close);
        }
        evening
    }

    pub(super) fn bundle(&self) -> String {
        let bundle = Bundle::new(self.lines.clone(), self.checkpoint(), self.proofs.clone());
        serde_json::to_string(&bundle).unwrap()
    }

    /// A bundle over other lines, signed as only a cheating operator can.
    pub(super) fn forged(&self, lines: Vec<String>) -> String {
        let head = lines.iter().fold(None, |head: Option<Hash32>, line| Some(next_head(head.as_ref(), line)));
        let size = u64::try_from(lines.len()).unwrap();
        let checkpoint = Checkpoint::sign(&self.key, self.event, size, head.unwrap_or(Hex::ZERO));
        let mut proofs = self.proofs.clone();
        let told =
            |draw: u64| lines.iter().any(|line| line.starts_with(&format!(r#"{{"draw":{draw},"secret""#)));
        proofs.retain(|proof| told(proof.draw));
        serde_json::to_string(&Bundle::new(lines, checkpoint, proofs)).unwrap()
    }

    pub(super) fn lines(&self) -> &[String] {
        &self.lines
    }

    pub(super) fn local(&self) -> String {
        json!({
            "pin": {"event": self.event, "key": public_key(&self.key)},
            "seen": self.seen,
            "me": {
                "index": ME, "salt": Self::salt(ME), "identity": format!("wx:{ME}"),
                "pid": self.pool.member(ME).unwrap().0, "receipt": self.receipt, "proofs": self.mine,
            },
        })
        .to_string()
    }
}

pub(super) fn check(bundle: &str, local: Option<&str>) -> Report {
    verify(bundle.as_bytes(), local.map(str::as_bytes), &BTreeMap::new())
}

pub(super) fn proved(report: Report) -> Proved {
    match report {
        Report::Proved(proved) => *proved,
        Report::Disproved(fault) | Report::Unreadable(fault) => panic!("{fault} {}", fault.english()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn an_honest_evening_verifies_and_a_changed_byte_does_not(
        seed in any::<u64>(),
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), 0x20..0x7f_u8), 24),
    ) {
        let evening = Evening::run(seed);
        let bundle = evening.bundle();
        let report = proved(check(&bundle, Some(&evening.local())));
        prop_assert_eq!(report.closed, evening.state.is_closed());
        prop_assert_eq!(report.checked.len(), evening.proofs.len());
        prop_assert_eq!(report.me.len(), evening.mine.len());
        // Each seen checkpoint came right before a value, so only draws without sources have no witness.
        let blind: Vec<_> = report.warnings.iter().filter(|w| w.starts_with("W_UNWITNESSED")).collect();
        let without = evening.state.draws().filter(|d| d.result.is_some() && d.commit.rule.entropy.is_empty());
        prop_assert_eq!(blind.len(), without.count());
        let replayed = LogState::replay(evening.lines.iter().map(String::as_str)).unwrap();
        prop_assert_eq!(replayed.head(), evening.state.head());

        for (at, byte) in changes {
            let mut bytes = bundle.clone().into_bytes();
            let at = at.index(bytes.len());
            if bytes[at] == byte {
                continue;
            }
            bytes[at] = byte;
            let report = verify(&bytes, None, &BTreeMap::new());
            prop_assert!(report.fault().is_some(), "byte {} {}", at, String::from_utf8_lossy(&bytes));
        }
    }
}

/// The property above says little unless such evenings have everything in them.
#[test]
fn evenings_are_eventful() {
    let mut kinds = std::collections::BTreeSet::new();
    let mut redraws = 0;
    for seed in 0..80 {
        let evening = Evening::run(seed);
        kinds.extend(
            evening
                .lines
                .iter()
                .filter_map(|line| line.split("\"t\":\"").nth(1)?.split('"').next().map(str::to_owned)),
        );
        redraws +=
            evening.state.draws().filter(|d| d.result.is_some() && d.family() != d.commit.draw).count();
        for warning in proved(check(&evening.bundle(), None)).warnings {
            kinds.extend(warning.split(':').next().map(str::to_owned));
        }
    }
    assert!(redraws > 5, "{redraws}");
    for kind in [
        "event.open",
        "draw.commit",
        "draw.entropy",
        "draw.result",
        "draw.void",
        "winner.status",
        "payout",
        "event.close",
        "W_VOID",
        "W_VOID_RESULT",
        "W_VOID_PAID",
        "W_ABSENT",
        "W_TEST",
        "W_WEIGHTED",
        "W_WORDS",
        "W_DRAND_UNVERIFIED",
        "W_UNWITNESSED",
    ] {
        assert!(kinds.contains(kind), "{kind} in {kinds:?}");
    }
}
