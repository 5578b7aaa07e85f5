//! Reading answers: pure. Whatever is not certain is an undecided code, never a failure.

use secrecy::SecretString;

use super::{Answer, Order};
use crate::{
    payout::{
        codes::OTHER_ORDER,
        next::{Outcome, Status},
    },
    wechat::{
        sign::{self, SIGN_FIELD},
        xml::{self, Fields},
    },
};

const SUCCESS: &str = "SUCCESS";

/// The fields of a whole answer, or the code of what it is instead.
fn fields(answer: &Answer, key: &SecretString) -> Result<Fields, &'static str> {
    if let Some(failure) = answer.failure {
        return Err(failure);
    }
    match answer.status {
        Some(200) => {}
        Some(500..) => return Err("http_5xx"),
        // These may come from something between us and the payer after the request went through.
        Some(408 | 429 | 499) => return Err("broken"),
        Some(400..) => return Err("http_4xx"),
        _ => return Err("unreadable"),
    }
    let fields = xml::parse(&answer.raw).map_err(|_| "unreadable")?;
    // Answers are normally not signed; a signature that is there must be right.
    let given = fields.text(SIGN_FIELD);
    if !given.is_empty() && !fields.has_nested() && !sign::verify(fields.pairs(), key, given) {
        return Err("unreadable");
    }
    Ok(fields)
}

/// The error code of an answer that is not a double SUCCESS; `fail` when it names none.
fn code(fields: &Fields) -> Option<String> {
    if fields.text("return_code") == SUCCESS && fields.text("result_code") == SUCCESS {
        return None;
    }
    let code = fields.text("err_code");
    Some(if code.is_empty() || code == SUCCESS { "fail".into() } else { code.into() })
}

/// Whether a field says back what we said; absent only where `optional`.
fn echoes(fields: &Fields, name: &str, ours: &str, optional: bool) -> bool {
    match fields.get(name) {
        Some(said) => said == ours || (optional && said.is_empty()),
        None => optional,
    }
}

/// Reads the answer to a send call.
pub fn read_send(answer: &Answer, order: &Order, mch_id: &str, key: &SecretString) -> Outcome {
    let error = |code: &str| Outcome::SendError { code: code.into() };
    let fields = match fields(answer, key) {
        Ok(fields) => fields,
        Err(code) => return error(code),
    };
    if let Some(code) = code(&fields) {
        // An error about another number says nothing about ours.
        let about_us = echoes(&fields, "mch_billno", &order.bill, true);
        return error(if about_us { &code } else { "mismatch" });
    }
    let fen = order.fen.to_string();
    let same = echoes(&fields, "mch_billno", &order.bill, false)
        && echoes(&fields, "re_openid", &order.openid, false)
        && echoes(&fields, "total_amount", &fen, false)
        && echoes(&fields, "mch_id", mch_id, false);
    if !same {
        return error("mismatch");
    }
    Outcome::Sent { list_id: fields.text("send_listid").to_owned() }
}

/// Whether the order that the payer has under our number is ours: to our receiver, over our amount. Who received it is often
/// left out; an erased person has no openid here any more.
fn is_our_order(fields: &Fields, openid: &str, fen: &str) -> bool {
    let same = |name: &str, ours: &str| {
        ours.is_empty() || fields.inner(name).all(|said| said.is_empty() || said == ours)
    };
    fields.text("total_amount") == fen && same("openid", openid) && same("amount", fen)
}

/// Reads the answer to a query.
pub fn read_query(answer: &Answer, order: &Order, mch_id: &str, key: &SecretString) -> Outcome {
    let error = |code: &str| Outcome::QueryError { code: code.into() };
    let fields = match fields(answer, key) {
        Ok(fields) => fields,
        Err(code) => return error(code),
    };
    if let Some(code) = code(&fields) {
        let about_us = echoes(&fields, "mch_billno", &order.bill, true);
        return error(if about_us { &code } else { "mismatch" });
    }
    let fen = order.fen.to_string();
    let same = echoes(&fields, "mch_billno", &order.bill, false)
        && echoes(&fields, "mch_id", mch_id, false)
        && fields.get("total_amount").is_some();
    if !same {
        return error("mismatch");
    }
    if !is_our_order(&fields, &order.openid, &fen) {
        return error(OTHER_ORDER);
    }
    let status = match fields.text("status") {
        "SENDING" if fields.text("reason").is_empty() => Status::Sending,
        "SENDING" => Status::Stuck,
        "SENT" => Status::Sent,
        "RECEIVED" => Status::Received,
        "FAILED" => Status::Failed,
        // Spelled so by the payer.
        "RFUND_ING" => Status::Refunding,
        "REFUND" => Status::Refunded,
        _ => Status::Other,
    };
    Outcome::Found { status, list_id: fields.text("detail_id").to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

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

    fn whole(text: &str) -> Answer {
        Answer { status: Some(200), raw: text.as_bytes().to_vec(), ..Answer::default() }
    }

    const GOOD: &str = "<xml><return_code>SUCCESS</return_code><result_code>SUCCESS</result_code>\
        <err_code>SUCCESS</err_code><mch_billno>b1</mch_billno><re_openid>o1</re_openid>\
        <total_amount>888</total_amount><mch_id>m</mch_id><send_listid>77</send_listid></xml>";

    fn send(answer: &Answer) -> String {
        match read_send(answer, &order(), "m", &"k".into()) {
            Outcome::Sent { list_id } => format!("sent {list_id}"),
            Outcome::SendError { code } => code,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn success_is_only_a_whole_echo() {
        assert_eq!(send(&whole(GOOD)), "sent 77");
        assert_eq!(send(&whole(&format!("\u{feff}{GOOD}"))), "sent 77");
        for (from, to) in [
            ("b1", "b2"),
            ("o1", "o2"),
            (">888<", ">889<"),
            (">m<", ">n<"),
            ("<mch_billno>b1</mch_billno>", ""),
            ("<re_openid>o1</re_openid>", ""),
        ] {
            assert_eq!(send(&whole(&GOOD.replace(from, to))), "mismatch", "{from}");
        }
        let signed = GOOD.replace("</xml>", "<sign>0123</sign></xml>");
        assert_eq!(send(&whole(&signed)), "unreadable");
    }

    #[test]
    fn what_is_no_answer_has_a_code_of_ours() {
        let with = |status| Answer { status: Some(status), ..whole(GOOD) };
        assert_eq!(send(&with(500)), "http_5xx");
        assert_eq!(send(&with(502)), "http_5xx");
        assert_eq!(send(&with(400)), "http_4xx");
        assert_eq!(send(&with(408)), "broken");
        assert_eq!(send(&with(302)), "unreadable");
        assert_eq!(send(&Answer { failure: Some("timeout"), ..whole(GOOD) }), "timeout");
        for text in ["", "OK", "<html></html>", "<!DOCTYPE x><xml></xml>", &GOOD[..90]] {
            assert_eq!(send(&whole(text)), "unreadable", "{text}");
        }
        let fail = "<xml><return_code>FAIL</return_code><return_msg>系统繁忙</return_msg></xml>";
        assert_eq!(send(&whole(fail)), "fail");
        let numbered = "<xml><return_code>FAIL</return_code><err_code>268458547</err_code></xml>";
        assert_eq!(send(&whole(numbered)), "268458547");
        let other = "<xml><return_code>SUCCESS</return_code><result_code>FAIL</result_code>\
                     <err_code>OPENID_ERROR</err_code><mch_billno>b9</mch_billno></xml>";
        assert_eq!(send(&whole(other)), "mismatch");
        assert_eq!(send(&whole(&other.replace("b9", "b1"))), "OPENID_ERROR");
    }

    #[test]
    fn queries_are_read_with_their_list() {
        let text = "<xml><return_code>SUCCESS</return_code><result_code>SUCCESS</result_code><mch_billno>b1\
            </mch_billno><mch_id>m</mch_id><detail_id>7</detail_id><status>RECEIVED</status>\
            <total_amount>888</total_amount><hblist><hbinfo><openid>o1</openid></hbinfo></hblist></xml>";
        let read = |text: &str| read_query(&whole(text), &order(), "m", &"k".into());
        let found = |status| Outcome::Found { status, list_id: "7".into() };
        assert_eq!(read(text), found(Status::Received));
        assert_eq!(read(&text.replace("RECEIVED", "SENDING")), found(Status::Sending));
        let stuck = text.replace("RECEIVED", "SENDING").replace("<hblist>", "<reason>x</reason><hblist>");
        assert_eq!(read(&stuck), found(Status::Stuck));
        assert_eq!(read(&text.replace("RECEIVED", "NEWWORD")), found(Status::Other));
        let error = |code: &str| Outcome::QueryError { code: code.into() };
        assert_eq!(read(&text.replace("b1", "b2")), error("mismatch"));
        // The list may lack, and so may what it says of the receiver.
        let (bare, silent) = (text.replace("<openid>o1</openid>", ""), text.replace(">o1<", "><"));
        assert_eq!((read(&bare), read(&silent)), (found(Status::Received), found(Status::Received)));
        // Somebody else's, or over another amount: never ours.
        let amount = text.replace("</hbinfo>", "<amount>889</amount></hbinfo>");
        for other in [text.replace("o1", "o2"), text.replace("888", "889"), amount] {
            assert_eq!(read(&other), error("other_order"), "{other}");
        }
    }
}
