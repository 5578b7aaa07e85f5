//! The sandbox from outside: what a client of the real far ends would see, over real sockets and real mTLS.

mod account;
mod crowd;
mod pay;

use std::net::SocketAddr;

use kaijiang::clock::Clock;
use kaijiang::sandbox::{self, CrowdPerson, HEADER, Running, SandboxConfig};
use kaijiang::wechat::account::{Account, AccountConfig, Scope};
use kaijiang::wechat::xml::Fields;
use kaijiang::wechat::{sign, tls, xml};
use secrecy::SecretString;
use serde_json::Value;
use tempfile::TempDir;
use tokio_util::sync::{CancellationToken, DropGuard};
use url::Url;

const APP_ID: &str = "wx8888888888888888";
const SECRET: &str = "app-secret";
const TOKEN: &str = "redpack2026token";
const AES_KEY: &str = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";
const MCH_ID: &str = "1900000109";
const API_KEY: &str = "8934e7d15453e97507ef794cf7b0519d";
/// The one person of the roster.
const CROWD_PHONE: &str = "13800000000";
/// Somebody whom the sandbox knows after [`Far::start`].
const OPENID: &str = "oxTWIuGaIt6gTKsQRLau2M0yL16E";

/// A running sandbox and a merchant's client.
struct Far {
    running: Running,
    http: reqwest::Client,
    pay: reqwest::Client,
    clock: Clock,
    stop: DropGuard,
}

impl Far {
    async fn start(dir: &TempDir) -> Self {
        Self::start_with(dir, None).await
    }

    async fn start_with(dir: &TempDir, callback_url: Option<Url>) -> Self {
        let (clock, stop) = (Clock::fixed(1_795_420_800_000), CancellationToken::new());
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let config = SandboxConfig {
            listen: any,
            pay_listen: any,
            data_dir: dir.path().to_owned(),
            app_id: APP_ID.to_owned(),
            app_secret: SECRET.to_owned(),
            token: TOKEN.to_owned(),
            aes_key: Some(AES_KEY.to_owned()),
            mch_id: MCH_ID.to_owned(),
            api_key: API_KEY.to_owned(),
            callback_url,
            transfer: kaijiang::demo::from_config(&kaijiang::config::Config::load(None).unwrap()).transfer,
            sms_access_key: "testAccessKeyId".to_owned(),
            sms_secret: "testAccessKeySecret".to_owned(),
            auto_open: None,
            crowd: vec![CrowdPerson {
                name: "王小明".to_owned(),
                phone: CROWD_PHONE.to_owned(),
                staff_no: String::new(),
            }],
            plan: sandbox::Plan::default(),
            clock: clock.clone(),
        };
        let running = sandbox::start(config, stop.clone()).await.expect("the sandbox starts");
        let read = |path| std::fs::read(path).expect("a PEM file");
        let trusted = tls::authorities(&read(&running.ca_pem)).expect("an authority");
        let identity = tls::identity(&read(&running.cert_pem), &read(&running.key_pem)).expect("a pair");
        let pay =
            reqwest::Client::builder().tls_certs_only(trusted).identity(identity).build().expect("a client");
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .tls_certs_only([])
            .build()
            .expect("a client");
        let far = Self { running, http, pay, clock, stop: stop.drop_guard() };
        far.authorize(OPENID, "").await;
        far
    }

    /// Logs a person in at the account's platform; gives the code.
    async fn authorize(&self, openid: &str, more: &str) -> String {
        let back = Url::parse("http://127.0.0.1:1/back").expect("a url");
        let url = self.account().authorize_url(&back, Scope::Base, "st4te");
        let url = url.replace("#wechat_redirect", &format!("&as={openid}{more}"));
        let answer = self.http.get(url).send().await.expect("an answer");
        assert_eq!(answer.status(), 302);
        assert_eq!(answer.headers()[HEADER], "1");
        let to = answer.headers()["location"].to_str().expect("text");
        let to = Url::parse(to).expect("a url");
        let pairs: Vec<(String, String)> = to.query_pairs().into_owned().collect();
        assert_eq!(pairs[1], ("state".to_owned(), "st4te".to_owned()));
        pairs[0].1.clone()
    }

    fn account(&self) -> Account {
        let base = Url::parse(&self.running.base()).expect("a url");
        Account::new(AccountConfig {
            app_id: APP_ID.to_owned(),
            app_secret: SECRET.into(),
            api_base: base.clone(),
            oauth_base: base,
        })
        .expect("a client")
    }

    async fn post_pay(&self, path: &str, fields: &[(&str, &str)], key: &str) -> reqwest::Result<Fields> {
        let signature = sign::sign(fields.iter().copied(), &SecretString::from(key));
        let mut fields = fields.to_vec();
        fields.push(("sign", &signature));
        let url = format!("{}/mmpaymkttransfers/{path}", self.running.pay_base());
        let answer = self.pay.post(url).body(xml::write(fields)).send().await?;
        assert_eq!(answer.headers()[HEADER], "1");
        Ok(xml::parse(&answer.bytes().await?).unwrap_or_default())
    }

    async fn send(&self, bill_no: &str, amount: &str) -> reqwest::Result<Fields> {
        self.post_pay("sendredpack", &order(bill_no, amount), API_KEY).await
    }

    async fn query(&self, bill_no: &str) -> Fields {
        let fields = [
            ("nonce_str", "n"),
            ("mch_billno", bill_no),
            ("mch_id", MCH_ID),
            ("appid", APP_ID),
            ("bill_type", "MCHT"),
        ];
        self.post_pay("gethbinfo", &fields, API_KEY).await.expect("an answer")
    }

    async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        let url = format!("{}{path}", self.running.base());
        let answer = self.http.post(url).json(&body).send().await.expect("an answer");
        assert_eq!(answer.headers()[HEADER], "1");
        (answer.status().as_u16(), answer.json().await.expect("JSON"))
    }

    async fn get(&self, path: &str) -> Value {
        let url = format!("{}{path}", self.running.base());
        self.http.get(url).send().await.expect("an answer").json().await.expect("JSON")
    }

    async fn fault(&self, fault: Value) {
        assert_eq!(self.post("/sandbox/faults", fault).await.0, 201);
    }
}

fn order<'a>(bill_no: &'a str, amount: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("nonce_str", "5K8264ILTKCH16CQ2502SI8ZNMTM67VS"),
        ("mch_billno", bill_no),
        ("mch_id", MCH_ID),
        ("wxappid", APP_ID),
        ("send_name", "天虹百货"),
        ("re_openid", OPENID),
        ("total_amount", amount),
        ("total_num", "1"),
        ("wishing", "感谢您参加活动，祝您好运！"),
        ("client_ip", "203.0.113.7"),
        ("act_name", "年会抽奖"),
        ("remark", "x]]>y & <z>"),
    ]
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

#[tokio::test]
async fn the_page_shows_what_came_and_takes_nothing_from_elsewhere() {
    let dir = folder();
    let far = Far::start(&dir).await;
    far.send("f1", "100").await.expect("an answer");
    let url = format!("{}/sandbox", far.running.base());
    let answer = far.http.get(url).send().await.expect("an answer");
    assert_eq!(answer.headers()[HEADER], "1");
    let page = answer.text().await.expect("a page");
    assert!(page.contains("<title>【沙箱】"));
    assert!(page.contains("f1") && page.contains("王小明"));
    let page = page.replace("<link rel=\"icon\" href=\"data:,\">", "");
    assert!(!page.contains("src=") && !page.contains("<link"));
    let missing = far.http.get(format!("{}/nowhere", far.running.base())).send().await.expect("an answer");
    assert_eq!(
        (missing.status().as_u16(), &missing.headers()[HEADER]),
        (404, &"1".parse().expect("a value"))
    );
}

/// A page without the cells of its tables: names of made-up people and what was sent to them stay as they are.
fn own_words(page: &str) -> String {
    let cells = page.split("<td>").map(|part| part.split_once("</td>").map_or(part, |(_, rest)| rest));
    cells.collect::<String>().replace("中文", "")
}

#[tokio::test]
async fn the_page_speaks_english_to_whoever_chose_it() {
    let dir = folder();
    let far = Far::start(&dir).await;
    far.send("e1", "100").await.expect("an answer");
    let url = format!("{}/sandbox", far.running.base());
    let chosen = far.http.get(format!("{url}?lang=en")).send().await.expect("an answer");
    let cookie = chosen.headers()["set-cookie"].to_str().expect("a cookie");
    let cookie = cookie.split(';').next().expect("a name").to_owned();
    let again = far.http.get(&url).header("cookie", cookie).send().await.expect("an answer");
    let (chosen, again) = (chosen.text().await.expect("a page"), again.text().await.expect("a page"));
    for page in [&chosen, &again] {
        assert!(page.contains("<title>[Sandbox]") && page.contains("lang=\"en\""));
        let left: String =
            own_words(page).chars().filter(|letter| ('\u{3400}'..='\u{9fff}').contains(letter)).collect();
        assert_eq!(left, "", "{page}");
    }
    let chinese = far.http.get(&url).send().await.expect("an answer").text().await.expect("a page");
    assert!(own_words(&chinese).contains("让微信支付出故障"));
}

#[tokio::test]
async fn it_stops_when_told() {
    let dir = folder();
    let far = Far::start(&dir).await;
    far.send("g1", "100").await.expect("an answer");
    let Far { running, stop, pay, http, .. } = far;
    drop((pay, http, stop));
    running.stopped().await;
    assert!(tokio::net::TcpStream::connect(running.addr).await.is_err());
}
