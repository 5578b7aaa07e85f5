//! Routes of pictures.

use axum::{
    Json,
    extract::{DefaultBodyLimit, FromRequest, Request, State},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::pictures;
use crate::{
    app::App,
    auth::Staff,
    error::{ApiError, ApiResult, ProblemBody},
    http::{Path, Query},
    wire::{PictureUse, PictureView, Role},
};

/// Routes of this file.
pub(super) fn router() -> OpenApiRouter<App> {
    let uploads = OpenApiRouter::new().routes(routes!(upload)).layer(DefaultBodyLimit::max(pictures::BYTES));
    OpenApiRouter::new().merge(uploads).routes(routes!(picture))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct UploadQuery {
    /// What it is for.
    #[serde(rename = "for")]
    #[param(inline)]
    what: PictureUse,
}

/// The bytes of a file, of a type that no browser sends by itself.
pub struct FileBody(pub Bytes);

impl<S: Send + Sync> FromRequest<S> for FileBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        if !kind.is_some_and(|kind| kind.eq_ignore_ascii_case("application/octet-stream")) {
            let detail = "文件须以 Content-Type: application/octet-stream 上传。";
            return Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "content_type", detail));
        }
        let bytes = Bytes::from_request(request, state).await;
        bytes.map(Self).map_err(|rejection| match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => {
                let detail = "文件太大（图片最大 8 MiB，音乐最大 16 MiB），请缩小后再上传。";
                ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", detail)
            }
            _ => ApiError::bad_request("body", "文件没有完整收到，请重试。"),
        })
    }
}

/// Upload a picture: JPEG, PNG or WebP by its content, at most 8 MiB and 25 million pixels. It is made anew, nothing else
/// of the file is kept.
#[utoipa::path(post, path = "/api/meetings/{meeting}/pictures", tag = "meetings",
    security(("cookie" = []), ("bearer" = [])),
    params(("meeting" = String, Path, description = "Id of the meeting"), UploadQuery),
    request_body(content = String, content_type = "application/octet-stream"), responses(
    (status = 201, body = PictureView),
    (status = 400, description = "`body`", body = ProblemBody),
    (status = 401, description = "`login`", body = ProblemBody),
    (status = 403, description = "`role`, `origin`", body = ProblemBody),
    (status = 404, description = "`not_found`", body = ProblemBody),
    (status = 409, description = "`meeting_closed`, `pictures_limit`", body = ProblemBody),
    (status = 413, description = "`too_large`", body = ProblemBody),
    (status = 415, description = "`picture_type`: neither JPEG nor PNG nor WebP by its content; `content_type`",
        body = ProblemBody),
    (status = 422, description = "`picture_pixels`, `picture_broken`, `query`", body = ProblemBody),
    (status = 503, description = "`unavailable`: too many at once", body = ProblemBody),
))]
async fn upload(
    State(app): State<App>,
    staff: Staff,
    Path(meeting): Path<String>,
    Query(query): Query<UploadQuery>,
    FileBody(bytes): FileBody,
) -> ApiResult<(StatusCode, Json<PictureView>)> {
    staff.need(&[Role::Host])?;
    let view = pictures::upload(&app, &staff, &meeting, (query.what, bytes)).await?;
    Ok((StatusCode::CREATED, Json(view)))
}

/// A picture that a host uploaded. It never changes.
#[utoipa::path(get, path = "/api/pictures/{id}", tag = "public",
    params(("id" = String, Path, description = "Id of the picture")), responses(
    (status = 200, description = "The picture: `image/jpeg` or `image/png`.", body = Vec<u8>, content_type = "image/jpeg"),
    (status = 404, description = "`not_found`", body = ProblemBody),
))]
async fn picture(State(app): State<App>, Path(id): Path<String>) -> ApiResult<Response> {
    let (bytes, kind) = pictures::read(&app, &id).await?;
    let mut response = bytes.into_response();
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_DISPOSITION, "inline; filename=\"picture\""),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    Ok(response)
}
