//! The private audit: the list over HTTP, the check as a stranger's program would do it.

use std::collections::BTreeMap;

use kaijiang::draw::audit::{Fault, check};
use serde_json::{Value, json};

use crate::harness::{Backend, TestApp};
use crate::payout::Rig;

struct Audit {
    rig: Rig,
    proof: Vec<u8>,
}

impl Audit {
    /// An evening with one draw among four guests, and two who came later.
    async fn new() -> Self {
        let mut rig = Rig::new(Backend::Light, 4).await;
        rig.budget(1_000).await;
        let draw = rig.draw(2, 100).await;
        let later = kaijiang::people::xlsx_out::demo_people(6);
        for (number, person) in later.iter().enumerate().skip(4) {
            let openid = format!("oPayoutGuestNumber{number:04}");
            let phone =
                crate::harness::Phone::enter(&rig.evening, &rig.meeting, &openid, &person.phone).await;
            rig.phones.push(phone);
        }
        let proof = rig.host().bytes(&rig.path(&format!("/draws/{draw}/proof"))).await;
        Self { rig, proof }
    }

    fn evening(&self) -> &TestApp {
        &self.rig.evening
    }

    async fn list(&self, sample: Option<i64>) -> Value {
        let ask = json!({ "sample": sample, "word": "四季平安", "reason": "年度审计", "confidential": true });
        self.evening().staff("auditor").post(&self.rig.path("/audits"), ask).await
    }

    fn checked(&self, list: &Value) -> Result<kaijiang::draw::audit::Audited, Fault> {
        check(&serde_json::to_vec(list).unwrap(), &self.proof, &BTreeMap::new())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_honest_list_is_right_and_every_lie_is_found() {
    let audit = Audit::new().await;
    let list = audit.list(None).await;
    let right = audit.checked(&list).unwrap();
    assert_eq!((right.people, right.right, right.later, right.winners.len()), (6, 4, 2, 2));

    let changed = |change: &dyn Fn(&mut Value)| {
        let mut list = list.clone();
        change(&mut list);
        audit.checked(&list)
    };
    let other = |list: &mut Value| list["people"][1]["identity"] = json!("wx:oSomebodyElse");
    assert_eq!(changed(&other), Err(Fault::Pid { index: 1 }));
    let twice = |list: &mut Value| list["people"][1]["identity"] = list["people"][0]["identity"].clone();
    assert_eq!(changed(&twice), Err(Fault::Identity { index: 1 }));
    let ghost = |list: &mut Value| drop(list["people"].as_array_mut().unwrap().remove(2));
    assert_eq!(changed(&ghost), Err(Fault::Sample));
    assert_eq!(changed(&|list| list["head"] = json!("0".repeat(64))), Err(Fault::Log));
    assert_eq!(changed(&|list| list["v"] = json!("x")), Err(Fault::Schema));
    let mut tampered = audit.proof.clone();
    let at = tampered.windows(8).position(|bytes| bytes == b"\"winners").unwrap();
    tampered[at + 1] = b'W';
    let text = serde_json::to_vec(&list).unwrap();
    assert!(matches!(check(&text, &tampered, &BTreeMap::new()), Err(Fault::Disproved { .. })));

    let sample = audit.list(Some(3)).await;
    assert_eq!(sample["people"].as_array().unwrap().len(), 3);
    assert_eq!(audit.checked(&sample).unwrap().people, 3);
    let mut picked = sample.clone();
    picked["word"] = json!("换一句话");
    let again = audit.checked(&picked);
    assert!(
        again == Err(Fault::Sample) || picked["people"] == audit.list(Some(3)).await["people"],
        "{again:?}"
    );
    audit.rig.evening.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_is_for_auditors_who_promise_and_is_written_down() {
    let audit = Audit::new().await;
    let (path, auditor) = (audit.rig.path("/audits"), audit.evening().staff("auditor"));
    let ask = |word: &str, confidential: bool| json!({ "word": word, "reason": "审计", "confidential": confidential });
    for role in ["host", "finance"] {
        audit.evening().staff(role).refused(&path, ask("四季平安", true), 403, "role").await;
    }
    auditor.refused(&path, ask("四季平安", false), 422, "not_confirmed").await;
    auditor.refused(&path, ask("短", true), 422, "text").await;
    let sample = json!({ "word": "四季平安", "reason": "审计", "confidential": true, "sample": 0 });
    auditor.refused(&path, sample, 422, "invalid").await;
    auditor.refused("/api/meetings/nowhere/audits", ask("四季平安", true), 404, "not_found").await;
    let trail = "select cast(count(*) as bigint) from chain_row where chain = 'audit' and body like '%meeting.audit%'";
    let written = async || -> i64 {
        sqlx::query_scalar(trail).fetch_one(audit.evening().app.db().read()).await.unwrap()
    };
    assert_eq!(written().await, 0, "a refusal hands nothing over");
    audit.list(Some(2)).await;
    assert_eq!(written().await, 1);
    let size = auditor.get("/api/audits/size?share=50&certainty=950").await;
    assert_eq!(size, json!({ "people": 59 }));
    audit.rig.evening.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_is_fetched_once_until_the_log_grows() {
    let rig = Rig::new(Backend::Light, 3).await;
    rig.budget(1_000).await;
    rig.draw(1, 100).await;
    let ask = async |tag: Option<&str>| {
        let mut request = rig.host().request(reqwest::Method::GET, &rig.path("/proof?light=true"));
        if let Some(tag) = tag {
            request = request.header("if-none-match", tag);
        }
        let answer = request.send().await.unwrap();
        let tag = answer.headers()["etag"].to_str().unwrap().to_owned();
        (answer.status().as_u16(), tag, answer.bytes().await.unwrap().len())
    };
    let (status, tag, size) = ask(None).await;
    assert!(status == 200 && size > 1_000, "{status} {size}");
    assert_eq!(ask(Some(&tag)).await, (304, tag.clone(), 0));
    rig.draw(1, 100).await;
    let (status, newer, more) = ask(Some(&tag)).await;
    assert!(status == 200 && newer != tag && more > size, "{status} {newer} {more}");
    rig.evening.stop().await;
}
