//! The commit: prize, winners, rules and pool go into the log before any randomness is made.

use super::{
    Desk, ahead, check, convert,
    electorate::{self, Electorate, Rules},
    pools, prizes, rounds, rows, views,
};
use crate::{
    app::App,
    audit::{self, Deed},
    budget,
    db::Tx,
    draw::{self, DrawRule},
    drawlog::{self, Entry},
    error::{ApiError, ApiResult},
    meeting::{self, Meeting, tell},
    wire::{
        Body, CommitKind, Committed, DrawEvent, Eligible, Fen, Message, PrizeView, RoundStatus, RoundView,
        Scene,
    },
};

/// Most tickets that the drawing of one round may have to take out (draw protocol §10).
const WORK_MAX: i64 = 20_000_000;

/// What a commit writes besides the round's own rules.
pub(super) struct Plan<'a> {
    pub(super) meeting: &'a Meeting,
    pub(super) round: &'a RoundView,
    pub(super) prize: &'a PrizeView,
    pub(super) electorate: Electorate,
    pub(super) kind: draw::DrawKind,
    pub(super) parent: i64,
    pub(super) ranks: Vec<i64>,
}

/// Commits the round's main draw, or a test of it.
pub async fn commit(
    app: &App,
    who: &str,
    (meeting, round): (&str, &str),
    kind: CommitKind,
) -> ApiResult<Committed> {
    let mut tx = app.db().begin().await?;
    let meeting = meeting::lock(&mut tx, meeting).await?;
    let round = rounds::load(tx.conn(), &meeting.id, round).await?;
    may_open(&mut tx, &meeting, &round).await?;
    let prize = prizes::load(tx.conn(), &meeting.id, &round.prize_id).await?;
    let electorate = electorate::build(app, &mut tx, &meeting, rules(&round, 0)).await?;
    if let Some(problem) = problems(app, &meeting, &round, &electorate).into_iter().next() {
        return Err(problem);
    }
    let kind = match kind {
        CommitKind::Main => {
            budget::reserve_round(&mut tx, app.now(), &meeting.id, &round.id, round.cost_fen.0).await?;
            draw::DrawKind::Main
        }
        // Nothing of it is ever paid.
        CommitKind::Test => draw::DrawKind::Test,
    };
    let plan = Plan {
        meeting: &meeting,
        round: &round,
        prize: &prize,
        electorate,
        kind,
        parent: 0,
        ranks: Vec::new(),
    };
    place(app, tx, who, plan).await
}

/// The rules of a round's draw; `parent` is the main draw of a redraw, else 0.
pub(super) fn rules(round: &RoundView, parent: i64) -> Rules<'_> {
    Rules { eligible: &round.eligible, exclude: round.exclude, group: &round.group, parent }
}

/// Whether a draw may be opened at all: the meeting is open, nothing else is, and the round was not drawn.
pub(super) async fn may_open(tx: &mut Tx, meeting: &Meeting, round: &RoundView) -> ApiResult<()> {
    meeting.must_be_open()?;
    if round.status != RoundStatus::Ready {
        return Err(ApiError::conflict("already_drawn", "这一轮已经锁定或抽出；要重抽请先作废。"));
    }
    rows::none_open(tx.conn(), &meeting.id).await
}

/// Every reason why this round cannot be drawn from this pool, the budget aside.
pub(super) fn problems(
    app: &App,
    meeting: &Meeting,
    round: &RoundView,
    electorate: &Electorate,
) -> Vec<ApiError> {
    let mut found = Vec::new();
    found.extend(check::least_level(&round.sources, &meeting.settings.min_level).err());
    // The limits may have been changed since the round was saved.
    found.extend(check::amounts(&round.award, round.seats, &app.config().limits).err());
    found.extend(enough(electorate, round.seats).err());
    let cash = round.cost_fen > Fen(0) && meeting.settings.require_follow && !meeting.rehearsal;
    if cash && electorate.eligible >= round.seats && electorate.payable < round.seats {
        let detail = format!(
            "可中奖的人中只有 {} 人关注了公众号，少于 {} 个名额；请他们先关注。",
            electorate.payable, round.seats
        );
        found.push(ApiError::invalid("not_enough_payable", "seats", detail));
    }
    found
}

/// 422 when fewer members have tickets than there are seats, or when weights make the drawing too long.
pub(super) fn enough(electorate: &Electorate, seats: i64) -> ApiResult<()> {
    if electorate.eligible == 0 {
        let detail = "还没有人能中奖：请等大家签到，或放宽条件。";
        return Err(ApiError::invalid("not_enough_eligible", "seats", detail));
    }
    if electorate.eligible < seats {
        let detail =
            format!("本轮要抽 {seats} 人，可中奖的只有 {} 人；请减少名额或放宽条件。", electorate.eligible);
        return Err(ApiError::invalid("not_enough_eligible", "seats", detail));
    }
    let max = i64::try_from(electorate.tree.max()).unwrap_or(i64::MAX);
    if seats.saturating_mul(max) > WORK_MAX {
        let detail = "权重过大：名额与最大权重的乘积不能超过 20000000。";
        return Err(ApiError::invalid("weights", "seats", detail));
    }
    Ok(())
}

/// The prize by its name (the line's own `prize` is a code), and who may win when not everybody may.
fn memo(prize: &PrizeView, eligible: &Eligible, checkin: bool) -> String {
    let mut parts = vec![prize.name.clone()];
    if checkin {
        parts.push("仅限已现场签到的人".to_owned());
    }
    for (word, list) in [("部门", &eligible.departments), ("分组", &eligible.groups)] {
        if !list.is_empty() {
            parts.push(format!("仅限{word}：{}", list.join("、")));
        }
    }
    parts.join("；")
}

/// Writes the commit line, the draw and its pool, tells everybody, and commits the transaction.
pub(super) async fn place(app: &App, mut tx: Tx, who: &str, plan: Plan<'_>) -> ApiResult<Committed> {
    let (id, now) = (plan.meeting.id.clone(), app.now());
    let log = drawlog::current(app, &mut tx, &id).await?;
    let n = convert::signed(log.next_draw())?;
    let body = log.commit(rule(&plan, now)?, &plan.electorate.tree).map_err(drawlog::refusal)?;
    let entry = Entry { body, memo: memo(plan.prize, &plan.round.eligible, plan.meeting.settings.checkin) };
    let logged = drawlog::append(app, &mut tx, &id, entry).await?;
    insert(&mut tx, &plan, (n, logged.seq), now).await?;
    pools::store(&mut tx, &id, n, &plan.electorate.tree).await?;
    sqlx::query("update round set status = 'drawing', left_free = 0 where id = $1")
        .bind(&plan.round.id)
        .execute(tx.conn())
        .await?;
    let view = views::draw(tx.conn(), &id, n).await?;
    let event = DrawEvent { draw: view.clone(), log: logged.checkpoint.clone(), code: logged.code.clone() };
    let told = vec![
        tell::event(&mut tx, &id, now, Body::Draw(Box::new(event))).await?,
        rounds::told(app, &mut tx, &id).await?,
        follow(&mut tx, &id, n, now).await?,
    ];
    let deed = Deed {
        who,
        what: match plan.kind {
            draw::DrawKind::Main => "round.commit",
            draw::DrawKind::Redraw => "draw.redraw",
            draw::DrawKind::Test => "round.test",
        },
        meeting: &id,
        target: &n.to_string(),
        note: &plan.round.name,
    };
    audit::record(&mut tx, now, &deed).await?;
    tell::commit(app, tx, &id, told).await?;
    app.kept::<Desk>().keep_pool(&id, n, plan.electorate.tree);
    if plan.round.sources.is_empty() {
        // Nothing is left to be closed: the winners are fixed already.
        ahead::send(app, &id, n);
    }
    Ok(Committed { draw: n, view, log: logged.checkpoint, code: logged.code })
}

/// The screens go along with the draw, also those that open later.
async fn follow(tx: &mut Tx, meeting: &str, n: i64, now: i64) -> ApiResult<Message> {
    let scene = Scene { name: "draw".into(), draw: Some(n), ..Scene::default() };
    sqlx::query("update meeting set scene = $1 where id = $2")
        .bind(serde_json::to_string(&scene).map_err(anyhow::Error::new)?)
        .bind(meeting)
        .execute(tx.conn())
        .await?;
    tell::event(tx, meeting, now, Body::Scene(scene)).await
}

fn rule(plan: &Plan<'_>, now: i64) -> ApiResult<DrawRule> {
    let round = plan.round;
    let redraw = plan.kind == draw::DrawKind::Redraw;
    let show_ms = plan.meeting.settings.commit_show_ms;
    Ok(DrawRule {
        kind: plan.kind,
        prize: plan.prize.code.clone(),
        k: convert::unsigned(seats(plan))?,
        exclude: convert::exclude(round.exclude),
        group: round.group.clone(),
        parent: convert::unsigned(plan.parent)?,
        ranks: plan.ranks.iter().map(|rank| convert::unsigned(*rank)).collect::<ApiResult<_>>()?,
        entropy: round
            .sources
            .iter()
            .map(|source| convert::committed(source, now, show_ms))
            .collect::<ApiResult<_>>()?,
        award: if redraw { draw::Award::Inherit } else { convert::award(&round.award)? },
    })
}

fn seats(plan: &Plan<'_>) -> i64 {
    if plan.ranks.is_empty() { plan.round.seats } else { i64::try_from(plan.ranks.len()).unwrap_or(i64::MAX) }
}

async fn insert(tx: &mut Tx, plan: &Plan<'_>, (n, seq): (i64, i64), now: i64) -> ApiResult<()> {
    sqlx::query(
        "insert into draw (meeting_id, n, round_id, kind, parent, state, k, pool_n, eligible, commit_seq, \
         committed_at, randomness_at) values ($1, $2, $3, $4, $5, 'committed', $6, $7, $8, $9, $10, $11)",
    )
    .bind(&plan.meeting.id)
    .bind(n)
    .bind(&plan.round.id)
    .bind(plan.kind.as_str())
    .bind(plan.parent)
    .bind(seats(plan))
    .bind(convert::signed(plan.electorate.tree.n())?)
    .bind(plan.electorate.eligible)
    .bind(seq)
    .bind(now)
    .bind(now + plan.meeting.settings.commit_show_ms)
    .execute(tx.conn())
    .await?;
    Ok(())
}
