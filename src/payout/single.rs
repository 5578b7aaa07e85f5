//! One award that comes from no draw: an accepted voucher, people who were brought.

use super::awards::{self, award_id};
use crate::{
    app::App,
    budget::{self, DrawPart},
    db::{Tx, hit},
    error::{ApiError, ApiResult},
    meeting,
    wire::AwardOrigin,
};

/// What somebody is given.
#[derive(Clone, Copy, Debug)]
pub struct Gift<'a> {
    /// Unique for ever: `voucher:ID`, `referral:ID`.
    pub reason: &'a str,
    /// Meeting.
    pub meeting: &'a str,
    /// Person on the roster.
    pub person: &'a str,
    /// Their openid; empty while none is bound.
    pub openid: &'a str,
    /// Fen.
    pub fen: i64,
    /// Budget of purpose `campaign`.
    pub budget: &'a str,
}

/// Makes the award and its packet, payable at once, inside the caller's transaction, which holds the meeting's row.
/// After the commit call [`super::wake`].
///
/// 409 `budget` when the budget does not cover it, `already_given` when the reason has its award, `rehearsal`.
pub async fn give(app: &App, tx: &mut Tx, gift: Gift<'_>) -> ApiResult<()> {
    let at = app.now();
    if meeting::load(tx.conn(), gift.meeting).await?.rehearsal {
        return Err(ApiError::conflict("rehearsal", "彩排永不付款。"));
    }
    let done = sqlx::query(
        "insert into award (id, reason, meeting_id, person_id, openid, kind, amount_fen, budget_id, state, channel, \
         created_at, updated_at) values ($1, $2, $3, $4, $5, 'cash', $6, $7, 'payable', \
         coalesce((select b.channel from budget b where b.id = $7), 'red_packet_v2'), $8, $8) \
         on conflict (reason) do nothing",
    )
    .bind(award_id(gift.reason))
    .bind(gift.reason)
    .bind(gift.meeting)
    .bind(gift.person)
    .bind(gift.openid)
    .bind(gift.fen)
    .bind(gift.budget)
    .bind(at)
    .execute(tx.conn())
    .await?;
    if !hit(&done) {
        return Err(ApiError::conflict("already_given", "这份奖励已经发出，不会重复发放。"));
    }
    let part = DrawPart { budget: gift.budget, meeting: gift.meeting, draw: 0 };
    budget::reserve_gift(tx, at, part, gift.fen).await?;
    awards::issue(app, tx, Some((gift.meeting, 0))).await
}

/// Where an award with this reason comes from.
pub(super) fn origin(reason: &str) -> AwardOrigin {
    match reason.split(':').next() {
        Some("trial") => AwardOrigin::Trial,
        Some("voucher") => AwardOrigin::Voucher,
        Some("referral") => AwardOrigin::Referral,
        _ => AwardOrigin::Draw,
    }
}
