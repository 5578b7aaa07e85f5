//! Four eyes: where it is on, money changes only when a second person of finance confirms what a first one asked for.
//!
//! A request is a row that says exactly what is asked, by whom and until when. Confirming carries it out, and closes the
//! row in the same transaction as the deed: two who confirm at once do it once, and a deed that is refused leaves the
//! request open. What it needs on the day is checked again then, as for a deed that nobody had to confirm.

mod http;

pub use http::router;

use ::http::StatusCode;
use anyhow::Context;
use axum::{
    Json,
    response::{IntoResponse, Response},
};
use serde::{Serialize, de::DeserializeOwned};
use sqlx::{Row, any::AnyRow};

use crate::{
    app::App,
    audit::{self, Deed},
    auth::Staff,
    clock::{DAY, Ms},
    db::{Tx, hit},
    error::{ApiError, ApiResult},
    keys::row_id,
    meeting,
    wire::{Fen, FourEyesView, RequestKind, RequestStatus, RequestView},
};

/// A request that nobody confirmed for so long is over.
const LIVES: Ms = DAY;
/// Requests of a list: the open ones and the newest of the others.
const LISTED: i64 = 100;

/// On whose word something is done to money.
#[derive(Clone, Copy, Debug)]
pub struct Warrant<'a> {
    /// Who does it, or confirms it.
    pub staff: &'a Staff,
    /// What was asked for by another person, if that was needed.
    pub request: Option<&'a Request>,
}

impl<'a> Warrant<'a> {
    /// One person's own word, where that is enough.
    pub fn alone(staff: &'a Staff) -> Self {
        Self { staff, request: None }
    }

    /// Id of the one who wanted it: the first person where there are two.
    pub fn first(&self) -> &str {
        self.request.map_or(&self.staff.id, |request| &request.asked_by)
    }

    /// Id of the second person, if there was one.
    pub fn second(&self) -> Option<&str> {
        self.request.map(|_| self.staff.id.as_str())
    }

    /// Closes the request in the transaction of the deed: 409 `request_closed` when another one was faster.
    pub async fn close(&self, tx: &mut Tx, at: Ms) -> ApiResult<()> {
        let Some(request) = self.request else { return Ok(()) };
        decide(tx, at, (&request.id, &self.staff.id), "confirmed").await
    }
}

/// 200 with what was done, or 202 with the request that waits for a second person.
#[derive(Debug)]
pub enum Answer<T> {
    /// Done.
    Done(T),
    /// Asked for.
    Asked(Box<RequestView>),
}

impl<T> Answer<T> {
    /// Waits for a second person.
    pub fn asked(request: RequestView) -> Self {
        Self::Asked(Box::new(request))
    }
}

impl<T: Serialize> IntoResponse for Answer<T> {
    fn into_response(self) -> Response {
        match self {
            Self::Done(done) => Json(done).into_response(),
            Self::Asked(request) => (StatusCode::ACCEPTED, Json(request)).into_response(),
        }
    }
}

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// The meeting, empty for the whole account.
    pub meeting: &'a str,
    /// What.
    pub kind: RequestKind,
    /// To what: a budget, bill number or person.
    pub target: &'a str,
    /// The new cap of a raise, fen; 0 otherwise.
    pub fen: i64,
    /// The verdict of a resolution.
    pub verdict: &'a str,
    /// Evidence, already checked.
    pub note: &'a str,
}

/// A request as stored.
#[derive(Clone, Debug)]
pub struct Request {
    /// Id.
    pub id: String,
    /// The meeting, empty for the whole account.
    pub meeting: String,
    /// What.
    pub kind: RequestKind,
    /// To what.
    pub target: String,
    /// New cap, fen.
    pub fen: i64,
    /// Verdict.
    pub verdict: String,
    /// Evidence.
    pub note: String,
    /// Id of whoever asked.
    pub asked_by: String,
}

/// Whether money of this meeting (empty: of the whole account) needs a second person.
pub async fn needed(app: &App, meeting: &str) -> ApiResult<bool> {
    if app.config().limits.four_eyes {
        return Ok(true);
    }
    if !meeting.is_empty() {
        let mut conn = app.db().read().acquire().await?;
        return Ok(meeting::load(&mut conn, meeting).await?.settings.four_eyes);
    }
    // The account is everybody's: one meeting that wants two persons is enough.
    let row = sqlx::query("select id from meeting where settings like '%\"four_eyes\":true%' limit 1")
        .fetch_optional(app.db().read())
        .await?;
    Ok(row.is_some())
}

/// The rule of a meeting, for pages.
pub async fn rule(app: &App, meeting: &str) -> ApiResult<FourEyesView> {
    Ok(FourEyesView { on: needed(app, meeting).await?, fixed: app.config().limits.four_eyes })
}

/// 403 `second_person`: whoever asked cannot be the one who confirms.
pub fn second_person() -> ApiError {
    ApiError::forbidden("second_person", "已开启双人复核：发起人不能自己批准，请另一位财务人员登录后确认。")
}

fn closed() -> ApiError {
    ApiError::conflict("request_closed", "这条申请已被处理、撤回或过期，请刷新后查看。")
}

fn word<T: DeserializeOwned>(text: &str) -> anyhow::Result<T> {
    serde_json::from_value(text.into()).context("a stored word")
}

fn kind_word(kind: RequestKind) -> &'static str {
    match kind {
        RequestKind::BudgetRaise => "budget_raise",
        RequestKind::Reissue => "reissue",
        RequestKind::Cancel => "cancel",
        RequestKind::Resolve => "resolve",
        RequestKind::Trial => "trial",
        RequestKind::Release => "release",
    }
}

/// Asks for a second person: 409 `request_open` when the same is asked for already.
pub async fn ask(app: &App, staff: &Staff, ask: Ask<'_>) -> ApiResult<RequestView> {
    let (now, id, kind) = (app.now(), row_id(), kind_word(ask.kind));
    let mut tx = app.db().begin().await?;
    sqlx::query("update money_request set status = 'expired' where status = 'open' and expires_at <= $1")
        .bind(now)
        .execute(tx.conn())
        .await?;
    let done = sqlx::query(
        "insert into money_request (id, meeting_id, kind, target, fen, verdict, note, asked_by, asked_at, \
         expires_at, status) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'open') \
         on conflict (kind, target) where status = 'open' do nothing",
    )
    .bind(&id)
    .bind(Some(ask.meeting).filter(|meeting| !meeting.is_empty()))
    .bind(kind)
    .bind(ask.target)
    .bind(ask.fen)
    .bind(ask.verdict)
    .bind(ask.note)
    .bind(&staff.id)
    .bind(now)
    .bind(now + LIVES)
    .execute(tx.conn())
    .await?;
    if !hit(&done) {
        return Err(ApiError::conflict(
            "request_open",
            "同样的申请已经在等待复核：请另一位财务确认，或先由发起人撤回。",
        ));
    }
    let deed =
        Deed { who: &staff.user, what: "request.ask", meeting: ask.meeting, target: ask.target, note: kind };
    audit::record(&mut tx, now, &deed).await?;
    tx.commit().await?;
    one(app, &id).await
}

/// An open request for the person who is to confirm it: 404, 409 `request_closed`, 403 `second_person`.
pub async fn open(app: &App, staff: &Staff, id: &str) -> ApiResult<Request> {
    let row = sqlx::query(
        "select coalesce(meeting_id, ''), kind, target, fen, verdict, note, asked_by, status, expires_at \
         from money_request where id = $1",
    )
    .bind(id)
    .fetch_optional(app.db().read())
    .await?
    .ok_or_else(|| ApiError::not_found("该申请"))?;
    let (kind, status): (String, String) = (row.try_get(1)?, row.try_get(7)?);
    if status != "open" || row.try_get::<Ms, _>(8)? <= app.now() {
        return Err(closed());
    }
    let asked_by: String = row.try_get(6)?;
    if asked_by == staff.id {
        return Err(second_person());
    }
    Ok(Request {
        id: id.to_owned(),
        meeting: row.try_get(0)?,
        kind: word(&kind)?,
        target: row.try_get(2)?,
        fen: row.try_get(3)?,
        verdict: row.try_get(4)?,
        note: row.try_get(5)?,
        asked_by,
    })
}

/// The meeting of a request, empty for one about the whole account; 404.
pub async fn meeting_of(app: &App, id: &str) -> ApiResult<String> {
    let row = sqlx::query("select coalesce(meeting_id, '') from money_request where id = $1")
        .bind(id)
        .fetch_optional(app.db().read())
        .await?;
    Ok(row.ok_or_else(|| ApiError::not_found("该申请"))?.try_get(0)?)
}

/// Ends an open request without doing it: refused by another person, withdrawn by whoever asked.
pub async fn turn_down(app: &App, staff: &Staff, id: &str) -> ApiResult<RequestView> {
    let now = app.now();
    let row =
        sqlx::query("select asked_by, coalesce(meeting_id, ''), target from money_request where id = $1")
            .bind(id)
            .fetch_optional(app.db().read())
            .await?
            .ok_or_else(|| ApiError::not_found("该申请"))?;
    let mine = row.try_get::<String, _>(0)? == staff.id;
    let (meeting, target): (String, String) = (row.try_get(1)?, row.try_get(2)?);
    let (status, what) = if mine { ("withdrawn", "request.withdraw") } else { ("refused", "request.refuse") };
    let mut tx = app.db().begin().await?;
    decide(&mut tx, now, (id, &staff.id), status).await?;
    let deed = Deed { who: &staff.user, what, meeting: &meeting, target: &target, note: "" };
    audit::record(&mut tx, now, &deed).await?;
    tx.commit().await?;
    one(app, id).await
}

async fn decide(tx: &mut Tx, at: Ms, (id, by): (&str, &str), status: &str) -> ApiResult<()> {
    let done = sqlx::query(
        "update money_request set status = $1, decided_by = $2, decided_at = $3 \
         where id = $4 and status = 'open' and expires_at > $3",
    )
    .bind(status)
    .bind(by)
    .bind(at)
    .bind(id)
    .execute(tx.conn())
    .await?;
    if hit(&done) { Ok(()) } else { Err(closed()) }
}

const VIEW: &str = "select q.id, q.kind, q.target, coalesce(b.name, e.name, z.name, ''), \
    case when q.kind = 'budget_raise' then q.fen else coalesce(p.amount_fen, q.fen) end, q.verdict, q.note, \
    s.username, q.asked_at, q.expires_at, q.status, d.username, q.decided_at from money_request q \
    join staff s on s.id = q.asked_by left join staff d on d.id = q.decided_by \
    left join budget b on b.id = q.target and q.kind = 'budget_raise' \
    left join packet p on p.bill_no = q.target left join award a on a.id = p.award_id \
    left join person e on e.id = a.person_id left join person z on z.id = q.target and q.kind = 'trial'";

fn view(row: &AnyRow, now: Ms) -> ApiResult<RequestView> {
    let (kind, status): (String, String) = (row.try_get(1)?, row.try_get(10)?);
    let (status, expires_at) = (word(&status)?, row.try_get(9)?);
    let over = status == RequestStatus::Open && expires_at <= now;
    Ok(RequestView {
        id: row.try_get(0)?,
        kind: word(&kind)?,
        target: row.try_get(2)?,
        name: row.try_get(3)?,
        fen: Fen(row.try_get(4)?),
        verdict: row.try_get(5)?,
        note: row.try_get(6)?,
        asked_by: row.try_get(7)?,
        asked_at: row.try_get(8)?,
        expires_at,
        status: if over { RequestStatus::Expired } else { status },
        decided_by: row.try_get(11)?,
        decided_at: row.try_get(12)?,
    })
}

/// One request as pages see it.
pub async fn one(app: &App, id: &str) -> ApiResult<RequestView> {
    let row = sqlx::query(sqlx::AssertSqlSafe(format!("{VIEW} where q.id = $1")))
        .bind(id)
        .fetch_optional(app.db().read())
        .await?
        .ok_or_else(|| ApiError::not_found("该申请"))?;
    view(&row, app.now())
}

/// Requests of a meeting and of the whole account: the open ones first, then the newest.
pub async fn list(app: &App, meeting: &str) -> ApiResult<Vec<RequestView>> {
    let text = format!(
        "{VIEW} where q.meeting_id is null or q.meeting_id = $1 \
         order by case when q.status = 'open' then 0 else 1 end, q.asked_at desc, q.id limit $2"
    );
    let rows =
        sqlx::query(sqlx::AssertSqlSafe(text)).bind(meeting).bind(LISTED).fetch_all(app.db().read()).await?;
    rows.iter().map(|row| view(row, app.now())).collect()
}
