//! WeChat Pay v2: `sendredpack` and `gethbinfo`, with the checks of the real one and the faults it was told to have.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::post;
use secrecy::SecretString;

use super::books::{Effect, Order, Packet, Refusal, refusal};
use super::faults::{Call, take_fault};
use super::listen::Peer;
use super::misbehave::{NO_CERTIFICATE, Shown, Truth, plan, show, truth_of};
use super::pay_answer::{Bad, answer, bad, found, refuse};
use super::settings::Settings;
use super::state::{Inner, Sandbox, Shared};
use super::transfer;
use crate::wechat::{sign, xml, xml::Fields};

/// The routes of the pay server.
pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/mmpaymkttransfers/sendredpack", post(send))
        .route("/mmpaymkttransfers/gethbinfo", post(query))
        .merge(transfer::routes())
}

async fn send(State(sandbox): State<Shared>, ConnectInfo(peer): ConnectInfo<Peer>, body: Bytes) -> Response {
    if !peer.certified {
        return (StatusCode::BAD_REQUEST, Html(NO_CERTIFICATE)).into_response();
    }
    let fields = match open(&sandbox, &body) {
        Ok(fields) => fields,
        Err(bad) => return answer(refuse(&Fields::default(), &bad)),
    };
    let decided = sandbox.with(|inner| decide_send(&sandbox, inner, &fields));
    match decided {
        Ok((truth, shown)) => show(&sandbox, &peer, &fields, shown, truth_of(&fields, &truth)).await,
        Err(bad) => answer(refuse(&fields, &bad)),
    }
}

async fn query(State(sandbox): State<Shared>, ConnectInfo(peer): ConnectInfo<Peer>, body: Bytes) -> Response {
    if !peer.certified {
        return (StatusCode::BAD_REQUEST, Html(NO_CERTIFICATE)).into_response();
    }
    let fields = match open(&sandbox, &body) {
        Ok(fields) => fields,
        Err(bad) => return answer(refuse(&Fields::default(), &bad)),
    };
    let decided = sandbox.with(|inner| {
        check_merchant(&sandbox, &fields, "appid")?;
        if fields.text("bill_type") != "MCHT" || !is_bill_no(fields.text("mch_billno")) {
            return Err(bad("PARAM_ERROR", "参数错误:bill_type或mch_billno"));
        }
        let now = sandbox.now() + inner.settings.clock_ahead_ms;
        limit_rate(inner)?;
        let packet = inner.books.query(fields.text("mch_billno"), now);
        let openid = packet.as_ref().map_or("", |packet| packet.openid.as_str());
        let fault = take_fault(&mut inner.faults, Call::Query, openid, fields.text("mch_billno"));
        Ok((packet, fault))
    });
    let (packet, fault) = match decided {
        Ok(decided) => decided,
        Err(bad) => return answer(refuse(&fields, &bad)),
    };
    let shown = fault.as_ref().map_or(Shown::Truth, |fault| plan(fault).1);
    let truth = match packet {
        Some(packet) => found(&packet, &fields),
        None => refuse(&fields, &bad("NOT_FOUND", "指定单号数据不存在")),
    };
    show(&sandbox, &peer, &fields, shown, Truth(truth)).await
}

/// Reads the body and checks the signature.
fn open(sandbox: &Sandbox, body: &[u8]) -> Result<Fields, Bad> {
    let envelope = |code: &str, text: &str| Bad { why: refusal(code, text), envelope: true };
    let fields = xml::parse(body).map_err(|_| envelope("XML_ERROR", "输入xml参数格式错误"))?;
    let key = SecretString::from(sandbox.config.api_key.as_str());
    if !sign::verify(fields.pairs(), &key, fields.text(sign::SIGN_FIELD)) {
        return Err(envelope("SIGN_ERROR", "签名错误"));
    }
    Ok(fields)
}

fn decide_send(
    sandbox: &Sandbox,
    inner: &mut Inner,
    fields: &Fields,
) -> Result<(Result<Packet, Refusal>, Shown), Bad> {
    check_merchant(sandbox, fields, "wxappid")?;
    let now = sandbox.now() + inner.settings.clock_ahead_ms;
    limit_rate(inner)?;
    let order = order(fields, &inner.settings)?;
    if !inner.settings.any_openid && inner.people.get(&order.openid).is_none() {
        return Err(bad("OPENID_ERROR", "openid和appid不匹配"));
    }
    let fault = take_fault(&mut inner.faults, Call::Send, &order.openid, &order.bill_no);
    let (effect, shown) = fault.as_ref().map_or((Effect::Pay, Shown::Truth), plan);
    Ok((inner.books.send(&order, effect, &inner.settings, now), shown))
}

fn check_merchant(sandbox: &Sandbox, fields: &Fields, app_field: &str) -> Result<(), Bad> {
    if fields.text("mch_id") != sandbox.config.mch_id {
        return Err(bad("CA_ERROR", "请求未携带证书，或证书与商户号不符"));
    }
    if fields.text(app_field) != sandbox.config.app_id {
        return Err(bad("PARAM_ERROR", "商户号和wxappid不匹配"));
    }
    if !(1..=32).contains(&fields.text("nonce_str").len()) {
        return Err(bad("PARAM_ERROR", "参数错误:nonce_str"));
    }
    Ok(())
}

/// Counted in real time: a test's clock that stands still must not make calls look fast.
pub(super) fn limit_rate(inner: &mut Inner) -> Result<(), Bad> {
    if inner.rate.0.elapsed() >= Duration::from_secs(1) {
        inner.rate = (Instant::now(), 0);
    }
    inner.rate.1 += 1;
    let limit = inner.settings.rate_per_second;
    if limit > 0 && inner.rate.1 > limit {
        return Err(bad("FREQ_LIMIT", "超过频率限制，请稍后再试"));
    }
    Ok(())
}

fn is_bill_no(text: &str) -> bool {
    (1..=28).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// Checks every field of a send call. Lengths are bytes, and must be below the published number.
fn order(fields: &Fields, settings: &Settings) -> Result<Order, Bad> {
    let param = |name: &str| bad("PARAM_ERROR", &format!("参数错误:{name}字段必填,并且长度或格式须符合要求"));
    let text = |name: &str, below: usize| match fields.text(name) {
        value if value.is_empty() || value.len() >= below => Err(param(name)),
        value => Ok(value.to_owned()),
    };
    let bill_no = fields.text("mch_billno");
    if !is_bill_no(bill_no) {
        return Err(bad("PARAM_ERROR", "输入的商户订单号有误"));
    }
    let amount_fen = fields.number("total_amount").filter(|fen| *fen > 0);
    let amount_fen = amount_fen.ok_or_else(|| param("total_amount"))?;
    if fields.number("total_num") != Some(1) {
        return Err(param("total_num"));
    }
    if fields.text("client_ip").parse::<Ipv4Addr>().is_err() {
        return Err(param("client_ip"));
    }
    let scene = fields.text("scene_id");
    if !(100..=20_000).contains(&amount_fen) && scene.is_empty() {
        return Err(bad("PARAM_ERROR", "红包金额小于1元或大于200元时，scene_id必填"));
    }
    let scene_number = scene.strip_prefix("PRODUCT_").and_then(|number| number.parse().ok());
    if !scene.is_empty() && !scene_number.is_some_and(|number: u8| (1..=8).contains(&number)) {
        return Err(bad("PARAM_ERROR", "该场景未开通"));
    }
    if !(settings.amount_min_fen..=settings.amount_max_fen).contains(&amount_fen) {
        return Err(bad("MONEY_LIMIT", "红包金额发放限制"));
    }
    if fields.text("risk_info").len() >= 128 {
        return Err(param("risk_info"));
    }
    Ok(Order {
        bill_no: bill_no.to_owned(),
        openid: text("re_openid", 33)?,
        amount_fen,
        send_name: text("send_name", 32)?,
        act_name: text("act_name", 32)?,
        wishing: text("wishing", 128)?,
        remark: text("remark", 256)?,
        transfer: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> Vec<(&'static str, &'static str)> {
        vec![
            ("mch_billno", "1900000109202611230000000001"),
            ("re_openid", "o1"),
            ("total_amount", "100"),
            ("total_num", "1"),
            ("client_ip", "203.0.113.7"),
            ("send_name", "十个汉字正好三十字节"),
            ("act_name", "抽奖"),
            ("wishing", "好运"),
            ("remark", "备注"),
        ]
    }

    fn check(name: &'static str, value: &'static str) -> Result<i64, String> {
        let mut pairs: Vec<_> = good().into_iter().filter(|pair| pair.0 != name).collect();
        pairs.push((name, value));
        let fields = xml::parse(xml::write(pairs).as_bytes()).expect("readable");
        let settings = Settings { amount_max_fen: 49_900, ..Settings::default() };
        order(&fields, &settings).map(|order| order.amount_fen).map_err(|bad| bad.why.code)
    }

    #[test]
    fn every_field_is_checked() {
        assert_eq!(check("scene_id", ""), Ok(100));
        let wrong = [
            ("mch_billno", ""),
            ("mch_billno", "19000001092026112300000000012"),
            ("mch_billno", "a-b"),
            ("re_openid", ""),
            ("total_amount", "1.00"),
            ("total_amount", "0"),
            ("total_num", "2"),
            ("client_ip", "::1"),
            ("client_ip", ""),
            ("send_name", "十个汉字正好三十字节多"),
            ("act_name", ""),
            ("wishing", ""),
            ("remark", ""),
            ("scene_id", "PRODUCT_9"),
            ("total_amount", "99"),
            ("total_amount", "20001"),
        ];
        for (name, value) in wrong {
            assert_eq!(check(name, value), Err("PARAM_ERROR".to_owned()), "{name}={value}");
        }
    }

    #[test]
    fn an_unusual_amount_needs_a_scene_and_the_merchants_range() {
        let settings = Settings { amount_max_fen: 49_900, ..Settings::default() };
        let try_amount = |amount: &'static str| {
            let mut pairs: Vec<_> = good().into_iter().filter(|pair| pair.0 != "total_amount").collect();
            pairs.extend([("total_amount", amount), ("scene_id", "PRODUCT_2")]);
            let fields = xml::parse(xml::write(pairs).as_bytes()).expect("readable");
            order(&fields, &settings).map(|order| order.amount_fen).map_err(|bad| bad.why.code)
        };
        assert_eq!(try_amount("20001"), Ok(20_001));
        assert_eq!(try_amount("49901"), Err("MONEY_LIMIT".to_owned()));
        assert_eq!(try_amount("99"), Err("MONEY_LIMIT".to_owned()));
    }
}
