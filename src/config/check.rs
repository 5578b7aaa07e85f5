//! What a setting must be, key by key: `check-config` and the check before the evening ask for all of it, offline.
//!
//! What the types of a section refuse by themselves (an address to listen on, a switch, a list of addresses) stands in
//! no rule; every other key has one, or is named as free in the test below.

use std::{path::Path, str::FromStr};

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use object_store::ObjectStoreScheme;
use sqlx::postgres::PgConnectOptions;
use url::{Host, Url};

use super::{Config, SmsProvider};

/// One thing that may be wrong.
pub(super) struct Rule {
    /// Settings that it is about.
    pub(super) keys: &'static [&'static str],
    /// Whether it is.
    pub(super) wrong: fn(&Config) -> bool,
    /// What it should be, in Chinese.
    pub(super) chinese: &'static str,
    /// The same in English.
    pub(super) english: &'static str,
}

macro_rules! rules {
    ($([$($key:literal),+] $wrong:expr => $chinese:literal, $english:literal;)*) => {
        &[$(Rule {
            keys: &[$($key),+],
            wrong: $wrong,
            chinese: $chinese,
            english: $english,
        }),*]
    };
}

/// Every one, in the order of the file.
pub(super) const RULES: &[Rule] = rules! {
    ["server.public_url"] |c| !is_origin(&c.server.public_url) =>
        "server.public_url：须为手机打开的 https 地址",
        "server.public_url must be the https address that phones open";
    ["server.public_url"] |c| is_origin(&c.server.public_url) && !is_domain(&c.server.public_url) =>
        "server.public_url：微信只认域名，不能是 IP 地址，也不能带端口",
        "server.public_url: WeChat takes a domain name alone, no IP address and no port";
    ["data.dir"] |c| c.data.dir.as_os_str().is_empty() || c.data.dir.is_file() =>
        "data.dir：放数据的文件夹",
        "data.dir: a folder for the data";
    ["database.url"] |c| !is_database(c.database.url.expose()) =>
        "database.url：sqlite:文件路径，或 postgres://用户:密码@主机/库（密码里的特殊字符须转义）",
        "database.url: sqlite:PATH or postgres://user:password@host/database (escape special characters of the password)";
    ["redis.url"] |c| !c.redis.url.is_empty() && redis::Client::open(c.redis.url.expose()).is_err() =>
        "redis.url：redis://主机:端口/库号，只有一台服务器时留空",
        "redis.url: redis://host:port/db, or empty with one server";
    ["wechat.app_id", "wechat.app_secret"] |c| !is_word(&c.wechat.app_id) || !is_word(c.wechat.app_secret.expose()) =>
        "wechat.app_id 与 wechat.app_secret：从公众平台复制",
        "wechat.app_id and wechat.app_secret: from the service account's settings page";
    ["wechat.token"] |c| !(3..=32).contains(&c.wechat.token.expose().len()) || !is_word(c.wechat.token.expose()) =>
        "wechat.token：3 到 32 个字母和数字，与公众平台填写的相同",
        "wechat.token: 3 to 32 letters and digits, the same as on the settings page";
    ["wechat.aes_key"] |c| !c.wechat.aes_key.is_empty() && !is_aes_key(c.wechat.aes_key.expose()) =>
        "wechat.aes_key：43 个字符的 EncodingAESKey，明文模式留空",
        "wechat.aes_key: the 43 characters of EncodingAESKey, or empty for plain mode";
    ["wechat.aes_key_before"] |c| !c.wechat.aes_key_before.is_empty() && !is_aes_key(c.wechat.aes_key_before.expose()) =>
        "wechat.aes_key_before：更换前的 EncodingAESKey，43 个字符，没有就留空",
        "wechat.aes_key_before: the 43 characters of the EncodingAESKey before the present one, or empty";
    ["wechat.api_base", "wechat.oauth_base"] |c| !is_http(&c.wechat.api_base) || !is_http(&c.wechat.oauth_base) =>
        "wechat.api_base 与 wechat.oauth_base：http(s) 地址",
        "wechat.api_base and wechat.oauth_base: http(s) addresses";
    ["pay.mch_id", "transfer.mch_id"] |c| c.pay.mch_id.is_empty() && c.transfer.mch_id.is_empty() =>
        "pay.mch_id：商户号（新商户填 transfer.mch_id）",
        "pay.mch_id: the merchant number (or transfer.mch_id of a newer merchant)";
    ["pay.mch_id", "transfer.mch_id"] |c| !is_digits(&c.pay.mch_id) || !is_digits(&c.transfer.mch_id) =>
        "pay.mch_id 与 transfer.mch_id：商户号只有数字",
        "pay.mch_id and transfer.mch_id: merchant numbers are digits";
    ["pay.api_key"] |c| packets(c) && c.pay.api_key.expose().len() != 32 =>
        "pay.api_key：32 个字符的 API v2 密钥",
        "pay.api_key: the 32 characters of the API v2 key";
    ["pay.api_base"] |c| !is_http(&c.pay.api_base) =>
        "pay.api_base：http(s) 地址",
        "pay.api_base: an http(s) address";
    ["pay.cert_pem"] |c| packets(c) && !c.pay.cert_pem.is_file() =>
        "pay.cert_pem：apiclient_cert.pem 的路径",
        "pay.cert_pem: path of apiclient_cert.pem";
    ["pay.key_pem"] |c| packets(c) && !c.pay.key_pem.is_file() =>
        "pay.key_pem：apiclient_key.pem 的路径",
        "pay.key_pem: path of apiclient_key.pem";
    ["pay.ca_pem"] |c| !c.pay.ca_pem.as_os_str().is_empty() && !c.pay.ca_pem.is_file() =>
        "pay.ca_pem：没有这个文件",
        "pay.ca_pem: the file does not exist";
    ["pay.client_ip"] |c| packets(c) && c.pay.client_ip.parse::<std::net::Ipv4Addr>().is_err() =>
        "pay.client_ip：IPv4 地址",
        "pay.client_ip: an IPv4 address";
    ["pay.send_name"] |c| packets(c) && !(1..=31).contains(&c.pay.send_name.len()) =>
        "pay.send_name：最多 31 字节（10 个汉字）",
        "pay.send_name: at most 31 bytes of UTF-8 (10 Chinese characters)";
    ["pay.scene_id"] |c| packets(c) && !is_scene(&c.pay.scene_id) =>
        "pay.scene_id：商户已开通的红包场景，PRODUCT_1 到 PRODUCT_8",
        "pay.scene_id: the scene that the merchant has enabled, PRODUCT_1 to PRODUCT_8";
    ["transfer.serial_no"] |c| transfers(c) && !is_word(&c.transfer.serial_no) =>
        "transfer.serial_no：商户 API 证书的序列号",
        "transfer.serial_no: the serial of the merchant's API certificate";
    ["transfer.key_pem"] |c| transfers(c) && !c.transfer.key_pem.is_file() =>
        "transfer.key_pem：apiclient_key.pem 的路径",
        "transfer.key_pem: path of apiclient_key.pem";
    ["transfer.api_v3_key"] |c| transfers(c) && c.transfer.api_v3_key.expose().len() != 32 =>
        "transfer.api_v3_key：32 个字符的 API v3 密钥",
        "transfer.api_v3_key: the 32 characters of the API v3 key";
    ["transfer.public_key_id", "transfer.public_key_pem"]
    |c| transfers(c) && (c.transfer.public_key_id.is_empty() || !c.transfer.public_key_pem.is_file()) =>
        "transfer.public_key_id 与 public_key_pem：微信支付公钥（PUB_KEY_ID_…）及其文件",
        "transfer.public_key_id and public_key_pem: WeChat Pay's public key (PUB_KEY_ID_…) and its file";
    ["transfer.scene_id"] |c| transfers(c) && (c.transfer.scene_id.is_empty() || !is_digits(&c.transfer.scene_id)) =>
        "transfer.scene_id：商户获准的转账场景，如 1000",
        "transfer.scene_id: the scene that the merchant was granted, such as 1000";
    ["transfer.api_base"] |c| !is_http(&c.transfer.api_base) =>
        "transfer.api_base：http(s) 地址",
        "transfer.api_base: an http(s) address";
    ["transfer.notify_url"] |c| !c.transfer.notify_url.is_empty() && !is_notify(&c.transfer.notify_url) =>
        "transfer.notify_url：不带参数的 https 地址，用本程序自己的则留空",
        "transfer.notify_url: an https address without a query, or empty for our own";
    ["sms.provider"] |c| c.sms.provider == SmsProvider::Log =>
        "sms.provider 是 log，验证码只印在日志里：仅供开发",
        "sms.provider is log, which prints codes: for development only";
    ["sms.api_base"] |c| !c.sms.api_base.is_empty() && !is_http(&c.sms.api_base) =>
        "sms.api_base：http(s) 地址，用服务商自己的则留空",
        "sms.api_base: an http(s) address, or empty for the provider's own";
    ["sms.access_key", "sms.secret", "sms.sign_name", "sms.template"]
    |c| c.sms.provider != SmsProvider::Log
        && [&c.sms.access_key, c.sms.secret.expose(), &c.sms.sign_name, &c.sms.template].iter().any(|text| text.is_empty()) =>
        "sms.access_key、secret、sign_name 与 template：从阿里云或腾讯云控制台复制",
        "sms.access_key, secret, sign_name and template: from the console of Aliyun or Tencent Cloud";
    ["sms.sign_name_global", "sms.template_global"]
    |c| !c.sms.sign_name_global.is_empty() && c.sms.template_global.is_empty() =>
        "sms.template_global：填了境外签名，还要填境外模板",
        "sms.template_global: a signature for abroad needs a template for abroad";
    ["sms.app_id"] |c| c.sms.provider == SmsProvider::Tencent && (c.sms.app_id.is_empty() || !is_digits(&c.sms.app_id)) =>
        "sms.app_id：腾讯云短信的 SdkAppId",
        "sms.app_id: the SdkAppId of Tencent Cloud SMS";
    ["sms.region"] |c| c.sms.provider == SmsProvider::Tencent && !is_region(&c.sms.region) =>
        "sms.region：腾讯云的地域，如 ap-guangzhou",
        "sms.region: a region of Tencent Cloud, such as ap-guangzhou";
    ["limits.packet_min", "limits.packet_max"]
    |c| c.limits.packet_min < 1 || c.limits.packet_max < c.limits.packet_min =>
        "limits.packet_min 与 packet_max：单位是分，前者不大于后者",
        "limits.packet_min and packet_max: fen, the first not above the second";
    ["limits.person_day_count"] |c| c.limits.person_day_count < 1 =>
        "limits.person_day_count：至少 1 个",
        "limits.person_day_count: at least 1";
    ["limits.person_day_amount", "limits.merchant_day_amount"]
    |c| c.limits.person_day_amount < c.limits.packet_min || c.limits.merchant_day_amount < c.limits.packet_min =>
        "limits.person_day_amount 与 merchant_day_amount：单位是分，不小于 packet_min",
        "limits.person_day_amount and merchant_day_amount: fen, not below packet_min";
    ["limits.account_amount"] |c| c.limits.account_amount < 0 =>
        "limits.account_amount：单位是分，0 表示不限",
        "limits.account_amount: fen, 0 for no cap";
    ["limits.rate_per_second"] |c| c.limits.rate_per_second < 1 =>
        "limits.rate_per_second：每秒至少 1 次",
        "limits.rate_per_second: at least 1";
    ["limits.sockets", "limits.sockets_per_session"]
    |c| c.limits.sockets < 1 || c.limits.sockets_per_session < 1 =>
        "limits.sockets 与 sockets_per_session：至少 1 个连接",
        "limits.sockets and sockets_per_session: at least 1";
    ["limits.oauth_per_minute"] |c| c.limits.oauth_per_minute < 1 =>
        "limits.oauth_per_minute：每分钟至少 1 次",
        "limits.oauth_per_minute: at least 1";
    ["secrets.master_key_file"] |c| is_spoilt_key(&c.secrets.master_key_file) =>
        "secrets.master_key_file：须可读，内容是 64 个十六进制字符",
        "secrets.master_key_file: must be readable and hold 64 hexadecimal characters";
    ["ledger.mark_file"] |c| c.ledger.mark_file.is_dir() =>
        "ledger.mark_file：文件，不是文件夹",
        "ledger.mark_file: a file, not a folder";
    ["alerts.webhook_url"] |c| !c.alerts.webhook_url.is_empty() && !is_http(c.alerts.webhook_url.expose()) =>
        "alerts.webhook_url：机器人的 http(s) 地址，不用则留空",
        "alerts.webhook_url: the robot's http(s) address, or empty";
    ["drand.url"] |c| !c.drand.url.is_empty() && !is_http(&c.drand.url) =>
        "drand.url：http(s) 地址，不用则留空",
        "drand.url: an http(s) address, or empty";
    ["files.url"] |c| !c.files.url.is_empty() && !is_files(&c.files.url) =>
        "files.url：file:///文件夹，或 s3://存储桶/前缀，放在 data.dir 则留空",
        "files.url: file:///folder or s3://bucket/prefix, or empty for a folder under data.dir";
    ["sandbox.enabled"] |c| c.sandbox.enabled =>
        "sandbox.enabled：真实付款时须为 false",
        "sandbox.enabled must be false where real money is paid";
};

/// Paid by red packets, or by nobody yet.
fn packets(config: &Config) -> bool {
    !config.pay.mch_id.is_empty() || config.transfer.mch_id.is_empty()
}

fn transfers(config: &Config) -> bool {
    !config.transfer.mch_id.is_empty()
}

/// `https://host[:port]` and nothing more: addresses are made by putting a path behind it.
fn is_origin(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| {
        url.scheme() == "https"
            && url.path() == "/"
            && !text.ends_with('/')
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none()
    })
}

fn is_domain(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| matches!(url.host(), Some(Host::Domain(_))) && url.port().is_none())
}

fn is_http(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

/// A scene of red packets as WeChat numbers them.
fn is_scene(text: &str) -> bool {
    matches!(text.strip_prefix("PRODUCT_"), Some("1" | "2" | "3" | "4" | "5" | "6" | "7" | "8"))
}

fn is_notify(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| url.scheme() == "https" && url.query().is_none())
}

fn is_database(text: &str) -> bool {
    if let Some(path) = text.strip_prefix("sqlite:") {
        return !path.trim_start_matches('/').is_empty();
    }
    let server = Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "postgres" | "postgresql"));
    server && PgConnectOptions::from_str(text).is_ok()
}

fn is_files(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| match url.scheme() {
        "file" => url.to_file_path().is_ok(),
        _ => matches!(ObjectStoreScheme::parse(&url), Ok((ObjectStoreScheme::AmazonS3, _))),
    })
}

/// Letters and digits, at least one.
fn is_word(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric())
}

/// Digits, or nothing.
fn is_digits(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_digit())
}

fn is_region(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

/// The platform makes keys whose last character has bits that mean nothing.
fn is_aes_key(text: &str) -> bool {
    let lenient = GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone);
    let read = GeneralPurpose::new(&alphabet::STANDARD, lenient).decode(text);
    text.len() == 43 && read.is_ok_and(|key| key.len() == 32)
}

/// Absent it is made; one that is there must be whole.
fn is_spoilt_key(file: &Path) -> bool {
    let whole = |text: String| hex::decode(text.trim()).is_ok_and(|key| key.len() == 32);
    file.exists() && !std::fs::read_to_string(file).is_ok_and(whole)
}
