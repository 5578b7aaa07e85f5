//! What an evening must survive of the world around it: WeChat away for an hour, no names any more, a clock that jumps.

use kaijiang::clock::Clock;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::{
    harness::{Api, Backend, both},
    payout::Rig,
};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const FEN: i64 = 100;

/// Everybody of these draws was paid once, under the first number, and the books say the same.
async fn paid_once(rig: &Rig, draws: &[i64], winners: usize) {
    for draw in draws {
        let packets = rig.until(*draw, "received").await;
        assert_eq!(packets.len(), winners);
        for packet in &packets {
            assert_eq!((&packet["attempt"], rig.paid(&packet["bill_no"]).await), (&json!(1), 1), "{packet}");
        }
    }
    let spent = i64::try_from(draws.len() * winners).unwrap() * FEN;
    assert_eq!(rig.paid_fen().await, spent);
    rig.books(0, spent).await;
}

/// Nothing moves before its time: what was asked about waits for it, what never left stands in the queue.
fn rests(packets: &[Value], now: i64) -> bool {
    let waits = |packet: &Value| packet["next_at"].as_i64().is_some_and(|at| at > now);
    let rests =
        |packet: &Value| packet["state"] == "queued" || (packet["state"] != "sending" && waits(packet));
    packets.iter().all(rests)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_hour_without_wechat_pay_costs_the_hour_and_nothing_else() {
    let rig = Rig::new(Backend::Light, 3).await;
    rig.budget(10_000).await;
    let first = rig.win(2, FEN).await;
    rig.until(first, "received").await;
    rig.fault(json!({ "kind": "drop_before", "on": "any", "count": 1_000 })).await;
    let mut draws = vec![rig.win(2, FEN).await];
    let until = rig.evening.app.now() + HOUR;
    while rig.evening.app.now() < until {
        for draw in &draws {
            rig.until_all(*draw, "rests", |packets| rests(packets, rig.evening.app.now())).await;
        }
        rig.pass(5 * MINUTE);
        // The show goes on meanwhile: a draw needs nobody outside.
        if draws.len() < 3 {
            draws.push(rig.win(2, FEN).await);
        }
    }
    assert_eq!(rig.paid_fen().await, 200);
    rig.books(600, 200).await;
    for packet in rig.packets(draws[0]).await {
        let calls = packet["sends"].as_i64().unwrap() + packet["queries"].as_i64().unwrap();
        assert!(
            packet["state"] == "unknown" && (2..=30).contains(&calls),
            "neither idle nor a storm: {packet}"
        );
    }
    let sandbox = Api::new(&rig.evening.sandbox, String::new());
    let cleared = sandbox.request(Method::DELETE, "/sandbox/faults").send().await.unwrap();
    assert_eq!(cleared.status(), StatusCode::OK);
    draws.push(first);
    paid_once(&rig, &draws, 2).await;
    rig.evening.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_names_draws_go_on_pages_say_so_and_everybody_is_paid_later() {
    let mut rig = Rig::new(Backend::Light, 2).await;
    rig.budget(10_000).await;
    let config = rig.evening.app.config().clone();
    let with = |pay: &str, other: &str| {
        json!({
            "pay": { "api_base": pay }, "sms": { "api_base": other },
            "wechat": { "api_base": other, "oauth_base": other },
        })
    };
    rig.evening.restart_with(&with("https://pay.invalid", "http://wechat.invalid")).await;
    let draw = rig.win(2, FEN).await;
    rig.until_all(draw, "rests", |packets| rests(packets, rig.evening.app.now())).await;
    let me = rig.phones[0].get("/me").await;
    assert!(me["wins"].as_array().is_some_and(|wins| !wins.is_empty()), "a phone knows what it won: {me}");
    assert_eq!(rig.host().get("/readyz").await["ok"], true, "this server can take requests");
    let checks = rig.host().get("/api/checks").await;
    for name in ["wechat_token", "payer"] {
        let check = checks["checks"].as_array().unwrap().iter().find(|check| check["name"] == name).unwrap();
        assert!(check["state"] == "bad" && !check["todo"].as_str().unwrap().is_empty(), "{check}");
    }
    let mut guest = crate::harness::Phone::new(&rig.evening, &rig.meeting, "oPayoutGuestNumber0000");
    guest.cookie.clone_from(&rig.phones[0].cookie);
    let (status, _) = guest.try_post("/me/code", json!({ "phone": "13800138000", "consent": true })).await;
    assert!(!status.is_server_error(), "{status}");
    rig.evening.restart_with(&with(&config.pay.api_base, &config.wechat.api_base)).await;
    paid_once(&rig, &[draw], 2).await;
    rig.evening.stop().await;
}

/// Set forward or back by an hour in the middle of a draw and of a payment whose answer was lost; then right again.
#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_jumps_stops_no_draw_and_pays_nobody_twice() {
    const NOON: i64 = 1_795_406_400_000;
    for (backend, jump) in both().into_iter().flat_map(|backend| [(backend, HOUR), (backend, -HOUR)]) {
        let rig = Rig::at(backend, 2, Clock::fixed(NOON)).await;
        rig.budget(10_000).await;
        rig.fault(json!({ "kind": "drop_after" })).await;
        let unclear = rig.win(1, FEN).await;
        rig.until_all(unclear, "is unclear", |packets| packets[0]["state"] == "unknown").await;
        let round = rig.round(1, FEN).await;
        let host = rig.host();
        let committed = host.post(&rig.path(&format!("/rounds/{round}/commit")), json!({})).await;
        let open = committed["draw"].as_i64().unwrap();
        rig.pass(jump);
        let rolls = json!({ "i": 0, "value": { "rolls": [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8] } });
        host.post(&rig.path(&format!("/draws/{open}/entropy")), rolls).await;
        let told = host.post(&rig.path(&format!("/draws/{open}/result")), json!({})).await;
        host.post(&rig.path(&format!("/draws/{open}/seats")), json!({ "status": "present" })).await;
        rig.until(open, "received").await;
        rig.pass(-jump);
        let last = rig.win(1, FEN).await;
        paid_once(&rig, &[unclear, open, last], 1).await;
        let shown = host.get(&rig.path(&format!("/draws/{open}"))).await;
        assert_eq!(shown["winners"][0]["pid"], told["winners"][0]["pid"], "{jump}");
        rig.evening.stop().await;
    }
}
