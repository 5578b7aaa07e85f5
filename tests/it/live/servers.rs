//! Several servers on one PostgreSQL and one Redis.

use kaijiang::{app::App, clock::Clock, server, wire::Body};
use serde_json::json;

use super::{Hall, socket::Door};
use crate::{
    harness::{Backend, TestApp},
    store::{kill_subscriptions, redis_url},
};

/// A second server on the same database and Redis.
pub(super) async fn second(hall: &Hall) -> (server::Running, App, String) {
    second_of(&hall.evening).await
}

pub(super) async fn second_of(evening: &TestApp) -> (server::Running, App, String) {
    let app = App::open(evening.app.config().clone(), Clock::System).await.unwrap();
    let listener = server::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    (server::start(app.clone(), listener).await.unwrap(), app, base)
}

#[tokio::test]
async fn two_servers_tell_the_same() {
    let hall = Hall::on(Backend::Heavy, json!({ "redis": { "url": redis_url(10) } })).await;
    let (running, app, base) = second(&hall).await;
    let mut here = hall.screen().open().await;
    let mut there = Door { base: base.clone(), ..hall.screen() }.open().await;
    let mut phone = Door { base, ..hall.phone("openid-of-wang") }.open().await;
    let begin = here.read().await["seq"].as_i64().unwrap();
    assert_eq!(there.read().await["seq"], begin);
    assert_eq!(phone.read().await["type"], "snapshot");
    hall.pause("one").await;
    assert_eq!(here.event().await, there.event().await);
    // Both say how many are here, all servers together.
    let three = async |socket: &mut super::socket::Socket| {
        while socket.read_type("counts").await["data"]["viewers"] != 3 {}
    };
    three(&mut here).await;
    three(&mut there).await;

    // A private message finds its socket on the other server.
    let me = kaijiang::wire::Me {
        step: kaijiang::wire::Step::In,
        name: "王".into(),
        phone: String::new(),
        place: None,
        checked_in: false,
        wins: vec![],
        confirm: vec![],
        tapped: None,
        code_problem: None,
        refused: None,
    };
    hall.evening.app.publish_to(&hall.meeting, "openid-of-wang", Body::Me(Box::new(me)));
    while phone.read_type("me").await["data"]["name"] != "王" {}

    // The bus breaks while events are made: none is lost, none comes twice.
    for nth in 0..60 {
        if nth % 20 == 10 {
            kill_subscriptions(10).await;
        }
        hall.pause(&format!("{nth}")).await;
    }
    let wanted: Vec<i64> = ((begin + 2)..=(begin + 61)).collect();
    assert_eq!(here.events_until(begin + 61).await, wanted);
    assert_eq!(there.events_until(begin + 61).await, wanted);
    drop(app);
    running.stop().await.unwrap();
    hall.evening.stop().await;
}

#[tokio::test]
async fn without_redis_events_still_come() {
    // Nothing listens there: sockets live on SQL alone.
    let hall = Hall::open(json!({})).await;
    let mut config = hall.evening.app.config().clone();
    config.redis.url = "redis://127.0.0.1:1/".into();
    let app = App::open(config, Clock::System).await.unwrap();
    let listener = server::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let running = server::start(app, listener).await.unwrap();
    let mut there = Door { base, ..hall.screen() }.open().await;
    let begin = there.read().await["seq"].as_i64().unwrap();
    hall.pause("one").await;
    hall.pause("two").await;
    assert_eq!(there.events_until(begin + 2).await, [begin + 1, begin + 2]);
    running.stop().await.unwrap();
    hall.evening.stop().await;
}
