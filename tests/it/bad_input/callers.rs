//! Who asks, and from where: sessions, roles, origins, cookies.

use reqwest::{Method, header};
use serde_json::{Value, json};

use super::{Desk, browser, refusal, send};
use crate::harness::{Backend, Phone, answer};

/// Roles that pass, by the contract; the owner always does.
const HOST: &[&str] = &["host"];
const FINANCE: &[&str] = &["finance"];
const MONEY_READERS: &[&str] = &["host", "finance", "auditor"];
const STAFF: &[&str] = &["host", "finance", "auditor"];
const READERS: &[&str] = &["host", "finance", "auditor", "reviewer"];

/// Method, path under a meeting that does not exist, a body of the right shape, and who may.
fn routes() -> Vec<(Method, &'static str, Value, &'static [&'static str])> {
    let nothing = || json!({});
    let seat = || json!({ "status": "present" });
    let (get, post, patch, delete) = (Method::GET, Method::POST, Method::PATCH, Method::DELETE);
    let budget = json!({ "version": 1, "name": "奖金", "cap_fen": 5 });
    let person = json!({ "version": 1, "name": "张三", "phone": "13800138000" });
    let prize = json!({ "version": 1, "name": "奖", "kind": "cash", "ord": 0 });
    let round = json!({ "version": 1, "prize_id": "x", "seats": 1 });
    let settings = json!({ "version": 1, "name": "年会", "settings": {} });
    vec![
        (get.clone(), "", nothing(), STAFF),
        (patch.clone(), "", settings, HOST),
        (post.clone(), "/close", nothing(), HOST),
        (post.clone(), "/scene", json!({ "name": "lobby" }), HOST),
        (post.clone(), "/show", crate::live::show::look(1), HOST),
        (post.clone(), "/pairing", nothing(), HOST),
        (post.clone(), "/imports/copy", json!({ "from": "x" }), HOST),
        (get.clone(), "/imports/x", nothing(), &["host", "auditor"]),
        (post.clone(), "/imports/x/accept", nothing(), HOST),
        (get.clone(), "/registrations", nothing(), &["host", "auditor"]),
        (post.clone(), "/registrations/x/accept", nothing(), HOST),
        (post.clone(), "/registrations/x/reject", json!({ "reason": "不认识" }), HOST),
        (get.clone(), "/people", nothing(), STAFF),
        (post.clone(), "/people", person.clone(), HOST),
        (patch.clone(), "/people/x", person, HOST),
        (delete.clone(), "/people/x", nothing(), HOST),
        (post.clone(), "/people/x/unbind", nothing(), HOST),
        (post.clone(), "/people/x/badge", nothing(), HOST),
        (post.clone(), "/people/x/checkin", json!({ "here": true }), HOST),
        (get.clone(), "/export?kind=badges", nothing(), HOST),
        (get.clone(), "/prizes", nothing(), STAFF),
        (post.clone(), "/prizes", prize.clone(), HOST),
        (patch.clone(), "/prizes/x", prize, HOST),
        (delete.clone(), "/prizes/x", nothing(), HOST),
        (get.clone(), "/rounds", nothing(), STAFF),
        (post.clone(), "/rounds", round.clone(), HOST),
        (patch.clone(), "/rounds/x", round, HOST),
        (delete, "/rounds/x", nothing(), HOST),
        (get.clone(), "/rounds/x/readiness", nothing(), STAFF),
        (post.clone(), "/rounds/x/commit", nothing(), HOST),
        (post.clone(), "/rounds/x/leave", json!({ "left": true }), HOST),
        (post.clone(), "/draws/1/entropy", json!({ "i": 0 }), HOST),
        (post.clone(), "/draws/1/result", nothing(), HOST),
        (post.clone(), "/draws/1/void", json!({ "reason": "错" }), HOST),
        (post.clone(), "/draws/1/seats", seat(), HOST),
        (post.clone(), "/draws/1/seats/1", seat(), HOST),
        (post.clone(), "/draws/1/redraw", nothing(), HOST),
        (get.clone(), "/budgets", nothing(), MONEY_READERS),
        (post.clone(), "/budgets", budget.clone(), FINANCE),
        (patch, "/budgets/x", budget, FINANCE),
        (post.clone(), "/budgets/x/approve", nothing(), FINANCE),
        (get.clone(), "/awards", nothing(), MONEY_READERS),
        (post.clone(), "/awards/collect", json!({ "claim_code": "ABCD1234" }), &["host", "reviewer"]),
        (post.clone(), "/awards/claim", json!({ "claim_code": "ABCD1234" }), &["host", "reviewer"]),
        (get.clone(), "/awards/goods", nothing(), READERS),
        (get.clone(), "/stats/payouts", nothing(), MONEY_READERS),
        (get.clone(), "/stats/entries", nothing(), STAFF),
        (get.clone(), "/packets", nothing(), MONEY_READERS),
        (get.clone(), "/packets/x", nothing(), &["finance", "auditor"]),
        (post, "/packets/x/cancel", nothing(), FINANCE),
        (get.clone(), "/export?kind=roster", nothing(), HOST),
        (get.clone(), "/export?kind=winners", nothing(), &["host", "finance"]),
        (get.clone(), "/export?kind=payments", nothing(), &["host", "finance"]),
        (get, "/export?kind=handover", nothing(), &["host", "finance", "reviewer"]),
    ]
}

/// The same for vouchers and referrals.
fn campaign_routes() -> Vec<(Method, &'static str, Value, &'static [&'static str])> {
    let nothing = || json!({});
    let (get, post, put) = (Method::GET, Method::POST, Method::PUT);
    let judges: &[&str] = &["reviewer"];
    let makers: &[&str] = &["host", "finance"];
    let rules = json!({
        "amount": { "mode": "fixed", "fen": 100 }, "per_person": 1, "fields": [], "photos_min": 1, "photos_max": 1,
    });
    let campaign = json!({ "version": 1, "name": "促销", "status": "open", "rules": rules });
    let referral = json!({ "open": true, "fen": 100, "every": 1, "daily": 1, "total": 1, "delay_ms": 0 });
    vec![
        (get.clone(), "/voucher-campaigns", nothing(), READERS),
        (post.clone(), "/voucher-campaigns", campaign.clone(), makers),
        (Method::PATCH, "/voucher-campaigns/x", campaign, makers),
        (get.clone(), "/voucher-stats", nothing(), READERS),
        (get.clone(), "/voucher-export", nothing(), makers),
        (get.clone(), "/vouchers", nothing(), READERS),
        (get.clone(), "/vouchers/x", nothing(), READERS),
        (get.clone(), "/vouchers/x/photos/1", nothing(), &["reviewer", "finance"]),
        (post.clone(), "/voucher-review/next", nothing(), judges),
        (post.clone(), "/vouchers/x/lock", nothing(), judges),
        (post.clone(), "/vouchers/x/unlock", nothing(), judges),
        (post.clone(), "/vouchers/x/accept", json!({ "version": 1 }), judges),
        (post.clone(), "/vouchers/x/reject", json!({ "version": 1, "reason": "不清楚" }), judges),
        (get.clone(), "/referral-rules", nothing(), READERS),
        (put, "/referral-rules", json!({ "version": 0, "rules": referral }), makers),
        (get.clone(), "/referrals", nothing(), READERS),
        (post.clone(), "/referrals/x/allow", nothing(), judges),
        (post, "/referrals/x/refuse", json!({ "reason": "重复" }), judges),
        (get.clone(), "/referral-stats", nothing(), READERS),
        (get, "/referral-export", nothing(), makers),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn each_role_does_its_own_work_only() {
    let desk = Desk::open(Backend::Light).await;
    let nobody = crate::harness::Api::new(&desk.evening.base, "not-a-token".into());
    for (method, rest, body, may) in routes().into_iter().chain(campaign_routes()) {
        let path = format!("/api/meetings/nowhere{rest}");
        let found = refusal(send(&nobody, method.clone(), &path, &body)).await;
        assert_eq!((found.0, found.1.as_str()), (401, "login"), "{method} {path}");
        let reviewer = campaign_routes().iter().any(|route| route.1 == rest).then_some("reviewer");
        for role in ["owner", "host", "finance", "auditor"].into_iter().chain(reviewer) {
            let passes = role == "owner" || may.contains(&role);
            let wanted = if passes { (404, "not_found") } else { (403, "role") };
            let found = refusal(send(&desk.evening.staff(role), method.clone(), &path, &body)).await;
            assert_eq!((found.0, found.1.as_str()), wanted, "{role} {method} {path}");
        }
    }
    for (role, path) in
        [("host", "/api/sender/pause"), ("auditor", "/api/sender/resume"), ("auditor", "/api/meetings")]
    {
        let found =
            refusal(send(&desk.evening.staff(role), Method::POST, path, &json!({ "name": "年会" }))).await;
        assert_eq!((found.0, found.1.as_str()), (403, "role"), "{role} {path}");
    }
    desk.evening.stop().await;
}

/// Logs in with a password and returns the session's cookie.
async fn session(desk: &Desk, planted: &str) -> String {
    let login = browser().post(format!("{}/api/login", desk.evening.base));
    let login = login.header(header::ORIGIN, &desk.evening.base).header(header::COOKIE, planted);
    let body = json!({ "user": "host", "password": "password-of-host" });
    let done = login.json(&body).send().await.unwrap();
    super::is_ok(done.status(), "log-in");
    let cookie = done.headers()[header::SET_COOKIE].to_str().unwrap().to_owned();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite"), "{cookie}");
    cookie.split(';').next().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_that_was_led_here_changes_nothing() {
    let desk = Desk::open(Backend::Light).await;
    let mut phone = Phone::new(&desk.evening, &desk.meeting, "oBadInputGuestNumber01");
    phone.log_in().await;
    let staff = session(&desk, "").await;
    let http = browser();
    let ours = desk.evening.base.as_str();
    let with_port = format!("{ours}0");
    let scene = (desk.path("/scene"), json!({ "name": "pause", "text": "领取" }), staff.as_str());
    let pairing = (desk.path("/pairing"), json!(null), staff.as_str());
    let code =
        (desk.path("/me/code"), json!({ "phone": "13800138000", "consent": true }), phone.cookie.as_str());
    for (path, body, cookie) in [scene, pairing, code] {
        let request = || http.post(format!("{ours}{path}")).header(header::COOKIE, cookie).json(&body);
        let origins = [None, Some("https://evil.example"), Some("null"), Some(""), Some(with_port.as_str())];
        for origin in origins {
            let request = match origin {
                Some(origin) => request().header(header::ORIGIN, origin),
                None => request(),
            };
            let found = refusal(request).await;
            assert_eq!((found.0, found.1.as_str()), (403, "origin"), "{path} from {origin:?}");
        }
        let cross = request().header(header::ORIGIN, ours).header("sec-fetch-site", "cross-site");
        assert_eq!(refusal(cross).await.1, "origin", "{path}");
        let (status, body) = answer(request().header(header::ORIGIN, ours)).await;
        assert!(status.is_success(), "{path} from our own page: {status} {body}");
    }
    // What a form of another page could send is no JSON.
    let form = http.post(format!("{ours}{}", desk.path("/scene"))).header(header::COOKIE, &staff);
    let form =
        form.header(header::ORIGIN, ours).header("content-type", "text/plain").body(r#"{"name":"lobby"}"#);
    assert_eq!(refusal(form).await.1, "content_type");
    desk.evening.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn planted_and_forged_cookies_are_nobodys() {
    let desk = Desk::open(Backend::Light).await;
    let http = browser();
    let session_path = format!("{}/api/session", desk.evening.base);
    let ask = |cookie: String| http.get(&session_path).header(header::COOKIE, cookie);
    let planted = format!("kj_staff={}", "0".repeat(64));
    let own = session(&desk, &planted).await;
    assert_ne!(own, planted, "a new session at log-in");
    assert_eq!(refusal(ask(planted)).await.1, "login");
    super::is_ok(ask(own.clone()).send().await.unwrap().status(), "session");

    let begin = http.get(format!("{}/m/{}/login", desk.evening.base, desk.meeting)).send().await.unwrap();
    let state = begin.headers()[header::SET_COOKIE].to_str().unwrap().split(';').next().unwrap().to_owned();
    let mut phone = Phone::new(&desk.evening, &desk.meeting, "oBadInputGuestNumber01");
    phone.log_in().await;
    let me = format!("{}{}", desk.evening.base, desk.path("/me"));
    let mut changed = phone.cookie.clone().into_bytes();
    let middle = changed.len() / 2;
    changed[middle] = if changed[middle] == b'A' { b'B' } else { b'A' };
    let forged = [
        state.replace("kj_oauth", "kj_me"),
        own.replace("kj_staff", "kj_me"),
        String::from_utf8(changed).unwrap(),
        "kj_me=".to_owned(),
        format!("kj_me={}", "A".repeat(6_000)),
    ];
    for cookie in forged {
        let found = refusal(http.get(&me).header(header::COOKIE, &cookie)).await;
        assert_eq!((found.0, found.1.as_str()), (401, "login"), "{cookie}");
    }
    let staff = phone.cookie.replace("kj_me", "kj_staff");
    assert_eq!(refusal(ask(staff)).await.1, "login", "a phone is no member of staff");

    let out =
        http.post(format!("{}/api/logout", desk.evening.base)).header(header::ORIGIN, &desk.evening.base);
    super::is_ok(out.header(header::COOKIE, &own).send().await.unwrap().status(), "log-out");
    assert_eq!(refusal(ask(own)).await.1, "login", "a session that was ended");
    desk.evening.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn passwords_cannot_be_tried_for_ever() {
    let desk = Desk::open(Backend::Light).await;
    let log_in = |user: &str, password: &str| {
        let request = browser().post(format!("{}/api/login", desk.evening.base));
        request.json(&json!({ "user": user, "password": password }))
    };
    assert_eq!(
        refusal(log_in("nobody", "password-of-host")).await.1,
        "login_failed",
        "says nothing of names"
    );
    assert_eq!(refusal(log_in("host", &"x".repeat(5_000))).await.0, 422);
    for _ in 0..5 {
        assert_eq!(refusal(log_in("host", "wrong-password")).await.1, "login_failed");
    }
    let throttled = log_in("host", "password-of-host").send().await.unwrap();
    assert_eq!(throttled.status().as_u16(), 429);
    let wait: u64 = throttled.headers()[header::RETRY_AFTER].to_str().unwrap().parse().unwrap();
    assert!((1..=900).contains(&wait), "{wait}");
    super::is_ok(log_in("finance", "password-of-finance").send().await.unwrap().status(), "another name");
    desk.evening.stop().await;
}
