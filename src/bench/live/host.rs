//! Who makes events: our own server in another process, or a running one through its API.

use std::{path::PathBuf, process::Stdio, time::Duration};

use anyhow::Context;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
    time::timeout,
};

use super::{Door, LiveArgs, child::nanos};
use crate::keys;

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
        /// A host's token.
        token: String,
        /// Its process.
        pid: Option<u32>,
        /// For its API.
        client: reqwest::Client,
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
        Door {
            address: self.text("listen"),
            meeting: self.text("meeting"),
            role: "screen",
            headers: vec![("authorization", format!("Bearer {}", self.text("ticket")))],
        }
    }
}

impl Host {
    /// Starts or finds it.
    pub(super) async fn start(args: &LiveArgs) -> anyhow::Result<Self> {
        let Some(url) = &args.url else {
            let folder = std::env::temp_dir().join(format!("kaijiang-bench-{}", keys::short_id()));
            std::fs::create_dir_all(&folder)?;
            return Own::start(folder).await.map(|own| Self::Own(Box::new(own)));
        };
        let address = url.trim_end_matches('/').strip_prefix("http://");
        let given = |value: &Option<String>| value.clone().unwrap_or_default();
        let door = Door {
            address: address.context("--url is http://HOST:PORT: measure without TLS in between")?.to_owned(),
            meeting: given(&args.meeting),
            role: "screen",
            headers: vec![("authorization", format!("Bearer {}", given(&args.ticket)))],
        };
        let client = reqwest::Client::builder().no_proxy().build()?;
        Ok(Self::Running { door, token: given(&args.token), pid: args.pid, client })
    }

    fn own(&mut self) -> anyhow::Result<&mut Box<Own>> {
        match self {
            Self::Own(own) => Ok(own),
            Self::Running { .. } => anyhow::bail!("only a server of our own can do this"),
        }
    }

    /// Its process.
    pub(super) fn pid(&self) -> Option<u32> {
        match self {
            Self::Own(own) => own.child.id(),
            Self::Running { pid, .. } => *pid,
        }
    }

    /// Where viewers come in.
    pub(super) fn door(&self) -> Door {
        match self {
            Self::Own(own) => own.door(),
            Self::Running { door, .. } => door.clone(),
        }
    }

    /// Where the phone comes in.
    pub(super) fn phone(&self) -> Door {
        match self {
            Self::Own(own) => Door {
                role: "attendee",
                headers: vec![("cookie", own.text("cookie")), ("origin", own.text("origin"))],
                ..own.door()
            },
            Self::Running { door, .. } => door.clone(),
        }
    }

    /// Makes an event; the moment in which it was published, or in which the command was sent.
    pub(super) async fn event(&mut self, bytes: usize) -> anyhow::Result<u64> {
        match self {
            Self::Own(own) => stamp(&own.ask(&format!("event {bytes}")).await?),
            Self::Running { door, token, client, .. } => {
                let sent = nanos();
                let text: String =
                    sent.to_string().chars().chain(std::iter::repeat('开')).take(SCENE_CHARS).collect();
                let url = format!("http://{}/api/meetings/{}/scene", door.address, door.meeting);
                let scene = json!({ "name": "pause", "text": text }).to_string();
                let request =
                    client.post(url).bearer_auth(&*token).header("content-type", "application/json");
                request.body(scene).send().await?.error_for_status().context("no event was made")?;
                Ok(sent)
            }
        }
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
