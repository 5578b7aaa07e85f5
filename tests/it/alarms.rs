//! Alarms, told to a robot that refuses at first.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use axum::{Json, Router, extract::State, http::StatusCode, routing::post};
use serde_json::{Value, json};

use crate::{harness::Backend, payout::Rig};

/// A robot, and what happened to it.
#[derive(Clone, Default)]
struct Robot(Arc<Mutex<Heard>>);

#[derive(Default)]
struct Heard {
    taken: Vec<String>,
    /// Answers that it gives before it takes anything.
    refusals: VecDeque<(u16, Value)>,
}

impl Robot {
    /// Starts a robot; gives its address.
    async fn start(&self) -> String {
        async fn hear(State(robot): State<Robot>, Json(body): Json<Value>) -> (StatusCode, Json<Value>) {
            let mut inner = robot.0.lock().unwrap();
            if let Some((status, answer)) = inner.refusals.pop_front() {
                return (StatusCode::from_u16(status).unwrap(), Json(answer));
            }
            assert_eq!(body["msgtype"], "text");
            inner.taken.push(body["text"]["content"].as_str().unwrap().to_owned());
            (StatusCode::OK, Json(json!({ "errcode": 0 })))
        }
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/robot", listener.local_addr().unwrap());
        let router = Router::new().route("/robot", post(hear)).with_state(self.clone());
        #[allow(clippy::disallowed_methods, reason = "ends with the test's runtime")]
        tokio::spawn(async move { axum::serve(listener, router).await });
        url
    }

    fn refuse(&self, status: u16, answer: Value) {
        self.0.lock().unwrap().refusals.push_back((status, answer));
    }

    fn taken(&self) -> Vec<String> {
        self.0.lock().unwrap().taken.clone()
    }
}

/// Waits until the robot took so many messages.
async fn told(rig: &Rig, robot: &Robot, count: usize) -> Vec<String> {
    rig.evening
        .eventually(&format!("{count} messages"), async || {
            // A refused message is tried again later.
            rig.pass(1_000);
            let taken = robot.taken();
            (taken.len() >= count).then_some(taken)
        })
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn each_alarm_is_told_once_whatever_the_robot_answers_first() {
    let robot = Robot::default();
    let url = robot.start().await;
    let mut rig = Rig::new(Backend::Light, 1).await;
    rig.evening.restart_with(&json!({ "alerts": { "webhook_url": url } })).await;
    rig.budget(1_000).await;
    robot.refuse(500, json!({}));
    robot.refuse(200, json!({ "errcode": 45009, "errmsg": "api freq out of limit" }));
    rig.fault(json!({ "kind": "sign_error" })).await;
    let draw = rig.win(1, 100).await;
    let first = told(&rig, &robot, 1).await;
    assert!(first[0].contains("SIGN_ERROR") && first[0].contains("pay.api_key"), "{first:?}");
    assert!(first[0].contains("/control"), "{first:?}");
    rig.finance().post("/api/sender/resume", json!({})).await;
    rig.until(draw, "received").await;

    rig.fault(json!({ "kind": "openid_error" })).await;
    let draw = rig.win(1, 100).await;
    let packets = rig.until(draw, "refused").await;
    let second = told(&rig, &robot, 2).await;
    assert!(second[1].contains(packets[0]["bill_no"].as_str().unwrap()), "{second:?}");
    assert!(second[1].contains("OPENID_ERROR"), "{second:?}");

    // Told once: a restart finds both again, and the next message is about the next thing.
    rig.evening.restart_with(&json!({})).await;
    rig.fault(json!({ "kind": "money_limit" })).await;
    let draw = rig.win(1, 200).await;
    rig.until(draw, "refused").await;
    let third = told(&rig, &robot, 3).await;
    assert_eq!(third.len(), 3, "{third:?}");
    assert!(third[2].contains("MONEY_LIMIT") && !third[2].contains("OPENID_ERROR"), "{third:?}");
    for text in &third {
        assert!(!text.contains("oPayoutGuestNumber") && !text.contains("1990000"), "{text}");
    }
    rig.evening.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_that_does_not_replay_is_told() {
    let robot = Robot::default();
    let url = robot.start().await;
    let mut rig = Rig::new(Backend::Light, 1).await;
    let budget = rig.budget(1_000).await;
    let mut tx = rig.evening.app.db().begin().await.unwrap();
    sqlx::query("update budget set cap_fen = 2000 where id = $1")
        .bind(&budget)
        .execute(tx.conn())
        .await
        .unwrap();
    tx.commit().await.unwrap();
    rig.evening.restart_with(&json!({ "alerts": { "webhook_url": url } })).await;
    let first = told(&rig, &robot, 1).await;
    assert!(first[0].contains("账本") && first[0].contains(&budget), "{first:?}");
    rig.evening.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_meeting_that_nobody_closes_is_told_once_its_data_should_be_gone() {
    let robot = Robot::default();
    let url = robot.start().await;
    let mut rig = Rig::new(Backend::Light, 1).await;
    let overrides = json!({ "alerts": { "webhook_url": url }, "privacy": { "keep_days": 30 } });
    rig.evening.restart_with(&overrides).await;
    rig.pass(29 * 86_400_000);
    rig.pass(2 * 86_400_000);
    let first = told(&rig, &robot, 1).await;
    assert!(first[0].contains("年会") && first[0].contains("没有结束"), "{first:?}");
    let meeting = rig.meeting.clone();
    let row = sqlx::query("select cast(count(*) as bigint) from alarm where name = $1")
        .bind(format!("left_open:{meeting}"))
        .fetch_one(rig.evening.app.db().read())
        .await
        .unwrap();
    assert_eq!(sqlx::Row::get::<i64, _>(&row, 0), 1);
    rig.evening.stop().await;
}
