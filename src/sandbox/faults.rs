//! What can go wrong at the far ends, on request: one list of kinds, and the faults that wait for a call.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::lang::Lang;

/// Faults that may wait at the same time.
pub(super) const MAX_FAULTS: usize = 1000;

/// Kinds with the sentence that the page and `GET /sandbox/faults` show.
macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident => ($zh:literal, $en:literal),)*) => {
        /// What goes wrong.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub(super) enum FaultKind { $($(#[$doc])* $kind,)* }

        impl FaultKind {
            /// All of them.
            pub(super) const ALL: &[Self] = &[$(Self::$kind,)*];

            /// What it does, for people.
            pub(super) fn sentence(self, lang: Lang) -> &'static str {
                match self { $(Self::$kind => lang.say($zh, $en),)* }
            }
        }
    };
}

kinds! {
    /// No answer until the client gives up. Pays first unless `paid` is false.
    Timeout => ("一直不回答，直到对方超时（默认已付款；paid=false 则未付款）", "No answer until the other side gives up (paid by default; paid=false: not paid)"),
    /// The connection ends without an answer and without an effect.
    DropBefore => ("记账前断开连接：没有付款，也没有回答", "Connection cut before the books: not paid, no answer"),
    /// Pays, then the connection ends without an answer.
    DropAfter => ("付款后断开连接，没有回答", "Paid, then the connection is cut without an answer"),
    /// HTTP 500. Pays first only when `paid` is true.
    Http500 => ("回答 HTTP 500（默认未付款；paid=true 则已付款）", "Answers HTTP 500 (not paid by default; paid=true: paid)"),
    /// HTTP 502 from a proxy after the payment.
    Http502 => ("付款后由网关回答 HTTP 502", "Paid, then a gateway answers HTTP 502"),
    /// nginx refuses our certificate.
    Http400 => ("网关回答 HTTP 400，称没有商户证书；没有付款", "A gateway answers HTTP 400, no merchant certificate; not paid"),
    /// A redirect, after the payment. Nobody may follow it.
    Redirect => ("付款后回答 302 跳转", "Paid, then answers with a 302 redirect"),
    /// Pays and answers `SYSTEMERROR`.
    SystemerrorPaid => ("已付款，却回答 SYSTEMERROR", "Paid, yet answers SYSTEMERROR"),
    /// Does nothing and answers `SYSTEMERROR`.
    SystemerrorUnpaid => ("未付款，回答 SYSTEMERROR", "Not paid, answers SYSTEMERROR"),
    /// Accepts and answers `PROCESSING`; paid later, or failed later when `paid` is false.
    Processing => ("回答 PROCESSING，稍后付款（paid=false 则稍后失败）", "Answers PROCESSING, paid later (paid=false: fails later)"),
    /// Accepts and answers `PROCESSING`; failed later.
    FailedLater => ("回答 PROCESSING，稍后变为 FAILED，没有付款", "Answers PROCESSING, becomes FAILED later, not paid"),
    /// `NOTENOUGH`; the order is kept.
    Notenough => ("NOTENOUGH 余额不足；订单保留，充值后用原单号可付", "NOTENOUGH: balance too low; the order stays and can be paid under its number"),
    /// `SENDNUM_LIMIT`; the order is kept.
    SendnumLimit => ("SENDNUM_LIMIT 该用户今日个数已满；订单保留", "SENDNUM_LIMIT: this person's packets of today are used up; the order stays"),
    /// `RCVDAMOUNT_LIMIT`; the order is kept.
    RcvdamountLimit => ("RCVDAMOUNT_LIMIT 该用户今日金额已满；订单保留", "RCVDAMOUNT_LIMIT: this person's amount of today is used up; the order stays"),
    /// `SENDAMOUNT_LIMIT`; the order is kept.
    SendamountLimit => ("SENDAMOUNT_LIMIT 商户今日额度已满；订单保留", "SENDAMOUNT_LIMIT: the merchant's amount of today is used up; the order stays"),
    /// `NO_AUTH` for this person (risk control); the order is kept.
    NoAuth => ("NO_AUTH 该用户被风控拦截；订单保留", "NO_AUTH: risk control stops this person; the order stays"),
    /// `NO_AUTH` for our address (IP whitelist); nothing is kept.
    NoAuthIp => ("NO_AUTH 调用 IP 不在白名单；没有付款", "NO_AUTH: the caller's address is not on the list; not paid"),
    /// `SEND_FAILED`; the number is dead.
    SendFailed => ("SEND_FAILED 发放失败，单号作废；没有付款", "SEND_FAILED: the number is dead; not paid"),
    /// `FREQ_LIMIT`; nothing is kept.
    FreqLimit => ("FREQ_LIMIT 频率过快；没有付款", "FREQ_LIMIT: too fast; not paid"),
    /// `CA_ERROR`; nothing is kept.
    CaError => ("CA_ERROR 证书有误；没有付款", "CA_ERROR: wrong certificate; not paid"),
    /// `SIGN_ERROR`; nothing is kept.
    SignError => ("SIGN_ERROR 签名有误；没有付款", "SIGN_ERROR: wrong signature; not paid"),
    /// `FATAL_ERROR`. Pays first unless `paid` is false.
    FatalError => ("FATAL_ERROR 称与原单不一致（默认其实已付款）", "FATAL_ERROR: says it differs from the first order (in truth paid by default)"),
    /// `OPENID_ERROR`; nothing is kept.
    OpenidError => ("OPENID_ERROR openid 不属于该公众号；没有付款", "OPENID_ERROR: the openid is not of this service account; not paid"),
    /// `PARAM_ERROR`; nothing is kept.
    ParamError => ("PARAM_ERROR 参数有误；没有付款", "PARAM_ERROR: a wrong parameter; not paid"),
    /// `MONEY_LIMIT`; nothing is kept.
    MoneyLimit => ("MONEY_LIMIT 金额超出范围；没有付款", "MONEY_LIMIT: the amount is out of range; not paid"),
    /// Pays and answers a code that no document knows.
    UnknownCode => ("已付款，却回答文档里没有的错误码 268458547", "Paid, yet answers an error code that no document has: 268458547"),
    /// Pays and answers `return_code` FAIL without a code.
    Fail => ("已付款，却回答 return_code=FAIL、系统繁忙，没有错误码", "Paid, yet answers return_code=FAIL, system busy, without an error code"),
    /// Queries say `NOT_FOUND`.
    NotFound => ("查询：回答 NOT_FOUND，不论是否已付款", "Query: answers NOT_FOUND whether paid or not"),
    /// Queries say `SENDING`.
    StillSending => ("查询：一直回答 SENDING，不论是否已付款", "Query: answers SENDING for ever, whether paid or not"),
    /// HTTP 200 with something that is not XML. Pays first unless `paid` is false.
    Garbage => ("HTTP 200，内容却是网页（默认已付款）", "HTTP 200 with a web page in it (paid by default)"),
    /// Pays; the XML has a DOCTYPE with an entity.
    Doctype => ("已付款，回答的 XML 带 DOCTYPE 与实体", "Paid; the XML of the answer has a DOCTYPE and entities"),
    /// Pays; the answer is a megabyte.
    Huge => ("已付款，回答有 1 MB", "Paid; the answer has 1 MB"),
    /// Pays; half an answer.
    CutXml => ("已付款，回答只有一半", "Paid; only half of the answer arrives"),
    /// Pays; nothing in the answer.
    Empty => ("已付款，回答是空的", "Paid; the answer is empty"),
    /// Pays and echoes another amount or number.
    EchoMismatch => ("已付款，回显的金额不对", "Paid; the echoed amount is wrong"),
    /// Pays and echoes another bill number.
    WrongBill => ("已付款，回显的商户单号不对", "Paid; the echoed bill number is wrong"),
    /// Pays and echoes another person.
    WrongOpenid => ("已付款，回显的 openid 不对", "Paid; the echoed openid is wrong"),
    /// Pays; the answer has a signature that is wrong.
    BadSignature => ("已付款，回答带有错误的签名", "Paid; the answer's signature is wrong"),
    /// Pays; the answer's Date header is an hour behind.
    ClockSkew => ("已付款，回答的 Date 慢一小时", "Paid; the answer's Date is an hour behind"),
    /// Pays; the receiver never opens it, so it comes back after a day.
    Unopened => ("已付款，但一直没人领取，24 小时后退回", "Paid, but nobody opens it: goes back after 24 hours"),
    /// Takes a transfer and leaves out what its receiver confirms it with.
    NoPackage => ("商家转账：受理，但回答里没有 package_info", "Transfer: accepted, but no package_info in the answer"),
    /// Does it, and answers a transfer without a signature.
    Unsigned => ("商家转账：照办，但回答没有签名", "Transfer: done, but the answer is not signed"),
    /// The error named by `code` and `text`; pays first when `paid`, keeps the order when `kept`.
    Code => ("自定错误码：须给出 code（可选 text、paid、kept）", "An error code of your own: needs code (and may have text, paid, kept)"),
}

/// Which calls a fault strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Call {
    /// `sendredpack`
    Send,
    /// `gethbinfo`
    Query,
    /// `SendSms`
    Sms,
    /// Any of them.
    Any,
}

/// A fault that strikes the next `count` calls.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Fault {
    pub(super) kind: FaultKind,
    /// How many calls it still strikes.
    #[serde(default = "one")]
    pub(super) count: u32,
    /// How many calls go well before that.
    #[serde(default)]
    pub(super) skip: u32,
    /// Strikes so many of 100 calls; absent: every one.
    #[serde(default)]
    pub(super) percent: Option<u8>,
    /// With `percent`: the same seed strikes the same attempts of the same bill numbers, in whatever order they come.
    #[serde(default)]
    pub(super) seed: u64,
    /// Default: `query` for kinds that are answers to a query, otherwise `send`.
    #[serde(default)]
    pub(super) on: Option<Call>,
    #[serde(default)]
    pub(super) paid: Option<bool>,
    #[serde(default)]
    pub(super) kept: bool,
    #[serde(default)]
    pub(super) code: String,
    #[serde(default)]
    pub(super) text: String,
    /// Only calls for this person.
    #[serde(default)]
    pub(super) openid: Option<String>,
    /// Only calls with this bill number.
    #[serde(default)]
    pub(super) bill_no: Option<String>,
    /// Attempts of each bill number that `percent` has decided on.
    #[serde(skip)]
    tried: BTreeMap<String, u32>,
}

fn one() -> u32 {
    1
}

impl Fault {
    /// A fault as the page's form asks for it.
    pub(super) fn of_form(kind: FaultKind, count: u32, openid: &str) -> Self {
        Self {
            kind,
            count,
            skip: 0,
            percent: None,
            seed: 0,
            on: None,
            paid: None,
            kept: false,
            code: String::new(),
            text: String::new(),
            openid: Some(openid.trim().to_owned()).filter(|openid| !openid.is_empty()),
            bill_no: None,
            tried: BTreeMap::new(),
        }
    }

    /// Why this fault makes no sense, if so.
    pub(super) fn complaint(&self) -> Option<&'static str> {
        if self.count == 0 {
            return Some("count must be at least 1");
        }
        if self.percent.is_some_and(|percent| !(1..=100).contains(&percent)) {
            return Some("percent must be between 1 and 100");
        }
        if self.kind == FaultKind::Code && self.code.is_empty() {
            return Some("kind \"code\" needs a code");
        }
        if self.is_answer_to_query() && self.on.is_some_and(|on| on != Call::Query) {
            return Some("not_found and still_sending are answers to a query");
        }
        None
    }

    fn is_answer_to_query(&self) -> bool {
        matches!(self.kind, FaultKind::NotFound | FaultKind::StillSending)
    }

    fn is_for(&self, call: Call, openid: &str, bill_no: &str) -> bool {
        let default = if self.is_answer_to_query() { Call::Query } else { Call::Send };
        let on = self.on.unwrap_or(default);
        (on == Call::Any || on == call)
            && self.openid.as_deref().is_none_or(|wanted| wanted == openid)
            && self.bill_no.as_deref().is_none_or(|wanted| wanted == bill_no)
    }

    /// Decides on one call that this fault is for.
    fn falls(&mut self, bill_no: &str) -> bool {
        if self.skip > 0 {
            self.skip -= 1;
            return false;
        }
        let Some(percent) = self.percent else { return true };
        let nth = self.tried.entry(bill_no.to_owned()).or_default();
        *nth += 1;
        let dice = Sha256::digest(format!("{} {bill_no} {nth}", self.seed));
        u16::from_be_bytes([dice[0], dice[1]]) % 100 < u16::from(percent)
    }
}

/// Takes the first fault that strikes this call and counts it down.
pub(super) fn take_fault(faults: &mut Vec<Fault>, call: Call, openid: &str, bill_no: &str) -> Option<Fault> {
    let place =
        faults.iter_mut().position(|fault| fault.is_for(call, openid, bill_no) && fault.falls(bill_no))?;
    let taken = faults[place].clone();
    faults[place].count = taken.count.saturating_sub(1);
    if faults[place].count == 0 {
        faults.remove(place);
    }
    Some(taken)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn fault(value: serde_json::Value) -> Fault {
        serde_json::from_value(value).expect("a fault")
    }

    #[test]
    fn faults_strike_what_they_name_and_run_out() {
        let mut faults = vec![
            fault(json!({"kind": "not_found", "count": 2})),
            fault(json!({"kind": "timeout", "openid": "o1"})),
        ];
        assert!(take_fault(&mut faults, Call::Send, "o2", "1").is_none());
        let struck = take_fault(&mut faults, Call::Send, "o1", "1").expect("for o1");
        assert_eq!(struck.kind, FaultKind::Timeout);
        assert!(take_fault(&mut faults, Call::Send, "o1", "1").is_none());
        assert!(take_fault(&mut faults, Call::Query, "", "1").is_some());
        assert!(take_fault(&mut faults, Call::Query, "", "1").is_some());
        assert!(faults.is_empty());
        for wrong in [
            json!({"kind": "code"}),
            json!({"kind": "timeout", "count": 0}),
            json!({"kind": "timeout", "percent": 101}),
            json!({"kind": "still_sending", "on": "send"}),
        ] {
            assert!(fault(wrong.clone()).complaint().is_some(), "{wrong}");
        }
    }

    #[test]
    fn some_calls_go_well_first() {
        let mut faults = vec![fault(json!({"kind": "timeout", "skip": 2}))];
        let struck: Vec<_> =
            (0..4).map(|_| take_fault(&mut faults, Call::Send, "o", "1").is_some()).collect();
        assert_eq!(struck, [false, false, true, false]);
    }

    #[test]
    fn a_seed_strikes_the_same_bills_in_any_order() {
        let struck = |bills: &mut dyn Iterator<Item = u32>, seed: u64| {
            let mut faults =
                vec![fault(json!({"kind": "timeout", "percent": 30, "seed": seed, "count": 1000}))];
            let mut hit: Vec<u32> = bills
                .filter(|bill| take_fault(&mut faults, Call::Send, "o", &bill.to_string()).is_some())
                .collect();
            hit.sort_unstable();
            hit
        };
        let forward = struck(&mut (0..200), 7);
        assert_eq!(forward, struck(&mut (0..200).rev(), 7));
        assert_ne!(forward, struck(&mut (0..200), 8));
        assert!((30..=90).contains(&forward.len()), "{}", forward.len());
    }
}
