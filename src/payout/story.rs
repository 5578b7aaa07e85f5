//! What happens next with a packet or an award, in Chinese, for people who do not know the payer's codes.

use crate::{
    clock::{DAY, Ms, beijing_words},
    wire::{AwardKind, AwardOrigin, AwardState, PacketState},
};

use super::{awards::NEVER, codes};

/// What a packet's sentences are made of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Told<'a> {
    pub(super) state: PacketState,
    pub(super) reason: &'a str,
    pub(super) next_at: Ms,
    pub(super) created_at: Ms,
    pub(super) sent_at: Option<Ms>,
    pub(super) updated_at: Ms,
    pub(super) confirm_until: Ms,
    pub(super) sends: i64,
    pub(super) queries: i64,
    pub(super) origin: AwardOrigin,
}

/// The story so far, oldest first.
pub(super) fn packet(told: Told<'_>) -> Vec<String> {
    let why = match told.origin {
        AwardOrigin::Draw => "中奖确认",
        AwardOrigin::Trial => "财务试发",
        AwardOrigin::Voucher => "凭证审核通过",
        AwardOrigin::Referral => "推荐奖励到期",
    };
    let mut story = vec![format!("{} {why}，红包进入队列。", beijing_words(told.created_at))];
    if told.sends > 0 {
        story.push(format!("已用同一单号提交 {} 次，查询 {} 次。", told.sends, told.queries));
    }
    if let Some(sent) = told.sent_at {
        story.push(format!("{} 微信确认已发放。", beijing_words(sent)));
    }
    story.push(now(told));
    story
}

fn now(told: Told<'_>) -> String {
    let again = if told.next_at == NEVER || told.next_at == 0 {
        String::new()
    } else {
        format!("下次处理时间 {}。", beijing_words(told.next_at))
    };
    let reason = reason(told.reason);
    match told.state {
        PacketState::Queued | PacketState::Reserved => format!("等待发送。{reason}"),
        PacketState::Sending => "正在发送。".into(),
        PacketState::Confirming => {
            let until = match told.confirm_until {
                0 => String::new(),
                until => format!("{} 前", beijing_words(until)),
            };
            format!(
                "微信已受理，还没有付款：等待本人{until}在微信里确认收款，逾期由微信关闭。{reason}{again}"
            )
        }
        PacketState::Sent => {
            let until = told.sent_at.map_or(told.updated_at, |sent| sent + DAY);
            format!("等待领取，{} 前未领取将自动退回。", beijing_words(until))
        }
        PacketState::Failed if told.reason == "lapsed" => {
            "本人没有按时确认，或微信没有放行（原因见最后一次查询的原始回答）；转账已关闭，没有付款，金额已释放。".into()
        }
        PacketState::Received => format!("{} 已领取。", beijing_words(told.updated_at)),
        PacketState::Held => format!("暂缓发送：{reason}{again}"),
        PacketState::Unknown => format!("结果待确认，正在用原单号查询或重试，不会重复付款。{reason}{again}"),
        PacketState::Blocked => format!("微信暂未受理，金额仍为该收款人保留。{reason}{again}"),
        PacketState::Refused if told.sends == 0 => {
            format!("多日重试仍不满足条件，从未发出，请财务处理后再试。{reason}")
        }
        PacketState::Refused => format!("微信明确拒绝，没有付款，请财务处理。{reason}"),
        PacketState::Refunded => "超过 24 小时未领取，款项已退回。".into(),
        PacketState::Failed => "微信确认未付款，金额已释放。".into(),
        PacketState::Cancelled => "已取消，没有付款。".into(),
        PacketState::NeedsHuman if told.reason == "NOT_FOUND" => format!(
            "需要财务处理，金额仍保留：微信一直查不到这个单号，这不证明没有付款。可以用原单号再发一次（最多付一次）；不再发的，满 24 小时后人工认定没有付款。{again}"
        ),
        PacketState::NeedsHuman => format!("需要财务人工核对，金额仍保留。{reason}{again}"),
    }
}

/// A stored reason in words; the code itself when it is one of the payer's that has no words here.
fn reason(code: &str) -> String {
    let words = match code {
        "" => "",
        "NOT_FOUND" => "微信查不到这个单号。",
        "sending" => "微信显示发放中。",
        "stuck" => "微信已受理但没有放行，原因见最后一次查询的原始回答。",
        "status" => "微信给出了不认识的状态，见最后一次查询的原始回答。",
        "resume" => "发送恢复后用原单号重发。",
        "refunding" => "没有领取，正在退回。",
        "failed" => "微信确认发放失败。",
        "reissued" => "已换新单号重发。",
        "day_limit" => "该收款人今日红包已达上限，次日自动发送。",
        "merchant_day" => "今日全部活动的发放总额已达上限（limits.merchant_day_amount），次日自动发送。",
        "no_openid" => "该收款人尚未绑定微信，绑定后自动发送。",
        "not_following" => "该收款人未关注公众号，关注后自动发送。",
        "follow_check" => "暂时无法确认是否关注公众号，稍后重试。",
        "channel_range" => "商家转账每笔须在 0.10 元到 1,999.99 元之间，请取消后改用红包预算。",
        "NO_TICKET" => "还没有取得收款凭证，正在用原单号重取。",
        "amount_range" => "金额超出当前配置的红包范围，请检查 limits 配置。",
        "suspended" => "该席位已被搁置，恢复“到场”后继续。",
        "replaced" => "该席位已被重抽或作废。",
        "by_hand" => "由财务取消。",
        "rehearsal" => "彩排不付款。",
        "timeout" | "lost" | "broken" | "http_5xx" | "unreadable" | "fail" | "SYSTEMERROR"
        | "SYSTEM_ERROR" => "没有收到微信的明确答复。",
        "not_sent" => "暂时连不上微信支付。",
        "bad_signature" => "答复的签名不对，不能相信，正在用原单号核对。",
        "INVALID_REQUEST" => "微信没有接受这次请求，正在用原单号核对。",
        "lapsed" => "本人没有按时确认，或微信没有放行。",
        "other_order" => {
            "微信在这个单号下记的是另一笔：收款人或金额与我们的不同，不能算作已付款。请在商户平台按单号查账。"
        }
        "mismatch" => "微信的答复与请求不一致，请财务留意。",
        "PROCESSING" | "accepted" => "微信已受理，稍后查询结果。",
        "FREQ_LIMIT" | "FREQUENCY_LIMITED" | "SECOND_OVER_LIMITED" => "发送过快，已自动放慢。",
        "SENDNUM_LIMIT" | "RCVDAMOUNT_LIMIT" => "该收款人今日领取已达微信上限，次日再试。",
        "OPENID_ERROR" => "该微信号不属于本公众号。",
        "PARAM_ERROR" => "微信认为请求参数有误。",
        "MONEY_LIMIT" => "金额超出商户允许范围。",
        "V2_ACCOUNT_SIMPLE_BAN" => "收款人微信未实名。",
        "NO_AUTH" => "微信风控或权限拒绝（也可能是调用 IP 不在白名单）。",
        "SEND_FAILED" => "微信称发放失败，正在查询确认。",
        "failed_once" => "查询显示失败，10 分钟后复核。",
        "failed_after_sent" => "微信先确认发放、后又称失败。",
        "late_success" => "已按未付款处理的单号又显示已付款。",
        "no_end" => "发放后长时间没有领取或退回记录。",
        "FATAL_ERROR" => "微信称与原单参数不一致，可能已付款。",
        other => match codes::cause(other) {
            "" => return format!("（{other}）"),
            cause => cause,
        },
    };
    words.to_owned()
}

/// What happens next with an award.
pub(super) fn award(kind: AwardKind, state: AwardState, packet: Option<PacketState>) -> &'static str {
    match (kind, state) {
        (_, AwardState::Waiting) => "等待主持人确认到场。",
        (AwardKind::Goods, AwardState::Payable) => "请凭兑奖码领取奖品。",
        (_, AwardState::Payable) => match packet {
            Some(PacketState::Confirming) => "等待本人在微信里确认收款。",
            Some(PacketState::Held | PacketState::Blocked) => "暂缓发送，满足条件后自动发送。",
            Some(PacketState::Unknown | PacketState::Sending) => "正在发送，结果待确认。",
            Some(PacketState::Refused | PacketState::NeedsHuman) => "需要财务处理。",
            _ => "排队等待发送。",
        },
        (_, AwardState::Suspended) => "席位已搁置，恢复“到场”后继续。",
        (_, AwardState::Cancelled) => "已取消。",
        (_, AwardState::Paid) => "红包已发放。",
        (_, AwardState::Collected) => "奖品已领取。",
        (_, AwardState::Returned) => "24 小时未领取，款项已退回。",
        (_, AwardState::Failed) => "发放失败，没有付款，请财务处理。",
    }
}

#[cfg(test)]
mod tests {
    use std::{
        collections::BTreeSet,
        fs,
        path::{Path, PathBuf},
    };

    use super::*;

    fn root() -> PathBuf {
        PathBuf::from(env!("CARGO_MANIFEST_DIR"))
    }

    /// A source without its tests and comments.
    fn source(path: &Path) -> String {
        let text = fs::read_to_string(path).unwrap();
        let text = text.split("#[cfg(test)]").next().unwrap();
        text.lines()
            .filter(|line| !line.trim_start().starts_with("//"))
            .fold(String::new(), |all, line| all + line + "\n")
    }

    /// Words right behind a mark.
    fn behind<'a>(text: &'a str, mark: &str) -> Vec<&'a str> {
        let end = |rest: &'a str| rest.split(['"', '\'']).next().unwrap();
        text.split(mark).skip(1).map(end).filter(|word| !word.is_empty() && !word.contains('{')).collect()
    }

    /// Every reason that the sources write into a packet: answers of the payer, and our own.
    fn stored() -> BTreeSet<String> {
        let mut found: BTreeSet<String> = codes::SEND.iter().map(|row| row.code.to_owned()).collect();
        let here = root().join("src/payout");
        for name in ["awards", "claim", "prepare", "reissue", "resend", "resolve", "settle", "sql", "day"] {
            let text = source(&here.join(format!("{name}.rs")));
            for mark in
                ["reason: \"", "reason = '", "Some((\"", "some((\"", "PersonFull => \"", "MerchantFull => \""]
            {
                found.extend(behind(&text, mark).into_iter().map(str::to_owned));
            }
        }
        // In the pure machine every word is one, but for the names of the planted bugs.
        for name in ["mod", "query", "confirm", "schedule"] {
            let text = source(&here.join(format!("next/{name}.rs")));
            let text: String = text
                .split("planted(\"")
                .enumerate()
                .map(
                    |(at, part)| {
                        if at == 0 { part } else { part.split_once('"').map_or("", |(_, rest)| rest) }
                    },
                )
                .collect();
            found.extend(text.split('"').skip(1).step_by(2).map(str::to_owned));
        }
        found.remove("");
        found
    }

    #[test]
    fn every_reason_that_can_be_stored_has_words_here_and_on_the_finance_page() {
        let found = stored();
        for known in [
            "day_limit",
            "merchant_day",
            "no_openid",
            "suspended",
            "stuck",
            "status",
            "late_success",
            "reissued",
        ] {
            assert!(
                found.contains(known),
                "the sources are not read right: {known} is missing from {found:?}"
            );
        }
        let pages =
            ["payout", "story"].map(|name| root().join(format!("web/src/control/messages/{name}.ts")));
        let pages = pages.map(|path| fs::read_to_string(path).unwrap()).concat();
        for code in found {
            let words = reason(&code);
            assert!(!words.is_empty() && !words.starts_with('（'), "{code} has no sentence: {words}");
            // One copy of the payer's list spells it with a blank, which no page has to.
            let named = pages.matches(&format!(" {code}: ")).count();
            assert!(
                named >= 2 || code.contains(' '),
                "{code} has no words on the finance page in both languages"
            );
        }
    }
}
