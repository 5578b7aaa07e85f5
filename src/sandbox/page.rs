//! The sandbox's pages: plain HTML in Chinese without scripts, loud about being a sandbox.

use std::fmt::Write as _;

use super::account::Authorize;
use super::books::{Packet, Status};
use super::crowd::Progress;
use super::page_faults;
use super::people::Person;
use super::state::{Entry, Sandbox};
use crate::clock::{Ms, beijing_words};

/// So many rows of each table are shown.
const ROWS: usize = 50;

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;margin:0;background:#fffbe6;color:#222}\
    header{background:#b45309;color:#fff;padding:12px 20px}h1{font-size:20px;margin:0}\
    main{padding:12px 20px;max-width:1200px;margin:auto}h2{font-size:17px;margin:24px 0 6px}\
    .wide{overflow-x:auto}table{border-collapse:collapse;width:100%;background:#fff}th,td{border:1px solid #e5d8b0;\
    padding:4px 8px;text-align:left;min-width:4em;overflow-wrap:anywhere}th{background:#fdf3d0;white-space:nowrap}\
    input,select{font:inherit;padding:4px 6px;border:1px solid #d6c48a;border-radius:4px;background:#fff;max-width:100%;\
    box-sizing:border-box}input[type=number],input[name=yuan]{width:6em}button,.b{font:inherit;padding:4px 12px;\
    border:1px solid #b45309;background:#fff;color:#92400e;border-radius:4px;cursor:pointer;text-decoration:none;\
    display:inline-block;margin:2px}form{display:flex;flex-wrap:wrap;gap:6px 12px;align-items:center;margin:6px 0}\
    td form{display:inline}label{max-width:100%}code{background:#fdf3d0;padding:0 4px}";

/// Text for HTML, in elements and in quoted attributes.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

fn frame(title: &str, body: &str) -> String {
    let title = escape(title);
    format!(
        "<!doctype html><html lang=\"zh-CN\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <link rel=\"icon\" href=\"data:,\">\
         <title>【沙箱】{title}</title><style>{STYLE}</style></head><body>\
         <header><h1>【沙箱】{title}</h1>这里是微信、微信支付和短信的替身：没有真钱，没有真人。</header>\
         <main>{body}</main></body></html>"
    )
}

/// A page with one sentence.
pub(super) fn message(title: &str, text: &str) -> String {
    frame(title, &format!("<p>{}</p><p><a class=\"b\" href=\"/sandbox\">回到沙箱首页</a></p>", escape(text)))
}

/// The page of the web authorization: who is holding this phone?
pub(super) fn who_are_you(asked: &Authorize, people: &[Person]) -> String {
    let mut hidden = String::new();
    for (name, value) in [
        ("appid", &asked.appid),
        ("redirect_uri", &asked.redirect_uri),
        ("response_type", &asked.response_type),
        ("scope", &asked.scope),
        ("state", &asked.state),
    ] {
        // Writing to a String cannot fail.
        let _ = write!(hidden, "<input type=\"hidden\" name=\"{name}\" value=\"{}\">", escape(value));
    }
    let mut body = String::from("<p>网页授权：请选择这部手机是谁的。</p>");
    let _ = write!(
        body,
        "<form method=\"get\" action=\"/connect/oauth2/authorize\">{hidden}\
         <input type=\"hidden\" name=\"follow\" value=\"1\"><label>新的人：<input name=\"name\" required \
         maxlength=\"20\" placeholder=\"姓名\"></label> <button>新建并继续</button></form><h2>已有的人</h2>"
    );
    let _ = write!(body, "<form method=\"get\" action=\"/connect/oauth2/authorize\">{hidden}");
    for person in people {
        let _ = write!(
            body,
            "<button name=\"as\" value=\"{}\">{} {}</button>",
            escape(&person.openid),
            escape(&person.name),
            escape(&person.phone)
        );
    }
    body.push_str("</form>");
    frame("网页授权：你是谁", &body)
}

/// The page that stands for WeChat's own, where the receiver confirms a transfer.
pub(super) fn confirm(packet: &Packet, package: &str) -> String {
    let amount = format!("{}.{:02} 元", packet.amount_fen / 100, packet.amount_fen % 100);
    let state = match packet.status {
        Status::WaitUserConfirm => format!(
            "<form method=\"post\" action=\"/sandbox/form/confirm/{}\"><button>确认收款</button></form>",
            escape(package)
        ),
        Status::Received => "<p>已收款。</p>".to_owned(),
        _ => "<p>这笔转账已经关闭，不能再确认。</p>".to_owned(),
    };
    frame("确认收款", &format!("<p>{}</p><p>{amount}</p>{state}", escape(&packet.remark)))
}

/// What every far end received.
pub(super) fn overview(sandbox: &Sandbox, meeting: &str) -> String {
    let now = sandbox.now();
    let (packets, sms, people, messages, callbacks, faults, balance, crowd) = sandbox.with(|inner| {
        (
            inner.books.list(now + inner.settings.clock_ahead_ms),
            inner.sms.find(None),
            inner.people.all().cloned().collect::<Vec<_>>(),
            inner.messages.iter().cloned().collect::<Vec<_>>(),
            inner.callbacks.iter().cloned().collect::<Vec<_>>(),
            inner.faults.clone(),
            inner.settings.balance_fen,
            inner.crowd.clone(),
        )
    });
    let mut body = if sandbox.config.crowd.is_empty() { String::new() } else { crowd_form(&crowd, meeting) };
    // What changes the evening first; below it the books, which grow long.
    body.push_str(&page_faults::section(&faults, balance));
    body.push_str(&packet_table(&packets));
    let rows = sms.iter().rev().map(|sms| {
        vec![
            time(sms.at_ms),
            escape(&sms.phone),
            escape(&sms.sign_name),
            format!("<code>{}</code>", escape(&sms.code)),
        ]
    });
    body.push_str(&table("短信", sms.len(), &["时间", "手机", "签名", "验证码"], rows));
    body.push_str(&people_table(&people));
    body.push_str(&log_table("回调（公众号 → 我们）", &callbacks));
    body.push_str(&log_table("消息（我们 → 用户）", &messages));
    frame("微信、支付、短信的替身", &body)
}

/// Lets people of the demo roster come in: they follow, log in, bind and tap like real phones.
fn crowd_form(crowd: &Progress, meeting: &str) -> String {
    let mut out = format!(
        "<h2>让示例人员入场</h2><form method=\"post\" action=\"/sandbox/form/crowd\">\
         <label>活动编号 <input name=\"meeting\" required value=\"{}\"></label> \
         <label>人数 <input name=\"count\" type=\"number\" min=\"1\" max=\"300\" value=\"60\"></label> \
         <button>关注、绑定并入场</button></form>",
        escape(meeting)
    );
    if crowd.wanted > 0 {
        // Writing to a String cannot fail.
        let _ = write!(
            out,
            "<p>{}：{} 人中已绑定 {}，失败 {} {}；为抽奖点击 {} 次。</p>",
            if crowd.running { "正在入场" } else { "入场完毕" },
            crowd.wanted,
            crowd.bound,
            crowd.failed,
            escape(&crowd.last_error),
            crowd.taps
        );
    }
    out
}

fn time(ms: Ms) -> String {
    beijing_words(ms)
}

pub(super) fn table(
    title: &str,
    total: usize,
    heads: &[&str],
    rows: impl Iterator<Item = Vec<String>>,
) -> String {
    let mut out = format!("<h2>{}（{total}）</h2><div class=\"wide\"><table><tr>", escape(title));
    for head in heads {
        let _ = write!(out, "<th>{head}</th>");
    }
    out.push_str("</tr>");
    for row in rows.take(ROWS) {
        out.push_str("<tr>");
        for cell in row {
            let _ = write!(out, "<td>{cell}</td>");
        }
        out.push_str("</tr>");
    }
    out.push_str("</table></div>");
    out
}

fn packet_table(packets: &[Packet]) -> String {
    let rows = packets.iter().rev().map(|packet| {
        let status = match packet.status {
            Status::Sending => "发放中",
            Status::WaitUserConfirm => "等待收款人确认",
            Status::Cancelled => "已撤销",
            Status::Sent => "已发放，待领取",
            Status::Received => "已领取",
            Status::Failed => "发放失败",
            Status::RfundIng => "退款中",
            Status::Refund => "已退款",
        };
        let button = |word: &str| {
            let bill_no = escape(&packet.bill_no);
            format!(
                "<form method=\"post\" action=\"/sandbox/form/open/{bill_no}\"><button>{word}</button></form>"
            )
        };
        let button = match packet.status {
            Status::Sent => button("拆开"),
            Status::WaitUserConfirm => button("确认收款"),
            _ => String::new(),
        };
        let kind = if packet.transfer.is_some() { "商家转账" } else { "红包" };
        vec![
            time(packet.created_ms),
            kind.to_owned(),
            escape(&packet.bill_no),
            escape(&packet.openid),
            format!("{}.{:02} 元", packet.amount_fen / 100, packet.amount_fen % 100),
            format!("{status} {}", escape(&packet.reason)),
            escape(&packet.wishing),
            button,
        ]
    });
    table(
        "红包与转账",
        packets.len(),
        &["时间", "种类", "商户单号", "openid", "金额", "状态", "祝福语", ""],
        rows,
    )
}

fn people_table(people: &[Person]) -> String {
    let rows = people.iter().map(|person| {
        let (state, button) = if person.subscribe { ("已关注", "取消关注") } else { ("未关注", "关注") };
        let openid = escape(&person.openid);
        vec![
            escape(&person.name),
            escape(&person.phone),
            openid.clone(),
            state.to_owned(),
            format!(
                "<form method=\"post\" action=\"/sandbox/form/follow/{openid}\"><button>{button}</button></form>"
            ),
        ]
    });
    table("人", people.len(), &["姓名", "手机", "openid", "关注", ""], rows)
}

fn log_table(title: &str, entries: &[Entry]) -> String {
    let rows = entries.iter().rev().map(|entry| {
        vec![
            time(entry.at_ms),
            escape(&entry.openid),
            escape(&entry.kind),
            escape(&entry.content.to_string()),
        ]
    });
    table(title, entries.len(), &["时间", "openid", "种类", "内容"], rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_loud_and_texts_harmless() {
        let page = message("回调没有送达", "<script>\"'&");
        assert!(page.contains("<title>【沙箱】回调没有送达</title>"));
        assert!(page.contains("&lt;script&gt;&quot;&#39;&amp;"));
        assert!(!page.contains("<script"));
    }
}
