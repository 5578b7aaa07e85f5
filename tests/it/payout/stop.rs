//! The whole sender stops, and goes on.

use kaijiang::budget::ledger::{behind_mark, write_mark};
use serde_json::{Value, json};

use super::Rig;
use crate::{
    finance::import,
    harness::{Backend, both},
};

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_account_stops_the_sender_and_the_same_number_is_paid_after_resume() {
    let rig = Rig::new(Backend::Light, 1).await;
    rig.budget(1_000).await;
    rig.fault(json!({ "kind": "notenough" })).await;
    let draw = rig.win(1, 100).await;
    let blocked = rig.until(draw, "blocked").await;
    let sender = rig.finance().get("/api/sender").await;
    assert_eq!((&sender["paused"], &sender["reason"]), (&json!(true), &json!("NOTENOUGH")), "{sender}");
    assert!(sender["detail"].as_str().unwrap().contains("余额"));
    assert_eq!(sender["sandbox"], true);
    rig.books(100, 0).await;
    let second = rig.win(1, 100).await;
    rig.host().refused("/api/sender/resume", json!({}), 403, "role").await;
    assert_eq!(rig.packets(second).await[0]["state"], "queued", "nothing is sent while paused");
    rig.finance().post("/api/sender/resume", json!({})).await;
    rig.until(second, "received").await;
    let paid = rig.until(draw, "received").await;
    assert_eq!(paid[0]["bill_no"], blocked[0]["bill_no"]);
    assert_eq!(rig.paid_fen().await, 200);
    rig.books(0, 200).await;
    rig.evening.stop().await;
}

/// The payer keeps the orders and says so whenever it is asked, and the first top-up is not enough for all.
#[tokio::test(flavor = "multi_thread")]
async fn who_was_asked_for_while_the_account_was_empty_is_paid_after_the_last_top_up() {
    for backend in both() {
        let rig = Rig::new(backend, 3).await;
        rig.budget(1_000).await;
        rig.fault(json!({ "kind": "notenough" })).await;
        let draw = rig.win(1, 100).await;
        rig.until(draw, "blocked").await;
        // After an hour it is asked for, paused or not.
        rig.pass(2 * 3_600_000);
        let asked = |packets: &[Value]| packets[0]["queries"].as_i64().unwrap() > 0;
        let seen = rig.until_all(draw, "is asked for", asked).await;
        assert_eq!((&seen[0]["state"], &seen[0]["reason"]), (&json!("blocked"), &json!("NOTENOUGH")));
        rig.fault(json!({ "kind": "notenough" })).await;
        rig.finance().post("/api/sender/resume", json!({})).await;
        rig.evening
            .eventually("the sender stops again", async || {
                (rig.finance().get("/api/sender").await["paused"] == true).then_some(())
            })
            .await;
        rig.pass(2 * 3_600_000);
        rig.finance().post("/api/sender/resume", json!({})).await;
        rig.until(draw, "received").await;
        assert_eq!(rig.paid_fen().await, 100);
        rig.books(0, 100).await;
        rig.evening.stop().await;
    }
}

/// What time the payer has is seen in its answers: one odd date is its own affair, three in a row are our clock's.
#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_wrong_stops_the_sender_and_a_single_odd_date_does_not() {
    let rig = Rig::new(Backend::Light, 3).await;
    rig.budget(1_000).await;
    for (count, stops) in [(2, false), (3, true)] {
        rig.fault(json!({ "kind": "clock_skew", "on": "send", "count": count })).await;
        let draw = rig.win(count, 100).await;
        let paid = |packets: &[Value]| packets.iter().all(|packet| !packet["sent_at"].is_null());
        rig.evening
            .eventually("what was sent is paid", async || paid(&rig.packets(draw).await).then_some(()))
            .await;
        if !stops {
            rig.until(draw, "received").await;
            assert_eq!(rig.finance().get("/api/sender").await["paused"], false);
        }
    }
    let sender = rig
        .evening
        .eventually("the sender stops", async || {
            let sender = rig.finance().get("/api/sender").await;
            (sender["paused"] == true).then_some(sender)
        })
        .await;
    assert_eq!(sender["reason"], "clock_skew", "{sender}");
    assert!(sender["detail"].as_str().unwrap().contains("时钟"), "{sender}");
    let waits = rig.win(1, 100).await;
    rig.pass(2_000);
    assert_eq!(rig.packets(waits).await[0]["state"], "queued", "nothing is sent while paused");
    rig.finance().post("/api/sender/resume", json!({})).await;
    rig.until(waits, "received").await;
    assert_eq!(rig.paid_fen().await, 600);
    rig.evening.stop().await;
}

/// A wrong app id refuses everybody, each with a code that can also be one person's own.
#[tokio::test(flavor = "multi_thread")]
async fn three_people_refused_alike_in_a_row_stop_the_sender_and_two_do_not() {
    let rig = Rig::new(Backend::Light, 3).await;
    rig.budget(1_000).await;
    rig.fault(json!({ "kind": "openid_error", "count": 2 })).await;
    let two = rig.win(2, 100).await;
    rig.until(two, "refused").await;
    assert_eq!(rig.finance().get("/api/sender").await["paused"], false);
    let good = rig.win(1, 100).await;
    rig.until(good, "received").await;
    rig.fault(json!({ "kind": "openid_error", "count": 3 })).await;
    let three = rig.win(3, 100).await;
    rig.until(three, "refused").await;
    let sender = rig.finance().get("/api/sender").await;
    assert_eq!((&sender["paused"], &sender["reason"]), (&json!(true), &json!("OPENID_ERROR")), "{sender}");
    assert!(sender["detail"].as_str().unwrap().contains("wechat.app_id"), "{sender}");
    let waits = rig.win(3, 100).await;
    rig.pass(2_000);
    assert!(rig.packets(waits).await.iter().all(|packet| packet["state"] == "queued"));
    rig.finance().post("/api/sender/resume", json!({})).await;
    rig.until(waits, "received").await;
    assert_eq!(rig.paid_fen().await, 400);
    rig.evening.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suspended_winner_is_not_paid_until_present_again() {
    let rig = Rig::new(Backend::Light, 1).await;
    rig.budget(1_000).await;
    rig.finance().post("/api/sender/pause", json!({})).await;
    let draw = rig.win(1, 100).await;
    let bill = rig.packets(draw).await[0]["bill_no"].clone();
    let seat = rig.path(&format!("/draws/{draw}/seats/1"));
    rig.host().post(&seat, json!({ "status": "absent" })).await;
    rig.finance().post("/api/sender/resume", json!({})).await;
    rig.pass(60_000);
    let packet = &rig.packets(draw).await[0];
    assert_eq!((&packet["state"], &packet["reason"]), (&json!("held"), &json!("suspended")));
    rig.books(100, 0).await;
    rig.host().post(&seat, json!({ "status": "present" })).await;
    let packets = rig.until(draw, "received").await;
    assert_eq!((packets.len(), &packets[0]["bill_no"]), (1, &bill));
    rig.books(0, 100).await;
    rig.evening.stop().await;
}

/// What had no answer would be sent again under its number: not while finance has stopped the sender.
#[tokio::test(flavor = "multi_thread")]
async fn a_paused_sender_asks_and_sends_nothing_not_even_again() {
    for backend in both() {
        let rig = Rig::new(backend, 1).await;
        rig.budget(1_000).await;
        rig.fault(json!({ "kind": "http500", "on": "send" })).await;
        let draw = rig.win(1, 100).await;
        rig.until(draw, "unknown").await;
        rig.finance().post("/api/sender/pause", json!({})).await;
        let sends = rig.packets(draw).await[0]["sends"].as_i64().unwrap();
        let asked = |packets: &[Value]| packets[0]["queries"].as_i64().unwrap() > 0;
        rig.until_all(draw, "is asked for", asked).await;
        // A long pause uses up none of the tries that are left.
        for _ in 0..20 {
            rig.pass(61_000);
            let packets = rig.until_all(draw, "rests", |packets| packets[0]["state"] == "unknown").await;
            assert_eq!(packets[0]["sends"].as_i64(), Some(sends), "{packets:?}");
        }
        assert_eq!(rig.paid_fen().await, 0);
        rig.finance().post("/api/sender/resume", json!({})).await;
        rig.until(draw, "received").await;
        assert_eq!(rig.paid_fen().await, 100);
        rig.books(0, 100).await;
        rig.evening.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_database_does_not_send_before_finance_looked() {
    let mut rig = Rig::new(Backend::Light, 1).await;
    rig.budget(1_000).await;
    let draw = rig.win(1, 100).await;
    rig.until(draw, "sent").await;
    let file = rig.evening.app.config().ledger.mark_file.clone();
    std::fs::write(&file, format!("99 {}\n", "0".repeat(64))).unwrap();
    rig.evening.restart().await;
    let finance = rig.finance();
    let sender = rig
        .evening
        .eventually("the sender stops", async || {
            let sender = finance.get("/api/sender").await;
            (sender["paused"] == true).then_some(sender)
        })
        .await;
    assert_eq!(sender["reason"], "behind_mark", "{sender}");
    finance.post("/api/sender/resume", json!({})).await;
    let second = rig.win(1, 100).await;
    rig.until(second, "received").await;
    rig.evening.stop().await;
}

/// Nothing in a file says that it is whole, new enough, and of every merchant that pays.
#[tokio::test(flavor = "multi_thread")]
async fn a_statement_without_a_difference_does_not_release_an_older_database() {
    let mut rig = Rig::new(Backend::Light, 1).await;
    rig.budget(1_000).await;
    let draw = rig.win(1, 100).await;
    let paid = rig.until(draw, "received").await[0]["bill_no"].as_str().unwrap().to_owned();
    rig.finance().post("/api/sender/pause", json!({})).await;
    let second = rig.win(1, 100).await;
    std::fs::write(&rig.evening.app.config().ledger.mark_file, format!("99 {}\n", "0".repeat(64))).unwrap();
    rig.evening.restart().await;
    let finance = rig.finance();
    rig.evening
        .eventually("the sender stops", async || {
            (finance.get("/api/sender").await["reason"] == "behind_mark").then_some(())
        })
        .await;
    let heading = "记账时间,微信支付业务单号,业务类型,收支类型,收支金额(元),业务凭证号\n";
    let old = format!("{heading}`2026-11-23 12:00:01,`1,`现金红包,`支出,`1.00,`{paid}\n");
    let (_, report) = import(&rig.evening.staff("auditor"), old.into_bytes()).await;
    assert_eq!((&report["matched"], &report["difference_count"]), (&json!(1), &json!(0)), "{report}");
    let told = finance.get("/api/sender/matching").await;
    assert_eq!((&told["left"], &told["complete"]), (&json!(1), &json!(false)), "{told}");
    finance.refused("/api/sender/resume", json!({}), 409, "not_matched").await;
    rig.match_with_payer().await;
    finance.post("/api/sender/resume", json!({})).await;
    rig.until(second, "received").await;
    assert_eq!(rig.paid_fen().await, 200);
    rig.evening.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_mark_cannot_be_written_nothing_is_released() {
    let mut rig = Rig::new(Backend::Light, 1).await;
    rig.budget(1_000).await;
    // A mark that is no mark, in a place where nobody may write.
    rig.evening.restart_with(&json!({ "ledger": { "mark_file": "/proc/uptime" } })).await;
    let paused = async |rig: &Rig| rig.finance().get("/api/sender").await["reason"] == "behind_mark";
    rig.evening.eventually("the sender stops", async || paused(&rig).await.then_some(())).await;
    rig.finance().refused("/api/sender/resume", json!({}), 503, "mark_file").await;
    assert!(paused(&rig).await, "nothing was released");
    let mark = rig.evening.dir.path().join("ledger.mark");
    rig.evening.restart_with(&json!({ "ledger": { "mark_file": mark } })).await;
    assert!(paused(&rig).await, "it stays so until finance releases it");
    rig.finance().post("/api/sender/resume", json!({})).await;
    rig.evening.restart().await;
    assert_eq!(rig.finance().get("/api/sender").await["paused"], false);
    rig.evening.stop().await;
}

/// In containers every server is process number 1: what each writes beside the mark must have another name.
#[tokio::test(flavor = "multi_thread")]
async fn servers_that_write_the_mark_at_once_do_not_disturb_each_other() {
    let rig = Rig::new(Backend::Light, 1).await;
    rig.budget(1_000).await;
    for _ in 0..8 {
        let all = futures_util::future::join_all((0..16).map(|_| write_mark(&rig.evening.app))).await;
        for written in all {
            written.unwrap();
        }
    }
    assert!(!behind_mark(&rig.evening.app).await.unwrap());
    let left = std::fs::read_dir(rig.evening.dir.path()).unwrap();
    let left = left.filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().contains("mark-"));
    assert_eq!(left.count(), 0, "nothing is left beside it");
    rig.evening.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_server_does_not_pay_through_a_sandbox() {
    let mut rig = Rig::new(Backend::Light, 1).await;
    rig.budget(1_000).await;
    rig.evening.restart_with(&json!({ "sandbox": { "enabled": false } })).await;
    let draw = rig.win(1, 100).await;
    let finance = rig.finance();
    let sender = rig
        .evening
        .eventually("the sender stops", async || {
            let sender = finance.get("/api/sender").await;
            (sender["paused"] == true).then_some(sender)
        })
        .await;
    assert_eq!(
        (&sender["reason"], &sender["sandbox"]),
        (&json!("sandbox_far_end"), &json!(true)),
        "{sender}"
    );
    assert!(sender["detail"].as_str().unwrap().contains("pay.api_base"), "{sender}");
    // Not by hand either: it is found out again before the next packet.
    finance.post("/api/sender/resume", json!({})).await;
    rig.evening
        .eventually("it stops again", async || {
            rig.pass(60_000);
            (finance.get("/api/sender").await["reason"] == "sandbox_far_end").then_some(())
        })
        .await;
    let packet = &rig.packets(draw).await[0];
    assert_eq!((&packet["state"], &packet["sends"], rig.paid_fen().await), (&json!("queued"), &json!(0), 0));
    rig.evening.restart_with(&json!({ "sandbox": { "enabled": true } })).await;
    rig.finance().post("/api/sender/resume", json!({})).await;
    rig.until(draw, "received").await;
    assert_eq!(rig.paid_fen().await, 100);
    rig.evening.stop().await;
}

/// The files of the SQLite database.
const DATABASE: [&str; 3] = ["kaijiang.db", "kaijiang.db-wal", "kaijiang.db-shm"];

fn copy_database(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).unwrap();
    for name in DATABASE {
        let _ = std::fs::remove_file(to.join(name));
        if from.join(name).exists() {
            std::fs::copy(from.join(name), to.join(name)).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_backup_is_matched_with_the_payer_before_it_pays_anything() {
    let mut rig = Rig::new(Backend::Light, 3).await;
    rig.budget(1_000).await;
    rig.finance().post("/api/sender/pause", json!({})).await;
    let draw = rig.win(3, 100).await;
    let bills: Vec<_> = rig.packets(draw).await.iter().map(|packet| packet["bill_no"].clone()).collect();
    let backup = rig.evening.dir.path().join("backup");
    rig.evening.restart_after(|data| copy_database(data, &backup)).await;
    // The evening goes on: two are paid, the third is refused; then the disk dies and the backup is put back.
    rig.fault(json!({ "kind": "openid_error" })).await;
    rig.finance().post("/api/sender/resume", json!({})).await;
    rig.evening
        .eventually("the evening is over", async || {
            rig.pass(1_000);
            let packets = rig.packets(draw).await;
            packets
                .iter()
                .all(|packet| ["received", "refused"].contains(&packet["state"].as_str().unwrap()))
                .then_some(())
        })
        .await;
    assert_eq!(rig.paid_fen().await, 200);
    rig.evening.restart_after(|data| copy_database(&backup, data)).await;
    let finance = rig.finance();
    rig.evening
        .eventually("the sender stops", async || {
            (finance.get("/api/sender").await["reason"] == "behind_mark").then_some(())
        })
        .await;
    rig.books(300, 0).await;
    rig.pass(120_000);
    let before = finance.get("/api/sender/matching").await;
    assert_eq!(
        (&before["behind"], &before["left"], &before["complete"]),
        (&json!(true), &json!(3), &json!(false))
    );
    finance.refused("/api/sender/resume", json!({}), 409, "not_matched").await;
    rig.host().refused("/api/sender/matching", json!({}), 403, "role").await;
    // The payer's statement tells of a payment that the older state has forgotten.
    let bill = bills[0].as_str().unwrap();
    let statement = format!(
        "记账时间,微信支付业务单号,业务类型,收支类型,收支金额(元),业务凭证号\n\
         `2026-11-23 12:00:01,`1,`现金红包,`支出,`1.00,`{bill}\n"
    );
    let (_, report) = import(&finance, statement.into_bytes()).await;
    assert_eq!(report["differences"][0]["kind"], "not_paid_here", "{report}");
    let told = finance.get("/api/sender/matching").await;
    assert_eq!((&told["statement_differences"], &told["complete"]), (&json!(1), &json!(false)));
    finance.refused("/api/sender/resume", json!({}), 409, "not_matched").await;
    // A payer that does not answer leaves the number to be asked for.
    rig.fault(json!({ "kind": "http500", "on": "query" })).await;
    finance.refused("/api/sender/matching", json!({}), 409, "ask_again").await;
    assert_eq!(finance.get("/api/sender/matching").await["left"], 1);
    let matched = finance.post("/api/sender/matching", json!({})).await;
    assert_eq!(
        (&matched["left"], &matched["complete"], &matched["found_paid"]),
        (&json!(0), &json!(true), &json!(2))
    );
    rig.books(100, 200).await;
    assert_eq!(rig.paid_fen().await, 200, "asking pays nothing");
    finance.post("/api/sender/resume", json!({})).await;
    let packets = rig.until(draw, "received").await;
    let now: Vec<_> = packets.iter().map(|packet| packet["bill_no"].clone()).collect();
    assert_eq!(now, bills, "the same awards have the same numbers");
    for bill in &bills {
        assert_eq!(rig.paid(bill).await, 1);
    }
    assert_eq!(rig.paid_fen().await, 300);
    rig.books(0, 300).await;
    finance.refused("/api/sender/matching", json!({}), 409, "not_behind").await;
    rig.evening.restart().await;
    assert_eq!(rig.finance().get("/api/sender").await["paused"], false, "the mark is the database's again");
    rig.evening.stop().await;
}
