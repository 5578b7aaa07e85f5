//! Caps over all meetings: the merchant's day and the whole account.

use serde_json::{Value, json};

use super::Rig;
use crate::harness::{Backend, both};

impl Rig {
    async fn limits(&self) -> Value {
        self.finance().get("/api/sender").await["limits"].clone()
    }

    /// What no program of ours does: the table's CHECK must refuse it.
    async fn breaks_a_check(&self, text: &'static str) {
        let mut tx = self.evening.app.db().begin().await.unwrap();
        let error = sqlx::query(text).execute(tx.conn()).await.unwrap_err();
        assert!(error.to_string().to_lowercase().contains("check"), "{text}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_merchants_day_cannot_take_waits_for_the_next() {
    for backend in both() {
        let mut rig = Rig::new(backend, 3).await;
        rig.evening.restart_with(&json!({ "limits": { "merchant_day_amount": 250 } })).await;
        rig.budget(1_000).await;
        let draw = rig.win(3, 100).await;
        let settled = |packets: &[Value]| {
            packets.iter().filter(|packet| packet["state"] == "received").count() == 2
                && packets.iter().any(|packet| packet["state"] == "held")
        };
        let packets = rig
            .evening
            .eventually("two are paid and one waits", async || {
                rig.pass(1_000);
                let packets = rig.packets(draw).await;
                settled(&packets).then_some(packets)
            })
            .await;
        let held = packets.iter().find(|packet| packet["state"] == "held").unwrap();
        assert_eq!(held["reason"], "merchant_day", "{held}");
        let wait = held["next_at"].as_i64().unwrap() - rig.evening.app.now();
        assert!((1..=12 * 3_600_000 + 60_000).contains(&wait), "until shortly after midnight: {wait}");
        let limits = rig.limits().await;
        assert_eq!(
            (&limits["day_cap_fen"], &limits["day_fen"], &limits["day_packets"], &limits["day_held"]),
            (&json!(250), &json!(200), &json!(2), &json!(1)),
            "{limits}"
        );
        assert_eq!((&limits["day_held_fen"], &limits["day_held_until"]), (&json!(100), &held["next_at"]));
        rig.breaks_a_check("update merchant_day set amount_fen = amount_cap + 1").await;
        rig.books(100, 200).await;
        // A full day takes no slot of the person's.
        let row = sqlx::query_scalar::<_, i64>("select cast(sum(packets) as bigint) from person_day");
        assert_eq!(row.fetch_one(rig.evening.app.db().read()).await.unwrap(), 2);
        rig.pass(wait);
        rig.until(draw, "received").await;
        assert_eq!(rig.paid_fen().await, 300);
        assert_eq!(rig.limits().await["day_fen"], 100, "a day of its own");
        rig.evening.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_whole_account_is_a_cap_over_all_budgets() {
    for backend in both() {
        let mut rig = Rig::new(backend, 3).await;
        rig.evening.restart_with(&json!({ "limits": { "account_amount": 500 } })).await;
        rig.budget(400).await;
        rig.budget(400).await;
        let first = rig.draw(3, 100).await;
        let round = rig.round(3, 100).await;
        let commit = rig.path(&format!("/rounds/{round}/commit"));
        let refused = rig.host().refused(&commit, json!({}), 422, "budget").await;
        assert!(refused["detail"].as_str().unwrap().contains("limits.account_amount"), "{refused}");
        let ready = rig.host().get(&rig.path(&format!("/rounds/{round}/readiness"))).await;
        assert_eq!((&ready["ready"], &ready["budget_left_fen"]), (&json!(false), &json!(200)), "{ready}");
        rig.books(300, 0).await;
        rig.host().post(&rig.path(&format!("/draws/{first}/seats")), json!({ "status": "present" })).await;
        rig.until(first, "received").await;
        let limits = rig.limits().await;
        assert_eq!(
            (&limits["account_cap_fen"], &limits["account_reserved_fen"], &limits["account_spent_fen"]),
            (&json!(500), &json!(0), &json!(300)),
            "{limits}"
        );
        rig.host().refused(&commit, json!({}), 422, "budget").await;
        rig.breaks_a_check("update account set reserved_fen = cap_fen").await;
        // A lower cap than what is used says only that nothing more fits; a higher one lets the round go.
        rig.evening.restart_with(&json!({ "limits": { "account_amount": 100 } })).await;
        assert_eq!(rig.limits().await["account_cap_fen"], 300);
        rig.evening.restart_with(&json!({ "limits": { "account_amount": 600 } })).await;
        rig.host().post(&commit, json!({})).await;
        rig.books(300, 300).await;
        rig.evening.stop().await;
    }
}

/// Whoever checks the books sees whether money goes out, and why not; nothing of it is theirs to do.
#[tokio::test(flavor = "multi_thread")]
async fn an_auditor_reads_everything_of_the_money_and_acts_on_nothing() {
    let rig = Rig::new(Backend::Light, 1).await;
    rig.budget(1_000).await;
    let draw = rig.win(1, 100).await;
    let packet = rig.until(draw, "received").await[0].clone();
    let auditor = rig.evening.staff("auditor");
    let bill = format!("/packets/{}", packet["bill_no"].as_str().unwrap());
    let read = ["/budgets", "/packets", "/awards", "/stats/payouts", "/requests", bill.as_str()]
        .map(|rest| rig.path(rest));
    let all = ["/api/sender", "/api/sender/matching", "/api/finance/books"];
    for path in read.iter().map(String::as_str).chain(all) {
        auditor.get(path).await;
    }
    let acts = ["cancel", "reissue", "ask", "retry"].map(|act| rig.path(&format!("{bill}/{act}")));
    let sender = ["/api/sender/pause", "/api/sender/resume", "/api/sender/matching"];
    for path in acts.iter().map(String::as_str).chain(sender) {
        auditor.refused(path, json!({}), 403, "role").await;
    }
    assert_eq!(rig.finance().get("/api/sender").await["paused"], false);
    rig.evening.stop().await;
}
