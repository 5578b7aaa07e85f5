//! The door opens: many people log in through WeChat, ask for a code, get it by SMS, and bind, all over HTTP, against a
//! server of our own with everything durable. WeChat and the SMS gateway are the sandbox in the same process, whose work is
//! part of what is measured.

mod guest;
mod hall;
mod screen;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use clap::Args;
use serde_json::{Value, json};
use tokio::{sync::Semaphore, task::JoinSet, time::interval};

use self::{
    guest::{Guest, STEPS, Times},
    hall::Hall,
    screen::Screen,
};
use super::{ms, row};
use crate::{keys, people::xlsx_out::demo_people};

/// Screens are told of people at most so often.
const UPDATES: &str = "<= 5";

/// What `bench bind` takes.
#[derive(Clone, Debug, Args)]
pub struct BindArgs {
    /// People who come as fast as the server lets them in
    #[arg(long, default_value_t = 4_000, value_parser = clap::value_parser!(u32).range(20..=50_000))]
    people: u32,
    /// Of them on their way at once
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=2_000))]
    at_once: u32,
    /// Afterwards so many come each second
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=2_000))]
    rate: u32,
    /// For so many seconds
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=120))]
    seconds: u32,
    /// A PostgreSQL server, in which a database is made; in place of a SQLite file
    #[arg(long, value_name = "URL")]
    database: Option<String>,
    /// A Redis; in place of this process's own store
    #[arg(long, value_name = "URL")]
    redis: Option<String>,
    /// Folder for the files, on the disk that is to be measured
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    folder: PathBuf,
}

/// Measures, and leaves nothing behind but the database on a server.
pub(super) async fn run(args: &BindArgs) -> anyhow::Result<Value> {
    let folder = args.folder.join(format!("kaijiang-bench-{}", keys::short_id()));
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let measured = measure(args, &folder).await;
    std::fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    measured
}

async fn measure(args: &BindArgs, folder: &Path) -> anyhow::Result<Value> {
    let total = args.people + args.rate * args.seconds;
    let hall = Hall::open(args, folder, usize::try_from(total)?).await?;
    let screen = Screen::open(&hall).await?;
    let mut guests = guests(&hall, usize::try_from(total)?);
    let later = guests.split_off(usize::try_from(args.people)?);

    let begun = Instant::now();
    let burst = crowd(guests, args.at_once).await?;
    let rate = f64::from(args.people) / begun.elapsed().as_secs_f64();
    let steady = evenly(later, args.rate).await?;
    // What was bound is on the screen a moment later.
    let shown = screen.until(i64::from(total)).await?;
    let updates = screen.close().await?;
    let counted = hall.counted().await?;
    ensure!(
        counted == (i64::from(total), i64::from(total)),
        "{total} people came in, but SQL and the pool say {counted:?}"
    );
    hall.close().await?;

    let target = if args.database.is_some() { ">= 300" } else { ">= 400" };
    let whole = |times: &[Times], permille| ms(percentile(times.iter().map(Times::whole), permille));
    let mut rows = vec![
        row("whole bindings, as fast as they go", rate, "per s", target),
        row("one of them, p50", whole(&burst, 500), "ms", ""),
        row(&format!("whole binding at {} a second, p50", args.rate), whole(&steady, 500), "ms", ""),
        row(&format!("whole binding at {} a second, p99", args.rate), whole(&steady, 990), "ms", "<= 500"),
    ];
    for (at, step) in STEPS.iter().enumerate() {
        let time =
            |times: &[Times], permille| ms(percentile(times.iter().map(|one| one.steps[at]), permille));
        rows.push(row(&format!("{step}, p50 of those at once"), time(&burst, 500), "ms", ""));
        rows.push(row(&format!("{step}, p99 at {} a second", args.rate), time(&steady, 990), "ms", ""));
    }
    rows.push(row("numbers on a screen change, most in one second", f64::from(updates.counts), "", UPDATES));
    rows.push(row("names come onto it, most messages in one second", f64::from(updates.names), "", UPDATES));
    let store = if args.redis.is_some() { "Redis" } else { "this process" };
    let database = if args.database.is_some() { "PostgreSQL" } else { "SQLite" };
    Ok(json!({
        "bench": "bind", "people": total, "database": database, "store": store,
        "bound": { "sql": counted.0, "pool": counted.1, "screen": shown }, "rows": rows,
    }))
}

fn guests(hall: &Hall, count: usize) -> Vec<Guest> {
    let people = demo_people(count).into_iter().enumerate();
    people
        .map(|(at, person)| Guest::new(hall.way(), &format!("oBenchBindGuest{at:08}"), &person.phone))
        .collect()
}

/// Everybody, so many at once.
async fn crowd(guests: Vec<Guest>, at_once: u32) -> anyhow::Result<Vec<Times>> {
    let turns = Arc::new(Semaphore::new(usize::try_from(at_once)?));
    let mut running = JoinSet::new();
    for guest in guests {
        let turn = Arc::clone(&turns).acquire_owned().await?;
        running.spawn(async move {
            let times = guest.enter().await;
            drop(turn);
            times
        });
    }
    running.join_all().await.into_iter().collect()
}

/// So many a second, whether the earlier ones are in or not.
async fn evenly(guests: Vec<Guest>, rate: u32) -> anyhow::Result<Vec<Times>> {
    let mut beat = interval(Duration::from_secs(1) / rate);
    let mut running = JoinSet::new();
    for guest in guests {
        beat.tick().await;
        running.spawn(guest.enter());
    }
    running.join_all().await.into_iter().collect()
}

fn percentile(times: impl Iterator<Item = Duration>, permille: usize) -> Duration {
    let mut times: Vec<Duration> = times.collect();
    times.sort_unstable();
    let place = (times.len() * permille / 1_000).min(times.len().saturating_sub(1));
    times.get(place).copied().unwrap_or_default()
}
