//! A socket client that keeps everything it was told.

use futures_util::StreamExt;
use serde_json::Value;
use tokio::{sync::mpsc, task::JoinSet};
use tokio_tungstenite::{
    connect_async,
    tungstenite::{Error, Message, client::IntoClientRequest},
};

use super::TestApp;

/// One viewer.
pub(crate) struct Viewer {
    /// Read by a task of its own, as pages do: who answers no ping while a test is busy elsewhere would be sent away.
    messages: mpsc::UnboundedReceiver<Result<Message, Error>>,
    /// The socket ends with the viewer.
    _reading: JoinSet<()>,
    /// Messages so far.
    pub(crate) seen: Vec<Value>,
}

/// What a viewer identifies itself by.
pub(crate) enum By<'a> {
    Bearer(&'a str),
    Cookie(&'a str),
}

impl Viewer {
    /// Opens a socket and reads the first message.
    pub(crate) async fn open(evening: &TestApp, meeting: &str, role: &str, by: By<'_>) -> Self {
        let address = format!("{}/ws/{meeting}?role={role}", evening.base.replace("http://", "ws://"));
        let mut request = address.into_client_request().unwrap();
        let headers = request.headers_mut();
        match by {
            By::Bearer(token) => headers.insert("authorization", format!("Bearer {token}").parse().unwrap()),
            By::Cookie(cookie) => headers.insert("cookie", cookie.parse().unwrap()),
        };
        headers.insert("origin", evening.base.parse().unwrap());
        let (mut socket, _) = connect_async(request).await.unwrap();
        let (heard, messages) = mpsc::unbounded_channel();
        let mut reading = JoinSet::new();
        reading.spawn(async move {
            while let Some(message) = socket.next().await {
                let _ = heard.send(message);
            }
        });
        let mut viewer = Self { messages, _reading: reading, seen: Vec::new() };
        viewer.until("a first message", |_| true).await;
        assert_eq!(viewer.seen[0]["type"], "snapshot");
        viewer
    }

    /// Reads until a message fits (those already seen count too); fails after half a minute.
    pub(crate) async fn until(&mut self, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
        if let Some(found) = self.seen.iter().find(|message| fits(message)) {
            return found.clone();
        }
        let wait = std::time::Duration::from_secs(30);
        loop {
            let next = tokio::time::timeout(wait, self.messages.recv()).await;
            let message = next.unwrap_or_else(|_| panic!("never came: {what}; seen {:?}", self.types()));
            let Some(Ok(message)) = message else {
                panic!("the socket ended while waiting for {what}: {message:?}")
            };
            let Message::Text(text) = message else { continue };
            let value: Value = serde_json::from_str(&text).unwrap();
            self.seen.push(value.clone());
            if fits(&value) {
                return value;
            }
        }
    }

    /// Reads until the server closes the socket; fails after half a minute.
    pub(crate) async fn ended(&mut self) {
        let end = async { while let Some(Ok(_)) = self.messages.recv().await {} };
        tokio::time::timeout(std::time::Duration::from_secs(30), end).await.expect("the socket never ended");
    }

    /// Winners of a draw as this viewer was told.
    pub(crate) async fn winners(&mut self, draw: i64) -> Value {
        let found = self
            .until("the result", |message| {
                let told = &message["data"]["draw"];
                message["type"] == "draw" && told["draw"] == draw && told["state"] == "revealed"
            })
            .await;
        found["data"]["draw"]["winners"].clone()
    }

    /// Numbers of the events, in the order they came.
    pub(crate) fn sequence(&self) -> Vec<i64> {
        self.seen.iter().filter_map(|message| message["seq"].as_i64()).collect()
    }

    fn types(&self) -> Vec<String> {
        self.seen.iter().map(|message| message["type"].to_string()).collect()
    }
}
