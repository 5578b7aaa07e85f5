//! The server, its far ends, and a meeting with a roster.

use std::{path::Path, sync::Arc};

use anyhow::{Context, ensure};
use figment::{
    Figment,
    providers::{Format, Serialized, Toml},
};
use reqwest::{Client, multipart, redirect::Policy};
use serde_json::{Value, json};
use sqlx::Row;
use tokio_util::sync::CancellationToken;

use super::{BindArgs, guest::Way};
use crate::{
    app::App,
    auth::{self, NewStaff},
    bench::payout::new_database,
    clock::Clock,
    config::{Config, DEFAULTS},
    demo, keys,
    people::xlsx_out,
    sandbox, server,
    wire::Role,
};

/// A running server with a meeting.
pub(super) struct Hall {
    app: App,
    server: server::Running,
    far: sandbox::Running,
    stop: CancellationToken,
    way: Arc<Way>,
    /// Opens sockets of a screen.
    pub(super) ticket: String,
}

impl Hall {
    pub(super) async fn open(args: &BindArgs, folder: &Path, people: usize) -> anyhow::Result<Self> {
        let stop = CancellationToken::new();
        let defaults = Config::extract(&Figment::from(Toml::string(DEFAULTS)))?;
        let far = sandbox::SandboxConfig {
            listen: "127.0.0.1:0".parse()?,
            pay_listen: "127.0.0.1:0".parse()?,
            data_dir: folder.join("sandbox"),
            callback_url: None,
            ..demo::from_config(&defaults)
        };
        let far = sandbox::start(far, stop.clone()).await?;
        let listener = server::bind("127.0.0.1:0".parse()?).await?;
        let base = format!("http://{}", listener.local_addr()?);
        let config = config(args, folder, (&base, &far.base())).await?;
        let app = App::open(config, Clock::System).await?;
        let token = hex::encode(keys::random::<32>());
        let mut tx = app.db().begin().await?;
        let host = NewStaff { user: "bench", password: &token, roles: &[Role::Host], token: Some(&token) };
        auth::create_staff(&app, &mut tx, &host).await.map_err(anyhow::Error::new)?;
        tx.commit().await?;
        let server = server::start(app.clone(), listener).await?;
        let http = Client::builder().no_proxy().redirect(Policy::none()).build()?;
        let desk = Desk { http: http.clone(), base: base.clone(), token };
        let meeting = desk.meeting(folder, people).await?;
        let ticket = desk.ticket(&meeting).await?;
        let way = Arc::new(Way { http, base, sandbox: far.base(), meeting });
        Ok(Self { app, server, far, stop, way, ticket })
    }

    /// Where guests go.
    pub(super) fn way(&self) -> Arc<Way> {
        Arc::clone(&self.way)
    }

    /// How many are bound, by SQL and by the pool.
    pub(super) async fn counted(&self) -> anyhow::Result<(i64, i64)> {
        let row = sqlx::query("select count(*) from binding where meeting_id = $1 and active = 1")
            .bind(&self.way.meeting)
            .fetch_one(self.app.db().read())
            .await?;
        let (members, _) = self.app.store().counts(&self.way.meeting).await?;
        Ok((row.try_get(0)?, members))
    }

    pub(super) async fn close(self) -> anyhow::Result<()> {
        self.server.stop().await?;
        self.stop.cancel();
        self.far.stopped().await;
        Ok(())
    }
}

async fn config(args: &BindArgs, folder: &Path, (base, far): (&str, &str)) -> anyhow::Result<Config> {
    let database = match &args.database {
        Some(server) => new_database(server).await?,
        None => String::new(),
    };
    let values = json!({
        "server": { "public_url": base }, "data": { "dir": folder }, "sandbox": { "enabled": true },
        // Ten thousand people of one address, as fast as they can.
        "limits": { "oauth_per_minute": 10_000_000 },
        "database": { "url": database }, "redis": { "url": args.redis.clone().unwrap_or_default() },
        "wechat": {
            "app_id": "wx0000000000000000", "app_secret": "00000000000000000000000000000000",
            "token": "kaijiangdemo", "api_base": far, "oauth_base": far,
        },
        "sms": {
            "provider": "aliyun", "api_base": far, "access_key": "demo-access-key",
            "secret": "demo-access-secret", "sign_name": "开奖", "template": "SMS_000000000",
        },
    });
    Config::extract(&Figment::from(Toml::string(DEFAULTS)).merge(Serialized::defaults(values)))
}

/// The host's program.
struct Desk {
    http: Client,
    base: String,
    token: String,
}

impl Desk {
    async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        let request = self.http.post(format!("{}{path}", self.base)).bearer_auth(&self.token).json(body);
        read(request.header("idempotency-key", keys::row_id())).await
    }

    /// A meeting with so many people on its roster.
    async fn meeting(&self, folder: &Path, people: usize) -> anyhow::Result<String> {
        let new = json!({ "name": "bench", "settings": { "require_follow": false } });
        let meeting = text(&self.post("/api/meetings", &new).await?, "id")?;
        let file = folder.join("roster.xlsx");
        xlsx_out::write_roster(&file, people)?;
        let part = multipart::Part::bytes(std::fs::read(&file)?).file_name("roster.xlsx");
        let form = multipart::Form::new().part("file", part);
        let address = format!("{}/api/meetings/{meeting}/imports", self.base);
        let report = read(self.http.post(address).bearer_auth(&self.token).multipart(form)).await?;
        let accept = format!("/api/meetings/{meeting}/imports/{}/accept", text(&report, "id")?);
        self.post(&accept, &json!({})).await?;
        Ok(meeting)
    }

    async fn ticket(&self, meeting: &str) -> anyhow::Result<String> {
        let pairing = self.post(&format!("/api/meetings/{meeting}/pairing"), &json!({})).await?;
        let code = json!({ "code": pairing["code"] });
        text(&self.post(&format!("/api/meetings/{meeting}/screens"), &code).await?, "ticket")
    }
}

async fn read(request: reqwest::RequestBuilder) -> anyhow::Result<Value> {
    let response = request.send().await?;
    let (status, body) = (response.status(), response.text().await?);
    ensure!(status.is_success(), "{status}: {body}");
    Ok(serde_json::from_str(&body)?)
}

fn text(value: &Value, key: &str) -> anyhow::Result<String> {
    Ok(value[key].as_str().with_context(|| format!("{key} is missing"))?.to_owned())
}
