//! Draws and seats as everybody may see them, made from SQL with few queries.

use std::collections::HashMap;

use anyhow::Context;
use serde::{Deserialize, de::DeserializeOwned};
use sqlx::{AnyConnection, Row, any::AnyRow};

use super::{
    check,
    rows::{self, DrawRow, Stored},
};
use crate::{
    drawlog,
    error::{ApiError, ApiResult},
    wire::{DrawState, DrawView, EntropyValue, Fen, PacketState, PoolView, SeatStatus, SeatView, Source},
};

/// What a commit line says that is shown.
#[derive(Deserialize)]
struct CommitLine {
    pool: CommittedPool,
    entropy: Vec<Source>,
}

#[derive(Deserialize)]
struct CommittedPool {
    n: i64,
    tickets: i64,
    max: i64,
    root: String,
}

#[derive(Deserialize)]
struct EntropyLine {
    value: EntropyValue,
}

#[derive(Deserialize)]
struct ResultLine {
    seed: String,
}

/// The lines of one draw.
#[derive(Default)]
struct Lines {
    commit: Option<CommitLine>,
    head: String,
    values: Vec<EntropyValue>,
    seed: Option<String>,
}

/// Names of a round's prize.
struct Prize {
    name: String,
    goods: String,
}

fn json<T: DeserializeOwned>(body: &str) -> ApiResult<T> {
    Ok(serde_json::from_str(body).context("a stored line of the draw log")?)
}

/// One draw.
pub async fn draw(conn: &mut AnyConnection, meeting: &str, n: i64) -> ApiResult<DrawView> {
    let row = rows::load(conn, meeting, n).await?;
    let view = assemble(conn, meeting, vec![row]).await?.pop();
    view.ok_or_else(|| ApiError::not_found("这次抽奖"))
}

/// All draws of a meeting by number.
pub async fn all(conn: &mut AnyConnection, meeting: &str) -> ApiResult<Vec<DrawView>> {
    let rows = rows::all(conn, meeting).await?;
    assemble(conn, meeting, rows).await
}

async fn assemble(conn: &mut AnyConnection, meeting: &str, draws: Vec<DrawRow>) -> ApiResult<Vec<DrawView>> {
    let only = if let [one] = draws.as_slice() { one.n } else { 0 };
    let mut lines = lines(conn, meeting, only).await?;
    let prizes = prizes(conn, meeting).await?;
    let taps = taps(conn, meeting).await?;
    let mut seats: HashMap<i64, Vec<SeatView>> = HashMap::new();
    for (n, seat) in seats_of(conn, meeting, only).await? {
        seats.entry(n).or_default().push(seat);
    }
    let mut views = Vec::with_capacity(draws.len());
    for row in draws {
        let lines = lines.remove(&row.n).unwrap_or_default();
        let prize = prizes.get(&row.round_id);
        let mut view = view(&row, lines, prize)?;
        view.taps = taps.get(&row.n).copied().unwrap_or(0);
        view.winners = seats.remove(&row.n).unwrap_or_default();
        views.push(view);
    }
    Ok(views)
}

fn view(row: &DrawRow, lines: Lines, prize: Option<&Prize>) -> ApiResult<DrawView> {
    let commit = lines.commit.context("a draw without its commit line")?;
    let state = match row.state {
        Stored::Revealed => DrawState::Revealed,
        Stored::Void => DrawState::Void,
        Stored::Committed if lines.values.len() == commit.entropy.len() => DrawState::Closed,
        Stored::Committed => DrawState::Committed,
    };
    Ok(DrawView {
        draw: row.n,
        round_id: row.round_id.clone(),
        kind: row.kind,
        parent: row.parent,
        prize: prize.map(|prize| prize.name.clone()).unwrap_or_default(),
        goods: prize.map(|prize| prize.goods.clone()).unwrap_or_default(),
        state,
        k: row.k,
        pool: PoolView {
            n: commit.pool.n,
            tickets: commit.pool.tickets,
            eligible: row.eligible,
            max: commit.pool.max,
            root: commit.pool.root,
        },
        level: check::level_so_far(&commit.entropy, &lines.values).to_string(),
        sources: commit.entropy,
        values: lines.values,
        taps: 0,
        commit_seq: row.commit_seq,
        commit_code: drawlog::code(&lines.head)?,
        commit_head: lines.head,
        committed_at: row.committed_at,
        randomness_at: row.randomness_at,
        revealed_at: row.revealed_at,
        seed: lines.seed,
        void_reason: row.void_reason.clone(),
        winners: Vec::new(),
    })
}

/// Lines of one draw, or of all when `only` is 0.
async fn lines(conn: &mut AnyConnection, meeting: &str, only: i64) -> ApiResult<HashMap<i64, Lines>> {
    let found = sqlx::query(
        "select draw, t, body, head from log_line where meeting_id = $1 and draw > 0 and ($2 = 0 or draw = $2) \
         and t in ('draw.commit', 'draw.entropy', 'draw.result') order by seq",
    )
    .bind(meeting)
    .bind(only)
    .fetch_all(conn)
    .await?;
    let mut lines: HashMap<i64, Lines> = HashMap::new();
    for row in found {
        let (t, body): (String, String) = (row.try_get("t")?, row.try_get("body")?);
        let of = lines.entry(row.try_get("draw")?).or_default();
        match t.as_str() {
            "draw.commit" => {
                of.commit = Some(json(&body)?);
                of.head = row.try_get("head")?;
            }
            "draw.entropy" => of.values.push(json::<EntropyLine>(&body)?.value),
            _ => of.seed = Some(json::<ResultLine>(&body)?.seed),
        }
    }
    Ok(lines)
}

async fn prizes(conn: &mut AnyConnection, meeting: &str) -> ApiResult<HashMap<String, Prize>> {
    let found = sqlx::query(
        "select r.id, p.name, p.goods from round r join prize p on p.id = r.prize_id where r.meeting_id = $1",
    )
    .bind(meeting)
    .fetch_all(conn)
    .await?;
    let read = |row: &AnyRow| {
        Ok((row.try_get("id")?, Prize { name: row.try_get("name")?, goods: row.try_get("goods")? }))
    };
    found.iter().map(read).collect()
}

/// Taps of each draw that had an audience.
async fn taps(conn: &mut AnyConnection, meeting: &str) -> ApiResult<HashMap<i64, i64>> {
    let text = "select n, cast(count(*) as bigint) as m from draw_tap where meeting_id = $1 group by n";
    let found = sqlx::query(text).bind(meeting).fetch_all(conn).await?;
    found.iter().map(|row| Ok((row.try_get("n")?, row.try_get("m")?))).collect()
}

macro_rules! seats {
    ($tail:literal) => {
        concat!(
            "select s.n, s.rank, s.idx, s.pid, p.name, p.department, s.weight, s.amount_fen, s.status, ",
            "s.replaced_by, coalesce(f.picture, '') as photo, (select k.state from packet k join award a on a.id = k.award_id ",
            "where a.meeting_id = s.meeting_id and a.n = s.n and a.rank = s.rank and a.kind = 'cash' ",
            "order by k.attempt desc limit 1) as packet ",
            "from seat s join person p on p.id = s.person_id ",
            "left join person_photo f on f.person_id = s.person_id where s.meeting_id = $1 ",
            $tail
        )
    };
}

/// Seats of one draw, or of all when `only` is 0, by draw and rank.
async fn seats_of(conn: &mut AnyConnection, meeting: &str, only: i64) -> ApiResult<Vec<(i64, SeatView)>> {
    let text = seats!("and ($2 = 0 or s.n = $2) order by s.n, s.rank");
    let found = sqlx::query(text).bind(meeting).bind(only).fetch_all(conn).await?;
    found.iter().map(|row| Ok((row.try_get("n")?, seat_view(row)?))).collect()
}

/// One seat; 404 when the draw has none with this rank.
pub async fn seat(conn: &mut AnyConnection, meeting: &str, n: i64, rank: i64) -> ApiResult<SeatView> {
    let text = seats!("and s.n = $2 and s.rank = $3");
    let row = sqlx::query(text).bind(meeting).bind(n).bind(rank).fetch_optional(conn).await?;
    seat_view(&row.ok_or_else(|| ApiError::not_found("这个中奖名次"))?)
}

fn seat_view(row: &AnyRow) -> ApiResult<SeatView> {
    let status: String = row.try_get("status")?;
    let packet: Option<String> = row.try_get("packet")?;
    Ok(SeatView {
        rank: row.try_get("rank")?,
        no: row.try_get::<i64, _>("idx")? + 1,
        pid: row.try_get("pid")?,
        name: row.try_get("name")?,
        department: row.try_get("department")?,
        photo: row.try_get("photo")?,
        weight: row.try_get("weight")?,
        amount_fen: Fen(row.try_get("amount_fen")?),
        status: status_of(&status)?,
        replaced_by: row.try_get("replaced_by")?,
        packet: packet.map(|state| packet_of(&state)).transpose()?,
    })
}

/// Reads the stored word.
pub fn status_of(text: &str) -> ApiResult<SeatStatus> {
    Ok(serde_json::from_value(text.into()).context("stored status of a seat")?)
}

fn packet_of(text: &str) -> ApiResult<PacketState> {
    Ok(serde_json::from_value(text.into()).context("stored state of a packet")?)
}
