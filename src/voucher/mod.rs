//! Vouchers (凭证): a person uploads a proof of sale, a reviewer judges it, what is accepted is paid.
//!
//! On the phone: a draft, its photos piece by piece (`upload`), then it is sent. There it meets the rules: period,
//! most per person, an order number and a file count once (`drafts`). A photo is never kept as it came: it is decoded
//! under limits and encoded anew (`picture`). In `review` one voucher is handed to one reviewer, for a while; accepting
//! makes the award in the same transaction. Lock order: meeting, campaign, voucher, then as in [`crate::budget`].

mod campaigns;
mod drafts;
mod export;
mod http;
mod http_staff;
mod review;
mod rules;
mod stats;
mod sweep;
mod upload;
mod views;
mod whole;

pub use http::router;
pub use sweep::run as run_sweep;
pub use upload::{erase_files, picture_name};

use anyhow::Context;
use serde::{Serialize, de::DeserializeOwned};
use sqlx::{AnyConnection, Row, any::AnyRow};

use crate::{
    app::App,
    auth::Attendee,
    clock::Ms,
    db::Tx,
    error::{ApiError, ApiResult},
    keys::row_id,
    meeting,
    people::registration,
    wire::VoucherState,
};

/// Whoever sends vouchers: somebody on the roster, with the phone that is bound.
#[derive(Clone, Debug)]
struct Sender {
    person: String,
    openid: String,
}

/// The person behind a phone: 403 `not_bound`, `not_accepted`; 404 for a meeting that there is not.
async fn sender(app: &App, attendee: &Attendee, meeting_id: &str) -> ApiResult<Sender> {
    let mut conn = app.db().read().acquire().await?;
    meeting::load(&mut conn, meeting_id).await?;
    let person = registration::bound(&mut conn, meeting_id, &attendee.openid)
        .await?
        .ok_or_else(|| ApiError::forbidden("not_bound", "请先在活动页绑定手机号，再提交凭证。"))?;
    if person.waiting {
        return Err(ApiError::forbidden("not_accepted", "您的报名还在等工作人员确认，通过后再提交凭证。"));
    }
    Ok(Sender { person: person.id, openid: attendee.openid.clone() })
}

/// What commands need to know of a voucher.
#[derive(Clone, Debug)]
struct Facts {
    id: String,
    meeting: String,
    campaign: String,
    person: String,
    openid: String,
    state: VoucherState,
    fen: i64,
    item: i64,
    fields: String,
    first_by: Option<String>,
    locked_by: Option<String>,
    locked_until: Ms,
    sends: i64,
    version: i64,
}

impl Facts {
    fn read(row: &AnyRow) -> ApiResult<Self> {
        Ok(Self {
            id: row.try_get(0)?,
            campaign: row.try_get(1)?,
            person: row.try_get(2)?,
            openid: row.try_get(3)?,
            state: word(&row.try_get::<String, _>(4)?)?,
            fen: row.try_get(5)?,
            item: row.try_get(6)?,
            fields: row.try_get(7)?,
            first_by: row.try_get(8)?,
            locked_by: row.try_get(9)?,
            locked_until: row.try_get(10)?,
            sends: row.try_get(11)?,
            version: row.try_get(12)?,
            meeting: row.try_get(13)?,
        })
    }

    /// A voucher of the meeting; 404 otherwise.
    async fn load(conn: &mut AnyConnection, meeting: &str, id: &str) -> ApiResult<Self> {
        let row = sqlx::query(
            "select id, campaign_id, person_id, openid, state, amount_fen, item, fields, first_by, locked_by, \
             locked_until, sends, version, meeting_id from voucher where meeting_id = $1 and id = $2",
        )
        .bind(meeting)
        .bind(id)
        .fetch_optional(conn)
        .await?;
        Self::read(&row.ok_or_else(not_found)?)
    }

    /// As [`Self::load`], of this person; another's is 404 as if there were none.
    async fn own(conn: &mut AnyConnection, me: &Sender, (meeting, id): (&str, &str)) -> ApiResult<Self> {
        let facts = Self::load(conn, meeting, id).await?;
        if facts.person == me.person { Ok(facts) } else { Err(not_found()) }
    }

    /// It is still with the person: 409 `voucher_sent` otherwise.
    fn must_be_open(&self) -> ApiResult<()> {
        match self.state {
            VoucherState::Draft | VoucherState::Rejected => Ok(()),
            VoucherState::Waiting | VoucherState::Second | VoucherState::Accepted => Err(ApiError::conflict(
                "voucher_sent",
                "凭证已提交，不能再修改；如被退回，可以修改后重新提交。",
            )),
        }
    }
}

fn not_found() -> ApiError {
    ApiError::not_found("该凭证")
}

/// The file or the order number is in another voucher already; whose is told only to its owner.
fn duplicate(what: &str, own: bool) -> ApiError {
    let detail = if own {
        format!("您已经用{what}提交过凭证，请查看已有的凭证；被退回的请在原凭证上修改后重新提交。")
    } else {
        format!("{what}已被其他人提交过，不能重复使用。如有疑问请联系工作人员。")
    };
    ApiError::conflict("voucher_duplicate", detail)
}

/// A stored word or document.
fn word<T: DeserializeOwned>(text: &str) -> ApiResult<T> {
    Ok(serde_json::from_value(text.into()).context("a stored word")?)
}

fn parsed<T: DeserializeOwned>(text: &str) -> ApiResult<T> {
    Ok(serde_json::from_str(text).context("a stored document")?)
}

fn text<T: Serialize>(value: &T) -> ApiResult<String> {
    Ok(serde_json::to_string(value).context("a document as JSON")?)
}

/// Writes what happened to a voucher; without `staff` the person did it.
async fn note(
    tx: &mut Tx,
    at: Ms,
    (voucher, what): (&str, &str),
    (staff, note): (Option<&str>, &str),
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into voucher_step (id, voucher_id, at, what, staff_id, note) values ($1, $2, $3, $4, $5, $6)",
    )
    .bind(row_id())
    .bind(voucher)
    .bind(at)
    .bind(what)
    .bind(staff)
    .bind(note)
    .execute(tx.conn())
    .await
    .map(drop)
}
