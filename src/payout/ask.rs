//! Asking the payer now, because a person wants to know: for proofs, verdicts and matching.

use super::{
    channel::Channels,
    next::Outcome,
    prepare,
    sql::{self, Packet},
};
use crate::{
    app::App,
    error::{ApiError, ApiResult},
};

/// What the payer said; its raw answer is stored, and nothing is settled yet.
#[derive(Debug)]
pub(super) struct Asked {
    /// The call.
    pub(super) call: String,
    /// What it means.
    pub(super) outcome: Outcome,
}

/// Asks for one number: 409 `sender_off` without a merchant, 409 `outcome_unknown` when the packet moves just now.
pub(super) async fn ask(app: &App, packet: &Packet) -> ApiResult<Asked> {
    let channels = Channels::open(app.config());
    let Some(payer) = channels.as_ref().ok().and_then(|channels| channels.of(packet.channel)) else {
        return Err(ApiError::conflict("sender_off", "尚未配置商户，无法向微信核实。"));
    };
    let Some(call) = sql::begin_call(app, packet, sql::Asks::ByHand).await? else {
        return Err(super::block_error("outcome_unknown"));
    };
    let answer = sql::store_answer(app, &call, payer.query(&packet.bill, app.now()).await).await?;
    let outcome = payer.read_query(&answer, &prepare::bare_order(packet), app.now());
    Ok(Asked { call, outcome })
}

/// An answer that must not move the packet: noted with its call, and the packet is given back as it was.
pub(super) async fn note_only(app: &App, packet: &Packet, call: &str, code: &str) -> ApiResult<()> {
    let mut tx = app.db().begin().await?;
    sql::note_outcome(&mut tx, call, code).await?;
    tx.commit().await?;
    sql::release(app, packet, None).await
}

/// The payer could not be asked, or did not know: 409 `ask_again`.
pub(super) fn unanswered() -> ApiError {
    ApiError::conflict("ask_again", "现在问不到微信的明确结果，请稍后再试。")
}
