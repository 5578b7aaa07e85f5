//! Callbacks of transfers. A genuine one only makes us ask for that number sooner: what became of it, the query says. It
//! may come twice, late or never.

use std::sync::OnceLock;

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{Channel, Channels, Transfer};
use crate::{
    app::App,
    db::hit,
    error::{ApiError, ApiResult, ProblemBody},
    wechat::v3::{Resource, Signed},
    wire::PayChannel,
};

/// Longest id of a callback, bytes.
const ID_BYTES: usize = 64;

/// Routes of this module.
pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(take))
}

/// What the payer sends.
#[derive(Debug, Deserialize)]
struct Envelope {
    id: String,
    resource: Resource,
}

/// What of its sealed contents we look at.
#[derive(Debug, Deserialize)]
struct Contents {
    out_bill_no: String,
}

/// The payer's own form of a refusal.
#[derive(Debug, Serialize, ToSchema)]
struct CallbackRefusal {
    /// `FAIL`
    code: String,
    /// In Chinese.
    message: String,
}

/// The keys of a process: read once.
#[derive(Debug, Default)]
struct Ours(OnceLock<Option<Transfer>>);

/// A transfer is finished, says WeChat Pay. Only a genuine and fresh one is taken; then the number is asked for.
#[utoipa::path(post, path = "/wechat/transfer", tag = "wechat",
    params(
        ("Wechatpay-Timestamp" = Option<String>, Header, description = "Seconds; within five minutes."),
        ("Wechatpay-Nonce" = Option<String>, Header, description = "Random."),
        ("Wechatpay-Serial" = Option<String>, Header, description = "`transfer.public_key_id`"),
        ("Wechatpay-Signature" = Option<String>, Header, description = "RSA-SHA256 of the payer, base64."),
    ),
    request_body(content = String, content_type = "application/json"), responses(
    (status = 204, description = "Taken, also when it was taken before."),
    (status = 401, body = CallbackRefusal, description = "Not the payer's, too old, or not readable."),
    (status = 413, description = "`too_large`", body = ProblemBody),
    (status = 503, description = "`unavailable`: transfers are not configured.", body = ProblemBody),
))]
async fn take(
    State(app): State<App>,
    headers: HeaderMap,
    body: Result<Bytes, axum::extract::rejection::BytesRejection>,
) -> ApiResult<Response> {
    let body = body.map_err(|_| ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", "内容太大。"))?;
    let kept = app.kept::<Ours>();
    let ours = kept.0.get_or_init(|| transfer(&app));
    let Some(ours) = ours else {
        return Err(ApiError::unavailable("还没有配置商家转账（transfer.mch_id 等），请联系管理员。"));
    };
    let Some((id, bill)) = opened(ours, &headers, &body, app.now()) else {
        let refusal = CallbackRefusal { code: "FAIL".into(), message: "签名或内容无效".into() };
        return Ok((StatusCode::UNAUTHORIZED, Json(refusal)).into_response());
    };
    note(&app, &id, &bill).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn transfer(app: &App) -> Option<Transfer> {
    match Channels::open(app.config()).ok()?.transfer? {
        Channel::Transfer(transfer) => Some(*transfer),
        Channel::RedPacket(_) => None,
    }
}

/// The id and the bill number of a genuine callback. Why another one is none, the log says, not the answer.
pub(super) fn opened(
    ours: &Transfer,
    headers: &HeaderMap,
    body: &[u8],
    now: i64,
) -> Option<(String, String)> {
    let refused = |why: &dyn std::fmt::Display| tracing::warn!(%why, "a callback of transfers was refused");
    ours.proved(&Signed::read(headers), body, now).inspect_err(|error| refused(error)).ok()?;
    let envelope: Envelope = serde_json::from_slice(body).inspect_err(|error| refused(error)).ok()?;
    let plain = ours.opened(&envelope.resource).inspect_err(|error| refused(error)).ok()?;
    let contents: Contents = serde_json::from_slice(&plain).inspect_err(|error| refused(error)).ok()?;
    let plain_text = |text: &str| !text.is_empty() && text.len() <= ID_BYTES && text.is_ascii();
    let usable = plain_text(&envelope.id) && plain_text(&contents.out_bill_no);
    usable.then_some((envelope.id, contents.out_bill_no))
}

/// Notes it once, in one transaction with what it does: the number is due now, if it is one that is asked for.
async fn note(app: &App, id: &str, bill: &str) -> ApiResult<()> {
    let now = app.now();
    let mut tx = app.db().begin().await?;
    let new =
        sqlx::query("insert into transfer_callback (id, at) values ($1, $2) on conflict (id) do nothing")
            .bind(id.replace('\0', ""))
            .bind(now)
            .execute(tx.conn())
            .await?;
    if hit(&new) {
        // What would be sent again keeps its own moment: a callback sends nothing.
        sqlx::query(
            "update packet set next_at = $1 where bill_no = $2 and channel = $3 and next_at > $1 \
             and reason not in ('NO_TICKET', 'NOT_FOUND', 'resume') \
             and (state in ('confirming', 'blocked', 'needs_human') or (state = 'unknown' and queries > 0))",
        )
        .bind(now)
        .bind(bill.replace('\0', ""))
        .bind(PayChannel::TransferV3.word())
        .execute(tx.conn())
        .await?;
    }
    tx.commit().await?;
    app.pay_wake().notify_one();
    Ok(())
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};
    use serde_json::json;

    use super::{super::tests::whole, *};
    use crate::wechat::{
        rsa_key,
        v3::{HEADERS, MerchantKey},
    };

    const NOW: i64 = 1_795_420_800_000;
    const KEY: &str = "0123456789abcdef0123456789ABCDEF";

    fn envelope(key: &str, contents: &str) -> Vec<u8> {
        let resource = Resource::seal(key, "fdasflkja484", contents.as_bytes()).unwrap();
        json!({ "id": "E1", "event_type": "MCHTRANSFER.BILL.FINISHED", "resource": resource })
            .to_string()
            .into()
    }

    fn headers(signed: &Signed) -> HeaderMap {
        let values = [&signed.timestamp, &signed.nonce, &signed.serial, &signed.signature];
        let pairs = HEADERS.into_iter().zip(values);
        pairs
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap()))
            .collect()
    }

    #[test]
    fn only_what_is_signed_now_and_sealed_for_us_counts() {
        let folder = tempfile::tempdir().unwrap();
        let pair = rsa_key::make().unwrap();
        let theirs = MerchantKey::from_pem(pair.private_pem.as_bytes()).unwrap();
        let channels = super::super::tests::opened(&whole(folder.path(), &pair)).unwrap();
        let Some(Channel::Transfer(ours)) = channels.transfer else { panic!("no transfers") };
        let contents = r#"{"out_bill_no":"B1","state":"SUCCESS"}"#;
        let read = |body: &[u8], age_s: i64| {
            let signed = Signed::make(&theirs, "PUB_KEY_ID_1", (NOW / 1_000 - age_s, "n"), body);
            opened(&ours, &headers(&signed), body, NOW)
        };
        let good = envelope(KEY, contents);
        assert_eq!(read(&good, 0), Some(("E1".into(), "B1".into())));
        assert_eq!(read(&good, 301), None, "too old");
        assert_eq!(read(&envelope("another key of 32 characters....", contents), 0), None);
        assert_eq!(read(&envelope(KEY, "{}"), 0), None);
        assert_eq!(read(&envelope(KEY, r#"{"out_bill_no":""}"#), 0), None);
        assert_eq!(read(b"{}", 0), None);
        let elsewhere = Signed::make(&theirs, "PUB_KEY_ID_1", (NOW / 1_000, "n"), b"{}");
        assert_eq!(opened(&ours, &headers(&elsewhere), &good, NOW), None, "of another body");
        assert_eq!(opened(&ours, &HeaderMap::new(), &good, NOW), None);
    }
}
