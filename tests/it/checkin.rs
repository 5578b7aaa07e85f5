//! Check-in at the venue by the changing code on the screen, and by hand.

use futures_util::future::join_all;
use kaijiang::{clock::Clock, live};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sqlx::Row;

use crate::{
    harness::{Api, Backend, Phone, TestApp, answer, both},
    people::{code, people},
};

const START: i64 = 1_795_406_400_000;
const WINDOW: i64 = 15_000;

/// A meeting that asks for check-in, with bound phones, a round for all of them and a paired screen.
struct Hall {
    evening: TestApp,
    clock: Clock,
    host: Api,
    screen: Api,
    meeting: String,
    round: String,
    ids: Vec<String>,
    phones: Vec<Phone>,
}

fn settings(checkin: bool) -> Value {
    json!({ "require_follow": false, "bind_by": "staff", "checkin": checkin })
}

async fn screen(evening: &TestApp, host: &Api, meeting: &str) -> Api {
    let root = format!("/api/meetings/{meeting}");
    let pairing = host.post(&format!("{root}/pairing"), json!({})).await;
    let ticket = host.post(&format!("{root}/screens"), json!({ "code": pairing["code"] })).await;
    Api::new(&evening.base, ticket["ticket"].as_str().unwrap().to_owned())
}

impl Hall {
    async fn open(backend: Backend, people_in: usize) -> Self {
        let clock = Clock::fixed(START);
        let evening = TestApp::start_at(backend, json!({}), clock.clone()).await;
        let host = evening.staff("host");
        let new = json!({ "name": "年会", "settings": settings(true) });
        let meeting = host.post("/api/meetings", new).await["id"].as_str().unwrap().to_owned();
        let root = format!("/api/meetings/{meeting}");
        let prize = json!({ "name": "奖", "kind": "goods", "goods": "书" });
        let prize = host.post(&format!("{root}/prizes"), prize).await;
        let round = json!({ "prize_id": prize["id"], "seats": 1 });
        let round = host.post(&format!("{root}/rounds"), round).await["id"].as_str().unwrap().to_owned();
        let (mut ids, mut phones) = (Vec::new(), Vec::new());
        for nth in 0..people_in {
            let person = json!({ "name": "客人", "phone": format!("138001380{nth:02}"), "staff_no": format!("K{nth}") });
            ids.push(host.post(&people(&meeting), person).await["id"].as_str().unwrap().to_owned());
            let mut me = Phone::new(&evening, &meeting, &format!("oCheckinGuestNumber{nth:04}"));
            me.log_in().await;
            let body =
                json!({ "staff_no": format!("K{nth}"), "name": "客人", "consent": true, "salt": me.salt });
            assert_eq!(me.try_post("/me/identify", body).await.0, StatusCode::OK);
            phones.push(me);
        }
        let screen = screen(&evening, &host, &meeting).await;
        Self { evening, clock, host, screen, meeting, round, ids, phones }
    }

    fn path(&self, rest: &str) -> String {
        format!("/api/meetings/{}{rest}", self.meeting)
    }

    async fn token(&self) -> String {
        self.screen.get(&self.path("/checkin")).await["token"].as_str().unwrap().to_owned()
    }

    async fn scan(&self, nth: usize, token: &str) -> (StatusCode, Value) {
        self.phones[nth].try_post("/me/checkin", json!({ "token": token })).await
    }

    /// Who can be drawn, and who is counted as present: on the readiness line and on every page.
    async fn numbers(&self) -> (i64, i64) {
        let ready = self.host.get(&self.path(&format!("/rounds/{}/readiness", self.round))).await;
        let counts =
            live::counts(self.evening.app.db(), self.evening.app.store(), &self.meeting).await.unwrap();
        assert_eq!(ready["present"], json!(counts.present));
        (ready["eligible"].as_i64().unwrap(), counts.present)
    }

    async fn by_hand(&self, nth: usize, here: bool) -> Value {
        self.host
            .post(&self.path(&format!("/people/{}/checkin", self.ids[nth])), json!({ "here": here }))
            .await
    }

    async fn turn(&self, checkin: bool) {
        let seen = self.host.get(&self.path("")).await;
        let edit = json!({ "version": seen["version"], "name": "年会", "settings": settings(checkin) });
        let (status, body) = answer(self.host.request(Method::PATCH, &self.path("")).json(&edit)).await;
        assert_eq!(status, StatusCode::OK, "{body}");
    }
}

async fn evening(backend: Backend) {
    let hall = Hall::open(backend, 4).await;
    assert_eq!(hall.numbers().await, (0, 0), "nobody was seen");
    assert_eq!(hall.phones[0].get("/me").await["checked_in"], false);
    let token = hall.token().await;
    let (status, page) = hall.scan(0, &token).await;
    assert_eq!((status, &page["checked_in"]), (StatusCode::OK, &json!(true)), "{page}");
    assert_eq!(hall.numbers().await, (1, 1));
    // Twenty at once from one phone: one row, at one moment.
    let again = join_all((0..12).map(|_| hall.scan(1, &token))).await;
    assert!(again.iter().all(|(status, page)| *status == StatusCode::OK && page["checked_in"] == true));
    let at = "select checked_in_at from binding where meeting_id = $1 and idx = 1";
    let moment = async || {
        let row = sqlx::query(at).bind(&hall.meeting).fetch_one(hall.evening.app.db().read()).await.unwrap();
        row.try_get::<i64, _>(0).unwrap()
    };
    assert_eq!((hall.numbers().await, moment().await), ((2, 2), START));
    // The code before the present one is taken, an older one is not: a picture that was sent home is worth nothing.
    hall.clock.advance(WINDOW);
    assert_ne!(hall.token().await, token);
    assert_eq!(hall.scan(2, &token).await.0, StatusCode::OK);
    hall.clock.advance(WINDOW);
    assert_eq!(code(&hall.scan(3, &token).await), (403, "checkin_code"));
    assert_eq!(hall.scan(1, &hall.token().await).await.0, StatusCode::OK);
    assert_eq!((hall.numbers().await, moment().await), ((3, 3), START), "the first time counts");
    // By hand, and taken back.
    assert_eq!(hall.by_hand(3, true).await["checked_in"], true);
    assert_eq!(hall.phones[3].get("/me").await["checked_in"], true);
    assert_eq!(hall.numbers().await, (4, 4));
    assert_eq!(hall.by_hand(0, false).await["checked_in"], false);
    assert_eq!(hall.numbers().await, (3, 3));
    // Off: everybody can be drawn; on again: what was known is known.
    hall.turn(false).await;
    assert_eq!(hall.numbers().await, (4, 4));
    assert_eq!(code(&hall.scan(0, &token).await), (409, "checkin_off"));
    hall.screen.refused_get(&hall.path("/checkin"), 409, "checkin_off").await;
    hall.turn(true).await;
    assert_eq!(hall.numbers().await, (3, 3));
    // Unbound and bound anew: to be seen anew.
    hall.host.post(&hall.path(&format!("/people/{}/unbind", hall.ids[1])), json!({})).await;
    let body = json!({ "staff_no": "K1", "name": "客人", "consent": true, "salt": hall.phones[1].salt });
    assert_eq!(hall.phones[1].try_post("/me/identify", body).await.0, StatusCode::OK);
    assert_eq!(hall.phones[1].get("/me").await["checked_in"], false);
    assert_eq!(hall.numbers().await, (2, 2));
    hall.evening.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_who_was_seen_in_the_hall_can_be_drawn() {
    for backend in both() {
        evening(backend).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_other_code_checks_anybody_in() {
    let hall = Hall::open(Backend::Light, 1).await;
    let (host, evening) = (&hall.host, &hall.evening);
    // Another meeting's code, shown at the same moment; and its screen cannot fetch ours.
    let new = json!({ "name": "隔壁", "settings": settings(true) });
    let next_door = host.post("/api/meetings", new).await["id"].as_str().unwrap().to_owned();
    let theirs = screen(evening, host, &next_door).await;
    let foreign = theirs.get(&format!("/api/meetings/{next_door}/checkin")).await;
    assert_eq!(code(&hall.scan(0, foreign["token"].as_str().unwrap()).await), (403, "checkin_code"));
    theirs.refused_get(&hall.path("/checkin"), 403, "pairing").await;
    host.refused_get(&hall.path("/checkin"), 401, "pairing").await;
    // Not bound; bound elsewhere only; not logged in; by hand for somebody without a phone.
    let mut stranger = Phone::new(evening, &hall.meeting, "oCheckinStrangerNumber1");
    let token = json!({ "token": hall.token().await });
    assert_eq!(stranger.try_post("/me/checkin", token.clone()).await.0, StatusCode::UNAUTHORIZED);
    stranger.log_in().await;
    assert_eq!(code(&stranger.try_post("/me/checkin", token).await), (409, "not_bound"));
    let unbound = json!({ "name": "未绑定", "phone": "13800138099" });
    let unbound = host.post(&people(&hall.meeting), unbound).await["id"].as_str().unwrap().to_owned();
    let by_hand = format!("/people/{unbound}/checkin");
    host.refused(&hall.path(&by_hand), json!({ "here": true }), 409, "not_bound").await;
    host.refused(
        &format!("/api/meetings/{next_door}/people/{}/checkin", hall.ids[0]),
        json!({ "here": true }),
        404,
        "not_found",
    )
    .await;
    // Guesses: too long is refused unseen, the others are counted, and then even the right one waits.
    assert_eq!(code(&hall.scan(0, &"A".repeat(65)).await), (422, "invalid"));
    for nth in 0..19 {
        assert_eq!(code(&hall.scan(0, &format!("{nth:016}")).await), (403, "checkin_code"), "{nth}");
    }
    assert_eq!(code(&hall.scan(0, &hall.token().await).await), (429, "checkin_tries"));
    assert_eq!(hall.numbers().await, (0, 0));
    hall.clock.advance(600_001);
    assert_eq!(hall.scan(0, &hall.token().await).await.0, StatusCode::OK);
    hall.evening.stop().await;
}
