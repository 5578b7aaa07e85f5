//! Who makes events: our own server in another process, or a running one through its API.

use std::{path::PathBuf, process::Stdio, time::Duration};

use anyhow::Context;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
    time::timeout,
};

use super::{
    super::usage::{self, Usage},
    Door, LiveArgs,
    child::nanos,
    peer::Peer,
};
use crate::{keys, wechat::tls::install_ring};

/// A server that has not answered by then is stuck.
const ANSWER: Duration = Duration::from_secs(60);
/// Characters of a scene's text.
const SCENE_CHARS: usize = 80;

/// The maker of events.
pub(super) enum Host {
    /// Our own.
    Own(Box<Own>),
    /// A running one.
    Running {
        /// Where.
        door: Door,
        /// Where events are made.
        scene: String,
        /// A host's token.
        token: String,
        /// Its process.
        pids: Vec<u32>,
        /// For its API.
        client: reqwest::Client,
    },
    /// Another one, for comparison.
    Peer {
        /// The server.
        peer: Box<Peer>,
        /// Its processes.
        pids: Vec<u32>,
    },
}

/// Our own server.
pub(super) struct Own {
    folder: PathBuf,
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: Lines<BufReader<ChildStdout>>,
    told: Value,
}

impl Own {
    async fn start(folder: PathBuf) -> anyhow::Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["bench", "live", "--serve-in"])
            .arg(&folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("the server cannot be started")?;
        let stdin = child.stdin.take();
        let stdout = BufReader::new(child.stdout.take().context("the server has no output")?).lines();
        let mut own = Self { folder, child, stdin, stdout, told: Value::Null };
        own.told = own.answer().await?;
        Ok(own)
    }

    async fn answer(&mut self) -> anyhow::Result<Value> {
        let line = timeout(ANSWER, self.stdout.next_line()).await.context("the server does not answer")??;
        Ok(serde_json::from_str(&line.context("the server ended")?)?)
    }

    async fn ask(&mut self, command: &str) -> anyhow::Result<Value> {
        let stdin = self.stdin.as_mut().context("the server has no input")?;
        stdin.write_all(format!("{command}\n").as_bytes()).await?;
        self.answer().await
    }

    fn text(&self, key: &str) -> String {
        self.told[key].as_str().unwrap_or_default().to_owned()
    }

    fn door(&self) -> Door {
        let headers = vec![("authorization", format!("Bearer {}", self.text("ticket")))];
        self.door_as("screen", headers)
    }

    fn door_as(&self, role: &str, headers: Vec<(&'static str, String)>) -> Door {
        Door::of(self.text("listen"), (&self.text("meeting"), role), headers)
    }
}

impl Host {
    /// Starts or finds it.
    pub(super) async fn start(args: &LiveArgs) -> anyhow::Result<Self> {
        install_ring();
        if let Some(sockets) = &args.peer {
            let peer = Box::new(Peer::of(args, sockets)?);
            return Ok(Self::Peer { peer, pids: args.pids.clone() });
        }
        let Some(url) = &args.url else {
            let folder = std::env::temp_dir().join(format!("kaijiang-bench-{}", keys::short_id()));
            std::fs::create_dir_all(&folder)?;
            return Own::start(folder).await.map(|own| Self::Own(Box::new(own)));
        };
        let address = url.trim_end_matches('/').strip_prefix("http://");
        let given = |value: &Option<String>| value.clone().unwrap_or_default();
        let address =
            address.context("--url is http://HOST:PORT: measure without TLS in between")?.to_owned();
        let ticket = vec![("authorization", format!("Bearer {}", given(&args.ticket)))];
        let door = Door::of(address, (&given(&args.meeting), "screen"), ticket);
        let client = reqwest::Client::builder().no_proxy().build()?;
        let scene = format!("http://{}/api/meetings/{}/scene", door.address, given(&args.meeting));
        Ok(Self::Running { door, scene, token: given(&args.token), pids: args.pids.clone(), client })
    }

    fn own(&mut self) -> anyhow::Result<&mut Box<Own>> {
        match self {
            Self::Own(own) => Ok(own),
            _ => anyhow::bail!("only a server of our own can do this"),
        }
    }

    /// What its processes use; `None` when that is not known.
    pub(super) fn usage(&self) -> Option<Usage> {
        match self {
            Self::Own(own) => usage::of(&[own.child.id()?]),
            Self::Running { pids, .. } | Self::Peer { pids, .. } => usage::of(pids),
        }
    }

    /// Where viewers come in.
    pub(super) fn door(&self) -> Door {
        match self {
            Self::Own(own) => own.door(),
            Self::Running { door, .. } => door.clone(),
            Self::Peer { peer, .. } => peer.door(),
        }
    }

    /// Where the phone comes in.
    pub(super) fn phone(&mut self) -> anyhow::Result<Door> {
        let own = self.own()?;
        let headers = vec![("cookie", own.text("cookie")), ("origin", own.text("origin"))];
        Ok(own.door_as("attendee", headers))
    }

    /// Makes an event; the moment in which it was published, or in which the command was sent.
    pub(super) async fn event(&mut self, bytes: usize) -> anyhow::Result<u64> {
        match self {
            Self::Own(own) => stamp(&own.ask(&format!("event {bytes}")).await?),
            Self::Peer { peer, .. } => peer.event(bytes).await,
            Self::Running { scene: url, token, client, .. } => {
                let sent = nanos();
                let text: String =
                    sent.to_string().chars().chain(std::iter::repeat('开')).take(SCENE_CHARS).collect();
                let scene = json!({ "name": "pause", "text": text }).to_string();
                let request =
                    client.post(&*url).bearer_auth(&*token).header("content-type", "application/json");
                request.body(scene).send().await?.error_for_status().context("no event was made")?;
                Ok(sent)
            }
        }
    }

    /// Runs a draw up to its closed randomness; its number.
    pub(super) async fn draw(&mut self) -> anyhow::Result<i64> {
        self.own()?.ask("draw").await?["draw"].as_i64().context("a number")
    }

    /// Has its result told.
    pub(super) async fn result(&mut self, draw: i64) -> anyhow::Result<()> {
        self.own()?.ask(&format!("result {draw}")).await.map(drop)
    }

    /// Sends a private message.
    pub(super) async fn whisper(&mut self, name: &str) -> anyhow::Result<u64> {
        stamp(&self.own()?.ask(&format!("whisper {name}")).await?)
    }

    /// Open sockets.
    pub(super) async fn open(&mut self) -> anyhow::Result<usize> {
        let open = self.own()?.ask("open").await?["open"].as_u64().context("a number")?;
        Ok(usize::try_from(open)?)
    }

    /// Number of the last event.
    pub(super) async fn last(&mut self) -> anyhow::Result<i64> {
        self.own()?.ask("last").await?["seq"].as_i64().context("a number")
    }

    /// Listens for plain sockets.
    pub(super) async fn bare_open(&mut self, count: usize) -> anyhow::Result<String> {
        let told = self.own()?.ask(&format!("bare-open {count}")).await?;
        Ok(told["address"].as_str().unwrap_or_default().to_owned())
    }

    /// Waits until all are accepted.
    pub(super) async fn bare_ready(&mut self) -> anyhow::Result<()> {
        self.own()?.ask("bare-ready").await.map(drop)
    }

    /// Sends to all of them.
    pub(super) async fn bare_send(&mut self, bytes: usize) -> anyhow::Result<u64> {
        stamp(&self.own()?.ask(&format!("bare-send {bytes}")).await?)
    }

    /// Closes them.
    pub(super) async fn bare_close(&mut self) -> anyhow::Result<()> {
        self.own()?.ask("bare-close").await.map(drop)
    }

    /// Stops the server as an operator does, and starts it again.
    pub(super) async fn restart(&mut self) -> anyhow::Result<()> {
        let own = self.own()?;
        // An input that ends tells it to stop.
        drop(own.stdin.take());
        timeout(ANSWER, own.child.wait()).await.context("the server does not stop")??;
        **own = Own::start(own.folder.clone()).await?;
        Ok(())
    }

    /// Ends our own and removes its folder.
    pub(super) async fn end(self) {
        if let Self::Own(mut own) = self {
            let _ = own.child.kill().await;
            let _ = std::fs::remove_dir_all(&own.folder);
        }
    }
}

fn stamp(told: &Value) -> anyhow::Result<u64> {
    told["nanos"].as_u64().context("the server told no time")
}
