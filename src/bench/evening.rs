//! The shortest evening whose draw can be proved: one meeting, one draw by dice.

use anyhow::{Context, anyhow};
use ed25519_dalek::SigningKey;

use crate::draw::{
    Award, Body, Code, DrawKind, DrawRule, Exclude, LogState, Outcome, PoolTree,
    chain::{self, LastSecret},
    entropy::{Source, Value},
    hash::{EventId, Hex, sha256},
    line::{Entropy, Open},
    log::{Checkpoint, public_key},
    verify::{Bundle, DrawProof},
};

const LINKS: u32 = 8;

/// A log up to a draw whose randomness is closed.
pub(super) struct Evening {
    key: SigningKey,
    event: EventId,
    last: LastSecret,
    state: LogState,
    lines: Vec<String>,
}

fn refused(code: Code) -> anyhow::Error {
    anyhow!("the log refuses a line of the benchmark: {code}")
}

impl Evening {
    /// Opens, commits `k` winners of the pool, and closes the dice.
    pub(super) fn closed(pool: &PoolTree, k: u64) -> anyhow::Result<Self> {
        let (event, secret) = (Hex([7; 16]), sha256(b"bench"));
        let mut evening = Self {
            key: SigningKey::from_bytes(secret.bytes()),
            event,
            last: LastSecret::new(*secret.bytes()),
            state: LogState::default(),
            lines: Vec::new(),
        };
        let anchor = chain::anchor(&event, &evening.last, LINKS);
        let key = public_key(&evening.key);
        evening.push(Body::Open(Open { event, key, anchor, links: LINKS.into() }))?;
        let rule = DrawRule {
            kind: DrawKind::Main,
            prize: "bench".into(),
            k,
            exclude: Exclude::Event,
            group: String::new(),
            parent: 0,
            ranks: Vec::new(),
            entropy: vec![Source::Dice { sides: 10, count: 12 }],
            award: Award::Fixed { cents: 100 },
        };
        let commit = evening.state.commit(rule, pool).map_err(refused)?;
        evening.push(commit)?;
        let rolls = vec![3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8];
        evening.push(Body::Entropy(Entropy { draw: 1, i: 0, value: Value::Dice { rolls } }))?;
        Ok(evening)
    }

    fn push(&mut self, body: Body) -> anyhow::Result<()> {
        let line = self.state.next_line(1_000, None, body);
        self.lines.push(self.state.apply(&line).map_err(refused)?);
        Ok(())
    }

    /// The result line and the path of each winner, as a bundle.
    pub(super) fn reveal(mut self, pool: &PoolTree) -> anyhow::Result<Bundle> {
        let secret = chain::secret(&self.event, &self.last, LINKS, 1).context("the draw's secret")?;
        let outcome: Outcome = self.state.outcome(secret, pool).map_err(refused)?;
        let paths = outcome.winners.iter().map(|winner| pool.path(winner.index).context("a winner's path"));
        let proofs = paths.collect::<anyhow::Result<_>>()?;
        self.push(Body::Result(outcome))?;
        let head = self.state.head().context("the head of a log")?;
        let checkpoint = Checkpoint::sign(&self.key, self.event, self.state.size(), head);
        let draw = DrawProof { draw: 1, proofs, ..DrawProof::default() };
        Ok(Bundle::new(self.lines, checkpoint, vec![draw]))
    }
}
