//! The real binary as a process of its own, on the data and the address of a [`TestApp`], so that it can be killed.

use std::{
    fs::File,
    os::unix::process::ExitStatusExt,
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::TestApp;

const SIGKILL: i32 = 9;
const SIGABRT: i32 = 6;

/// `kaijiang serve`; killed when dropped.
pub(crate) struct Process {
    values: Value,
    /// More of its environment.
    more: Vec<(String, String)>,
    log: PathBuf,
    /// Where it answers.
    base: String,
    child: Option<Child>,
    /// Largest file that it may write, in blocks of 512 bytes.
    pub(crate) blocks: Option<u64>,
}

/// Every value as `KAIJIANG__SECTION__KEY`, as an administrator would write it: no quotes, also around texts of digits.
fn environment(values: &Value) -> Vec<(String, String)> {
    let sections = values.as_object().unwrap().iter();
    let keys = |(section, keys): (&String, &Value)| -> Vec<(String, String)> {
        let named = |(key, value): (&String, &Value)| {
            let text = value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
            (format!("KAIJIANG__{section}__{key}").to_uppercase(), text)
        };
        keys.as_object().unwrap().iter().map(named).collect()
    };
    sections.flat_map(keys).collect()
}

impl Process {
    /// Takes the place of the server in this process.
    pub(crate) async fn take_over(evening: &mut TestApp) -> Self {
        Self::take_over_with(evening, &[]).await
    }

    /// As [`Self::take_over`], with more in its environment.
    pub(crate) async fn take_over_with(evening: &mut TestApp, more: &[(&str, &str)]) -> Self {
        let values = evening.hand_over().await;
        let (log, base) = (evening.dir.path().join("server.log"), evening.base.clone());
        let more = more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let mut server = Self { values, more, log, base, child: None, blocks: None };
        server.start(evening, None).await;
        server
    }

    /// One of several on the same data, on a port of its own.
    pub(crate) async fn beside(evening: &TestApp, values: &Value, number: usize) -> Self {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut values = values.clone();
        super::merge(&mut values, &serde_json::json!({ "server": { "listen": free } }));
        let log = evening.dir.path().join(format!("server-{number}.log"));
        let (more, base) = (Vec::new(), format!("http://{free}"));
        let mut server = Self { values, more, log, base, child: None, blocks: None };
        server.start(evening, None).await;
        server
    }

    /// Where it answers, without the scheme.
    pub(crate) fn address(&self) -> &str {
        self.base.trim_start_matches("http://")
    }

    /// SIGTERM, as at a restart for an upgrade: it ends by itself, and without a complaint.
    pub(crate) async fn stop(&mut self, evening: &TestApp) {
        self.signal(Signal::TERM);
        let mut child = self.child.take().unwrap();
        let ended = evening.eventually("the server stops", async || child.try_wait().unwrap()).await;
        assert!(ended.success(), "{ended}: {}", self.log());
    }

    /// Any signal.
    pub(crate) fn signal(&self, signal: Signal) {
        let id = self.child.as_ref().unwrap().id();
        kill_process(Pid::from_raw(i32::try_from(id).unwrap()).unwrap(), signal).unwrap();
    }

    /// What a command of the program prints beside it, on the same data.
    pub(crate) fn says(&self, command: &[&str]) -> String {
        let mut program = Command::new(env!("CARGO_BIN_EXE_kaijiang"));
        let done =
            program.args(command).envs(environment(&self.values)).stdin(Stdio::null()).output().unwrap();
        assert!(done.status.success(), "{command:?}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap()
    }

    fn spawn(&self, failpoint: Option<&str>) -> Child {
        let log = File::options().create(true).append(true).open(&self.log).unwrap();
        let mut command = Command::new("sh");
        // A write beyond the limit fails as on a full disk, in place of ending the process.
        let limit = self.blocks.map_or("unlimited".to_owned(), |blocks| blocks.to_string());
        command.arg("-c").arg(format!("trap '' XFSZ; ulimit -f {limit}; exec \"$0\" serve"));
        command
            .arg(env!("CARGO_BIN_EXE_kaijiang"))
            .envs(environment(&self.values))
            .envs(self.more.iter().cloned())
            .env_remove("KAIJIANG_FAILPOINT");
        command.env("NO_COLOR", "1").stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        if let Some(name) = failpoint {
            command.env("KAIJIANG_FAILPOINT", name);
        }
        command.spawn().unwrap()
    }

    /// Starts it and waits until it takes requests; with a failpoint it dies when it gets there.
    pub(crate) async fn start(&mut self, evening: &TestApp, failpoint: Option<&str>) {
        assert!(self.child.is_none(), "it runs already");
        let mut child = self.spawn(failpoint);
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let ready = format!("{}/readyz", self.base);
        evening
            .eventually("the binary takes requests", async || {
                if child.try_wait().unwrap().is_some() {
                    let log = self.log();
                    // While nobody listened there, another test may have been given the port for a moment.
                    assert!(log.lines().any(|line| line.contains("cannot listen on")), "it ended: {log}");
                    child = self.spawn(failpoint);
                }
                http.get(&ready).send().await.is_ok_and(|answer| answer.status().is_success()).then_some(())
            })
            .await;
        self.child = Some(child);
    }

    /// kill -9, now.
    pub(crate) fn kill(&mut self) {
        let mut child = self.child.take().unwrap();
        child.kill().unwrap();
        assert_eq!(child.wait().unwrap().signal(), Some(SIGKILL), "{}", self.log());
    }

    /// Waits until its failpoint has killed it.
    pub(crate) async fn died(&mut self, evening: &TestApp, failpoint: &str) {
        let mut child = self.child.take().unwrap();
        let ended = evening.eventually(failpoint, async || child.try_wait().unwrap()).await;
        assert_eq!(ended.signal(), Some(SIGABRT), "{}", self.log());
        let reached = format!("failpoint reached name=\"{failpoint}\"");
        assert!(self.log().contains(&reached), "{}", self.log());
    }

    /// Whether its failpoint has killed it by now.
    pub(crate) fn has_died(&mut self, failpoint: &str) -> bool {
        let Some(ended) = self.child.as_mut().unwrap().try_wait().unwrap() else { return false };
        assert_eq!(ended.signal(), Some(SIGABRT), "{failpoint}: {}", self.log());
        self.child = None;
        true
    }

    /// What it wrote so far, without colours.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}
