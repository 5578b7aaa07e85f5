//! Whether our address, the proxy in front, the certificate and WeChat's files fit together: asked from outside, as a phone
//! does.

use std::net::SocketAddr;

use reqwest::tls::TlsInfo;
use subtle::ConstantTimeEq;

use super::{
    Finding,
    far::{builder, own},
};
use crate::{app::App, clock::Ms, keys::Purpose, wechat::tls, wire::Seen};

const DAY_MS: Ms = 86_400_000;
/// Let's Encrypt renews thirty days before the end: with fewer left the renewal does not work.
const CERTIFICATE_DAYS: i64 = 20;
/// A question that we ask ourselves is answered for so long.
const PROBE_MS: Ms = 60_000;

pub(super) async fn public_url(app: &App) -> Finding {
    let url = app.config().origin();
    match own(app, "/healthz").await {
        Ok((200, text)) if text.contains("ok") => Finding::good(format!("{url} 可以打开。")),
        Ok((status, _)) => Finding::bad(
            format!("{url} 回答 {status}，不是本程序。"),
            "请检查 server.public_url 和反向代理指向的端口。",
        ),
        Err(error) => Finding::warn(
            format!("从这台服务器打不开 {url}：{error}"),
            "请用手机流量打开一次；若打不开，检查域名、证书、防火墙和反向代理。",
        ),
    }
}

/// Nobody but who has the master key can ask what we see of a caller.
fn proof(app: &App, at: Ms) -> [u8; 32] {
    app.keys().mac(Purpose::Probe, &[at.to_string().as_bytes()])
}

/// Whether a question is our own, and not an old one.
pub(super) fn is_own(app: &App, at: Ms, mac: &str) -> bool {
    let fresh = at.abs_diff(app.now()) < PROBE_MS.unsigned_abs();
    let right = hex::decode(mac).is_ok_and(|mac| bool::from(mac.ct_eq(&proof(app, at))));
    fresh && right
}

/// What a question looks like from here.
pub(super) fn seen(app: &App, peer: SocketAddr, headers: &::http::HeaderMap) -> Seen {
    let peer = peer.ip();
    Seen {
        peer: peer.to_string(),
        trusted: app.config().server.trusted_proxies.contains(&peer),
        forwarded: headers.contains_key("x-forwarded-for"),
    }
}

/// The proxy in front: whether it is there, whether we believe it, whether it tells who asks.
pub(super) async fn proxy(app: &App) -> Finding {
    let at = app.now();
    let path = format!("/api/checks/seen?at={at}&mac={}", hex::encode(proof(app, at)));
    let Ok((status, text)) = own(app, &path).await else {
        return Finding::off("打不开公网地址，看不到前面的反向代理。");
    };
    if status == 403 {
        return Finding::bad(
            "公网地址后面的服务器用的是另一个主密钥，或时钟不同。",
            "请检查反向代理指向的是这套服务器，各台的 master.key 相同、时间同步。",
        );
    }
    match serde_json::from_str::<Seen>(&text) {
        Ok(seen) if status == 200 => judge_proxy(&seen, app.config().secure_cookies()),
        _ => Finding::bad(
            format!("公网地址回答 {status}，不是本程序。"),
            "请检查 server.public_url 和反向代理指向的端口。",
        ),
    }
}

fn judge_proxy(seen: &Seen, https: bool) -> Finding {
    let peer = &seen.peer;
    match (seen.forwarded, seen.trusted) {
        (true, true) => Finding::good(format!("反向代理 {peer} 可信，看得到访客自己的地址。")),
        (true, false) => Finding::warn(
            format!("反向代理 {peer} 不在 server.trusted_proxies 里：所有访客看起来是同一个地址。"),
            "请把这个地址加进 server.trusted_proxies，然后重启。",
        ),
        // We speak no TLS ourselves: somebody in front does.
        (false, _) if https || seen.trusted => Finding::warn(
            format!("反向代理 {peer} 没有转达访客的地址：所有访客看起来是同一个地址。"),
            "请让反向代理设置 X-Forwarded-For（见 deploy/nginx.conf）。",
        ),
        (false, _) => Finding::good("前面没有反向代理。"),
    }
}

/// WeChat's files in `data.dir/domain`, fetched as WeChat does.
pub(super) async fn domain_files(app: &App) -> Finding {
    let folder = app.config().data.dir.join("domain");
    let mut names = Vec::new();
    for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
        names.extend(entry.file_name().into_string());
    }
    names.retain(|name| !name.starts_with('.'));
    names.sort();
    if names.is_empty() {
        return Finding::off(format!(
            "{} 里没有微信的校验文件（MP_verify_….txt）；网页授权域名是否填对，只能用手机在微信里打开一次来核对。",
            folder.display()
        ));
    }
    for name in &names {
        let wanted = std::fs::read(folder.join(name)).unwrap_or_default();
        match own(app, &format!("/{name}")).await {
            Ok((200, text)) if !wanted.is_empty() && text.as_bytes() == wanted => {}
            Ok((status, _)) => {
                return Finding::bad(
                    format!("微信取不到校验文件 {name}：公网地址回答 {status}，或内容不同。"),
                    "请检查文件名和读权限（须属于 kaijiang 用户），每台服务器都要放，反向代理也要转这个地址。",
                );
            }
            Err(_) => {
                return Finding::warn("从这台服务器取不到微信的校验文件。", "先解决 public_url 的问题。");
            }
        }
    }
    let names = names.join("、");
    Finding::good(format!("微信能取到校验文件 {names}。网页授权域名请用手机在微信里打开一次来核对。"))
}

/// The certificate that phones see, whoever holds it.
pub(super) async fn certificate(app: &App) -> Finding {
    if !app.config().secure_cookies() {
        return Finding::off("公网地址不是 https，没有证书。");
    }
    // One that has ended is looked at, too: nothing else is asked over this connection.
    let http = builder().tls_info(true).tls_danger_accept_invalid_certs(true).build();
    let Ok(http) = http else { return Finding::bad("TLS 不可用。", "请重新安装本程序。") };
    let answer = http.get(format!("{}/healthz", app.config().origin())).send().await;
    let end = answer.ok().and_then(|answer| {
        let info = answer.extensions().get::<TlsInfo>()?;
        tls::ends_ms(info.peer_certificate()?).ok()
    });
    match end {
        Some(end) => judge_certificate(end - app.now()),
        None => Finding::warn("看不到公网地址的证书。", "先解决 public_url 的问题。"),
    }
}

fn judge_certificate(left: Ms) -> Finding {
    const RENEW: &str = "请更新网站证书（certbot renew，然后让 nginx 重新载入），并检查自动续期。";
    let days = left / DAY_MS;
    if left <= 0 {
        return Finding::bad("网站证书已经过期：手机打不开。", RENEW);
    }
    if days < CERTIFICATE_DAYS {
        return Finding::warn(format!("网站证书还有 {days} 天到期，没有自动续期。"), RENEW);
    }
    Finding::good(format!("网站证书还有 {days} 天到期。"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::CheckState::{Bad, Good, Warn};

    #[test]
    fn a_certificate_is_told_of_before_it_ends() {
        let state = |days: i64| judge_certificate(days * DAY_MS + 1).state;
        assert_eq!([state(-1), state(0), state(19), state(20), state(80)], [Bad, Warn, Warn, Good, Good]);
    }

    #[test]
    fn a_proxy_is_believed_only_when_both_sides_say_so() {
        let state = |forwarded, trusted, https| {
            judge_proxy(&Seen { peer: "10.0.0.9".into(), trusted, forwarded }, https).state
        };
        assert_eq!(state(true, true, true), Good);
        assert_eq!(state(true, false, true), Warn, "it is not in trusted_proxies");
        assert_eq!(state(false, true, true), Warn, "it does not tell who asks");
        assert_eq!(state(false, false, true), Warn, "somebody ends TLS and says nothing");
        assert_eq!(state(false, false, false), Good, "nobody is in front");
    }
}
