//! More than a server was made for: phones are turned away or wait, the host draws and the winners are paid.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
};

use kaijiang::clock::Clock;
use reqwest::Method;
use serde_json::json;

use crate::{
    harness::{Backend, By, TestApp, Viewer},
    payout::Rig,
};

/// Requests under way at once, from phones.
const PHONES: usize = 48;
const SOCKETS: usize = 100;

type Answers = Arc<Mutex<BTreeMap<u16, usize>>>;

/// Asks again and again, as pages do that are loaded anew by impatient people.
async fn storm(rig: &Rig, stop: &AtomicBool, answers: &Answers, nth: usize) {
    let phone = &rig.phones[nth % rig.phones.len()];
    while !stop.load(SeqCst) {
        let path = ["/me", "/snapshot-that-is-not-there", "/draws"][nth % 3];
        let Ok(answer) = phone.request(Method::GET, path).send().await else { continue };
        *answers.lock().unwrap().entry(answer.status().as_u16()).or_default() += 1;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_storm_phones_wait_and_the_draw_is_made_and_paid() {
    let limits = json!({ "limits": { "sockets": SOCKETS, "rate_per_second": 1_000 } });
    let rig = Rig::in_hall(TestApp::start_at(Backend::Light, limits, Clock::System).await, 6).await;
    rig.budget(10_000).await;
    let by = || By::Bearer("token-of-host-for-tests");
    // Phones have taken all the sockets that phones may have.
    let mut phones = Vec::new();
    for nth in 0..SOCKETS - SOCKETS / 50 {
        let cookie = &rig.phones[nth % 6].cookie;
        phones.push(Viewer::open(&rig.evening, &rig.meeting, "attendee", By::Cookie(cookie)).await);
    }
    let (stop, answers) = (AtomicBool::new(false), Answers::default());
    let work = async {
        let mut control = Viewer::open(&rig.evening, &rig.meeting, "control", by()).await;
        let mut draws = Vec::new();
        for _ in 0..3 {
            let draw = rig.win(2, 100).await;
            assert_eq!(control.winners(draw).await.as_array().unwrap().len(), 2);
            draws.push(draw);
        }
        for draw in draws {
            rig.evening
                .eventually("paid in the storm", async || {
                    let packets = rig.packets(draw).await;
                    packets.iter().all(|packet| packet["state"] == "received").then_some(())
                })
                .await;
        }
        stop.store(true, SeqCst);
    };
    let storms = (0..PHONES).map(|nth| storm(&rig, &stop, &answers, nth));
    tokio::join!(work, futures_util::future::join_all(storms));
    let answers = answers.lock().unwrap().clone();
    let expected = |status: &u16| matches!(status, 200 | 404 | 429 | 503);
    assert!(answers.keys().all(expected) && answers.values().sum::<usize>() > PHONES, "{answers:?}");
    rig.books(0, 600).await;
    // Each phone was told of each draw, in order, without a gap.
    for phone in &mut phones {
        phone.winners(3).await;
        let told = phone.sequence();
        assert!(told.windows(2).all(|pair| pair[1] == pair[0] + 1), "{told:?}");
    }
    rig.evening.stop().await;
}
