//! The bundle: made by the server, read by the verifier (§10 step 1).

use super::{Fault, Place, hex, int, json};
use crate::draw::code::Code;
use crate::draw::hash::{Hash32, Pid};
use crate::draw::line::PROTOCOL;
use crate::draw::log::Checkpoint;
use crate::draw::path::Step;
use serde::Serialize;
use serde_json::{Map, Value};

/// A bundle to be given out; serialise it with `serde_json`.
#[derive(Debug, Clone, Serialize)]
pub struct Bundle {
    /// Always [`PROTOCOL`].
    pub v: &'static str,
    /// Stored lines from 0.
    pub log: Vec<String>,
    /// Checkpoint of exactly these lines.
    pub checkpoint: Checkpoint,
    /// Proofs of draws that have a result, ascending.
    pub draws: Vec<DrawProof>,
}

/// The proofs of one draw.
#[derive(Debug, Clone, Default, Serialize)]
pub struct DrawProof {
    /// The draw.
    pub draw: u64,
    /// A path for each winner, in the order of choice: [`crate::draw::PoolTree::path`] in the committed pool.
    pub proofs: Vec<Vec<Step>>,
    /// All members (pid, weight), for a full check. Large pools go as a file instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pool: Option<Vec<(Pid, u64)>>,
    /// All taps (index, 32 bytes of the phone), ascending; only for draws with an audience.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub taps: Option<Vec<(u64, Hash32)>>,
}

impl Bundle {
    /// A bundle of all lines so far.
    pub fn new(log: Vec<String>, checkpoint: Checkpoint, draws: Vec<DrawProof>) -> Self {
        Self { v: PROTOCOL, log, checkpoint, draws }
    }
}

/// A bundle of the right shape; what is inside the proofs is looked into later.
pub(super) struct Parsed {
    pub(super) log: Vec<String>,
    pub(super) checkpoint: Checkpoint,
    pub(super) items: Vec<Item>,
}

/// One entry of `draws`.
pub(super) struct Item {
    pub(super) draw: u64,
    pub(super) proofs: Vec<Value>,
    pub(super) pool: Option<Value>,
    pub(super) taps: Option<Value>,
}

impl Parsed {
    pub(super) fn read(bytes: &[u8]) -> Result<Self, Fault> {
        json(bytes).and_then(parsed).ok_or(Fault { code: Code::Schema, place: Place::Bundle })
    }
}

fn parsed(value: Value) -> Option<Parsed> {
    let mut fields = object(value)?;
    if fields.remove("v")? != PROTOCOL {
        return None;
    }
    let text = |line| if let Value::String(line) = line { Some(line) } else { None };
    let log: Vec<String> = list(fields.remove("log")?)?.into_iter().map(text).collect::<Option<_>>()?;
    let checkpoint = checkpoint(&object(fields.remove("checkpoint")?)?, true)?;
    let items = list(fields.remove("draws")?)?.into_iter().map(item).collect::<Option<_>>()?;
    (fields.is_empty() && !log.is_empty()).then_some(Parsed { log, checkpoint, items })
}

fn item(value: Value) -> Option<Item> {
    let mut fields = object(value)?;
    let item = Item {
        draw: int(&fields.remove("draw")?)?,
        proofs: list(fields.remove("proofs")?)?,
        pool: fields.remove("pool"),
        taps: fields.remove("taps"),
    };
    fields.is_empty().then_some(item)
}

/// A checkpoint; `exact` refuses other keys.
pub(super) fn checkpoint(fields: &Map<String, Value>, exact: bool) -> Option<Checkpoint> {
    let checkpoint = Checkpoint {
        event: hex(fields.get("event")?)?,
        size: int(fields.get("size")?)?,
        head: hex(fields.get("head")?)?,
        sig: hex(fields.get("sig")?)?,
    };
    (!exact || fields.len() == 4).then_some(checkpoint)
}

fn object(value: Value) -> Option<Map<String, Value>> {
    if let Value::Object(fields) = value { Some(fields) } else { None }
}

fn list(value: Value) -> Option<Vec<Value>> {
    if let Value::Array(items) = value { Some(items) } else { None }
}
