//! Redraw: a new draw, with a new secret and new randomness, for the seats whose holders were set aside.

use super::{
    commit::{self, Plan},
    electorate, holders, prizes, rounds,
    rows::{self, Stored},
};
use crate::{
    app::App,
    draw::DrawKind,
    error::{ApiError, ApiResult},
    meeting,
    payout::{self, Grant},
    wire::{self, Committed, RedrawRequest, SeatStatus},
};

/// Commits a redraw of the given ranks, or of all that are set aside.
pub async fn redraw(
    app: &App,
    who: &str,
    (meeting, n): (&str, i64),
    request: RedrawRequest,
) -> ApiResult<Committed> {
    let mut tx = app.db().begin().await?;
    let meeting = meeting::lock(&mut tx, meeting).await?;
    meeting.must_be_open()?;
    let id = meeting.id.as_str();
    let asked = rows::load(tx.conn(), id, n).await?;
    if asked.kind == wire::DrawKind::Test {
        return Err(rows::is_test());
    }
    // A redraw of a redraw belongs to the same main draw.
    let main = if asked.parent > 0 { rows::load(tx.conn(), id, asked.parent).await? } else { asked };
    match main.state {
        Stored::Revealed => {}
        Stored::Committed => return Err(ApiError::conflict("no_result", "这次抽奖还没有公布结果。")),
        Stored::Void => return Err(ApiError::conflict("draw_void", "这次抽奖已经作废。")),
    }
    rows::none_open(tx.conn(), id).await?;
    let held = holders::of(tx.conn(), id, main.n).await?;
    let mut aside: Vec<i64> = held
        .iter()
        .filter(|(_, holder)| !matches!(holder.status, SeatStatus::Waiting | SeatStatus::Present))
        .map(|(rank, _)| *rank)
        .collect();
    let nothing = |detail: &str| ApiError::invalid("nothing_to_redraw", "ranks", detail);
    if request.ranks.iter().any(|rank| aside.binary_search(rank).is_err()) {
        return Err(nothing("只能补抽已标记为缺席、放弃或取消资格的名次。"));
    }
    if !request.ranks.is_empty() {
        aside.retain(|rank| request.ranks.contains(rank));
    }
    if aside.is_empty() {
        return Err(nothing("没有需要补抽的名次。"));
    }
    let round = rounds::load(tx.conn(), id, &main.round_id).await?;
    let prize = prizes::load(tx.conn(), id, &round.prize_id).await?;
    let electorate = electorate::build(app, &mut tx, &meeting, commit::rules(&round, main.n)).await?;
    let seats = i64::try_from(aside.len()).unwrap_or(i64::MAX);
    commit::enough(&electorate, seats)?;
    for (draw, ranks) in holders::by_draw(&held, &aside) {
        let grant = Grant { meeting: id, event: &meeting.event, draw, round: &round.id };
        payout::reserve_redraw(&mut tx, app.now(), grant, &ranks).await?;
    }
    let plan = Plan {
        meeting: &meeting,
        round: &round,
        prize: &prize,
        electorate,
        kind: DrawKind::Redraw,
        parent: main.n,
        ranks: aside,
    };
    commit::place(app, tx, who, plan).await
}
