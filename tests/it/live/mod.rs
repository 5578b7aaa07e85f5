//! Sockets of a real server.

mod limits;
mod order;
mod redis_faults;
mod sealed;
mod servers;
pub(crate) mod show;
mod socket;
mod storm;

use kaijiang::{
    live::events,
    wire::{Body, Scene},
};
use serde_json::{Value, json};

use crate::harness::{Backend, TestApp};
use socket::Door;

/// A server with one meeting and a screen's ticket.
struct Hall {
    evening: TestApp,
    meeting: String,
    ticket: String,
}

impl Hall {
    async fn open(overrides: Value) -> Self {
        Self::on(Backend::Light, overrides).await
    }

    async fn on(backend: Backend, overrides: Value) -> Self {
        let evening = TestApp::start(backend, overrides).await;
        let host = evening.staff("host");
        let meeting =
            host.post("/api/meetings", json!({ "name": "年会" })).await["id"].as_str().unwrap().to_owned();
        let pairing = host.post(&format!("/api/meetings/{meeting}/pairing"), json!({})).await;
        let ticket = host
            .post(&format!("/api/meetings/{meeting}/screens"), json!({ "code": pairing["code"] }))
            .await["ticket"]
            .as_str()
            .unwrap()
            .to_owned();
        Self { evening, meeting, ticket }
    }

    fn screen(&self) -> Door {
        Door::bearer(&self.evening.base, &self.meeting, "screen", &self.ticket)
    }

    fn phone(&self, openid: &str) -> Door {
        Door::attendee(&self.evening.app, &self.evening.base, &self.meeting, openid)
    }

    async fn pause(&self, text: &str) {
        let scene = json!({ "name": "pause", "text": text });
        self.evening.staff("host").post(&format!("/api/meetings/{}/scene", self.meeting), scene).await;
    }

    /// Number of the last event.
    async fn last(&self) -> i64 {
        events::last(self.evening.app.db(), &self.meeting).await.unwrap().unwrap()
    }

    /// Commits events, and publishes none of them: as a server that is killed in between.
    async fn unpublished(&self, count: usize) -> kaijiang::wire::Message {
        let app = &self.evening.app;
        let mut tx = app.db().begin().await.unwrap();
        let mut last = None;
        for nth in 0..count {
            let scene = Scene { name: "pause".into(), text: format!("{nth}"), ..Scene::default() };
            last =
                Some(events::append(&mut tx, &self.meeting, app.now(), &Body::Scene(scene)).await.unwrap());
        }
        tx.commit().await.unwrap();
        last.unwrap()
    }
}
