//! The only error answer: `application/problem+json` with a stable code and a sentence that says what to do.
//!
//! Which type belongs where: handlers and operations that a person started return [`ApiError`]; pure cores have
//! error enums of their own; start-up and background work use `anyhow` and are logged once, at their edge.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Result of an operation that a person started.
pub type ApiResult<T> = Result<T, ApiError>;

/// The body of every error answer (RFC 9457).
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ProblemBody {
    /// Always `about:blank`: the code says which problem it is.
    #[serde(rename = "type")]
    pub kind: String,
    /// The status in words.
    pub title: String,
    /// HTTP status.
    pub status: u16,
    /// Stable code, for programs.
    pub code: String,
    /// What happened and what to do, in Chinese.
    pub detail: String,
    /// The field it is about, when it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// Id of the request, as in the header `x-request-id`: whoever runs the server finds its lines in the log by it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
}

tokio::task_local! {
    /// Id of the request that is being answered.
    static REQUEST: String;
}

/// Answers the request of this id: what goes wrong meanwhile carries it.
pub async fn within<F: Future>(id: String, answer: F) -> F::Output {
    REQUEST.scope(id, answer).await
}

/// The code of a refusal, beside its answer: for the log.
#[derive(Clone, Copy, Debug)]
pub struct Refusal(pub &'static str);

/// An answer that is not the wished-for one.
#[derive(Debug)]
pub struct ApiError {
    status: StatusCode,
    code: &'static str,
    detail: String,
    field: Option<String>,
    retry_after_s: Option<i64>,
    source: Option<anyhow::Error>,
}

impl ApiError {
    /// Any status, code and sentence.
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, detail: detail.into(), field: None, retry_after_s: None, source: None }
    }

    /// 400.
    pub fn bad_request(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, detail)
    }

    /// 401 `login`.
    pub fn login() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "login", "请先登录。")
    }

    /// 403.
    pub fn forbidden(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, code, detail)
    }

    /// 404 `not_found`: also for things of another meeting.
    pub fn not_found(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", format!("没有找到{what}，请检查地址或刷新页面。"))
    }

    /// 409.
    pub fn conflict(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, code, detail)
    }

    /// 409 `stale`.
    pub fn stale() -> Self {
        Self::conflict("stale", "内容已被其他人修改，请刷新后重试。")
    }

    /// 422 about one field.
    pub fn invalid(code: &'static str, field: &str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, detail).field(field)
    }

    /// 429 with the seconds to wait.
    pub fn too_many(code: &'static str, detail: impl Into<String>, retry_after_s: i64) -> Self {
        Self {
            retry_after_s: Some(retry_after_s.max(1)),
            ..Self::new(StatusCode::TOO_MANY_REQUESTS, code, detail)
        }
    }

    /// 503: something we lean on is away; the same request may be sent again.
    pub fn unavailable(detail: impl Into<String>) -> Self {
        Self { retry_after_s: Some(2), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail) }
    }

    /// Names the field.
    #[must_use]
    pub fn field(mut self, field: &str) -> Self {
        self.field = Some(field.to_owned());
        self
    }

    /// The stable code.
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// The sentence.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The body as it is sent.
    pub fn body(&self) -> ProblemBody {
        ProblemBody {
            kind: "about:blank".into(),
            title: self.status.canonical_reason().unwrap_or("Error").into(),
            status: self.status.as_u16(),
            code: self.code.into(),
            detail: self.detail.clone(),
            field: self.field.clone(),
            request: REQUEST.try_with(Clone::clone).ok(),
        }
    }
}

impl std::fmt::Display for ApiError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}: {}", self.status.as_u16(), self.code, self.detail)
    }
}

impl std::error::Error for ApiError {}

impl From<anyhow::Error> for ApiError {
    /// A fault of ours: the detail is logged, never shown.
    fn from(source: anyhow::Error) -> Self {
        let database = source.chain().find_map(|cause| cause.downcast_ref::<sqlx::Error>());
        if let Some(known) = database.and_then(Self::of_database) {
            return known;
        }
        Self {
            source: Some(source),
            ..Self::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "internal",
                "服务器出错了，已记录。请稍后重试；如仍失败请联系管理员。",
            )
        }
    }
}

impl ApiError {
    /// 503 when the database is away or takes no writes: nothing of it is our caller's fault, or ours.
    pub fn of_database(error: &sqlx::Error) -> Option<Self> {
        if matches!(error, sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::Io(_)) {
            tracing::warn!(%error, "the database is away");
            return Some(Self::unavailable("数据库暂时不可用，请稍后重试。"));
        }
        let code = error.as_database_error()?.code()?;
        if takes_no_writes(&code) {
            tracing::error!(%error, "the database takes no writes");
            let detail = "数据库无法写入（磁盘已满或只读），这一步没有生效。请管理员清理磁盘后重试。";
            return Some(Self::unavailable(detail));
        }
        if stood_in_the_way(&code) {
            tracing::warn!(%error, "two transactions stood in each other's way");
            return Some(Self::unavailable("同时有另一个操作在修改同样的内容，这一步没有生效。请重试。"));
        }
        if gave_up(&code) {
            tracing::warn!(%error, "the database gave up a transaction or takes no more of us");
            return Some(Self::unavailable("数据库暂时不可用，请稍后重试。"));
        }
        None
    }
}

/// `SQLite`: busy or locked. `PostgreSQL`: chosen as the victim of a deadlock, or not serialisable. Nothing was done.
fn stood_in_the_way(code: &str) -> bool {
    match code.parse::<u32>() {
        Ok(number) if code.len() < 5 => matches!(number & 0xff, 5 | 6),
        _ => matches!(code, "40P01" | "40001"),
    }
}

/// `SQLite`: read-only, I/O error, full, whatever the rest of the extended code. `PostgreSQL`: read-only transaction, disk
/// full, shutting down.
fn takes_no_writes(code: &str) -> bool {
    match code.parse::<u32>() {
        Ok(number) if code.len() < 5 => matches!(number & 0xff, 8 | 10 | 13),
        _ => matches!(code, "25006" | "53100" | "57P01" | "57P02" | "57P03"),
    }
}

/// `PostgreSQL`: a time-out of a transaction, a statement, a lock or a session (our own after a server was frozen, or what
/// its operator set), out of connections or memory, or the connection broken behind a pooler. Nothing was done.
fn gave_up(code: &str) -> bool {
    const CODES: [&str; 8] = ["25P03", "25P04", "57014", "55P03", "57P05", "53200", "53300", "53400"];
    CODES.contains(&code) || code.len() == 5 && code.starts_with("08")
}

impl From<sqlx::Error> for ApiError {
    fn from(error: sqlx::Error) -> Self {
        Self::of_database(&error).unwrap_or_else(|| Self::from(anyhow::Error::new(error)))
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        if let Some(source) = &self.source {
            tracing::error!(code = self.code, error = format!("{source:#}"), "request failed");
        }
        let body = serde_json::to_string(&self.body()).unwrap_or_default();
        let mut response = (self.status, body).into_response();
        response.extensions_mut().insert(Refusal(self.code));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = self.retry_after_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
