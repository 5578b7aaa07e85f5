//! The sandbox's pages: plain HTML in Chinese or English without scripts, loud about being a sandbox.

use std::fmt::Write as _;

use super::account::Authorize;
use super::books::{Packet, Status};
use super::crowd::Progress;
use super::lang::Lang;
use super::page_faults;
use super::people::Person;
use super::state::{Entry, Sandbox};
use crate::clock::{Ms, beijing_words};

/// So many rows of each table are shown.
const ROWS: usize = 50;

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;margin:0;background:#fffbe6;color:#222}\
    header{background:#b45309;color:#fff;padding:12px 20px}\
    header a{color:#fff;float:right}h1{font-size:20px;margin:0}\
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

fn frame(lang: Lang, title: &str, body: &str) -> String {
    let title = escape(title);
    let (name, words) = (
        lang.say("【沙箱】", "[Sandbox] "),
        lang.say(
            "这里是微信、微信支付和短信的替身：没有真钱，没有真人。",
            "This stands in for WeChat, WeChat Pay and SMS: no real money, no real people.",
        ),
    );
    let ((other, called), tag) = (lang.switch(), lang.tag());
    format!(
        "<!doctype html><html lang=\"{tag}\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <link rel=\"icon\" href=\"data:,\">\
         <title>{name}{title}</title><style>{STYLE}</style></head><body>\
         <header><a href=\"/sandbox?lang={other}\" lang=\"{other}\">{called}</a><h1>{name}{title}</h1>{words}</header>\
         <main>{body}</main></body></html>"
    )
}

/// A page with one sentence.
pub(super) fn message(lang: Lang, title: &str, text: &str) -> String {
    let back = lang.say("回到沙箱首页", "Back to the sandbox");
    frame(lang, title, &format!("<p>{}</p><p><a class=\"b\" href=\"/sandbox\">{back}</a></p>", escape(text)))
}

/// The page of the web authorization: who is holding this phone?
pub(super) fn who_are_you(lang: Lang, asked: &Authorize, people: &[Person]) -> String {
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
    let mut body = format!(
        "<p>{}</p>",
        lang.say("网页授权：请选择这部手机是谁的。", "WeChat's log-in: whose phone is this?")
    );
    let (new, name, go, known) = (
        lang.say("新的人：", "Somebody new: "),
        lang.say("姓名", "Name"),
        lang.say("新建并继续", "Make and go on"),
        lang.say("已有的人", "People who are here"),
    );
    let _ = write!(
        body,
        "<form method=\"get\" action=\"/connect/oauth2/authorize\">{hidden}\
         <input type=\"hidden\" name=\"follow\" value=\"1\"><label>{new}<input name=\"name\" required \
         maxlength=\"20\" placeholder=\"{name}\"></label> <button>{go}</button></form><h2>{known}</h2>"
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
    frame(lang, lang.say("网页授权：你是谁", "Log-in: who are you?"), &body)
}

/// The page that stands for WeChat's own, where the receiver confirms a transfer.
pub(super) fn confirm(lang: Lang, packet: &Packet, package: &str) -> String {
    let amount = money(lang, packet.amount_fen);
    let title = lang.say("确认收款", "Confirm receipt");
    let state = match packet.status {
        Status::WaitUserConfirm => format!(
            "<form method=\"post\" action=\"/sandbox/form/confirm/{}\"><button>{title}</button></form>",
            escape(package)
        ),
        Status::Received => format!("<p>{}</p>", lang.say("已收款。", "Received.")),
        _ => {
            let words = lang.say(
                "这笔转账已经关闭，不能再确认。",
                "This transfer is closed and cannot be confirmed any more.",
            );
            format!("<p>{words}</p>")
        }
    };
    frame(lang, title, &format!("<p>{}</p><p>{amount}</p>{state}", escape(&packet.remark)))
}

/// What every far end received. `proposed` is the meeting of the crowd's form; empty = where the last crowd went.
pub(super) fn overview(lang: Lang, sandbox: &Sandbox, proposed: &str) -> String {
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
    let meeting = if proposed.is_empty() { &crowd.meeting } else { proposed };
    let mut body =
        if sandbox.config.crowd.is_empty() { String::new() } else { crowd_form(lang, &crowd, meeting) };
    // What changes the evening first; below it the books, which grow long.
    body.push_str(&page_faults::section(lang, &faults, balance));
    body.push_str(&packet_table(lang, &packets));
    let rows = sms.iter().rev().map(|sms| {
        vec![
            time(lang, sms.at_ms),
            escape(&sms.phone),
            escape(&sms.sign_name),
            format!("<code>{}</code>", escape(&sms.code)),
        ]
    });
    let heads = lang.say("时间|手机|签名|验证码", "Time|Phone|Signature|Code");
    body.push_str(&table(lang.say("短信", "SMS"), sms.len(), heads, rows));
    body.push_str(&people_table(lang, &people));
    let (came, went) = (
        lang.say("回调（公众号 → 我们）", "Callbacks (service account → us)"),
        lang.say("消息（我们 → 用户）", "Messages (us → people)"),
    );
    body.push_str(&log_table(lang, came, &callbacks));
    body.push_str(&log_table(lang, went, &messages));
    frame(lang, lang.say("微信、支付、短信的替身", "Stand-in for WeChat, payments and SMS"), &body)
}

/// Lets people of the demo roster come in: they follow, log in, bind and tap like real phones.
fn crowd_form(lang: Lang, crowd: &Progress, meeting: &str) -> String {
    let (title, which, many, go) = (
        lang.say("让示例人员入场", "Let the sample people come in"),
        lang.say("活动编号", "Meeting"),
        lang.say("人数", "How many"),
        lang.say("关注、绑定并入场", "Follow, bind and come in"),
    );
    let mut out = format!(
        "<h2>{title}</h2><form method=\"post\" action=\"/sandbox/form/crowd\">\
         <label>{which} <input name=\"meeting\" required value=\"{}\"></label> \
         <label>{many} <input name=\"count\" type=\"number\" min=\"1\" max=\"300\" value=\"60\"></label> \
         <button>{go}</button></form>",
        escape(meeting)
    );
    if crowd.wanted > 0 {
        let state = if crowd.running {
            lang.say("正在入场", "Coming in")
        } else {
            lang.say("入场完毕", "All came in")
        };
        let (wanted, bound, failed, taps) = (crowd.wanted, crowd.bound, crowd.failed, crowd.taps);
        let error = escape(&crowd.last_error);
        let told = match lang {
            Lang::Zh => {
                format!("{state}：{wanted} 人中已绑定 {bound}，失败 {failed} {error}；为抽奖点击 {taps} 次。")
            }
            Lang::En => {
                format!("{state}: {bound} of {wanted} bound, {failed} failed {error}; {taps} taps for draws.")
            }
        };
        // Writing to a String cannot fail.
        let _ = write!(out, "<p>{told}</p>");
    }
    out
}

fn time(lang: Lang, ms: Ms) -> String {
    let words = beijing_words(ms);
    match lang {
        Lang::Zh => words,
        Lang::En => words.replace('月', "/").replace('日', ""),
    }
}

fn money(lang: Lang, fen: i64) -> String {
    let yuan = format!("{}.{:02}", fen / 100, fen % 100);
    match lang {
        Lang::Zh => format!("{yuan} 元"),
        Lang::En => format!("¥{yuan}"),
    }
}

/// `heads`: the columns' names between bars.
pub(super) fn table(
    title: &str,
    total: usize,
    heads: &str,
    rows: impl Iterator<Item = Vec<String>>,
) -> String {
    let mut out = format!("<h2>{} ({total})</h2><div class=\"wide\"><table><tr>", escape(title));
    for head in heads.split('|') {
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

fn packet_table(lang: Lang, packets: &[Packet]) -> String {
    let rows = packets.iter().rev().map(|packet| {
        let status = status_words(lang, packet.status);
        let button = |word: &str| {
            let bill_no = escape(&packet.bill_no);
            format!(
                "<form method=\"post\" action=\"/sandbox/form/open/{bill_no}\"><button>{word}</button></form>"
            )
        };
        let button = match packet.status {
            Status::Sent => button(lang.say("拆开", "Open")),
            Status::WaitUserConfirm => button(lang.say("确认收款", "Confirm receipt")),
            _ => String::new(),
        };
        let kind = if packet.transfer.is_some() {
            lang.say("商家转账", "transfer")
        } else {
            lang.say("红包", "red packet")
        };
        vec![
            time(lang, packet.created_ms),
            kind.to_owned(),
            escape(&packet.bill_no),
            escape(&packet.openid),
            money(lang, packet.amount_fen),
            format!("{status} {}", escape(&packet.reason)),
            escape(&packet.wishing),
            button,
        ]
    });
    let heads = lang.say(
        "时间|种类|商户单号|openid|金额|状态|祝福语|",
        "Time|Kind|Bill number|openid|Amount|State|Wishes|",
    );
    table(lang.say("红包与转账", "Red packets and transfers"), packets.len(), heads, rows)
}

fn status_words(lang: Lang, status: Status) -> &'static str {
    match status {
        Status::Sending => lang.say("发放中", "being sent"),
        Status::WaitUserConfirm => lang.say("等待收款人确认", "waits for its receiver"),
        Status::Cancelled => lang.say("已撤销", "cancelled"),
        Status::Sent => lang.say("已发放，待领取", "sent, not opened"),
        Status::Received => lang.say("已领取", "received"),
        Status::Failed => lang.say("发放失败", "failed"),
        Status::RfundIng => lang.say("退款中", "going back"),
        Status::Refund => lang.say("已退款", "went back"),
    }
}

fn people_table(lang: Lang, people: &[Person]) -> String {
    let rows = people.iter().map(|person| {
        let (state, button) = if person.subscribe {
            (lang.say("已关注", "yes"), lang.say("取消关注", "Stop following"))
        } else {
            (lang.say("未关注", "no"), lang.say("关注", "Follow"))
        };
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
    let heads = lang.say("姓名|手机|openid|关注|", "Name|Phone|openid|Follows|");
    table(lang.say("人", "People"), people.len(), heads, rows)
}

fn log_table(lang: Lang, title: &str, entries: &[Entry]) -> String {
    let rows = entries.iter().rev().map(|entry| {
        vec![
            time(lang, entry.at_ms),
            escape(&entry.openid),
            escape(&entry.kind),
            escape(&entry.content.to_string()),
        ]
    });
    table(title, entries.len(), lang.say("时间|openid|种类|内容", "Time|openid|Kind|Content"), rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_loud_and_texts_harmless() {
        let page = message(Lang::Zh, "回调没有送达", "<script>\"'&");
        assert!(page.contains("<title>【沙箱】回调没有送达</title>"));
        assert!(page.contains("&lt;script&gt;&quot;&#39;&amp;"));
        assert!(!page.contains("<script"));
    }
}
