//! The secrets of a meeting's log: its signing key and its chain. Sealed in SQL; a draw's link of the chain is worked
//! out only in the transaction that reveals it.

use std::sync::Arc;

use anyhow::Context;
use ed25519_dalek::SigningKey;
use sqlx::{AnyConnection, Row, any::AnyRow};
use zeroize::Zeroizing;

use super::{state::DrawLogs, to_wire};
use crate::{
    app::App,
    draw::{
        Body, EventId, Hash32, Pid, chain,
        hash::Hex,
        line::Open,
        log::{self, public_key},
    },
    error::{ApiError, ApiResult},
    keys::{self, Keys, Purpose},
    wire::{Checkpoint, Receipt},
};

/// What signs a meeting's checkpoints and receipts.
#[derive(Debug)]
pub(super) struct Signer {
    event: EventId,
    key: SigningKey,
}

/// The keys of a new meeting.
#[derive(Debug)]
pub struct Birth {
    /// The protocol's name of the meeting, hex.
    pub event: String,
    /// Public key, hex.
    pub key: String,
    /// Sealed Ed25519 seed.
    pub log_secret: Vec<u8>,
    /// Sealed last link of the chain.
    pub chain_secret: Vec<u8>,
    /// The first line.
    pub line: Body,
}

/// Sealed under the meeting's id and what it is, so that the two can never be taken for each other.
fn context(meeting: &str, what: &str) -> String {
    format!("{meeting}/{what}")
}

impl Birth {
    /// Makes keys for the meeting `id`.
    pub fn new(keys: &Keys, id: &str, links: u32) -> Self {
        let event: EventId = Hex(keys::random());
        let seed = Zeroizing::new(keys::random::<32>());
        let last = chain::LastSecret::new(keys::random());
        let public = public_key(&SigningKey::from_bytes(&seed));
        let anchor = chain::anchor(&event, &last, links);
        Self {
            event: event.to_string(),
            key: public.to_string(),
            log_secret: keys.seal(Purpose::Draw, &context(id, "log"), seed.as_slice()),
            chain_secret: keys.seal(Purpose::Draw, &context(id, "chain"), last.expose()),
            line: Body::Open(Open { event, key: public, anchor, links: u64::from(links) }),
        }
    }
}

/// The signer from a meeting's row with `event` and `log_secret`, or the one already in memory.
pub(super) fn signer(app: &App, meeting: &str, row: &AnyRow) -> ApiResult<Arc<Signer>> {
    if let Some(known) = app.kept::<DrawLogs>().signer(meeting) {
        return Ok(known);
    }
    let event: String = row.try_get("event")?;
    let sealed: Vec<u8> = row.try_get("log_secret")?;
    let seed = app
        .keys()
        .unseal(Purpose::Draw, &context(meeting, "log"), &sealed)
        .context("the sealed signing key of a meeting does not open")?;
    let seed: &[u8; 32] = seed.as_slice().try_into().context("length of a signing key")?;
    let made = Arc::new(Signer {
        event: event.parse().ok().context("stored event of a meeting")?,
        key: SigningKey::from_bytes(seed),
    });
    app.kept::<DrawLogs>().keep_signer(meeting, Arc::clone(&made));
    Ok(made)
}

pub(super) fn sign(signer: &Signer, size: i64, head: Hash32) -> ApiResult<Checkpoint> {
    let size = u64::try_from(size).context("size of the log")?;
    to_wire(&log::Checkpoint::sign(&signer.key, signer.event, size, head))
}

/// Signs that `pid` has this index since the log had `size` lines. On the connection of the transaction that binds:
/// a second connection, asked for while holding one, could be waited for by everybody at once.
pub async fn sign_receipt(
    app: &App,
    conn: &mut AnyConnection,
    (meeting, index, pid, size): (&str, i64, &str, i64),
) -> ApiResult<Receipt> {
    let signer = if let Some(known) = app.kept::<DrawLogs>().signer(meeting) {
        known
    } else {
        let row = sqlx::query("select event, log_secret from meeting where id = $1")
            .bind(meeting)
            .fetch_optional(conn)
            .await?
            .ok_or_else(|| ApiError::not_found("该活动"))?;
        signer(app, meeting, &row)?
    };
    let pid: Pid = pid.parse().ok().context("a pid to be signed")?;
    let (index, lines) = (u64::try_from(index).context("index")?, u64::try_from(size).context("size")?);
    let receipt = log::Receipt::sign(&signer.key, &signer.event, index, &pid, lines);
    Ok(Receipt { size, sig: receipt.sig.to_string() })
}

/// The draw's link of the chain. Only for the transaction that reveals it.
pub async fn secret(app: &App, conn: &mut AnyConnection, meeting: &str, draw: i64) -> ApiResult<Hash32> {
    let row = sqlx::query("select event, links, chain_secret from meeting where id = $1")
        .bind(meeting)
        .fetch_one(conn)
        .await?;
    let (event, sealed): (String, Vec<u8>) = (row.try_get("event")?, row.try_get("chain_secret")?);
    let opened = app
        .keys()
        .unseal(Purpose::Draw, &context(meeting, "chain"), &sealed)
        .context("the sealed chain of a meeting does not open")?;
    let last: &[u8; 32] = opened.as_slice().try_into().context("length of a chain's last link")?;
    let links: i64 = row.try_get("links")?;
    let (links, draw) = (u32::try_from(links).context("links")?, u32::try_from(draw).context("draw")?);
    let event = event.parse().ok().context("stored event of a meeting")?;
    let secret = chain::secret(&event, &chain::LastSecret::new(*last), links, draw);
    secret.ok_or_else(|| ApiError::conflict("draws_used_up", "本活动的抽奖次数已用完，请新建活动。"))
}
