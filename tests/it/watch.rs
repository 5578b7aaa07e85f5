//! `/metrics` tells what happened, and no dashboard or alarm asks for a number that does not exist.

use std::{collections::BTreeSet, fs, path::Path, time::Duration};

use kaijiang::clock::Clock;
use serde_json::{Value, json};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
};

use crate::{
    harness::{Backend, Process, TestApp, both},
    payout::Rig,
};

/// Names that `src/watch.rs` lists.
fn listed() -> BTreeSet<String> {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/watch.rs")).unwrap();
    let names = text.lines().filter_map(|line| line.strip_prefix("pub const ")?.split('"').nth(1));
    names.map(ToOwned::to_owned).collect()
}

/// Words of a text that look like a metric of ours.
fn metrics(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    let ours = words.filter(|word| word.starts_with("kaijiang_") || word.starts_with("process_"));
    let bare = |word: &str| {
        let tail = ["_bucket", "_sum", "_count"].into_iter().find_map(|tail| word.strip_suffix(tail));
        tail.unwrap_or(word).to_owned()
    };
    ours.map(bare).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_evening_leaves_every_number_that_is_listed() {
    for backend in both() {
        let rig = Rig::new(backend, 2).await;
        rig.budget(1_000).await;
        let draw = rig.win(2, 100).await;
        rig.until(draw, "received").await;
        // Nobody was sent away, and nobody watched.
        let rare = ["kaijiang_sockets_closed_total", "kaijiang_delivery_seconds"];
        let wanted: BTreeSet<_> =
            listed().into_iter().filter(|name| !rare.contains(&name.as_str())).collect();
        // How late the event loop is shows after its first half second.
        let text = rig
            .evening
            .eventually("every number is there", async || {
                let text =
                    reqwest::get(format!("{}/metrics", rig.evening.base)).await.ok()?.text().await.ok()?;
                wanted.is_subset(&metrics(&text)).then_some(text)
            })
            .await;
        assert!(text.contains("kaijiang_packets{state=\"received\"} 2"), "{text}");
        assert!(text.contains("kaijiang_up{part=\"sql\"} 1"), "{text}");
        assert!(text.contains("kaijiang_payer_answers_total{outcome=\"RECEIVED\"}"), "{text}");
        assert!(text.contains("kaijiang_draw_seconds_bucket"), "{text}");
        let guest = &kaijiang::people::xlsx_out::demo_people(1)[0];
        for secret in [rig.meeting.as_str(), "oPayout", &guest.phone, &guest.name] {
            assert!(!text.contains(secret), "{secret} is in a metric");
        }
        rig.evening.stop().await;
    }
}

/// A way to PostgreSQL that can be shut: connections stay, nothing comes through, as when its machine has lost its power.
async fn behind_a_gate(address: &str) -> (watch::Sender<bool>, String) {
    let mut url = url::Url::parse(address).unwrap();
    let server = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap_or(5432));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    url.set_port(Some(listener.local_addr().unwrap().port())).unwrap();
    let (gate, shut) = watch::channel(false);
    #[allow(clippy::disallowed_methods, reason = "a server of the test's own")]
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let (mut shut, server) = (shut.clone(), server.clone());
            tokio::spawn(async move {
                let carry = async {
                    let mut far = TcpStream::connect(server).await?;
                    copy_bidirectional(&mut client, &mut far).await
                };
                tokio::select! {
                    biased;
                    _ = shut.wait_for(|shut| *shut) => {}
                    _ = carry => return,
                }
                // Held without an answer until it opens again, then cut.
                drop(shut.wait_for(|shut| !shut).await.map(|open| *open));
                drop(client);
            });
        }
    });
    (gate, url.to_string())
}

/// Who scrapes gives up after ten seconds: just then the numbers are needed.
#[tokio::test(flavor = "multi_thread")]
async fn without_the_database_the_numbers_still_come_and_say_so() {
    let mut settings = Backend::Heavy.settings().await;
    let address = settings["database"]["url"].as_str().unwrap().to_owned();
    let (gate, through) = behind_a_gate(&address).await;
    settings["database"]["url"] = json!(through);
    let mut evening = TestApp::start_at(Backend::Light, settings, Clock::System).await;
    let server = Process::take_over(&mut evening).await;
    let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(9)).build().unwrap();
    let get = async |path: &str| http.get(format!("{}{path}", evening.base)).send().await.unwrap();
    let text = get("/metrics").await.text().await.unwrap();
    assert!(text.contains("kaijiang_up{part=\"sql\"} 1"), "{text}");
    gate.send(true).unwrap();
    let text = get("/metrics").await.text().await.unwrap();
    assert!(text.contains("kaijiang_up{part=\"sql\"} 0"), "{text}");
    assert!(text.contains("kaijiang_up{part=\"store\"} 1"), "{text}");
    let ready = get("/readyz").await;
    assert_eq!(ready.status(), 503);
    let told: Value = ready.json().await.unwrap();
    assert_eq!((&told["sql"], &told["store"]), (&json!(false), &json!(true)), "{told}");
    gate.send(false).unwrap();
    evening
        .eventually("it is ready again", async || get("/readyz").await.status().is_success().then_some(()))
        .await;
    drop(server);
    evening.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_a_merchant_does_not_say_that_its_sender_runs() {
    let nobody = json!({ "pay": { "mch_id": "" }, "transfer": { "mch_id": "" } });
    let evening = TestApp::start(Backend::Light, nobody).await;
    let get = async |path: &str| reqwest::get(format!("{}{path}", evening.base)).await.unwrap();
    let told = async || get("/readyz").await.json::<Value>().await.unwrap();
    evening
        .eventually("the sender has looked", async || {
            (told().await["sender"] == "not_configured").then_some(())
        })
        .await;
    assert_eq!(told().await["ok"], true, "draws need no merchant");
    let text = get("/metrics").await.text().await.unwrap();
    let alarms =
        text.lines().filter(|line| line.starts_with("kaijiang_sender_paused{") && line.ends_with(" 1"));
    assert_eq!(alarms.count(), 0, "{text}");
    evening.stop().await;
}

#[test]
fn dashboard_and_alarms_ask_only_for_numbers_that_exist() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/watch");
    for file in ["dashboard.json", "alerts.yml"] {
        let asked = metrics(&fs::read_to_string(folder.join(file)).unwrap());
        assert!(asked.len() > 5, "{file}: {asked:?}");
        let unknown: Vec<_> = asked.difference(&listed()).cloned().collect();
        assert!(unknown.is_empty(), "{file}: {unknown:?}");
    }
}
