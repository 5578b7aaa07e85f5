//! The check before the evening: everything that has to work then is tried now. Each finding says what to do.
//!
//! `kaijiang doctor` runs it beside or without a server; the control page shows the same list.

mod far;
mod http;
mod near;
mod site;

use std::{
    future::{Future, ready},
    time::Duration,
};

use futures_util::future::join_all;

pub use self::http::router;
use crate::{
    app::App,
    wire::{Check, CheckState, Checks},
};

/// No single check may hold up the list.
const PATIENCE: Duration = Duration::from_secs(12);

/// What a check found.
#[derive(Debug)]
struct Finding {
    state: CheckState,
    says: String,
    todo: &'static str,
}

impl Finding {
    fn good(says: impl Into<String>) -> Self {
        Self { state: CheckState::Good, says: says.into(), todo: "" }
    }

    fn off(says: impl Into<String>) -> Self {
        Self { state: CheckState::Off, says: says.into(), todo: "" }
    }

    fn warn(says: impl Into<String>, todo: &'static str) -> Self {
        Self { state: CheckState::Warn, says: says.into(), todo }
    }

    fn bad(says: impl Into<String>, todo: &'static str) -> Self {
        Self { state: CheckState::Bad, says: says.into(), todo }
    }
}

/// Looks at everything, at the same time; the worst comes first.
pub async fn examine(app: &App) -> Checks {
    let found = join_all([
        named("configuration", ready(near::configuration(app))),
        named("master_key", ready(near::master_key(app))),
        named("database", near::database(app)),
        named("ledger", near::ledger(app)),
        named("store", near::store(app)),
        named("files", near::files(app)),
        named("disk", ready(near::disk(app))),
        named("open_files", ready(near::open_files(app))),
        named("draw", ready(near::draw())),
        named("public_url", site::public_url(app)),
        named("proxy", site::proxy(app)),
        named("certificate", site::certificate(app)),
        named("domain_files", site::domain_files(app)),
        named("callback", far::callback(app)),
        named("wechat_token", far::wechat_token(app)),
        named("clock", far::clock(app)),
        named("merchant_certificate", ready(near::merchant_certificate(app))),
        named("payer", far::payer(app)),
        named("sms", far::sms(app)),
    ])
    .await;
    let mut checks = found;
    checks.sort_by_key(|check| std::cmp::Reverse(check.state));
    let state = checks.first().map_or(CheckState::Good, |check| check.state);
    Checks { at: app.now(), state, checks }
}

type Named<'a> = std::pin::Pin<Box<dyn Future<Output = Check> + Send + 'a>>;

fn named<'a>(name: &'static str, check: impl Future<Output = Finding> + Send + 'a) -> Named<'a> {
    Box::pin(async move {
        let finding = tokio::time::timeout(PATIENCE, check)
            .await
            .unwrap_or_else(|_| Finding::bad("等了十二秒没有回答。", "请检查这台服务器的网络，稍后重试。"));
        let Finding { state, says, todo } = finding;
        Check { name: name.into(), state, says, todo: todo.into() }
    })
}
