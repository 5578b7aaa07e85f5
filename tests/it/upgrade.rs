//! Data of each earlier version, kept as a small backup, are brought up to date and go on; a newer database is refused.

use std::{fs, path::PathBuf};

use kaijiang::{
    app::App,
    backup::{backup, restore},
    clock::Clock,
    db::Db,
};
use serde_json::json;

use crate::{
    harness::{Backend, both},
    payout::Rig,
};

const GUESTS: usize = 3;

/// An archive and its master key for each version that was published: `0.1.0.zip`, `0.1.0.key`.
fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/upgrade")
}

/// With `KAIJIANG_MAKE_FIXTURE=0.2.0` the evening of this version is added to them; else it is only played.
#[tokio::test(flavor = "multi_thread")]
async fn the_evening_that_later_versions_are_tried_with() {
    let rig = Rig::new(Backend::Light, GUESTS).await;
    rig.budget(1_000).await;
    let paid = rig.win(1, 100).await;
    rig.until(paid, "received").await;
    rig.finance().post("/api/sender/pause", json!({})).await;
    let waits = rig.win(2, 100).await;
    rig.until(waits, "queued").await;
    if let Ok(version) = std::env::var("KAIJIANG_MAKE_FIXTURE") {
        let config = rig.evening.app.config();
        fs::create_dir_all(folder()).unwrap();
        backup(config, &folder().join(format!("{version}.zip")), None).await.unwrap();
        fs::copy(&config.secrets.master_key_file, folder().join(format!("{version}.key"))).unwrap();
    }
    rig.evening.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn data_of_each_earlier_version_go_on() {
    let mut versions = 0;
    for entry in fs::read_dir(folder()).unwrap() {
        let archive = entry.unwrap().path();
        if archive.extension().is_none_or(|ending| ending != "zip") {
            continue;
        }
        versions += 1;
        for backend in both() {
            // The server of this version, on the data of that one; the payer knows the same three guests.
            let mut rig = Rig::new(Backend::Light, GUESTS).await;
            let data = rig.evening.dir.path().join("earlier");
            fs::create_dir_all(&data).unwrap();
            fs::copy(archive.with_extension("key"), data.join("master.key")).unwrap();
            let mut place = json!({
                "data": { "dir": data },
                "database": { "url": format!("sqlite:{}", data.join("kaijiang.db").display()) },
                "secrets": { "master_key_file": data.join("master.key") },
                "ledger": { "mark_file": data.join("ledger.mark") },
            });
            crate::harness::merge(&mut place, &backend.settings().await);
            restore(&rig.evening.config_with(&place), rig.evening.app.clock(), &archive, None).await.unwrap();
            rig.evening.restart_with(&place).await;
            let meetings = rig.finance().get("/api/meetings").await;
            rig.meeting = meetings[0]["id"].as_str().unwrap().to_owned();
            rig.books(200, 100).await;
            let proof = rig.evening.dir.path().join("proof.json");
            fs::write(&proof, rig.host().bytes(&rig.path("/proof")).await).unwrap();
            let verified = std::process::Command::new(env!("CARGO_BIN_EXE_kaijiang"))
                .arg("verify")
                .arg(&proof)
                .output()
                .unwrap();
            assert_eq!(verified.status.code(), Some(0), "{}", String::from_utf8_lossy(&verified.stdout));
            rig.match_with_payer().await;
            rig.finance().post("/api/sender/resume", json!({})).await;
            rig.until(2, "received").await;
            rig.books(0, 300).await;
            rig.evening.stop().await;
        }
    }
    assert!(versions > 0, "no data of an earlier version in {}", folder().display());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_database_is_refused_with_a_sentence() {
    for backend in both() {
        let rig = Rig::new(backend, 1).await;
        let url = rig.evening.app.config().database.url.clone();
        let mut tx = rig.evening.app.db().begin().await.unwrap();
        sqlx::query(
            "insert into _sqlx_migrations (version, description, success, checksum, execution_time) \
             select 9999, 'later', success, checksum, 0 from _sqlx_migrations where version = 1",
        )
        .execute(tx.conn())
        .await
        .unwrap();
        tx.commit().await.unwrap();
        let refused = Db::open(url.expose()).await.unwrap_err().to_string();
        assert!(refused.contains("newer version") && refused.contains("9999"), "{refused}");
        let config = rig.evening.config_with(&json!({}));
        let refused = App::open(config, Clock::System).await.unwrap_err().to_string();
        assert!(refused.contains("newer version"), "{refused}");
        rig.evening.stop().await;
    }
}

/// A version that was published without its evening could not be upgraded from with any certainty.
#[test]
fn every_published_version_has_its_evening() {
    let changes = fs::read_to_string(folder().join("../../../CHANGELOG.md")).unwrap();
    let headings: Vec<&str> = changes.lines().filter_map(|line| line.strip_prefix("## [")).collect();
    let version = |heading: &&str| heading.split(']').next().unwrap().to_owned();
    assert_eq!(headings.first().map(version).as_deref(), Some("Unreleased"));
    let newest = headings.get(1).map(version);
    assert_eq!(newest.as_deref(), Some(env!("CARGO_PKG_VERSION")), "the version and its heading go together");
    for heading in &headings[1..] {
        for ending in ["zip", "key"] {
            let file = folder().join(format!("{}.{ending}", version(heading)));
            assert!(file.exists(), "{} is missing: KAIJIANG_MAKE_FIXTURE makes it", file.display());
        }
    }
}
