//! A command that carries an `Idempotency-Key` happens once: a repeat within a day gets the first answer.
//!
//! The key's row is written before the command runs and its answer after it. Only answers that changed something (2xx)
//! are kept: a refusal changed nothing and may be asked again. A row whose command never answered (the server died)
//! is taken over after a while; the commands themselves are safe to repeat (`already_drawn`, unique reasons).

use std::time::Duration;

use axum::{
    body::{Body, to_bytes},
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use sha2::{Digest, Sha256};
use sqlx::Row;

use crate::{
    app::App,
    auth,
    clock::{DAY, Ms},
    error::{ApiError, ApiResult},
    http::idempotency_key,
};

/// Largest body of a command (an imported file is the largest).
const BODY_BYTES: usize = 12 << 20;
/// Largest answer that is kept.
const ANSWER_BYTES: usize = 16 << 20;
/// After this time a command that never answered counts as dead.
const DEAD: Ms = 30_000;
/// How often and how long a repeat waits for the first one to finish.
const POLL: Duration = Duration::from_millis(50);
const POLLS: usize = 200;

enum Claim {
    /// Ours to run.
    Run,
    /// The kept answer.
    Replay(u16, String),
    /// The first one is still running.
    Running,
}

/// Middleware for all commands.
pub async fn replay(State(app): State<App>, request: Request, next: Next) -> ApiResult<Response> {
    if matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS) {
        return Ok(next.run(request).await);
    }
    let (mut parts, body) = request.into_parts();
    let Some(key) = idempotency_key(&parts.headers)? else {
        return Ok(next.run(Request::from_parts(parts, body)).await);
    };
    let Some(caller) = auth::caller(&app, &mut parts).await? else {
        return Ok(next.run(Request::from_parts(parts, body)).await);
    };
    let bytes = to_bytes(body, BODY_BYTES)
        .await
        .map_err(|_| ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", "内容太大，请缩小后重试。"))?;
    let scope = format!("{caller} {} {}", parts.method, parts.uri.path());
    let hash = hex::encode(Sha256::digest(&bytes));
    match wait(&app, &scope, &key, &hash).await? {
        Claim::Replay(status, answer) => Ok(kept(status, answer)),
        Claim::Running => {
            Err(ApiError::conflict("idempotency_running", "同一操作正在执行，请稍候再查看结果。"))
        }
        Claim::Run => {
            let response = next.run(Request::from_parts(parts, Body::from(bytes))).await;
            keep(&app, &scope, &key, response).await
        }
    }
}

async fn wait(app: &App, scope: &str, key: &str, hash: &str) -> ApiResult<Claim> {
    for _ in 0..POLLS {
        match claim(app, scope, key, hash).await? {
            Claim::Running => tokio::time::sleep(POLL).await,
            other => return Ok(other),
        }
    }
    Ok(Claim::Running)
}

async fn claim(app: &App, scope: &str, key: &str, hash: &str) -> ApiResult<Claim> {
    let now = app.now();
    let mut tx = app.db().begin().await?;
    sqlx::query("delete from idempotency where at < $1").bind(now - DAY).execute(tx.conn()).await?;
    let mine = sqlx::query(
        "insert into idempotency (scope, idem_key, body_hash, at) values ($1, $2, $3, $4) \
         on conflict (scope, idem_key) do update set at = excluded.at, body_hash = excluded.body_hash \
         where idempotency.status = 0 and idempotency.at < $5",
    )
    .bind(scope)
    .bind(key)
    .bind(hash)
    .bind(now)
    .bind(now - DEAD)
    .execute(tx.conn())
    .await?;
    if mine.rows_affected() == 1 {
        tx.commit().await?;
        return Ok(Claim::Run);
    }
    let row =
        sqlx::query("select body_hash, status, answer from idempotency where scope = $1 and idem_key = $2")
            .bind(scope)
            .bind(key)
            .fetch_one(tx.conn())
            .await?;
    tx.commit().await?;
    if row.try_get::<String, _>(0)? != hash {
        return Err(ApiError::conflict(
            "idempotency_mismatch",
            "同一个 Idempotency-Key 已用于内容不同的请求，请换一个新的。",
        ));
    }
    let status: i64 = row.try_get(1)?;
    Ok(match u16::try_from(status) {
        Ok(status) if status > 0 => Claim::Replay(status, row.try_get(2)?),
        _ => Claim::Running,
    })
}

fn kept(status: u16, answer: String) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    let mut response = (status, answer).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(HeaderName::from_static("idempotency-replayed"), HeaderValue::from_static("true"));
    response
}

async fn keep(app: &App, scope: &str, key: &str, response: Response) -> ApiResult<Response> {
    let (parts, body) = response.into_parts();
    let bytes =
        to_bytes(body, ANSWER_BYTES).await.map_err(|error| ApiError::from(anyhow::Error::new(error)))?;
    let mut tx = app.db().begin().await?;
    if parts.status.is_success() {
        sqlx::query("update idempotency set status = $1, answer = $2 where scope = $3 and idem_key = $4")
            .bind(i64::from(parts.status.as_u16()))
            .bind(String::from_utf8_lossy(&bytes).into_owned())
            .bind(scope)
            .bind(key)
            .execute(tx.conn())
            .await?;
    } else {
        sqlx::query("delete from idempotency where scope = $1 and idem_key = $2")
            .bind(scope)
            .bind(key)
            .execute(tx.conn())
            .await?;
    }
    tx.commit().await?;
    Ok(Response::from_parts(parts, Body::from(bytes)))
}

/// A single server that starts anew knows that nothing of before is still running.
pub async fn forget_running(app: &App) -> Result<(), sqlx::Error> {
    if app.db().dialect() == crate::db::Dialect::Sqlite {
        let mut tx = app.db().begin().await?;
        sqlx::query("delete from idempotency where status = 0").execute(tx.conn()).await?;
        tx.commit().await?;
    }
    Ok(())
}
