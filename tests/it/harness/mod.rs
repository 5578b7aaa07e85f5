//! A real server on a free port with a database of its own, the sandbox as the far end, and people to drive it.

mod cluster;
mod phone;
mod process;
mod services;
mod socket;
mod staff;

use std::{path::Path, time::Duration};

use figment::{
    Figment,
    providers::{Format, Serialized, Toml},
};
use kaijiang::{
    app::App,
    auth::{self, NewStaff},
    clock::Clock,
    config::{Config, DEFAULTS},
    db::Db,
    sandbox, server,
    wire::Role,
};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

pub(crate) use cluster::Cluster;
pub(crate) use phone::Phone;
pub(crate) use process::Process;
pub(crate) use services::{Backend, OwnPostgres, both};
pub(crate) use socket::{By, Viewer};
pub(crate) use staff::{Api, answer};

/// Everything of one evening.
pub(crate) struct TestApp {
    pub(crate) app: App,
    pub(crate) base: String,
    pub(crate) sandbox: String,
    server: Option<server::Running>,
    sandbox_running: sandbox::Running,
    sandbox_stop: CancellationToken,
    pub(crate) dir: tempfile::TempDir,
    overrides: Value,
}

pub(crate) fn merge(into: &mut Value, from: &Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from.clone(),
    }
}

fn config(values: &Value) -> Config {
    Config::extract(&Figment::from(Toml::string(DEFAULTS)).merge(Serialized::defaults(values))).unwrap()
}

async fn start_sandbox(
    dir: &Path,
    public: &str,
    (stop, clock): (&CancellationToken, &Clock),
) -> sandbox::Running {
    let callback = format!("{public}/wechat/callback");
    let sandbox = sandbox::SandboxConfig {
        listen: "127.0.0.1:0".parse().unwrap(),
        pay_listen: "127.0.0.1:0".parse().unwrap(),
        data_dir: dir.join("sandbox"),
        callback_url: Some(callback.parse().unwrap()),
        auto_open: Some(Duration::from_millis(50)),
        clock: clock.clone(),
        ..kaijiang::demo::from_config(&config(&json!({})))
    };
    sandbox::start(sandbox, stop.clone()).await.unwrap()
}

impl TestApp {
    /// Starts on the given backend; `overrides` are configuration values.
    pub(crate) async fn start(backend: Backend, overrides: Value) -> Self {
        Self::start_at(backend, overrides, Clock::System).await
    }

    /// Starts with a clock of the test's own, which the sandbox shares.
    pub(crate) async fn start_at(backend: Backend, overrides: Value, clock: Clock) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let listener = server::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let sandbox_stop = CancellationToken::new();
        let running = start_sandbox(dir.path(), &base, (&sandbox_stop, &clock)).await;
        let far = running.base();
        let merchant = kaijiang::demo::from_config(&config(&json!({}))).transfer;
        let mut values = json!({
            "server": { "listen": listener.local_addr().unwrap(), "public_url": base },
            "data": { "dir": dir.path() },
            "sandbox": { "enabled": true },
            "wechat": {
                "app_id": "wx0000000000000000", "app_secret": "00000000000000000000000000000000",
                "token": "kaijiangdemo", "api_base": far, "oauth_base": far,
            },
            "pay": {
                "mch_id": "1900000109", "api_key": "demodemodemodemodemodemodemodemo", "api_base": running.pay_base(),
                "cert_pem": running.cert_pem, "key_pem": running.key_pem, "ca_pem": running.ca_pem,
            },
            "transfer": {
                "mch_id": merchant.mch_id, "serial_no": merchant.serial_no, "key_pem": running.transfer_key_pem,
                "api_v3_key": merchant.api_v3_key, "public_key_id": merchant.public_key_id,
                "public_key_pem": running.public_key_pem, "api_base": running.pay_base(),
                "notify_url": format!("{base}/wechat/transfer"),
            },
            "sms": {
                "provider": "aliyun", "api_base": far, "access_key": "demo-access-key", "secret": "demo-access-secret",
                "sign_name": "开奖", "template": "SMS_000000000",
            },
        });
        merge(&mut values, &backend.settings().await);
        merge(&mut values, &overrides);
        let app = App::open(config(&values), clock).await.unwrap();
        add_staff(&app).await;
        let server = server::start(app.clone(), listener).await.unwrap();
        Self {
            app,
            base,
            sandbox: far,
            server: Some(server),
            sandbox_running: running,
            sandbox_stop,
            dir,
            overrides: values,
        }
    }

    /// Stops the server and starts it again on the same data, as after a restart of the machine.
    pub(crate) async fn restart(&mut self) {
        self.restart_after(|_| ()).await;
    }

    /// Stops the server, lets somebody touch its data folder, and starts it again.
    pub(crate) async fn restart_after(&mut self, between: impl FnOnce(&Path)) {
        self.server.take().unwrap().stop().await.unwrap();
        between(self.dir.path());
        let config = config(&self.overrides);
        let listener = server::bind(config.server.listen).await.unwrap();
        self.app = App::open(config, self.app.clock().clone()).await.unwrap();
        self.server = Some(server::start(self.app.clone(), listener).await.unwrap());
    }

    /// Stops the server and starts it again with other values in its configuration.
    pub(crate) async fn restart_with(&mut self, overrides: &Value) {
        merge(&mut self.overrides, overrides);
        self.restart().await;
    }

    /// Ends the server in this process, so that the real binary can take its place.
    pub(crate) async fn hand_over(&mut self) -> Value {
        self.server.take().unwrap().stop().await.unwrap();
        self.overrides.clone()
    }

    /// The server's configuration, but for these values.
    pub(crate) fn config_with(&self, overrides: &Value) -> Config {
        let mut values = self.overrides.clone();
        merge(&mut values, overrides);
        config(&values)
    }

    /// Another server's handles on the same data.
    pub(crate) async fn another(&self) -> App {
        App::open(config(&self.overrides), self.app.clock().clone()).await.unwrap()
    }

    /// A member of staff with this role.
    pub(crate) fn staff(&self, role: &str) -> Api {
        Api::new(&self.base, token(role))
    }

    /// Asks until `want` holds; fails after a minute.
    pub(crate) async fn eventually<T, F: AsyncFnMut() -> Option<T>>(&self, what: &str, mut want: F) -> T {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
        loop {
            if let Some(found) = want().await {
                return found;
            }
            assert!(tokio::time::Instant::now() < deadline, "never happened: {what}");
            tokio::task::yield_now().await;
            tokio::time::timeout(Duration::from_millis(40), std::future::pending::<()>()).await.unwrap_err();
        }
    }

    /// Stops everything.
    pub(crate) async fn stop(mut self) {
        if let Some(server) = self.server.take() {
            server.stop().await.unwrap();
        }
        self.sandbox_stop.cancel();
        self.sandbox_running.stopped().await;
    }
}

/// Changes rows behind the back of servers that run. They take the same rows in their own order: whom PostgreSQL chooses
/// as the victim of a deadlock tries again, as the servers do.
pub(crate) async fn force(db: &Db, text: &'static str, values: &[i64]) {
    loop {
        let mut tx = db.begin().await.unwrap();
        let query = values.iter().fold(sqlx::query(text), |query, value| query.bind(*value));
        match query.execute(tx.conn()).await {
            Ok(_) => return tx.commit().await.unwrap(),
            Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some("40P01") => {}
            Err(error) => panic!("{text}: {error}"),
        }
    }
}

fn token(role: &str) -> String {
    format!("token-of-{role}-for-tests")
}

async fn add_staff(app: &App) {
    let mut tx = app.db().begin().await.unwrap();
    let roles = [
        (Role::Owner, "owner"),
        (Role::Host, "host"),
        (Role::Finance, "finance"),
        (Role::Finance, "finance2"),
        (Role::Auditor, "auditor"),
        (Role::Reviewer, "reviewer"),
        (Role::Reviewer, "reviewer2"),
    ];
    for (role, user) in roles {
        let (password, token) = (format!("password-of-{user}"), token(user));
        let new = NewStaff { user, password: &password, roles: &[role], token: Some(&token) };
        auth::create_staff(app, &mut tx, &new).await.unwrap();
    }
    tx.commit().await.unwrap();
}
