//! What bad input gets: the right status, a stable code and a sentence, and no change of anything.
//!
//! One-time codes, OAuth states, sockets, payers' answers and spreadsheets have their tests beside their flows.

mod callers;
mod commands;
mod texts;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::{Api, Backend, TestApp, answer};

/// A server with one meeting that has a prize, a round, a budget and a person.
struct Desk {
    evening: TestApp,
    host: Api,
    finance: Api,
    meeting: String,
    prize: String,
    round: String,
    budget: String,
    person: String,
}

fn id(made: &Value) -> String {
    made["id"].as_str().unwrap().to_owned()
}

impl Desk {
    async fn open(backend: Backend) -> Self {
        let evening = TestApp::start(backend, json!({})).await;
        let (host, finance) = (evening.staff("host"), evening.staff("finance"));
        let settings = json!({ "commit_show_ms": 0, "require_follow": false });
        let meeting = id(&host.post("/api/meetings", json!({ "name": "年会", "settings": settings })).await);
        let root = format!("/api/meetings/{meeting}");
        let prize = id(&host.post(&format!("{root}/prizes"), json!({ "name": "奖", "kind": "cash" })).await);
        let award = json!({ "mode": "fixed", "fen": 100 });
        let round = json!({ "prize_id": prize, "seats": 1, "award": award });
        let round = id(&host.post(&format!("{root}/rounds"), round).await);
        let budget = json!({ "name": "奖金", "cap_fen": 1_000 });
        let budget = id(&finance.post(&format!("{root}/budgets"), budget).await);
        let person = json!({ "name": "张三", "phone": "13800138000" });
        let person = id(&host.post(&format!("{root}/people"), person).await);
        Self { evening, host, finance, meeting, prize, round, budget, person }
    }

    fn path(&self, rest: &str) -> String {
        format!("/api/meetings/{}{rest}", self.meeting)
    }

    /// What the meeting holds, to see that nothing has changed.
    async fn state(&self) -> Vec<Value> {
        let mut all = vec![self.host.get(&self.path("")).await];
        for list in ["/prizes", "/rounds", "/people", "/budgets", "/draws", "/awards"] {
            all.push(self.host.get(&self.path(list)).await);
        }
        all
    }
}

/// Status, code and field of an answer that must be a refusal with a sentence.
async fn refusal(request: reqwest::RequestBuilder) -> (u16, String, String) {
    let (status, body) = answer(request).await;
    assert!(status.is_client_error(), "{status} {body}");
    assert!(!body["detail"].as_str().unwrap_or("").is_empty(), "a refusal says what to do: {body}");
    let text = |name: &str| body[name].as_str().unwrap_or("").to_owned();
    (status.as_u16(), text("code"), text("field"))
}

/// A request with a fresh idempotency key.
fn send(api: &Api, method: Method, path: &str, body: &Value) -> reqwest::RequestBuilder {
    api.request(method, path).header("idempotency-key", kaijiang::keys::row_id()).json(body)
}

/// A plain client, with nothing of ours.
fn browser() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap()
}

fn is_ok(status: StatusCode, what: &str) {
    assert!(status.is_success(), "{what}: {status}");
}
