//! Packets: how many leave in a second with everything durable, how soon after its award each one leaves, and what a
//! long queue does to a restart. The payer is the sandbox on loopback, with TLS; beside it a bare loop signs, posts and
//! reads the same requests and keeps nothing.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use clap::Args;
use figment::{
    Figment,
    providers::{Format, Serialized, Toml},
};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Executor, Row};
use tokio::{
    task::JoinSet,
    time::{interval, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{ms, row, usage};
use crate::{
    app::App,
    budget::{
        self, DrawPart,
        ledger::{self, Entry},
    },
    clock::Clock,
    config::{Config, DEFAULTS},
    db::Tx,
    demo, keys, meeting,
    payout::{
        self,
        channel::{Order, RedPacket},
        next::Outcome,
    },
    sandbox,
    wire::{MeetingSettings, NewMeeting},
};

/// Rows of one insert.
const BATCH: usize = 500;
/// How often the measured state is looked at.
const LOOK: Duration = Duration::from_millis(100);
/// Longest wait for any of it.
const PATIENCE: Duration = Duration::from_secs(300);
/// Awards a second while latency is measured.
const TRICKLE: u32 = 30;
/// Fen of each award.
const FEN: i64 = 100;
/// Calls at once of the bare loop: as many as the sender has.
const BARE: usize = 32;

/// What `bench payout` takes.
#[derive(Debug, Args)]
pub struct PayoutArgs {
    /// Awards that are paid as fast as it goes
    #[arg(long, default_value_t = 3_000, value_parser = clap::value_parser!(u32).range(100..=100_000))]
    awards: u32,
    /// Awards that wait when the server starts
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(100..=1_000_000))]
    backlog: u32,
    /// A PostgreSQL server, in which databases are made and dropped; in place of SQLite files
    #[arg(long, value_name = "URL")]
    database: Option<String>,
    /// Folder for the files, on the disk that is to be measured
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    folder: PathBuf,
}

/// The far end, and where our files lie.
struct Rig {
    folder: PathBuf,
    database: Option<String>,
    far: sandbox::Running,
    stop: CancellationToken,
}

/// Rows of this file.
pub(super) async fn rows(args: &PayoutArgs) -> anyhow::Result<Vec<Value>> {
    let folder = args.folder.join(format!("kaijiang-bench-{}", keys::short_id()));
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let measured = measure(args, &folder).await;
    std::fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    measured
}

async fn measure(args: &PayoutArgs, folder: &Path) -> anyhow::Result<Vec<Value>> {
    let stop = CancellationToken::new();
    let defaults = Config::extract(&Figment::from(Toml::string(DEFAULTS)))?;
    let limits = json!({ "settings": {
        "rate_per_second": 0, "any_openid": true, "person_day_count": 1_000_000, "person_day_fen": 1_000_000_000,
    } });
    let far = sandbox::SandboxConfig {
        listen: "127.0.0.1:0".parse()?,
        pay_listen: "127.0.0.1:0".parse()?,
        data_dir: folder.join("sandbox"),
        callback_url: None,
        auto_open: None,
        plan: serde_json::from_value(limits)?,
        ..demo::from_config(&defaults)
    };
    let far = sandbox::start(far, stop.clone()).await?;
    let rig = Rig { folder: folder.to_owned(), database: args.database.clone(), far, stop };
    let mut rows = Vec::new();
    let bare = rig.bare(args.awards).await?;
    let ours = rig.burst(args.awards).await?;
    rows.push(row("packets sent, everything durable", ours, "per s", ">= 300"));
    rows.push(row("bare loop: sign, post, read", bare, "per s", ""));
    rows.push(row("ratio of the two", ours / bare, "", ""));
    rows.extend(rig.trickle().await?);
    rows.extend(rig.backlog(args.backlog).await?);
    rig.stop.cancel();
    rig.far.stopped().await;
    Ok(rows)
}

impl Rig {
    fn config(&self, name: &str, url: &str) -> anyhow::Result<Config> {
        let values = json!({
            "data": { "dir": self.folder.join(name) }, "database": { "url": url }, "sandbox": { "enabled": true },
            "limits": { "rate_per_second": 1_000_000 }, "wechat": { "app_id": "wx0000000000000000" },
            "pay": {
                "mch_id": "1900000109", "api_key": "demodemodemodemodemodemodemodemo", "api_base": self.far.pay_base(),
                "cert_pem": self.far.cert_pem, "key_pem": self.far.key_pem, "ca_pem": self.far.ca_pem,
            },
        });
        Config::extract(&Figment::from(Toml::string(DEFAULTS)).merge(Serialized::defaults(values)))
    }

    /// An empty database with a meeting and a budget.
    async fn open(&self, name: &str) -> anyhow::Result<(App, Hall)> {
        let url = match &self.database {
            Some(server) => new_database(server).await?,
            None => String::new(),
        };
        let app = App::open(self.config(name, &url)?, Clock::System).await?;
        let hall = Hall::open(&app).await?;
        Ok((app, hall))
    }

    /// Requests a second without a database.
    async fn bare(&self, count: u32) -> anyhow::Result<f64> {
        let config = self.config("bare", "")?;
        let payer = Arc::new(RedPacket::open(&config)?);
        let begun = Instant::now();
        let mut running = JoinSet::new();
        for number in 0..count {
            if running.len() >= BARE {
                running.join_next().await.transpose()?;
            }
            let payer = Arc::clone(&payer);
            running.spawn(async move {
                let order = order(number);
                let answer = payer.send(payer.freeze(&order)).await;
                payer.read_send(&answer, &order)
            });
        }
        for outcome in running.join_all().await {
            ensure!(matches!(outcome, Outcome::Sent { .. }), "the bare loop was answered {outcome:?}");
        }
        Ok(f64::from(count) / begun.elapsed().as_secs_f64())
    }

    /// Packets a second when many are due at once.
    async fn burst(&self, count: u32) -> anyhow::Result<f64> {
        let (app, hall) = self.open("burst").await?;
        let mut tx = app.db().begin().await?;
        hall.award(&mut tx, &app, 0..count).await?;
        tx.commit().await?;
        let begun = Instant::now();
        app.spawn(payout::run(app.clone()));
        let text = "select count(*) from packet where state in ('sent', 'received')";
        let all = i64::from(count);
        until(&app, "every packet is sent", text, |found| found == all).await?;
        let time = begun.elapsed();
        app.stop().await;
        Ok(f64::from(count) / time.as_secs_f64())
    }

    /// How soon after its award a packet leaves, at a steady thirty a second.
    async fn trickle(&self) -> anyhow::Result<Vec<Value>> {
        let (app, hall) = self.open("trickle").await?;
        app.spawn(payout::run(app.clone()));
        let count = TRICKLE * 10;
        let mut beat = interval(Duration::from_secs(1) / TRICKLE);
        for number in 0..count {
            beat.tick().await;
            let mut tx = app.db().begin().await?;
            hall.award(&mut tx, &app, number..number + 1).await?;
            tx.commit().await?;
            payout::wake(&app);
        }
        let text = "select count(distinct bill_no) from call where kind = 'send'";
        let all = i64::from(count);
        until(&app, "every packet left", text, |found| found == all).await?;
        let rows = sqlx::query(
            "select min(c.at) - min(a.created_at) from call c join packet p on p.bill_no = c.bill_no \
             join award a on a.id = p.award_id where c.kind = 'send' group by a.id",
        )
        .fetch_all(app.db().read())
        .await?;
        app.stop().await;
        let mut times = rows.iter().map(|row| row.try_get::<i64, _>(0)).collect::<Result<Vec<_>, _>>()?;
        times.sort_unstable();
        let at = |permille: usize| -> anyhow::Result<f64> {
            let place = (times.len() * permille / 1_000).min(times.len() - 1);
            Ok(f64::from(u32::try_from(times[place].max(0))?))
        };
        Ok(vec![
            row("award to call at 30 a second, median", at(500)?, "ms", ""),
            row("award to call at 30 a second, p99", at(990)?, "ms", "<= 200"),
        ])
    }

    /// A server that starts with a long queue.
    async fn backlog(&self, count: u32) -> anyhow::Result<Vec<Value>> {
        let (app, hall) = self.open("backlog").await?;
        let mut tx = app.db().begin().await?;
        hall.award(&mut tx, &app, 0..count).await?;
        tx.commit().await?;
        let config = app.config().clone();
        app.stop().await;
        let rss = || usage::of(&[std::process::id()]).map_or(0, |usage| usage.rss);
        let begun = Instant::now();
        let app = App::open(config, Clock::System).await?;
        app.spawn(payout::run(app.clone()));
        until(&app, "a first call", "select count(*) from call", |found| found > 0).await?;
        let first = begun.elapsed();
        let before = rss();
        let text = "select count(*) from packet where state in ('sent', 'received')";
        let some = i64::from(count / 20);
        until(&app, "a twentieth of the queue", text, |found| found >= some).await?;
        let after = rss();
        app.stop().await;
        let mib = |bytes: u64| f64::from(u32::try_from(bytes >> 10).unwrap_or(u32::MAX)) / 1_024.0;
        Ok(vec![
            row(&format!("start with {count} awards waiting, to the first call"), ms(first), "ms", "<= 2000"),
            row("memory at the first call", mib(before), "MiB", ""),
            row("memory after a twentieth of them", mib(after), "MiB", "flat"),
        ])
    }
}

/// Looks until the number that `text` asks for is `enough`.
async fn until(
    app: &App,
    what: &str,
    text: &'static str,
    enough: impl Fn(i64) -> bool,
) -> anyhow::Result<()> {
    let look = async {
        let mut beat = interval(LOOK);
        loop {
            beat.tick().await;
            let row = sqlx::query(text).fetch_one(app.db().read()).await?;
            if enough(row.try_get(0)?) {
                return Ok(());
            }
        }
    };
    timeout(PATIENCE, look).await.with_context(|| format!("it did not come to this: {what}"))?
}

fn order(number: u32) -> Order {
    Order {
        bill: format!("190000010920261123{number:010}"),
        openid: openid(number),
        fen: FEN,
        send_name: "开奖".into(),
        act_name: "年会抽奖".into(),
        wishing: "恭喜中奖".into(),
        remark: "bench".into(),
    }
}

fn openid(number: u32) -> String {
    format!("oBenchBenchBenchBench{number:07}")
}

/// A database of this measurement's own on a PostgreSQL server; its address.
pub(super) async fn new_database(server: &str) -> anyhow::Result<String> {
    sqlx::any::install_default_drivers();
    let name = format!("kaijiang_bench_{}", keys::short_id());
    let pool = sqlx::AnyPool::connect(server).await.context("cannot reach the PostgreSQL server")?;
    pool.execute(AssertSqlSafe(format!("create database {name}"))).await?;
    pool.close().await;
    let mut address = url::Url::parse(server)?;
    address.set_path(&name);
    Ok(address.to_string())
}

/// A meeting with a budget that is large enough for everything.
struct Hall {
    meeting: String,
    person: String,
}

impl Hall {
    async fn open(app: &App) -> anyhow::Result<Self> {
        let settings = MeetingSettings { require_follow: false, ..MeetingSettings::default() };
        let new = NewMeeting { name: "bench".into(), settings, rehearsal_of: None, copy_of: None };
        let meeting = meeting::create(app, "bench", new).await.map_err(anyhow::Error::new)?.id;
        let (now, person, cap) = (app.now(), keys::row_id(), i64::from(u32::MAX));
        let mut tx = app.db().begin().await?;
        sqlx::query(
            "insert into person (id, meeting_id, name, phone_sealed, phone_index, phone_mask, created_at) \
             values ($1, $2, 'bench', $3, '', '', 0)",
        )
        .bind(&person)
        .bind(&meeting)
        .bind(Vec::<u8>::new())
        .execute(tx.conn())
        .await?;
        sqlx::query(
            "insert into budget (id, meeting_id, name, cap_fen, status, created_by, created_at) \
             values ($1, $1, 'bench', $2, 'approved', 'bench', $3)",
        )
        .bind(&meeting)
        .bind(cap)
        .bind(now)
        .execute(tx.conn())
        .await?;
        let (from, to) = ("cap".to_owned(), "free".to_owned());
        let cap =
            Entry { what: "cap".into(), budget: meeting.clone(), fen: cap, from, to, bill: String::new() };
        ledger::write(&mut tx, now, &cap).await?;
        tx.commit().await?;
        Ok(Self { meeting, person })
    }

    /// Payable awards of as many people, with their money reserved and their packets.
    async fn award(&self, tx: &mut Tx, app: &App, numbers: std::ops::Range<u32>) -> anyhow::Result<()> {
        let (meeting, person, now) = (&self.meeting, &self.person, app.now());
        let all: Vec<u32> = numbers.collect();
        let part = DrawPart { budget: meeting, meeting, draw: 0 };
        let fen = FEN * i64::try_from(all.len())?;
        budget::reserve_again(tx, now, part, fen).await.map_err(anyhow::Error::new)?;
        for batch in all.chunks(BATCH) {
            let value = |number: &u32| {
                let openid = openid(*number);
                format!(
                    "('{meeting}-{number}','bench:{meeting}:{number}','{meeting}','{person}','{openid}','cash',{FEN},'{meeting}','payable',{now},{now})"
                )
            };
            let values: Vec<String> = batch.iter().map(value).collect();
            // Every value was made here.
            let text = AssertSqlSafe(format!(
                "insert into award (id, reason, meeting_id, person_id, openid, kind, amount_fen, budget_id, state, \
                 created_at, updated_at) values {}",
                values.join(",")
            ));
            sqlx::query(text).execute(tx.conn()).await?;
        }
        payout::issue(app, tx, None).await.map_err(anyhow::Error::new)
    }
}
