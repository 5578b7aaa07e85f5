//! The state of the whole sender: one row for all servers. Paused, it asks but sends nothing.

use std::sync::{Mutex, PoisonError};

use http::StatusCode;
use serde::{Deserialize, Serialize};
use sqlx::Row;

use super::{certificate::CERTIFICATE, channel::Channels, codes, day, matching, skew::CLOCK_SKEW};
use crate::{
    app::App,
    approval::Warrant,
    audit::{self, Deed},
    auth::Staff,
    budget::ledger,
    clock::Ms,
    db::{Db, Tx},
    error::{ApiError, ApiResult},
    wire::{Fen, PayChannel, SenderView, StateCount},
};

/// The database is older than the mark outside of it.
pub const BEHIND_MARK: &str = "behind_mark";
/// The far end is our sandbox, and that is not allowed here.
pub const SANDBOX: &str = "sandbox_far_end";

/// The sender of this process cannot start.
pub const NOT_STARTED: &str = "not_started";
const MARK_FILE: &str =
    "账本标记写不进去（ledger.mark_file），没有恢复发送：请技术人员检查该文件所在的磁盘和权限，然后再试。";

/// As stored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sender {
    /// Sends nothing.
    pub paused: bool,
    /// Stable code.
    pub reason: String,
    /// When it was last paused or resumed, ms.
    pub at: Ms,
}

impl Sender {
    /// Reads it.
    pub async fn load(db: &Db) -> Result<Self, sqlx::Error> {
        let row =
            sqlx::query("select value from instance where name = 'sender'").fetch_optional(db.read()).await?;
        Self::read(row)
    }

    /// Reads it within a transaction.
    pub(super) async fn within(tx: &mut Tx) -> Result<Self, sqlx::Error> {
        let row =
            sqlx::query("select value from instance where name = 'sender'").fetch_optional(tx.conn()).await?;
        Self::read(row)
    }

    async fn locked(tx: &mut Tx) -> Result<Self, sqlx::Error> {
        sqlx::query(
            "insert into instance (name, value) values ('sender', '{\"paused\":false,\"reason\":\"\",\"at\":0}') \
             on conflict (name) do update set value = instance.value",
        )
        .execute(tx.conn())
        .await?;
        Self::within(tx).await
    }

    fn read(row: Option<sqlx::any::AnyRow>) -> Result<Self, sqlx::Error> {
        let Some(row) = row else { return Ok(Self::default()) };
        // What is not readable is not trusted: paused.
        let text: String = row.try_get(0)?;
        Ok(serde_json::from_str(&text).unwrap_or(Self { paused: true, reason: "unreadable".into(), at: 0 }))
    }

    async fn store(&self, tx: &mut Tx) -> Result<(), sqlx::Error> {
        let text = serde_json::to_string(self).map_err(|error| sqlx::Error::Encode(Box::new(error)))?;
        sqlx::query("update instance set value = $1 where name = 'sender'")
            .bind(text)
            .execute(tx.conn())
            .await
            .map(drop)
    }
}

/// Why the sender of this process does not run, whatever is stored; empty when it does.
#[derive(Debug, Default)]
pub(super) struct Off(Mutex<&'static str>);

impl Off {
    pub(super) fn set(&self, reason: &'static str) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = reason;
    }

    fn reason(&self) -> Option<&'static str> {
        let reason = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (!reason.is_empty()).then_some(reason)
    }
}

/// `running`, or why packets do not leave this process.
pub async fn standing(app: &App) -> Result<String, sqlx::Error> {
    let stored = Sender::load(app.db()).await?;
    Ok(match app.kept::<Off>().reason() {
        Some(reason) => reason.to_owned(),
        None if stored.paused => stored.reason,
        None => "running".to_owned(),
    })
}

/// Stops the sender because of an answer or a finding; the first reason stays until somebody resumes, except that an
/// older database must be matched, whatever it had been paused for when it was copied.
pub async fn stop(tx: &mut Tx, at: Ms, reason: &str) -> Result<(), sqlx::Error> {
    let before = Sender::locked(tx).await?;
    if before.paused && (reason != BEHIND_MARK || before.reason == BEHIND_MARK) {
        return Ok(());
    }
    tracing::error!(reason, cause = codes::cause(reason), "the sender of packets is paused");
    Sender { paused: true, reason: reason.into(), at }.store(tx).await
}

/// Finance stops it.
pub async fn pause(app: &App, staff: &Staff) -> ApiResult<()> {
    let mut tx = app.db().begin().await?;
    let before = Sender::locked(&mut tx).await?;
    if !before.paused {
        Sender { paused: true, reason: "by_hand".into(), at: app.now() }.store(&mut tx).await?;
        note(app, &mut tx, staff, "sender.pause", "").await?;
    }
    Ok(tx.commit().await?)
}

/// Finance lets it go on: what waited because of the stop is due now, refused orders with the same number. 409
/// `not_matched` when the database was behind its mark and was not matched with the payer since, 503 `mark_file` when the
/// mark outside of it cannot be written.
pub(super) async fn resume(app: &App, warrant: Warrant<'_>) -> ApiResult<()> {
    let now = app.now();
    if Sender::load(app.db()).await?.reason == BEHIND_MARK {
        matching::must_be_complete(app).await?;
        // Finance has matched the database with the payer: it is the truth from here on. Written before anything is
        // released, since with the old mark the next start would stop again.
        ledger::write_mark(app).await.map_err(|error| {
            tracing::error!(error = format!("{error:#}"), "the ledger's mark could not be written");
            ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "mark_file", MARK_FILE)
        })?;
    }
    let mut tx = app.db().begin().await?;
    let before = Sender::locked(&mut tx).await?;
    warrant.close(&mut tx, now).await?;
    if !before.paused {
        return Ok(tx.commit().await?);
    }
    Sender { paused: false, reason: String::new(), at: now }.store(&mut tx).await?;
    sqlx::query("update packet set next_at = $1 where state = 'queued' and next_at > $1")
        .bind(now)
        .execute(tx.conn())
        .await?;
    // With them those that the payer holds since a first, undecided attempt: the same number cannot pay twice.
    let causes = codes::SEND.iter().filter(|row| !row.cause.is_empty()).map(|row| row.code);
    for code in causes.chain(["stuck", "sending"]) {
        sqlx::query(
            "update packet set reason = 'resume', next_at = $1, updated_at = $1 \
             where state = 'blocked' and reason = $2",
        )
        .bind(now)
        .bind(code)
        .execute(tx.conn())
        .await?;
    }
    note(app, &mut tx, warrant.staff, "sender.resume", &before.reason).await?;
    tx.commit().await?;
    super::wake(app);
    Ok(())
}

async fn note(app: &App, tx: &mut Tx, staff: &Staff, what: &str, note: &str) -> Result<(), sqlx::Error> {
    let deed = Deed { who: &staff.user, what, meeting: "", target: "sender", note };
    audit::record(tx, app.now(), &deed).await
}

/// Where it is remembered what the far end of a channel is.
fn far_end_name(channel: PayChannel) -> String {
    format!("far_end:{}", channel.word())
}

/// Remembers what the far end of a channel is, for the view.
pub async fn remember_far_end(tx: &mut Tx, channel: PayChannel, sandbox: bool) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into instance (name, value) values ($1, $2) \
         on conflict (name) do update set value = excluded.value",
    )
    .bind(far_end_name(channel))
    .bind(if sandbox { "sandbox" } else { "real" })
    .execute(tx.conn())
    .await
    .map(drop)
}

/// For pages: with what the configuration forbids, which no resume can change.
pub async fn view(app: &App) -> ApiResult<SenderView> {
    let stored = Sender::load(app.db()).await?;
    let channels = Channels::open(app.config());
    let off = channels.as_ref().map_or(Some("configuration"), Channels::off);
    let off = off.or_else(|| app.kept::<Off>().reason());
    let reason = off.map_or(stored.reason, str::to_owned);
    let mut sandbox = false;
    for channel in PayChannel::ALL {
        let far_end = sqlx::query("select 1 from instance where name = $1 and value = 'sandbox'")
            .bind(far_end_name(channel))
            .fetch_optional(app.db().read())
            .await?;
        sandbox |= far_end.is_some();
    }
    let configured =
        PayChannel::ALL.into_iter().filter(|channel| !app.config().merchant(*channel).is_empty());
    let detail = match channels {
        Err(error) => format!("支付配置有误，请技术人员检查后重启：{error:#}"),
        Ok(_) => detail(&reason),
    };
    Ok(SenderView {
        paused: stored.paused || off.is_some(),
        detail,
        reason,
        channels: configured.collect(),
        sandbox,
        counts: counts(app.db()).await?,
        limits: day::limits(app).await?,
    })
}

fn detail(reason: &str) -> String {
    match reason {
        "" => "正常发送。",
        "by_hand" => "财务已暂停发送，恢复后继续。",
        "not_configured" => {
            "尚未配置商户（pay.mch_id 或 transfer.mch_id 等），奖励会保留，配置并重启后自动发送。"
        }
        NOT_STARTED => "发送程序还没能启动，正在每几秒重试；原因在服务器日志里，请技术人员检查。",
        BEHIND_MARK => "数据库比外部账本标记旧（可能恢复了旧备份）：这之后付过的款可能不在库里。请先逐个单号向微信核对，再恢复发送。",
        CERTIFICATE => {
            "商户证书（pay.cert_pem）已到期，或将在一天内到期：请在商户平台更换 API 证书，替换文件并重启服务，再恢复发送。到期之前也可以先恢复，继续发送。"
        }
        CLOCK_SKEW => {
            "本机时钟与微信支付相差超过一分钟，每日限额和签名都靠不住：请打开时间同步（timedatectl set-ntp true），校准后恢复发送。"
        }
        SANDBOX => "对端是模拟服务而未允许使用（sandbox.enabled）：请检查 pay.api_base 与 transfer.api_base。",
        code => match codes::cause(code) {
            "" => "发送已暂停，请财务检查后恢复。",
            cause => cause,
        },
    }
    .to_owned()
}

async fn counts(db: &Db) -> ApiResult<Vec<StateCount>> {
    let rows = sqlx::query(
        "select state, count(*), cast(coalesce(sum(amount_fen), 0) as bigint) from packet \
         group by state order by state",
    )
    .fetch_all(db.read())
    .await?;
    let mut found = Vec::with_capacity(rows.len());
    for row in rows {
        let state = super::sql::state(&row.try_get::<String, _>(0)?)?;
        found.push(StateCount { state, count: row.try_get(1)?, amount_fen: Fen(row.try_get(2)?) });
    }
    Ok(found)
}
