//! Staff sessions and screen tickets in SQL, stored by hash.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use sqlx::Row;

use super::{Screen, Staff, staff};
use crate::{
    app::App,
    clock::Ms,
    keys::{random, token_hash},
    wire::Role,
};

const MINUTE: Ms = 60_000;
const HOUR: Ms = 60 * MINUTE;

/// Idle and whole life of a session: shorter for those who move money.
fn life(staff: &Staff) -> (Ms, Ms) {
    let everywhere = staff.roles.contains(&Role::Finance);
    if everywhere || staff.grants.iter().any(|grant| grant.roles.contains(&Role::Finance)) {
        (15 * MINUTE, 4 * HOUR)
    } else {
        (30 * MINUTE, 12 * HOUR)
    }
}

/// Starts a session and returns the cookie's value.
pub(super) async fn start(app: &App, staff_id: &str) -> Result<String, sqlx::Error> {
    let token = hex::encode(random::<32>());
    let mut tx = app.db().begin().await?;
    sqlx::query("delete from staff_session where created_at < $1")
        .bind(app.now() - 12 * HOUR)
        .execute(tx.conn())
        .await?;
    sqlx::query(
        "insert into staff_session (token_hash, staff_id, created_at, seen_at) values ($1, $2, $3, $3)",
    )
    .bind(token_hash(&token))
    .bind(staff_id)
    .bind(app.now())
    .execute(tx.conn())
    .await?;
    tx.commit().await?;
    Ok(token)
}

/// Ends a session.
pub(super) async fn end(app: &App, token: &str) -> Result<(), sqlx::Error> {
    let mut tx = app.db().begin().await?;
    sqlx::query("delete from staff_session where token_hash = $1")
        .bind(token_hash(token))
        .execute(tx.conn())
        .await?;
    tx.commit().await
}

/// The member of staff behind a session cookie; counts as being here.
pub(super) async fn by_cookie(app: &App, token: &str) -> Result<Option<Staff>, sqlx::Error> {
    let hash = token_hash(token);
    let row = sqlx::query("select staff_id, created_at, seen_at from staff_session where token_hash = $1")
        .bind(&hash)
        .fetch_optional(app.db().read())
        .await?;
    let Some(row) = row else { return Ok(None) };
    let (staff_id, created_at, seen_at): (String, Ms, Ms) =
        (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
    let Some(staff) = staff::by_id(app, &staff_id).await? else { return Ok(None) };
    let (idle, whole) = life(&staff);
    let now = app.now();
    if now - seen_at > idle || now - created_at > whole {
        return Ok(None);
    }
    if now - seen_at > MINUTE {
        let mut tx = app.db().begin().await?;
        sqlx::query("update staff_session set seen_at = $1 where token_hash = $2")
            .bind(now)
            .bind(&hash)
            .execute(tx.conn())
            .await?;
        tx.commit().await?;
    }
    Ok(Some(staff))
}

/// Tickets that were found a moment ago, by hash, with their meeting: a hall's screens come back together.
#[derive(Debug, Default)]
struct Tickets(Mutex<HashMap<String, (Instant, String)>>);

/// How long a ticket is believed without asking SQL again.
const TICKET_LIFE: Duration = Duration::from_secs(2);
/// Tickets kept.
const TICKETS_MAX: usize = 1_000;

impl Tickets {
    fn find(&self, hash: &str) -> Option<String> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(hash).filter(|(at, _)| at.elapsed() < TICKET_LIFE).map(|(_, meeting)| meeting.clone())
    }

    fn keep(&self, hash: &str, meeting: &str) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, (at, _)| at.elapsed() < TICKET_LIFE);
        if known.len() < TICKETS_MAX {
            known.insert(hash.to_owned(), (Instant::now(), meeting.to_owned()));
        }
    }
}

/// The screen behind a ticket.
pub(super) async fn by_ticket(app: &App, ticket: &str) -> Result<Option<Screen>, sqlx::Error> {
    let ticket_hash = token_hash(ticket);
    let tickets = app.kept::<Tickets>();
    if let Some(meeting) = tickets.find(&ticket_hash) {
        return Ok(Some(Screen { meeting, ticket_hash }));
    }
    let row = sqlx::query("select meeting_id from screen_ticket where ticket_hash = $1")
        .bind(&ticket_hash)
        .fetch_optional(app.db().read())
        .await?;
    let Some(row) = row else { return Ok(None) };
    let meeting: String = row.try_get(0)?;
    tickets.keep(&ticket_hash, &meeting);
    Ok(Some(Screen { meeting, ticket_hash }))
}
