//! What a process leaves behind when a part of it, or all of it, dies: no key, no text of a moment, a line to find it by.

use std::{
    io::{BufRead, BufReader},
    os::unix::process::ExitStatusExt,
    process::{Command, Stdio},
};

use kaijiang::{db::Locks, error::ApiError};
use reqwest::Method;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use sqlx::{Executor, Row};

use crate::{
    harness::{Backend, Process, TestApp},
    payout::Rig,
};

/// From the page to the log: what a person reads off an error finds what went wrong.
#[tokio::test(flavor = "multi_thread")]
async fn an_error_has_the_number_of_its_line_in_the_log_and_nothing_else_of_it() {
    let mut rig = Rig::new(Backend::Light, 1).await;
    let mut server = Process::take_over(&mut rig.evening).await;
    server.kill();
    server.start(&rig.evening, Some("panic:checks")).await;
    let answer = rig.host().request(Method::GET, "/api/checks").send().await.unwrap();
    let header = answer.headers()["x-request-id"].to_str().unwrap().to_owned();
    assert_eq!(answer.status().as_u16(), 500);
    let problem: Value = answer.json().await.unwrap();
    assert_eq!((&problem["code"], &problem["request"]), (&json!("internal"), &json!(header)), "{problem}");
    let log = server.log();
    let lines: Vec<&str> = log.lines().filter(|line| line.contains(&header)).collect();
    let has = |words: &[&str]| lines.iter().any(|line| words.iter().all(|word| line.contains(word)));
    assert!(has(&["ERROR", "panicked", "failpoint.rs"]), "{lines:#?}");
    assert!(has(&["ERROR", "request failed"]), "{lines:#?}");
    assert!(has(&["status=500", "code=\"internal\"", "route=\"/api/checks\""]), "{lines:#?}");
    assert!(!log.contains("a failpoint of the name"), "a text made at run time is in the log: {log}");
    // A refusal that is the caller's own fault is found as well.
    let (status, refused) = rig.host().try_post("/api/meetings", json!({})).await;
    assert!(status.is_client_error());
    let id = refused["request"].as_str().unwrap();
    let log = server.log();
    let line = log.lines().find(|line| line.contains(id)).unwrap();
    assert!(line.contains(&format!("code={:?}", refused["code"].as_str().unwrap())), "{line}");
    server.kill();
    rig.evening.stop().await;
}

/// Errors of requests that run at once do not take each other's numbers.
#[tokio::test(flavor = "multi_thread")]
async fn every_refusal_carries_its_own_number() {
    let evening = TestApp::start(Backend::Light, json!({})).await;
    let host = evening.staff("host");
    let asked = (0..40).map(|_| async {
        let answer = host.request(Method::GET, "/api/meetings/nowhere").send().await.unwrap();
        let header = answer.headers()["x-request-id"].to_str().unwrap().to_owned();
        let problem: Value = answer.json().await.unwrap();
        assert_eq!(problem["request"], json!(header));
        header
    });
    let mut ids = futures_util::future::join_all(asked).await;
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 40);
    evening.stop().await;
}

/// Killed by a signal that leaves a core where one may be left.
fn aborted(dumps: &str) -> (String, bool) {
    let folder = tempfile::tempdir().unwrap();
    let mut child = Command::new("sh")
        .args(["-c", "ulimit -c unlimited 2>/dev/null; exec \"$0\" sandbox", env!("CARGO_BIN_EXE_kaijiang")])
        .current_dir(folder.path())
        .env("KAIJIANG__DATA__DIR", folder.path())
        .env("KAIJIANG__SANDBOX__LISTEN", "127.0.0.1:0")
        .env("KAIJIANG_DUMPS", dumps)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
    assert!(first.contains("/sandbox"), "{first}");
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", child.id())).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    let core = core.split_whitespace().skip(4).take(2).collect::<Vec<_>>().join(" ");
    kill_process(Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap(), Signal::ABORT).unwrap();
    (core, child.wait().unwrap().core_dumped())
}

#[cfg(target_os = "linux")]
#[test]
fn no_core_is_left_unless_it_is_asked_for() {
    let (limits, dumped) = aborted("");
    assert_eq!((limits.as_str(), dumped), ("0 0", false));
    let ours = rustix::process::getrlimit(rustix::process::Resource::Core);
    let (limits, _) = aborted("allow");
    assert_eq!(limits == "0 0", ours.maximum == Some(0), "the limit that the system gives is left alone");
}

/// PostgreSQL ends the transaction of a server that was frozen: whoever asked may repeat it, and the server goes on.
#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_the_database_gave_up_is_to_be_repeated() {
    let evening = TestApp::start(Backend::Heavy, json!({})).await;
    let db = evening.app.db();
    let mut frozen = db.begin().await.unwrap();
    frozen.conn().execute("set idle_in_transaction_session_timeout = 50").await.unwrap();
    let session: i32 = sqlx::query("select pg_backend_pid()").fetch_one(frozen.conn()).await.unwrap().get(0);
    evening
        .eventually("the end of the session", async || {
            let ours = sqlx::query("select 1 from pg_stat_activity where pid = $1").bind(session);
            ours.fetch_optional(db.read()).await.unwrap().is_none().then_some(())
        })
        .await;
    let error = frozen.conn().execute("select 1").await.unwrap_err();
    assert_eq!(error.as_database_error().unwrap().code().unwrap(), "25P03");
    let told = ApiError::from(error);
    assert_eq!((told.status().as_u16(), told.code()), (503, "unavailable"), "{told}");
    drop(frozen);
    db.begin().await.unwrap().commit().await.unwrap();
    evening.stop().await;
}

/// Parts of one transaction whose session ends, and parts of one that cannot begin: nothing of them happened.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_shared_a_transaction_that_died_may_repeat_it() {
    let evening = TestApp::start(Backend::Heavy, json!({})).await;
    let db = evening.app.db();
    let (go, wait) = tokio::sync::oneshot::channel::<()>();
    // The first holds the turn until the others stand behind it; these two are taken along together.
    let first = db.together(Locks::Own, |_| Box::pin(async { Ok(wait.await.is_ok()) }));
    let second = db.together(Locks::Own, |tx| {
        Box::pin(async {
            let end = sqlx::query("select pg_terminate_backend(pg_backend_pid())");
            Ok(end.execute(tx.conn()).await.map(drop)?)
        })
    });
    let third = db.together(Locks::Own, |_| Box::pin(async { Ok(()) }));
    let (first, second, third, told) = tokio::join!(first, second, third, async { go.send(()) });
    assert!(first.unwrap() && told.is_ok());
    for error in [second.unwrap_err(), third.unwrap_err()] {
        assert_eq!((error.status().as_u16(), error.code()), (503, "unavailable"), "{error}");
    }
    db.together(Locks::Own, |_| Box::pin(async { Ok(()) })).await.unwrap();
    db.close().await;
    let error = db.together(Locks::Own, |_| Box::pin(async { Ok(()) })).await.unwrap_err();
    assert_eq!((error.status().as_u16(), error.code()), (503, "unavailable"), "{error}");
    evening.stop().await;
}
