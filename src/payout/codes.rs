//! Every answer of the payer in one table (red packets and transfers alike), with two columns: what a packet becomes
//! when all earlier attempts of its number were decided, and when one was not.
//!
//! A code that is not here is undecided. In the second column nothing ever proves that nothing was paid: an attempt
//! without an answer may have paid, whatever a later one says.

use crate::mutant::planted;

/// What becomes of the packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Nobody knows: ask or send again, with the same number.
    Unknown,
    /// Refused for now; the order may live on, so the reservation stays.
    Blocked,
    /// Certainly not paid: back to the queue with the same number.
    Queue,
    /// Certainly not paid, and never will be with these fields.
    Refused,
    /// May be paid, and only a person can find out why.
    Human,
}

/// What becomes of the whole sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Goes on.
    None,
    /// Goes on after a second: calls come too fast.
    Slow,
    /// Stops until finance resumes it.
    Pause,
    /// Stops when three different people in a row got this answer.
    PauseAtThree,
}

/// One row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// The answer's `err_code`, or our own name (lower case) for what is no answer.
    pub code: &'static str,
    /// When every earlier attempt of this number was decided.
    pub decided: Fate,
    /// When one was not.
    pub undecided: Fate,
    /// The whole sender.
    pub sender: Effect,
    /// What finance should look at first, in Chinese; empty when the sender goes on.
    pub cause: &'static str,
}

impl Row {
    /// The sticky rule: once an attempt of this number was undecided, only the second column holds.
    pub fn fate(&self, undecided: bool) -> Fate {
        match self.code {
            "timeout" if planted("timeout_is_a_refusal") => return Fate::Refused,
            "broken" if planted("broken_is_not_sent") => return Fate::Queue,
            "FATAL_ERROR" if planted("fatal_is_a_refusal") => return Fate::Refused,
            "NOTENOUGH" | "NOT_ENOUGH" if planted("balance_goes_back_to_the_queue") => return Fate::Queue,
            "SEND_FAILED" if planted("send_failed_is_dead") => return Fate::Refused,
            _ => {}
        }
        if undecided && !planted("sticky_forgotten") { self.undecided } else { self.decided }
    }
}

const fn row(code: &'static str, decided: Fate, sender: Effect, cause: &'static str) -> Row {
    Row { code, decided, undecided: Fate::Unknown, sender, cause }
}

const APP: &str = "公众号与商户号不匹配：请核对 wechat.app_id、pay.mch_id 以及商户平台的绑定关系。";
const BALANCE: &str = "商户余额不足：请充值（若开通了运营账户，请充值到运营账户），然后恢复发送。";
const MERCHANT_DAY: &str = "商户当日发放额度已用完：请在商户平台提高额度或明日再恢复发送。";
const PERMISSION: &str =
    "连续多人被拒绝（NO_AUTH）：请先检查商户平台的调用 IP 白名单（修改约 10 分钟后生效），再检查产品权限。";
const KEY: &str = "签名错误：红包请核对 pay.api_key（API v2 密钥），商家转账请核对 transfer.serial_no 与 key_pem，改好后恢复发送。";
const CERTIFICATE: &str = "商户证书缺失、不符或已过期：请核对 pay.cert_pem 与 pay.key_pem，改好后恢复发送。";
const FORMAT: &str = "微信支付认为请求格式有误：请联系技术人员查看该红包的调用记录。";
const FIELDS: &str = "微信支付认为请求的某个字段不对：请看该红包最后一次调用的原始回答，核对活动的红包文字与场景（pay.scene_id）。";
const CLOSED: &str = "商户平台关闭了 API 发放：请在“现金红包”产品设置中重新开启。";
const FROZEN: &str = "商户账户异常或被限制：请登录商户平台查看处罚通知。";

/// Answers to a send call (fact sheet §1.5 and §7).
pub const SEND: &[Row] = &[
    row("not_sent", Fate::Queue, Effect::None, ""),
    row("timeout", Fate::Unknown, Effect::None, ""),
    row("broken", Fate::Unknown, Effect::None, ""),
    row("http_5xx", Fate::Unknown, Effect::None, ""),
    row("unreadable", Fate::Unknown, Effect::None, ""),
    row("mismatch", Fate::Unknown, Effect::None, ""),
    row("bad_signature", Fate::Unknown, Effect::None, ""),
    // The payer has the order and says no more than that: the query does.
    row("accepted", Fate::Unknown, Effect::None, ""),
    row("http_4xx", Fate::Queue, Effect::Pause, CERTIFICATE),
    row("fail", Fate::Unknown, Effect::None, ""),
    row("SYSTEMERROR", Fate::Unknown, Effect::None, ""),
    row("SYSTEM_ERROR", Fate::Unknown, Effect::None, ""),
    // Also said of a number whose order the payer has.
    row("INVALID_REQUEST", Fate::Unknown, Effect::None, ""),
    row("PROCESSING", Fate::Unknown, Effect::None, ""),
    row("FREQ_LIMIT", Fate::Queue, Effect::Slow, ""),
    row("SECOND_OVER_LIMITED", Fate::Queue, Effect::Slow, ""),
    row("FREQUENCY_LIMITED", Fate::Queue, Effect::Slow, ""),
    row("NOT_ENOUGH", Fate::Blocked, Effect::Pause, BALANCE),
    row("NOTENOUGH", Fate::Blocked, Effect::Pause, BALANCE),
    row("SENDAMOUNT_LIMIT", Fate::Blocked, Effect::Pause, MERCHANT_DAY),
    row("DAY_OVER_LIMITED", Fate::Blocked, Effect::Pause, MERCHANT_DAY),
    // One copy of the official list has this spelling.
    row("DAY_ OVER_LIMITED", Fate::Blocked, Effect::Pause, MERCHANT_DAY),
    row("SENDNUM_LIMIT", Fate::Blocked, Effect::None, ""),
    row("RCVDAMOUNT_LIMIT", Fate::Blocked, Effect::None, ""),
    row("NO_AUTH", Fate::Blocked, Effect::PauseAtThree, PERMISSION),
    row("V2_ACCOUNT_SIMPLE_BAN", Fate::Blocked, Effect::None, ""),
    // Of one person it is that person's. Of several people in a row it is a setting, and each one more that is refused
    // would have to be reissued by hand.
    row("OPENID_ERROR", Fate::Refused, Effect::PauseAtThree, APP),
    // Dead only if the query says FAILED.
    row("SEND_FAILED", Fate::Unknown, Effect::None, ""),
    row("FATAL_ERROR", Fate::Human, Effect::None, ""),
    row("PARAM_ERROR", Fate::Refused, Effect::PauseAtThree, FIELDS),
    row("MONEY_LIMIT", Fate::Refused, Effect::None, ""),
    row("ILLEGAL_APPID", Fate::Queue, Effect::Pause, APP),
    row("MSGAPPID_ERROR", Fate::Queue, Effect::Pause, APP),
    row("ACCEPTMODE_ERROR", Fate::Queue, Effect::Pause, APP),
    row("NO_COMPETENCE", Fate::Queue, Effect::Pause, APP),
    row("SIGN_ERROR", Fate::Queue, Effect::Pause, KEY),
    row("XML_ERROR", Fate::Queue, Effect::Pause, FORMAT),
    row("CA_ERROR", Fate::Queue, Effect::Pause, CERTIFICATE),
    row("API_METHOD_CLOSED", Fate::Queue, Effect::Pause, CLOSED),
    row("PAYER_ACCOUNT_ABNORMAL", Fate::Queue, Effect::Pause, FROZEN),
];

/// The payer's order under our number is another one: to somebody else, or over another amount. Our own word, as that is no
/// answer to what we asked.
pub const OTHER_ORDER: &str = "other_order";

/// Errors of a query (fact sheet §2 and §7). None says anything about the packet: its state stays, in both columns; only
/// the sender may stop. `NOT_FOUND` lets the same number be sent again later; [`OTHER_ORDER`] is for a person.
pub const QUERY: &[(&str, Effect, &str)] = &[
    ("NOT_FOUND", Effect::None, ""),
    (OTHER_ORDER, Effect::None, ""),
    ("CA_ERROR", Effect::Pause, CERTIFICATE),
    ("SIGN_ERROR", Effect::Pause, KEY),
    ("NO_AUTH", Effect::Pause, PERMISSION),
    ("FREQ_LIMIT", Effect::Slow, ""),
    ("XML_ERROR", Effect::Pause, FORMAT),
    ("PARAM_ERROR", Effect::None, ""),
    ("SYSTEMERROR", Effect::None, ""),
    ("SYSTEM_ERROR", Effect::None, ""),
    ("INVALID_REQUEST", Effect::None, ""),
    ("FREQUENCY_LIMITED", Effect::Slow, ""),
    ("http_4xx", Effect::Pause, CERTIFICATE),
];

/// What holds for a code that nobody knows.
const OTHER: Row = row("", Fate::Unknown, Effect::None, "");

/// The row of an answer to a send call.
pub fn of_send(code: &str) -> Row {
    SEND.iter().find(|row| row.code == code).copied().unwrap_or(OTHER)
}

/// What an error of a query does to the sender.
pub fn of_query(code: &str) -> Effect {
    QUERY.iter().find(|row| row.0 == code).map_or(Effect::None, |row| row.1)
}

/// Whether a table here has it.
pub fn is_known(code: &str) -> bool {
    SEND.iter().any(|row| row.code == code) || QUERY.iter().any(|row| row.0 == code)
}

/// What finance should look at first, for the code that stopped the sender.
pub fn cause(code: &str) -> &'static str {
    let send = SEND.iter().find(|row| row.code == code).map(|row| row.cause);
    send.or_else(|| QUERY.iter().find(|row| row.0 == code).map(|row| row.2)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_error_decides_once_an_attempt_was_undecided() {
        for row in SEND {
            assert_eq!(row.undecided, Fate::Unknown, "{}", row.code);
        }
        assert_eq!(of_send("SOMETHING_NEW").decided, Fate::Unknown);
        assert_eq!(of_send("268458547").sender, Effect::None);
    }

    /// Fact sheet §1.5: what is one person's for one packet is a wrong setting when it comes in a burst.
    #[test]
    fn what_may_be_one_persons_stops_the_sender_only_when_three_people_get_it() {
        for code in ["NO_AUTH", "OPENID_ERROR", "PARAM_ERROR"] {
            assert_eq!(of_send(code).sender, Effect::PauseAtThree, "{code}");
        }
        for code in
            ["SENDNUM_LIMIT", "RCVDAMOUNT_LIMIT", "V2_ACCOUNT_SIMPLE_BAN", "MONEY_LIMIT", "FATAL_ERROR"]
        {
            assert_eq!(of_send(code).sender, Effect::None, "{code}");
        }
    }

    #[test]
    fn each_code_stands_once_and_a_pause_names_its_cause() {
        let codes: BTreeSet<_> = SEND.iter().map(|row| row.code).collect();
        assert_eq!(codes.len(), SEND.len());
        for row in SEND {
            let stops = matches!(row.sender, Effect::Pause | Effect::PauseAtThree);
            assert_eq!(stops, !row.cause.is_empty(), "{}", row.code);
        }
        for (code, effect, cause) in QUERY {
            assert_eq!(*effect == Effect::Pause, !cause.is_empty(), "{code}");
        }
    }
}
