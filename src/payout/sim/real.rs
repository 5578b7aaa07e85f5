//! The same weeks with the real SQL and the real steps: only the wire to the payer is simulated. A step is one
//! transaction.

use anyhow::{Context, anyhow};
use sqlx::Row;

use super::{
    chance::Chance,
    database::Place,
    laws,
    payer::Payer,
    plot::{Deed, Weather, pause},
    wire,
};
use crate::{
    app::App,
    approval::Warrant,
    auth::Staff,
    budget::ledger,
    clock::{DAY, Ms},
    payout::{
        channel::Channels,
        claim,
        reissue::{self, Dead},
        sender, settle,
        sql::{self, Packet},
        steps::{Step, advance},
    },
    wire::{PacketState, PayChannel, Role},
};

struct Worker {
    work: Option<(Packet, Step)>,
    frozen: Ms,
}

struct World {
    app: App,
    channels: Channels,
    channel: PayChannel,
    staff: Staff,
    chance: Chance,
    weather: Weather,
    payer: Payer,
    /// Ids of the awards, as the payer's numbers for them.
    awards: Vec<String>,
    workers: Vec<Worker>,
    /// First look at a refused number that the payer does not know.
    unknown_since: Vec<(String, Option<Ms>)>,
    steps: u64,
}

/// Plays one world to its end; the transactions it took.
pub(super) async fn play(place: &Place, seed: u64) -> anyhow::Result<u64> {
    let mut chance = Chance::new(seed);
    let weather = Weather::new(&mut chance);
    let (_, winners) = weather.winners(&mut chance);
    let list: Vec<_> = winners.iter().map(|(person, fen)| (format!("oSimulated{person:04}"), *fen)).collect();
    let channel = if weather.confirms { PayChannel::TransferV3 } else { PayChannel::RedPacketV2 };
    let (app, awards) = place.open((seed, weather.begin), &list, channel).await?;
    let staff = Staff {
        id: "s".into(),
        user: "finance".into(),
        roles: vec![Role::Owner],
        grants: Vec::new(),
        limited: false,
    };
    let mut world = World {
        channels: Channels::open(app.config())?,
        channel,
        app,
        staff,
        payer: Payer::new(Chance::new(seed ^ 0x5eed), list, weather.confirms),
        weather,
        awards,
        workers: (0..2).map(|_| Worker { work: None, frozen: 0 }).collect(),
        unknown_since: Vec::new(),
        steps: 0,
        chance,
    };
    while world.app.now() < world.weather.end {
        world.step().await?;
    }
    world.end().await?;
    world.app.stop().await;
    Ok(world.steps)
}

impl World {
    async fn step(&mut self) -> anyhow::Result<()> {
        self.app.clock().advance(1 + self.chance.below(self.weather.pace));
        self.payer.pass(self.app.now());
        match self.weather.deed(&mut self.chance) {
            Deed::Work => self.work().await?,
            Deed::Crash => {
                let worker = self.chance.place(self.workers.len());
                self.workers[worker].work = None;
            }
            Deed::Freeze => {
                let (worker, pause) = (self.chance.place(self.workers.len()), pause(&mut self.chance));
                self.workers[worker].frozen = self.app.now() + pause;
            }
            Deed::Cancel => self.cancel().await?,
            Deed::Reissue => self.reissue().await?,
            Deed::Resume => sender::resume(&self.app, Warrant::alone(&self.staff)).await?,
        }
        self.payer.broken.take().map_or(Ok(()), |law| Err(anyhow!(law)))
    }

    async fn work(&mut self) -> anyhow::Result<()> {
        let number = self.chance.place(self.workers.len());
        if self.workers[number].frozen > self.app.now() {
            return Ok(());
        }
        let Some((packet, step)) = self.workers[number].work.take() else { return self.claim(number).await };
        let step = match step {
            Step::Calling(letter, call) => {
                let send = letter.request.is_some();
                self.leaves(number, (&packet, &call, send)).await?;
                let wire = match letter.request {
                    Some(_) => {
                        let award = self.award(&packet.bill).await?;
                        let request = wire::read(&letter, award).context("a request that nobody can read")?;
                        self.payer.send(self.app.now(), request)
                    }
                    None => self.payer.query(self.app.now(), &packet.bill),
                };
                let answer = match self.channel {
                    PayChannel::RedPacketV2 => wire::write(wire, &letter.order),
                    PayChannel::TransferV3 => wire::write_v3(wire, &letter.order, self.app.now()),
                };
                Step::Answered(letter, call, answer)
            }
            step => {
                self.steps += 1;
                let channel = self.channels.of(packet.channel).context("a channel that nobody configured")?;
                let next = advance(&self.app, channel, &packet, step).await?;
                if matches!(next, Step::Calling(..)) {
                    anyhow::ensure!(self.holds(&packet).await?, "P5: a call begun without its claim");
                }
                next
            }
        };
        match step {
            Step::Done(Some(next)) => {
                laws::booked(&self.payer, &packet.bill, next.money).map_err(|law| anyhow!(law))?;
            }
            Step::Done(None) => {}
            step => self.workers[number].work = Some((packet, step)),
        }
        Ok(())
    }

    /// P5, and one running call for each person.
    async fn leaves(&self, number: usize, (packet, call, send): (&Packet, &str, bool)) -> anyhow::Result<()> {
        let rows = sqlx::query("select kind from call where id = $1 and answered_at is null").bind(call);
        let row =
            rows.fetch_optional(self.app.db().read()).await?.context("P5: a call left without its row")?;
        anyhow::ensure!(
            row.try_get::<String, _>(0)? == if send { "send" } else { "query" },
            "P5: a call of another kind"
        );
        anyhow::ensure!(!(send && packet.paused), "a paused sender sent");
        // One that slept beyond its lease leaves late, whatever we do; its number is the same.
        if !self.holds(packet).await? {
            return Ok(());
        }
        for (other, worker) in self.workers.iter().enumerate() {
            let Some((theirs, Step::Calling(..))) = &worker.work else { continue };
            if other != number && theirs.openid == packet.openid {
                anyhow::ensure!(!self.holds(theirs).await?, "two calls at once for one person");
            }
        }
        Ok(())
    }

    /// Whether a claim is still good.
    async fn holds(&self, packet: &Packet) -> anyhow::Result<bool> {
        let row = sqlx::query("select epoch, lease_until from packet where bill_no = $1").bind(&packet.bill);
        let row = row.fetch_one(self.app.db().read()).await?;
        Ok(row.try_get::<i64, _>(0)? == packet.epoch && row.try_get::<Ms, _>(1)? > self.app.now())
    }

    async fn award(&self, bill: &str) -> anyhow::Result<usize> {
        let row = sqlx::query("select award_id from packet where bill_no = $1").bind(bill);
        let id: String = row.fetch_one(self.app.db().read()).await?.try_get(0)?;
        self.awards.iter().position(|award| *award == id).context("an award that nobody gave")
    }

    async fn claim(&mut self, number: usize) -> anyhow::Result<()> {
        let paused = sender::Sender::load(self.app.db()).await?.paused;
        self.steps += 1;
        let asks = vec![self.channel];
        let open = claim::Open { sends: if paused { Vec::new() } else { asks.clone() }, asks, paused };
        match claim::claim_due(&self.app, 1, &open).await?.pop() {
            Some(packet) => self.workers[number] = Worker { work: Some((packet, Step::Claimed)), frozen: 0 },
            None => self.wait(paused).await?,
        }
        Ok(())
    }

    /// Nothing is due: time goes on to whatever comes next; a person looks after the sender twice a day at least.
    async fn wait(&mut self, paused: bool) -> anyhow::Result<()> {
        let now = self.app.now();
        let row = sqlx::query(
            "select min(case when next_at > $1 then next_at end), min(case when lease_until > $1 then lease_until end) \
             from packet where state not in ('received', 'refunded', 'failed', 'cancelled')",
        )
        .bind(now)
        .fetch_one(self.app.db().read())
        .await?;
        let moments: [Option<Ms>; 2] = [row.try_get(0)?, row.try_get(1)?];
        let busy = self
            .workers
            .iter()
            .filter(|worker| worker.work.is_some())
            .map(|worker| worker.frozen.max(now + 1));
        let next =
            moments.into_iter().flatten().chain(busy).chain([self.payer.due()]).filter(|at| *at > now).min();
        let until = next.unwrap_or(Ms::MAX).min(now + DAY / 2);
        self.app.clock().advance(until - now);
        if paused && self.chance.permille(300) {
            sender::resume(&self.app, Warrant::alone(&self.staff)).await?;
        }
        Ok(())
    }

    async fn any_packet(&mut self) -> anyhow::Result<Packet> {
        let rows = sqlx::query("select bill_no from packet order by bill_no")
            .fetch_all(self.app.db().read())
            .await?;
        let bill: String = rows[self.chance.place(rows.len())].try_get(0)?;
        Ok(sql::one(&self.app, &bill).await?)
    }

    async fn cancel(&mut self) -> anyhow::Result<()> {
        let bill = self.any_packet().await?.bill;
        let mut tx = self.app.db().begin().await?;
        match settle::cancel(&self.app, &mut tx, &bill).await {
            Ok(_) => tx.commit().await?,
            Err(refused) if refused.status().is_client_error() => return Ok(()),
            Err(error) => return Err(error.into()),
        }
        self.steps += 1;
        laws::ended(&self.payer, &bill).map_err(|law| anyhow!(law))
    }

    async fn reissue(&mut self) -> anyhow::Result<()> {
        let packet = self.any_packet().await?;
        let dead = match packet.facts.state {
            PacketState::Failed => Dead::Failed,
            PacketState::Refunded => Dead::Returned,
            PacketState::Refused => Dead::NeverTaken,
            _ => return Ok(()),
        };
        let told = self.payer.query(self.app.now(), &packet.bill).outcome(false);
        let known = self.unknown_since.iter().position(|(bill, _)| *bill == packet.bill);
        let place = known.unwrap_or(self.unknown_since.len());
        if known.is_none() {
            self.unknown_since.push((packet.bill.clone(), None));
        }
        let since = &mut self.unknown_since[place].1;
        if !laws::proves_dead(packet.facts.state, &told, (since, self.app.now())) {
            return Ok(());
        }
        let meeting = super::database::MEETING;
        match reissue::renew(&self.app, Warrant::alone(&self.staff), meeting, (&packet, dead)).await {
            Ok(_) => laws::ended(&self.payer, &packet.bill).map_err(|law| anyhow!(law))?,
            Err(refused) if refused.status().is_client_error() => {}
            Err(error) => return Err(error).context("a new number"),
        }
        self.steps += 1;
        Ok(())
    }

    /// P7, P9, P10, and the books of both sides.
    async fn end(&self) -> anyhow::Result<()> {
        let paused = sender::Sender::load(self.app.db()).await?.paused;
        let rows = sqlx::query("select bill_no, created_at from packet order by bill_no")
            .fetch_all(self.app.db().read())
            .await?;
        let mut spent = 0;
        for row in rows {
            let packet = sql::one(&self.app, &row.try_get::<String, _>(0)?).await?;
            let age = self.app.now() - row.try_get::<Ms, _>(1)?;
            let human =
                sqlx::query("select 1 from packet where openid = $1 and state = 'needs_human' limit 1");
            let human = human.bind(&packet.openid).fetch_optional(self.app.db().read()).await?.is_some();
            laws::at_the_end(&self.payer, &packet.bill, &packet.facts, (age, paused, human))
                .map_err(|law| anyhow!(law))?;
            let pays = packet.facts.sent_at.is_some() && packet.facts.state != PacketState::Refunded;
            spent += if pays { packet.fen } else { 0 };
        }
        let row = sqlx::query("select spent_fen from budget").fetch_one(self.app.db().read()).await?;
        anyhow::ensure!(
            row.try_get::<i64, _>(0)? == spent,
            "P7: the budget's spent is not what the packets say"
        );
        ledger::replay(self.app.db()).await?.map_err(|what| anyhow!("P7: {what}"))?;
        let lost = sqlx::query("select id from call where outcome <> '' and answered_at is null limit 1");
        anyhow::ensure!(
            lost.fetch_optional(self.app.db().read()).await?.is_none(),
            "P10: an answer was not kept"
        );
        Ok(())
    }
}
