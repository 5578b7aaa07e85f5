//! The binding itself: one transaction under the meeting's row lock, with uniqueness by constraints beneath it.

use anyhow::Context;
use futures_util::FutureExt;
use sqlx::{Row, any::AnyRow};

use super::{admitted, consent, otp};
use crate::{
    app::App,
    auth::Attendee,
    db::{Locks, Tx, hit},
    draw, drawlog,
    error::{ApiError, ApiResult},
    invite::{self, Newcomer},
    keys::{self, Purpose},
    meeting::{self, Meeting},
    people::{Left, leave_other_phone, me, registration, tell_counts},
    phone::Phone,
    pool::{self, Change, PoolMember},
    wire::{BindBy, BindRequest, Body, Bound, Entered, MyPlace, PersonCard},
};

/// Length of the phone's salt in hex.
const SALT_HEX: usize = 64;

/// Who is to be bound, after they proved it.
#[derive(Clone, Debug)]
pub(super) enum Whom {
    /// The person with this phone.
    Phone(Phone),
    /// The person with this id.
    Person(String),
}

/// Who wants to be bound to whom.
#[derive(Clone, Debug)]
pub(super) struct Wish {
    pub(super) whom: Whom,
    /// The phone's salt, hex.
    pub(super) salt: String,
    /// The browser's mark.
    pub(super) device: String,
    /// Version of the text that was agreed to.
    pub(super) consent: String,
    /// Who they say they are, for a meeting that lets people register.
    pub(super) name: Option<String>,
}

/// The person of the roster.
struct Invited {
    id: String,
    name: String,
    department: String,
    weight: i64,
    /// Whoever comes by staff number or badge may have none.
    phone: Option<Phone>,
    /// Registered, and nobody has accepted it yet.
    waiting: bool,
}

/// What came of the transaction.
struct Outcome {
    place: MyPlace,
    changes: Vec<Change>,
    /// The phone that the person left for this one.
    left: Option<String>,
    /// This phone has never been bound here before.
    first: bool,
}

/// Binds the attendee to the person whose phone it is.
pub(super) async fn bind(
    app: &App,
    attendee: &Attendee,
    meeting_id: &str,
    request: &BindRequest,
) -> ApiResult<Bound> {
    let phone = phone(&request.phone)?;
    check_salt(&request.salt)?;
    let consent = consent::agreed(app, request.consent.as_deref())?;
    if request.code.len() != 6 || !request.code.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(ApiError::invalid("invalid", "code", "验证码是 6 位数字。"));
    }
    let name = request.name.as_deref().map(registration::name).transpose()?;
    admitted(app, attendee, meeting_id, &[BindBy::Sms]).await?;
    let holder = otp::Holder::new(app, meeting_id, &attendee.openid, &phone);
    let kept = otp::is_kept(app, &holder, &request.code).await?;
    if !kept {
        otp::redeem(app, &holder, &request.code).await?;
    }
    let (salt, device) = (request.salt.clone(), attendee.device.clone());
    let wish = Wish { whom: Whom::Phone(phone), salt, device, consent, name };
    let bound = join(app, attendee, meeting_id, wish).await;
    match &bound {
        Ok(_) if kept => otp::forget(app, &holder).await?,
        // Whoever owns the phone gives a missing name, or tries again when a draw or a fault of ours is over, without another
        // SMS. What stood in the way is what they are told, also when the code cannot be kept. Kept once, not with each try:
        // it has an end.
        Err(_) if !kept => {
            let kept = otp::keep(app, &holder, &request.code).await;
            kept.unwrap_or_else(|error| tracing::warn!(%error, "a code that was right has to be sent anew"));
        }
        _ => {}
    }
    bound
}

/// Binds the attendee to a person who has proved to be the one: the way of all proofs.
pub(super) async fn join(app: &App, attendee: &Attendee, meeting_id: &str, wish: Wish) -> ApiResult<Bound> {
    let (server, phone, meeting) = (app.clone(), attendee.clone(), meeting_id.to_owned());
    // Thousands come at once: those who wait at the same moment share one flush of the disk.
    let (invited, outcome) = app
        .db()
        .together(Locks::Door, move |tx| {
            async move { joined(&server, tx, (&meeting, &phone), &wish).await }.boxed()
        })
        .await?;
    if !outcome.changes.is_empty() {
        tell(app, meeting_id, attendee, &invited, &outcome).await;
    }
    let (log, _) = drawlog::checkpoint(app, meeting_id).await?;
    Ok(Bound { name: invited.name, place: outcome.place, log, waiting: invited.waiting })
}

async fn joined(
    app: &App,
    tx: &mut Tx,
    (meeting_id, attendee): (&str, &Attendee),
    wish: &Wish,
) -> ApiResult<(Invited, Outcome)> {
    let openid = attendee.openid.as_str();
    let meeting = meeting::lock(tx, meeting_id).await?;
    meeting.must_be_open()?;
    if attendee.after_snapshot {
        invite::after_snapshot(tx, meeting_id, openid).await?;
    }
    let invited = match invited(app, tx, meeting_id, &wish.whom).await? {
        Some(invited) => invited,
        None => newcomer(app, tx, &meeting, wish).await?,
    };
    let outcome = store(app, tx, &meeting, &invited, (openid, wish)).await?;
    if !outcome.first {
        agree(tx, app.now(), (meeting_id, openid), &wish.consent).await?;
    }
    // Whoever waits counts for who brought them once they are accepted.
    if outcome.first && !invited.waiting {
        let person = &invited.id;
        let who = Newcomer { meeting: meeting_id, person, openid, phone: invited.phone.as_ref() };
        invite::count(app, tx, who).await?;
    }
    Ok((invited, outcome))
}

/// Records which text was agreed to, and when, if it is another one.
async fn agree(tx: &mut Tx, now: i64, (meeting, openid): (&str, &str), version: &str) -> ApiResult<()> {
    sqlx::query(
        "update binding set consent_version = $1, consent_at = $4 where meeting_id = $2 and openid = $3 \
         and consent_version <> $1",
    )
    .bind(version)
    .bind(meeting)
    .bind(openid)
    .bind(now)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// A phone as a person typed it.
pub(super) fn phone(text: &str) -> ApiResult<Phone> {
    Phone::parse(text).map_err(|error| ApiError::invalid(error.code(), "phone", format!("{error}。")))
}

pub(super) fn check_salt(salt: &str) -> ApiResult<()> {
    let hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    if salt.len() == SALT_HEX && salt.bytes().all(hex) {
        return Ok(());
    }
    Err(ApiError::invalid("invalid", "salt", "salt 应为手机生成的 64 位小写十六进制数。"))
}

/// Somebody who is not on the roster: registered, where the meeting lets people do that.
async fn newcomer(app: &App, tx: &mut Tx, meeting: &Meeting, wish: &Wish) -> ApiResult<Invited> {
    let Whom::Phone(phone) = &wish.whom else {
        // Taken off the roster a moment ago.
        return Err(ApiError::forbidden("not_invited", "您不在本次活动的名单里，请联系工作人员核对。"));
    };
    registration::register(app, tx, meeting, (phone, wish.name.as_deref())).await?;
    let invited = invited(app, tx, &meeting.id, &wish.whom).await?;
    Ok(invited.context("somebody who has just registered is not there")?)
}

async fn invited(app: &App, tx: &mut Tx, meeting: &str, whom: &Whom) -> ApiResult<Option<Invited>> {
    let (column, value) = match whom {
        Whom::Phone(phone) => ("phone_index", phone.index(app.keys(), meeting)),
        Whom::Person(id) => ("id", id.clone()),
    };
    let row = sqlx::query(sqlx::AssertSqlSafe(format!(
        "select id, name, department, weight, waiting, phone_sealed from person \
         where meeting_id = $1 and {column} = $2 and removed = 0"
    )))
    .bind(meeting)
    .bind(value)
    .fetch_optional(tx.conn())
    .await?;
    let Some(row) = row else { return Ok(None) };
    let waiting = row.try_get::<i64, _>("waiting")? != 0;
    let id: String = row.try_get("id")?;
    let phone = match whom {
        Whom::Phone(phone) => Some(phone.clone()),
        Whom::Person(_) => unsealed(app, &id, &row.try_get::<Vec<u8>, _>("phone_sealed")?)?,
    };
    Ok(Some(Invited {
        id,
        name: row.try_get("name")?,
        department: row.try_get("department")?,
        weight: if waiting { 0 } else { row.try_get("weight")? },
        phone,
        waiting,
    }))
}

fn unsealed(app: &App, id: &str, sealed: &[u8]) -> ApiResult<Option<Phone>> {
    let plain = app.keys().unseal(Purpose::Phone, id, sealed).context("a sealed phone does not open")?;
    let text = std::str::from_utf8(&plain).context("a sealed phone")?;
    let text = Some(text).filter(|text| !text.is_empty());
    Ok(text.map(Phone::parse).transpose().context("a sealed phone")?)
}

/// The bindings of this phone, and that of the person.
const BINDINGS: &str = "select id, person_id, openid, active, idx, pid, weight, present, salt, identity, receipt_size, \
    receipt_sig from binding where meeting_id = $1 and (openid = $2 or (person_id = $3 and active = 1))";

/// The meeting's row is locked, so what is read here holds until the commit.
async fn store(
    app: &App,
    tx: &mut Tx,
    meeting: &Meeting,
    invited: &Invited,
    (openid, wish): (&str, &Wish),
) -> ApiResult<Outcome> {
    let rows =
        sqlx::query(BINDINGS).bind(&meeting.id).bind(openid).bind(&invited.id).fetch_all(tx.conn()).await?;
    let (mut own, mut other) = (None, None);
    for row in rows {
        match row.try_get::<String, _>("openid")? {
            theirs if theirs == openid => own = Some(row),
            theirs => other = Some(theirs),
        }
    }
    if let Some(row) = &own
        && row.try_get::<i64, _>("active")? != 0
    {
        if row.try_get::<String, _>("person_id")? == invited.id {
            return Ok(Outcome { place: me::place(row)?, changes: Vec::new(), left: None, first: false });
        }
        return Err(ApiError::conflict(
            "already_bound",
            "这个微信已绑定名单里的另一个人；如绑错了请联系工作人员。",
        ));
    }
    let left = match other {
        None => None,
        Some(other) if matches!(wish.whom, Whom::Phone(_)) => {
            Some(leave_other_phone(app, tx, (&meeting.id, &invited.id), other).await?)
        }
        // A staff number or a badge that somebody saw must not take a place away.
        Some(_) => return Err(taken_by_other()),
    };
    let mut outcome = match own {
        Some(row) => again(app, tx, meeting, (invited, wish), &row).await?,
        None => first(app, tx, meeting, invited, (openid, wish)).await?,
    };
    if let Some(Left { openid, change }) = left {
        outcome.changes.insert(0, change);
        outcome.left = Some(openid);
    }
    Ok(outcome)
}

fn taken_by_other() -> ApiError {
    ApiError::conflict(
        "already_bound",
        "名单里的这个人已由另一个微信绑定；如不是您本人，请联系工作人员解除。",
    )
}

/// The identity was here before: its index and pid come back, for otherwise binding anew would escape "already won".
async fn again(
    app: &App,
    tx: &mut Tx,
    meeting: &Meeting,
    (invited, wish): (&Invited, &Wish),
    row: &AnyRow,
) -> ApiResult<Outcome> {
    let before = pool::member(row)?;
    let after = PoolMember { weight: invited.weight, present: true, ..before };
    let id: String = row.try_get("id")?;
    sqlx::query(
        "update binding set active = 1, present = 1, weight = $1, person_id = $2, consent_at = $3, bound_at = $3, \
         checked_in_at = null, checked_in_by = '', device = $5 where id = $4",
    )
    .bind(after.weight)
    .bind(&invited.id)
    .bind(app.now())
    .bind(id)
    .bind(&wish.device)
    .execute(tx.conn())
    .await?;
    let change = pool::change(app, tx, &meeting.id, Some(&before), after).await?;
    Ok(Outcome { place: me::place(row)?, changes: vec![change], left: None, first: false })
}

async fn first(
    app: &App,
    tx: &mut Tx,
    meeting: &Meeting,
    invited: &Invited,
    (openid, wish): (&str, &Wish),
) -> ApiResult<Outcome> {
    let identity = format!("wx:{openid}");
    let mut bytes = [0; 32];
    hex::decode_to_slice(&wish.salt, &mut bytes).context("a salt that was checked")?;
    let event = meeting.event.parse().ok().context("the stored event of a meeting")?;
    let pid = draw::hash::pid(&event, &bytes, &identity);
    let change = pool::enter(app, tx, &meeting.id, (pid, invited.weight)).await?;
    let (index, text) = (change.member().idx, pid.to_string());
    let receipt =
        drawlog::sign_receipt(app, tx.conn(), (&meeting.id, index, &text, meeting.log_size)).await?;
    let place = MyPlace { index, pid: text, salt: wish.salt.clone(), identity, receipt };
    insert(tx, app.now(), (invited, openid, wish), (&place, &change)).await?;
    Ok(Outcome { place, changes: vec![change], left: None, first: true })
}

async fn insert(
    tx: &mut Tx,
    now: i64,
    (invited, openid, wish): (&Invited, &str, &Wish),
    (place, change): (&MyPlace, &Change),
) -> ApiResult<()> {
    let done = sqlx::query(
        "insert into binding (id, meeting_id, person_id, openid, idx, pid, salt, identity, weight, receipt_size, \
         receipt_sig, consent_at, bound_at, consent_version, pool_rev, device) \
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12, $13, $14, $15) on conflict do nothing",
    )
    .bind(keys::row_id())
    .bind(change.meeting())
    .bind(&invited.id)
    .bind(openid)
    .bind(place.index)
    .bind(&place.pid)
    .bind(&place.salt)
    .bind(&place.identity)
    .bind(invited.weight)
    .bind(place.receipt.size)
    .bind(&place.receipt.sig)
    .bind(now)
    .bind(&wish.consent)
    .bind(change.rev())
    .bind(&wish.device)
    .execute(tx.conn())
    .await?;
    // Cannot be under the row lock; the constraints are there in case it can.
    if hit(&done) { Ok(()) } else { Err(taken_by_other()) }
}

/// After the commit: the store, the wall, the numbers, and this person's other pages.
async fn tell(app: &App, meeting: &str, attendee: &Attendee, invited: &Invited, outcome: &Outcome) {
    pool::tell_store(app, &outcome.changes).await;
    // Whoever waits is on no screen.
    if !invited.waiting {
        let card = PersonCard {
            no: outcome.place.index + 1,
            name: invited.name.clone(),
            department: invited.department.clone(),
        };
        app.publish_ephemeral(meeting, Body::Entered(Entered { people: vec![card] }));
    }
    tell_counts(app, meeting);
    me::tell(app, meeting, &attendee.openid).await;
    if let Some(left) = &outcome.left {
        me::tell(app, meeting, left).await;
    }
}
