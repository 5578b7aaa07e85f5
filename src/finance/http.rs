//! Routes of the finance desk.

use axum::{
    Json,
    extract::{DefaultBodyLimit, Multipart, State, multipart::MultipartRejection},
    response::{IntoResponse, Response},
};
use http::{HeaderValue, StatusCode, header};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    accounting::{self, Format},
    books, matching, statement,
};
use crate::{
    app::App,
    audit::{self, Deed},
    auth::Staff,
    error::{ApiError, ApiResult, ProblemBody},
    http::{Path, Query},
    payout, people,
    wire::{DayBooks, PayChannel, Role, StatementReport},
};

/// Largest upload: the largest file, and what the form adds to it.
const UPLOAD: usize = people::table::MAX_FILE + 64 * 1024;

/// Routes of this module.
pub fn router() -> OpenApiRouter<App> {
    let uploads = OpenApiRouter::new().routes(routes!(match_statement)).layer(DefaultBodyLimit::max(UPLOAD));
    OpenApiRouter::new().merge(uploads).routes(routes!(day_books)).routes(routes!(accounting_file))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct BooksQuery {
    /// Beijing day such as `2026-11-26`; today when absent.
    #[param(format = Date)]
    day: Option<String>,
}

/// The books of a day: opening, reserved, paid, returned, closing by budget, and every difference by name.
#[utoipa::path(get, path = "/api/finance/books", tag = "money", security(("cookie" = []), ("bearer" = [])),
    params(BooksQuery), responses(
    (status = 200, body = DayBooks),
    (status = 401, description = "`login`", body = ProblemBody),
    (status = 403, description = "`role`", body = ProblemBody),
    (status = 422, description = "`query`", body = ProblemBody),
))]
async fn day_books(
    State(app): State<App>,
    staff: Staff,
    Query(query): Query<BooksQuery>,
) -> ApiResult<Json<DayBooks>> {
    staff.need(&[Role::Finance, Role::Auditor])?;
    Ok(Json(books::of_day(&app, query.day.as_deref()).await?))
}

/// The form of an upload.
#[derive(ToSchema)]
#[allow(dead_code, reason = "describes the form for the OpenAPI document")]
struct StatementUpload {
    /// The payer's statement as downloaded: `.csv`, at most 10 MiB.
    #[schema(value_type = String, format = Binary, content_media_type = "application/octet-stream")]
    file: Vec<u8>,
}

/// Compare the payer's statement with our packets; nothing is changed.
#[utoipa::path(post, path = "/api/finance/statements", tag = "money", security(("cookie" = []), ("bearer" = [])),
    request_body(content = StatementUpload, content_type = "multipart/form-data"), responses(
    (status = 200, body = StatementReport),
    (status = 400, description = "`form`", body = ProblemBody),
    (status = 401, description = "`login`", body = ProblemBody),
    (status = 403, description = "`role`, `origin`", body = ProblemBody),
    (status = 409, description = "`not_configured`: no merchant is configured", body = ProblemBody),
    (status = 413, description = "`file_too_large`", body = ProblemBody),
    (status = 415, description = "`content_type`, `file_type`", body = ProblemBody),
    (status = 422, description = "`file_missing`, `header_missing`", body = ProblemBody),
))]
async fn match_statement(
    State(app): State<App>,
    staff: Staff,
    form: Result<Multipart, MultipartRejection>,
) -> ApiResult<Json<StatementReport>> {
    staff.need(&[Role::Finance, Role::Auditor])?;
    let form = form.map_err(|_| {
        ApiError::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "content_type",
            "请用表单（multipart/form-data）上传账单，字段名为 file。",
        )
    })?;
    let (_, bytes) = people::uploaded_file(form).await?;
    let merchants: Vec<String> =
        PayChannel::ALL.into_iter().map(|channel| app.config().merchant(channel).to_owned()).collect();
    if merchants.iter().all(String::is_empty) {
        return Err(ApiError::conflict("not_configured", "尚未配置商户号（pay.mch_id），没有可核对的红包。"));
    }
    let read = tokio::task::spawn_blocking(move || statement::read(&bytes, &merchants))
        .await
        .map_err(|error| anyhow::anyhow!("reading a statement failed: {error}"))??;
    let report = matching::compare(&app, &read).await?;
    let mut tx = app.db().begin().await?;
    let note =
        format!("{} lines, {} matched, {} differ", report.lines, report.matched, report.difference_count);
    let deed =
        Deed { who: &staff.user, what: "finance.statement", meeting: "", target: "statement", note: &note };
    audit::record(&mut tx, app.now(), &deed).await?;
    if report.lines > 0 {
        payout::note_statement(&mut tx, app.now(), report.difference_count).await?;
    }
    tx.commit().await?;
    Ok(Json(report))
}

/// File format.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, ToSchema)]
#[serde(rename_all = "lowercase")]
enum FileFormat {
    /// A workbook.
    #[default]
    Xlsx,
    /// A text table in UTF-8 with a byte order mark.
    Csv,
}

/// Phone numbers of a file.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Phones {
    /// `138****1234`
    #[default]
    Masked,
    /// Whole, for finance only.
    Whole,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct AccountingQuery {
    /// Workbook (default) or text table.
    #[serde(default)]
    #[param(inline)]
    format: FileFormat,
    /// Masked (default) or whole.
    #[serde(default)]
    #[param(inline)]
    phones: Phones,
}

/// What the accountant needs for the tax on prizes: each award that was paid or handed over.
#[utoipa::path(get, path = "/api/meetings/{meeting}/accounting", tag = "money",
    security(("cookie" = []), ("bearer" = [])),
    params(("meeting" = String, Path, description = "Meeting"), AccountingQuery), responses(
    (status = 200, description = "A workbook, or a text table.", body = Vec<u8>,
        content_type = "application/octet-stream"),
    (status = 401, description = "`login`", body = ProblemBody),
    (status = 403, description = "`role`", body = ProblemBody),
    (status = 404, description = "`not_found`", body = ProblemBody),
    (status = 422, description = "`query`", body = ProblemBody),
))]
async fn accounting_file(
    State(app): State<App>,
    staff: Staff,
    Path(meeting): Path<String>,
    Query(query): Query<AccountingQuery>,
) -> ApiResult<Response> {
    let whole = query.phones == Phones::Whole;
    staff.need(if whole { &[Role::Finance] } else { &[Role::Finance, Role::Auditor] })?;
    let (format, name) = match query.format {
        FileFormat::Xlsx => (Format::Xlsx, "attachment; filename=\"accounting.xlsx\""),
        FileFormat::Csv => (Format::Csv, "attachment; filename=\"accounting.csv\""),
    };
    let bytes = accounting::file(&app, &staff, &meeting, format, whole).await?;
    let mut response = bytes.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(header::CONTENT_DISPOSITION, HeaderValue::from_static(name));
    Ok(response)
}
