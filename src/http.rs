//! Request parts in our own manner: every refusal is problem+json with a code and a sentence.

use axum::{
    extract::{
        FromRequest, FromRequestParts, Request,
        rejection::{PathRejection, QueryRejection},
    },
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header, request::Parts};
use serde::de::DeserializeOwned;
use serde_json::Value;
use utoipa::IntoParams;

use crate::error::{ApiError, ApiResult};

/// Largest JSON body.
pub const BODY_BYTES: usize = 1 << 20;

/// A JSON body. Wrong type 415, no JSON 400 `json`, wrong shape 422 `invalid` with the field, bad amounts 422
/// `amount_range` / `amount_precision`. Neither body nor type counts as `{}`.
#[derive(Debug)]
pub struct Body<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let json =
            request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).is_some_and(
                |kind| kind.split(';').next().unwrap_or("").trim().eq_ignore_ascii_case("application/json"),
            );
        let untyped = !request.headers().contains_key(header::CONTENT_TYPE);
        if !json && !untyped {
            return Err(not_json());
        }
        let bytes = Bytes::from_request(request, state).await.map_err(|rejection| {
            match rejection.into_response().status() {
                StatusCode::PAYLOAD_TOO_LARGE => too_large(),
                _ => ApiError::bad_request("body", "请求内容没有完整收到，请重试。"),
            }
        })?;
        match (bytes.is_empty(), untyped) {
            // Many clients send neither body nor type with a command that has no fields.
            (true, true) => parse(b"{}").map(Self),
            (false, true) => Err(not_json()),
            _ => parse(&bytes).map(Self),
        }
    }
}

fn not_json() -> ApiError {
    ApiError::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "content_type",
        "请求内容必须是 JSON（Content-Type: application/json）。",
    )
}

fn too_large() -> ApiError {
    ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", "内容太大，请缩小后重试。")
}

/// Parses a JSON body with the answers of [`Body`].
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> ApiResult<T> {
    let mut from = serde_json::Deserializer::from_slice(bytes);
    let parsed = serde_path_to_error::deserialize(&mut from);
    let value = match parsed {
        Ok(value) => value,
        Err(error) => {
            let field = error.path().to_string();
            let inner = error.into_inner();
            if inner.is_syntax() || inner.is_eof() {
                return Err(ApiError::bad_request("json", "请求内容不是有效的 JSON。"));
            }
            return Err(wrong_shape(&field, &inner.to_string()));
        }
    };
    from.end().map_err(|_| ApiError::bad_request("json", "请求内容在 JSON 之后还有多余的字符。"))?;
    // A list would be read as the fields in their order, and no document says so.
    if bytes.trim_ascii_start().first() == Some(&b'[') {
        return Err(wrong_shape("", "an object is expected, not a list"));
    }
    match nul(bytes) {
        None => Ok(value),
        Some(field) => Err(ApiError::invalid("text", &field, "文字里有无法保存的空字符（NUL），请删去。")),
    }
}

/// The field with a NUL, which PostgreSQL cannot keep. JSON can write one only as an escape.
fn nul(bytes: &[u8]) -> Option<String> {
    const ESCAPE: &[u8] = br"\u0000";
    if !bytes.windows(ESCAPE.len()).any(|part| part == ESCAPE) {
        return None;
    }
    nul_in(&serde_json::from_slice(bytes).ok()?)
}

fn nul_in(value: &Value) -> Option<String> {
    let under = |name: String, rest: String| if rest.is_empty() { name } else { format!("{name}.{rest}") };
    match value {
        Value::String(text) => text.contains('\0').then(String::new),
        Value::Array(list) => {
            list.iter().enumerate().find_map(|(at, item)| Some(under(at.to_string(), nul_in(item)?)))
        }
        Value::Object(map) => map.iter().find_map(|(name, item)| {
            if name.contains('\0') { Some(String::new()) } else { Some(under(name.clone(), nul_in(item)?)) }
        }),
        _ => None,
    }
}

fn wrong_shape(field: &str, reason: &str) -> ApiError {
    if reason.starts_with("amount_range") {
        ApiError::invalid("amount_range", field, "金额超出允许范围，请填写以分为单位的整数。")
    } else if reason.starts_with("amount_precision") {
        ApiError::invalid("amount_precision", field, "金额最多精确到分，请填写以分为单位的整数。")
    } else if let Some(name) = missing(reason) {
        let field = if field == "." { name.to_owned() } else { format!("{field}.{name}") };
        let detail = format!("缺少字段 {field}。");
        ApiError::invalid("invalid", &field, detail)
    } else {
        let detail = format!("字段内容不对：{}", reason.split(" at line ").next().unwrap_or(reason));
        ApiError::invalid("invalid", field, detail)
    }
}

/// The name in serde's complaint about a field that is not there.
fn missing(reason: &str) -> Option<&str> {
    reason.split_once("missing field `")?.1.split('`').next()
}

/// Names the parameter and says what is wrong with it; `serde_urlencoded` writes `name: reason`.
fn wrong_query(text: &str) -> ApiError {
    let reason = text.strip_prefix("Failed to deserialize query string: ").unwrap_or(text);
    if let Some(name) = missing(reason) {
        return ApiError::invalid("query", name, format!("地址中缺少参数 {name}。"));
    }
    let (name, reason) = reason.split_once(": ").unwrap_or(("query", reason));
    ApiError::invalid("query", name, format!("地址中的参数 {name} 不对：{reason}"))
}

/// Parts of the path; one that cannot be right is 404.
#[derive(Debug)]
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        // PostgreSQL takes no NUL in a text, and no id of ours has one.
        if parts.uri.path().contains("%00") {
            return Err(ApiError::not_found("该内容"));
        }
        axum::extract::Path::<T>::from_request_parts(parts, state)
            .await
            .map(|axum::extract::Path(value)| Self(value))
            .map_err(|_: PathRejection| ApiError::not_found("该内容"))
    }
}

/// The query string; a wrong one is 422 `query`.
#[derive(Debug)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        if parts.uri.query().is_some_and(|query| query.contains("%00")) {
            return Err(ApiError::invalid("query", "query", "地址中的参数含有空字符（NUL），请删去。"));
        }
        axum::extract::Query::<T>::from_request_parts(parts, state)
            .await
            .map(|axum::extract::Query(value)| Self(value))
            .map_err(|rejection: QueryRejection| wrong_query(&rejection.body_text()))
    }
}

/// Name of the header that makes a command repeatable.
pub const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// The command must carry an `Idempotency-Key`; the replay itself is done by `idempotency`.
#[derive(Clone, Debug)]
pub struct Idem(pub String);

impl<S: Send + Sync> FromRequestParts<S> for Idem {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        match idempotency_key(&parts.headers)? {
            Some(key) => Ok(Self(key)),
            None => Err(ApiError::bad_request(
                "idempotency_key_missing",
                "此操作必须带 Idempotency-Key 请求头，以免重复执行。",
            )),
        }
    }
}

/// For `params(IdemHeader)` in the documentation of commands that take [`Idem`].
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Header)]
#[allow(dead_code, reason = "describes a header for the OpenAPI document")]
pub struct IdemHeader {
    /// Your own name for this command, 1–128 visible ASCII characters; a repeat gives the first answer.
    #[param(rename = "Idempotency-Key", min_length = 1, max_length = 128, pattern = "^[!-~]+$")]
    idempotency_key: String,
}

/// The key of a request, if it has one; 400 `idempotency_key` when it cannot be one.
pub fn idempotency_key(headers: &HeaderMap) -> ApiResult<Option<String>> {
    let Some(value) = headers.get(IDEMPOTENCY_KEY) else { return Ok(None) };
    match value.to_str() {
        Ok(text) if (1..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic()) => {
            Ok(Some(text.to_owned()))
        }
        _ => Err(ApiError::bad_request(
            "idempotency_key",
            "Idempotency-Key 必须是 1 到 128 个可见 ASCII 字符。",
        )),
    }
}

/// Answer to a path that does not exist.
pub async fn no_route() -> Response {
    ApiError::not_found("该地址").into_response()
}

/// Answer to a method that a path does not take.
pub async fn no_method() -> Response {
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "method", "该地址不支持这种请求方法。").into_response()
}

#[cfg(test)]
mod tests {
    use axum::body::Body as Raw;
    use serde::Deserialize;

    use super::*;

    #[test]
    fn a_nul_is_refused_wherever_it_hides() {
        let field = |text: &str| parse::<Value>(text.as_bytes()).err().and_then(|error| error.body().field);
        assert_eq!(field(r#"{"a":{"b":["x","y\u0000"]}}"#).as_deref(), Some("a.b.1"));
        assert_eq!(field(r#"{"name":"\u0000"}"#).as_deref(), Some("name"));
        assert_eq!(field(r#"{"na\u0000me":1}"#).as_deref(), Some(""));
        assert_eq!(field(r#"{"a":"\\u0000"}"#), None, "an escaped backslash before u0000 is no NUL");
    }

    #[derive(Debug, Deserialize)]
    struct Inner {
        #[allow(dead_code, reason = "only its absence is tested")]
        fen: i64,
    }

    #[derive(Debug, Deserialize)]
    struct Outer {
        award: Option<Inner>,
    }

    fn told(error: &ApiError) -> String {
        format!("{error:?}")
    }

    #[test]
    fn what_is_missing_is_named() {
        assert!(told(&parse::<Inner>(b"{}").unwrap_err()).contains("缺少字段 fen。"));
        assert!(told(&parse::<Outer>(br#"{"award":{}}"#).unwrap_err()).contains("缺少字段 award.fen。"));
        let query = wrong_query("Failed to deserialize query string: missing field `kind`");
        assert!(told(&query).contains("地址中缺少参数 kind。"));
    }

    #[tokio::test]
    async fn a_command_without_fields_needs_no_body() {
        let bare = Request::builder().body(Raw::empty()).unwrap();
        assert!(Body::<Outer>::from_request(bare, &()).await.unwrap().0.award.is_none());
        let untyped = Request::builder().body(Raw::from("{}")).unwrap();
        assert!(Body::<Outer>::from_request(untyped, &()).await.is_err());
    }
}

#[cfg(test)]
mod hostile {
    use http::StatusCode;
    use proptest::prelude::*;

    use super::parse;
    use crate::{
        hostile::{cases, damaged, quickly},
        wire::{NewMeeting, NewRound},
    };

    proptest! {
        #![proptest_config(cases(600))]

        #[test]
        fn a_body_is_read_or_refused_with_a_sentence(
            body in damaged(vec![
                br#"{"name":"n","settings":{"four_eyes":true},"rehearsal_of":null}"#.to_vec(),
                br#"{"prize_id":"p","name":"n","seats":3,"exclude":"event","group":"","eligible":{"departments":["a"],
                    "groups":[]},"award":{"mode":"fixed","fen":18800},"sources":[{"s":"dice","sides":10,"count":12}]}"#
                    .to_vec(),
            ]),
        ) {
            for refused in [
                quickly(|| parse::<NewMeeting>(&body)).err(),
                quickly(|| parse::<NewRound>(&body)).err(),
            ].into_iter().flatten() {
                let usual = matches!(refused.status(), StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY);
                prop_assert!(usual && !refused.detail().is_empty(), "{}", refused);
            }
        }
    }
}
