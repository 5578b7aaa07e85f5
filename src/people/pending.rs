//! Imports between report and acceptance: sealed rows in SQL, nothing on the roster until accepted.

use anyhow::Context;
use serde::{Deserialize, Serialize};
use sqlx::Row;

use super::{
    import::{self, Known, Parsed, Plan},
    roster,
    sql::{self, Written},
    table::{self, RawRow, Table},
};
use crate::{
    app::App,
    audit::{self, Deed},
    auth::Staff,
    clock::DAY,
    db::Tx,
    error::{ApiError, ApiResult},
    keys::{self, Keys, Purpose},
    meeting::{self, Meeting},
    phone::Phone,
    pool::{self, Change},
    wire::{BindBy, ImportReport, ImportStatus, RowOutcome},
};

/// Imports that nobody accepted are forgotten after this time.
const KEEP: i64 = 7 * DAY;
/// Longest file name that is kept, characters.
const FILE_NAME: usize = 120;

#[derive(Serialize, Deserialize)]
struct Sealed {
    blank: i64,
    rows: Vec<Parsed>,
}

/// Reads a file and keeps it, sealed, for acceptance. The report says what would happen.
pub async fn upload(
    app: &App,
    staff: &Staff,
    meeting: &str,
    file: &str,
    bytes: bytes::Bytes,
) -> ApiResult<ImportReport> {
    let phones = needs_phones(&open(app, meeting).await?);
    let table = heavy(move || table::read(&bytes, phones)).await?;
    keep(app, staff, (meeting, phones), (&base_name(file), table)).await
}

/// Takes the roster of another meeting as if it were a file.
pub async fn copy(app: &App, staff: &Staff, meeting: &str, from: &str) -> ApiResult<ImportReport> {
    let phones = needs_phones(&open(app, meeting).await?);
    let (name, rows) = {
        let mut conn = app.db().read().acquire().await?;
        let other = meeting::load(&mut conn, from).await.map_err(|error| match error.code() {
            "not_found" => no_such_meeting(),
            _ => error,
        })?;
        (other.name, sql::sealed(&mut conn, from).await?)
    };
    let keys = app.keys().clone();
    let table = heavy(move || {
        let rows = rows.into_iter().enumerate().map(|(at, sealed)| raw(&keys, at, sealed));
        Ok(Table { rows: rows.collect::<ApiResult<_>>()?, blank: 0 })
    })
    .await?;
    keep(app, staff, (meeting, phones), (&name, table)).await
}

/// 422 `invalid`: the meeting to copy from is not there, or not for this member of staff.
pub fn no_such_meeting() -> ApiError {
    ApiError::invalid("invalid", "from", "没有这个活动，请刷新后重选。")
}

fn raw(keys: &Keys, at: usize, (sealed, known): (Vec<u8>, Known)) -> ApiResult<RawRow> {
    let phone = keys.unseal(Purpose::Phone, &known.id, &sealed).context("a sealed phone does not open")?;
    Ok(RawRow {
        row: i64::try_from(at + 1).unwrap_or(i64::MAX),
        name: known.name,
        phone: String::from_utf8_lossy(&phone).into_owned(),
        department: Some(known.department),
        staff_no: Some(known.staff_no),
        group: Some(known.group),
        weight: Some(known.weight.to_string()),
        formula: false,
    })
}

async fn open(app: &App, meeting: &str) -> ApiResult<Meeting> {
    let mut conn = app.db().read().acquire().await?;
    let meeting = meeting::load(&mut conn, meeting).await?;
    meeting.must_be_open()?;
    Ok(meeting)
}

/// Whether people come in by SMS, so that nobody is of use without a phone.
pub(super) fn needs_phones(meeting: &Meeting) -> bool {
    meeting.settings.bind_by == BindBy::Sms
}

async fn keep(
    app: &App,
    staff: &Staff,
    (meeting, phones): (&str, bool),
    (name, table): (&str, Table),
) -> ApiResult<ImportReport> {
    let id = keys::row_id();
    let (keys, key_of, context) = (app.keys().clone(), meeting.to_owned(), id.clone());
    let (parsed, blank, sealed) = heavy(move || {
        let rows = import::parse(table.rows, &keys, &key_of, phones);
        let sealed = Sealed { blank: table.blank, rows };
        let plain = zeroize::Zeroizing::new(serde_json::to_vec(&sealed).context("rows as JSON")?);
        Ok((sealed.rows, sealed.blank, keys.seal(Purpose::Phone, &context, &plain)))
    })
    .await?;
    let roster = {
        let mut conn = app.db().read().acquire().await?;
        sql::roster(&mut conn, meeting).await?
    };
    let plan = import::plan(&parsed, &roster);
    let report = import::summary(&id, name, blank, plan.rows);
    let text = serde_json::to_string(&report).context("a report as JSON")?;
    let mut tx = app.db().begin().await?;
    sqlx::query("delete from roster_import where status = 'reported' and created_at < $1")
        .bind(app.now() - KEEP)
        .execute(tx.conn())
        .await?;
    sqlx::query(
        "insert into roster_import (id, meeting_id, file_name, staff_id, status, report, rows_sealed, created_at) \
         values ($1, $2, $3, $4, 'reported', $5, $6, $7)",
    )
    .bind(&id)
    .bind(meeting)
    .bind(&report.file)
    .bind(&staff.id)
    .bind(text)
    .bind(sealed)
    .bind(app.now())
    .execute(tx.conn())
    .await?;
    tx.commit().await?;
    Ok(report)
}

/// Work that would hold up the event loop.
async fn heavy<T: Send + 'static>(work: impl FnOnce() -> ApiResult<T> + Send + 'static) -> ApiResult<T> {
    tokio::task::spawn_blocking(work).await.context("reading a file failed")?
}

/// The last part of a path, without what cannot be shown.
fn base_name(file: &str) -> String {
    let last = file.rsplit(['/', '\\']).next().unwrap_or_default();
    last.chars().filter(|letter| !letter.is_control()).take(FILE_NAME).collect()
}

/// The report as it was made, or as it was accepted.
pub async fn report(app: &App, meeting: &str, id: &str) -> ApiResult<ImportReport> {
    let row = sqlx::query("select report from roster_import where meeting_id = $1 and id = $2")
        .bind(meeting)
        .bind(id)
        .fetch_optional(app.db().read())
        .await?
        .ok_or_else(unknown)?;
    let text: String = row.try_get(0)?;
    Ok(serde_json::from_str(&text).context("a stored report")?)
}

fn unknown() -> ApiError {
    ApiError::not_found("这次导入")
}

/// Puts the rows on the roster, in one transaction. The plan is made anew, so people who changed since the report are
/// treated as they are now. A second acceptance answers the first one's report.
pub async fn accept(
    app: &App,
    staff: &Staff,
    meeting: &str,
    id: &str,
    skip_errors: bool,
) -> ApiResult<ImportReport> {
    let seen = report(app, meeting, id).await?;
    if seen.status == ImportStatus::Accepted {
        return Ok(seen);
    }
    let mut tx = app.db().begin().await?;
    meeting::lock(&mut tx, meeting).await?.must_be_open()?;
    let Some(sealed) = pending(app, &mut tx, meeting, id).await? else {
        drop(tx);
        return report(app, meeting, id).await;
    };
    let roster = sql::roster(tx.conn(), meeting).await?;
    let plan = import::plan(&sealed.rows, &roster);
    let errors = plan.rows.iter().filter(|row| row.outcome == RowOutcome::Error).count();
    if errors > 0 && !skip_errors {
        return Err(ApiError::invalid(
            "import_errors",
            "skip_errors",
            format!("有 {errors} 行有问题，一行也没有导入。请修改文件后重新上传，或确认跳过这些行。"),
        ));
    }
    let changes = apply(app, &mut tx, meeting, &sealed.rows, &plan).await?;
    let report = ImportReport {
        status: ImportStatus::Accepted,
        ..import::summary(id, &seen.file, sealed.blank, plan.rows)
    };
    let text = serde_json::to_string(&report).context("a report as JSON")?;
    sqlx::query(
        "update roster_import set status = 'accepted', report = $1, rows_sealed = $2, accepted_at = $3 where id = $4",
    )
    .bind(text)
    .bind(Vec::<u8>::new())
    .bind(app.now())
    .bind(id)
    .execute(tx.conn())
    .await?;
    let note = format!("new {} update {} errors {}", report.new, report.update, report.errors);
    let deed = Deed { who: &staff.user, what: "people.import", meeting, target: id, note: &note };
    audit::record(&mut tx, app.now(), &deed).await?;
    tx.commit().await?;
    pool::tell_store(app, &changes).await;
    super::tell_counts(app, meeting);
    Ok(report)
}

/// The rows, when nobody accepted them in between. The meeting's row is locked.
async fn pending(app: &App, tx: &mut Tx, meeting: &str, id: &str) -> ApiResult<Option<Sealed>> {
    let row = sqlx::query("select status, rows_sealed from roster_import where meeting_id = $1 and id = $2")
        .bind(meeting)
        .bind(id)
        .fetch_optional(tx.conn())
        .await?
        .ok_or_else(unknown)?;
    let status: String = row.try_get("status")?;
    if status != "reported" {
        return Ok(None);
    }
    let sealed: Vec<u8> = row.try_get("rows_sealed")?;
    let plain = app.keys().unseal(Purpose::Phone, id, &sealed).context("a pending import does not open")?;
    Ok(Some(serde_json::from_slice(&plain).context("a pending import")?))
}

async fn apply(
    app: &App,
    tx: &mut Tx,
    meeting: &str,
    rows: &[Parsed],
    plan: &Plan,
) -> ApiResult<Vec<Change>> {
    let mut changes = Vec::new();
    for change in &plan.changes {
        let known = &change.person;
        let e164 = Some(rows[change.at].e164.as_str()).filter(|text| !text.is_empty());
        let phone = e164.map(Phone::parse).transpose().context("a phone of a pending import")?;
        if let Some(id) = &change.id {
            let before = sql::get(tx.conn(), meeting, id).await?;
            let written = Written { meeting, id, known };
            if change.phone
                && let Some(phone) = phone
            {
                sql::set_phone(tx, app.keys(), &written, &phone).await?;
            }
            sql::update(tx, &written).await?;
            if let Some(before) = before {
                changes.extend(roster::weigh(app, tx, meeting, &before, known.weight).await?);
            }
        } else {
            let id = keys::row_id();
            sql::insert(tx, app.keys(), &Written { meeting, id: &id, known }, phone.as_ref(), app.now())
                .await?;
        }
    }
    Ok(changes)
}
