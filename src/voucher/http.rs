//! Routes of people who send vouchers, and the photos, which reviewers see too.

use axum::{
    Json,
    extract::{DefaultBodyLimit, FromRequest, Request, State},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use serde::Deserialize;
use sqlx::Row;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Facts, drafts, http_staff, sender,
    upload::{self, Piece},
    views,
};
use crate::{
    app::App,
    auth::{Attendee, Staff},
    error::{ApiError, ApiResult, ProblemBody},
    files,
    http::{Body, Path, Query},
    wire::{Done, EditVoucher, MyVouchers, NewVoucher, Role, VoucherView},
};

/// Routes of this module.
pub fn router() -> OpenApiRouter<App> {
    let pieces = OpenApiRouter::new()
        .routes(routes!(put_piece, photo, remove_photo))
        .layer(DefaultBodyLimit::max(upload::PIECE_BYTES));
    OpenApiRouter::new()
        .routes(routes!(mine))
        .routes(routes!(create, http_staff::list))
        .routes(routes!(edit, remove, http_staff::one))
        .routes(routes!(send))
        .merge(pieces)
        .merge(http_staff::router())
}

/// Campaigns of the meeting, and my vouchers.
#[utoipa::path(get, path = "/api/meetings/{meeting}/me/vouchers", tag = "vouchers",
    params(("meeting" = String, Path, description = "Id of the meeting.")), security(("me" = [])), responses(
    (status = 200, body = MyVouchers),
    (status = 403, description = "`not_bound`, `not_accepted`", body = ProblemBody),
))]
async fn mine(
    State(app): State<App>,
    attendee: Attendee,
    Path(meeting): Path<String>,
) -> ApiResult<Json<MyVouchers>> {
    let me = sender(&app, &attendee, &meeting).await?;
    Ok(Json(views::mine(&app, &me, &meeting).await?))
}

/// Begin a voucher: a draft, to which photos are added before it is sent.
#[utoipa::path(post, path = "/api/meetings/{meeting}/vouchers", tag = "vouchers",
    params(("meeting" = String, Path, description = "Id of the meeting.")), request_body = NewVoucher,
    security(("me" = [])), responses(
    (status = 201, body = VoucherView),
    (status = 403, description = "`not_bound`, `not_accepted`, `origin`", body = ProblemBody),
    (status = 409, description = "`campaign_closed`, `meeting_closed`, `too_many_drafts`", body = ProblemBody),
    (status = 422, description = "`item`, `text`, `invalid`", body = ProblemBody),
))]
async fn create(
    State(app): State<App>,
    attendee: Attendee,
    Path(meeting): Path<String>,
    Body(new): Body<NewVoucher>,
) -> ApiResult<(StatusCode, Json<VoucherView>)> {
    let me = sender(&app, &attendee, &meeting).await?;
    let id = drafts::create(&app, &me, &meeting, &new).await?;
    Ok((StatusCode::CREATED, Json(views::own(&app, &me, (&meeting, &id)).await?)))
}

/// Change a draft, or a rejected voucher before it is sent again.
#[utoipa::path(patch, path = "/api/meetings/{meeting}/vouchers/{id}", tag = "vouchers",
    params(("meeting" = String, Path, description = "Id of the meeting."), ("id" = String, Path, description = "Voucher")),
    request_body = EditVoucher, security(("me" = [])), responses(
    (status = 200, body = VoucherView),
    (status = 403, description = "`not_bound`, `not_accepted`, `origin`", body = ProblemBody),
    (status = 409, description = "`voucher_sent`", body = ProblemBody),
    (status = 422, description = "`item`, `text`, `invalid`", body = ProblemBody),
))]
async fn edit(
    State(app): State<App>,
    attendee: Attendee,
    Path((meeting, id)): Path<(String, String)>,
    Body(change): Body<EditVoucher>,
) -> ApiResult<Json<VoucherView>> {
    let me = sender(&app, &attendee, &meeting).await?;
    drafts::edit(&app, &me, (&meeting, &id), &change).await?;
    Ok(Json(views::own(&app, &me, (&meeting, &id)).await?))
}

/// Throw a draft away. What was sent once stays.
#[utoipa::path(delete, path = "/api/meetings/{meeting}/vouchers/{id}", tag = "vouchers",
    params(("meeting" = String, Path, description = "Id of the meeting."), ("id" = String, Path, description = "Voucher")),
    security(("me" = [])), responses(
    (status = 200, body = Done),
    (status = 403, description = "`not_bound`, `not_accepted`, `origin`", body = ProblemBody),
    (status = 409, description = "`voucher_sent`", body = ProblemBody),
))]
async fn remove(
    State(app): State<App>,
    attendee: Attendee,
    Path((meeting, id)): Path<(String, String)>,
) -> ApiResult<Json<Done>> {
    let me = sender(&app, &attendee, &meeting).await?;
    drafts::remove(&app, &me, (&meeting, &id)).await?;
    Ok(Json(Done::OK))
}

/// Send a voucher to the reviewers, for the first time or again. A repeat changes nothing.
#[utoipa::path(post, path = "/api/meetings/{meeting}/vouchers/{id}/send", tag = "vouchers",
    params(("meeting" = String, Path, description = "Id of the meeting."), ("id" = String, Path, description = "Voucher")),
    security(("me" = [])), responses(
    (status = 200, body = VoucherView),
    (status = 403, description = "`not_bound`, `not_accepted`, `origin`", body = ProblemBody),
    (status = 409, description = "`campaign_closed`, `meeting_closed`, `person_limit`, `voucher_duplicate`, \
        `photos_missing`, `sends_limit`", body = ProblemBody),
    (status = 422, description = "`missing`, with the field; `item`", body = ProblemBody),
))]
async fn send(
    State(app): State<App>,
    attendee: Attendee,
    Path((meeting, id)): Path<(String, String)>,
) -> ApiResult<Json<VoucherView>> {
    let me = sender(&app, &attendee, &meeting).await?;
    drafts::send(&app, &me, (&meeting, &id)).await?;
    Ok(Json(views::own(&app, &me, (&meeting, &id)).await?))
}

/// Where a piece belongs, and what the whole photo will be.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct PieceQuery {
    /// Bytes that are here already: `received` of the photo.
    #[param(minimum = 0, maximum = 5_242_880)]
    offset: i64,
    /// Bytes of the whole photo.
    #[param(minimum = 1, maximum = 5_242_880)]
    size: i64,
    /// SHA-256 of the whole photo, lower-case hex.
    #[param(min_length = 64, max_length = 64, pattern = "^[0-9a-f]{64}$")]
    sha256: String,
}

/// The bytes of a piece, of a type that no browser sends by itself.
struct PieceBody(Bytes);

impl<S: Send + Sync> FromRequest<S> for PieceBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        if !kind.is_some_and(|kind| kind.eq_ignore_ascii_case("application/octet-stream")) {
            let detail = "照片的每一段须以 Content-Type: application/octet-stream 上传。";
            return Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "content_type", detail));
        }
        let bytes = Bytes::from_request(request, state).await;
        bytes.map(Self).map_err(|rejection| match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => {
                let detail = "每一段最多 512 KiB，请分段上传。";
                ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", detail)
            }
            _ => ApiError::bad_request("body", "这一段没有完整收到，请重试。"),
        })
    }
}

/// Upload a piece of a photo, at most 512 KiB and, but for the last one, at least 16 KiB. With the last one the photo is
/// checked and made anew; a piece of no bytes at the end asks for that again.
#[utoipa::path(put, path = "/api/meetings/{meeting}/vouchers/{id}/photos/{n}", tag = "vouchers",
    params(
        ("meeting" = String, Path, description = "Id of the meeting."),
        ("id" = String, Path, description = "Voucher"),
        ("n" = i64, Path, description = "Which photo, 1–9.", minimum = 1, maximum = 9),
        PieceQuery,
    ),
    request_body(content = String, content_type = "application/octet-stream"), security(("me" = [])), responses(
    (status = 200, description = "The voucher; `received` of the photo is where the next piece begins.", body = VoucherView),
    (status = 403, description = "`not_bound`, `not_accepted`, `origin`", body = ProblemBody),
    (status = 409, description = "`offset`: read the voucher and go on from `received`; `voucher_sent`, \
        `voucher_duplicate`", body = ProblemBody),
    (status = 413, description = "`photo_too_large`, `too_large`", body = ProblemBody),
    (status = 415, description = "`photo_type`: neither JPEG nor PNG nor WebP by its content; `content_type`", body = ProblemBody),
    (status = 422, description = "`photo_pixels`, `photo_broken`, `photo_sha256`, `photos_limit`, `query`", body = ProblemBody),
    (status = 429, description = "`photo_throttled`, with Retry-After", body = ProblemBody),
))]
async fn put_piece(
    State(app): State<App>,
    attendee: Attendee,
    Path((meeting, id, n)): Path<(String, String, i64)>,
    Query(query): Query<PieceQuery>,
    PieceBody(bytes): PieceBody,
) -> ApiResult<Json<VoucherView>> {
    if !(1..=upload::PHOTOS).contains(&n) {
        return Err(ApiError::not_found("这张照片"));
    }
    let me = sender(&app, &attendee, &meeting).await?;
    let piece = Piece { n, offset: query.offset, size: query.size, sha256: &query.sha256, bytes };
    upload::take(&app, &me, (&meeting, &id), piece).await?;
    Ok(Json(views::own(&app, &me, (&meeting, &id)).await?))
}

/// Take a photo out of a voucher that is not sent.
#[utoipa::path(delete, path = "/api/meetings/{meeting}/vouchers/{id}/photos/{n}", tag = "vouchers",
    params(
        ("meeting" = String, Path, description = "Id of the meeting."),
        ("id" = String, Path, description = "Voucher"),
        ("n" = i64, Path, description = "Which photo, 1–9.", minimum = 1, maximum = 9),
    ),
    security(("me" = [])), responses(
    (status = 200, body = VoucherView),
    (status = 403, description = "`not_bound`, `not_accepted`, `origin`", body = ProblemBody),
    (status = 409, description = "`voucher_sent`", body = ProblemBody),
))]
async fn remove_photo(
    State(app): State<App>,
    attendee: Attendee,
    Path((meeting, id, n)): Path<(String, String, i64)>,
) -> ApiResult<Json<VoucherView>> {
    let me = sender(&app, &attendee, &meeting).await?;
    upload::remove(&app, &me, (&meeting, &id), n).await?;
    Ok(Json(views::own(&app, &me, (&meeting, &id)).await?))
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
struct PhotoQuery {
    /// The small one, for lists.
    small: bool,
}

/// A photo as we made it anew: for whoever sent it, reviewers and finance.
#[utoipa::path(get, path = "/api/meetings/{meeting}/vouchers/{id}/photos/{n}", tag = "vouchers",
    params(
        ("meeting" = String, Path, description = "Id of the meeting."),
        ("id" = String, Path, description = "Voucher"),
        ("n" = i64, Path, description = "Which photo, 1–9.", minimum = 1, maximum = 9),
        PhotoQuery,
    ),
    security(("me" = []), ("cookie" = []), ("bearer" = [])), responses(
    (status = 200, description = "The photo.", body = Vec<u8>, content_type = "image/jpeg"),
    (status = 403, description = "`role`", body = ProblemBody),
))]
async fn photo(
    State(app): State<App>,
    attendee: Result<Attendee, ApiError>,
    staff: Result<Staff, ApiError>,
    Path((meeting, id, n)): Path<(String, String, i64)>,
    Query(query): Query<PhotoQuery>,
) -> ApiResult<Response> {
    let facts = {
        let mut conn = app.db().read().acquire().await?;
        Facts::load(&mut conn, &meeting, &id).await
    };
    let own = match (&facts, &attendee) {
        // Whoever is that person now, with whichever phone.
        (Ok(facts), Ok(attendee)) => {
            sender(&app, attendee, &meeting).await.is_ok_and(|me| me.person == facts.person)
        }
        _ => false,
    };
    if !own {
        match (attendee, staff) {
            (_, Ok(staff)) => staff.need(&[Role::Reviewer, Role::Finance])?,
            // Somebody else's voucher is as if there were none.
            (Ok(_), Err(_)) => return Err(super::not_found()),
            (Err(_), Err(error)) => return Err(error),
        }
    }
    facts?;
    let row = sqlx::query("select upload from voucher_photo where voucher_id = $1 and n = $2 and ready = 1")
        .bind(&id)
        .bind(n)
        .fetch_optional(app.db().read())
        .await?
        .ok_or_else(|| ApiError::not_found("这张照片"))?;
    let name = upload::picture_name(&row.try_get::<String, _>(0)?, query.small);
    let bytes = files::get(&app, &name).await?.ok_or_else(|| ApiError::not_found("这张照片"))?;
    let mut response = bytes.into_response();
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, "image/jpeg"),
        (header::CONTENT_DISPOSITION, "inline; filename=\"photo.jpg\""),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "private, no-store"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    Ok(response)
}
