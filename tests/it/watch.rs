//! `/metrics` tells what happened, and no dashboard or alarm asks for a number that does not exist.

use std::{collections::BTreeSet, fs, path::Path};

use crate::{harness::both, payout::Rig};

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
        // Nothing was too slow, so nobody counted that.
        let rare = [
            "kaijiang_slow_readers_total",
            "kaijiang_bus_drops_total",
            "kaijiang_bus_failures_total",
            "kaijiang_resyncs_total",
            "kaijiang_sockets_closed_total",
            "kaijiang_passing_drops_total",
            "kaijiang_delivery_seconds",
        ];
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
