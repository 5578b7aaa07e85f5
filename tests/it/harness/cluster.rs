//! Two equal servers behind nginx, as `deploy/nginx.conf` puts them there: nobody knows which one answers.

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

/// What operators copy, without TLS and on ports of ours.
fn site(evening: &TestApp, servers: &[Process; 2]) -> String {
    let text = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/nginx.cluster.conf")).unwrap();
    let listen = evening.base.trim_start_matches("http://");
    let mut site = text.replace("listen 80;", &format!("listen {listen};"));
    for (name, server) in ["one:8080", "two:8080"].into_iter().zip(servers) {
        assert!(site.contains(name), "{site}");
        site = site.replace(name, server.address());
    }
    site
}

impl Cluster {
    /// Takes the place of the server in this process.
    pub(crate) async fn take_over(evening: &mut TestApp) -> Self {
        let values = evening.hand_over().await;
        let servers =
            [Process::beside(evening, &values, 1).await, Process::beside(evening, &values, 2).await];
        let folder = evening.dir.path().join("nginx");
        fs::create_dir_all(&folder).unwrap();
        let (dir, site) = (folder.display(), site(evening, &servers));
        // Run as root its workers would be somebody who may not write here.
        let user = if rustix::process::getuid().is_root() { "user root;" } else { "" };
        let names = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
        let paths = names.map(|name| format!("{name}_temp_path {dir}/{name};")).join("\n");
        let config = format!(
            "{user}\ndaemon off;\nmaster_process on;\nworker_processes 2;\npid {dir}/pid;\nerror_log {dir}/error.log;\n\
             events {{ worker_connections 4096; }}\nhttp {{\naccess_log off;\n{paths}\n{site}\n}}\n"
        );
        let file = folder.join("nginx.conf");
        fs::write(&file, config).unwrap();
        let log = File::create(folder.join("output.log")).unwrap();
        let program = if fs::exists("/usr/sbin/nginx").unwrap() { "/usr/sbin/nginx" } else { "nginx" };
        let nginx = Command::new(program)
            .args(["-c", file.to_str().unwrap(), "-e", folder.join("error.log").to_str().unwrap()])
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
