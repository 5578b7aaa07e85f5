//! Rounds: a prize, k winners, who can win, how much.

use anyhow::Context;
use serde::{Serialize, de::DeserializeOwned};
use sqlx::{AnyConnection, Row, any::AnyRow};

use super::{check, prizes};
use crate::{
    app::App,
    audit::{self, Deed},
    db::{Tx, hit},
    error::{ApiError, ApiResult},
    keys,
    meeting::{self, Meeting, check::text, tell},
    wire::{Body, Confirm, Done, EditRound, Exclude, Fen, Message, NewRound, RoundStatus, RoundView, Source},
};

/// Most rounds of a meeting.
const ROUNDS_MAX: usize = 1_000;

macro_rules! select {
    ($tail:literal) => {
        concat!(
            "select r.id, r.prize_id, r.name, r.seats, r.exclude, r.grp, r.eligible, r.award, r.cost_fen, ",
            "r.sources, r.confirm, r.ord, r.status, r.version, r.left_free, d.n as draw from round r ",
            "left join draw d on d.round_id = r.id and d.kind = 'main' and d.state <> 'void' ",
            $tail
        )
    };
}

/// The word that is stored.
pub fn exclude_text(exclude: Exclude) -> &'static str {
    match exclude {
        Exclude::None => "none",
        Exclude::Group => "group",
        Exclude::Event => "event",
    }
}

fn json<T: DeserializeOwned>(row: &AnyRow, column: &str) -> ApiResult<T> {
    let text: String = row.try_get(column)?;
    Ok(serde_json::from_str(&text).with_context(|| format!("stored {column} of a round"))?)
}

fn to_json<T: Serialize>(value: &T) -> ApiResult<String> {
    Ok(serde_json::to_string(value).context("a round as JSON")?)
}

fn view(row: &AnyRow) -> ApiResult<RoundView> {
    let word = |column: &str| row.try_get::<String, _>(column);
    Ok(RoundView {
        id: word("id")?,
        prize_id: word("prize_id")?,
        name: word("name")?,
        seats: row.try_get("seats")?,
        exclude: match word("exclude")?.as_str() {
            "none" => Exclude::None,
            "group" => Exclude::Group,
            _ => Exclude::Event,
        },
        group: word("grp")?,
        eligible: json(row, "eligible")?,
        award: json(row, "award")?,
        cost_fen: Fen(row.try_get("cost_fen")?),
        sources: json(row, "sources")?,
        confirm: if word("confirm")? == "auto" { Confirm::Auto } else { Confirm::Host },
        ord: row.try_get("ord")?,
        status: match word("status")?.as_str() {
            "ready" => RoundStatus::Ready,
            "drawing" => RoundStatus::Drawing,
            _ => RoundStatus::Drawn,
        },
        draw: row.try_get("draw")?,
        left: row.try_get::<i64, _>("left_free")? != 0,
        version: row.try_get("version")?,
    })
}

/// All rounds of a meeting by their order.
pub async fn list(conn: &mut AnyConnection, meeting: &str) -> ApiResult<Vec<RoundView>> {
    let text = select!("where r.meeting_id = $1 order by r.ord, r.id");
    sqlx::query(text).bind(meeting).fetch_all(conn).await?.iter().map(view).collect()
}

/// One round; 404 when the meeting has none with this id.
pub async fn load(conn: &mut AnyConnection, meeting: &str, id: &str) -> ApiResult<RoundView> {
    let text = select!("where r.meeting_id = $1 and r.id = $2");
    let row = sqlx::query(text).bind(meeting).bind(id).fetch_optional(conn).await?;
    view(&row.ok_or_else(|| ApiError::not_found("该轮次"))?)
}

/// What is stored of a round besides its prize.
struct Fields {
    name: String,
    eligible: String,
    award: String,
    sources: String,
    cost: i64,
    ord: i64,
}

async fn fields(app: &App, tx: &mut Tx, meeting: &Meeting, new: &NewRound) -> ApiResult<Fields> {
    let prize = match prizes::load(tx.conn(), &meeting.id, &new.prize_id).await {
        Err(error) if error.code() == "not_found" => {
            return Err(ApiError::invalid("invalid", "prize_id", "没有这个奖项，请刷新后重选。"));
        }
        other => other?,
    };
    check::round(new, prize.kind, &app.config().limits)?;
    let sources: Vec<Source> = new.sources.clone().unwrap_or_else(check::default_sources);
    check::least_level(&sources, &meeting.settings.min_level)?;
    let name = match &new.name {
        Some(name) => {
            text("name", name, 1, 60)?;
            name.clone()
        }
        None => prize.name,
    };
    let ord = match new.ord {
        Some(ord) if !(0..=10_000).contains(&ord) => {
            return Err(ApiError::invalid("invalid", "ord", "顺序为 0 到 10000。"));
        }
        Some(ord) => ord,
        None => {
            let last = "select cast(coalesce(max(ord) + 1, 0) as bigint) from round where meeting_id = $1";
            sqlx::query(last).bind(&meeting.id).fetch_one(tx.conn()).await?.try_get(0)?
        }
    };
    Ok(Fields {
        name,
        eligible: to_json(&new.eligible)?,
        award: to_json(&new.award)?,
        sources: to_json(&sources)?,
        cost: check::cost(&new.award, new.seats),
        ord,
    })
}

fn confirm_text(confirm: Confirm) -> &'static str {
    match confirm {
        Confirm::Host => "host",
        Confirm::Auto => "auto",
    }
}

/// Adds a round.
pub async fn create(app: &App, who: &str, meeting: &str, new: NewRound) -> ApiResult<RoundView> {
    let mut tx = app.db().begin().await?;
    let row = meeting::lock(&mut tx, meeting).await?;
    row.must_be_open()?;
    if list(tx.conn(), meeting).await?.len() >= ROUNDS_MAX {
        return Err(ApiError::invalid("invalid", "prize_id", format!("一个活动最多 {ROUNDS_MAX} 个轮次。")));
    }
    let fields = fields(app, &mut tx, &row, &new).await?;
    let id = keys::row_id();
    sqlx::query(
        "insert into round (id, meeting_id, prize_id, name, seats, exclude, grp, eligible, award, cost_fen, sources, \
         confirm, ord, status) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, 'ready')",
    )
    .bind(&id)
    .bind(meeting)
    .bind(&new.prize_id)
    .bind(&fields.name)
    .bind(new.seats)
    .bind(exclude_text(new.exclude))
    .bind(&new.group)
    .bind(fields.eligible)
    .bind(fields.award)
    .bind(fields.cost)
    .bind(fields.sources)
    .bind(confirm_text(new.confirm))
    .bind(fields.ord)
    .execute(tx.conn())
    .await?;
    let made = load(tx.conn(), meeting, &id).await?;
    finish(app, tx, &Deed { who, what: "round.create", meeting, target: &id, note: &made.name }).await?;
    Ok(made)
}

/// Changes a round that is not being drawn and was not drawn.
pub async fn edit(app: &App, who: &str, at: (&str, &str), edit: EditRound) -> ApiResult<RoundView> {
    let (meeting, id) = at;
    let mut tx = app.db().begin().await?;
    let row = meeting::lock(&mut tx, meeting).await?;
    row.must_be_open()?;
    let before = load(tx.conn(), meeting, id).await?;
    if before.version != edit.version {
        return Err(ApiError::stale());
    }
    not_drawn(&before)?;
    let mut new = edit.round;
    new.ord = new.ord.or(Some(before.ord));
    let fields = fields(app, &mut tx, &row, &new).await?;
    let done = sqlx::query(
        "update round set prize_id = $1, name = $2, seats = $3, exclude = $4, grp = $5, eligible = $6, award = $7, \
         cost_fen = $8, sources = $9, confirm = $10, ord = $11, version = version + 1 \
         where id = $12 and version = $13 and status = 'ready'",
    )
    .bind(&new.prize_id)
    .bind(&fields.name)
    .bind(new.seats)
    .bind(exclude_text(new.exclude))
    .bind(&new.group)
    .bind(fields.eligible)
    .bind(fields.award)
    .bind(fields.cost)
    .bind(fields.sources)
    .bind(confirm_text(new.confirm))
    .bind(fields.ord)
    .bind(id)
    .bind(edit.version)
    .execute(tx.conn())
    .await?;
    if !hit(&done) {
        return Err(ApiError::stale());
    }
    let changed = load(tx.conn(), meeting, id).await?;
    finish(app, tx, &Deed { who, what: "round.edit", meeting, target: id, note: &changed.name }).await?;
    Ok(changed)
}

fn not_drawn(round: &RoundView) -> ApiResult<()> {
    if round.status == RoundStatus::Ready {
        return Ok(());
    }
    Err(ApiError::conflict("already_drawn", "这一轮已经锁定或抽出，不能再修改。"))
}

/// Removes a round that was never committed; one with a draw in the log stays: 409 `already_drawn`.
pub async fn remove(app: &App, who: &str, meeting: &str, id: &str) -> ApiResult<Done> {
    let mut tx = app.db().begin().await?;
    meeting::lock(&mut tx, meeting).await?.must_be_open()?;
    let round = load(tx.conn(), meeting, id).await?;
    not_drawn(&round)?;
    let logged = sqlx::query("select n from draw where round_id = $1 limit 1")
        .bind(id)
        .fetch_optional(tx.conn())
        .await?;
    if logged.is_some() {
        return Err(ApiError::conflict("already_drawn", "这一轮有作废的抽奖记录，必须保留。"));
    }
    sqlx::query("delete from round where id = $1").bind(id).execute(tx.conn()).await?;
    finish(app, tx, &Deed { who, what: "round.remove", meeting, target: id, note: &round.name }).await?;
    Ok(Done::OK)
}

/// Leaves the seats of a drawn round free whose holders were set aside, or offers them to a redraw again. A redraw ends
/// it by itself: who is absent then is another question.
pub async fn leave(app: &App, who: &str, (meeting, id): (&str, &str), left: bool) -> ApiResult<RoundView> {
    let mut tx = app.db().begin().await?;
    meeting::lock(&mut tx, meeting).await?.must_be_open()?;
    let round = load(tx.conn(), meeting, id).await?;
    if round.status != RoundStatus::Drawn {
        return Err(ApiError::conflict("no_result", "这一轮还没有抽出结果。"));
    }
    if round.left == left {
        return Ok(round);
    }
    sqlx::query("update round set left_free = $1 where id = $2")
        .bind(i64::from(left))
        .bind(id)
        .execute(tx.conn())
        .await?;
    let note = if left { "left" } else { "open" };
    finish(app, tx, &Deed { who, what: "round.leave", meeting, target: id, note }).await?;
    Ok(RoundView { left, ..round })
}

/// The event that tells the whole list anew.
pub async fn told(app: &App, tx: &mut Tx, meeting: &str) -> ApiResult<Message> {
    let rounds = list(tx.conn(), meeting).await?;
    tell::event(tx, meeting, app.now(), Body::Rounds(rounds)).await
}

async fn finish(app: &App, mut tx: Tx, deed: &Deed<'_>) -> ApiResult<()> {
    let told = told(app, &mut tx, deed.meeting).await?;
    audit::record(&mut tx, app.now(), deed).await?;
    tell::commit(app, tx, deed.meeting, vec![told]).await
}
