//! Every key of the default file, with what is wrong there.

use std::{collections::BTreeSet, path::Path};

use figment::{
    Figment,
    providers::{Format, Serialized, Toml},
};
use serde_json::{Value, json};

use super::{Config, DEFAULTS, check::RULES};

/// Refused by their types when the file is read.
const TYPED: &[(&str, &str)] = &[
    ("server.listen", "here"),
    ("server.trusted_proxies", "10.0.0.0/8"),
    ("limits.four_eyes", "perhaps"),
    ("privacy.keep_days", "-1"),
    ("sandbox.listen", "here"),
];

/// Nothing that can be written there fails an evening.
const FREE: &[&str] = &["sms.template_global"];

/// What is wrong there, beside a configuration that is whole; `/there` is a folder of the test.
const WRONG: &[(&str, &[&str])] = &[
    (
        "server.public_url",
        &[
            "http://a.cn",
            "https://a.cn/x",
            "https://a.cn/?x",
            "https://u@a.cn",
            "https://1.2.3.4",
            "https://a.cn:8443",
            "a.cn",
        ],
    ),
    ("data.dir", &["/there/file"]),
    (
        "database.url",
        &["mysql://u@h/d", "postgres://u:p#w@h/d", "sqlite:", "kaijiang.db", "postgres://u:p@h:port/d"],
    ),
    ("redis.url", &["127.0.0.1:6379", "http://h", "redis://h:port"]),
    ("wechat.app_id", &["", "wx 1"]),
    ("wechat.app_secret", &["", "a b"]),
    ("wechat.token", &["", "ab", "has space", "有中文字"]),
    ("wechat.aes_key", &["short", "-------------------------------------------"]),
    ("wechat.aes_key_before", &["short"]),
    ("wechat.api_base", &["", "api.weixin.qq.com", "ftp://h"]),
    ("wechat.oauth_base", &["", "open.weixin.qq.com"]),
    ("pay.mch_id", &["mch1"]),
    ("pay.api_key", &["short"]),
    ("pay.api_base", &["", "h"]),
    ("pay.cert_pem", &["", "/there/none", "/there"]),
    ("pay.key_pem", &["", "/there/none"]),
    ("pay.ca_pem", &["/there/none"]),
    ("pay.client_ip", &["", "::1"]),
    ("pay.send_name", &["", "一二三四五六七八九十一"]),
    ("pay.scene_id", &["", "2", "PRODUCT_9", "PRODUCT_10"]),
    ("transfer.mch_id", &["mch1"]),
    ("transfer.serial_no", &["", "a b"]),
    ("transfer.key_pem", &["", "/there/none"]),
    ("transfer.api_v3_key", &["short"]),
    ("transfer.public_key_id", &[""]),
    ("transfer.public_key_pem", &["", "/there/none"]),
    ("transfer.scene_id", &["", "x"]),
    ("transfer.api_base", &["", "h"]),
    ("transfer.notify_url", &["http://a.cn/x", "https://a.cn/x?y"]),
    ("sms.provider", &["log"]),
    ("sms.api_base", &["sms.tencentcloudapi.com"]),
    ("sms.access_key", &[""]),
    ("sms.secret", &[""]),
    ("sms.sign_name", &[""]),
    ("sms.template", &[""]),
    ("sms.sign_name_global", &["Kaijiang"]),
    ("sms.app_id", &["", "x"]),
    ("sms.region", &["", "Guangzhou!"]),
    ("limits.packet_min", &["0", "-1", "20001"]),
    ("limits.packet_max", &["-5", "99"]),
    ("limits.person_day_count", &["0", "-1"]),
    ("limits.person_day_amount", &["0", "-1"]),
    ("limits.merchant_day_amount", &["0", "-1"]),
    ("limits.account_amount", &["-1"]),
    ("limits.rate_per_second", &["0"]),
    ("limits.sockets", &["0"]),
    ("limits.sockets_per_session", &["0"]),
    ("limits.oauth_per_minute", &["0"]),
    ("secrets.master_key_file", &["/there/file"]),
    ("ledger.mark_file", &["/there"]),
    ("alerts.webhook_url", &["qyapi.weixin.qq.com"]),
    ("drand.url", &["api.drand.sh"]),
    ("files.url", &["/folder", "file://host/folder", "ftp://h", "memory:///"]),
    ("sandbox.enabled", &["true"]),
];

fn whole(there: &Path) -> Value {
    let file = there.join("file");
    std::fs::write(&file, "something").unwrap();
    json!({
        "server": { "public_url": "https://lottery.example.com" },
        "data": { "dir": there.join("data") },
        "wechat": { "app_id": "wx0000000000000000", "app_secret": "0123456789abcdef", "token": "token1",
            "aes_key": "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG" },
        "pay": { "mch_id": "1900000109", "api_key": "k".repeat(32), "cert_pem": file, "key_pem": file },
        "transfer": { "mch_id": "1900000109", "serial_no": "5F", "key_pem": file, "api_v3_key": "k".repeat(32),
            "public_key_id": "PUB_KEY_ID_1", "public_key_pem": file },
        "sms": { "provider": "tencent", "access_key": "a", "secret": "s", "sign_name": "n", "template": "1",
            "app_id": "1400000000" },
    })
}

/// As it stands in a file: numbers and switches are no texts.
fn with(whole: &Value, key: &str, text: &str) -> anyhow::Result<Config> {
    let (section, name) = key.split_once('.').unwrap();
    let defaults: Value = Figment::from(Toml::string(DEFAULTS)).extract().unwrap();
    let value = if defaults[section][name].is_string() {
        json!(text)
    } else {
        serde_json::from_str(text).unwrap_or(json!(text))
    };
    let figment = Figment::from(Toml::string(DEFAULTS)).merge(Serialized::defaults(whole));
    Config::extract(&figment.merge((key.to_owned(), value)))
}

#[test]
fn a_whole_configuration_has_no_fault_and_every_wrong_value_has_one() {
    let folder = tempfile::tempdir().unwrap();
    let whole = whole(folder.path());
    let right = |key: &str, value: &str| {
        let faults = with(&whole, key, value).unwrap().faults();
        assert!(faults.is_empty(), "{key} = {value:?}: {faults:?}");
    };
    right("sandbox.enabled", "false");
    for value in ["postgres://u:p%23w@h:5432/d", "postgresql://h/d", "sqlite:/var/k.db"] {
        right("database.url", value);
    }
    for value in ["file:///shared/files", "s3://bucket/prefix", ""] {
        right("files.url", value);
    }
    for (key, values) in WRONG {
        for value in *values {
            let there = folder.path().to_string_lossy();
            let config = with(&whole, key, &value.replace("/there", &there)).unwrap();
            let found = RULES.iter().any(|rule| rule.keys.contains(key) && (rule.wrong)(&config));
            assert!(found, "{key} = {value:?} passes");
        }
    }
    for (key, value) in TYPED {
        assert!(with(&whole, key, value).is_err(), "{key} = {value:?} passes");
    }
}

#[test]
fn every_key_of_the_default_file_is_checked() {
    let defaults: Value = Figment::from(Toml::string(DEFAULTS)).extract().unwrap();
    let sections = defaults.as_object().unwrap().iter();
    let keys = sections.flat_map(|(section, keys)| {
        keys.as_object().unwrap().keys().map(move |key| format!("{section}.{key}"))
    });
    let keys: BTreeSet<String> = keys.collect();
    let tried = WRONG.iter().map(|(key, _)| *key).chain(TYPED.iter().map(|(key, _)| *key));
    let known: BTreeSet<String> = tried.chain(FREE.iter().copied()).map(ToOwned::to_owned).collect();
    assert_eq!(keys, known);
}

#[test]
fn defaults_are_a_whole_configuration() {
    let config = Config::load(None).unwrap();
    assert_eq!(config.limits.packet_max, 20_000);
    assert!(config.database.url.expose().starts_with("sqlite:"));
    assert!(!format!("{config:?}").contains("sqlite:"), "secrets must not show");
}
