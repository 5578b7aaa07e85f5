//! How quickly, and at what cost, many viewers get an event: the server is a process of its own, so that time and memory
//! counted for it are its own, and the bare sending of the same bytes is measured beside it in the same run. A viewer has
//! a message when its system has it (`SO_TIMESTAMPNS`).

mod child;
mod crowd;
mod door;
mod host;
mod line;
mod peer;
pub(super) mod soak;
mod stage;

use std::{path::PathBuf, sync::Arc, time::Duration};

use anyhow::{Context, ensure};
use clap::Args;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout};

pub(super) use self::door::Door;
use self::{crowd::Crowd, door::Phone, host::Host};

/// Longest wait for everybody to have a message, or to be there.
const PATIENCE: Duration = Duration::from_secs(60);
/// Private messages that are timed.
const WHISPERS: u32 = 200;
/// Size of what frozen readers are sent, bytes.
const LARGE: usize = 4096;
/// Time between two messages while frozen readers are waited for.
const BEAT: Duration = Duration::from_millis(50);

/// What `bench live` takes.
#[derive(Clone, Debug, Args)]
pub struct LiveArgs {
    /// Viewers; each is an open file here and in the server
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=60_000))]
    viewers: u32,
    /// Size of an event, bytes
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u32).range(150..=60_000))]
    bytes: u32,
    /// Events that are timed
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(3..=10_000))]
    rounds: u32,
    /// Also freeze this many of a hundred viewers (they stop reading), and see what it does to the others
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=50))]
    frozen: u32,
    /// Also restart the server in the middle of a draw, and see when all are back with the same winners
    #[arg(long)]
    restart: bool,
    /// A running server in place of one of our own; then events are scenes that replace each other
    #[arg(long, requires_all = ["meeting", "ticket", "token"], conflicts_with_all = ["frozen", "restart"])]
    url: Option<String>,
    /// Its meeting
    #[arg(long)]
    meeting: Option<String>,
    /// A screen's ticket for that meeting
    #[arg(long)]
    ticket: Option<String>,
    /// A host's API token, for making events
    #[arg(long)]
    token: Option<String>,
    /// Process ids on this machine of the server that runs, for time and memory: `--pids 12,13`
    #[arg(long, value_delimiter = ',')]
    pids: Vec<u32>,
    /// Another server in place of ours: what is posted to `--publish` it sends to all sockets of this ws:// address
    #[arg(long, requires = "publish", conflicts_with_all = ["url", "frozen", "restart"])]
    peer: Option<String>,
    /// Where that server takes messages, http://
    #[arg(long, requires = "peer")]
    publish: Option<String>,
    /// Be the server (used by the benchmark itself)
    #[arg(long, hide = true, value_name = "FOLDER")]
    serve_in: Option<PathBuf>,
}

/// Measures, or is the server of a measurement.
pub(super) async fn run(args: LiveArgs) -> anyhow::Result<Option<Value>> {
    if let Some(folder) = &args.serve_in {
        child::serve(folder).await?;
        return Ok(None);
    }
    let mut host = Host::start(&args).await?;
    let report = measure(&args, &mut host).await;
    host.end().await;
    report.map(Some)
}

async fn measure(args: &LiveArgs, host: &mut Host) -> anyhow::Result<Value> {
    let count = usize::try_from(args.viewers)?;
    let bytes = usize::try_from(args.bytes)?;
    let mut report = json!({ "bench": "live", "viewers": count, "bytes": bytes, "rounds": args.rounds });
    let own = args.url.is_none() && args.peer.is_none();
    let bare = if own { Some(bare(args, host).await?) } else { None };

    let (before, begun) = (host.usage(), Instant::now());
    let crowd = Crowd::gather(count, &host.door()).await?;
    let connecting = begun.elapsed();
    report["connecting"] = json!({ "sockets_per_second": per_second(count, connecting) });
    if let (Some(before), Some(after)) = (before, host.usage()) {
        let cpu = after.cpu.saturating_sub(before.cpu).as_secs_f64();
        report["connecting"]["cpu_ms_per_socket"] = json!(cpu * 1e3 / f64::from(args.viewers));
        let grown = after.rss.saturating_sub(before.rss) / u64::from(args.viewers);
        report["memory"] = json!({ "rss_bytes_per_viewer": grown, "rss_bytes": after.rss });
    }
    let before = host.usage();
    let times = rounds(&crowd, host, (args.rounds, bytes)).await?;
    if let (Some(before), Some(after)) = (before, host.usage()) {
        let millions = f64::from(args.viewers) * f64::from(args.rounds) / 1e6;
        report["cpu_seconds_per_million"] =
            json!(after.cpu.saturating_sub(before.cpu).as_secs_f64() / millions);
    }
    report["latency"] = times.report();
    if let Some(bare) = bare {
        let ratio = times.last() / bare.last();
        report["bare_send_from_two_threads"] = bare.report();
        report["last_in_relation_to_bare"] = json!(ratio);
    }
    if own {
        report["private"] = whispers(host).await?;
    }
    if args.frozen > 0 {
        report["frozen"] = frozen(args, &crowd, host, &times).await?;
    }
    if args.restart {
        report["restart"] = restart(&crowd, host, bytes).await?;
    }
    report["losses"] = crowd.faults();
    crowd.leave().await;
    Ok(report)
}

fn per_second(count: usize, time: Duration) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX)) / time.as_secs_f64()
}

/// Times of some rounds, ms from the start of each publish.
struct Times {
    /// The first receiver's, the median's, the 99th percentile's and the last one's, of each round.
    each: Vec<[f64; 4]>,
}

impl Times {
    /// The median round's.
    fn median(&self, which: usize) -> f64 {
        let mut all: Vec<f64> = self.each.iter().filter_map(|round| round.get(which).copied()).collect();
        all.sort_by(f64::total_cmp);
        all.get(all.len() / 2).copied().unwrap_or_default()
    }

    fn last(&self) -> f64 {
        self.median(3)
    }

    fn report(&self) -> Value {
        let worst = self.each.iter().map(|round| round[3]).fold(0.0, f64::max);
        json!({
            "unit": "ms", "first": self.median(0), "p50": self.median(1), "p99": self.median(2),
            "last": self.last(), "last_of_the_worst_round": worst,
        })
    }
}

fn round(sent: u64, mut received: Vec<u64>) -> [f64; 4] {
    received.sort_unstable();
    let at = |part: usize| {
        let place = (received.len() * part / 100).min(received.len().saturating_sub(1));
        let nanos = received.get(place).map_or(0, |nanos| nanos.saturating_sub(sent));
        Duration::from_nanos(nanos).as_secs_f64() * 1e3
    };
    [at(0), at(50), at(99), at(100)]
}

async fn rounds(crowd: &Arc<Crowd>, host: &mut Host, (count, bytes): (u32, usize)) -> anyhow::Result<Times> {
    let mut each = Vec::new();
    for _ in 0..count {
        crowd.begin_round();
        let sent = host.event(bytes).await?;
        crowd.round_is_done(PATIENCE).await.context("not everybody got an event within a minute")?;
        each.push(round(sent, crowd.received()));
    }
    Ok(Times { each })
}

/// The same bytes from two plain threads to as many plain sockets, read by the same readers.
async fn bare(args: &LiveArgs, host: &mut Host) -> anyhow::Result<Times> {
    let count = usize::try_from(args.viewers)?;
    let address = host.bare_open(count).await?;
    let crowd = Crowd::gather_bare(count, address).await?;
    host.bare_ready().await?;
    let mut each = Vec::new();
    for _ in 0..args.rounds {
        crowd.begin_round();
        let sent = host.bare_send(usize::try_from(args.bytes)?).await?;
        crowd.round_is_done(PATIENCE).await.context("not everybody got the bare bytes within a minute")?;
        each.push(round(sent, crowd.received()));
    }
    crowd.leave().await;
    host.bare_close().await?;
    Ok(Times { each })
}

/// One person's private message among all the others.
async fn whispers(host: &mut Host) -> anyhow::Result<Value> {
    let mut phone = Phone::open(&host.phone()?).await?;
    let mut times = Vec::new();
    for nth in 0..WHISPERS {
        let name = format!("whisper-{nth}");
        let sent = host.whisper(&name).await?;
        let received = timeout(PATIENCE, phone.hear(&name)).await.context("a private message was lost")??;
        times.push(received.saturating_sub(sent));
    }
    let [_, middle, most, worst] = round(0, times);
    Ok(
        json!({ "unit": "ms", "messages": WHISPERS, "p50": middle, "p99": most, "worst": worst, "target_p99": 5 }),
    )
}

async fn frozen(
    args: &LiveArgs,
    crowd: &Arc<Crowd>,
    host: &mut Host,
    without: &Times,
) -> anyhow::Result<Value> {
    let ice = usize::try_from(args.viewers * args.frozen / 100)?.max(1);
    let before = host.usage();
    crowd.freeze(ice);
    rounds(crowd, host, (1, usize::try_from(args.bytes)?)).await?;
    let begun = Instant::now();
    let with = rounds(crowd, host, (args.rounds, usize::try_from(args.bytes)?)).await?;
    let mut most = host.usage().map_or(0, |usage| usage.rss);
    let wanted = crowd.size() - ice;
    while host.open().await? > wanted {
        ensure!(begun.elapsed() < 2 * PATIENCE, "frozen readers are never closed");
        host.event(LARGE).await?;
        most = most.max(host.usage().map_or(0, |usage| usage.rss));
        sleep(BEAT).await;
    }
    let closed = begun.elapsed();
    crowd.thaw();
    let last = host.last().await?;
    crowd.all_have(last, PATIENCE).await.context("who was frozen did not catch up within a minute")?;
    let grown = before.map_or(0, |before| most.saturating_sub(before.rss));
    Ok(json!({
        "frozen": ice, "latency_of_the_others": with.report(),
        "p99_in_relation": with.median(2) / without.median(2), "target_p99_in_relation": 1.3,
        "rss_bytes_per_frozen": grown / u64::try_from(ice)?,
        "all_closed_after_s": closed.as_secs_f64(), "target_closed_after_s": 30,
    }))
}

/// In the middle of a draw: committed before, told after.
async fn restart(crowd: &Arc<Crowd>, host: &mut Host, bytes: usize) -> anyhow::Result<Value> {
    let draw = host.draw().await?;
    let begun = Instant::now();
    host.restart().await?;
    let up = begun.elapsed();
    // Made while they are on their way: both must reach those who are back and those who are not yet.
    host.event(bytes).await?;
    host.result(draw).await?;
    let last = host.last().await?;
    crowd.all_have(last, PATIENCE).await.context("not everybody was back within a minute")?;
    let back = begun.elapsed();
    let results = crowd.results();
    ensure!(results == 1, "viewers were told {results} different results");
    Ok(json!({
        "server_up_after_s": up.as_secs_f64(), "all_back_and_identical_after_s": back.as_secs_f64(),
        "target_s": 10, "reconnects": crowd.reconnects(), "different_results": results,
    }))
}
