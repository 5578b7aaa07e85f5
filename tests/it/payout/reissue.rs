//! A new bill number is given only when the old one is proved dead, and then pays once.

use serde_json::{Value, json};

use super::Rig;
use crate::harness::both;

const TEN_MINUTES: i64 = 10 * 60_000;

impl Rig {
    fn reissue(&self, packet: &Value) -> String {
        self.path(&format!("/packets/{}/reissue", packet["bill_no"].as_str().unwrap()))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clean_refusal_is_reissued_after_two_looks_and_paid_once() {
    for backend in both() {
        let rig = Rig::new(backend, 1).await;
        rig.budget(1_000).await;
        rig.fault(json!({ "kind": "openid_error" })).await;
        let draw = rig.win(1, 100).await;
        let old = rig.until(draw, "refused").await[0].clone();
        let (finance, path) = (rig.finance(), rig.reissue(&old));
        rig.host().refused(&path, json!({}), 403, "role").await;
        finance.refused(&path, json!({}), 409, "ask_again").await;
        finance.refused(&path, json!({}), 409, "ask_again").await;
        rig.pass(TEN_MINUTES);
        let new = finance.post(&path, json!({})).await;
        assert_ne!(new["bill_no"], old["bill_no"]);
        assert_eq!((&new["attempt"], &new["award_id"]), (&json!(2), &old["award_id"]));
        finance.refused(&path, json!({}), 409, "reissued").await;
        rig.evening
            .eventually("the new number is paid", async || {
                rig.pass(1_000);
                let packets = rig.packets(draw).await;
                packets
                    .iter()
                    .any(|packet| packet["attempt"] == 2 && packet["state"] == "received")
                    .then_some(())
            })
            .await;
        assert_eq!((rig.paid(&old["bill_no"]).await, rig.paid(&new["bill_no"]).await), (0, 1));
        rig.books(0, 100).await;
        assert_eq!(rig.logged(draw).await, [(1, 1, "failed".into()), (1, 2, "sent".into())]);
        rig.evening.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_paid_open_or_not_known_keeps_its_number() {
    for backend in both() {
        let rig = Rig::new(backend, 1).await;
        rig.budget(1_000).await;
        rig.fault(json!({ "kind": "notenough" })).await;
        let draw = rig.win(1, 100).await;
        let packet = rig.until(draw, "blocked").await[0].clone();
        let (finance, path) = (rig.finance(), rig.reissue(&packet));
        finance.refused(&path, json!({}), 409, "outcome_unknown").await;
        finance.post("/api/sender/resume", json!({})).await;
        rig.until(draw, "received").await;
        finance.refused(&path, json!({}), 409, "already_paid").await;
        let nowhere = rig.path("/packets/190000010920261123AAAAAAAAAA/reissue");
        finance.refused(&nowhere, json!({}), 404, "not_found").await;
        assert_eq!(rig.packets(draw).await.len(), 1);
        rig.evening.stop().await;
    }
}
