//! What would make an evening fail: said before it, by `check-config`, `doctor` and the control page.

use std::{fmt, path::Path};

use super::{Config, SmsProvider};

impl Config {
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
        self.wechat_faults(&mut need);
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

    fn wechat_faults(&self, need: Need<'_>) {
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
        need(
            !self.wechat.aes_key_before.is_empty() && self.wechat.aes_key_before.expose().len() != 43,
            (
                "wechat.aes_key_before：更换前的 EncodingAESKey，43 个字符，没有就留空",
                "wechat.aes_key_before: the 43 characters of the EncodingAESKey before the present one, or empty",
            ),
        );
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
        need(
            !sms.sign_name_global.is_empty() && sms.template_global.is_empty(),
            (
                "sms.template_global：填了境外签名，还要填境外模板",
                "sms.template_global: a signature for abroad needs a template for abroad",
            ),
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
