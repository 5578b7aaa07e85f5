//! One made-up phone: its cookies, and the calls that a real one makes to our server.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::Stream;
use reqwest::{Client, Method, Response, StatusCode};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{self, Message};
use url::Url;

use super::account::random_hex;
use super::callbacks::{self, Fire};
use super::state::Sandbox;
use crate::wire::DrawView;

/// An SMS that takes longer is not waited for.
const SMS_PATIENCE: Duration = Duration::from_secs(15);
/// How often the phone looks for its SMS.
const SMS_LOOK: Duration = Duration::from_millis(50);
/// So often a phone that was told "too fast" comes back.
const THROTTLE_TRIES: u32 = 3;
/// Longest pause after "too fast", seconds.
const THROTTLE_PAUSE_S: u64 = 60;

/// Why a phone gave up; names the step, never the person.
#[derive(Debug, thiserror::Error)]
pub(super) enum PhoneError {
    #[error("{step}: no answer")]
    NoAnswer { step: &'static str },
    #[error("{step}: HTTP {status} {code}")]
    Refused { step: &'static str, status: u16, code: String },
    #[error("{step}: no usable redirect in the answer")]
    NoRedirect { step: &'static str },
    #[error("{step}: the answer is not what the contract says")]
    Unreadable { step: &'static str },
    #[error("no SMS came")]
    NoSms,
    #[error("socket: {0}")]
    Socket(String),
}

/// A phone.
pub(super) struct Phone {
    base: Url,
    meeting: String,
    openid: String,
    mobile: String,
    cookies: BTreeMap<String, String>,
}

impl Phone {
    pub(super) fn new(base: Url, meeting: String, openid: String, mobile: String) -> Self {
        Self { base, meeting, openid, mobile, cookies: BTreeMap::new() }
    }

    /// Follows the account; our server is told by callback.
    pub(super) async fn follow(&self, sandbox: &Sandbox) -> Result<(), PhoneError> {
        let step = "follow";
        let asked = Fire {
            openid: self.openid.clone(),
            event: "subscribe".to_owned(),
            key: String::new(),
            content: String::new(),
            copies: None,
            forged: false,
            url: Some(join(&self.base, "wechat/callback")),
        };
        let answers = callbacks::run(sandbox, &asked).await.map_err(|_| PhoneError::NoAnswer { step })?;
        match answers.last().map(|fired| fired.status) {
            Some(200) => Ok(()),
            status => {
                Err(PhoneError::Refused { step, status: status.unwrap_or_default(), code: String::new() })
            }
        }
    }

    /// Goes through the web authorization.
    pub(super) async fn log_in(&mut self, http: &Client) -> Result<(), PhoneError> {
        let path = format!("m/{}/login", self.meeting);
        let answer = self.call(http, "login", &path, None).await?;
        let mut authorize = location(&answer).ok_or(PhoneError::NoRedirect { step: "login" })?;
        self.keep_cookies(&answer);
        authorize.set_fragment(None);
        authorize.query_pairs_mut().append_pair("as", &self.openid);
        let step = "authorize";
        let answer = http.get(authorize).send().await.map_err(|_| PhoneError::NoAnswer { step })?;
        let back = location(&answer).ok_or(PhoneError::NoRedirect { step })?;
        let step = "return from authorization";
        let answer =
            self.with_cookies(http.get(back)).send().await.map_err(|_| PhoneError::NoAnswer { step })?;
        if !answer.status().is_redirection() {
            return Err(refused(step, answer).await);
        }
        self.keep_cookies(&answer);
        Ok(())
    }

    /// Asks for a code, reads the SMS, binds. A phone that is bound already is content.
    pub(super) async fn bind(&mut self, sandbox: &Sandbox) -> Result<(), PhoneError> {
        let http = &sandbox.http;
        let me = self.call(http, "me", &self.api("me"), None).await?;
        let me: Value = me.json().await.map_err(|_| PhoneError::Unreadable { step: "me" })?;
        if me["step"] == "in" {
            return Ok(());
        }
        let before = sandbox.with(|inner| inner.sms.find(Some(&self.mobile)).len());
        let body = json!({ "phone": self.mobile, "consent": true });
        self.call(http, "code", &self.api("me/code"), Some(body)).await?;
        let code = self.wait_for_code(sandbox, before).await?;
        let body = json!({ "phone": self.mobile, "code": code, "salt": random_hex(32) });
        self.call(http, "bind", &self.api("me/bind"), Some(body)).await?;
        Ok(())
    }

    async fn wait_for_code(&self, sandbox: &Sandbox, before: usize) -> Result<String, PhoneError> {
        let look = async {
            loop {
                let mut found = sandbox.with(|inner| inner.sms.find(Some(&self.mobile)));
                if found.len() > before
                    && let Some(newest) = found.pop()
                {
                    return newest.code;
                }
                tokio::time::sleep(SMS_LOOK).await;
            }
        };
        tokio::time::timeout(SMS_PATIENCE, look).await.map_err(|_| PhoneError::NoSms)
    }

    /// All draws of the meeting.
    pub(super) async fn draws(&self, http: &Client) -> Result<Vec<DrawView>, PhoneError> {
        let answer = self.call(http, "draws", &self.api("draws"), None).await?;
        answer.json().await.map_err(|_| PhoneError::Unreadable { step: "draws" })
    }

    /// Adds this phone's randomness to a draw.
    pub(super) async fn tap(&self, http: &Client, draw: i64) -> Result<(), PhoneError> {
        let body = json!({ "draw": draw, "r": random_hex(32) });
        self.call(http, "tap", &self.api("me/tap"), Some(body)).await.map(drop)
    }

    /// Opens this phone's socket.
    pub(super) async fn socket(
        &self,
    ) -> Result<impl Stream<Item = Result<Message, tungstenite::Error>> + Unpin + use<>, PhoneError> {
        let said = |error: &dyn std::fmt::Display| PhoneError::Socket(error.to_string());
        let mut url = join(&self.base, &format!("ws/{}", self.meeting));
        url.set_query(Some("role=attendee"));
        if url.set_scheme("ws").is_err() {
            return Err(PhoneError::Socket("only plain http bases are supported".to_owned()));
        }
        let mut request = url.as_str().into_client_request().map_err(|error| said(&error))?;
        for (name, value) in [("cookie", self.cookie_header()), ("origin", self.origin())] {
            request.headers_mut().insert(name, value.parse().map_err(|error| said(&error))?);
        }
        let (socket, _) = tokio_tungstenite::connect_async(request).await.map_err(|error| said(&error))?;
        Ok(socket)
    }

    fn api(&self, rest: &str) -> String {
        format!("api/meetings/{}/{rest}", self.meeting)
    }

    fn origin(&self) -> String {
        self.base.origin().ascii_serialization()
    }

    fn cookie_header(&self) -> String {
        let pairs: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        pairs.join("; ")
    }

    fn with_cookies(&self, request: reqwest::RequestBuilder) -> reqwest::RequestBuilder {
        if self.cookies.is_empty() { request } else { request.header("cookie", self.cookie_header()) }
    }

    fn keep_cookies(&mut self, answer: &Response) {
        for line in answer.headers().get_all("set-cookie") {
            let pair = line.to_str().ok().and_then(|line| line.split(';').next()?.split_once('='));
            if let Some((name, value)) = pair {
                self.cookies.insert(name.trim().to_owned(), value.trim().to_owned());
            }
        }
    }

    /// A call to our server, POST when it has a body; comes back after a pause when told that it is too fast.
    async fn call(
        &self,
        http: &Client,
        step: &'static str,
        path: &str,
        body: Option<Value>,
    ) -> Result<Response, PhoneError> {
        let method = if body.is_some() { Method::POST } else { Method::GET };
        let mut tries = 0;
        loop {
            let mut request = http.request(method.clone(), join(&self.base, path));
            if let Some(body) = &body {
                request = request.header("origin", self.origin()).json(body);
            }
            let answer =
                self.with_cookies(request).send().await.map_err(|_| PhoneError::NoAnswer { step })?;
            let status = answer.status();
            if status.is_success() || status.is_redirection() {
                return Ok(answer);
            }
            tries += 1;
            if status != StatusCode::TOO_MANY_REQUESTS || tries > THROTTLE_TRIES {
                return Err(refused(step, answer).await);
            }
            let after = answer.headers().get("retry-after").and_then(|value| value.to_str().ok());
            let pause = after.and_then(|seconds| seconds.parse().ok()).unwrap_or(1).min(THROTTLE_PAUSE_S);
            tokio::time::sleep(Duration::from_secs(pause)).await;
        }
    }
}

fn join(base: &Url, path: &str) -> Url {
    let mut url = base.clone();
    let joined = format!("{}/{path}", base.path().trim_end_matches('/'));
    url.set_path(&joined);
    url
}

fn location(answer: &Response) -> Option<Url> {
    let text = answer.headers().get("location")?.to_str().ok()?;
    answer.url().join(text).ok()
}

async fn refused(step: &'static str, answer: Response) -> PhoneError {
    let status = answer.status().as_u16();
    let problem: Value = answer.json().await.unwrap_or_default();
    PhoneError::Refused { step, status, code: problem["code"].as_str().unwrap_or_default().to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::{SinkExt as _, StreamExt as _};
    use tokio_tungstenite::tungstenite::handshake::server::{Request, Response as Accepted};

    #[tokio::test]
    #[allow(clippy::result_large_err, reason = "the handshake callback's type is the library's")]
    async fn a_socket_brings_the_cookie_and_our_origin() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let base: Url =
            format!("http://{}", listener.local_addr().expect("an address")).parse().expect("a url");
        let mut phone = Phone::new(base.clone(), "gala".to_owned(), "o1".to_owned(), String::new());
        phone.cookies.insert("kj_me".to_owned(), "sealed".to_owned());
        let check = |request: &Request, answer: Accepted| {
            assert_eq!(request.uri().to_string(), "/ws/gala?role=attendee");
            assert_eq!(request.headers()["cookie"], "kj_me=sealed");
            assert_eq!(request.headers()["origin"], base.origin().ascii_serialization());
            Ok(answer)
        };
        let serve = async {
            let (stream, _) = listener.accept().await.expect("a client");
            let mut socket = tokio_tungstenite::accept_hdr_async(stream, check).await.expect("a handshake");
            socket.send(Message::text("hello")).await.expect("sent");
        };
        let ((), opened) = tokio::join!(serve, phone.socket());
        let mut socket = opened.expect("open");
        assert_eq!(socket.next().await.expect("a message").expect("whole"), Message::text("hello"));
    }
}
