//! JSON bodies, whatever their content type says: the real platforms do not look at it either.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde::de::DeserializeOwned;
use serde_json::json;

/// A JSON body; what is wrong with an unreadable one is said in `error`.
pub(super) struct Input<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Input<T> {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Self::Rejection> {
        let body =
            Bytes::from_request(request, state).await.map_err(axum::response::IntoResponse::into_response)?;
        serde_json::from_slice(&body).map(Self).map_err(|error| {
            let said = json!({ "error": error.to_string() });
            (StatusCode::UNPROCESSABLE_ENTITY, Json(said)).into_response()
        })
    }
}
