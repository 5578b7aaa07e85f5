//! Configuration: the embedded default file is the manual, a TOML file overrides it, the environment overrides both.

mod check;
#[cfg(test)]
mod tests;

use std::{
    fmt,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use anyhow::Context;
use figment::{
    Figment,
    providers::{Env, Format, Toml},
};
use serde::Deserialize;

use crate::wire::PayChannel;

/// The default file, with a comment for every key.
pub const DEFAULTS: &str = include_str!("../config.default.toml");

/// A secret that never shows itself in logs.
#[derive(Clone, Default, Deserialize, PartialEq, Eq)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// The secret itself: only for signing and authenticating.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Nothing configured.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "(none)" } else { "(secret)" })
    }
}

macro_rules! sections {
    ($($(#[$doc:meta])* $name:ident { $($field:ident: $type:ty),* $(,)? })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, Deserialize)]
        #[serde(deny_unknown_fields)]
        #[allow(missing_docs, reason = "each key is documented in config.default.toml")]
        pub struct $name { $(pub $field: $type),* }
    )*};
}

sections! {
    /// `[server]`
    ServerConfig { listen: SocketAddr, public_url: String, trusted_proxies: Vec<std::net::IpAddr> }
    /// `[data]`
    DataConfig { dir: PathBuf }
    /// `[database]`
    DatabaseConfig { url: Secret }
    /// `[redis]`
    RedisConfig { url: Secret }
    /// `[wechat]`
    WechatConfig { app_id: String, app_secret: Secret, token: Secret, aes_key: Secret, aes_key_before: Secret, api_base: String, oauth_base: String }
    /// `[pay]`
    PayConfig { mch_id: String, api_key: Secret, api_base: String, cert_pem: PathBuf, key_pem: PathBuf, ca_pem: PathBuf, client_ip: String, send_name: String, scene_id: String }
    /// `[transfer]`
    TransferConfig { mch_id: String, serial_no: String, key_pem: PathBuf, api_v3_key: Secret, public_key_id: String, public_key_pem: PathBuf, scene_id: String, api_base: String, notify_url: String }
    /// `[sms]`
    SmsConfig { provider: SmsProvider, api_base: String, access_key: String, secret: Secret, sign_name: String, template: String, sign_name_global: String, template_global: String, app_id: String, region: String }
    /// `[limits]`
    LimitsConfig { packet_min: i64, packet_max: i64, person_day_count: i64, person_day_amount: i64, merchant_day_amount: i64, account_amount: i64, rate_per_second: u32, sockets: usize, sockets_per_session: usize, oauth_per_minute: u32, four_eyes: bool }
    /// `[secrets]`
    SecretsConfig { master_key_file: PathBuf }
    /// `[ledger]`
    LedgerConfig { mark_file: PathBuf }
    /// `[alerts]`
    AlertsConfig { webhook_url: Secret }
    /// `[drand]`
    DrandConfig { url: String }
    /// `[files]`
    FilesConfig { url: String }
    /// `[privacy]`
    PrivacyConfig { keep_days: u32 }
    /// `[sandbox]`
    SandboxSection { enabled: bool, listen: SocketAddr }
    /// The whole configuration.
    Config {
        server: ServerConfig, data: DataConfig, database: DatabaseConfig, redis: RedisConfig, wechat: WechatConfig,
        pay: PayConfig, transfer: TransferConfig, sms: SmsConfig, limits: LimitsConfig, secrets: SecretsConfig,
        ledger: LedgerConfig, alerts: AlertsConfig, drand: DrandConfig, files: FilesConfig, privacy: PrivacyConfig,
        sandbox: SandboxSection,
    }
}

/// Who sends SMS.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum SmsProvider {
    /// Aliyun Dysmsapi.
    Aliyun,
    /// Tencent Cloud.
    Tencent,
    /// Prints the code: development only.
    Log,
}

impl Config {
    /// Loads the defaults, then `file` if given, then the environment.
    pub fn load(file: Option<&Path>) -> anyhow::Result<Self> {
        Self::extract(&Self::figment(file)?)
    }

    /// The layers, for commands that fill unset keys before extracting (`demo`).
    pub fn figment(file: Option<&Path>) -> anyhow::Result<Figment> {
        let mut figment = Figment::from(Toml::string(DEFAULTS));
        if let Some(file) = file {
            let text = std::fs::read_to_string(file)
                .with_context(|| format!("cannot read the configuration file {}", file.display()))?;
            figment = figment.merge(Toml::string(&text));
        }
        Ok(figment.merge(Self::environment()))
    }

    /// What the environment sets. A merchant number is made of digits and still a text: where the default is a text,
    /// the value is taken as it stands instead of being read as a number or a list (in quotes it may stand, too).
    pub fn environment() -> Figment {
        let variables = Env::prefixed("KAIJIANG__").split("__");
        let defaults = Figment::from(Toml::string(DEFAULTS));
        let mut set = Figment::from(variables.clone());
        for (key, text) in variables.iter() {
            let key = key.as_str().to_lowercase();
            let is_text =
                |layer: &Figment| layer.find_value(&key).is_ok_and(|value| value.as_str().is_some());
            if is_text(&defaults) && !is_text(&set) {
                set = set.merge((key.clone(), text));
            }
        }
        set
    }

    /// The typed configuration, with the paths that stand for "under `data.dir`" filled in.
    pub fn extract(figment: &Figment) -> anyhow::Result<Self> {
        let mut config: Self = figment.extract().context("the configuration is wrong")?;
        let under = |name: &str| config.data.dir.join(name);
        if config.database.url.is_empty() {
            config.database.url = Secret(format!("sqlite:{}", under("kaijiang.db").display()));
        }
        if config.secrets.master_key_file.as_os_str().is_empty() {
            config.secrets.master_key_file = under("master.key");
        }
        if config.ledger.mark_file.as_os_str().is_empty() {
            config.ledger.mark_file = under("ledger.mark");
        }
        config.server.public_url.truncate(config.server.public_url.trim_end_matches('/').len());
        Ok(config)
    }

    /// What has to be set before an evening, in sentences of both languages; empty when nothing is missing.
    pub fn faults(&self) -> Vec<Fault> {
        let wrong = check::RULES.iter().filter(|rule| (rule.wrong)(self));
        wrong.map(|rule| Fault { keys: rule.keys, chinese: rule.chinese, english: rule.english }).collect()
    }

    /// The merchant's number on a channel; empty where it is not configured.
    pub fn merchant(&self, channel: PayChannel) -> &str {
        match channel {
            PayChannel::RedPacketV2 => &self.pay.mch_id,
            PayChannel::TransferV3 => &self.transfer.mch_id,
        }
    }

    /// How money is paid when nobody says it: by red packets, unless only transfers are configured.
    pub fn usual_channel(&self) -> PayChannel {
        if self.pay.mch_id.is_empty() && !self.transfer.mch_id.is_empty() {
            PayChannel::TransferV3
        } else {
            PayChannel::RedPacketV2
        }
    }

    /// Origin of our own pages, as browsers send it.
    pub fn origin(&self) -> &str {
        &self.server.public_url
    }

    /// Cookies are `Secure` with the `__Host-` prefix unless the pages are plain http (demo, development).
    pub fn secure_cookies(&self) -> bool {
        self.server.public_url.starts_with("https://")
    }
}

/// A setting that an evening would fail by: pages show the Chinese sentence or its translation, the terminal both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Settings that it is about, `section.key`.
    pub keys: &'static [&'static str],
    /// What it should be, in Chinese.
    pub chinese: &'static str,
    /// The same in English.
    pub english: &'static str,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} / {}", self.chinese, self.english)
    }
}
