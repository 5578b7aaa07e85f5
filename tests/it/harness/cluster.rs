//! Two equal servers behind the nginx of `tests/cluster`, with the site that operators copy: nobody knows which one answers.

use std::{
    fs::{self, File},
    process::{Child, Command, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};

use super::{Process, TestApp};

/// The servers and the one in front of them; all end when dropped.
pub(crate) struct Cluster {
    pub(crate) servers: [Process; 2],
    nginx: Child,
}

impl Cluster {
    /// Takes the place of the server in this process.
    pub(crate) async fn take_over(evening: &mut TestApp) -> Self {
        let values = evening.hand_over().await;
        let servers =
            [Process::beside(evening, &values, 1).await, Process::beside(evening, &values, 2).await];
        let folder = evening.dir.path().join("nginx");
        fs::create_dir_all(&folder).unwrap();
        let log = File::create(folder.join("output.log")).unwrap();
        let nginx = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cluster"))
            .arg("--nginx")
            .arg(&folder)
            .arg(evening.base.trim_start_matches("http://"))
            .args(servers.iter().map(Process::address))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let cluster = Self { servers, nginx };
        evening
            .eventually("nginx passes requests on", async || {
                let ready = reqwest::get(format!("{}/readyz", evening.base)).await;
                ready.is_ok_and(|answer| answer.status().is_success()).then_some(())
            })
            .await;
        cluster
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // Its workers end with the master only when that is told, not when it is killed.
        let id = Pid::from_raw(i32::try_from(self.nginx.id()).unwrap()).unwrap();
        kill_process(id, Signal::TERM).unwrap();
        self.nginx.wait().unwrap();
    }
}
