//! A rehearsal: the same prizes and rounds with made-up people and a log of its own, marked as such for ever; it never
//! pays.

use anyhow::Context;
use sqlx::Row;

use super::copy;
use crate::{
    app::App,
    db::Tx,
    draw::hash,
    drawlog,
    error::ApiResult,
    keys::{self, Purpose},
    meeting::{self, Meeting},
    people::xlsx_out::{DemoPerson, demo_people},
    phone::Phone,
    pool::{self, PoolMember},
};

/// Made-up people when the meeting has no roster yet.
const PEOPLE: usize = 60;
/// Most made-up people.
const PEOPLE_MAX: i64 = 500;

/// Fills a new meeting that is marked as a rehearsal with what `original` has, and with people who are all bound and
/// present.
pub(super) async fn set_up(app: &App, tx: &mut Tx, original: &str, made: &str) -> ApiResult<()> {
    copy::arrangement(tx, original, made).await?;
    fill(app, tx, original, made).await
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
