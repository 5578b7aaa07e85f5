//! A program with an API token.

use reqwest::{Method, StatusCode};
use serde_json::Value;

/// One caller.
#[derive(Clone)]
pub(crate) struct Api {
    http: reqwest::Client,
    base: String,
    token: String,
}

impl Api {
    pub(crate) fn new(base: &str, token: String) -> Self {
        kaijiang::wechat::tls::install_ring();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { http, base: base.to_owned(), token }
    }

    /// The plain request, authenticated.
    pub(crate) fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base)).bearer_auth(&self.token)
    }

    /// GET that must succeed.
    pub(crate) async fn get(&self, path: &str) -> Value {
        let (status, body) = answer(self.request(Method::GET, path)).await;
        assert!(status.is_success(), "GET {path}: {status} {body}");
        body
    }

    /// GET that must be refused with this status and code.
    pub(crate) async fn refused_get(&self, path: &str, status: u16, code: &str) {
        let (found, body) = answer(self.request(Method::GET, path)).await;
        assert_eq!(
            (found.as_u16(), body["code"].as_str().unwrap_or("")),
            (status, code),
            "GET {path}: {body}"
        );
    }

    /// GET from a server that may be gone.
    pub(crate) async fn try_get(&self, path: &str) -> Option<Value> {
        let answer = self.request(Method::GET, path).send().await.ok()?;
        let answer = answer.error_for_status().ok()?;
        answer.json().await.ok()
    }

    /// Bytes of a GET that must succeed.
    pub(crate) async fn bytes(&self, path: &str) -> Vec<u8> {
        let response = self.request(Method::GET, path).send().await.unwrap();
        assert!(response.status().is_success(), "GET {path}: {}", response.status());
        response.bytes().await.unwrap().to_vec()
    }

    /// POST with a fresh idempotency key that must succeed.
    pub(crate) async fn post(&self, path: &str, body: Value) -> Value {
        let (status, answer) = self.try_post(path, body).await;
        assert!(status.is_success(), "POST {path}: {status} {answer}");
        answer
    }

    /// POST with a fresh idempotency key, whatever the answer.
    pub(crate) async fn try_post(&self, path: &str, body: Value) -> (StatusCode, Value) {
        self.post_with_key(path, body, &kaijiang::keys::row_id()).await
    }

    /// POST of somebody who is not logged in, from a page of ours.
    pub(crate) async fn post_from_page(&self, path: &str, body: Value) -> (StatusCode, Value) {
        let request = self.http.post(format!("{}{path}", self.base)).header("origin", &self.base);
        answer(request.json(&body)).await
    }

    /// POST with this idempotency key.
    pub(crate) async fn post_with_key(&self, path: &str, body: Value, key: &str) -> (StatusCode, Value) {
        answer(self.request(Method::POST, path).header("idempotency-key", key).json(&body)).await
    }

    /// POST that must be refused with this code.
    pub(crate) async fn refused(&self, path: &str, body: Value, status: u16, code: &str) -> Value {
        let (found, answer) = self.try_post(path, body).await;
        assert_eq!(
            (found.as_u16(), answer["code"].as_str().unwrap_or("")),
            (status, code),
            "POST {path}: {answer}"
        );
        assert!(!answer["detail"].as_str().unwrap_or("").is_empty(), "a refusal says what to do: {answer}");
        answer
    }

    /// Uploads a roster and returns the report.
    pub(crate) async fn import(&self, meeting: &str, name: &str, bytes: Vec<u8>) -> Value {
        let part = reqwest::multipart::Part::bytes(bytes).file_name(name.to_owned());
        let form = reqwest::multipart::Form::new().part("file", part);
        let request = self.request(Method::POST, &format!("/api/meetings/{meeting}/imports")).multipart(form);
        let (status, body) = answer(request).await;
        assert_eq!(status, StatusCode::CREATED, "{body}");
        body
    }
}

/// Sends and reads JSON; an error answer must be problem+json.
pub(crate) async fn answer(request: reqwest::RequestBuilder) -> (StatusCode, Value) {
    let response = request.send().await.unwrap();
    let status = response.status();
    let kind =
        response.headers().get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or("").to_owned();
    let text = response.text().await.unwrap();
    if !status.is_success() && !status.is_redirection() {
        assert_eq!(kind, "application/problem+json", "{status} {text}");
    }
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}
