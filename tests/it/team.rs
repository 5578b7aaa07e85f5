//! Accounts of staff: links that work once, roles, tokens, the second factor, and who did what.

use kaijiang::clock::Clock;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use totp_rs::{Algorithm, Secret, TOTP};

use crate::harness::{Api, Process, TestApp, both};

const NOON: i64 = 1_795_406_400_000;
const PASSWORD: &str = "a long enough password";

struct Team {
    evening: TestApp,
}

impl Team {
    async fn open(backend: crate::harness::Backend) -> Self {
        Self { evening: TestApp::start_at(backend, json!({}), Clock::fixed(NOON)).await }
    }

    fn owner(&self) -> Api {
        self.evening.staff("owner")
    }

    fn stranger(&self) -> Api {
        Api::new(&self.evening.base, String::new())
    }

    async fn invite(&self, roles: Value) -> String {
        let link = self.owner().post("/api/staff/links", json!({ "roles": roles, "note": "王芳" })).await;
        code(&link)
    }

    async fn join(&self, code: &str, user: &str) -> (StatusCode, Value) {
        let body = json!({ "code": code, "user": user, "password": PASSWORD });
        self.stranger().post_from_page("/api/join", body).await
    }

    async fn login(&self, user: &str, password: &str, code: Option<&str>) -> (StatusCode, Value) {
        let body = json!({ "user": user, "password": password, "code": code });
        self.stranger().post_from_page("/api/login", body).await
    }

    async fn member(&self, user: &str) -> Value {
        let all = self.owner().get("/api/staff").await;
        all.as_array().unwrap().iter().find(|one| one["user"] == user).unwrap().clone()
    }

    async fn edit(&self, user: &str, change: Value) -> (StatusCode, Value) {
        self.change(&self.member(user).await, change).await
    }

    async fn change(&self, member: &Value, change: Value) -> (StatusCode, Value) {
        let path = format!("/api/staff/{}", member["id"].as_str().unwrap());
        crate::harness::answer(self.owner().request(Method::PATCH, &path).json(&change)).await
    }
}

fn code(link: &Value) -> String {
    link["url"].as_str().unwrap().split("#join=").nth(1).unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_makes_one_account_with_its_roles() {
    for backend in both() {
        let team = Team::open(backend).await;
        team.evening
            .staff("host")
            .refused("/api/staff/links", json!({ "roles": ["owner"] }), 403, "role")
            .await;
        team.owner().refused("/api/staff/links", json!({ "roles": [] }), 422, "roles").await;
        let invited = team.invite(json!(["finance", "reviewer"])).await;
        let (status, told) = team
            .stranger()
            .post_from_page("/api/join", json!({ "code": invited, "user": "芳", "password": "short" }))
            .await;
        assert_eq!((status.as_u16(), &told["code"]), (422, &json!("password")));
        // Two tabs at once make one account.
        let (one, two) = tokio::join!(team.join(&invited, "王芳"), team.join(&invited, "王芳二"));
        let made = [&one, &two].iter().filter(|(status, _)| status.is_success()).count();
        assert_eq!(made, 1, "{one:?} {two:?}");
        let (_, lost) = if one.0.is_success() { &two } else { &one };
        assert_eq!(lost["code"], "staff_link");
        let user = if one.0.is_success() { "王芳" } else { "王芳二" };
        assert_eq!(team.member(user).await["roles"], json!(["finance", "reviewer"]));
        assert!(team.login(user, PASSWORD, None).await.0.is_success());
        // Nobody is called what looks like somebody else; the link is still good afterwards.
        let next = team.invite(json!(["host"])).await;
        for (alike, refused) in [
            ("\u{43e}wner", "user"),
            ("owner\u{200b}", "user"),
            ("\u{ff4f}wner", "user"),
            ("\u{202e}王芳", "user"),
            ("", "user"),
            ("Owner", "user_taken"),
        ] {
            assert_eq!(team.join(&next, alike).await.1["code"], refused, "{alike:?}");
        }
        assert!(team.join(&next, "阿迪力·买买提 a.b_c-d@e+1").await.0.is_success());
        // Too old.
        let late = team.invite(json!(["host"])).await;
        team.evening.app.clock().advance(3 * 86_400_000 + 1);
        assert_eq!(team.join(&late, "晚到").await.1["code"], "staff_link");
        team.evening.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forgotten_password_is_replaced_and_everything_old_ends() {
    for backend in both() {
        let team = Team::open(backend).await;
        team.join(&team.invite(json!(["host"])).await, "小李").await;
        let id = team.member("小李").await["id"].as_str().unwrap().to_owned();
        let token = team.owner().post(&format!("/api/staff/{id}/token"), json!({})).await;
        let with_token = Api::new(&team.evening.base, token["token"].as_str().unwrap().to_owned());
        assert_eq!(with_token.get("/api/session").await["user"], "小李");
        let first = code(&team.owner().post(&format!("/api/staff/{id}/links"), json!({})).await);
        let link = code(&team.owner().post(&format!("/api/staff/{id}/links"), json!({})).await);
        let body = |code: &str| json!({ "code": code, "password": "another long password" });
        assert_eq!(
            team.stranger().post_from_page("/api/join", body(&first)).await.1["code"],
            "staff_link",
            "the last one counts"
        );
        let (status, told) = team.stranger().post_from_page("/api/join", body(&link)).await;
        assert!(status.is_success(), "{told}");
        with_token.refused_get("/api/session", 401, "login").await;
        assert_eq!(team.login("小李", PASSWORD, None).await.1["code"], "login_failed");
        assert!(team.login("小李", "another long password", None).await.0.is_success());
        let (status, _) = team.edit("小李", json!({ "disabled": true })).await;
        assert!(status.is_success());
        assert_eq!(team.login("小李", "another long password", None).await.1["code"], "login_failed");
        team.evening.stop().await;
    }
}

/// Nobody knows a password any more: whoever may run commands on the server lets an owner in, while it runs.
#[tokio::test(flavor = "multi_thread")]
async fn a_command_on_the_server_lets_a_new_owner_in_once() {
    for backend in both() {
        let mut team = Team { evening: TestApp::start(backend, json!({})).await };
        let mut server = Process::take_over(&mut team.evening).await;
        let recover = || server.says(&["recover"]).split("#setup=").nth(1).unwrap().trim().to_owned();
        let (first, last) = (recover(), recover());
        let set_up = async |code: &str, user: &str| {
            let body = json!({ "code": code, "user": user, "password": PASSWORD });
            team.stranger().post_from_page("/api/setup", body).await
        };
        assert_eq!(set_up(&first, "迟到").await.1["code"], "setup_code", "the last one counts");
        let (status, told) = set_up(&last, "新主人").await;
        assert!(status.is_success(), "{told}");
        assert_eq!(set_up(&last, "又一位").await.1["code"], "setup_code", "once");
        assert_eq!(team.member("新主人").await["roles"], json!(["owner"]));
        assert!(team.login("新主人", PASSWORD, None).await.0.is_success());
        let trail = team.owner().get("/api/audit").await.to_string();
        assert_eq!(trail.matches("staff.setup_link").count(), 2, "{trail}");
        assert!(!trail.contains(&last));
        server.kill();
        team.evening.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_can_always_let_others_in() {
    for backend in both() {
        let team = Team::open(backend).await;
        for change in [json!({ "disabled": true }), json!({ "roles": ["host"] })] {
            let (status, told) = team.edit("owner", change).await;
            assert_eq!((status.as_u16(), &told["code"]), (409, &json!("last_owner")));
        }
        team.join(&team.invite(json!(["owner"])).await, "第二位").await;
        // Both give up at once: one of them stays.
        let (first, second) = (team.member("owner").await, team.member("第二位").await);
        let (one, two) = tokio::join!(
            team.change(&first, json!({ "roles": ["host"] })),
            team.change(&second, json!({ "roles": ["host"] }))
        );
        assert!(!(one.0.is_success() && two.0.is_success()), "{one:?} {two:?}");
        team.evening.stop().await;
    }
}

/// Links that an owner made, and another one's new password, hold no longer than that owner does.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_leaves_doors_open_behind_them() {
    for backend in both() {
        let team = Team::open(backend).await;
        team.join(&team.invite(json!(["owner"])).await, "第二位").await;
        team.join(&team.invite(json!(["host"])).await, "小李").await;
        let path =
            async |user: &str| format!("/api/staff/{}", team.member(user).await["id"].as_str().unwrap());
        let (second, host) = (path("第二位").await, path("小李").await);
        let as_second = async || {
            team.edit("第二位", json!({ "roles": ["owner"], "disabled": false })).await;
            let token = team.owner().post(&format!("{second}/token"), json!({})).await;
            let leaving = Api::new(&team.evening.base, token["token"].as_str().unwrap().to_owned());
            let invited = leaving.post("/api/staff/links", json!({ "roles": ["owner"] })).await;
            [code(&invited), code(&leaving.post(&format!("{host}/links"), json!({})).await)]
        };
        for change in [json!({ "roles": ["host"] }), json!({ "disabled": true })] {
            let links = as_second().await;
            team.edit("第二位", change).await;
            for link in links {
                assert_eq!(team.join(&link, "后门").await.1["code"], "staff_link");
            }
        }
        // Somebody else knew the password: a new one ends what was made with the old one, too.
        let links = as_second().await;
        let renewed = team.owner().post(&format!("{second}/links"), json!({})).await;
        assert!(team.join(&code(&renewed), "").await.0.is_success());
        for link in links {
            assert_eq!(team.join(&link, "后门").await.1["code"], "staff_link");
        }
        team.evening.stop().await;
    }
}

/// A browser that is logged in: asks who it is with its cookie.
struct Browser {
    cookie: String,
    base: String,
}

impl Browser {
    async fn log_in(team: &Team, user: &str) -> Self {
        let base = team.evening.base.clone();
        kaijiang::wechat::tls::install_ring();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let body = json!({ "user": user, "password": PASSWORD });
        let request = http.post(format!("{base}/api/login")).header("origin", &base).json(&body);
        let response = request.send().await.unwrap();
        assert!(response.status().is_success());
        let cookie = response.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
        Self { cookie, base }
    }

    async fn is_in(&self) -> bool {
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let request = http.get(format!("{}/api/session", self.base)).header("cookie", &self.cookie);
        request.send().await.unwrap().status().is_success()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_less_ends_the_sessions_and_a_role_more_does_not() {
    for backend in both() {
        let team = Team::open(backend).await;
        team.join(&team.invite(json!(["host", "finance"])).await, "小陈").await;
        let made = team.evening.staff("host").post("/api/meetings", json!({ "name": "年会" })).await;
        let here = |role: &str| json!([{ "meeting": made["id"], "roles": [role] }]);
        let browser = Browser::log_in(&team, "小陈").await;
        let stays = async |change: Value| {
            let (status, told) = team.edit("小陈", change).await;
            assert!(status.is_success(), "{told}");
            browser.is_in().await
        };
        assert!(stays(json!({ "roles": ["host", "finance", "reviewer"] })).await);
        assert!(stays(json!({ "meetings": here("auditor") })).await);
        assert!(!stays(json!({ "roles": ["host", "finance"] })).await, "may review no more, and is still in");
        let browser = Browser::log_in(&team, "小陈").await;
        // A role in one meeting that holds everywhere now is not lost.
        let (_, told) =
            team.edit("小陈", json!({ "roles": ["host", "finance", "auditor"], "meetings": [] })).await;
        assert!(browser.is_in().await, "{told}");
        team.edit("小陈", json!({ "roles": ["host"], "meetings": here("finance") })).await;
        assert!(!browser.is_in().await);
        let browser = Browser::log_in(&team, "小陈").await;
        team.edit("小陈", json!({ "meetings": here("reviewer") })).await;
        assert!(!browser.is_in().await);
        team.evening.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_second_factor_each_code_works_once() {
    for backend in both() {
        let team = Team::open(backend).await;
        team.join(&team.invite(json!(["finance"])).await, "财务").await;
        let id = team.member("财务").await["id"].as_str().unwrap().to_owned();
        let token = team.owner().post(&format!("/api/staff/{id}/token"), json!({})).await;
        let own = Api::new(&team.evening.base, token["token"].as_str().unwrap().to_owned());
        let offered = own.post("/api/session/totp", json!({})).await;
        let secret = offered["secret"].as_str().unwrap().to_owned();
        assert!(offered["uri"].as_str().unwrap().starts_with("otpauth://totp/Kaijiang:"));
        let app = TOTP::new(Algorithm::SHA1, 6, 1, 30, Secret::Encoded(secret.clone()).to_bytes().unwrap())
            .unwrap();
        let now = || u64::try_from(team.evening.app.now() / 1000).unwrap();
        own.refused(
            "/api/session/totp/confirm",
            json!({ "secret": secret, "code": "000000" }),
            401,
            "totp_wrong",
        )
        .await;
        own.refused(
            "/api/session/totp/confirm",
            json!({ "secret": "AAAA", "code": "000000" }),
            422,
            "totp_secret",
        )
        .await;
        let first = app.generate(now());
        own.post("/api/session/totp/confirm", json!({ "secret": secret, "code": first })).await;
        replaced_with_the_password_only(&own).await;
        assert_eq!(team.login("财务", PASSWORD, None).await.1["code"], "totp_required");
        assert_eq!(
            team.login("财务", PASSWORD, Some(&first)).await.1["code"],
            "totp_wrong",
            "used by the confirmation"
        );
        team.evening.app.clock().advance(30_000);
        let next = app.generate(now());
        let (one, two) = tokio::join!(
            team.login("财务", PASSWORD, Some(&next)),
            team.login("财务", PASSWORD, Some(&next))
        );
        assert_eq!(usize::from(one.0.is_success()) + usize::from(two.0.is_success()), 1, "{one:?} {two:?}");
        team.evening.app.clock().advance(10 * 60_000);
        for _ in 0..2 {
            assert_eq!(team.login("财务", PASSWORD, Some("123456")).await.0, 401);
        }
        // Guessing a code is throttled as guessing a password is.
        assert_eq!(
            team.login("财务", PASSWORD, Some(&app.generate(now()))).await.1["code"],
            "login_throttled"
        );
        team.evening.app.clock().advance(16 * 60_000);
        own.refused("/api/session/totp/off", json!({ "password": "wrong wrong wrong" }), 401, "login_failed")
            .await;
        own.post("/api/session/totp/off", json!({ "password": PASSWORD })).await;
        assert!(team.login("财务", PASSWORD, None).await.0.is_success());
        team.evening.stop().await;
    }
}

/// A page that was left open is not enough to take the account over.
async fn replaced_with_the_password_only(own: &Api) {
    let offered = own.post("/api/session/totp", json!({})).await;
    assert_eq!(offered["replaces"], true);
    let secret = offered["secret"].as_str().unwrap();
    let confirm = "/api/session/totp/confirm";
    let mut body = json!({ "secret": secret, "code": "000000" });
    own.refused(confirm, body.clone(), 401, "password_required").await;
    body["password"] = json!("wrong wrong wrong");
    own.refused(confirm, body.clone(), 401, "login_failed").await;
    body["password"] = json!(PASSWORD);
    own.refused(confirm, body, 401, "totp_wrong").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_did_what_is_read_by_owner_and_auditor_only() {
    for backend in both() {
        let team = Team::open(backend).await;
        team.join(&team.invite(json!(["host"])).await, "小李").await;
        let auditor = team.evening.staff("auditor");
        let page = auditor.get("/api/audit").await;
        let what: Vec<_> =
            page["lines"].as_array().unwrap().iter().map(|line| line["what"].as_str().unwrap()).collect();
        assert_eq!(what[..2], ["staff.join", "staff.invite"], "the newest comes first: {page}");
        assert!(!page.to_string().contains(PASSWORD));
        let newest = page["lines"][0]["seq"].as_i64().unwrap();
        let older = auditor.get(&format!("/api/audit?before={newest}")).await;
        assert_eq!(older["lines"][0]["what"], "staff.invite");
        assert_eq!(auditor.get("/api/audit?meeting=nothing").await["lines"], json!([]));
        team.evening.staff("host").refused_get("/api/audit", 403, "role").await;
        team.evening.staff("finance").refused_get("/api/staff", 403, "role").await;
        auditor.refused_get("/api/audit?before=-1", 422, "query").await;
        team.evening.stop().await;
    }
}

/// Both would print a link, of which only the later one worked.
#[tokio::test(flavor = "multi_thread")]
async fn two_servers_that_start_first_print_one_link() {
    for backend in both() {
        let team = Team::open(backend).await;
        let other = team.evening.another().await;
        let (one, two) = tokio::join!(
            kaijiang::auth::first_setup_code(&team.evening.app),
            kaijiang::auth::first_setup_code(&other)
        );
        let codes: Vec<String> = [one.unwrap(), two.unwrap()].into_iter().flatten().collect();
        assert_eq!(codes.len(), 1, "{codes:?}");
        other.stop().await;
        let body = json!({ "code": codes[0], "user": "first", "password": PASSWORD });
        let (status, told) = team.stranger().post_from_page("/api/setup", body).await;
        assert_eq!(status, StatusCode::OK, "{told}");
        team.evening.stop().await;
    }
}
