//! The server's process, the sandbox beside it, and what the server says of itself.

use std::{path::PathBuf, process::Stdio, time::Duration};

use anyhow::{Context, ensure};
use figment::{
    Figment,
    providers::{Format, Toml},
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{SoakArgs, child::VALUES, guest::GUESTS};
use crate::{
    config::{Config, DEFAULTS},
    demo, keys, people, sandbox,
    wechat::tls,
};

/// A server that has not answered by then is stuck; so is a command that never succeeds.
pub(super) const PATIENCE: Duration = Duration::from_secs(180);
/// Between two looks.
pub(super) const LOOK: Duration = Duration::from_millis(200);
/// An evening is over for the server, too: it keeps an empty room for half a minute.
pub(super) const OVER: Duration = Duration::from_secs(32);
/// More sockets than a measurement opens.
const SOCKETS: u32 = 100_000;

/// What the server uses while nothing goes on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rest {
    /// Resident, bytes.
    pub(super) memory: i64,
    /// Open.
    pub(super) files: i64,
    /// In the event loop.
    pub(super) tasks: i64,
}

impl Rest {
    pub(super) fn memory(&self) -> f64 {
        f64::from(i32::try_from(self.memory / 1024).unwrap_or(i32::MAX)) * 1024.0
    }

    pub(super) fn report(&self) -> Value {
        json!({ "rss_bytes": self.memory, "open_files": self.files, "tasks": self.tasks })
    }
}

/// Server and sandbox.
pub(super) struct Server {
    pub(super) base: String,
    pub(super) sandbox: String,
    pub(super) folder: PathBuf,
    token: String,
    http: reqwest::Client,
    child: Child,
    far: sandbox::Running,
    stop: CancellationToken,
}

fn values(args: &SoakArgs, base: &str, far: &sandbox::Running, known: &sandbox::SandboxConfig) -> Value {
    let mut values = json!({
        "server": { "listen": base.trim_start_matches("http://"), "public_url": base },
        "limits": { "sockets": SOCKETS, "sockets_per_session": SOCKETS, "rate_per_second": 200 },
        "sandbox": { "enabled": true },
        "wechat": {
            "app_id": known.app_id, "app_secret": known.app_secret, "token": known.token,
            "api_base": far.base(), "oauth_base": far.base(),
        },
        "pay": {
            "mch_id": known.mch_id, "api_key": known.api_key, "api_base": far.pay_base(),
            "cert_pem": far.cert_pem, "key_pem": far.key_pem, "ca_pem": far.ca_pem,
        },
        "sms": {
            "provider": "aliyun", "api_base": far.base(), "access_key": known.sms_access_key,
            "secret": known.sms_secret, "sign_name": "开奖", "template": "SMS_000000000",
        },
    });
    for (section, url) in [("database", &args.database), ("redis", &args.redis)] {
        if let Some(url) = url {
            values[section] = json!({ "url": url });
        }
    }
    values
}

impl Server {
    /// Starts both.
    pub(super) async fn start(args: &SoakArgs) -> anyhow::Result<Self> {
        tls::install_ring();
        let token = hex::encode(keys::random::<16>());
        let folder = std::env::temp_dir().join(format!("kaijiang-soak-{}", keys::short_id()));
        std::fs::create_dir_all(&folder)?;
        // Found free now, bound by the server a moment later.
        let free = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let base = format!("http://{free}");
        let config = Config::extract(&Figment::from(Toml::string(DEFAULTS)))?;
        let known = sandbox::SandboxConfig {
            listen: "127.0.0.1:0".parse()?,
            pay_listen: "127.0.0.1:0".parse()?,
            data_dir: folder.join("sandbox"),
            callback_url: Some(format!("{base}/wechat/callback").parse()?),
            auto_open: Some(LOOK),
            ..demo::from_config(&config)
        };
        let stop = CancellationToken::new();
        let far = sandbox::start(known.clone(), stop.clone()).await?;
        let mut values = values(args, &base, &far, &known);
        values["data"] = json!({ "dir": folder });
        std::fs::write(folder.join(VALUES), json!({ "config": values, "token": token }).to_string())?;
        let mut child = Command::new(std::env::current_exe()?)
            .args(["bench", "soak", "--serve-in"])
            .arg(&folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("the server cannot be started")?;
        let mut lines = BufReader::new(child.stdout.take().context("the server has no output")?).lines();
        let first = timeout(PATIENCE, lines.next_line()).await.context("the server does not start")??;
        ensure!(first.is_some(), "the server ended");
        // Each call a connection of its own: none is counted as the server's at rest.
        let http =
            reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0).timeout(PATIENCE).build()?;
        let sandbox = far.base();
        Ok(Self { base, sandbox, folder, token, http, child, far, stop })
    }

    /// Where sockets come in.
    pub(super) fn address(&self) -> &str {
        self.base.trim_start_matches("http://")
    }

    /// As a page does it: the same command with the same key, until somebody answers.
    pub(super) async fn post(&self, who: &str, path: &str, body: &Value) -> anyhow::Result<Value> {
        let (begun, key) = (Instant::now(), keys::row_id());
        loop {
            let request = self.http.post(format!("{}{path}", self.base)).header("idempotency-key", &key);
            let request = request.bearer_auth(format!("{who}-{}", self.token)).json(body);
            let last = match request.send().await {
                Ok(answer) if answer.status().is_success() => return Ok(answer.json().await?),
                Ok(answer) if answer.status().is_server_error() || answer.status() == 429 => {
                    answer.status().to_string()
                }
                Ok(answer) => anyhow::bail!("{path}: {} {}", answer.status(), answer.text().await?),
                Err(error) => error.to_string(),
            };
            ensure!(begun.elapsed() < PATIENCE, "{path}: {last}");
            sleep(LOOK).await;
        }
    }

    /// Uploads a file.
    pub(super) async fn upload(&self, path: &str, name: &str, bytes: Vec<u8>) -> anyhow::Result<Value> {
        let part = reqwest::multipart::Part::bytes(bytes).file_name(name.to_owned());
        let form = reqwest::multipart::Form::new().part("file", part);
        let request = self.http.post(format!("{}{path}", self.base)).multipart(form);
        let answer = request.bearer_auth(format!("host-{}", self.token)).send().await?;
        Ok(answer.error_for_status()?.json().await?)
    }

    /// An answer, if there is one at the moment.
    pub(super) async fn get(&self, who: &str, path: &str) -> Option<Value> {
        let request = self.http.get(format!("{}{path}", self.base));
        let answer = request.bearer_auth(format!("{who}-{}", self.token)).send().await.ok()?;
        answer.error_for_status().ok()?.json().await.ok()
    }

    /// A command of the sandbox.
    pub(super) async fn far(
        &self,
        method: reqwest::Method,
        path: &str,
        body: &Value,
    ) -> anyhow::Result<Value> {
        let request = self.http.request(method, format!("{}/sandbox{path}", self.sandbox)).json(body);
        Ok(request.send().await?.error_for_status()?.json().await?)
    }

    async fn number(&self, name: &str) -> anyhow::Result<i64> {
        let text = self.http.get(format!("{}/metrics", self.base)).send().await?.text().await?;
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        let whole = line.with_context(|| format!("no {name} in /metrics"))?.split('.').next();
        Ok(whole.unwrap_or_default().parse()?)
    }

    /// What it uses while nothing goes on: after so long without a socket.
    pub(super) async fn at_rest(&self, after: Duration) -> anyhow::Result<Rest> {
        let begun = Instant::now();
        loop {
            let sockets = self.number("kaijiang_sockets").await?;
            if sockets == 0 {
                break;
            }
            ensure!(begun.elapsed() < PATIENCE, "{sockets} sockets are still open");
            sleep(LOOK).await;
        }
        sleep(after).await;
        Ok(Rest {
            memory: self.number("process_resident_memory_bytes").await?,
            files: self.number("process_open_fds").await?,
            tasks: self.number("kaijiang_tasks").await?,
        })
    }

    /// Enough people for all evenings.
    pub(super) fn roster(&self, evenings: u32) -> anyhow::Result<Vec<u8>> {
        let file = self.folder.join("roster.xlsx");
        people::xlsx_out::write_roster(&file, usize::try_from(evenings)? * GUESTS)?;
        Ok(std::fs::read(file)?)
    }

    /// Ends both and removes what they kept.
    pub(super) async fn end(mut self) {
        // An input that ends tells it to stop.
        drop(self.child.stdin.take());
        if timeout(PATIENCE, self.child.wait()).await.is_err() {
            let _ = self.child.kill().await;
        }
        self.stop.cancel();
        self.far.stopped().await;
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
