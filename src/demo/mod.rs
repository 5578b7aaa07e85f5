//! `kaijiang demo`: the server, the sandbox and a sample meeting, on whatever keys are unset.

mod sample;

use std::{net::SocketAddr, path::Path};

use anyhow::Context;
use figment::{
    Figment,
    providers::{Format, Serialized, Toml},
};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::{
    app::App,
    auth::{self, NewStaff},
    clock::Clock,
    config::{Config, DEFAULTS},
    keys::Purpose,
    people, sandbox, server,
    wire::Role,
};

/// Log-ins of the demo; their passwords are public on purpose, which is why only the demo makes them.
const STAFF: [(Role, &str, &str); 5] = [
    (Role::Owner, "owner", "kaijiang-demo-owner"),
    (Role::Host, "host", "kaijiang-demo-host"),
    (Role::Finance, "finance", "kaijiang-demo-finance"),
    (Role::Reviewer, "reviewer", "kaijiang-demo-reviewer"),
    (Role::Auditor, "auditor", "kaijiang-demo-auditor"),
];

/// People on the sample roster.
pub const PEOPLE: usize = 300;

/// The demo, running.
pub struct Running {
    /// What `demo.json` holds: addresses and log-ins.
    pub description: Value,
    server: server::Running,
    sandbox: sandbox::Running,
    sandbox_stop: CancellationToken,
}

impl Running {
    /// Stops server and sandbox.
    pub async fn stop(self) -> anyhow::Result<()> {
        self.server.stop().await?;
        self.sandbox_stop.cancel();
        self.sandbox.stopped().await;
        Ok(())
    }
}

/// The user's own settings, without our defaults.
fn own_settings(file: Option<&Path>) -> anyhow::Result<Figment> {
    let mut own = Figment::new();
    if let Some(file) = file {
        let text = std::fs::read_to_string(file)
            .with_context(|| format!("cannot read the configuration file {}", file.display()))?;
        own = own.merge(Toml::string(&text));
    }
    Ok(own.merge(Config::environment()))
}

/// Starts everything. Keys that `file` or the environment set stay as they are.
pub async fn start(file: Option<&Path>) -> anyhow::Result<Running> {
    let own = own_settings(file)?;
    let preset = layered(&own, json!({}))?;
    let listener = listen(&own, "server.listen", preset.server.listen).await?;
    let public_url = match own.find_value("server.public_url") {
        Ok(_) => preset.server.public_url.clone(),
        Err(_) => format!("http://{}", listener.local_addr()?),
    };
    let sandbox_stop = CancellationToken::new();
    let sandbox =
        sandbox::start(sandbox_config(&own, &preset, &public_url).await?, sandbox_stop.clone()).await?;
    let config = layered(&own, far_ends(&preset, &sandbox, &public_url))?;
    let app = App::open(config, Clock::System).await?;
    let staff = demo_staff(&app).await?;
    let server = server::start(app.clone(), listener).await?;
    let description = describe(&app, &sandbox, staff).await?;
    Ok(Running { description, server, sandbox, sandbox_stop })
}

/// Defaults, then the demo's own values, then what the user set.
fn layered(own: &Figment, demo: Value) -> anyhow::Result<Config> {
    let base = Figment::from(Toml::string(DEFAULTS)).merge(Serialized::defaults(demo));
    Config::extract(&base.merge(own))
}

/// The wanted address; a free port of it when it is taken and nobody asked for it by name.
async fn listen(own: &Figment, key: &str, wanted: SocketAddr) -> anyhow::Result<TcpListener> {
    match TcpListener::bind(wanted).await {
        Ok(listener) => Ok(listener),
        Err(_) if own.find_value(key).is_err() => server::bind(SocketAddr::new(wanted.ip(), 0)).await,
        Err(error) => Err(error).with_context(|| format!("cannot listen on {wanted} ({key})")),
    }
}

async fn sandbox_config(
    own: &Figment,
    preset: &Config,
    public_url: &str,
) -> anyhow::Result<sandbox::SandboxConfig> {
    let wanted = preset.sandbox.listen;
    // Found free now, bound by the sandbox a moment later: good enough for a demo's port.
    let addr = listen(own, "sandbox.listen", wanted).await?.local_addr()?;
    let next = SocketAddr::new(addr.ip(), if addr == wanted { addr.port().saturating_add(1) } else { 0 });
    let pay = listen(own, "sandbox.pay", next).await?.local_addr()?;
    Ok(sandbox::SandboxConfig {
        listen: addr,
        pay_listen: pay,
        callback_url: Some(Url::parse(&format!("{public_url}/wechat/callback"))?),
        crowd: crowd(),
        ..from_config(preset)
    })
}

fn crowd() -> Vec<sandbox::CrowdPerson> {
    people::xlsx_out::demo_people(PEOPLE)
        .into_iter()
        .map(|person| sandbox::CrowdPerson {
            name: person.name,
            phone: person.phone,
            staff_no: person.staff_no,
        })
        .collect()
}

fn or(value: &str, fallback: &str) -> String {
    if value.is_empty() { fallback.to_owned() } else { value.to_owned() }
}

/// A sandbox that knows the configured identities, or made-up ones where none are configured.
pub fn from_config(config: &Config) -> sandbox::SandboxConfig {
    sandbox::SandboxConfig {
        listen: config.sandbox.listen,
        pay_listen: SocketAddr::new(
            config.sandbox.listen.ip(),
            config.sandbox.listen.port().saturating_add(1),
        ),
        data_dir: config.data.dir.join("sandbox"),
        app_id: or(&config.wechat.app_id, "wx0000000000000000"),
        app_secret: or(config.wechat.app_secret.expose(), "00000000000000000000000000000000"),
        token: or(config.wechat.token.expose(), "kaijiangdemo"),
        aes_key: Some(config.wechat.aes_key.expose().to_owned()).filter(|key| !key.is_empty()),
        mch_id: or(&config.pay.mch_id, "1900000109"),
        api_key: or(config.pay.api_key.expose(), "demodemodemodemodemodemodemodemo"),
        callback_url: Url::parse(&format!("{}/wechat/callback", config.server.public_url)).ok(),
        transfer: sandbox::TransferMerchant {
            mch_id: or(&config.transfer.mch_id, "1900000109"),
            serial_no: or(&config.transfer.serial_no, "7132D72A03E93CDDF8C03BBD1F37EEDF00000001"),
            api_v3_key: or(config.transfer.api_v3_key.expose(), "demov3demov3demov3demov3demov3de"),
            public_key_id: or(
                &config.transfer.public_key_id,
                "PUB_KEY_ID_0119000001092026112300000000000001",
            ),
            scene_id: or(&config.transfer.scene_id, "1000"),
        },
        sms_access_key: or(&config.sms.access_key, "demo-access-key"),
        sms_secret: or(config.sms.secret.expose(), "demo-access-secret"),
        auto_open: Some(std::time::Duration::from_secs(3)),
        crowd: Vec::new(),
        plan: sandbox::Plan::default(),
        clock: Clock::System,
    }
}

/// The demo's values for keys that point at far ends.
fn far_ends(preset: &Config, running: &sandbox::Running, public_url: &str) -> Value {
    let known = from_config(preset);
    let (base, pay) = (running.base(), running.pay_base());
    json!({
        "server": { "public_url": public_url },
        "sandbox": { "enabled": true },
        "wechat": {
            "app_id": known.app_id, "app_secret": known.app_secret, "token": known.token,
            "api_base": base, "oauth_base": base,
        },
        "pay": {
            "mch_id": known.mch_id, "api_key": known.api_key, "api_base": pay,
            "cert_pem": running.cert_pem, "key_pem": running.key_pem, "ca_pem": running.ca_pem,
        },
        "transfer": {
            "mch_id": known.transfer.mch_id, "serial_no": known.transfer.serial_no,
            "key_pem": running.transfer_key_pem, "api_v3_key": known.transfer.api_v3_key,
            "public_key_id": known.transfer.public_key_id, "public_key_pem": running.public_key_pem,
            "api_base": pay, "notify_url": format!("{public_url}/wechat/transfer"),
        },
        "sms": {
            "provider": "aliyun", "api_base": base, "access_key": known.sms_access_key, "secret": known.sms_secret,
            "sign_name": "开奖", "template": "SMS_000000000",
        },
    })
}

/// Makes the log-ins at the first start. Tokens are derived from the master key, so that every start has the same.
async fn demo_staff(app: &App) -> anyhow::Result<Vec<Value>> {
    let mut tx = app.db().begin().await?;
    let mut staff = Vec::new();
    for (role, user, password) in STAFF {
        let token = hex::encode(app.keys().mac(Purpose::Cookie, &[b"demo token", user.as_bytes()]));
        let new = NewStaff { user, password, roles: &[role], token: Some(&token) };
        match auth::create_staff(app, &mut tx, &new).await {
            Ok(_) => {}
            Err(error) if error.code() == "user_taken" => {}
            Err(error) => return Err(error).context("the demo's log-ins could not be made"),
        }
        staff.push(json!({ "role": role, "user": user, "password": password, "token": token }));
    }
    tx.commit().await?;
    Ok(staff)
}

async fn describe(app: &App, sandbox: &sandbox::Running, staff: Vec<Value>) -> anyhow::Result<Value> {
    let base = app.config().origin();
    let file = app.config().data.dir.join("demo.json");
    let meeting =
        sample::meeting(base, &staff, &file).await.context("the sample meeting could not be made")?;
    let description = json!({
        "meeting": meeting,
        "base": base,
        "pages": {
            "control": format!("{base}/control"),
            "screen": format!("{base}/screen/{meeting}"),
            "attendee": format!("{base}/m/{meeting}"),
            "verify": format!("{base}/verify"),
        },
        "staff": staff,
        "sandbox": format!("{}/sandbox", sandbox.base()),
        "openapi": format!("{base}/api/openapi.json"),
    });
    std::fs::write(&file, serde_json::to_vec_pretty(&description)?)
        .with_context(|| format!("cannot write {}", file.display()))?;
    Ok(description)
}
