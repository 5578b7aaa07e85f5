//! What this device remembers: pin, seen checkpoints, its own person (§10 steps 3, 4 and 7).

use super::{Fault, Log, Mine, Place, bundle, hex, int, json, path};
use crate::draw::code::Code;
use crate::draw::hash::{Pid, pid};
use crate::draw::line::Open;
use crate::draw::log::Receipt;
use crate::draw::path as paths;
use crate::draw::state::LogState;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The parts of the local input that are there; null counts as absent.
#[derive(Default)]
pub(super) struct Local {
    pin: Option<Value>,
    seen: Option<Value>,
    me: Option<Value>,
}

/// What the steps before found, for the checks of my own person.
pub(super) struct Checked<'a> {
    pub(super) state: &'a LogState,
    pub(super) open: &'a Open,
    pub(super) my_pools: &'a BTreeMap<u64, Option<Pid>>,
}

impl Local {
    pub(super) fn read(bytes: Option<&[u8]>) -> Result<Self, Fault> {
        let Some(bytes) = bytes else { return Ok(Self::default()) };
        let fault = Fault { code: Code::Schema, place: Place::Local };
        match json(bytes).ok_or(fault)? {
            Value::Null => Ok(Self::default()),
            Value::Object(fields) => Ok(Self {
                pin: part(&fields, "pin").cloned(),
                seen: part(&fields, "seen").cloned(),
                me: part(&fields, "me").cloned(),
            }),
            _ => Err(fault),
        }
    }

    /// My index, if it is known.
    pub(super) fn index(&self) -> Option<u64> {
        self.me.as_ref()?.get("index").and_then(int)
    }

    /// The pinned event and key are those of the log.
    pub(super) fn check_pin(&self, open: &Open) -> Result<(), Fault> {
        let Some(pin) = &self.pin else { return Ok(()) };
        let fault = |code| Fault { code, place: Place::Local };
        if pin.get("event").and_then(hex) != Some(open.event) {
            return Err(fault(Code::Event));
        }
        if pin.get("key").and_then(hex) != Some(open.key) {
            return Err(fault(Code::Key));
        }
        Ok(())
    }

    /// Sizes of the validly signed checkpoints of this event; each must be part of the log.
    pub(super) fn check_seen(&self, log: &Log) -> Result<Vec<u64>, Fault> {
        let fault = |code| Fault { code, place: Place::Local };
        let length = u64::try_from(log.heads.len()).unwrap_or(u64::MAX);
        let mut sizes = Vec::new();
        for seen in self.seen.as_ref().and_then(Value::as_array).into_iter().flatten() {
            let Some(seen) = seen.as_object().and_then(|seen| bundle::checkpoint(seen, false)) else {
                continue;
            };
            if seen.event != log.open.event || !seen.verify(&log.open.key) {
                continue;
            }
            if seen.size > length {
                return Err(fault(Code::Short));
            }
            if log.head_at(seen.size) != Some(seen.head) {
                return Err(fault(Code::Fork));
            }
            sizes.push(seen.size);
        }
        Ok(sizes)
    }

    /// Step 7; empty without `me`.
    pub(super) fn check_me(&self, checked: &Checked<'_>) -> Result<BTreeMap<u64, Mine>, Fault> {
        let Some(me) = &self.me else { return Ok(BTreeMap::new()) };
        let fault = |code| Fault { code, place: Place::Me };
        let empty = Map::new();
        let me = me.as_object().unwrap_or(&empty);
        let pid = my_pid(me, checked.open).ok_or(fault(Code::MePid))?;
        if let Some(receipt) = part(me, "receipt") {
            check_receipt(me, receipt, &pid, checked).map_err(fault)?;
        }
        match part(me, "proofs") {
            Some(proofs) => my_draws(me, proofs, &pid, checked.state).ok_or(fault(Code::MeProof)),
            None => Ok(BTreeMap::new()),
        }
    }
}

fn part<'a>(fields: &'a Map<String, Value>, key: &str) -> Option<&'a Value> {
    fields.get(key).filter(|value| !value.is_null())
}

fn my_pid(me: &Map<String, Value>, open: &Open) -> Option<Pid> {
    let salt = hex::<32>(me.get("salt")?)?;
    let mine = hex(me.get("pid")?)?;
    (pid(&open.event, salt.bytes(), me.get("identity")?.as_str()?) == mine).then_some(mine)
}

fn check_receipt(
    me: &Map<String, Value>,
    receipt: &Value,
    pid: &Pid,
    checked: &Checked<'_>,
) -> Result<(), Code> {
    let open = checked.open;
    let read = || {
        let receipt = Receipt { size: int(receipt.get("size")?)?, sig: hex(receipt.get("sig")?)? };
        let index = int(me.get("index")?)?;
        receipt.verify(&open.key, &open.event, index, pid).then_some((index, receipt.size))
    };
    let (index, size) = read().ok_or(Code::Receipt)?;
    for draw in checked.state.draws().filter(|draw| draw.seq >= size) {
        let there = checked.my_pools.get(&draw.commit.draw).is_none_or(|mine| *mine == Some(*pid));
        if draw.commit.pool.n <= index || !there {
            return Err(Code::Dropped);
        }
    }
    Ok(())
}

fn my_draws(
    me: &Map<String, Value>,
    proofs: &Value,
    pid: &Pid,
    state: &LogState,
) -> Option<BTreeMap<u64, Mine>> {
    let mut mine = BTreeMap::new();
    for (key, proof) in proofs.as_object()?.iter().filter(|(_, proof)| !proof.is_null()) {
        let number: u64 = key.parse().ok().filter(|number: &u64| number.to_string() == *key)?;
        let draw = state.draw(number)?;
        let (index, weight) = (int(me.get("index")?)?, int(proof.get("w")?)?);
        let steps = path(proof.get("path")?, false)?;
        let start = paths::check(&draw.commit.pool, index, pid, weight, &steps)?;
        let won =
            draw.winners().iter().filter(|winner| winner.pid == *pid).map(|winner| winner.rank).collect();
        let excluded = state.is_excluded(number, pid);
        mine.insert(number, Mine { tickets: (start, weight), won, excluded });
    }
    Some(mine)
}
