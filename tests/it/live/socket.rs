//! A bare socket client: any headers, any bytes.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use kaijiang::{
    app::App,
    auth::{self, Attendee},
};
use serde_json::Value;
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Error, Message, client::IntoClientRequest},
};

/// Longest wait for anything.
pub(crate) const WAIT: Duration = Duration::from_secs(20);

/// One open socket.
pub(crate) struct Socket {
    stream: WebSocketStream<TcpStream>,
}

/// How a socket is opened.
#[derive(Clone)]
pub(crate) struct Door {
    pub(crate) base: String,
    pub(crate) meeting: String,
    pub(crate) query: String,
    pub(crate) headers: Vec<(&'static str, String)>,
    /// Receive buffer of the client, for one that reads slowly.
    pub(crate) buffer: Option<u32>,
}

impl Door {
    pub(crate) fn bearer(base: &str, meeting: &str, role: &str, token: &str) -> Self {
        Self {
            base: base.to_owned(),
            meeting: meeting.to_owned(),
            query: format!("role={role}"),
            headers: vec![("authorization", format!("Bearer {token}"))],
            buffer: None,
        }
    }

    pub(crate) fn attendee(app: &App, base: &str, meeting: &str, openid: &str) -> Self {
        let cookie = auth::attendee_cookie(app, &Attendee::new(openid.to_owned(), false, None));
        Self {
            headers: vec![
                ("cookie", format!("{}={}", cookie.name(), cookie.value())),
                ("origin", app.config().origin().to_owned()),
            ],
            ..Self::bearer(base, meeting, "attendee", "")
        }
    }

    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.retain(|(known, _)| *known != name);
        self.headers.push((name, value.to_owned()));
        self
    }

    pub(crate) fn after(mut self, seq: i64) -> Self {
        self.query = format!("{}&after={seq}", self.query);
        self
    }

    /// Opens it; the HTTP status when it is refused.
    pub(crate) async fn try_open(&self) -> Result<Socket, u16> {
        let address = self.base.strip_prefix("http://").unwrap();
        let url = format!("ws://{address}/ws/{}?{}", self.meeting, self.query);
        let mut request = url.into_client_request().unwrap();
        for (name, value) in &self.headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        let socket = TcpSocket::new_v4().unwrap();
        if let Some(bytes) = self.buffer {
            socket.set_recv_buffer_size(bytes).unwrap();
        }
        let stream = socket.connect(address.parse().unwrap()).await.unwrap();
        match client_async(request, stream).await {
            Ok((stream, _)) => Ok(Socket { stream }),
            Err(Error::Http(response)) => Err(response.status().as_u16()),
            Err(error) => panic!("no answer to the handshake: {error}"),
        }
    }

    pub(crate) async fn open(&self) -> Socket {
        self.try_open().await.unwrap_or_else(|status| panic!("refused with {status}"))
    }
}

impl Socket {
    /// The next message, as text or with the code that closed the socket.
    async fn next(&mut self) -> Result<Value, Option<u16>> {
        loop {
            let next = tokio::time::timeout(WAIT, self.stream.next()).await.expect("nothing came");
            match next {
                Some(Ok(Message::Text(text))) => return Ok(serde_json::from_str(&text).unwrap()),
                Some(Ok(Message::Close(frame))) => return Err(frame.map(|frame| frame.code.into())),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(None),
            }
        }
    }

    /// The next message.
    pub(crate) async fn read(&mut self) -> Value {
        self.next().await.unwrap_or_else(|code| panic!("closed with {code:?}"))
    }

    /// The next message of a type.
    pub(crate) async fn read_type(&mut self, kind: &str) -> Value {
        loop {
            let message = self.read().await;
            if message["type"] == kind {
                return message;
            }
        }
    }

    /// The next numbered message.
    pub(crate) async fn event(&mut self) -> Value {
        loop {
            let message = self.read().await;
            if message["seq"].is_i64() {
                return message;
            }
        }
    }

    /// Numbers of events until this one.
    pub(crate) async fn events_until(&mut self, last: i64) -> Vec<i64> {
        let mut seen = Vec::new();
        while seen.last() != Some(&last) {
            seen.push(self.event().await["seq"].as_i64().unwrap());
        }
        seen
    }

    /// Reads until the server closes, and says the code.
    pub(crate) async fn closed(&mut self) -> Option<u16> {
        loop {
            if let Err(code) = self.next().await {
                return code;
            }
        }
    }

    /// Sends; a socket that is closed meanwhile is no fault.
    pub(crate) async fn send(&mut self, message: Message) {
        let _ = self.stream.send(message).await;
    }
}
