//! Another server that broadcasts, for comparison: what is posted to one address goes to all sockets of another one.

use anyhow::Context;

use super::{Door, LiveArgs, child::nanos};

/// A message around its filling.
const AROUND: usize = 45;

/// The server.
pub(super) struct Peer {
    door: Door,
    publish: String,
    client: reqwest::Client,
    seq: i64,
}

impl Peer {
    /// From `--peer` and `--publish`.
    pub(super) fn of(args: &LiveArgs, sockets: &str) -> anyhow::Result<Self> {
        let rest = sockets.strip_prefix("ws://").context("--peer is ws://HOST:PORT/PATH")?;
        let (address, path) = rest.split_once('/').unwrap_or((rest, ""));
        let door =
            Door { address: address.to_owned(), target: format!("/{path}"), headers: vec![], ours: false };
        let publish = args.publish.clone().context("--publish is missing")?;
        Ok(Self { door, publish, client: reqwest::Client::builder().no_proxy().build()?, seq: 0 })
    }

    /// Where viewers come in.
    pub(super) fn door(&self) -> Door {
        self.door.clone()
    }

    /// Has it broadcast a message; the moment in which it was posted.
    pub(super) async fn event(&mut self, bytes: usize) -> anyhow::Result<u64> {
        self.seq += 1;
        let filling = "x".repeat(bytes.saturating_sub(AROUND));
        let text = format!(r#"{{"seq":{:>10},"at":1,"type":"peer","data":"{filling}"}}"#, self.seq);
        let request = self.client.post(&self.publish).header("content-type", "text/plain").body(text);
        let sent = nanos();
        request.send().await?.error_for_status().context("nothing was broadcast")?;
        Ok(sent)
    }
}
