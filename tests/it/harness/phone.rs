//! An attendee's phone inside WeChat.

use reqwest::{Client, StatusCode, header, redirect::Policy};
use serde_json::{Value, json};

use super::{TestApp, staff::answer};

/// One phone, with its cookies, salt and openid.
#[derive(Clone)]
pub(crate) struct Phone {
    http: Client,
    base: String,
    sandbox: String,
    pub(crate) meeting: String,
    pub(crate) openid: String,
    pub(crate) salt: String,
    pub(crate) cookie: String,
}

impl Phone {
    /// A phone that has not done anything yet.
    pub(crate) fn new(evening: &TestApp, meeting: &str, openid: &str) -> Self {
        kaijiang::wechat::tls::install_ring();
        let http = Client::builder().no_proxy().redirect(Policy::none()).build().unwrap();
        Self {
            http,
            base: evening.base.clone(),
            sandbox: evening.sandbox.clone(),
            meeting: meeting.to_owned(),
            openid: openid.to_owned(),
            salt: hex::encode(kaijiang::keys::random::<32>()),
            cookie: String::new(),
        }
    }

    /// Follows the account: WeChat calls our server.
    pub(crate) async fn follow(&self) {
        let body = json!({ "openid": self.openid, "event": "subscribe" });
        let (status, body) =
            answer(self.http.post(format!("{}/sandbox/callbacks", self.sandbox)).json(&body)).await;
        assert!(status.is_success(), "{body}");
    }

    /// Logs in through OAuth and keeps the cookie.
    pub(crate) async fn log_in(&mut self) {
        let third = self.way("").await;
        assert!(third.status().is_redirection(), "{} {}", third.status(), third.text().await.unwrap());
        self.cookie = cookie_of(&third, "kj_me");
    }

    /// WeChat shows a snapshot page: the virtual account behind it is refused.
    pub(crate) async fn see_snapshot(&mut self) {
        let third = self.way("1").await;
        assert_eq!(third.status(), reqwest::StatusCode::FORBIDDEN);
        self.cookie = cookie_of(&third, "kj_snapshot");
        let body: Value = third.json().await.unwrap();
        assert_eq!(body["code"], "snapshot_user", "{body}");
    }

    /// Through WeChat's authorize page and back to ours, with the cookies that the phone has.
    async fn way(&self, snapshot: &str) -> reqwest::Response {
        let first = self.http.get(format!("{}/m/{}/login", self.base, self.meeting)).send().await.unwrap();
        assert!(first.status().is_redirection(), "{}", first.status());
        let cookies = [cookie_of(&first, "kj_oauth"), self.cookie.clone()].join("; ");
        let mut authorize = url::Url::parse(&location(&first)).unwrap();
        authorize.set_fragment(None);
        authorize.query_pairs_mut().append_pair("as", &self.openid).append_pair("snapshot", snapshot);
        let second = self.http.get(authorize).send().await.unwrap();
        self.http.get(location(&second)).header(header::COOKIE, cookies).send().await.unwrap()
    }

    fn post_request(&self, path: &str, body: &Value) -> reqwest::RequestBuilder {
        self.http
            .post(format!("{}/api/meetings/{}{path}", self.base, self.meeting))
            .header(header::COOKIE, &self.cookie)
            .header(header::ORIGIN, &self.base)
            .json(body)
    }

    /// A plain request to one of the attendee's routes.
    pub(crate) fn request(&self, method: reqwest::Method, path: &str) -> reqwest::RequestBuilder {
        self.http
            .request(method, format!("{}/api/meetings/{}{path}", self.base, self.meeting))
            .header(header::COOKIE, &self.cookie)
            .header(header::ORIGIN, &self.base)
    }

    /// POST to one of the attendee's routes.
    pub(crate) async fn try_post(&self, path: &str, body: Value) -> (StatusCode, Value) {
        answer(self.post_request(path, &body)).await
    }

    /// GET of one of the attendee's routes.
    pub(crate) async fn get(&self, path: &str) -> Value {
        let address = format!("{}/api/meetings/{}{path}", self.base, self.meeting);
        let (status, body) = answer(self.http.get(address).header(header::COOKIE, &self.cookie)).await;
        assert!(status.is_success(), "GET {path}: {status} {body}");
        body
    }

    /// Asks for a code and reads it from the sandbox's SMS.
    pub(crate) async fn code(&self, phone: &str) -> String {
        let (status, body) = self.try_post("/me/code", json!({ "phone": phone, "consent": true })).await;
        assert_eq!(status, StatusCode::ACCEPTED, "{body}");
        let sms = self.http.get(format!("{}/sandbox/sms?phone={phone}", self.sandbox));
        let (_, messages) = answer(sms).await;
        messages["latest"].as_str().unwrap_or_else(|| panic!("no code was sent: {messages}")).to_owned()
    }

    /// Binds with a code.
    pub(crate) async fn try_bind(&self, phone: &str, code: &str) -> (StatusCode, Value) {
        self.try_post("/me/bind", json!({ "phone": phone, "code": code, "salt": self.salt })).await
    }

    /// The whole way in: follow, log in, code, bind.
    pub(crate) async fn enter(evening: &TestApp, meeting: &str, openid: &str, phone: &str) -> Self {
        let mut me = Self::new(evening, meeting, openid);
        me.follow().await;
        me.log_in().await;
        let code = me.code(phone).await;
        let (status, body) = me.try_bind(phone, &code).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        me
    }
}

fn location(response: &reqwest::Response) -> String {
    response.headers()[header::LOCATION].to_str().unwrap().to_owned()
}

fn cookie_of(response: &reqwest::Response, name: &str) -> String {
    let all = response.headers().get_all(header::SET_COOKIE).iter().filter_map(|value| value.to_str().ok());
    let found =
        all.map(|value| value.split(';').next().unwrap_or("").to_owned()).find(|pair| pair.starts_with(name));
    found.unwrap_or_else(|| panic!("no cookie {name} was set"))
}
