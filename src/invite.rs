//! Who brought whom: the first code that a new phone came by, and the person it turned out to be at the binding. Counted
//! in the binding's own transaction; what is paid for it is `referral`.
//!
//! New is who never followed the account before. Nobody brings themself, nor a person who was bound already; each new
//! person counts for one referrer, by constraint.

use sqlx::{AnyConnection, Row};

use crate::{
    app::App,
    clock::Ms,
    db::{Tx, hit},
    error::ApiResult,
    keys::{Keys, Purpose, row_id},
    phone::Phone,
    wire::ReferralRules,
};

/// Digits of a phone number that numbers sold together share.
const SEGMENT: usize = 7;
/// So many new people of one referrer with such numbers, in so short a time, look bought.
const BURST: i64 = 3;
const BURST_MS: Ms = 600_000;

/// A phone that came by a code.
#[derive(Clone, Copy, Debug)]
pub struct Scan<'a> {
    /// The phone.
    pub openid: &'a str,
    /// The code.
    pub code: &'a str,
    /// `qr` or `link`.
    pub way: &'a str,
    /// WeChat had shown this phone a snapshot page before.
    pub snapshot: bool,
}

/// Who has a code, and where.
#[derive(Clone, Debug)]
pub struct Referrer {
    /// Meeting.
    pub meeting: String,
    /// Person.
    pub person: String,
    /// Their phone.
    pub openid: String,
}

/// Whose code it is; nobody's, once the person's data was removed.
pub async fn referrer(conn: &mut AnyConnection, code: &str) -> ApiResult<Option<Referrer>> {
    let row =
        sqlx::query("select meeting_id, person_id, openid from referrer where code = $1 and openid <> ''")
            .bind(code)
            .fetch_optional(conn)
            .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Referrer { meeting: row.try_get(0)?, person: row.try_get(1)?, openid: row.try_get(2)? }))
}

/// Rules of a meeting, when referrals are open there.
pub async fn rules(conn: &mut AnyConnection, meeting: &str) -> ApiResult<Option<ReferralRules>> {
    let row = sqlx::query("select rules from referral_rules where meeting_id = $1")
        .bind(meeting)
        .fetch_optional(conn)
        .await?;
    let Some(row) = row else { return Ok(None) };
    let rules: ReferralRules =
        serde_json::from_str(&row.try_get::<String, _>(0)?).map_err(anyhow::Error::new)?;
    Ok(rules.open.then_some(rules))
}

/// Remembers the first code that a new phone came by. Answers why it does not count, empty when it does: `closed`,
/// `own`, `not_new`, `bound`, `earlier`. A code that there is not is `closed`, too.
pub async fn scanned(keys: &Keys, tx: &mut Tx, at: Ms, scan: Scan<'_>) -> ApiResult<&'static str> {
    let Some(by) = referrer(tx.conn(), scan.code).await? else { return Ok("closed") };
    if rules(tx.conn(), &by.meeting).await?.is_none() {
        return Ok("closed");
    }
    if by.openid == scan.openid {
        return Ok("own");
    }
    let row = sqlx::query("select id from binding where meeting_id = $1 and openid = $2")
        .bind(&by.meeting)
        .bind(scan.openid)
        .fetch_optional(tx.conn())
        .await?;
    if row.is_some() {
        return Ok("bound");
    }
    if let Some(why) = first_of_all(tx, &by.meeting, scan).await? {
        return Ok(why);
    }
    if followed_before(keys, tx, scan.openid).await? {
        return Ok("not_new");
    }
    let done = sqlx::query(
        "insert into referral_scan (meeting_id, openid, code, way, snapshot, at) values ($1, $2, $3, $4, $5, $6) \
         on conflict (meeting_id, openid) do nothing",
    )
    .bind(&by.meeting)
    .bind(scan.openid)
    .bind(scan.code)
    .bind(scan.way)
    .bind(i64::from(scan.snapshot))
    .bind(at)
    .execute(tx.conn())
    .await?;
    if hit(&done) {
        return Ok("");
    }
    // Another one came in between, perhaps with the same code.
    Ok(first_of_all(tx, &by.meeting, scan).await?.unwrap_or("earlier"))
}

async fn followed_before(keys: &Keys, tx: &mut Tx, openid: &str) -> ApiResult<bool> {
    let row = sqlx::query(
        "select openid from follower where openid = $1 and first_at is not null \
         union all select mark from follower_before where mark = $2",
    )
    .bind(openid)
    .bind(mark(keys, openid))
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.is_some())
}

/// What stays of an account that followed when its person's data is removed: who has neither the master key nor the openid
/// learns nothing from it.
fn mark(keys: &Keys, openid: &str) -> String {
    hex::encode(keys.mac(Purpose::Follower, &[openid.as_bytes()]))
}

/// Before the rows of these accounts go: whoever followed once is nobody new when they come back.
pub async fn remember(keys: &Keys, tx: &mut Tx, at: Ms, openids: &[String]) -> Result<(), sqlx::Error> {
    for openid in openids {
        sqlx::query(
            "insert into follower_before (mark, at) select $1, $2 from follower \
             where openid = $3 and first_at is not null on conflict (mark) do nothing",
        )
        .bind(mark(keys, openid))
        .bind(at)
        .bind(openid)
        .execute(tx.conn())
        .await?;
    }
    Ok(())
}

/// Whether this code is the one that counts, once there is one.
async fn first_of_all(tx: &mut Tx, meeting: &str, scan: Scan<'_>) -> ApiResult<Option<&'static str>> {
    let row = sqlx::query("select code from referral_scan where meeting_id = $1 and openid = $2")
        .bind(meeting)
        .bind(scan.openid)
        .fetch_optional(tx.conn())
        .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(if row.try_get::<String, _>(0)? == scan.code { "" } else { "earlier" }))
}

/// Somebody who has just been bound for the first time.
#[derive(Clone, Copy, Debug)]
pub struct Newcomer<'a> {
    /// Meeting.
    pub meeting: &'a str,
    /// Person.
    pub person: &'a str,
    /// Phone.
    pub openid: &'a str,
    /// Phone number, where there is one.
    pub phone: Option<&'a Phone>,
}

/// Notes that a phone which is about to be bound had been shown a snapshot page, also when it came by a QR code.
pub async fn after_snapshot(tx: &mut Tx, meeting: &str, openid: &str) -> ApiResult<()> {
    sqlx::query("update referral_scan set snapshot = 1 where meeting_id = $1 and openid = $2")
        .bind(meeting)
        .bind(openid)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Counts a new person for whoever brought them, inside the transaction of the binding. Does nothing when nobody did.
pub async fn count(app: &App, tx: &mut Tx, who: Newcomer<'_>) -> ApiResult<()> {
    let Some(rules) = rules(tx.conn(), who.meeting).await? else { return Ok(()) };
    let row = sqlx::query(
        "select s.code, s.snapshot, r.person_id from referral_scan s join referrer r on r.code = s.code \
         where s.meeting_id = $1 and s.openid = $2",
    )
    .bind(who.meeting)
    .bind(who.openid)
    .fetch_optional(tx.conn())
    .await?;
    let Some(row) = row else { return Ok(()) };
    let (code, snapshot, by): (String, i64, String) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
    // The own second phone brings nobody, and a person who was bound with another one is not new.
    if by == who.person || was_bound(tx, who).await? {
        return Ok(());
    }
    let mut signals = Vec::new();
    if same_device(tx, who).await? {
        signals.push("same_device");
    }
    if snapshot != 0 {
        signals.push("snapshot");
    }
    let segment = who.phone.map(|phone| segment(app, who.meeting, phone)).unwrap_or_default();
    if !segment.is_empty() && burst(tx, app.now(), (who.meeting, &by), &segment).await? {
        signals.push("phone_burst");
    }
    let now = app.now();
    sqlx::query(
        "insert into referral (id, meeting_id, code, referrer_id, person_id, openid, state, signals, segment, bound_at, \
         due_at, updated_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $10) on conflict do nothing",
    )
    .bind(row_id())
    .bind(who.meeting)
    .bind(code)
    .bind(by)
    .bind(who.person)
    .bind(who.openid)
    .bind(if signals.is_empty() { "waiting" } else { "review" })
    .bind(signals.join(","))
    .bind(segment)
    .bind(now)
    .bind(now + rules.delay_ms)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// What stands in the open for the digits that numbers sold together share.
fn segment(app: &App, meeting: &str, phone: &Phone) -> String {
    let digits: String = phone.dialled().chars().take(SEGMENT).collect();
    hex::encode(app.keys().mac(Purpose::PhoneIndex, &[b"segment", meeting.as_bytes(), digits.as_bytes()]))
}

async fn was_bound(tx: &mut Tx, who: Newcomer<'_>) -> Result<bool, sqlx::Error> {
    let row = sqlx::query("select id from binding where meeting_id = $1 and person_id = $2 and openid <> $3")
        .bind(who.meeting)
        .bind(who.person)
        .bind(who.openid)
        .fetch_optional(tx.conn())
        .await?;
    Ok(row.is_some())
}

/// Another account was bound from the same browser: it had the same salt, which the page keeps, or the same mark, which
/// the cookie hands on.
async fn same_device(tx: &mut Tx, who: Newcomer<'_>) -> Result<bool, sqlx::Error> {
    let row = sqlx::query(
        "select b.id from binding mine join binding b on b.meeting_id = mine.meeting_id and b.openid <> mine.openid \
         and (b.salt = mine.salt or (b.device = mine.device and b.device <> '')) \
         where mine.meeting_id = $1 and mine.openid = $2 limit 1",
    )
    .bind(who.meeting)
    .bind(who.openid)
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.is_some())
}

/// With this one there are many of one referrer with neighbouring numbers: then those before it are looked at as well.
async fn burst(tx: &mut Tx, now: Ms, (meeting, by): (&str, &str), segment: &str) -> ApiResult<bool> {
    let row = sqlx::query(
        "select cast(count(*) as bigint) from referral where meeting_id = $1 and referrer_id = $2 and segment = $3 \
         and bound_at > $4",
    )
    .bind(meeting)
    .bind(by)
    .bind(segment)
    .bind(now - BURST_MS)
    .fetch_one(tx.conn())
    .await?;
    if row.try_get::<i64, _>(0)? + 1 < BURST {
        return Ok(false);
    }
    sqlx::query(
        "update referral set state = 'review', signals = case when signals = '' then 'phone_burst' \
         else signals || ',phone_burst' end, updated_at = $4 where meeting_id = $1 and referrer_id = $2 and segment = $3 \
         and bound_at > $5 and state in ('waiting', 'review') and decided_by is null \
         and signals not like '%phone_burst%'",
    )
    .bind(meeting)
    .bind(by)
    .bind(segment)
    .bind(now)
    .bind(now - BURST_MS)
    .execute(tx.conn())
    .await?;
    Ok(true)
}

/// Somebody stopped following: what is not paid for them never will be, unless they have another phone by now.
pub async fn unfollowed(tx: &mut Tx, openid: &str, now: Ms) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update referral set state = 'cancelled', reason = 'unfollowed', updated_at = $1 \
         where openid = $2 and state in ('waiting', 'review') and not exists (select 1 from binding b \
         where b.meeting_id = referral.meeting_id and b.person_id = referral.person_id and b.active = 1 \
         and b.openid <> $2)",
    )
    .bind(now)
    .bind(openid)
    .execute(tx.conn())
    .await
    .map(drop)
}
