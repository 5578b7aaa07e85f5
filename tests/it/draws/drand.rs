//! The public beacon as a source of a draw. The beacon is a real one, of the protocol's own data; its relay is ours.

use kaijiang::{
    draw::drand::VERIFIED,
    round,
    wire::{Award, Source},
};

use super::stage::{HOST, Stage};
use crate::harness::both;

fn beacon_source() -> Source {
    Source::Drand { chain: String::new(), round: 0 }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_round_uses_the_beacon_only_where_its_signature_can_be_verified() {
    for backend in both() {
        let stage = Stage::set(backend, 3).await;
        let plan = async |source: Source| {
            let mut new = stage.plan(1, Award::None, &[]).await;
            new.sources = Some(vec![source]);
            round::rounds::create(&stage.app, HOST, &stage.meeting, new).await.map_err(|error| error.code())
        };
        assert_eq!(plan(beacon_source()).await.is_ok(), VERIFIED);
        let chosen = Source::Drand { chain: String::new(), round: 657_413 };
        assert_eq!(plan(chosen).await.unwrap_err(), "sources", "the host may not choose a known round");
    }
}

#[cfg(feature = "drand")]
mod verified {
    use std::sync::{
        Arc,
        atomic::{AtomicU16, Ordering},
    };

    use axum::{Json, Router, extract::Path, http::StatusCode, response::IntoResponse as _, routing::get};
    use kaijiang::{
        draw::{
            entropy::{QUICKNET, drand_due_ms},
            verify::Report,
        },
        wire::{DrawState, EntropyInput, EntropyValue},
    };
    use serde_json::json;

    use super::*;
    use crate::draws::stage::dice;

    const ROUND: u64 = 657_413;

    /// Signature of the real round.
    fn signature() -> String {
        let text = include_str!("../../vectors/draw-vectors.json");
        let at = text.find("\"round\":657413").unwrap();
        text[at..].split("\"signature\":\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
    }

    /// What the relay does: 200 = gives the beacon, 1 = gives it with one bit changed, 2 = gives another round's number,
    /// anything else is the status it answers with.
    type Mood = Arc<AtomicU16>;

    async fn relay() -> (String, Mood) {
        let mood: Mood = Arc::new(AtomicU16::new(200));
        let at = Arc::clone(&mood);
        let answer = move |Path((chain, round)): Path<(String, u64)>| async move {
            assert_eq!((chain.as_str(), round), (QUICKNET, ROUND));
            let mut text = signature();
            let mood = at.load(Ordering::SeqCst);
            if mood == 1 {
                let last = if text.pop() == Some('0') { '1' } else { '0' };
                text.push(last);
            }
            match mood {
                200 | 1 => {
                    Json(json!({ "round": round, "randomness": "", "signature": text })).into_response()
                }
                2 => Json(json!({ "round": round - 1, "signature": text })).into_response(),
                status => StatusCode::from_u16(status).unwrap().into_response(),
            }
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let routes = Router::new().route("/{chain}/public/{round}", get(answer));
        #[allow(clippy::disallowed_methods, reason = "ends with the test's runtime")]
        tokio::spawn(async move { axum::serve(listener, routes).await });
        (base, mood)
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_beacon_ahead_of_the_commit_is_fetched_when_due_and_gives_the_highest_level() {
        for backend in both() {
            let (base, mood) = relay().await;
            let due = i64::try_from(drand_due_ms(ROUND)).unwrap();
            let sections = json!({ "drand": { "url": base } });
            let stage = Stage::set_at(backend, 9, due - 5000, sections).await;
            let sources = [Source::Dice { sides: 10, count: 12 }, beacon_source()];
            let first = stage.round(2, Award::None, &sources).await;
            let made = stage.commit(&first).await.view;
            let chosen = Source::Drand { chain: QUICKNET.into(), round: i64::try_from(ROUND).unwrap() };
            assert_eq!((made.sources[1].clone(), made.level.as_str()), (chosen, "A3"));

            let pasted = || EntropyInput::Drand { signature: signature() };
            assert_eq!(stage.close(1, 1, pasted()).await.unwrap_err(), "entropy_order");
            stage.close(1, 0, dice(8)).await.unwrap();
            assert_eq!(stage.close(1, 1, None).await.unwrap_err(), "too_early");
            assert_eq!(stage.close(1, 1, pasted()).await.unwrap_err(), "too_early");
            stage.app.clock().advance(5000);
            for bad in [1, 2, 404, 425, 500] {
                mood.store(bad, Ordering::SeqCst);
                let want = if bad == 1 { "entropy_value" } else { "drand_unreachable" };
                assert_eq!(stage.close(1, 1, None).await.unwrap_err(), want, "{bad}");
            }
            for wrong in ["", "00", &"0".repeat(96), &signature().replace('a', "b")] {
                let wrong = EntropyInput::Drand { signature: wrong.to_owned() };
                assert_eq!(stage.close(1, 1, wrong).await.unwrap_err(), "entropy_value");
            }
            mood.store(200, Ordering::SeqCst);
            let closed = stage.close(1, 1, None).await.unwrap();
            assert_eq!(closed.state, DrawState::Closed);
            assert!(
                matches!(&closed.values[1], EntropyValue::Drand { signature: one, .. } if *one == signature())
            );
            let revealed = stage.reveal(1).await.unwrap();
            assert_eq!((revealed.level.as_str(), revealed.winners.len()), ("A3", 2));
            let report = stage.verified().await;
            assert!(matches!(report, Report::Proved(_)), "{report:?}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn without_a_relay_the_host_pastes_the_beacon() {
        for backend in both() {
            let due = i64::try_from(drand_due_ms(ROUND)).unwrap();
            let stage = Stage::set_at(backend, 5, due - 3000, json!({ "drand": { "url": "" } })).await;
            stage.commit(&stage.round(1, Award::None, &[beacon_source()]).await).await;
            stage.app.clock().advance(3000);
            assert_eq!(stage.close(1, 0, None).await.unwrap_err(), "drand_unreachable");
            let pasted = EntropyInput::Drand { signature: format!(" {} ", signature().to_uppercase()) };
            stage.close(1, 0, pasted).await.unwrap();
            assert_eq!(stage.reveal(1).await.unwrap().level, "A3");
        }
    }
}
