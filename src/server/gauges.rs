//! Values of `/metrics` that are looked up when somebody asks, and the one that a task of its own measures.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use metrics::{gauge, histogram};
use sqlx::Row;

use crate::{app::App, payout::sender, watch};

/// Between two looks at how late the event loop is.
const LAG_EVERY: Duration = Duration::from_millis(500);

/// Ticks of [`LAG_EVERY`] between two gatherings of what was measured.
const UPKEEP_TICKS: u32 = 20;

/// Measures how late a timer comes: what every other task of this process waits, too. Also puts what was measured into
/// its histograms: that would otherwise wait, one number per request, until somebody asks for `/metrics`.
pub(super) async fn measure_lag(app: App) {
    for tick in 1_u32.. {
        let begun = Instant::now();
        tokio::select! {
            () = app.stopping().cancelled() => return,
            () = tokio::time::sleep(LAG_EVERY) => {}
        }
        histogram!(watch::LOOP_LAG).record(begun.elapsed().saturating_sub(LAG_EVERY));
        if tick.is_multiple_of(UPKEEP_TICKS) {
            super::health::upkeep();
        }
    }
}

/// Looks everything up. A part that does not answer in time is 0 in [`watch::UP`]; its numbers stay as they were.
pub(super) async fn look(app: &App) {
    gauge!(watch::SOCKETS).set(number(app.hub().open()));
    gauge!(watch::SOCKETS_LIMIT).set(number(app.hub().most()));
    gauge!(watch::LIVE_WAITING).set(number(app.hub().waiting()));
    gauge!(watch::TASKS).set(number(tokio::runtime::Handle::current().metrics().num_alive_tasks()));
    process();
    let (store, sql) = tokio::join!(store(app), sql(app));
    up("store", store);
    up("sql", sql);
}

/// Who scrapes waits for ten seconds, and needs an answer most when a part is away.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);

async fn store(app: &App) -> bool {
    let begun = Instant::now();
    let answers = answers(app.store().ping()).await;
    if answers {
        gauge!(watch::STORE_SECONDS).set(begun.elapsed());
    }
    answers
}

async fn sql(app: &App) -> bool {
    let begun = Instant::now();
    if !answers(sqlx::query("select 1").fetch_one(app.db().read())).await {
        return false;
    }
    gauge!(watch::SQL_SECONDS).set(begun.elapsed());
    match tokio::time::timeout(PATIENCE, packets(app)).await {
        Ok(Ok(())) => true,
        Ok(Err(error)) => {
            tracing::warn!(%error, "no numbers of packets");
            false
        }
        // It answers, only slowly: counting takes longer than asking.
        Err(_) => {
            tracing::warn!("the numbers of packets took too long");
            true
        }
    }
}

/// Whether a part answers in time.
pub(super) async fn answers<T, E>(question: impl Future<Output = Result<T, E>>) -> bool {
    matches!(tokio::time::timeout(PATIENCE, question).await, Ok(Ok(_)))
}

fn up(part: &'static str, answers: bool) {
    gauge!(watch::UP, "part" => part).set(i32::from(answers));
}

/// Every whole number that counts something here is exact in it; there is no conversion that says so.
fn number(count: impl std::fmt::Display) -> f64 {
    count.to_string().parse().unwrap_or_default()
}

/// Label values that were ever shown, by metric: one that is gone must not keep its last number.
#[derive(Debug, Default)]
struct Shown(Mutex<HashMap<&'static str, BTreeSet<String>>>);

/// Sets a metric that has one series for each value of a label.
fn set_all(app: &App, (name, label): (&'static str, &'static str), now: &HashMap<String, i64>) {
    let kept = app.kept::<Shown>();
    let mut shown = kept.0.lock().unwrap_or_else(PoisonError::into_inner);
    let values = shown.entry(name).or_default();
    values.extend(now.keys().cloned());
    for value in values.iter() {
        let count = now.get(value).copied().unwrap_or_default();
        gauge!(name, label => value.clone()).set(number(count));
    }
}

/// States in which a packet is still the sender's own business.
const OPEN: &str = "('queued', 'held', 'reserved', 'sending', 'unknown', 'blocked', 'sent', 'confirming')";

async fn packets(app: &App) -> Result<(), sqlx::Error> {
    let rows =
        sqlx::query("select state, count(*) from packet group by state").fetch_all(app.db().read()).await?;
    let states = rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?)));
    set_all(app, (watch::PACKETS, "state"), &states.collect::<Result<_, sqlx::Error>>()?);
    let text = sqlx::AssertSqlSafe(format!("select min(created_at) from packet where state in {OPEN}"));
    let oldest: Option<i64> = sqlx::query(text).fetch_one(app.db().read()).await?.try_get(0)?;
    let age = oldest.map_or(0, |at| (app.now() - at).max(0) / 1000);
    gauge!(watch::OLDEST_PACKET).set(number(age));
    let standing = sender::standing(app).await?;
    let mut paused = HashMap::from([("none".to_owned(), 0)]);
    // Who has no merchant pays by other means: nothing to wake somebody for.
    paused.extend((!matches!(standing.as_str(), "running" | "not_configured")).then_some((standing, 1)));
    set_all(app, (watch::SENDER_PAUSED, "reason"), &paused);
    Ok(())
}

/// Ticks in a second in what `/proc` tells: the same on every Linux.
const TICKS: u64 = 100;

/// When this process began, seconds since 1970: the machine's start and the ticks from there.
fn began() -> Option<u64> {
    let machine = std::fs::read_to_string("/proc/stat").ok()?;
    let start: u64 = machine.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()?;
    let own = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The name before the last bracket may hold anything.
    let ticks: u64 = own.rsplit_once(") ")?.1.split_whitespace().nth(19)?.parse().ok()?;
    Some(start + ticks / TICKS)
}

/// Of this process, where the system tells it (`/proc`).
fn process() {
    if let Ok(text) = std::fs::read_to_string("/proc/self/status") {
        let resident = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = resident.and_then(|rest| rest.trim().trim_end_matches(" kB").parse::<u64>().ok());
        if let Some(kib) = kib {
            gauge!(watch::MEMORY).set(number(kib * 1024));
        }
    }
    if let Ok(entries) = std::fs::read_dir("/proc/self/fd") {
        gauge!(watch::FILES).set(number(entries.count()));
    }
    if let Some(began) = began() {
        gauge!(watch::STARTED).set(number(began));
    }
    let spent = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    metrics::counter!(watch::CPU).absolute(u64::try_from(spent.tv_sec).unwrap_or_default());
}
