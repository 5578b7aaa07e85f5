//! WeChat Pay.

use kaijiang::sandbox::HEADER;
use kaijiang::wechat::xml::Fields;
use kaijiang::wechat::{sign, tls, xml};
use secrecy::SecretString;
use serde_json::json;

use super::{API_KEY, Far, OPENID, folder, order};

#[tokio::test]
async fn a_packet_is_paid_once_and_can_be_followed() {
    let dir = folder();
    let far = Far::start(&dir).await;
    assert_eq!(far.query("a1").await.text("err_code"), "NOT_FOUND");
    let sent = far.send("a1", "100").await.expect("an answer");
    assert_eq!((sent.text("return_code"), sent.text("result_code")), ("SUCCESS", "SUCCESS"));
    assert_eq!((sent.text("mch_billno"), sent.text("re_openid")), ("a1", OPENID));
    assert_eq!((sent.number("total_amount"), sent.get("sign")), (Some(100), None));
    let again = far.send("a1", "100").await.expect("an answer");
    assert_eq!(again.text("send_listid"), sent.text("send_listid"));
    let other = far.send("a1", "101").await.expect("an answer");
    assert_eq!((other.text("result_code"), other.text("err_code")), ("FAIL", "FATAL_ERROR"));
    assert_eq!(far.query("a1").await.text("status"), "SENT");
    assert_eq!(far.post("/sandbox/packets/a1/open", json!({})).await.0, 200);
    assert_eq!(far.post("/sandbox/packets/a1/open", json!({})).await.0, 409);
    let found = far.query("a1").await;
    assert_eq!((found.text("status"), found.has_nested()), ("RECEIVED", true));
    assert_eq!(found.text("remark"), "x]]>y & <z>");
    let books = far.get("/sandbox/packets").await;
    assert_eq!((&books["paid_count"], &books["paid_fen"]), (&json!(1), &json!(100)));
}

#[tokio::test]
async fn wrong_callers_are_refused_as_wechat_does() {
    let dir = folder();
    let far = Far::start(&dir).await;
    let bad = far.post_pay("sendredpack", &order("b1", "100"), "another key").await.expect("an answer");
    assert_eq!((bad.text("return_code"), bad.text("err_code")), ("FAIL", "SIGN_ERROR"));
    let cases = [
        ("mch_id", "1900000110", "CA_ERROR"),
        ("wxappid", "wx1", "PARAM_ERROR"),
        ("re_openid", "o2", "OPENID_ERROR"),
    ];
    for (name, value, wanted) in cases {
        let mut fields: Vec<_> = order("b1", "100").into_iter().filter(|pair| pair.0 != name).collect();
        fields.push((name, value));
        let answer = far.post_pay("sendredpack", &fields, API_KEY).await.expect("an answer");
        assert_eq!(answer.text("err_code"), wanted, "{name}");
    }
    assert_eq!(far.query("b1").await.text("err_code"), "NOT_FOUND");

    let trusted = std::fs::read(&far.running.ca_pem).expect("a PEM file");
    let bare = reqwest::Client::builder()
        .tls_certs_only(tls::authorities(&trusted).expect("an authority"))
        .build()
        .expect("a client");
    let url = format!("{}/mmpaymkttransfers/sendredpack", far.running.pay_base());
    let answer = bare.post(url).body("<xml></xml>").send().await.expect("an answer");
    assert_eq!((answer.status().as_u16(), &answer.headers()[HEADER]), (400, &"1".parse().expect("a value")));
    assert!(answer.text().await.expect("a page").contains("No required SSL certificate was sent"));
}

#[tokio::test]
async fn faults_hide_or_change_the_truth_as_told() {
    let dir = folder();
    let far = Far::start(&dir).await;
    far.fault(json!({"kind": "drop_after"})).await;
    assert!(far.send("c1", "100").await.is_err());
    assert_eq!(far.query("c1").await.text("status"), "SENT");

    far.fault(json!({"kind": "drop_before"})).await;
    assert!(far.send("c2", "100").await.is_err());
    assert_eq!(far.query("c2").await.text("err_code"), "NOT_FOUND");

    far.fault(json!({"kind": "systemerror_paid"})).await;
    far.fault(json!({"kind": "not_found", "count": 2})).await;
    assert_eq!(far.send("c3", "100").await.expect("an answer").text("err_code"), "SYSTEMERROR");
    for wanted in ["NOT_FOUND", "NOT_FOUND", "SUCCESS"] {
        assert_eq!(far.query("c3").await.text("err_code"), wanted);
    }

    far.fault(json!({"kind": "processing"})).await;
    assert_eq!(far.send("c4", "100").await.expect("an answer").text("err_code"), "PROCESSING");
    assert_eq!(far.query("c4").await.text("status"), "SENDING");
    far.clock.advance(5_000);
    assert_eq!(far.query("c4").await.text("status"), "SENT");

    far.fault(json!({"kind": "notenough"})).await;
    assert_eq!(far.send("c5", "100").await.expect("an answer").text("err_code"), "NOTENOUGH");
    let stuck = far.query("c5").await;
    assert_eq!((stuck.text("status"), stuck.text("reason").is_empty()), ("SENDING", false));
    assert_eq!(far.send("c5", "100").await.expect("an answer").text("result_code"), "SUCCESS");

    far.fault(json!({"kind": "echo_mismatch"})).await;
    assert_eq!(far.send("c6", "100").await.expect("an answer").number("total_amount"), Some(1));
    far.fault(json!({"kind": "garbage"})).await;
    assert_eq!(far.send("c7", "100").await.expect("an answer"), Fields::default());
    let books = far.get("/sandbox/packets").await;
    assert_eq!(books["paid_count"], 6);
    assert_eq!(far.post("/sandbox/faults", json!({"kind": "nonsense"})).await.0, 422);
}

#[tokio::test]
async fn a_hanging_call_pays_and_ends_when_the_client_gives_up() {
    let dir = folder();
    let far = Far::start(&dir).await;
    far.fault(json!({"kind": "timeout"})).await;
    let fields = order("d1", "100");
    let signature = sign::sign(fields.iter().copied(), &SecretString::from(API_KEY));
    let mut fields = fields.clone();
    fields.push(("sign", &signature));
    let url = format!("{}/mmpaymkttransfers/sendredpack", far.running.pay_base());
    let call = far.pay.post(url).timeout(std::time::Duration::from_millis(300)).body(xml::write(fields));
    assert!(call.send().await.expect_err("no answer").is_timeout());
    assert_eq!(far.query("d1").await.text("status"), "SENT");
}

#[tokio::test]
async fn the_books_outlive_a_restart_and_unclaimed_money_comes_back() {
    let dir = folder();
    let first = Far::start(&dir).await;
    let sent = first.send("e1", "100").await.expect("an answer");
    drop(first);
    let second = Far::start(&dir).await;
    let again = second.send("e1", "100").await.expect("an answer");
    assert_eq!(again.text("send_listid"), sent.text("send_listid"));
    second.clock.advance(24 * 3_600_000);
    let back = second.query("e1").await;
    assert_eq!((back.text("status"), back.number("refund_amount")), ("REFUND", Some(100)));
}
