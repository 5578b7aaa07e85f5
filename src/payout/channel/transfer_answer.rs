//! Reading v3 answers: pure. An answer counts only under the payer's signature; whatever is not certain is an undecided
//! code, never a failure.

use serde::Deserialize;

use super::{Answer, Order};
use crate::{
    clock::{DAY, Ms},
    payout::{
        codes::OTHER_ORDER,
        next::{Outcome, Status},
    },
    wechat::v3::PayerKey,
};

/// What the answers of send and query have in common, and errors.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Body {
    code: String,
    mch_id: Option<String>,
    out_bill_no: Option<String>,
    transfer_bill_no: String,
    openid: Option<String>,
    transfer_amount: Option<i64>,
    state: String,
    package_info: String,
    create_time: String,
}

/// The body of an answer that says what became of the order; otherwise the code of what it is instead.
fn read(answer: &Answer, (payer, now): (&PayerKey, Ms)) -> Result<Body, String> {
    if let Some(failure) = answer.failure {
        return Err(failure.into());
    }
    let status = answer.status.unwrap_or_default();
    // Something between us and the payer does not sign; the payer's own errors may come unsigned, its results never do.
    let unsigned_error = status != 200 && answer.signed.is_absent();
    if !unsigned_error && answer.signed.verify(payer, &answer.raw, now / 1_000).is_err() {
        return Err("bad_signature".into());
    }
    let body = serde_json::from_slice::<Body>(&answer.raw).ok();
    match (status, body) {
        (200, Some(body)) => Ok(body),
        (400..=599, Some(body)) if !body.code.is_empty() && !body.code.starts_with(char::is_lowercase) => {
            Err(body.code)
        }
        (500.., _) => Err("http_5xx".into()),
        (408 | 429 | 499, _) => Err("broken".into()),
        _ => Err("unreadable".into()),
    }
}

/// Whether a field says back what we said; absent only where `optional`.
fn echoes<T: PartialEq + ?Sized>(said: Option<&T>, ours: &T, optional: bool) -> bool {
    said.map_or(optional, |said| said == ours)
}

/// Reads the answer to a send call.
pub(super) fn read_send(answer: &Answer, order: &Order, payer: (&PayerKey, Ms)) -> Outcome {
    let error = |code: &str| Outcome::SendError { code: code.into() };
    let body = match read(answer, payer) {
        Ok(body) => body,
        Err(code) => return error(&code),
    };
    // It does not say openid and amount; where it does, they must be ours.
    let same = echoes(body.out_bill_no.as_deref(), order.bill.as_str(), false)
        && echoes(body.openid.as_deref(), order.openid.as_str(), true)
        && echoes(body.transfer_amount.as_ref(), &order.fen, true);
    if !same {
        return error("mismatch");
    }
    match body.state.as_str() {
        "WAIT_USER_CONFIRM" => accepted(body),
        // Whatever else a repeat says: only the query names the amount and the receiver.
        _ => error("accepted"),
    }
}

fn accepted(body: Body) -> Outcome {
    Outcome::Accepted {
        list_id: body.transfer_bill_no,
        ticket: body.package_info,
        until: moment(&body.create_time).map_or(0, |made| made + DAY),
    }
}

/// Reads the answer to a query.
pub(super) fn read_query(answer: &Answer, order: &Order, mch_id: &str, payer: (&PayerKey, Ms)) -> Outcome {
    let error = |code: &str| Outcome::QueryError { code: code.into() };
    let body = match read(answer, payer) {
        Ok(body) => body,
        Err(code) => return error(&code),
    };
    let same = echoes(body.out_bill_no.as_deref(), order.bill.as_str(), false)
        && echoes(body.mch_id.as_deref(), mch_id, true)
        && body.transfer_amount.is_some();
    if !same {
        return error("mismatch");
    }
    // An erased person has no openid here any more.
    let ours = order.openid.is_empty() || echoes(body.openid.as_deref(), order.openid.as_str(), true);
    if !ours || body.transfer_amount != Some(order.fen) {
        return error(OTHER_ORDER);
    }
    if body.state == "WAIT_USER_CONFIRM" && !body.package_info.is_empty() {
        return accepted(body);
    }
    let status = match body.state.as_str() {
        "ACCEPTED" | "PROCESSING" | "TRANSFERING" | "CANCELING" => Status::Sending,
        "WAIT_USER_CONFIRM" => Status::Confirming,
        "SUCCESS" => Status::Received,
        "FAIL" | "CANCELLED" => Status::Failed,
        _ => Status::Other,
    };
    Outcome::Found { status, list_id: body.transfer_bill_no }
}

/// A moment as the payer writes it.
fn moment(text: &str) -> Option<Ms> {
    text.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_millisecond)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wechat::{
        rsa_key,
        v3::{MerchantKey, Signed},
    };

    const NOW: Ms = 1_795_420_800_000;
    const GOOD: &str = r#"{"out_bill_no":"b1","transfer_bill_no":"77","create_time":"2026-11-23T16:00:00+08:00",
        "state":"WAIT_USER_CONFIRM","package_info":"p1"}"#;
    const FOUND: &str = r#"{"mch_id":"m","out_bill_no":"b1","transfer_bill_no":"77","appid":"a","state":"SUCCESS",
        "transfer_amount":888,"transfer_remark":"r","openid":"o1"}"#;

    struct Payer(MerchantKey);

    impl Payer {
        fn new() -> Self {
            let pair = rsa_key::make().unwrap();
            Self(MerchantKey::from_pem(pair.private_pem.as_bytes()).unwrap())
        }

        fn says(&self, status: u16, text: &str) -> Answer {
            let signed = Signed::make(&self.0, "K", (NOW / 1_000, "n"), text.as_bytes());
            Answer { status: Some(status), raw: text.into(), signed, ..Answer::default() }
        }

        fn sent(&self, answer: &Answer) -> String {
            match read_send(answer, &order(), (&self.0.public("K"), NOW)) {
                Outcome::Accepted { list_id, ticket, until } => format!("{list_id} {ticket} {}", until - NOW),
                Outcome::SendError { code } => code,
                other => panic!("{other:?}"),
            }
        }

        fn asked(&self, answer: &Answer) -> String {
            match read_query(answer, &order(), "m", (&self.0.public("K"), NOW)) {
                Outcome::Found { status, .. } => format!("{status:?}"),
                Outcome::Accepted { ticket, .. } => ticket,
                Outcome::QueryError { code } => code,
                other => panic!("{other:?}"),
            }
        }
    }

    fn order() -> Order {
        Order {
            bill: "b1".into(),
            openid: "o1".into(),
            fen: 888,
            send_name: String::new(),
            act_name: String::new(),
            wishing: String::new(),
            remark: String::new(),
        }
    }

    #[test]
    fn an_answer_counts_only_under_the_payers_signature() {
        let payer = Payer::new();
        assert_eq!(payer.sent(&payer.says(200, GOOD)), format!("77 p1 {DAY}"));
        let tampered = Answer { raw: GOOD.replace("p1", "p2").into(), ..payer.says(200, GOOD) };
        assert_eq!(payer.sent(&tampered), "bad_signature");
        let unsigned = Answer { signed: Signed::default(), ..payer.says(200, GOOD) };
        assert_eq!(payer.sent(&unsigned), "bad_signature");
        let other = Payer::new().says(200, GOOD);
        assert_eq!(payer.sent(&other), "bad_signature");
        // A refusal under a wrong signature proves as little; without one it is the payer's, or of what lies between.
        let refusal = r#"{"code":"PARAM_ERROR","message":"x"}"#;
        assert_eq!(payer.sent(&payer.says(400, refusal)), "PARAM_ERROR");
        assert_eq!(payer.sent(&Answer { signed: other.signed, ..payer.says(400, refusal) }), "bad_signature");
        let bare = Answer { signed: Signed::default(), ..payer.says(429, r#"{"code":"FREQUENCY_LIMITED"}"#) };
        assert_eq!(payer.sent(&bare), "FREQUENCY_LIMITED");
    }

    #[test]
    fn what_is_no_result_is_undecided() {
        let payer = Payer::new();
        let unsigned = |status, text: &str| Answer { signed: Signed::default(), ..payer.says(status, text) };
        for (answer, code) in [
            (unsigned(502, "<html></html>"), "http_5xx"),
            (unsigned(400, "<html></html>"), "unreadable"),
            (unsigned(404, "{}"), "unreadable"),
            // Our own words are not the payer's to say.
            (unsigned(400, r#"{"code":"not_sent"}"#), "unreadable"),
            (unsigned(302, ""), "unreadable"),
            (unsigned(408, ""), "broken"),
            (payer.says(200, "no json"), "unreadable"),
            (payer.says(200, &GOOD[..40]), "unreadable"),
            (payer.says(200, &GOOD.replace("b1", "b2")), "mismatch"),
            (payer.says(200, &GOOD.replace("\"out_bill_no\":\"b1\",", "")), "mismatch"),
            (payer.says(200, &GOOD.replace('}', ",\"transfer_amount\":1}")), "mismatch"),
            (Answer { failure: Some("timeout"), ..Answer::default() }, "timeout"),
        ] {
            assert_eq!(payer.sent(&answer), code, "{answer:?}");
        }
        for state in ["ACCEPTED", "PROCESSING", "SUCCESS", "FAIL", "CANCELLED", "NEWWORD"] {
            assert_eq!(payer.sent(&payer.says(200, &GOOD.replace("WAIT_USER_CONFIRM", state))), "accepted");
        }
        let bare = GOOD.replace(",\n        \"state\"", ",\"state\"").replace(",\"package_info\":\"p1\"", "");
        assert_eq!(payer.sent(&payer.says(200, &bare)), format!("77  {DAY}"));
    }

    #[test]
    fn queries_say_every_state() {
        let payer = Payer::new();
        for (state, status) in [
            ("SUCCESS", "Received"),
            ("FAIL", "Failed"),
            ("CANCELLED", "Failed"),
            ("WAIT_USER_CONFIRM", "Confirming"),
            ("ACCEPTED", "Sending"),
            ("PROCESSING", "Sending"),
            ("TRANSFERING", "Sending"),
            ("CANCELING", "Sending"),
            ("NEWWORD", "Other"),
        ] {
            assert_eq!(payer.asked(&payer.says(200, &FOUND.replace("SUCCESS", state))), status);
        }
        let ticket = FOUND.replace("SUCCESS", "WAIT_USER_CONFIRM").replace('}', ",\"package_info\":\"p9\"}");
        assert_eq!(payer.asked(&payer.says(200, &ticket)), "p9");
        for (from, to, code) in [
            ("b1", "b2", "mismatch"),
            ("888", "889", "other_order"),
            ("o1", "o2", "other_order"),
            ("\"m\"", "\"n\"", "mismatch"),
        ] {
            assert_eq!(payer.asked(&payer.says(200, &FOUND.replace(from, to))), code, "{from}");
        }
        let missing = r#"{"code":"NOT_FOUND","message":"记录不存在"}"#;
        assert_eq!(payer.asked(&payer.says(404, missing)), "NOT_FOUND");
    }
}
