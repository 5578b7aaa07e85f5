//! One evening: people come in, rounds are drawn and paid, something breaks, everybody goes home.

use std::{sync::Arc, time::Duration};

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use tokio::{
    process::Command,
    time::{Instant, sleep},
};

use super::super::{crowd::Crowd, door::Door};
use super::{
    SoakArgs,
    guest::{self, GUESTS},
    server::{LOOK, PATIENCE, Server},
};
use crate::people::xlsx_out::demo_people;

/// Winners of a draw, and what each gets.
const WINNERS: usize = 4;
const FEN: i64 = 100;
/// Every fourth draw pays while the payer is away for so long.
const AWAY: Duration = Duration::from_secs(3);
/// One viewer in so many stops reading now and then.
const FROZEN: usize = 20;

struct Hall<'a> {
    server: &'a Server,
    meeting: String,
    prize: String,
}

/// Plays it; what it tells goes into the report.
pub(super) async fn play(args: &SoakArgs, server: &Server, number: u32) -> anyhow::Result<Value> {
    let hall = Hall::open(args, server, number).await?;
    let crowd = Crowd::gather(usize::try_from(args.viewers)?, &hall.door().await?).await?;
    let (begun, mut draws) = (Instant::now(), Vec::new());
    for nth in 0..args.draws {
        draws.push(hall.draw(&crowd, nth).await?);
        if nth == args.draws / 2 {
            breakage(&args.breaks).await?;
        }
    }
    for draw in &draws {
        hall.paid(*draw).await?;
    }
    let took = begun.elapsed();
    crowd.all_have(crowd.newest(), PATIENCE).await.context("not everybody saw the end")?;
    let told = json!({
        "draws": draws.len(), "packets": draws.len() * WINNERS, "seconds": took.as_secs(), "losses": crowd.faults(),
        "reconnects": crowd.reconnects(),
    });
    ensure!(crowd.faults() == json!({ "missing": 0, "doubled": 0 }), "viewers missed something: {told}");
    crowd.leave().await;
    hall.close().await?;
    Ok(told)
}

/// Runs the operator's commands, one after the other.
async fn breakage(commands: &[String]) -> anyhow::Result<()> {
    for command in commands {
        let done = Command::new("sh").args(["-c", command]).status().await?;
        ensure!(done.success(), "{command}: {done}");
    }
    Ok(())
}

fn id(value: &Value) -> String {
    value["id"].as_str().unwrap_or_default().to_owned()
}

impl<'a> Hall<'a> {
    async fn open(args: &SoakArgs, server: &'a Server, number: u32) -> anyhow::Result<Self> {
        let settings = json!({ "commit_show_ms": 0, "min_level": "A0" });
        let new = json!({ "name": format!("第 {} 场", number + 1), "settings": settings });
        let meeting = id(&server.post("host", "/api/meetings", &new).await?);
        let mut hall = Self { server, meeting, prize: String::new() };
        let report =
            server.upload(&hall.path("/imports"), "roster.xlsx", server.roster(args.evenings)?).await?;
        hall.post("host", &format!("/imports/{}/accept", id(&report)), json!({})).await?;
        hall.prize = id(&hall.post("host", "/prizes", json!({ "name": "奖", "kind": "cash" })).await?);
        let budget =
            hall.post("finance", "/budgets", json!({ "name": "奖金", "cap_fen": 1_000_000 })).await?;
        let approve = format!("/budgets/{}/approve", id(&budget));
        hall.post("finance", &approve, json!({ "version": budget["version"] })).await?;
        let people = demo_people(usize::try_from(args.evenings)? * GUESTS);
        let mine = people.iter().skip(usize::try_from(number)? * GUESTS).take(GUESTS);
        for (nth, person) in mine.enumerate() {
            let openid = format!("oSoakGuest{number:06}Number{nth:04}");
            guest::enter(server, &hall.meeting, &openid, &person.phone).await.context("a guest")?;
        }
        Ok(hall)
    }

    fn path(&self, rest: &str) -> String {
        format!("/api/meetings/{}{rest}", self.meeting)
    }

    async fn post(&self, who: &str, path: &str, body: Value) -> anyhow::Result<Value> {
        self.server.post(who, &self.path(path), &body).await
    }

    async fn door(&self) -> anyhow::Result<Door> {
        let code = self.post("host", "/pairing", json!({})).await?["code"].clone();
        let ticket = self.post("host", "/screens", json!({ "code": code })).await?["ticket"].clone();
        let ticket = ticket.as_str().context("a ticket")?;
        let ticket = vec![("authorization", format!("Bearer {ticket}"))];
        Ok(Door::of(self.server.address().to_owned(), (&self.meeting, "screen"), ticket))
    }

    /// Draws a round; now and then the payer is away, or some viewers read nothing.
    async fn draw(&self, crowd: &Arc<Crowd>, nth: u32) -> anyhow::Result<i64> {
        let (away, frozen) = (nth % 4 == 1, nth % 4 == 3);
        if away {
            let fault = json!({ "kind": "drop_before", "on": "any", "count": 1_000 });
            self.server.far(reqwest::Method::POST, "/faults", &fault).await?;
        }
        if frozen {
            crowd.freeze(crowd.size() / FROZEN);
        }
        let round = json!({
            "prize_id": self.prize, "seats": WINNERS, "exclude": "none", "award": { "mode": "fixed", "fen": FEN },
            "sources": [{ "s": "dice", "sides": 10, "count": 12 }],
        });
        let round = id(&self.post("host", "/rounds", round).await?);
        let committed = self.post("host", &format!("/rounds/{round}/commit"), json!({})).await?;
        let draw = committed["draw"].as_i64().context("a draw")?;
        let rolls = json!({ "i": 0, "value": { "rolls": [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8] } });
        self.post("host", &format!("/draws/{draw}/entropy"), rolls).await?;
        self.post("host", &format!("/draws/{draw}/result"), json!({})).await?;
        self.post("host", &format!("/draws/{draw}/seats"), json!({ "status": "present" })).await?;
        if away {
            sleep(AWAY).await;
            self.server.far(reqwest::Method::DELETE, "/faults", &Value::Null).await?;
        }
        if frozen {
            crowd.thaw();
        }
        Ok(draw)
    }

    /// Waits until each winner of a draw has opened the packet.
    async fn paid(&self, draw: i64) -> anyhow::Result<()> {
        let begun = Instant::now();
        loop {
            let page = self.server.get("finance", &self.path(&format!("/packets?draw={draw}"))).await;
            let packets = page.as_ref().and_then(|page| page["packets"].as_array());
            let done = |packets: &Vec<Value>| {
                packets.len() == WINNERS && packets.iter().all(|packet| packet["state"] == "received")
            };
            if packets.is_some_and(done) {
                return Ok(());
            }
            ensure!(begun.elapsed() < PATIENCE, "draw {draw} is not paid: {page:?}");
            sleep(LOOK).await;
        }
    }

    async fn close(&self) -> anyhow::Result<()> {
        self.post("host", "/close", json!({})).await.map(drop)
    }
}
