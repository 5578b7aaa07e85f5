//! Every socket gets every event once, in order, whatever happens in between.

use futures_util::future::join_all;
use kaijiang::wire::{Body, Entered, Me, PersonCard, Step};
use serde_json::json;

use super::{Hall, socket::Door};

#[tokio::test]
async fn a_snapshot_comes_first_and_then_every_event_in_order() {
    let hall = Hall::open(json!({})).await;
    let begin = hall.last().await;
    let writers = join_all((0..3).map(|writer| {
        let hall = &hall;
        async move {
            for nth in 0..10 {
                hall.pause(&format!("{writer}.{nth}")).await;
            }
        }
    }));
    // They come while events are being made.
    let readers = join_all((0..40).map(|_| {
        let door = hall.screen();
        async move {
            let mut socket = door.open().await;
            let first = socket.read().await;
            assert_eq!(first["type"], "snapshot");
            assert_eq!(first["data"]["meeting"]["name"], "年会");
            let told = first["seq"].as_i64().unwrap();
            let seen = if told < begin + 30 { socket.events_until(begin + 30).await } else { vec![] };
            assert_eq!(seen, ((told + 1)..=(begin + 30)).collect::<Vec<_>>());
            socket
        }
    }));
    let (_, mut sockets) = tokio::join!(writers, readers);
    assert_eq!(hall.last().await, begin + 30);
    hall.pause("the end").await;
    for socket in &mut sockets {
        assert_eq!(socket.event().await["data"]["text"], "the end");
    }
    hall.evening.stop().await;
}

#[tokio::test]
async fn who_was_away_a_short_time_gets_what_was_missed() {
    let hall = Hall::open(json!({})).await;
    let begin = hall.last().await;
    for nth in 0..5 {
        hall.pause(&format!("{nth}")).await;
    }
    let mut socket = hall.screen().after(begin + 2).open().await;
    let missed = [socket.read().await, socket.read().await, socket.read().await];
    let told: Vec<_> =
        missed.iter().map(|message| (message["seq"].clone(), message["data"]["text"].clone())).collect();
    assert_eq!(json!(told), json!([[begin + 3, "2"], [begin + 4, "3"], [begin + 5, "4"]]));
    let counts = socket.read_type("counts").await;
    assert_eq!(counts["data"]["bound"], 0);
    hall.pause("next").await;
    assert_eq!(socket.event().await["seq"], begin + 6);

    let mut current = hall.screen().after(begin + 6).open().await;
    assert_eq!(current.read().await["type"], "counts", "nothing was missed");
    let mut ahead = hall.screen().after(begin + 7).open().await;
    assert_eq!(ahead.read().await["type"], "snapshot", "an event that does not exist");
    let last = hall.unpublished(600).await;
    hall.evening.app.publish(&hall.meeting, [last]);
    current.events_until(begin + 606).await;
    let mut old = hall.screen().after(begin + 6).open().await;
    assert_eq!(old.read().await["type"], "snapshot", "too many were missed");
    hall.evening.stop().await;
}

#[tokio::test]
async fn events_that_were_never_published_come_from_sql() {
    let hall = Hall::open(json!({})).await;
    let mut socket = hall.screen().open().await;
    let begin = socket.read().await["seq"].as_i64().unwrap();
    // Only the last of 700 is published: a gap of more than one page.
    let last = hall.unpublished(700).await;
    hall.evening.app.publish(&hall.meeting, [last]);
    assert_eq!(socket.events_until(begin + 700).await, ((begin + 1)..=(begin + 700)).collect::<Vec<_>>());
    // None is published at all.
    hall.unpublished(3).await;
    assert_eq!(socket.events_until(begin + 703).await, [begin + 701, begin + 702, begin + 703]);
    hall.evening.stop().await;
}

fn me(name: &str) -> Body {
    let me = Me {
        step: Step::In,
        name: name.into(),
        phone: String::new(),
        place: None,
        checked_in: false,
        wins: vec![],
        confirm: vec![],
        tapped: None,
        code_problem: None,
        refused: None,
    };
    Body::Me(Box::new(me))
}

#[tokio::test]
async fn private_messages_reach_only_their_own() {
    let hall = Hall::open(json!({})).await;
    let mut mine = [hall.phone("openid-of-wang").open().await, hall.phone("openid-of-wang").open().await];
    let mut others = [hall.phone("openid-of-li").open().await, hall.screen().open().await];
    for socket in mine.iter_mut().chain(&mut others) {
        assert_eq!(socket.read().await["type"], "snapshot");
    }
    for socket in &mut mine {
        assert_eq!(
            socket.read_type("me").await["data"]["step"],
            "follow",
            "the present state comes by itself"
        );
    }
    hall.evening.app.publish_to(&hall.meeting, "openid-of-wang", me("王"));
    for socket in &mut mine {
        let named = loop {
            let message = socket.read_type("me").await;
            assert!(message["seq"].is_null());
            if message["data"]["name"] == "王" {
                break true;
            }
        };
        assert!(named);
    }
    hall.pause("after").await;
    for socket in &mut others {
        loop {
            let message = socket.read().await;
            assert_ne!(message["data"]["name"], "王", "it was told to somebody else");
            if message["data"]["text"] == "after" {
                break;
            }
        }
    }
    hall.evening.stop().await;
}

#[tokio::test]
async fn people_who_enter_are_gathered_for_the_hall() {
    let hall = Hall::open(json!({})).await;
    let (mut screen, mut phone) = (hall.screen().open().await, hall.phone("openid-of-wang").open().await);
    assert_eq!(screen.read().await["type"], "snapshot");
    assert_eq!(phone.read().await["type"], "snapshot");
    for no in 1..=120 {
        let card = PersonCard { no, name: format!("人{no}"), department: String::new() };
        hall.evening.app.publish_ephemeral(&hall.meeting, Body::Entered(Entered { people: vec![card] }));
    }
    let (mut seen, mut messages) = (Vec::new(), 0);
    while seen.len() < 120 {
        let people = screen.read_type("entered").await["data"]["people"].clone();
        let people = people.as_array().unwrap();
        assert!(people.len() <= 50);
        seen.extend(people.iter().map(|person| person["no"].as_i64().unwrap()));
        messages += 1;
    }
    assert_eq!(seen, (1..=120).collect::<Vec<_>>());
    assert!(messages <= 5, "{messages} messages");
    hall.pause("after").await;
    loop {
        let message = phone.read().await;
        assert_ne!(message["type"], "entered", "phones do not show the wall");
        if message["type"] == "scene" {
            break;
        }
    }
    hall.evening.stop().await;
}

#[tokio::test]
async fn a_room_in_which_nothing_happens_is_told_that_the_server_lives() {
    let hall = Hall::open(json!({})).await;
    let host = Door::bearer(&hall.evening.base, &hall.meeting, "control", "token-of-host-for-tests");
    for door in [hall.screen(), hall.phone("openid-of-wang"), host] {
        let tick = door.open().await.read_type("tick").await;
        assert!(tick["seq"].is_null() && tick["data"].is_null() && tick["at"].is_i64(), "{tick}");
    }
    hall.evening.stop().await;
}
