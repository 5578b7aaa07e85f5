//! What can be changed while the sandbox runs, and the faults it can be told to have.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Settings of the far ends; defaults are WeChat's and Aliyun's published limits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Settings {
    /// A packet is opened by its receiver after this time, milliseconds; null: only by the button.
    pub(super) auto_open_ms: Option<i64>,
    /// How long an order answered with `PROCESSING` keeps running, milliseconds.
    pub(super) processing_ms: i64,
    /// Calls per second and merchant before `FREQ_LIMIT`; 0 is no limit.
    pub(super) rate_per_second: u32,
    /// Smallest packet, fen.
    pub(super) amount_min_fen: i64,
    /// Largest packet, fen.
    pub(super) amount_max_fen: i64,
    /// Packets one person may get in a Beijing day.
    pub(super) person_day_count: u32,
    /// Money one person may get in a Beijing day, fen.
    pub(super) person_day_fen: i64,
    /// Money of the merchant, fen; null is without end.
    pub(super) balance_fen: Option<i64>,
    /// Pay openids that nobody has, for load tests.
    pub(super) any_openid: bool,
    /// Whether the SMS limits per phone hold (1 a minute, 5 an hour, 10 a day).
    pub(super) sms_limits: bool,
    /// How far the books' clock is ahead, milliseconds: a day forward shows the refunds.
    pub(super) clock_ahead_ms: i64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            auto_open_ms: None,
            processing_ms: 5_000,
            rate_per_second: 30,
            amount_min_fen: 100,
            amount_max_fen: 20_000,
            person_day_count: 10,
            person_day_fen: 100_000,
            balance_fen: None,
            any_openid: false,
            sms_limits: true,
            clock_ahead_ms: 0,
        }
    }
}

impl Settings {
    /// The settings with the named ones changed; others stay.
    pub(super) fn changed(&self, patch: Value) -> Result<Self, serde_json::Error> {
        let mut whole = serde_json::to_value(self)?;
        match (&mut whole, patch) {
            (Value::Object(whole), Value::Object(patch)) => whole.extend(patch),
            (whole, patch) => *whole = patch,
        }
        serde_json::from_value(whole)
    }
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum FaultKind {
    /// No answer until the client gives up. Pays first unless `paid` is false.
    Timeout,
    /// The connection ends without an answer and without an effect.
    DropBefore,
    /// Pays, then the connection ends without an answer.
    DropAfter,
    /// HTTP 500. Pays first only when `paid` is true.
    Http500,
    /// Pays and answers `SYSTEMERROR`.
    SystemerrorPaid,
    /// Does nothing and answers `SYSTEMERROR`.
    SystemerrorUnpaid,
    /// Accepts and answers `PROCESSING`; paid later, or failed later when `paid` is false.
    Processing,
    /// `NOTENOUGH`; the order is kept.
    Notenough,
    /// `SENDNUM_LIMIT`; the order is kept.
    SendnumLimit,
    /// `NO_AUTH` for this person (risk control); the order is kept.
    NoAuth,
    /// `NO_AUTH` for our address (IP whitelist); nothing is kept.
    NoAuthIp,
    /// `SEND_FAILED`; the number is dead.
    SendFailed,
    /// `FREQ_LIMIT`; nothing is kept.
    FreqLimit,
    /// Queries say `NOT_FOUND`.
    NotFound,
    /// HTTP 200 with something that is not XML. Pays first unless `paid` is false.
    Garbage,
    /// Pays and echoes another amount or number.
    EchoMismatch,
    /// The error named by `code` and `text`; pays first when `paid`, keeps the order when `kept`.
    Code,
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
    /// Default: `query` for `not_found`, otherwise `send`.
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
}

fn one() -> u32 {
    1
}

impl Fault {
    /// Why this fault makes no sense, if so.
    pub(super) fn complaint(&self) -> Option<&'static str> {
        if self.kind == FaultKind::Code && self.code.is_empty() {
            return Some("kind \"code\" needs a code");
        }
        if self.kind == FaultKind::NotFound && self.on.is_some_and(|on| on != Call::Query) {
            return Some("not_found is an answer to a query");
        }
        None
    }

    fn strikes(&self, call: Call, openid: &str, bill_no: &str) -> bool {
        let default = if self.kind == FaultKind::NotFound { Call::Query } else { Call::Send };
        let on = self.on.unwrap_or(default);
        (on == Call::Any || on == call)
            && self.openid.as_deref().is_none_or(|wanted| wanted == openid)
            && self.bill_no.as_deref().is_none_or(|wanted| wanted == bill_no)
    }
}

/// Takes the first fault that strikes this call and counts it down.
pub(super) fn take_fault(faults: &mut Vec<Fault>, call: Call, openid: &str, bill_no: &str) -> Option<Fault> {
    let place = faults.iter().position(|fault| fault.strikes(call, openid, bill_no))?;
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

    #[test]
    fn settings_change_by_name_and_unknown_names_are_refused() {
        let changed = Settings::default().changed(json!({"auto_open_ms": 3000})).expect("known");
        assert_eq!(changed, Settings { auto_open_ms: Some(3000), ..Settings::default() });
        assert!(changed.changed(json!({"auto_open": 1})).is_err());
        assert!(changed.changed(json!([])).is_err());
    }

    #[test]
    fn faults_strike_what_they_name_and_run_out() {
        let fault = |value| serde_json::from_value::<Fault>(value).expect("a fault");
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
        assert!(fault(json!({"kind": "code"})).complaint().is_some());
    }
}
