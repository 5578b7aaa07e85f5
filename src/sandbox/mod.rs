//! A stand-in for everything outside: WeChat's service account, WeChat Pay and the SMS gateways of Aliyun and
//! Tencent Cloud.
//!
//! `kaijiang sandbox` runs it alone, `kaijiang demo` beside the server, tests on port 0. It checks what the real ones
//! check, keeps books of its own, and can be told to misbehave. It is loud about being a sandbox: every answer has
//! the header [`HEADER`], every page a title that says so.
//!
//! Two listeners: plain HTTP for the account, SMS and its own routes below `/sandbox`; TLS for WeChat Pay, which asks
//! for the client certificate that the sandbox made.
//!
//! Routes for programs (all JSON):
//!
//! - `GET /connect/oauth2/authorize?…&as=OPENID` redirects without a page and makes the person if unknown;
//!   `&follow=1` makes a follower, `&snapshot=1` a snapshot visitor, `&name=` names a new person.
//! - `GET /sandbox/sms?phone=` `{messages, latest}`: newest last; `latest` is the newest code. With a phone it waits up
//!   to a second for a message, unless one has just come: who asked for a code may read it here at once.
//! - `POST /sandbox/callbacks {openid, event, key?, content?, copies?, forged?, url?}`: `event` is `subscribe`,
//!   `unsubscribe`, `SCAN`, `text`, `TEMPLATESENDJOBFINISH` (`key` is the message's number, `content` its status), or
//!   `verify` for the address check; answers what our server answered.
//! - `GET /sandbox/account` `{token_calls, ticket_calls, menu}`; `DELETE /sandbox/tokens` ends every access token.
//! - `GET /sandbox/packets?openid=&bill_no=` `{packets, paid_count, paid_fen}`, transfers among them;
//!   `POST /sandbox/packets/{bill_no}/open` opens one or confirms a transfer, `…/status {status}` decides as an operator
//!   of the far end (a transfer that waits: `FAILED`, `CANCELLED`).
//! - `POST /sandbox/transfers/{bill_no}/callback {copies?, forged?, age_s?}` calls back about a transfer;
//!   `GET /sandbox/confirm/{package}` is the page where a receiver confirms one.
//! - `POST /sandbox/faults {kind, count?, skip?, percent?, seed?, on?, paid?, kept?, code?, text?, openid?, bill_no?}`,
//!   `DELETE`; `GET` `{kinds: [{kind, text}], active}`. A plan file (`--plan`) names faults to start with.
//! - `POST /sandbox/settings` changes what is named, `GET` shows all.
//! - `GET /sandbox/people?openid=&phone=`, `GET /sandbox/messages?openid=`, `GET /sandbox/callbacks`.
//! - `POST /sandbox/crowd {base, meeting, count, bind?, tap?, sockets?}`, `GET` for progress, `DELETE` to stop.

mod account;
mod books;
mod callbacks;
mod certs;
mod control;
mod crowd;
mod faults;
mod input;
mod lang;
mod listen;
mod messages;
mod misbehave;
mod page;
mod page_faults;
mod pay;
mod pay_answer;
mod people;
mod phone;
mod settings;
mod sms;
mod sms_tencent;
mod state;
mod transfer;
mod transfer_answer;
mod transfer_callback;
mod transfer_keys;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use axum::Router;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{Redirect, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower_http::set_header::SetResponseHeaderLayer;
use url::Url;

use crate::clock::Clock;
use certs::Certificates;
use listen::{Peer, TlsListener};
pub use settings::Plan;
use state::{Sandbox, Shared};
use transfer_keys::TransferKeys;

/// Every answer of the sandbox carries this header with the value `1`; `serve` refuses to pay a far end that does.
pub const HEADER: &str = "x-kaijiang-sandbox";

/// A made-up person of the demo roster.
#[derive(Debug, Clone)]
pub struct CrowdPerson {
    /// Name.
    pub name: String,
    /// Mainland phone number, 11 digits.
    pub phone: String,
    /// Staff number; may be empty.
    pub staff_no: String,
}

/// What the sandbox stands in for, and where.
#[derive(Clone)]
pub struct SandboxConfig {
    /// Where the account, SMS and `/sandbox` are served (port 0: any).
    pub listen: SocketAddr,
    /// Where WeChat Pay is served, over TLS (port 0: any).
    pub pay_listen: SocketAddr,
    /// Where certificates and books are kept.
    pub data_dir: PathBuf,
    /// App id of the service account.
    pub app_id: String,
    /// Its secret.
    pub app_secret: String,
    /// Its callback token.
    pub token: String,
    /// Its `EncodingAESKey`; none is plain mode.
    pub aes_key: Option<String>,
    /// Merchant number.
    pub mch_id: String,
    /// API v2 key of the merchant.
    pub api_key: String,
    /// Where our server takes callbacks.
    pub callback_url: Option<Url>,
    /// The merchant of transfers (v3).
    pub transfer: TransferMerchant,
    /// Access key id for SMS.
    pub sms_access_key: String,
    /// Its secret.
    pub sms_secret: String,
    /// Packets are opened by their receivers after this time; none: only by hand.
    pub auto_open: Option<Duration>,
    /// The people of the demo roster; may be empty.
    pub crowd: Vec<CrowdPerson>,
    /// Settings and faults to start with.
    pub plan: Plan,
    /// The clock of all far ends.
    pub clock: Clock,
}

/// A merchant of transfers, as it would be registered with WeChat Pay.
#[derive(Debug, Clone)]
pub struct TransferMerchant {
    /// Merchant number.
    pub mch_id: String,
    /// Serial of its API certificate.
    pub serial_no: String,
    /// Its API v3 key, 32 characters.
    pub api_v3_key: String,
    /// Serial of the payer's public key.
    pub public_key_id: String,
    /// The scene that it was granted.
    pub scene_id: String,
}

/// A running sandbox.
pub struct Running {
    /// Where the account, SMS and `/sandbox` are served: base for `wechat.api_base`, `wechat.oauth_base`,
    /// `sms.api_base`.
    pub addr: SocketAddr,
    /// Where WeChat Pay is served, over TLS.
    pub pay_addr: SocketAddr,
    /// The authority to trust for `pay_addr` (`pay.ca_pem`).
    pub ca_pem: PathBuf,
    /// The merchant's certificate (`pay.cert_pem`).
    pub cert_pem: PathBuf,
    /// The merchant's key (`pay.key_pem`).
    pub key_pem: PathBuf,
    /// The key with which the merchant signs transfers (`transfer.key_pem`).
    pub transfer_key_pem: PathBuf,
    /// The key that proves the answers to them (`transfer.public_key_pem`).
    pub public_key_pem: PathBuf,
    tracker: TaskTracker,
}

impl Running {
    /// `http://…` of the account, SMS and `/sandbox`.
    pub fn base(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// `https://…` of WeChat Pay.
    pub fn pay_base(&self) -> String {
        format!("https://{}", self.pay_addr)
    }

    /// Waits until everything has stopped; returns only after the shutdown token was cancelled.
    pub async fn stopped(&self) {
        self.tracker.wait().await;
    }
}

/// Starts the sandbox; it runs until `shutdown` is cancelled.
pub async fn start(config: SandboxConfig, shutdown: CancellationToken) -> Result<Running> {
    crate::wechat::tls::install_ring();
    std::fs::create_dir_all(&config.data_dir)
        .with_context(|| format!("cannot make the folder {}", config.data_dir.display()))?;
    let certificates = Certificates::ensure(&config.data_dir)?;
    let keys = TransferKeys::ensure(&config.data_dir, &config.transfer)?;
    let (transfer_key_pem, public_key_pem) = (keys.merchant_pem.clone(), keys.public_pem.clone());
    let listener = bind(config.listen).await?;
    let pay_listener = bind(config.pay_listen).await?;
    let (addr, pay_addr) = (listener.local_addr()?, pay_listener.local_addr()?);
    let tracker = TaskTracker::new();
    let sandbox = Arc::new(Sandbox::open((config, keys), shutdown.clone(), tracker.clone())?);
    let tls = TlsListener::start(pay_listener, certificates.server_config()?, &tracker, shutdown.clone())?;
    let pay = dated(loud(pay::routes()), &sandbox).with_state(Arc::clone(&sandbox));
    let pay = axum::serve(tls, pay.into_make_service_with_connect_info::<Peer>())
        .with_graceful_shutdown(shutdown.clone().cancelled_owned());
    let plain = axum::serve(listener, plain_routes().with_state(sandbox))
        .with_graceful_shutdown(shutdown.cancelled_owned());
    tracker.spawn(async move { report(pay.await) });
    tracker.spawn(async move { report(plain.await) });
    tracker.close();
    Ok(Running {
        addr,
        pay_addr,
        ca_pem: certificates.ca,
        cert_pem: certificates.client_cert,
        key_pem: certificates.client_key,
        transfer_key_pem,
        public_key_pem,
        tracker,
    })
}

async fn bind(address: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("the sandbox cannot listen on {address}"))
}

fn report(ended: std::io::Result<()>) {
    if let Err(error) = ended {
        tracing::error!(%error, "a listener of the sandbox ended");
    }
}

fn plain_routes() -> Router<Shared> {
    let routes = account::routes()
        .merge(sms::routes())
        .merge(messages::routes())
        .merge(callbacks::routes())
        .merge(transfer_callback::routes())
        .merge(control::routes())
        .merge(crowd::routes())
        // POST / is the SMS gateway; a browser that opens the address wants the page.
        .route("/", get(async || Redirect::to("/sandbox")));
    loud(routes)
}

/// Answers of the payer say what time it is by the clock of all far ends, which need not be the machine's.
fn dated(routes: Router<Shared>, sandbox: &Shared) -> Router<Shared> {
    let sandbox = Arc::clone(sandbox);
    let date = move |_: &Response| HeaderValue::try_from(misbehave::http_date(sandbox.now())).ok();
    routes.layer(SetResponseHeaderLayer::if_not_present(header::DATE, date))
}

/// Puts the header on every answer, also on those to unknown addresses.
fn loud(routes: Router<Shared>) -> Router<Shared> {
    let name = HeaderName::from_static(HEADER);
    routes
        .fallback(async || axum::http::StatusCode::NOT_FOUND)
        .layer(SetResponseHeaderLayer::overriding(name, HeaderValue::from_static("1")))
}
