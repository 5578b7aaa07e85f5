//! `kaijiang bench`: what this machine does in how much time, as JSON, beside the same work done the plain way.
#![allow(
    clippy::float_arithmetic,
    reason = "times and ratios for people; no money and no draw depends on them"
)]

mod bind;
mod cold;
mod draw;
mod evening;
mod live;
mod payout;
mod usage;

use std::time::{Duration, Instant};

use clap::{Args, Subcommand};
use serde_json::{Value, json};

/// What can be measured.
#[derive(Debug, Subcommand)]
pub enum Bench {
    /// Pools, draws and proofs
    Draw(DrawArgs),
    /// Sockets: how soon, and at what cost, many viewers see an event
    Live(live::LiveArgs),
    /// Several evenings in a row with faults: what the server uses afterwards must not grow
    Soak(live::soak::SoakArgs),
    /// Packets: how many a second, how soon, and what a long queue costs
    Payout(payout::PayoutArgs),
    /// Bindings: how many people a second come in, and how soon each
    Bind(bind::BindArgs),
}

/// What `bench draw` takes.
#[derive(Debug, Args)]
pub struct DrawArgs {
    /// People in the pool
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(1_000..=4_000_000))]
    people: u32,
    /// Also read the pool from this PostgreSQL database, in which tables are made; in place of a fresh SQLite file
    #[arg(long, value_name = "URL")]
    database: Option<String>,
    /// Save the proof of the measured draw, with its whole pool: open it in the page /verify
    #[arg(long, value_name = "FILE")]
    save: Option<std::path::PathBuf>,
    /// Also read the pool from this Redis
    #[arg(long, value_name = "URL")]
    redis: Option<String>,
}

/// Measures and prints.
pub async fn run(what: Bench) -> anyhow::Result<()> {
    let report = match what {
        Bench::Draw(args) => {
            let mut rows = draw::rows(&args)?;
            rows.extend(cold::rows(&args).await?);
            json!({ "bench": "draw", "people": args.people, "rows": rows })
        }
        Bench::Live(args) => match live::run(args).await? {
            Some(report) => report,
            None => return Ok(()),
        },
        Bench::Soak(args) => match live::soak::run(args).await? {
            Some(report) => report,
            None => return Ok(()),
        },
        Bench::Payout(args) => json!({ "bench": "payout", "rows": payout::rows(&args).await? }),
        Bench::Bind(args) => bind::run(&args).await?,
    };
    println!("{}", serde_json::to_string_pretty(&report)?);
    anyhow::ensure!(
        report["holds"] != false,
        "it does not hold: something grows from one evening to the next"
    );
    Ok(())
}

/// One line of the report; `target` is what the design asks for.
fn row(name: &str, value: f64, unit: &str, target: &str) -> Value {
    let value = (value * 1_000.0).round() / 1_000.0;
    json!({ "name": name, "value": value, "unit": unit, "target": target })
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn us(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

/// How long it takes once.
fn once<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let begun = Instant::now();
    let made = work();
    (made, begun.elapsed())
}

/// The median of several times.
fn median(runs: u32, mut work: impl FnMut(u32)) -> Duration {
    let mut times: Vec<Duration> = (0..runs).map(|run| once(|| work(run)).1).collect();
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}
