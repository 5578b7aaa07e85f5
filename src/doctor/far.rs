//! What lies outside: our own address as phones see it, WeChat, WeChat Pay, the SMS provider.

use std::time::Duration;

use http::header;

use super::Finding;
use crate::{
    answer,
    app::App,
    config::SmsProvider,
    keys::random,
    payout::{self, Probe},
    wechat::{account::AccountError, callback::signature, tls},
};

/// Of one question.
const PATIENCE: Duration = Duration::from_secs(8);
/// Our own answers to it are shorter.
const PAGE_BYTES: usize = 64 * 1024;
/// WeChat refuses requests whose time is further off, and answers are thought lost. ms.
const SKEW_BAD: i64 = 60_000;
const SKEW_WARN: i64 = 5_000;

fn client() -> Option<reqwest::Client> {
    builder().build().ok()
}

/// Asks once, and only whom we name.
pub(super) fn builder() -> reqwest::ClientBuilder {
    tls::install_ring();
    reqwest::Client::builder().timeout(PATIENCE).redirect(reqwest::redirect::Policy::none())
}

/// The body of our own page, asked for as a phone does.
pub(super) async fn own(app: &App, path: &str) -> Result<(u16, String), String> {
    let http = client().ok_or("TLS")?;
    let answer = http.get(format!("{}{path}", app.config().origin())).send().await;
    let answer = answer.map_err(|error| error.without_url().to_string())?;
    let status = answer.status().as_u16();
    let text = answer::read(answer, PAGE_BYTES).await.map_err(|error| error.to_string())?;
    Ok((status, String::from_utf8_lossy(&text).into_owned()))
}

/// Asks our own callback the way WeChat does when its address is saved.
pub(super) async fn callback(app: &App) -> Finding {
    let token = app.config().wechat.token.expose();
    if token.is_empty() {
        return Finding::off("没有配置 wechat.token：不接收公众号消息。");
    }
    let (now, nonce, echo) =
        ((app.now() / 1000).to_string(), hex::encode(random::<8>()), hex::encode(random::<8>()));
    let signed = signature(&[token, &now, &nonce]);
    let path = format!("/wechat/callback?signature={signed}&timestamp={now}&nonce={nonce}&echostr={echo}");
    match own(app, &path).await {
        Ok((200, text)) if text == echo => Finding::good("公众号回调地址可以访问，签名正确。"),
        Ok((status, _)) => Finding::bad(
            format!("公众号回调地址回答 {status}。"),
            "请检查反向代理把 /wechat/ 原样转给本程序，包括问号后面的参数。",
        ),
        Err(_) => Finding::warn("从这台服务器打不开公众号回调地址。", "先解决 public_url 的问题。"),
    }
}

pub(super) async fn wechat_token(app: &App) -> Finding {
    let Some(account) = app.account() else { return Finding::off("没有配置公众号。") };
    // The platform answers the token that is good already: asking costs nothing.
    match account.stable_token().await {
        Ok(_) => Finding::good("公众号凭据可用，本机 IP 在白名单内。"),
        Err(AccountError::Config { errcode }) => Finding::bad(
            format!("微信拒绝了公众号凭据（errcode {errcode}）。"),
            match errcode {
                40164 | 61004 => "请把本机的公网 IP 加到公众平台“IP 白名单”。",
                40125 | 40001 => "请核对 wechat.app_secret。",
                40013 => "请核对 wechat.app_id。",
                _ => "请在公众平台核对 AppID、AppSecret 和 IP 白名单。",
            },
        ),
        Err(AccountError::Quota { errcode }) => Finding::warn(
            format!("今天获取凭据的次数用完了（errcode {errcode}）。"),
            "请检查是否有别的程序在用同一个公众号。",
        ),
        Err(error) => {
            tracing::warn!(%error, "no token");
            Finding::bad("微信没有给出凭据。", "请检查本机能否访问 api.weixin.qq.com。")
        }
    }
}

/// Our clock against the one in WeChat's answers.
pub(super) async fn clock(app: &App) -> Finding {
    let far = &app.config().wechat.api_base;
    let Some(http) = client() else { return Finding::bad("TLS 不可用。", "请重新安装本程序。") };
    let sent = app.now();
    let Ok(answer) = http.head(far).send().await else {
        return Finding::warn(format!("{far} 没有回答，无法对时。"), "请检查本机网络和 DNS。");
    };
    let date = answer.headers().get(header::DATE).and_then(|value| value.to_str().ok());
    let theirs = date.and_then(|text| jiff::fmt::rfc2822::parse(text).ok());
    let Some(theirs) = theirs else { return Finding::off(format!("{far} 没有说现在几点。")) };
    // Their time has whole seconds and is from the middle of the question.
    let middle = sent + (app.now() - sent) / 2;
    let off = (middle - theirs.timestamp().as_millisecond() - 500).abs();
    let says = format!("本机时钟与微信相差约 {} 秒。", off / 1000);
    match off {
        SKEW_BAD.. => Finding::bad(says, "请打开时间同步（timedatectl set-ntp true）。"),
        SKEW_WARN.. => Finding::warn(says, "请打开时间同步（timedatectl set-ntp true）。"),
        _ => Finding::good(says),
    }
}

/// Asks for a number that nobody has: whoever can ask can also pay. The worst of the configured channels counts.
pub(super) async fn payer(app: &App) -> Finding {
    let probes = match payout::probe(app).await {
        Ok(probes) => probes,
        Err(error) => {
            let todo = "请检查 [pay] 或 [transfer] 的证书和密钥。";
            return Finding::bad(format!("付款渠道打不开：{error:#}"), todo);
        }
    };
    let found = probes.iter().map(|probe| read(probe, app.config().sandbox.enabled));
    found
        .max_by_key(|finding| finding.state)
        .unwrap_or_else(|| Finding::off("没有配置商户：奖金只登记，不发放。"))
}

fn read(probe: &Probe, sandbox_allowed: bool) -> Finding {
    match probe {
        Probe::Silent => Finding::bad("微信支付没有回答。", "请检查本机能否访问 api.mch.weixin.qq.com。"),
        Probe::Answered { code, cause, .. } if code != "NOT_FOUND" => {
            Finding::bad(format!("微信支付回答 {code}。{cause}"), "请按提示修改，然后重新检查。")
        }
        Probe::Answered { sandbox: false, .. } => {
            Finding::good("微信支付认可本商户的证书和密钥。余额请在商户平台查看，并先试发一个红包。")
        }
        Probe::Answered { .. } if sandbox_allowed => {
            Finding::warn("付款走沙箱，不会真的付款。", "正式活动前请改回微信支付。")
        }
        Probe::Answered { .. } => {
            Finding::bad("pay.api_base 指向沙箱，不会真的付款。", "请改回 https://api.mch.weixin.qq.com。")
        }
    }
}

/// Fewer messages than this are no evening.
const FEW_MESSAGES: i64 = 500;

pub(super) async fn sms(app: &App) -> Finding {
    let sms = &app.config().sms;
    let name = match sms.provider {
        SmsProvider::Log => {
            return Finding::bad("短信验证码只写进日志。", "请配置 sms.provider 为 aliyun 或 tencent。");
        }
        SmsProvider::Aliyun => "阿里云",
        SmsProvider::Tencent => "腾讯云",
    };
    if sms.sign_name.is_empty() || sms.template.is_empty() {
        return Finding::bad(format!("{name}短信缺少签名或模板。"), "请填写 sms.sign_name 和 sms.template。");
    }
    match app.sms().left(app.now()).await {
        Ok(Some(left)) if left < FEW_MESSAGES => Finding::warn(
            format!("{name}短信套餐还剩 {left} 条。"),
            "人多时可能不够：请在控制台购买套餐，或确认已开通后付费。",
        ),
        Ok(Some(left)) => Finding::good(format!("{name}短信套餐还剩 {left} 条。请用自己的手机绑定一次。")),
        // Aliyun's interface for SMS does not tell it, and who pays afterwards has no package.
        Ok(None) => Finding::good(format!(
            "{name}短信已配置，接口没有说余额：请在控制台查看，并用自己的手机绑定一次。"
        )),
        Err(error) => {
            tracing::warn!(%error, "the provider of SMS does not tell what is left");
            Finding::warn(
                format!("{name}没有说短信套餐还剩多少。"),
                "请核对 sms.access_key 与 secret（子账号须有查询短信统计的权限），并在控制台查看余额。",
            )
        }
    }
}
