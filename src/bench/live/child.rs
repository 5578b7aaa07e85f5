//! The server of a measurement: reads commands, a line each, and answers each with a line of JSON.

use std::{
    io::Write,
    net::{TcpListener, TcpStream},
    path::Path,
    sync::Arc,
    thread,
};

use anyhow::Context;
use figment::{
    Figment,
    providers::{Format, Serialized, Toml},
};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};

use super::stage;
use crate::{
    app::App,
    auth::{self, Attendee},
    clock::Clock,
    config::{Config, DEFAULTS},
    keys,
    live::{Frame, events},
    server,
    wire::{Body, Me, Step},
};

/// Whose phone gets private messages.
const OPENID: &str = "openid-of-the-benchmark";
/// Where a restarted server finds what it served.
const KEPT: &str = "bench.json";
/// More sockets than a benchmark opens.
const SOCKETS: usize = 100_000;

/// Nanoseconds of the system's clock: two processes share no other.
#[expect(clippy::disallowed_methods, reason = "time between two processes, of no meaning to the product")]
pub(super) fn nanos() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// Serves from a folder until standard input ends.
pub(super) async fn serve(folder: &Path) -> anyhow::Result<()> {
    let kept: Value = match std::fs::read(folder.join(KEPT)) {
        Ok(text) => serde_json::from_slice(&text).context("the folder is not this benchmark's")?,
        Err(_) => Value::Null,
    };
    let listen = kept["listen"].as_str().unwrap_or("127.0.0.1:0").parse().context("an address")?;
    let listener = server::bind(listen).await?;
    let listen = listener.local_addr()?;
    let values = json!({
        "server": { "listen": listen, "public_url": format!("http://{listen}") },
        "data": { "dir": folder },
        "limits": { "sockets": SOCKETS, "sockets_per_session": SOCKETS },
    });
    let config = Config::extract(&Figment::from(Toml::string(DEFAULTS)).merge(Serialized::defaults(values)))?;
    let app = App::open(config, Clock::System).await?;
    let kept = if kept.is_null() { begin(&app, folder, &listen.to_string()).await? } else { kept };
    let running = server::start(app.clone(), listener).await?;
    say(&kept);
    let meeting = kept["meeting"].as_str().unwrap_or_default().to_owned();
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    let mut bare = Bare::default();
    while let Some(line) = lines.next_line().await? {
        say(&obey(&app, &meeting, &mut bare, &line).await?);
    }
    running.stop().await
}

fn say(value: &Value) {
    println!("{value}");
}

async fn begin(app: &App, folder: &Path, listen: &str) -> anyhow::Result<Value> {
    let meeting = stage::set(app).await?;
    let ticket = hex::encode(keys::random::<32>());
    let mut tx = app.db().begin().await?;
    sqlx::query("insert into screen_ticket (ticket_hash, meeting_id, created_at) values ($1, $2, $3)")
        .bind(keys::token_hash(&ticket))
        .bind(&meeting)
        .bind(app.now())
        .execute(tx.conn())
        .await?;
    tx.commit().await?;
    let cookie = auth::attendee_cookie(app, &Attendee::new(OPENID.into(), false, None));
    let kept = json!({
        "listen": listen, "meeting": meeting, "ticket": ticket,
        "cookie": format!("{}={}", cookie.name(), cookie.value()), "origin": app.config().origin(),
    });
    std::fs::write(folder.join(KEPT), kept.to_string())?;
    Ok(kept)
}

async fn obey(app: &App, meeting: &str, bare: &mut Bare, line: &str) -> anyhow::Result<Value> {
    let (command, rest) = line.split_once(' ').unwrap_or((line, ""));
    match command {
        "event" => Ok(json!({ "nanos": stage::event(app, meeting, rest.parse()?).await? })),
        "draw" => Ok(json!({ "draw": stage::draw(app, meeting).await? })),
        "result" => {
            stage::result(app, meeting, rest.parse()?).await?;
            Ok(json!({}))
        }
        "whisper" => {
            let sent = nanos();
            app.publish_to(meeting, OPENID, Body::Me(Box::new(me(rest))));
            Ok(json!({ "nanos": sent }))
        }
        "open" => Ok(json!({ "open": app.hub().open() })),
        "last" => Ok(json!({ "seq": events::last(app.db(), meeting).await? })),
        "bare-open" => bare.open(rest.parse()?),
        "bare-ready" => bare.ready(),
        "bare-send" => bare.send(rest.parse()?),
        "bare-close" => {
            *bare = Bare::default();
            Ok(json!({}))
        }
        _ => anyhow::bail!("{command} is no command"),
    }
}

fn me(name: &str) -> Me {
    Me {
        step: Step::In,
        name: name.into(),
        phone: String::new(),
        place: None,
        checked_in: false,
        wins: vec![],
        confirm: vec![],
        tapped: None,
        code_problem: None,
        refused: None,
    }
}

/// Plain sockets, half of them each thread's.
#[derive(Default)]
struct Bare {
    accepting: Option<thread::JoinHandle<std::io::Result<Vec<TcpStream>>>>,
    sockets: Vec<TcpStream>,
    seq: i64,
}

impl Bare {
    fn open(&mut self, count: usize) -> anyhow::Result<Value> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let hello = Frame::text(0, "{}").bytes;
        self.accepting = Some(thread::spawn(move || {
            (0..count)
                .map(|_| {
                    let (mut socket, _) = listener.accept()?;
                    socket.set_nodelay(true)?;
                    socket.write_all(&hello)?;
                    Ok(socket)
                })
                .collect()
        }));
        Ok(json!({ "address": address }))
    }

    fn ready(&mut self) -> anyhow::Result<Value> {
        let accepting = self.accepting.take().context("nothing is accepted")?;
        self.sockets = accepting.join().map_err(|_| anyhow::anyhow!("accepting failed"))??;
        Ok(json!({}))
    }

    fn send(&mut self, bytes: usize) -> anyhow::Result<Value> {
        self.seq += 1;
        let text = format!(r#"{{"seq":{},"type":"bare","data":"{}"}}"#, self.seq, "x".repeat(bytes - 35));
        let frame = Arc::new(Frame::text(self.seq, &text).bytes);
        let half = self.sockets.len().div_ceil(2).max(1);
        let sent = nanos();
        thread::scope(|scope| {
            let threads: Vec<_> = self
                .sockets
                .chunks(half)
                .map(|part| scope.spawn(|| part.iter().try_for_each(|mut socket| socket.write_all(&frame))))
                .collect();
            threads.into_iter().try_for_each(|thread| thread.join().unwrap_or(Ok(())))
        })?;
        Ok(json!({ "nanos": sent }))
    }
}
