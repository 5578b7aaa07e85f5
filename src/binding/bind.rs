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
    people::{me, tell_counts},
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
    /// Version of the text that was agreed to.
    pub(super) consent: String,
}

/// The person of the roster.
struct Invited {
    id: String,
    name: String,
    department: String,
    weight: i64,
    /// Whoever comes by staff number or badge may have none.
    phone: Option<Phone>,
}

/// What came of the transaction.
struct Outcome {
    place: MyPlace,
    change: Option<Change>,
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
    admitted(app, attendee, meeting_id, &[BindBy::Sms]).await?;
    let holder = otp::Holder::new(app, meeting_id, &attendee.openid, &phone);
    otp::redeem(app, &holder, &request.code).await?;
    let wish = Wish { whom: Whom::Phone(phone), salt: request.salt.clone(), consent };
    join(app, attendee, meeting_id, wish).await
}

/// Binds the attendee to a person who has proved to be the one: the way of all proofs.
pub(super) async fn join(app: &App, attendee: &Attendee, meeting_id: &str, wish: Wish) -> ApiResult<Bound> {
    let (server, openid, meeting) = (app.clone(), attendee.openid.clone(), meeting_id.to_owned());
    // Thousands come at once: those who wait at the same moment share one flush of the disk.
    let (invited, outcome) = app
        .db()
        .together(Locks::Door, move |tx| {
            async move { joined(&server, tx, (&meeting, &openid), &wish).await }.boxed()
        })
        .await?;
    if let Some(change) = outcome.change {
        tell(app, meeting_id, attendee, &invited, &change).await;
    }
    let (log, _) = drawlog::checkpoint(app, meeting_id).await?;
    Ok(Bound { name: invited.name, place: outcome.place, log })
}

async fn joined(
    app: &App,
    tx: &mut Tx,
    (meeting_id, openid): (&str, &str),
    wish: &Wish,
) -> ApiResult<(Invited, Outcome)> {
    let meeting = meeting::lock(tx, meeting_id).await?;
    meeting.must_be_open()?;
    let invited = invited(app, tx, meeting_id, &wish.whom).await?;
    let outcome = store(app, tx, &meeting, &invited, (openid, &wish.salt)).await?;
    agree(tx, (meeting_id, openid), &wish.consent).await?;
    if outcome.first {
        let (person, salt) = (&invited.id, wish.salt.as_str());
        let who = Newcomer { meeting: meeting_id, person, openid, salt, phone: invited.phone.as_ref() };
        invite::count(app, tx, who).await?;
    }
    Ok((invited, outcome))
}

/// Records which text was agreed to. Its time is the binding's.
async fn agree(tx: &mut Tx, (meeting, openid): (&str, &str), version: &str) -> ApiResult<()> {
    sqlx::query(
        "update binding set consent_version = $1 where meeting_id = $2 and openid = $3 and consent_version <> $1",
    )
    .bind(version)
    .bind(meeting)
    .bind(openid)
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

async fn invited(app: &App, tx: &mut Tx, meeting: &str, whom: &Whom) -> ApiResult<Invited> {
    let (column, value) = match whom {
        Whom::Phone(phone) => ("phone_index", phone.index(app.keys(), meeting)),
        Whom::Person(id) => ("id", id.clone()),
    };
    let row = sqlx::query(sqlx::AssertSqlSafe(format!(
        "select id, name, department, weight, phone_sealed from person \
         where meeting_id = $1 and {column} = $2 and removed = 0"
    )))
    .bind(meeting)
    .bind(value)
    .fetch_optional(tx.conn())
    .await?
    .ok_or_else(|| match whom {
        Whom::Phone(_) => {
            ApiError::forbidden("not_invited", "这个手机号不在本次活动的名单里，请联系工作人员核对。")
        }
        // Taken off the roster a moment ago.
        Whom::Person(_) => ApiError::forbidden("not_invited", "您不在本次活动的名单里，请联系工作人员核对。"),
    })?;
    let id: String = row.try_get("id")?;
    let phone = match whom {
        Whom::Phone(phone) => Some(phone.clone()),
        Whom::Person(_) => unsealed(app, &id, &row.try_get::<Vec<u8>, _>("phone_sealed")?)?,
    };
    Ok(Invited {
        id,
        name: row.try_get("name")?,
        department: row.try_get("department")?,
        weight: row.try_get("weight")?,
        phone,
    })
}

fn unsealed(app: &App, id: &str, sealed: &[u8]) -> ApiResult<Option<Phone>> {
    let plain = app.keys().unseal(Purpose::Phone, id, sealed).context("a sealed phone does not open")?;
    let text = std::str::from_utf8(&plain).context("a sealed phone")?;
    let text = Some(text).filter(|text| !text.is_empty());
    Ok(text.map(Phone::parse).transpose().context("a sealed phone")?)
}

const COLUMNS: &str =
    "id, person_id, active, idx, pid, weight, present, salt, identity, receipt_size, receipt_sig";

/// The meeting's row is locked, so what is read here holds until the commit.
async fn store(
    app: &App,
    tx: &mut Tx,
    meeting: &Meeting,
    invited: &Invited,
    (openid, salt): (&str, &str),
) -> ApiResult<Outcome> {
    let own = sqlx::query(sqlx::AssertSqlSafe(format!(
        "select {COLUMNS} from binding where meeting_id = $1 and openid = $2"
    )))
    .bind(&meeting.id)
    .bind(openid)
    .fetch_optional(tx.conn())
    .await?;
    if let Some(row) = &own
        && row.try_get::<i64, _>("active")? != 0
    {
        if row.try_get::<String, _>("person_id")? == invited.id {
            return Ok(Outcome { place: me::place(row)?, change: None, first: false });
        }
        return Err(ApiError::conflict(
            "already_bound",
            "这个微信已绑定名单里的另一个人；如绑错了请联系工作人员。",
        ));
    }
    let taken = sqlx::query("select id from binding where meeting_id = $1 and person_id = $2 and active = 1")
        .bind(&meeting.id)
        .bind(&invited.id)
        .fetch_optional(tx.conn())
        .await?;
    if taken.is_some() {
        return Err(taken_by_other());
    }
    match own {
        Some(row) => again(app, tx, meeting, invited, &row).await,
        None => first(app, tx, meeting, invited, (openid, salt)).await,
    }
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
    invited: &Invited,
    row: &AnyRow,
) -> ApiResult<Outcome> {
    let before = pool::member(row)?;
    let after = PoolMember { weight: invited.weight, present: true, ..before };
    let id: String = row.try_get("id")?;
    sqlx::query(
        "update binding set active = 1, present = 1, weight = $1, person_id = $2, consent_at = $3, bound_at = $3, \
         checked_in_at = null, checked_in_by = '' where id = $4",
    )
    .bind(after.weight)
    .bind(&invited.id)
    .bind(app.now())
    .bind(id)
    .execute(tx.conn())
    .await?;
    let change = pool::change(app, tx, &meeting.id, Some(&before), after).await?;
    Ok(Outcome { place: me::place(row)?, change: Some(change), first: false })
}

async fn first(
    app: &App,
    tx: &mut Tx,
    meeting: &Meeting,
    invited: &Invited,
    (openid, salt): (&str, &str),
) -> ApiResult<Outcome> {
    let row =
        sqlx::query("update meeting set next_index = next_index + 1 where id = $1 returning next_index")
            .bind(&meeting.id)
            .fetch_one(tx.conn())
            .await?;
    let index = row.try_get::<i64, _>(0)? - 1;
    let identity = format!("wx:{openid}");
    let mut bytes = [0; 32];
    hex::decode_to_slice(salt, &mut bytes).context("a salt that was checked")?;
    let event = meeting.event.parse().ok().context("the stored event of a meeting")?;
    let pid = draw::hash::pid(&event, &bytes, &identity);
    let text = pid.to_string();
    let receipt =
        drawlog::sign_receipt(app, tx.conn(), (&meeting.id, index, &text, meeting.log_size)).await?;
    let place = MyPlace { index, pid: text, salt: salt.to_owned(), identity, receipt };
    insert(tx, app.now(), (&meeting.id, invited, openid), &place).await?;
    let member = PoolMember { idx: index, pid, weight: invited.weight, present: true };
    let change = pool::change(app, tx, &meeting.id, None, member).await?;
    Ok(Outcome { place, change: Some(change), first: true })
}

async fn insert(
    tx: &mut Tx,
    now: i64,
    (meeting, invited, openid): (&str, &Invited, &str),
    place: &MyPlace,
) -> ApiResult<()> {
    let done = sqlx::query(
        "insert into binding (id, meeting_id, person_id, openid, idx, pid, salt, identity, weight, receipt_size, \
         receipt_sig, consent_at, bound_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12) \
         on conflict do nothing",
    )
    .bind(keys::row_id())
    .bind(meeting)
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
    .execute(tx.conn())
    .await?;
    // Cannot be under the row lock; the constraints are there in case it can.
    if hit(&done) { Ok(()) } else { Err(taken_by_other()) }
}

/// After the commit: the store, the wall, the numbers, and this person's other pages.
async fn tell(app: &App, meeting: &str, attendee: &Attendee, invited: &Invited, change: &Change) {
    pool::tell_store(app, std::slice::from_ref(change)).await;
    let card = PersonCard {
        no: change.member().idx + 1,
        name: invited.name.clone(),
        department: invited.department.clone(),
    };
    app.publish_ephemeral(meeting, Body::Entered(Entered { people: vec![card] }));
    tell_counts(app, meeting);
    match me::view(app, meeting, &attendee.openid).await {
        Ok(me) => app.publish_to(meeting, &attendee.openid, Body::Me(Box::new(me))),
        Err(error) => tracing::warn!(meeting, %error, "a bound person's other pages were not told"),
    }
}
