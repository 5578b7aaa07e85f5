//! WeChat Pay v3: merchant transfers (`transfer-bills`), with the checks of the real one and the faults it was told to
//! have. The books are those of the red packets.

use axum::Router;
use axum::body::Bytes;
use axum::extract::{self, ConnectInfo, FromRequest, FromRequestParts as _, Path};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use url::Url;

use super::account::random_hex;
use super::books::{Effect, Order, Packet, Refusal, Status, Transfer, refusal};
use super::faults::{Call, Fault, take_fault};
use super::listen::Peer;
use super::misbehave::plan;
use super::pay::limit_rate;
use super::settings::Settings;
use super::state::{Inner, Sandbox, Shared};
use super::transfer_answer::{cancelling, error, found, sent, show};
use crate::wechat::v3::Request;

const BILLS: &str = "/v3/fund-app/mch-transfer/transfer-bills";
/// Bytes of a bill number.
const BILL_BYTES: usize = 32;
/// Characters of a remark, and of each text that a scene asks for.
const TEXT_CHARS: usize = 32;
/// From here on the receiver's name is needed, fen.
const NAME_FROM: i64 = 200_000;
/// Smallest transfer, fen.
const SMALLEST: i64 = 10;

/// The routes of the pay server.
pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route(BILLS, post(create))
        .route(&format!("{BILLS}/out-bill-no/{{bill_no}}"), get(query))
        .route(&format!("{BILLS}/transfer-bill-no/{{list_id}}"), get(query_by_list_id))
        .route(&format!("{BILLS}/out-bill-no/{{bill_no}}/cancel"), post(cancel))
}

/// A call under the merchant's signature over all of it.
struct Caller {
    sandbox: Shared,
    peer: Peer,
    body: Bytes,
}

impl FromRequest<Shared> for Caller {
    type Rejection = Response;

    async fn from_request(request: extract::Request, sandbox: &Shared) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let peer = ConnectInfo::<Peer>::from_request_parts(&mut parts, sandbox)
            .await
            .map_err(IntoResponse::into_response)?;
        let body = Bytes::from_request(extract::Request::from_parts(parts.clone(), body), sandbox)
            .await
            .map_err(IntoResponse::into_response)?;
        match check(sandbox, &parts, &body) {
            Ok(()) => Ok(Self { sandbox: sandbox.clone(), peer: peer.0, body }),
            Err(why) => Err(error(sandbox, &why)),
        }
    }
}

fn check(sandbox: &Sandbox, parts: &Parts, body: &[u8]) -> Result<(), Refusal> {
    let text = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if text("accept").is_empty() || text("user-agent").is_empty() {
        return Err(refusal("PARAM_ERROR", "缺少 Accept 或 User-Agent"));
    }
    let body = str::from_utf8(body).map_err(|_| refusal("PARAM_ERROR", "请求内容不是 UTF-8"))?;
    let path = parts.uri.path_and_query().map_or("", |path| path.as_str());
    let request = Request { method: parts.method.as_str(), path, body };
    let ours = &sandbox.config.transfer;
    let who = (&sandbox.keys.merchant, ours.mch_id.as_str(), ours.serial_no.as_str());
    if !request.is_authorized(text("authorization"), who, sandbox.now() / 1_000) {
        return Err(refusal("SIGN_ERROR", "签名错误，请检查后再试"));
    }
    Ok(())
}

async fn create(caller: Caller) -> Response {
    let sandbox = &caller.sandbox;
    let decided = sandbox.with(|inner| decide(sandbox, inner, &caller.body));
    match decided {
        Ok((packet, fault)) => {
            let truth = packet.map(|packet| sent(&packet));
            show(sandbox, &caller.peer, fault.as_ref(), truth).await
        }
        Err(why) => error(sandbox, &why),
    }
}

type Decided = (Result<Packet, Refusal>, Option<Fault>);

fn decide(sandbox: &Sandbox, inner: &mut Inner, body: &[u8]) -> Result<Decided, Refusal> {
    let asked: Asked = serde_json::from_slice(body)
        .map_err(|why| refusal("PARAM_ERROR", &format!("输入源映射到字段失败：{why}")))?;
    let now = sandbox.now() + inner.settings.clock_ahead_ms;
    limit_rate(inner).map_err(|bad| bad.why)?;
    let order = asked.order(sandbox, &inner.settings)?;
    if !inner.settings.any_openid && inner.people.get(&order.openid).is_none() {
        return Err(refusal("INVALID_REQUEST", "openid与商户appid不匹配"));
    }
    let fault = take_fault(&mut inner.faults, Call::Send, &order.openid, &order.bill_no);
    let effect = fault.as_ref().map_or(Effect::Pay, |fault| plan(fault).0);
    let answer = inner.books.send(&order, effect, &inner.settings, now);
    // Orders that run or are dead are no errors here: the answer says their state.
    let answer = match answer {
        Err(why) if matches!(why.code.as_str(), "PROCESSING" | "SEND_FAILED") => {
            inner.books.look(&order.bill_no, now).ok_or(why)
        }
        Err(why) if why.code == "FATAL_ERROR" => Err(refusal("INVALID_REQUEST", "单号已存在但信息不一致")),
        other => other,
    };
    Ok((answer, fault))
}

async fn query(Path(bill_no): Path<String>, caller: Caller) -> Response {
    asked_for(&caller, &bill_no).await
}

async fn query_by_list_id(Path(list_id): Path<String>, caller: Caller) -> Response {
    let bill_no = caller.sandbox.with(|inner| inner.books.by_list_id(&list_id)).unwrap_or_default();
    asked_for(&caller, &bill_no).await
}

async fn asked_for(caller: &Caller, bill_no: &str) -> Response {
    let sandbox = &caller.sandbox;
    let now = sandbox.now();
    let looked = sandbox.with(|inner| {
        let now = now + inner.settings.clock_ahead_ms;
        limit_rate(inner).map_err(|bad| bad.why)?;
        let packet = inner.books.query(bill_no, now).filter(|packet| packet.transfer.is_some());
        let openid = packet.as_ref().map_or("", |packet| packet.openid.as_str());
        let fault = take_fault(&mut inner.faults, Call::Query, openid, bill_no);
        Ok::<_, Refusal>((packet, fault))
    });
    match looked {
        Ok((packet, fault)) => {
            let truth = packet.ok_or_else(|| refusal("NOT_FOUND", "记录不存在"));
            let truth = truth.map(|packet| found(&packet, &sandbox.config));
            show(sandbox, &caller.peer, fault.as_ref(), truth).await
        }
        Err(why) => error(sandbox, &why),
    }
}

/// Takes a transfer back that its receiver has not confirmed. The real one takes a moment for it.
async fn cancel(Path(bill_no): Path<String>, caller: Caller) -> Response {
    let sandbox = &caller.sandbox;
    let now = sandbox.now();
    let cancelled = sandbox.with(|inner| {
        let now = now + inner.settings.clock_ahead_ms;
        inner.books.look(&bill_no, now).filter(|packet| packet.transfer.is_some())?;
        Some(inner.books.decide(&bill_no, Status::Cancelled, now))
    });
    let truth = match cancelled {
        None => Err(refusal("NOT_FOUND", "记录不存在")),
        Some(None) => Err(refusal("INVALID_REQUEST", "当前单据状态不支持撤销")),
        Some(Some(packet)) => {
            super::transfer_callback::at_its_end(sandbox, &packet);
            Ok(cancelling(&packet))
        }
    };
    show(sandbox, &caller.peer, None, truth).await
}

/// A request as it must look.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    appid: String,
    out_bill_no: String,
    transfer_scene_id: String,
    openid: String,
    #[serde(default)]
    user_name: String,
    transfer_amount: i64,
    transfer_remark: String,
    #[serde(default)]
    notify_url: String,
    #[serde(default)]
    user_recv_perception: String,
    transfer_scene_report_infos: Vec<Info>,
    #[serde(default)]
    user_recv_style: Option<Style>,
}

#[derive(Deserialize)]
struct Info {
    info_type: String,
    info_content: String,
}

#[derive(Deserialize)]
struct Style {
    #[serde(rename = "type")]
    kind: String,
}

impl Asked {
    fn order(self, sandbox: &Sandbox, settings: &Settings) -> Result<Order, Refusal> {
        let param = |name: &str| refusal("PARAM_ERROR", &format!("参数错误：{name}"));
        let text = |value: &str| (1..=TEXT_CHARS).contains(&value.chars().count());
        let bill_no = &self.out_bill_no;
        let is_bill = (1..=BILL_BYTES).contains(&bill_no.len())
            && bill_no.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let has = |kind: &str| {
            self.transfer_scene_report_infos
                .iter()
                .any(|info| info.info_type == kind && text(&info.info_content))
        };
        let style = self.user_recv_style.as_ref().map_or("CONFIRM_PAGE", |style| style.kind.as_str());
        let plain_url = |url: &str| {
            let https = |url: &Url| url.scheme() == "https" || url.host_str() == Some("127.0.0.1");
            Url::parse(url).is_ok_and(|url| https(&url) && url.query().is_none())
        };
        let most =
            settings.amount_max_fen.min(if self.user_name.is_empty() { NAME_FROM - 1 } else { i64::MAX });
        let checks = [
            ("appid", self.appid == sandbox.config.app_id),
            ("out_bill_no", is_bill),
            ("transfer_scene_id", self.transfer_scene_id == sandbox.config.transfer.scene_id),
            ("openid", (1..=64).contains(&self.openid.len())),
            ("transfer_amount", (SMALLEST..=most).contains(&self.transfer_amount)),
            ("transfer_remark", text(&self.transfer_remark)),
            ("notify_url", self.notify_url.is_empty() || plain_url(&self.notify_url)),
            (
                "user_recv_perception",
                matches!(self.user_recv_perception.as_str(), "" | "现金奖励" | "活动奖励"),
            ),
            ("transfer_scene_report_infos", has("活动名称") && has("奖励说明")),
            ("user_recv_style", matches!(style, "CONFIRM_PAGE" | "RED_PACKET")),
        ];
        if let Some((name, _)) = checks.iter().find(|(_, good)| !good) {
            return Err(param(name));
        }
        Ok(Order {
            bill_no: self.out_bill_no,
            openid: self.openid,
            amount_fen: self.transfer_amount,
            send_name: String::new(),
            act_name: String::new(),
            wishing: String::new(),
            remark: self.transfer_remark,
            transfer: Some(Transfer { package: random_hex(32), notify_url: self.notify_url }),
        })
    }
}
