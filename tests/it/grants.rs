//! Roles that hold in one meeting only, and API tokens with fewer roles than their owner.

use kaijiang::clock::Clock;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::{Api, Backend, By, TestApp, Viewer, answer, both};

const NOON: i64 = 1_795_406_400_000;
const PASSWORD: &str = "a long enough password";

/// Two meetings, and somebody who works in the first one only.
struct House {
    evening: TestApp,
    ours: String,
    theirs: String,
    id: String,
    token: String,
}

async fn meeting(evening: &TestApp, name: &str) -> String {
    let made = evening.staff("host").post("/api/meetings", json!({ "name": name })).await;
    made["id"].as_str().unwrap().to_owned()
}

impl House {
    async fn open(backend: Backend, roles: Value) -> Self {
        let evening = TestApp::start_at(backend, json!({}), Clock::fixed(NOON)).await;
        let (ours, theirs) = (meeting(&evening, "年会").await, meeting(&evening, "发布会").await);
        let owner = evening.staff("owner");
        let invite = json!({ "meetings": [{ "meeting": ours, "roles": roles }], "note": "外聘主持" });
        let link = owner.post("/api/staff/links", invite).await;
        let code = link["url"].as_str().unwrap().split("#join=").nth(1).unwrap().to_owned();
        let stranger = Api::new(&evening.base, String::new());
        let join = json!({ "code": code, "user": "小周", "password": PASSWORD });
        let (status, me) = stranger.post_from_page("/api/join", join).await;
        assert_eq!(status, StatusCode::OK, "{me}");
        assert_eq!((&me["roles"], &me["meetings"][0]["meeting"]), (&json!([]), &json!(ours)), "{me}");
        let id = me["id"].as_str().unwrap().to_owned();
        let token = owner.post(&format!("/api/staff/{id}/token"), json!({})).await;
        let token = token["token"].as_str().unwrap().to_owned();
        Self { evening, ours, theirs, id, token }
    }

    fn me(&self) -> Api {
        Api::new(&self.evening.base, self.token.clone())
    }

    async fn edit(&self, change: Value) -> (StatusCode, Value) {
        let path = format!("/api/staff/{}", self.id);
        answer(self.evening.staff("owner").request(Method::PATCH, &path).json(&change)).await
    }
}

fn of(meeting: &str, rest: &str) -> String {
    format!("/api/meetings/{meeting}{rest}")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_of_one_meeting_sees_no_other() {
    for backend in both() {
        let house = House::open(backend, json!(["host"])).await;
        let (me, ours, theirs) = (house.me(), &house.ours, &house.theirs);
        let list = me.get("/api/meetings").await;
        assert_eq!(list.as_array().unwrap().len(), 1, "{list}");
        me.get(&of(ours, "/people")).await;
        let prize = json!({ "name": "三等奖", "kind": "cash" });
        me.post(&of(ours, "/prizes"), prize.clone()).await;
        me.refused(&of(ours, "/budgets"), json!({ "name": "奖金", "cap_fen": 1 }), 403, "role").await;
        // Nor its people, by way of a copy.
        let copy = json!({ "from": theirs });
        let refused = me.refused(&of(ours, "/imports/copy"), copy.clone(), 422, "invalid").await;
        assert_eq!(refused["field"], "from");
        house.evening.staff("host").post(&of(ours, "/imports/copy"), copy).await;
        for path in ["", "/people", "/rounds", "/privacy", "/readiness/x", "/export?kind=roster"] {
            me.refused_get(&of(theirs, path), 404, "not_found").await;
        }
        me.refused(&of(theirs, "/prizes"), prize, 404, "not_found").await;
        me.refused(&of(theirs, "/close"), json!({}), 404, "not_found").await;
        // The same id, written otherwise.
        let hidden: String = theirs.bytes().fold(String::new(), |text, byte| text + &format!("%{byte:02X}"));
        me.refused_get(&of(&hidden, "/people"), 404, "not_found").await;
        // What is of no meeting takes roles that hold everywhere.
        me.refused("/api/meetings", json!({ "name": "我的" }), 403, "role").await;
        for path in ["/api/staff", "/api/audit", "/api/finance/books", "/api/sender"] {
            me.refused_get(path, 403, "role").await;
        }
        me.refused("/api/meetings", json!({ "name": "排练", "rehearsal_of": theirs }), 404, "not_found")
            .await;
        let rehearsal = me.post("/api/meetings", json!({ "name": "排练", "rehearsal_of": ours })).await;
        me.get(&of(rehearsal["id"].as_str().unwrap(), "/people")).await;
        let trail = house.evening.staff("owner").get("/api/audit").await.to_string();
        assert!(trail.contains(&format!("{ours}: host")), "{trail}");
        house.evening.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_auditor_of_one_meeting_reads_what_was_done_there_and_nothing_else() {
    for backend in both() {
        let house = House::open(backend, json!(["auditor"])).await;
        let (me, host) = (house.me(), house.evening.staff("host"));
        for meeting in [&house.ours, &house.theirs] {
            host.post(&of(meeting, "/prizes"), json!({ "name": "三等奖", "kind": "cash" })).await;
        }
        let mine = me.get(&format!("/api/audit?meeting={}", house.ours)).await;
        let lines = mine["lines"].as_array().unwrap();
        assert!(lines.iter().any(|line| line["what"] == "prize.create"), "{mine}");
        assert!(lines.iter().all(|line| line["meeting"] == json!(house.ours)), "{mine}");
        me.refused_get(&format!("/api/audit?meeting={}", house.theirs), 404, "not_found").await;
        for all in ["/api/audit", "/api/audit?before=5"] {
            me.refused_get(all, 403, "role").await;
        }
        host.refused_get(&format!("/api/audit?meeting={}", house.ours), 403, "role").await;
        house.evening.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_is_taken_back_ends_at_once() {
    for backend in both() {
        let house = House::open(backend, json!(["host", "auditor"])).await;
        let mut control =
            Viewer::open(&house.evening, &house.ours, "control", By::Bearer(&house.token)).await;
        let refused = house.me().request(Method::GET, &format!("/ws/{}?role=control", house.theirs));
        let (status, told) = answer(refused.header("origin", &house.evening.base)).await;
        assert_eq!((status, &told["code"]), (StatusCode::NOT_FOUND, &json!("not_found")));
        for wrong in [
            json!({ "meetings": [{ "meeting": house.ours, "roles": ["owner"] }] }),
            json!({ "meetings": [{ "meeting": house.ours, "roles": [] }] }),
            json!({ "meetings": [{ "meeting": "nowhere", "roles": ["host"] }] }),
            json!({ "meetings": [
                { "meeting": house.ours, "roles": ["host"] }, { "meeting": house.ours, "roles": ["auditor"] },
            ] }),
        ] {
            let (status, told) = house.edit(wrong).await;
            assert_eq!((status.as_u16(), &told["code"]), (422, &json!("meetings")), "{told}");
        }
        assert_eq!(house.edit(json!({ "meetings": [] })).await.1["code"], "roles", "nothing would be left");
        house.me().get(&of(&house.ours, "/people")).await;
        let moved = json!({ "meetings": [{ "meeting": house.theirs, "roles": ["host"] }] });
        let (status, member) = house.edit(moved).await;
        assert_eq!((status, &member["meetings"][0]["meeting"]), (StatusCode::OK, &json!(house.theirs)));
        house.me().refused_get(&of(&house.ours, "/people"), 404, "not_found").await;
        house.me().get(&of(&house.theirs, "/people")).await;
        control.ended().await;
        house.evening.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_has_what_it_was_given_and_no_more() {
    for backend in both() {
        let evening = TestApp::start_at(backend, json!({}), Clock::fixed(NOON)).await;
        let owner = evening.staff("owner");
        let id = owner.get("/api/session").await["id"].as_str().unwrap().to_owned();
        let tokens = format!("/api/staff/{id}/tokens");
        for (wrong, code) in [(json!({ "name": " " }), "name"), (json!({ "name": "长".repeat(61) }), "name")]
        {
            owner.refused(&tokens, wrong, 422, code).await;
        }
        let new = json!({ "name": "签到程序", "roles": ["host"] });
        let made = owner.post(&tokens, new).await["token"].as_str().unwrap().to_owned();
        let limited = Api::new(&evening.base, made.clone());
        limited.post("/api/meetings", json!({ "name": "年会" })).await;
        limited.refused_get("/api/staff", 403, "role").await;
        for (path, body) in [
            (tokens.clone(), json!({ "name": "更多" })),
            (format!("/api/staff/{id}/token"), json!({})),
            ("/api/staff/links".to_owned(), json!({ "roles": ["owner"] })),
            ("/api/session/totp/off".to_owned(), json!({ "password": "password-of-owner" })),
        ] {
            limited.refused(&path, body, 403, "role").await;
        }
        let list = owner.get(&tokens).await;
        assert!(!list.to_string().contains(&made), "shown once: {list}");
        let ours = list.as_array().unwrap().iter().find(|one| one["name"] == "签到程序").unwrap().clone();
        assert_eq!((&ours["used_at"], &ours["roles"]), (&json!(NOON), &json!(["host"])), "{list}");
        let finance = evening.staff("finance");
        let own = finance.get("/api/session").await["id"].as_str().unwrap().to_owned();
        let more = json!({ "name": "更多", "roles": ["host"] });
        finance.refused(&format!("/api/staff/{own}/tokens"), more, 422, "roles").await;
        finance.refused_get(&tokens, 403, "role").await;
        let one = format!("{tokens}/{}", ours["id"].as_str().unwrap());
        let (status, _) = answer(owner.request(Method::DELETE, &one)).await;
        assert_eq!(status, StatusCode::OK);
        limited.refused_get("/api/session", 401, "login").await;
        let (status, told) = answer(owner.request(Method::DELETE, &one)).await;
        assert_eq!((status.as_u16(), &told["code"]), (404, &json!("not_found")));
        evening.stop().await;
    }
}

/// Where two persons are wanted, finance of one meeting is the second one there, and only there.
#[tokio::test(flavor = "multi_thread")]
async fn finance_of_a_meeting_confirms_what_was_asked_for_there() {
    for backend in both() {
        let house = House::open(backend, json!(["finance"])).await;
        let (ours, theirs, first) =
            (house.ours.as_str(), house.theirs.as_str(), house.evening.staff("finance"));
        let ask = async |meeting: &str| {
            first.post(&of(meeting, "/four-eyes"), json!({ "on": true })).await;
            let made =
                first.post(&of(meeting, "/budgets"), json!({ "name": "奖金", "cap_fen": 1_000 })).await;
            let budget = of(meeting, &format!("/budgets/{}", made["id"].as_str().unwrap()));
            let second = house.evening.staff("finance2");
            let version = second.post(&format!("{budget}/approve"), json!({})).await["version"].clone();
            let raise = json!({ "version": version, "cap_fen": 2_000 });
            let (status, asked) = first.try_post(&format!("{budget}/cap"), raise).await;
            assert_eq!(status, StatusCode::ACCEPTED, "{asked}");
            let open = first.get(&of(meeting, "/requests")).await;
            format!("/api/requests/{}", open[0]["id"].as_str().unwrap())
        };
        let (here, there) = (ask(ours).await, ask(theirs).await);
        for deed in ["confirm", "refuse"] {
            house.me().refused(&format!("{there}/{deed}"), json!({}), 404, "not_found").await;
            house.evening.staff("host").refused(&format!("{here}/{deed}"), json!({}), 403, "role").await;
        }
        assert_eq!(house.me().post(&format!("{here}/confirm"), json!({})).await["status"], "confirmed");
        assert_eq!(first.get(&of(ours, "/budgets")).await[0]["cap_fen"], 2_000);
        house.evening.stop().await;
    }
}
