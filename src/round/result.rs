//! The result: a function of the commit, the closed values and the draw's secret, all of them in SQL. It is worked out,
//! checked by the same code that auditors run, stored with its seats and awards in one transaction, and only then told.

use std::{collections::HashMap, time::Instant};

use anyhow::Context;
use metrics::{counter, histogram};
use sqlx::{AnyConnection, AssertSqlSafe, Row};

use super::{
    convert, entropy, holders, pools, prizes, proofs, rounds,
    rows::{self, DrawRow, Stored},
    views,
};
use crate::{
    app::App,
    audit::{self, Deed},
    db::{Tx, placeholders},
    draw::{Body as LogBody, Winner},
    drawlog::{self, Appended},
    error::{ApiError, ApiResult},
    failpoint, keys,
    live::Sealed,
    meeting::{self, Meeting, tell},
    payout::{self, Grant, NewAward},
    watch,
    wire::{Body, DrawEvent, DrawKind, DrawView, PrizeKind},
};

/// Letters of a claim code: 40 bits, so that nobody guesses one.
const CLAIM_CHARS: usize = 8;
/// Bound values of one statement.
const CHUNK: usize = 500;

/// Logs the result of a draw whose sources are all closed; a repeat gives the same answer.
pub async fn reveal(app: &App, who: &str, meeting: &str, n: i64) -> ApiResult<DrawView> {
    let begun = Instant::now();
    let mut tx = app.db().begin().await?;
    let meeting = meeting::lock(&mut tx, meeting).await?;
    let draw = rows::load(tx.conn(), &meeting.id, n).await?;
    match draw.state {
        Stored::Revealed => return views::draw(tx.conn(), &meeting.id, n).await,
        Stored::Void => return Err(ApiError::conflict("draw_void", "这次抽奖已经作废。")),
        Stored::Committed => {}
    }
    let progress = entropy::progress(tx.conn(), &meeting.id, n).await?;
    if !progress.closed() {
        return Err(ApiError::conflict("sources_open", "还有随机来源没有封存，不能公布结果。"));
    }
    entropy::not_early(app, &draw)?;
    let secret = drawlog::secret(app, tx.conn(), &meeting.id, n).await?;
    let tree = pools::tree_of(pools::bytes(tx.conn(), &meeting.id, n).await?).await?;
    let log = drawlog::current(app, &mut tx, &meeting.id).await?;
    let result = log.outcome(secret, &tree).map_err(drawlog::refusal)?;
    let winners = result.winners.clone();
    let logged = drawlog::append(app, &mut tx, &meeting.id, LogBody::Result(result)).await?;
    let indexes: Vec<u64> = winners.iter().map(|winner| winner.index).collect();
    proofs::prove(&mut tx, &meeting.id, (n, &tree, &indexes), &logged.checkpoint).await?;
    write(app, &mut tx, (&meeting, &draw), &winners, logged.seq).await?;
    let view = finish(app, tx, who, (&meeting, &draw), logged).await?;
    counter!(watch::DRAWS, "kind" => kind(draw.kind)).increment(1);
    histogram!(watch::DRAW_SECONDS).record(begun.elapsed());
    Ok(view)
}

fn kind(kind: DrawKind) -> &'static str {
    match kind {
        DrawKind::Main => "main",
        DrawKind::Redraw => "redraw",
        DrawKind::Test => "test",
    }
}

/// Draw, seats, awards, round.
async fn write(
    app: &App,
    tx: &mut Tx,
    (meeting, draw): (&Meeting, &DrawRow),
    winners: &[Winner],
    seq: i64,
) -> ApiResult<()> {
    let (id, now) = (meeting.id.as_str(), app.now());
    sqlx::query(
        "update draw set state = 'revealed', result_seq = $1, revealed_at = $2 where meeting_id = $3 and n = $4",
    )
    .bind(seq)
    .bind(now)
    .bind(id)
    .bind(draw.n)
    .execute(tx.conn())
    .await?;
    if draw.parent > 0 {
        holders::replaced(tx, meeting, draw, (winners, now)).await?;
    }
    let members = members(tx.conn(), id, winners).await?;
    if draw.kind == DrawKind::Test {
        return test(tx, (id, draw), (winners, &members), now).await;
    }
    let round = rounds::load(tx.conn(), id, &draw.round_id).await?;
    let goods = prizes::load(tx.conn(), id, &round.prize_id).await?.kind != PrizeKind::Cash;
    let mut awards = Vec::with_capacity(winners.len());
    for winner in winners {
        let member = members.get(&convert::signed(winner.index)?).context("a winner without a binding")?;
        seat(tx, (id, draw.n), (winner, member), now).await?;
        awards.push(NewAward {
            rank: convert::signed(winner.rank)?,
            person: member.person.clone(),
            openid: member.openid.clone(),
            pid: winner.pid.to_string(),
            cash_fen: convert::signed(winner.cents)?,
            goods,
        });
    }
    if draw.parent > 0 {
        holders::mark(tx, id, draw.parent).await?;
    }
    let grant = Grant { meeting: id, event: &meeting.event, draw: draw.n, round: &draw.round_id };
    payout::create_awards(tx, now, grant, &awards).await?;
    sqlx::query("update round set status = 'drawn' where id = $1")
        .bind(&draw.round_id)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// A test leaves seats to be shown, no awards, and the round as it was.
async fn test(
    tx: &mut Tx,
    (meeting, draw): (&str, &DrawRow),
    (winners, members): (&[Winner], &HashMap<i64, Member>),
    now: i64,
) -> ApiResult<()> {
    for winner in winners {
        let member = members.get(&convert::signed(winner.index)?).context("a winner without a binding")?;
        seat(tx, (meeting, draw.n), (winner, member), now).await?;
    }
    sqlx::query("update round set status = 'ready' where id = $1")
        .bind(&draw.round_id)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Who stands behind an index.
struct Member {
    binding: String,
    person: String,
    openid: String,
}

async fn members(
    conn: &mut AnyConnection,
    meeting: &str,
    winners: &[Winner],
) -> ApiResult<HashMap<i64, Member>> {
    let mut found = HashMap::with_capacity(winners.len());
    for chunk in winners.chunks(CHUNK) {
        let text = format!(
            "select idx, id, person_id, openid, pid from binding where meeting_id = $1 and idx in ({})",
            placeholders(2, chunk.len())
        );
        // Only placeholders are put together; the indexes are bound.
        let mut query = sqlx::query(AssertSqlSafe(text)).bind(meeting);
        for winner in chunk {
            query = query.bind(convert::signed(winner.index)?);
        }
        for row in query.fetch_all(&mut *conn).await? {
            let member = Member {
                binding: row.try_get("id")?,
                person: row.try_get("person_id")?,
                openid: row.try_get("openid")?,
            };
            found.insert(row.try_get("idx")?, member);
        }
    }
    Ok(found)
}

async fn seat(
    tx: &mut Tx,
    (meeting, n): (&str, i64),
    (winner, member): (&Winner, &Member),
    now: i64,
) -> ApiResult<()> {
    let claim: String = keys::short_id().chars().take(CLAIM_CHARS).collect();
    sqlx::query(
        "insert into seat (meeting_id, n, rank, idx, pid, binding_id, person_id, weight, amount_fen, status, \
         claim_code, status_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'waiting', $10, $11)",
    )
    .bind(meeting)
    .bind(n)
    .bind(convert::signed(winner.rank)?)
    .bind(convert::signed(winner.index)?)
    .bind(winner.pid.to_string())
    .bind(&member.binding)
    .bind(&member.person)
    .bind(convert::signed(winner.weight)?)
    .bind(convert::signed(winner.cents)?)
    .bind(claim)
    .bind(now)
    .execute(tx.conn())
    .await?;
    Ok(())
}

async fn finish(
    app: &App,
    mut tx: Tx,
    who: &str,
    (meeting, draw): (&Meeting, &DrawRow),
    logged: Appended,
) -> ApiResult<DrawView> {
    let (id, now) = (meeting.id.as_str(), app.now());
    let view = views::draw(tx.conn(), id, draw.n).await?;
    let mut told = Vec::new();
    let event = DrawEvent { draw: view.clone(), log: logged.checkpoint.clone(), code: logged.code.clone() };
    told.push(tell::event(&mut tx, id, now, Body::Draw(Box::new(event))).await?);
    if draw.parent > 0 {
        let ranks: Vec<i64> = view.winners.iter().map(|seat| seat.rank).collect();
        told.extend(holders::told(&mut tx, (id, now), draw, &ranks, &logged).await?);
    }
    told.push(rounds::told(app, &mut tx, id).await?);
    let deed = Deed { who, what: "draw.result", meeting: id, target: &draw.n.to_string(), note: "" };
    audit::record(&mut tx, now, &deed).await?;
    let sealed = Sealed::of(app.keys(), id, draw.n, &view.winners);
    failpoint::hit("draw.before_result_commit");
    tx.commit().await?;
    // Durable, and nobody was told.
    failpoint::hit("draw.after_result_commit");
    app.hub().publish_result(id, &told, &sealed);
    super::tell_winners(app, id, draw.n);
    if draw.parent > 0 {
        super::tell_winners(app, id, draw.parent);
    }
    Ok(view)
}
