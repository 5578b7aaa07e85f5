//! Evenings in a row, with thousands of viewers and with faults: whatever an evening needed, the server has given back when
//! it is over. It is a process of its own, so that what is counted is its own.

mod child;
mod evening;
mod guest;
mod server;

use std::{path::PathBuf, time::Duration};

use clap::Args;
use serde_json::{Value, json};

use self::server::{OVER, Rest, Server};

/// What `bench soak` takes.
#[derive(Clone, Debug, Args)]
pub struct SoakArgs {
    /// Viewers of each evening; each is an open file here and in the server
    #[arg(long, default_value_t = 5_000, value_parser = clap::value_parser!(u32).range(10..=60_000))]
    viewers: u32,
    /// Evenings
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    evenings: u32,
    /// Draws of each evening
    #[arg(long, default_value_t = 6, value_parser = clap::value_parser!(u32).range(1..=10))]
    draws: u32,
    /// A PostgreSQL database in which nothing is yet; in place of an SQLite file
    #[arg(long, value_name = "URL")]
    database: Option<String>,
    /// A Redis in which nothing is yet; in place of the store in the process
    #[arg(long, value_name = "URL")]
    redis: Option<String>,
    /// A command that kills or restarts what the server leans on, run in the middle of every evening; may be repeated
    #[arg(long = "break", value_name = "COMMAND")]
    breaks: Vec<String>,
    /// Be the server (used by the benchmark itself)
    #[arg(long, hide = true, value_name = "FOLDER")]
    serve_in: Option<PathBuf>,
}

/// What the server may have grown by from one evening to the next: the allocator's rest, not a leak. Bytes.
const GROWTH_BYTES: f64 = 1_500_000.0;
/// Files and tasks that may be more at the end: connections that come and go.
const GROWTH_COUNT: i64 = 12;

/// Measures, or is the server of a measurement.
pub(in crate::bench) async fn run(args: SoakArgs) -> anyhow::Result<Option<Value>> {
    if let Some(folder) = &args.serve_in {
        child::serve(folder).await?;
        return Ok(None);
    }
    let server = Server::start(&args).await?;
    let report = measure(&args, &server).await;
    server.end().await;
    report.map(Some)
}

async fn measure(args: &SoakArgs, server: &Server) -> anyhow::Result<Value> {
    let before = server.at_rest(Duration::ZERO).await?;
    let (mut evenings, mut rests) = (Vec::new(), Vec::new());
    for number in 0..args.evenings {
        let told = evening::play(args, server, number).await?;
        let rest = server.at_rest(OVER).await?;
        eprintln!("evening {}: {told} {}", number + 1, rest.report());
        evenings.push(json!({ "evening": told, "afterwards": rest.report() }));
        rests.push(rest);
    }
    let verdict = Verdict::of(&rests);
    Ok(json!({
        "bench": "soak", "viewers": args.viewers, "draws": args.draws, "before": before.report(),
        "evenings": evenings, "memory_bytes_per_evening": verdict.slope, "files_more": verdict.files,
        "tasks_more": verdict.tasks, "holds": verdict.holds(),
    }))
}

/// The first evening fills caches and pools; what comes after must be flat.
#[derive(Debug, PartialEq)]
struct Verdict {
    /// Bytes of resident memory from one evening to the next, by least squares.
    slope: f64,
    files: i64,
    tasks: i64,
}

impl Verdict {
    fn of(rests: &[Rest]) -> Self {
        let later = rests.get(1..).unwrap_or_default();
        let more = |of: fn(&Rest) -> i64| match later {
            [first, .., last] => of(last) - of(first),
            _ => 0,
        };
        let points: Vec<(f64, f64)> = (0_u32..).map(f64::from).zip(later.iter().map(Rest::memory)).collect();
        Self { slope: slope(&points), files: more(|rest| rest.files), tasks: more(|rest| rest.tasks) }
    }

    fn holds(&self) -> bool {
        self.slope <= GROWTH_BYTES && self.files <= GROWTH_COUNT && self.tasks <= GROWTH_COUNT
    }
}

fn slope(points: &[(f64, f64)]) -> f64 {
    let count = f64::from(u32::try_from(points.len()).unwrap_or(u32::MAX)).max(1.0);
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (x, y) = (mean(|point| point.0), mean(|point| point.1));
    let spread: f64 = points.iter().map(|point| (point.0 - x).powi(2)).sum();
    let together: f64 = points.iter().map(|point| (point.0 - x) * (point.1 - y)).sum();
    if spread > 0.0 { together / spread } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rest(mib: i64, files: i64, tasks: i64) -> Rest {
        Rest { memory: mib << 20, files, tasks }
    }

    #[test]
    fn what_grows_with_every_evening_is_a_leak_and_the_first_one_is_none() {
        let flat = [rest(40, 30, 20), rest(90, 40, 25), rest(91, 41, 24), rest(90, 40, 25)];
        assert!(Verdict::of(&flat).holds(), "{:?}", Verdict::of(&flat));
        let memory: Vec<Rest> = (0..5).map(|evening| rest(40 + 3 * evening, 30, 20)).collect();
        let told = Verdict::of(&memory);
        assert!((told.slope - f64::from(3 << 20)).abs() < 1.0 && !told.holds(), "{told:?}");
        assert!(!Verdict::of(&[rest(40, 30, 20), rest(40, 30, 20), rest(40, 60, 20)]).holds());
        assert!(!Verdict::of(&[rest(40, 30, 20), rest(40, 30, 20), rest(40, 30, 90)]).holds());
    }
}
