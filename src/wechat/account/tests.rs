//! The client's answers to what the account says.

use super::*;

fn account() -> Account {
    Account::new(AccountConfig {
        app_id: "wx1".to_owned(),
        app_secret: "s3cret".into(),
        api_base: Url::parse("http://127.0.0.1:9/api").expect("a url"),
        oauth_base: Url::parse("https://open.weixin.qq.com").expect("a url"),
    })
    .expect("a client")
}

#[test]
fn the_authorization_address_has_the_wanted_order_and_fragment() {
    let back = Url::parse("https://a.example/m/x/back?y=1").expect("a url");
    assert_eq!(
        account().authorize_url(&back, Scope::Base, "abc"),
        "https://open.weixin.qq.com/connect/oauth2/authorize?appid=wx1\
         &redirect_uri=https%3A%2F%2Fa.example%2Fm%2Fx%2Fback%3Fy%3D1&response_type=code\
         &scope=snsapi_base&state=abc#wechat_redirect"
    );
}

#[test]
fn a_base_may_have_a_path() {
    let account = account();
    let url = endpoint(&account.config.api_base, "cgi-bin/user/info");
    assert_eq!(url.as_str(), "http://127.0.0.1:9/api/cgi-bin/user/info");
}

#[test]
fn answers_are_read_by_their_errcode() {
    let error = |code: i64| {
        read::<OauthAnswer>(format!("{{\"errcode\":{code},\"errmsg\":\"x rid: 1\"}}").as_bytes())
            .err()
            .expect("an error")
    };
    assert_eq!(error(40163), AccountError::RestartLogin { errcode: 40163 });
    assert_eq!(error(40001), AccountError::TokenExpired { errcode: 40001 });
    assert_eq!(error(40164), AccountError::Config { errcode: 40164 });
    assert_eq!(error(43004), AccountError::User { errcode: 43004 });
    assert_eq!(error(45009), AccountError::Quota { errcode: 45009 });
    assert_eq!(error(-1), AccountError::Busy("errcode -1"));
    assert_eq!(error(77), AccountError::Unknown { errcode: 77 });
    assert!(matches!(read::<OauthAnswer>(b"<html>"), Err(AccountError::Busy(_))));
    assert!(matches!(read::<OauthAnswer>(b"{}"), Err(AccountError::Busy(_))));
    let snapshot = read::<OauthAnswer>(br#"{"openid":"o1","is_snapshotuser":1}"#).expect("readable");
    assert_eq!((snapshot.openid.as_str(), snapshot.is_snapshotuser), ("o1", 1));
    assert!(read::<Nothing>(br#"{"errcode":0,"errmsg":"ok"}"#).is_ok());
}

#[tokio::test]
async fn no_answer_is_busy_and_names_no_secret() {
    let error = account().exchange_code("c0de").await.err().expect("nothing listens on port 9");
    assert!(matches!(error, AccountError::Busy(_)));
    assert!(!error.to_string().contains("s3cret"));
}
