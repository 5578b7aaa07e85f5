//! A rehearsal: the same prizes and rounds with made-up people and a log of its own, marked as such for ever; it never
//! pays.

use anyhow::Context;
use sqlx::Row;

use crate::{
    app::App,
    auth,
    db::Tx,
    draw::hash,
    drawlog,
    error::{ApiError, ApiResult},
    keys::{self, Purpose},
    meeting::{self, Meeting},
    people::xlsx_out::{DemoPerson, demo_people},
    phone::Phone,
    pool::{self, PoolMember},
    wire::{MeetingView, NewMeeting},
};

/// Made-up people when the meeting has no roster yet.
const PEOPLE: usize = 60;
/// Most made-up people.
const PEOPLE_MAX: i64 = 500;

/// Makes a meeting; a rehearsal also gets prizes, rounds and people who are all bound and present.
pub async fn create_meeting(app: &App, who: &str, new: NewMeeting) -> ApiResult<MeetingView> {
    let Some(original) = new.rehearsal_of.clone() else {
        return meeting::create(app, who, new).await;
    };
    let mut tx = app.db().begin().await?;
    meeting::load(tx.conn(), &original).await.map_err(|error| match error.code() {
        "not_found" => ApiError::invalid("invalid", "rehearsal_of", "没有这个活动，请刷新后重选。"),
        _ => error,
    })?;
    let made = meeting::create_in(app, &mut tx, who, &new).await?;
    copy_prizes(&mut tx, &original, &made.id).await?;
    // What is rehearsed looks and sounds like the evening itself.
    sqlx::query("update meeting set look = (select look from meeting where id = $1) where id = $2")
        .bind(&original)
        .bind(&made.id)
        .execute(tx.conn())
        .await?;
    fill(app, &mut tx, &original, &made.id).await?;
    auth::inherit(&mut tx, (&original, &made.id), app.now()).await?;
    tx.commit().await?;
    pool::refresh(app, &made.id).await?;
    Ok(made)
}

/// Department, group and tickets of a real person; the rehearsal's person gets another name and number.
struct Part {
    department: String,
    group: String,
    weight: i64,
}

async fn parts(tx: &mut Tx, from: &str) -> ApiResult<Vec<Part>> {
    let rows = sqlx::query(
        "select department, grp, weight from person where meeting_id = $1 and removed = 0 order by id limit $2",
    )
    .bind(from)
    .bind(PEOPLE_MAX)
    .fetch_all(tx.conn())
    .await?;
    let read = |row: &sqlx::any::AnyRow| {
        Ok(Part { department: row.try_get(0)?, group: row.try_get(1)?, weight: row.try_get(2)? })
    };
    rows.iter().map(read).collect()
}

/// Made-up people, as many as the roster has, so that the rounds' rules find somebody.
async fn fill(app: &App, tx: &mut Tx, from: &str, to: &str) -> ApiResult<()> {
    let parts = parts(tx, from).await?;
    let count = if parts.is_empty() { PEOPLE } else { parts.len() };
    let rehearsal = meeting::lock(tx, to).await?;
    let mut members = Vec::with_capacity(count);
    for (index, person) in (0_i64..).zip(demo_people(count)) {
        let place = usize::try_from(index).ok().and_then(|at| parts.get(at));
        members.push(bind(app, tx, &rehearsal, (index, &person, place)).await?);
    }
    pool::enter_all(app, tx, to, &members).await?;
    sqlx::query("update meeting set next_index = $1 where id = $2")
        .bind(i64::try_from(count).context("number of people")?)
        .bind(to)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Stores one made-up person and the binding to a phone that does not exist.
async fn bind(
    app: &App,
    tx: &mut Tx,
    rehearsal: &Meeting,
    (index, demo, part): (i64, &DemoPerson, Option<&Part>),
) -> ApiResult<PoolMember> {
    let (person, openid, now) = (keys::row_id(), format!("rehearsal-{index}"), app.now());
    let phone = Phone::parse(&demo.phone).map_err(anyhow::Error::new).context("a made-up phone number")?;
    let weight = part.map_or(1, |part| part.weight);
    sqlx::query(
        "insert into person (id, meeting_id, name, phone_sealed, phone_index, phone_mask, department, staff_no, grp, \
         weight, created_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
    )
    .bind(&person)
    .bind(&rehearsal.id)
    .bind(&demo.name)
    .bind(app.keys().seal(Purpose::Phone, &person, phone.e164().as_bytes()))
    .bind(phone.index(app.keys(), &rehearsal.id))
    .bind(phone.mask())
    .bind(part.map_or(&demo.department, |part| &part.department))
    .bind(&demo.staff_no)
    .bind(part.map_or("", |part| part.group.as_str()))
    .bind(weight)
    .bind(now)
    .execute(tx.conn())
    .await?;
    // Nobody has a phone here that could make the salt.
    let (salt, identity) = (keys::random::<32>(), format!("rehearsal:{index}"));
    let event = rehearsal.event.parse().ok().context("the stored event of a meeting")?;
    let pid = hash::pid(&event, &salt, &identity);
    let text = pid.to_string();
    let named = (rehearsal.id.as_str(), index, text.as_str(), rehearsal.log_size);
    let receipt = drawlog::sign_receipt(app, tx.conn(), named).await?;
    sqlx::query(
        "insert into binding (id, meeting_id, person_id, openid, idx, pid, salt, identity, weight, receipt_size, \
         receipt_sig, consent_at, bound_at, checked_in_at) \
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12, $12)",
    )
    .bind(keys::row_id())
    .bind(&rehearsal.id)
    .bind(&person)
    .bind(openid)
    .bind(index)
    .bind(&text)
    .bind(hex::encode(salt))
    .bind(identity)
    .bind(weight)
    .bind(receipt.size)
    .bind(receipt.sig)
    .bind(now)
    .execute(tx.conn())
    .await?;
    Ok(PoolMember { idx: index, pid, weight, present: true })
}

/// Copies prizes and rounds of one meeting into a new one.
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
