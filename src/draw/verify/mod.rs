//! The verifier (§10): a bundle, and what this device remembers, to a report.

mod bundle;
mod items;
mod local;
mod report;

use super::code::Code;
use super::hash::Hash32;
use super::line::{Line, Open};
use super::log::next_head;
use super::path::Step;
use super::state::LogState;
use bundle::Parsed;
use local::{Checked, Local};
use serde_json::Value;
use std::collections::BTreeMap;

pub use bundle::{Bundle, DrawProof};
pub use report::{Fault, Mine, Place, Proved, Report};

/// Checks a bundle. `local` is what this device remembers (`pin`, `seen`, `me`), never uploaded.
/// `pools` are pool files (n × 40 bytes) by draw number, in place of the bundle's own `pool`.
///
/// The steps run in the order of §10; the first that fails gives the answer.
pub fn verify(bundle: &[u8], local: Option<&[u8]>, pools: &BTreeMap<u64, Vec<u8>>) -> Report {
    match run(bundle, local, pools) {
        Ok(proved) => Report::Proved(Box::new(proved)),
        Err(fault) if fault.code == Code::Schema => Report::Unreadable(fault),
        Err(fault) => Report::Disproved(fault),
    }
}

/// A log whose lines are well-formed, with the head at every size.
struct Log {
    lines: Vec<Line>,
    heads: Vec<Hash32>,
    open: Open,
}

impl Log {
    /// Head of the log when it had `size` lines; `None` for size 0 and sizes it has not reached.
    fn head_at(&self, size: u64) -> Option<Hash32> {
        let i = usize::try_from(size.checked_sub(1)?).ok()?;
        self.heads.get(i).copied()
    }
}

fn run(bundle: &[u8], local: Option<&[u8]>, pools: &BTreeMap<u64, Vec<u8>>) -> Result<Proved, Fault> {
    let parsed = Parsed::read(bundle)?;
    if let Some(draw) = pools.keys().find(|draw| !parsed.items.iter().any(|item| item.draw == **draw)) {
        return Err(Fault { code: Code::Schema, place: Place::Draw(*draw) });
    }
    let local = Local::read(local)?;
    let log = read_lines(&parsed.log)?;
    check_identity(&parsed, &log, &local)?;
    let seen = local.check_seen(&log)?;
    let mut state = LogState::default();
    for (line, text) in log.lines.into_iter().zip(&parsed.log) {
        let place = Place::Line(line.seq, line.body.kind());
        state.apply_parsed(line, text).map_err(|code| Fault { code, place })?;
    }
    let mut items = items::Items::new(&state, local.index());
    for item in &parsed.items {
        let draw = item.draw;
        items
            .check(item, pools.get(&draw).map(Vec::as_slice))
            .map_err(|code| Fault { code, place: Place::Draw(draw) })?;
    }
    let (checked, my_pools) = (items.checked, items.my_pools);
    let mine = local.check_me(&Checked { state: &state, open: &log.open, my_pools: &my_pools })?;
    Ok(report::proved(&state, &seen, checked, mine, parsed.checkpoint.code()))
}

/// Step 2.
fn read_lines(texts: &[String]) -> Result<Log, Fault> {
    let (mut lines, mut heads) = (Vec::with_capacity(texts.len()), Vec::with_capacity(texts.len()));
    let mut head = None;
    for (seq, text) in (0..).zip(texts) {
        let fault = |code| Fault { code, place: Place::Line(seq, "") };
        let line = Line::parse(text).map_err(fault)?;
        let is_open = matches!(line.body, super::line::Body::Open(_));
        if line.seq != seq || is_open != (seq == 0) {
            return Err(fault(Code::Seq));
        }
        let next = next_head(head.as_ref(), text);
        heads.push(next);
        head = Some(next);
        lines.push(line);
    }
    match lines.first().map(|line| &line.body) {
        Some(super::line::Body::Open(open)) => Ok(Log { open: open.clone(), lines, heads }),
        // `Parsed::read` refuses an empty log, and the loop any other first line.
        _ => Err(Fault { code: Code::Schema, place: Place::Bundle }),
    }
}

/// Step 3.
fn check_identity(parsed: &Parsed, log: &Log, local: &Local) -> Result<(), Fault> {
    let fault = |code| Fault { code, place: Place::Checkpoint };
    let (checkpoint, open) = (&parsed.checkpoint, &log.open);
    if checkpoint.event != open.event {
        return Err(fault(Code::Event));
    }
    local.check_pin(open)?;
    let size = u64::try_from(log.heads.len()).unwrap_or(u64::MAX);
    if checkpoint.size != size || Some(checkpoint.head) != log.head_at(size) {
        return Err(fault(Code::Head));
    }
    if !checkpoint.verify(&open.key) {
        return Err(fault(Code::Sig));
    }
    Ok(())
}

/// An integer of the JSON around the lines; 28.0 is 28 there (§10), as it is to a reader in a browser.
fn int(value: &Value) -> Option<u64> {
    let Value::Number(number) = value else { return None };
    let whole = || match number.to_string().strip_suffix(".0")? {
        "-0" => Some(0),
        digits => digits.parse().ok(),
    };
    number.as_u64().or_else(whole).filter(|number| *number <= super::canon::MAX_INT)
}

/// Lower-case hex in the JSON around the lines.
fn hex<const N: usize>(value: &Value) -> Option<super::hash::Hex<N>> {
    value.as_str()?.parse().ok()
}

/// A path; `exact` refuses other keys in its steps.
fn path(value: &Value, exact: bool) -> Option<Vec<Step>> {
    let step = |step: &Value| {
        let step = step.as_object().filter(|step| !exact || step.len() == 2)?;
        Some(Step { h: hex(step.get("h")?)?, s: int(step.get("s")?)? })
    };
    value.as_array()?.iter().map(step).collect()
}

/// Nesting deeper than this is unreadable.
const MAX_NESTING: usize = 100;

/// Reads the JSON around the lines: the last of two equal keys counts.
fn json(bytes: &[u8]) -> Option<Value> {
    // The reader itself stops at 128 levels, so the recursion below is bounded.
    let value = serde_json::from_slice(bytes).ok()?;
    fits(&value, MAX_NESTING).then_some(value)
}

fn fits(value: &Value, levels: usize) -> bool {
    match value {
        Value::Array(items) => levels > 0 && items.iter().all(|item| fits(item, levels - 1)),
        Value::Object(fields) => levels > 0 && fields.values().all(|field| fits(field, levels - 1)),
        _ => true,
    }
}
