//! A meeting that begins with what another one has: as a rehearsal, or as the next evening.

use sqlx::Row;

use super::rehearsal;
use crate::{
    app::App,
    audit::{self, Deed},
    auth,
    db::Tx,
    error::{ApiError, ApiResult},
    keys, meeting, pool,
    wire::{MeetingView, NewMeeting},
};

/// Makes a meeting; a rehearsal also gets prizes, rounds and people, a copy prizes and rounds alone.
pub async fn create_meeting(app: &App, who: &str, new: NewMeeting) -> ApiResult<MeetingView> {
    match (new.rehearsal_of.clone(), new.copy_of.clone()) {
        (None, None) => meeting::create(app, who, new).await,
        (Some(original), None) => rehearse(app, who, (new, &original)).await,
        (None, Some(original)) => copy(app, who, (new, &original)).await,
        (Some(_), Some(_)) => Err(ApiError::invalid("invalid", "copy_of", "彩排和复制只能选一个。")),
    }
}

async fn known(tx: &mut Tx, field: &str, id: &str) -> ApiResult<meeting::Meeting> {
    meeting::load(tx.conn(), id).await.map_err(|error| match error.code() {
        "not_found" => ApiError::invalid("invalid", field, "没有这个活动，请刷新后重选。"),
        _ => error,
    })
}

async fn rehearse(app: &App, who: &str, (new, original): (NewMeeting, &str)) -> ApiResult<MeetingView> {
    let mut tx = app.db().begin().await?;
    known(&mut tx, "rehearsal_of", original).await?;
    let made = meeting::create_in(app, &mut tx, who, &new).await?;
    rehearsal::set_up(app, &mut tx, original, &made.id).await?;
    auth::inherit(&mut tx, (original, &made.id), app.now()).await?;
    tx.commit().await?;
    pool::refresh(app, &made.id).await?;
    Ok(made)
}

async fn copy(app: &App, who: &str, (new, original): (NewMeeting, &str)) -> ApiResult<MeetingView> {
    let mut tx = app.db().begin().await?;
    let settings = known(&mut tx, "copy_of", original).await?.settings;
    let made = meeting::create_in(app, &mut tx, who, &NewMeeting { settings, ..new }).await?;
    arrangement(&mut tx, original, &made.id).await?;
    auth::inherit(&mut tx, (original, &made.id), app.now()).await?;
    let deed = Deed { who, what: "meeting.copy", meeting: &made.id, target: original, note: "" };
    audit::record(&mut tx, app.now(), &deed).await?;
    tx.commit().await?;
    Ok(made)
}

/// Prizes, rounds and look of one meeting for a new one: it looks and sounds like the other.
pub(super) async fn arrangement(tx: &mut Tx, from: &str, to: &str) -> ApiResult<()> {
    copy_prizes(tx, from, to).await?;
    sqlx::query("update meeting set look = (select look from meeting where id = $1) where id = $2")
        .bind(from)
        .bind(to)
        .execute(tx.conn())
        .await?;
    Ok(())
}

async fn copy_prizes(tx: &mut Tx, from: &str, to: &str) -> ApiResult<()> {
    let prizes = sqlx::query("select id from prize where meeting_id = $1 order by ord, code")
        .bind(from)
        .fetch_all(tx.conn())
        .await?;
    for prize in prizes {
        let (old, new): (String, String) = (prize.try_get(0)?, keys::row_id());
        sqlx::query(
            "insert into prize (id, meeting_id, name, code, kind, goods, picture, ord) \
             select $1, $2, name, code, kind, goods, picture, ord from prize where id = $3",
        )
        .bind(&new)
        .bind(to)
        .bind(&old)
        .execute(tx.conn())
        .await?;
        copy_rounds(tx, (&old, &new), to).await?;
    }
    Ok(())
}

async fn copy_rounds(tx: &mut Tx, (old, new): (&str, &str), to: &str) -> ApiResult<()> {
    let rounds =
        sqlx::query("select id from round where prize_id = $1").bind(old).fetch_all(tx.conn()).await?;
    for round in rounds {
        let id: String = round.try_get(0)?;
        sqlx::query(
            "insert into round (id, meeting_id, prize_id, name, seats, exclude, grp, eligible, award, cost_fen, \
             sources, confirm, ord, status) select $1, $2, $3, name, seats, exclude, grp, eligible, award, cost_fen, \
             sources, confirm, ord, 'ready' from round where id = $4",
        )
        .bind(keys::row_id())
        .bind(to)
        .bind(new)
        .bind(&id)
        .execute(tx.conn())
        .await?;
    }
    Ok(())
}
