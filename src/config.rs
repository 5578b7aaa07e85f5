//! Configuration: the embedded default file is the manual, a TOML file overrides it, the environment overrides both.

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
pub const DEFAULTS: &str = include_str!("config.default.toml");

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
    WechatConfig { app_id: String, app_secret: Secret, token: Secret, aes_key: Secret, api_base: String, oauth_base: String }
    /// `[pay]`
    PayConfig { mch_id: String, api_key: Secret, api_base: String, cert_pem: PathBuf, key_pem: PathBuf, ca_pem: PathBuf, client_ip: String, send_name: String }
    /// `[transfer]`
    TransferConfig { mch_id: String, serial_no: String, key_pem: PathBuf, api_v3_key: Secret, public_key_id: String, public_key_pem: PathBuf, scene_id: String, api_base: String, notify_url: String }
    /// `[sms]`
    SmsConfig { provider: SmsProvider, api_base: String, access_key: String, secret: Secret, sign_name: String, template: String, app_id: String, region: String }
    /// `[limits]`
    LimitsConfig { packet_min: i64, packet_max: i64, person_day_count: i64, person_day_amount: i64, merchant_day_amount: i64, account_amount: i64, rate_per_second: u32, sockets: usize, sockets_per_session: usize, four_eyes: bool }
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
        let mut faults = Vec::new();
        let mut need = |wrong: bool, (chinese, english): (&'static str, &'static str)| {
            if wrong {
                faults.push(Fault { chinese, english });
            }
        };
        need(
            !self.server.public_url.starts_with("https://"),
            (
                "server.public_url：须为手机打开的 https 地址",
                "server.public_url must be the https address that phones open",
            ),
        );
        need(
            self.wechat.app_id.is_empty() || self.wechat.app_secret.is_empty(),
            (
                "wechat.app_id 与 wechat.app_secret：从公众平台复制",
                "wechat.app_id and wechat.app_secret: from the service account's settings page",
            ),
        );
        need(
            !(3..=32).contains(&self.wechat.token.expose().len()),
            (
                "wechat.token：3 到 32 个字母和数字，与公众平台填写的相同",
                "wechat.token: 3 to 32 letters and digits, the same as on the settings page",
            ),
        );
        need(
            !self.wechat.aes_key.is_empty() && self.wechat.aes_key.expose().len() != 43,
            (
                "wechat.aes_key：43 个字符的 EncodingAESKey，明文模式留空",
                "wechat.aes_key: the 43 characters of EncodingAESKey, or empty for plain mode",
            ),
        );
        self.pay_faults(&mut need);
        self.transfer_faults(&mut need);
        self.sms_faults(&mut need);
        need(
            self.limits.packet_min < 1 || self.limits.packet_max < self.limits.packet_min,
            (
                "limits.packet_min 与 packet_max：单位是分，前者不大于后者",
                "limits.packet_min and packet_max: fen, the first not above the second",
            ),
        );
        need(
            self.sandbox.enabled,
            (
                "sandbox.enabled：真实付款时须为 false",
                "sandbox.enabled must be false where real money is paid",
            ),
        );
        faults
    }

    fn sms_faults(&self, need: Need<'_>) {
        need(
            self.sms.provider == SmsProvider::Log,
            (
                "sms.provider 是 log，验证码只印在日志里：仅供开发",
                "sms.provider is log, which prints codes: for development only",
            ),
        );
        let sms = &self.sms;
        need(
            sms.provider != SmsProvider::Log
                && (sms.access_key.is_empty()
                    || sms.secret.is_empty()
                    || sms.sign_name.is_empty()
                    || sms.template.is_empty()),
            (
                "sms.access_key、secret、sign_name 与 template：从阿里云或腾讯云控制台复制",
                "sms.access_key, secret, sign_name and template: from the console of Aliyun or Tencent Cloud",
            ),
        );
        need(
            sms.provider == SmsProvider::Tencent && sms.app_id.is_empty(),
            ("sms.app_id：腾讯云短信的 SdkAppId", "sms.app_id: the SdkAppId of Tencent Cloud SMS"),
        );
    }

    fn pay_faults(&self, need: Need<'_>) {
        if self.pay.mch_id.is_empty() && !self.transfer.mch_id.is_empty() {
            // Paid by transfers alone.
            return;
        }
        need(
            self.pay.mch_id.is_empty(),
            (
                "pay.mch_id：商户号（新商户填 transfer.mch_id）",
                "pay.mch_id: the merchant number (or transfer.mch_id of a newer merchant)",
            ),
        );
        need(
            self.pay.api_key.expose().len() != 32,
            ("pay.api_key：32 个字符的 API v2 密钥", "pay.api_key: the 32 characters of the API v2 key"),
        );
        need(
            missing(&self.pay.cert_pem),
            ("pay.cert_pem：apiclient_cert.pem 的路径", "pay.cert_pem: path of apiclient_cert.pem"),
        );
        need(
            missing(&self.pay.key_pem),
            ("pay.key_pem：apiclient_key.pem 的路径", "pay.key_pem: path of apiclient_key.pem"),
        );
        need(
            !self.pay.ca_pem.as_os_str().is_empty() && !self.pay.ca_pem.exists(),
            ("pay.ca_pem：没有这个文件", "pay.ca_pem: the file does not exist"),
        );
        need(
            self.pay.client_ip.parse::<std::net::Ipv4Addr>().is_err(),
            ("pay.client_ip：IPv4 地址", "pay.client_ip: an IPv4 address"),
        );
        need(
            self.pay.send_name.is_empty() || self.pay.send_name.len() > 31,
            (
                "pay.send_name：最多 31 字节（10 个汉字）",
                "pay.send_name: at most 31 bytes of UTF-8 (10 Chinese characters)",
            ),
        );
    }

    fn transfer_faults(&self, need: Need<'_>) {
        let ours = &self.transfer;
        if ours.mch_id.is_empty() {
            return;
        }
        need(
            ours.serial_no.is_empty(),
            (
                "transfer.serial_no：商户 API 证书的序列号",
                "transfer.serial_no: the serial of the merchant's API certificate",
            ),
        );
        need(
            missing(&ours.key_pem),
            ("transfer.key_pem：apiclient_key.pem 的路径", "transfer.key_pem: path of apiclient_key.pem"),
        );
        need(
            ours.api_v3_key.expose().len() != 32,
            (
                "transfer.api_v3_key：32 个字符的 API v3 密钥",
                "transfer.api_v3_key: the 32 characters of the API v3 key",
            ),
        );
        need(
            ours.public_key_id.is_empty() || missing(&ours.public_key_pem),
            (
                "transfer.public_key_id 与 public_key_pem：微信支付公钥（PUB_KEY_ID_…）及其文件",
                "transfer.public_key_id and public_key_pem: WeChat Pay's public key (PUB_KEY_ID_…) and its file",
            ),
        );
        need(
            ours.scene_id.is_empty(),
            (
                "transfer.scene_id：商户获准的转账场景，如 1000",
                "transfer.scene_id: the scene that the merchant was granted, such as 1000",
            ),
        );
        need(
            !ours.notify_url.is_empty()
                && (!ours.notify_url.starts_with("https://") || ours.notify_url.contains('?')),
            (
                "transfer.notify_url：不带参数的 https 地址，用本程序自己的则留空",
                "transfer.notify_url: an https address without a query, or empty for our own",
            ),
        );
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

/// Takes whether a setting is wrong, and what it should be in Chinese and in English.
type Need<'a> = &'a mut dyn FnMut(bool, (&'static str, &'static str));

/// A setting that an evening would fail by: pages show the Chinese sentence or its translation, the terminal both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
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

fn missing(path: &Path) -> bool {
    path.as_os_str().is_empty() || !path.exists()
}

#[cfg(test)]
mod tests {
    use super::Config;

    #[test]
    fn defaults_are_a_whole_configuration() {
        let config = Config::load(None).unwrap();
        assert_eq!(config.limits.packet_max, 20_000);
        assert!(config.database.url.expose().starts_with("sqlite:"));
        assert!(!format!("{config:?}").contains("sqlite:"), "secrets must not show");
    }
}
