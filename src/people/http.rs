//! Routes of the roster.

use axum::{
    Json,
    extract::{DefaultBodyLimit, Multipart, State, multipart::MultipartRejection},
    response::{IntoResponse, Response},
};
use http::{HeaderValue, StatusCode, header, request::Parts};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    badge,
    export::{self, Kind},
    pending, roster, stats, table,
};
use crate::{
    app::App,
    auth::{self, Staff},
    error::{ApiError, ApiResult, ProblemBody},
    http::{Body, Idem, IdemHeader, Path, Query},
    wire::{
        AcceptImport, Badge, CopyRoster, Done, EditPerson, EntryStats, ImportReport, PeoplePage, PersonView,
        Role,
    },
};

/// What a multipart body adds to the file: boundaries and headers.
const MULTIPART_EXTRA: usize = 64 * 1024;

/// Longest search text, characters.
const SEARCH_CHARS: usize = 200;

/// Routes of this module.
pub fn router() -> OpenApiRouter<App> {
    let uploads = OpenApiRouter::new()
        .routes(routes!(upload))
        .layer(DefaultBodyLimit::max(table::MAX_FILE + MULTIPART_EXTRA));
    OpenApiRouter::new()
        .merge(uploads)
        .merge(super::http_photo::router())
        .routes(routes!(copy))
        .routes(routes!(report))
        .routes(routes!(accept))
        .routes(routes!(list, add))
        .routes(routes!(edit, remove))
        .routes(routes!(unbind))
        .routes(routes!(reissue_badge))
        .routes(routes!(download))
        .routes(routes!(entries))
}

/// The form of an upload.
#[derive(ToSchema)]
#[allow(dead_code, reason = "describes the form for the OpenAPI document")]
struct Upload {
    /// A `.xlsx` or `.csv` file, at most 10 MiB.
    #[schema(value_type = String, format = Binary, content_media_type = "application/octet-stream")]
    file: Vec<u8>,
}

/// Upload a roster: says row by row what would happen; nothing is stored until it is accepted.
#[utoipa::path(post, path = "/api/meetings/{meeting}/imports", tag = "people",
    params(("meeting" = String, Path, description = "Id of the meeting.")),
    request_body(content = Upload, content_type = "multipart/form-data"),
    security(("cookie" = []), ("bearer" = [])), responses(
    (status = 201, description = "The report.", body = ImportReport),
    (status = 413, description = "`file_too_large`: more than 10 MiB, 200,000 rows, or inflating to too much.", body = ProblemBody),
    (status = 415, description = "`file_type`: neither a workbook nor a text table.", body = ProblemBody),
    (status = 422, description = "`file_missing`, `header_missing`, `header_duplicate`.", body = ProblemBody),
))]
async fn upload(
    State(app): State<App>,
    staff: Staff,
    Path(meeting): Path<String>,
    form: Result<Multipart, MultipartRejection>,
) -> ApiResult<(StatusCode, Json<ImportReport>)> {
    staff.need(&[Role::Host])?;
    let form = form.map_err(|_| {
        ApiError::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "content_type",
            "请用表单（multipart/form-data）上传文件，字段名为 file。",
        )
    })?;
    let (name, bytes) = file(form).await?;
    let report = pending::upload(&app, &staff, &meeting, &name, bytes).await?;
    Ok((StatusCode::CREATED, Json(report)))
}

/// Name and content of the form's `file`.
pub async fn file(mut form: Multipart) -> ApiResult<(String, bytes::Bytes)> {
    while let Some(field) = form.next_field().await.map_err(|error| broken_form(&error))? {
        if field.name() != Some("file") {
            continue;
        }
        let name = field.file_name().unwrap_or_default().to_owned();
        return Ok((name, field.bytes().await.map_err(|error| broken_form(&error))?));
    }
    Err(ApiError::invalid("file_missing", "file", "表单里没有名为 file 的文件。"))
}

fn broken_form(error: &axum::extract::multipart::MultipartError) -> ApiError {
    match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            table::too_large("文件超过 10 MiB，请删去图片和多余的工作表，或分成几个文件导入。")
        }
        _ => ApiError::bad_request("form", "上传没有完整收到，请重试。"),
    }
}

/// Take the roster of another meeting as an import: nothing is stored until it is accepted.
#[utoipa::path(post, path = "/api/meetings/{meeting}/imports/copy", tag = "people",
    params(("meeting" = String, Path, description = "Id of the meeting.")), request_body = CopyRoster,
    security(("cookie" = []), ("bearer" = [])), responses(
    (status = 201, description = "The report.", body = ImportReport),
    (status = 409, description = "`meeting_closed`", body = ProblemBody),
    (status = 422, description = "`invalid`: there is no such meeting.", body = ProblemBody),
))]
async fn copy(
    State(app): State<App>,
    staff: Staff,
    Path(meeting): Path<String>,
    parts: Parts,
    Body(body): Body<CopyRoster>,
) -> ApiResult<(StatusCode, Json<ImportReport>)> {
    staff.need(&[Role::Host])?;
    // A host of this meeting alone knows of no other one: the same answer as for one that is not there.
    let there = auth::staff_of(&app, &parts)
        .await?
        .in_meeting(&body.from)
        .and_then(|there| there.need(&[Role::Host]));
    there.map_err(|_| pending::no_such_meeting())?;
    let report = pending::copy(&app, &staff, &meeting, &body.from).await?;
    Ok((StatusCode::CREATED, Json(report)))
}

/// Report of an import.
#[utoipa::path(get, path = "/api/meetings/{meeting}/imports/{id}", tag = "people",
    params(("meeting" = String, Path, description = "Id of the meeting."), ("id" = String, Path, description = "Id of the import.")),
    security(("cookie" = []), ("bearer" = [])), responses((status = 200, body = ImportReport)))]
async fn report(
    State(app): State<App>,
    staff: Staff,
    Path((meeting, id)): Path<(String, String)>,
) -> ApiResult<Json<ImportReport>> {
    staff.need(&[Role::Host, Role::Auditor])?;
    Ok(Json(pending::report(&app, &meeting, &id).await?))
}

/// Accept an import: all good rows in one transaction. A repeat gives the same answer.
#[utoipa::path(post, path = "/api/meetings/{meeting}/imports/{id}/accept", tag = "people",
    params(("meeting" = String, Path, description = "Id of the meeting."), ("id" = String, Path, description = "Id of the import.")),
    request_body = AcceptImport, security(("cookie" = []), ("bearer" = [])), responses(
    (status = 200, body = ImportReport),
    (status = 409, description = "`meeting_closed`", body = ProblemBody),
    (status = 422, description = "`import_errors`: rows are faulty and `skip_errors` is not set.", body = ProblemBody),
))]
async fn accept(
    State(app): State<App>,
    staff: Staff,
    Path((meeting, id)): Path<(String, String)>,
    Body(body): Body<AcceptImport>,
) -> ApiResult<Json<ImportReport>> {
    staff.need(&[Role::Host])?;
    Ok(Json(pending::accept(&app, &staff, &meeting, &id, body.skip_errors).await?))
}

/// What a list is asked for.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
struct ListQuery {
    /// Part of a name, department, staff number or group, visible digits of a phone, or a whole phone number.
    #[param(max_length = 200)]
    search: String,
    /// `next` of the page before.
    #[param(max_length = 64)]
    after: String,
    /// People on a page.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<i64>,
}

/// The roster, by name.
#[utoipa::path(get, path = "/api/meetings/{meeting}/people", tag = "people",
    params(("meeting" = String, Path, description = "Id of the meeting."), ListQuery),
    security(("cookie" = []), ("bearer" = [])), responses((status = 200, body = PeoplePage)))]
async fn list(
    State(app): State<App>,
    staff: Staff,
    Path(meeting): Path<String>,
    Query(query): Query<ListQuery>,
) -> ApiResult<Json<PeoplePage>> {
    staff.need(&[Role::Host, Role::Finance, Role::Auditor])?;
    if query.search.chars().count() > SEARCH_CHARS {
        return Err(ApiError::invalid("query", "search", format!("搜索文字最多 {SEARCH_CHARS} 个字。")));
    }
    if query.limit.is_some_and(|limit| !(1..=roster::PAGE_MAX).contains(&limit)) {
        let detail = format!("每页人数应为 1 到 {}。", roster::PAGE_MAX);
        return Err(ApiError::invalid("query", "limit", detail));
    }
    Ok(Json(roster::list(&app, &meeting, &query.search, &query.after, query.limit).await?))
}

/// Add a person.
#[utoipa::path(post, path = "/api/meetings/{meeting}/people", tag = "people",
    params(("meeting" = String, Path, description = "Id of the meeting.")), request_body = EditPerson,
    security(("cookie" = []), ("bearer" = [])), responses(
    (status = 201, body = PersonView),
    (status = 409, description = "`phone_taken`, `staff_no_taken`, `meeting_closed`", body = ProblemBody),
))]
async fn add(
    State(app): State<App>,
    staff: Staff,
    Path(meeting): Path<String>,
    Body(body): Body<EditPerson>,
) -> ApiResult<(StatusCode, Json<PersonView>)> {
    staff.need(&[Role::Host])?;
    Ok((StatusCode::CREATED, Json(roster::add(&app, &staff, &meeting, &body).await?)))
}

/// Change a person.
#[utoipa::path(patch, path = "/api/meetings/{meeting}/people/{id}", tag = "people",
    params(("meeting" = String, Path, description = "Id of the meeting."), ("id" = String, Path, description = "Id of the person.")),
    request_body = EditPerson, security(("cookie" = []), ("bearer" = [])), responses(
    (status = 200, body = PersonView),
    (status = 409, description = "`stale`, `phone_taken`, `staff_no_taken`, `meeting_closed`", body = ProblemBody),
))]
async fn edit(
    State(app): State<App>,
    staff: Staff,
    Path((meeting, id)): Path<(String, String)>,
    Body(body): Body<EditPerson>,
) -> ApiResult<Json<PersonView>> {
    staff.need(&[Role::Host])?;
    Ok(Json(roster::edit(&app, &staff, &meeting, &id, &body).await?))
}

/// Take a person off the roster and out of the pool.
#[utoipa::path(delete, path = "/api/meetings/{meeting}/people/{id}", tag = "people",
    params(("meeting" = String, Path, description = "Id of the meeting."), ("id" = String, Path, description = "Id of the person.")),
    security(("cookie" = []), ("bearer" = [])), responses(
    (status = 200, body = Done),
    (status = 409, description = "`already_won`, `draw_open`, `meeting_closed`", body = ProblemBody),
))]
async fn remove(
    State(app): State<App>,
    staff: Staff,
    Path((meeting, id)): Path<(String, String)>,
) -> ApiResult<Json<Done>> {
    staff.need(&[Role::Host])?;
    roster::remove(&app, &staff, &meeting, &id).await?;
    Ok(Json(Done::OK))
}

/// End a person's binding, so that another phone can be bound; after a win only a reviewer may.
#[utoipa::path(post, path = "/api/meetings/{meeting}/people/{id}/unbind", tag = "people",
    params(("meeting" = String, Path, description = "Id of the meeting."), ("id" = String, Path, description = "Id of the person."), IdemHeader),
    security(("cookie" = []), ("bearer" = [])), responses(
    (status = 200, body = PersonView),
    (status = 409, description = "`draw_open`, `outcome_unknown`, `meeting_closed`", body = ProblemBody),
))]
async fn unbind(
    State(app): State<App>,
    staff: Staff,
    Path((meeting, id)): Path<(String, String)>,
    _idem: Idem,
) -> ApiResult<Json<PersonView>> {
    staff.need(&[Role::Host, Role::Reviewer])?;
    Ok(Json(roster::unbind(&app, &staff, &meeting, &id).await?))
}

/// Make a person's badge anew: the old code is dead at once. Who is bound stays bound.
#[utoipa::path(post, path = "/api/meetings/{meeting}/people/{id}/badge", tag = "people",
    params(("meeting" = String, Path, description = "Id of the meeting."), ("id" = String, Path, description = "Id of the person.")),
    security(("cookie" = []), ("bearer" = [])), responses(
    (status = 200, body = Badge),
    (status = 409, description = "`meeting_closed`", body = ProblemBody),
))]
async fn reissue_badge(
    State(app): State<App>,
    staff: Staff,
    Path((meeting, id)): Path<(String, String)>,
) -> ApiResult<Json<Badge>> {
    staff.need(&[Role::Host])?;
    Ok(Json(badge::reissue(&app, &staff, &meeting, &id).await?))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ExportQuery {
    /// Which book.
    #[param(inline)]
    kind: Kind,
}

/// A book of the meeting as a workbook. The roster carries whole phone numbers, the badges their codes.
#[utoipa::path(get, path = "/api/meetings/{meeting}/export", tag = "people",
    params(("meeting" = String, Path, description = "Id of the meeting."), ExportQuery),
    security(("cookie" = []), ("bearer" = [])), responses(
    (status = 200, description = "A workbook.", body = Vec<u8>,
        content_type = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
))]
async fn download(
    State(app): State<App>,
    staff: Staff,
    Path(meeting): Path<String>,
    Query(query): Query<ExportQuery>,
) -> ApiResult<Response> {
    match query.kind {
        Kind::Roster | Kind::Badges => staff.need(&[Role::Host])?,
        Kind::Handover => staff.need(&[Role::Host, Role::Reviewer, Role::Finance])?,
        Kind::Winners | Kind::Payments => staff.need(&[Role::Host, Role::Finance])?,
    }
    let bytes = export::workbook(&app, &staff, &meeting, query.kind).await?;
    let mut response = bytes.into_response();
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    );
    let disposition = format!("attachment; filename=\"{}.xlsx\"", query.kind.file_stem());
    if let Ok(value) = HeaderValue::from_str(&disposition) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    Ok(response)
}

/// People who came in, by minute, for a chart.
#[utoipa::path(get, path = "/api/meetings/{meeting}/stats/entries", tag = "people",
    params(("meeting" = String, Path, description = "Id of the meeting.")),
    security(("cookie" = []), ("bearer" = [])), responses(
    (status = 200, body = EntryStats),
    (status = 404, description = "`not_found`", body = ProblemBody),
))]
async fn entries(
    State(app): State<App>,
    _staff: Staff,
    Path(meeting): Path<String>,
) -> ApiResult<Json<EntryStats>> {
    stats::entries(&app, &meeting).await.map(Json)
}
