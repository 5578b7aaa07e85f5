//! The sender: claims what is due, calls the payer, settles the answer. Several calls at once, one per person, and no
//! transaction open during any of them. Everything it needs to go on after a crash is in SQL.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use tokio::task::JoinSet;

use super::{
    awards, certificate,
    channel::{Channel, Channels},
    claim,
    codes::Effect,
    matching,
    sender::{self, Off, SANDBOX, Sender},
    skew,
    sql::{self, Packet},
    steps::{Step, advance},
};
use crate::{app::App, budget::ledger, clock::Ms, error::ApiResult, wire::PayChannel};

/// Calls at once.
const CALLS: usize = 32;
/// Packets are claimed when so many more calls may run: one transaction for several.
const ROOM: usize = 8;
/// How often it looks by itself.
const TICK: Duration = Duration::from_secs(1);
/// A sender that could not start tries again after this time.
const TRY_AGAIN: Duration = Duration::from_secs(5);
/// After "too fast" nothing is sent for so long.
const SLOW: Ms = 1_000;
/// How long a far end that does not answer the first question is left alone.
const PROBE_PAUSE: Ms = 5_000;
/// Name of the bucket that all servers share.
const BUCKET: &str = "pay";

/// The sender of one process.
#[derive(Debug)]
pub struct Worker {
    app: App,
    channels: Channels,
    slow_until: AtomicI64,
    /// When the next call may leave while the store is away.
    turn: Mutex<Option<Instant>>,
    /// For each channel: the moment of the sender's last pause or resume for which the far end was asked who it is, and
    /// when to ask again.
    probed: Mutex<BTreeMap<PayChannel, (Option<Ms>, Ms)>>,
}

/// Runs the sender until the server stops; finishes what runs, gives back what it only claimed.
pub async fn run(app: App) {
    let Some(worker) = opened(&app).await else { return };
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    // Tasks of their own: one that holds a connection must go on while the next ones are claimed.
    let mut running = JoinSet::new();
    loop {
        let room = CALLS - running.len();
        match worker.claim(if room < ROOM { 0 } else { room }).await {
            Ok(claimed) => {
                for packet in claimed {
                    let worker = Arc::clone(&worker);
                    running.spawn(async move { worker.work(packet).await });
                }
            }
            Err(error) => tracing::error!(%error, "packets could not be claimed"),
        }
        tokio::select! {
            Some(_) = running.join_next() => {}
            () = app.pay_wake().notified() => {}
            _ = tick.tick() => {}
            () = app.stopping().cancelled() => break,
        }
    }
    while running.join_next().await.is_some() {}
}

/// The sender, as soon as it can be had; `None` when the server stops before.
async fn opened(app: &App) -> Option<Arc<Worker>> {
    loop {
        match Worker::open(app).await {
            Ok(worker) => {
                app.kept::<Off>().set(worker.channels.off().unwrap_or_default());
                return Some(Arc::new(worker));
            }
            Err(error) => {
                app.kept::<Off>().set(sender::NOT_STARTED);
                tracing::error!(error = format!("{error:#}"), "the sender of packets cannot start yet");
            }
        }
        tokio::select! {
            () = tokio::time::sleep(TRY_AGAIN) => {}
            () = app.stopping().cancelled() => return None,
        }
    }
}

impl Worker {
    /// Opens the channel, compares the database with its mark, and gives awards that waited for a merchant their packet.
    pub async fn open(app: &App) -> anyhow::Result<Self> {
        let channels = Channels::open(app.config())?;
        if let Some(reason) = channels.off() {
            tracing::warn!(reason, "the sender of packets is off: awards wait");
        }
        let behind = ledger::behind_mark(app).await?;
        let mut tx = app.db().begin().await?;
        if behind {
            matching::hold_restored(&mut tx, app.now()).await?;
        }
        awards::issue(app, &mut tx, None).await?;
        tx.commit().await?;
        Ok(Self {
            app: app.clone(),
            channels,
            slow_until: AtomicI64::new(0),
            turn: Mutex::default(),
            probed: Mutex::default(),
        })
    }

    /// Works on all that is due now, and answers how many packets that were. `run` does the same without end.
    pub async fn pass(&self) -> ApiResult<usize> {
        let mut done = 0;
        loop {
            let claimed = self.claim(CALLS).await?;
            if claimed.is_empty() {
                return Ok(done);
            }
            done += claimed.len();
            join_all(claimed.into_iter().map(|packet| self.work(packet))).await;
        }
    }

    async fn claim(&self, room: usize) -> ApiResult<Vec<Packet>> {
        let asks: Vec<PayChannel> = self.channels.all().map(|(channel, _)| channel).collect();
        if asks.is_empty() || room == 0 || self.app.stopping().is_cancelled() {
            return Ok(Vec::new());
        }
        skew::stop_if_wrong(&self.app).await?;
        let sender = Sender::load(self.app.db()).await?;
        let sender = certificate::stop_before_its_end(&self.app, &self.channels, sender).await?;
        let sends = self.may_send(&sender).await?;
        // A far end that was just found to be the wrong one has stopped it.
        let paused = sender.paused || (sends.is_empty() && Sender::load(self.app.db()).await?.paused);
        let open = claim::Open { asks, sends, paused };
        claim::claim_due(&self.app, i64::try_from(room).unwrap_or(i64::MAX), &open).await
    }

    async fn may_send(&self, sender: &Sender) -> ApiResult<Vec<PayChannel>> {
        let mut may = Vec::new();
        if sender.paused || self.app.now() < self.slow_until.load(Ordering::SeqCst) {
            return Ok(may);
        }
        for (channel, payer) in self.channels.all() {
            if self.known_far_end((channel, payer), sender.at).await? {
                may.push(channel);
            }
        }
        Ok(may)
    }

    /// Before the first packet, and again after each resume, the far end is asked for a number that nobody has: our
    /// sandbox says who it is.
    async fn known_far_end(&self, (channel, payer): (PayChannel, &Channel), since: Ms) -> ApiResult<bool> {
        let now = self.app.now();
        let before = self
            .probed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&channel)
            .copied()
            .unwrap_or_default();
        let (asked, again_at) = before;
        if asked == Some(since) {
            return Ok(true);
        }
        if now < again_at || !self.anything_to_send(channel, now).await? {
            return Ok(false);
        }
        let answer = payer.query(&format!("{}probe", self.app.config().merchant(channel)), now).await;
        skew::look(&self.app, &answer, now);
        let answered = answer.status.is_some();
        let allowed = !answer.sandbox || self.app.config().sandbox.enabled;
        if answered {
            let mut tx = self.app.db().begin().await?;
            sender::remember_far_end(&mut tx, channel, answer.sandbox).await?;
            if !allowed {
                sender::stop(&mut tx, now, SANDBOX).await?;
            }
            tx.commit().await?;
        } else {
            tracing::warn!(failure = answer.failure, channel = channel.word(), "the payer does not answer");
        }
        let known = answered && allowed;
        let found = (known.then_some(since), now + PROBE_PAUSE);
        self.probed.lock().unwrap_or_else(PoisonError::into_inner).insert(channel, found);
        Ok(known)
    }

    async fn anything_to_send(&self, channel: PayChannel, now: Ms) -> ApiResult<bool> {
        let row = sqlx::query(
            "select bill_no from packet where next_at <= $1 and channel = $2 and state in \
             ('queued', 'held', 'reserved', 'unknown', 'blocked') limit 1",
        )
        .bind(now)
        .bind(channel.word())
        .fetch_optional(self.app.db().read())
        .await?;
        Ok(row.is_some())
    }

    /// One claimed packet, step by step. Errors are ours (SQL): they are logged here, and the lease brings it back.
    async fn work(&self, packet: Packet) {
        let Some(payer) = self.channels.of(packet.channel) else { return };
        let mut step = Step::Claimed;
        while !matches!(step, Step::Done(_)) {
            step = match self.step(payer, &packet, step).await {
                Ok(step) => step,
                Err(error) => {
                    tracing::error!(bill = packet.bill, %error, "a packet could not be worked on");
                    return;
                }
            };
        }
        if let Step::Done(Some(next)) = step
            && next.sender == Effect::Slow
        {
            self.slow_until.store(self.app.now() + SLOW, Ordering::SeqCst);
        }
    }

    /// Before a call it waits for its turn; a server that stops gives back what has not left.
    async fn step(&self, payer: &Channel, packet: &Packet, step: Step) -> ApiResult<Step> {
        if let Step::Ready(_) = step {
            self.take_turn().await;
        }
        if matches!(step, Step::Claimed | Step::Ready(_)) && self.app.stopping().is_cancelled() {
            sql::release(&self.app, packet, None).await?;
            return Ok(Step::Done(None));
        }
        advance(&self.app, payer, packet, step).await
    }

    /// Waits for this call's turn in the rate that all servers share. While the store is away each server keeps to half
    /// of it: there may be another one.
    async fn take_turn(&self) {
        let rate = self.app.config().limits.rate_per_second;
        let wait = match self.app.store().take_token(BUCKET, rate).await {
            Ok(wait) => Duration::from_millis(u64::try_from(wait).unwrap_or(0)),
            Err(error) => {
                tracing::warn!(%error, "the store gives no turn");
                let apart = Duration::from_secs(2) / rate.max(1);
                let mut turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
                let now = Instant::now();
                let mine = turn.map_or(now, |next| next.max(now));
                *turn = Some(mine + apart);
                mine - now
            }
        };
        tokio::time::sleep(wait).await;
    }
}
