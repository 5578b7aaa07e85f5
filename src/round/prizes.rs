//! Prizes: what can be won.

use std::collections::HashSet;

use sqlx::{AnyConnection, Row, any::AnyRow};

use super::check;
use crate::{
    app::App,
    audit::{self, Deed},
    db::{Tx, hit},
    error::{ApiError, ApiResult},
    keys,
    meeting::{self, check::text, tell},
    wire::{Body, Done, EditPrize, NewPrize, PrizeKind, PrizeOrder, PrizeView},
};

/// Most prizes of a meeting.
const PRIZES_MAX: usize = 500;

macro_rules! columns {
    () => {
        "id, name, code, kind, goods, picture, ord, version"
    };
}

fn kind_text(kind: PrizeKind) -> &'static str {
    match kind {
        PrizeKind::Cash => "cash",
        PrizeKind::Goods => "goods",
        PrizeKind::Both => "both",
    }
}

/// Reads the stored word.
pub fn kind_of(text: &str) -> PrizeKind {
    match text {
        "goods" => PrizeKind::Goods,
        "both" => PrizeKind::Both,
        _ => PrizeKind::Cash,
    }
}

fn view(row: &AnyRow) -> ApiResult<PrizeView> {
    let kind: String = row.try_get("kind")?;
    Ok(PrizeView {
        id: row.try_get("id")?,
        name: row.try_get("name")?,
        code: row.try_get("code")?,
        kind: kind_of(&kind),
        goods: row.try_get("goods")?,
        picture: row.try_get("picture")?,
        ord: row.try_get("ord")?,
        version: row.try_get("version")?,
    })
}

/// All prizes of a meeting by their order.
pub async fn list(conn: &mut AnyConnection, meeting: &str) -> ApiResult<Vec<PrizeView>> {
    let text = concat!("select ", columns!(), " from prize where meeting_id = $1 order by ord, code");
    sqlx::query(text).bind(meeting).fetch_all(conn).await?.iter().map(view).collect()
}

/// One prize; 404 when the meeting has none with this id.
pub async fn load(conn: &mut AnyConnection, meeting: &str, id: &str) -> ApiResult<PrizeView> {
    let text = concat!("select ", columns!(), " from prize where meeting_id = $1 and id = $2");
    let row = sqlx::query(text).bind(meeting).bind(id).fetch_optional(conn).await?;
    view(&row.ok_or_else(|| ApiError::not_found("该奖项"))?)
}

fn goods(kind: PrizeKind, goods: &str) -> ApiResult<()> {
    let least = usize::from(kind != PrizeKind::Cash);
    text("goods", goods, least, 80)
}

/// Adds a prize at the end of the list.
pub async fn create(app: &App, who: &str, meeting: &str, new: NewPrize) -> ApiResult<PrizeView> {
    text("name", &new.name, 1, 40)?;
    goods(new.kind, &new.goods)?;
    meeting::pictures::shape("picture", &new.picture)?;
    if let Some(code) = &new.code {
        check::code("code", code)?;
    }
    let mut tx = app.db().begin().await?;
    meeting::lock(&mut tx, meeting).await?.must_be_open()?;
    meeting::pictures::check(tx.conn(), "picture", &new.picture).await?;
    let known = list(tx.conn(), meeting).await?;
    if known.len() >= PRIZES_MAX {
        return Err(ApiError::invalid("invalid", "name", format!("一个活动最多 {PRIZES_MAX} 个奖项。")));
    }
    let taken = |code: &str| known.iter().any(|prize| prize.code == code);
    let code = match new.code {
        Some(code) if taken(&code) => {
            return Err(ApiError::conflict("code_taken", "这个代号已被其他奖项使用。").field("code"));
        }
        Some(code) => code,
        // One of the first n + 1 names is free when n prizes exist.
        None => (1..=PRIZES_MAX).map(|n| format!("p{n}")).find(|code| !taken(code)).unwrap_or_default(),
    };
    let id = keys::row_id();
    let ord = known.iter().map(|prize| prize.ord + 1).max().unwrap_or(0);
    sqlx::query(
        "insert into prize (id, meeting_id, name, code, kind, goods, ord, picture) \
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(&id)
    .bind(meeting)
    .bind(&new.name)
    .bind(code)
    .bind(kind_text(new.kind))
    .bind(&new.goods)
    .bind(ord)
    .bind(&new.picture)
    .execute(tx.conn())
    .await?;
    let made = load(tx.conn(), meeting, &id).await?;
    finish(app, tx, &Deed { who, what: "prize.create", meeting, target: &id, note: &new.name }).await?;
    Ok(made)
}

/// Changes name, goods, picture or place of a prize; code and kind stay, since rounds and the log rely on them.
pub async fn edit(app: &App, who: &str, at: (&str, &str), edit: EditPrize) -> ApiResult<PrizeView> {
    let (meeting, id) = at;
    text("name", &edit.name, 1, 40)?;
    if !(0..=10_000).contains(&edit.ord) {
        return Err(ApiError::invalid("invalid", "ord", "顺序为 0 到 10000。"));
    }
    meeting::pictures::shape("picture", edit.picture.as_deref().unwrap_or_default())?;
    let mut tx = app.db().begin().await?;
    meeting::lock(&mut tx, meeting).await?.must_be_open()?;
    let before = load(tx.conn(), meeting, id).await?;
    goods(before.kind, &edit.goods)?;
    let picture = edit.picture.unwrap_or(before.picture);
    meeting::pictures::check(tx.conn(), "picture", &picture).await?;
    let done = sqlx::query(
        "update prize set name = $1, goods = $2, ord = $3, picture = $4, version = version + 1 \
         where id = $5 and version = $6",
    )
    .bind(&edit.name)
    .bind(&edit.goods)
    .bind(edit.ord)
    .bind(picture)
    .bind(id)
    .bind(edit.version)
    .execute(tx.conn())
    .await?;
    if !hit(&done) {
        return Err(ApiError::stale());
    }
    let changed = load(tx.conn(), meeting, id).await?;
    finish(app, tx, &Deed { who, what: "prize.edit", meeting, target: id, note: &edit.name }).await?;
    Ok(changed)
}

/// Puts the prizes into another order, all at once; 409 `stale` when these are not the prizes that there are.
pub async fn order(app: &App, who: &str, meeting: &str, wanted: PrizeOrder) -> ApiResult<Vec<PrizeView>> {
    let mut tx = app.db().begin().await?;
    meeting::lock(&mut tx, meeting).await?.must_be_open()?;
    let known = list(tx.conn(), meeting).await?;
    let named: HashSet<&str> = wanted.ids.iter().map(String::as_str).collect();
    let same = wanted.ids.len() == known.len() && known.iter().all(|prize| named.contains(prize.id.as_str()));
    if !same {
        return Err(ApiError::stale());
    }
    for (ord, id) in (0_i64..).zip(&wanted.ids) {
        sqlx::query("update prize set ord = $1, version = version + 1 where id = $2 and ord <> $1")
            .bind(ord)
            .bind(id)
            .execute(tx.conn())
            .await?;
    }
    let ordered = list(tx.conn(), meeting).await?;
    finish(app, tx, &Deed { who, what: "prize.order", meeting, target: "", note: "" }).await?;
    Ok(ordered)
}

/// Removes a prize that no round uses: 409 `in_use` otherwise.
pub async fn remove(app: &App, who: &str, meeting: &str, id: &str) -> ApiResult<Done> {
    let mut tx = app.db().begin().await?;
    meeting::lock(&mut tx, meeting).await?.must_be_open()?;
    let prize = load(tx.conn(), meeting, id).await?;
    let used = sqlx::query("select id from round where prize_id = $1 limit 1")
        .bind(id)
        .fetch_optional(tx.conn())
        .await?;
    if used.is_some() {
        return Err(ApiError::conflict("in_use", "已有轮次使用这个奖项，请先删除那些轮次。"));
    }
    sqlx::query("delete from prize where id = $1").bind(id).execute(tx.conn()).await?;
    finish(app, tx, &Deed { who, what: "prize.remove", meeting, target: id, note: &prize.name }).await?;
    Ok(Done::OK)
}

async fn finish(app: &App, mut tx: Tx, deed: &Deed<'_>) -> ApiResult<()> {
    let now = app.now();
    let prizes = list(tx.conn(), deed.meeting).await?;
    let told = tell::event(&mut tx, deed.meeting, now, Body::Prizes(prizes)).await?;
    audit::record(&mut tx, now, deed).await?;
    tell::commit(app, tx, deed.meeting, vec![told]).await
}
