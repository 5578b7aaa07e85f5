//! A backup is one moment of a working server; what is restored pays nobody twice and forgets nobody.

use std::{
    fs::{self, File},
    path::Path,
};

use kaijiang::{
    backup::{backup, restore},
    config::Config,
};
use serde_json::{Value, json};

use crate::{
    harness::{Backend, both},
    payout::Rig,
};

const WORDS: &str = "correct horse battery staple";

/// Its tables alone.
fn tables(archive: &Path) -> Vec<(String, String)> {
    let mut zip = zip::ZipArchive::new(File::open(archive).unwrap()).unwrap();
    let names: Vec<String> = zip.file_names().map(|name| name.unwrap().into_owned()).collect();
    let names = names.into_iter().filter(|name| name.starts_with("tables/"));
    let mut found = Vec::new();
    for name in names {
        let text = std::io::read_to_string(zip.by_name(&name).unwrap()).unwrap();
        let mut lines: Vec<&str> = text.lines().collect();
        // In which order rows lie is the database's own business.
        lines.sort_unstable();
        // The sender's state and the moment of doubt are of the restoration itself.
        if name != "tables/instance.jsonl" {
            found.push((name, lines.join("\n")));
        }
    }
    found.sort();
    found
}

/// The place where a copy of the server will live: another folder and another database.
async fn place(rig: &Rig, backend: Backend, folder: &str) -> Value {
    let data = rig.evening.dir.path().join(folder);
    fs::create_dir_all(&data).unwrap();
    fs::copy(&rig.evening.app.config().secrets.master_key_file, data.join("master.key")).unwrap();
    let mut place = json!({
        "data": { "dir": data },
        "database": { "url": format!("sqlite:{}", data.join("kaijiang.db").display()) },
        "redis": { "url": "" },
        "secrets": { "master_key_file": data.join("master.key") },
        "ledger": { "mark_file": data.join("ledger.mark") },
    });
    crate::harness::merge(&mut place, &backend.settings().await);
    place
}

fn other(backend: Backend) -> Backend {
    if backend == Backend::Light { Backend::Heavy } else { Backend::Light }
}

/// Saved while packets are being paid; the evening ends; the disk dies; the copy is put back on the other database.
#[tokio::test(flavor = "multi_thread")]
async fn restored_in_the_middle_of_a_payout_it_ends_with_exact_books() {
    for backend in both() {
        let mut rig = Rig::new(backend, 4).await;
        rig.budget(1_000).await;
        let first = rig.win(1, 100).await;
        rig.until(first, "received").await;
        rig.fault(json!({ "kind": "notenough", "count": 3 })).await;
        let draw = rig.win(3, 100).await;
        rig.evening
            .eventually("the balance is empty", async || {
                (rig.finance().get("/api/sender").await["paused"] == true).then_some(())
            })
            .await;
        // Confirmed only after the backup was taken: its packet is made in the forgotten time.
        let late = rig.draw(1, 100).await;
        let archive = rig.evening.dir.path().join("evening.zip");
        let words = WORDS.into();
        backup(rig.evening.app.config(), &archive, Some(&words)).await.unwrap();
        let present = rig.path(&format!("/draws/{late}/seats"));
        rig.host().post(&present, json!({ "status": "present" })).await;
        rig.finance().post("/api/sender/resume", json!({})).await;
        rig.until(draw, "received").await;
        let paid = rig.until(late, "received").await[0]["bill_no"].clone();
        assert_eq!(rig.paid_fen().await, 500);

        let place = place(&rig, other(backend), "second").await;
        let config = rig.evening.config_with(&place);
        restore(&config, rig.evening.app.clock(), &archive, Some(&words)).await.unwrap();
        rig.evening.restart_with(&place).await;
        rig.books(400, 100).await;
        let finance = rig.finance();
        assert_eq!(finance.get("/api/sender").await["reason"], "behind_mark");
        rig.host().post(&present, json!({ "status": "present" })).await;
        finance.refused("/api/sender/resume", json!({}), 409, "not_matched").await;
        assert_eq!(rig.paid_fen().await, 500, "nothing is sent before finance looked");
        rig.match_with_payer().await;
        finance.post("/api/sender/resume", json!({})).await;
        rig.until(draw, "received").await;
        let again = rig.until(late, "received").await[0]["bill_no"].clone();
        assert_eq!(again, paid, "the same award has the same number");
        assert_eq!(rig.paid_fen().await, 500, "nobody is paid twice");
        rig.books(0, 500).await;
        rig.evening.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_saved_comes_back_whole_on_the_other_database() {
    for backend in both() {
        let rig = Rig::new(backend, 2).await;
        rig.budget(1_000).await;
        let draw = rig.win(2, 100).await;
        rig.until(draw, "received").await;
        rig.finance().post("/api/sender/pause", json!({})).await;
        let uploads = rig.evening.app.config().data.dir.join("files/a/b");
        fs::create_dir_all(&uploads).unwrap();
        fs::write(uploads.join("凭证.jpg"), b"\xff\xd8 not text").unwrap();
        let folder = rig.evening.dir.path().to_owned();
        let (one, two) = (folder.join("one.zip"), folder.join("two.zip"));
        backup(rig.evening.app.config(), &one, None).await.unwrap();
        let place = place(&rig, other(backend), "second").await;
        let config: Config = rig.evening.config_with(&place);
        restore(&config, rig.evening.app.clock(), &one, None).await.unwrap();
        backup(&config, &two, None).await.unwrap();
        let copy = config.data.dir.join("files/a/b/凭证.jpg");
        assert_eq!(fs::read(&copy).unwrap(), b"\xff\xd8 not text");
        let (left, right) = (tables(&one), tables(&two));
        assert_eq!(left.len(), right.len());
        for (a, b) in left.iter().zip(&right) {
            assert_eq!(a, b);
        }
        assert!(left.iter().any(|(name, text)| name == "tables/packet.jsonl" && text.lines().count() == 3));
        rig.evening.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_that_cannot_be_trusted_is_not_restored() {
    let rig = Rig::new(Backend::Light, 1).await;
    let folder = rig.evening.dir.path().to_owned();
    let archive = folder.join("evening.zip");
    let words = WORDS.into();
    let own = rig.evening.app.config();
    let short = backup(own, &archive, Some(&"short".into())).await.unwrap_err();
    assert!(short.to_string().contains("16 characters"), "{short:#}");
    backup(own, &archive, Some(&words)).await.unwrap();
    let twice = backup(own, &archive, Some(&words)).await.unwrap_err();
    assert!(twice.to_string().contains("exists already"), "{twice:#}");
    let bytes = fs::read(&archive).unwrap();
    let secret = "oPayoutGuestNumber".as_bytes();
    assert!(!bytes.windows(secret.len()).any(|part| part == secret), "an openid lies open in the archive");

    let place = place(&rig, Backend::Light, "second").await;
    let config = rig.evening.config_with(&place);
    let fails = async |archive: &Path, passphrase: Option<&str>, config: &Config| {
        let passphrase = passphrase.map(Into::into);
        format!(
            "{:#}",
            restore(config, rig.evening.app.clock(), archive, passphrase.as_ref()).await.unwrap_err()
        )
    };
    let wrong = fails(&archive, Some("wrong horse battery staple"), &config).await;
    assert!(wrong.contains("passphrase"), "{wrong}");
    assert!(fails(&archive, None, &config).await.contains("encrypted"));
    let cut = folder.join("cut.zip");
    fs::write(&cut, &bytes[..bytes.len() - 100]).unwrap();
    assert!(fails(&cut, Some(WORDS), &config).await.contains("no whole archive"));
    // One flipped byte in the middle of a table.
    let bent = folder.join("bent.zip");
    let mut other = bytes.clone();
    let mut zip = zip::ZipArchive::new(File::open(&archive).unwrap()).unwrap();
    let start = zip.by_name_decrypt("tables/person.jsonl", WORDS.as_bytes()).unwrap().data_start().unwrap();
    other[usize::try_from(start).unwrap() + 100] ^= 1;
    fs::write(&bent, &other).unwrap();
    fails(&bent, Some(WORDS), &config).await;
    // The place that has data already is the server's own.
    assert!(fails(&archive, Some(WORDS), own).await.contains("empty"));
    let foreign = folder.join("foreign.key");
    fs::write(&foreign, "00".repeat(32)).unwrap();
    let stranger = rig.evening.config_with(&json!({ "secrets": { "master_key_file": foreign } }));
    assert!(fails(&archive, Some(WORDS), &stranger).await.contains("not the one of the archive"));
    // Every refusal left the place empty: now it works.
    restore(&config, rig.evening.app.clock(), &archive, Some(&words)).await.unwrap();
    rig.evening.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_of_a_folder_elsewhere_come_back_and_a_failed_try_is_tried_again() {
    const NAME: &str = "a/b/photo.jpg";
    let shared = tempfile::tempdir().unwrap();
    let address = |folder: &str| url::Url::from_file_path(shared.path().join(folder)).unwrap().to_string();
    let files = json!({ "files": { "url": address("files") } });
    let rig = Rig::in_hall(crate::harness::TestApp::start(Backend::Light, files).await, 1).await;
    let photo = shared.path().join("files").join(NAME);
    fs::create_dir_all(photo.parent().unwrap()).unwrap();
    fs::write(&photo, vec![7; 10_000]).unwrap();
    let archive = shared.path().join("evening.zip");
    let head = backup(rig.evening.app.config(), &archive, None).await.unwrap();
    assert_eq!(head.files, 1);

    let mut place = place(&rig, Backend::Light, "second").await;
    place["files"] = json!({ "url": address("second") });
    // A server was started there once, and made its folder.
    fs::create_dir(shared.path().join("second")).unwrap();
    let config = rig.evening.config_with(&place);
    let mut bytes = fs::read(&archive).unwrap();
    let mut zip = zip::ZipArchive::new(File::open(&archive).unwrap()).unwrap();
    let start = zip.by_name(&format!("files/{NAME}")).unwrap().data_start().unwrap();
    bytes[usize::try_from(start).unwrap() + 1] ^= 1;
    let bent = shared.path().join("bent.zip");
    fs::write(&bent, bytes).unwrap();
    restore(&config, rig.evening.app.clock(), &bent, None).await.unwrap_err();
    restore(&config, rig.evening.app.clock(), &archive, None).await.unwrap();
    assert_eq!(fs::read(shared.path().join("second").join(NAME)).unwrap(), vec![7; 10_000]);
    assert_eq!(fs::read_dir(shared.path().join("second")).unwrap().count(), 1, "nothing else is left there");
    let again = restore(&config, rig.evening.app.clock(), &archive, None).await.unwrap_err();
    assert!(again.to_string().contains("empty place"), "{again:#}");
    rig.evening.stop().await;
}

/// Run by the wrong user, or in the wrong folder: an empty backup would be noticed only when it is needed.
#[test]
fn commands_about_a_server_make_no_second_one() {
    let elsewhere = tempfile::tempdir().unwrap();
    for command in [&["backup", "saved.zip"][..], &["doctor"], &["recover"]] {
        let mut kaijiang = std::process::Command::new(env!("CARGO_BIN_EXE_kaijiang"));
        let done = kaijiang.args(command).current_dir(elsewhere.path()).env_clear().output().unwrap();
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(!done.status.success() && said.contains("data.dir"), "{command:?}: {said}");
    }
    assert_eq!(std::fs::read_dir(elsewhere.path()).unwrap().count(), 0, "nothing was made");
}
