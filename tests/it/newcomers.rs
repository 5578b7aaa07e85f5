//! Who is new, when people try to be new once more, and when WeChat's news are lost.

use kaijiang::people::xlsx_out::demo_people;
use reqwest::StatusCode;
use serde_json::json;

use crate::{
    harness::{Api, both, force},
    referral::Club,
};

const CALM: i64 = 660_000;
const DAY: i64 = 24 * 3_600_000;

#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_was_there_before() {
    for backend in both() {
        let club = Club::new(backend, 1, json!({})).await;
        let code = club.code(0).await;
        // Followed before this server was there: the first that it hears of them is that they leave.
        let mut old = club.phone("oFollowedBeforeUs00001");
        club.event(&old.openid, "unsubscribe", "").await;
        club.event(&old.openid, "subscribe", &format!("r_{code}")).await;
        assert_eq!(club.bind(&mut old, 7).await.0, StatusCode::OK);
        assert_eq!(club.scan(&old, &code).await.1["kept"], false);
        assert!(club.listed().await.is_empty(), "an old follower is paid for as a new one");
        club.rig.evening.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_asked_for_and_does_not_follow_can_still_be_new() {
    for backend in both() {
        let club = Club::new(backend, 1, json!({})).await;
        let code = club.code(0).await;
        let mut fresh = club.phone("oNeverFollowedYet00001");
        fresh.log_in().await;
        assert_eq!(club.scan(&fresh, &code).await.1["kept"], true, "user/info said no");
        club.event(&fresh.openid, "subscribe", "").await;
        assert_eq!(club.bind(&mut fresh, 7).await.0, StatusCode::OK);
        assert_eq!(club.listed().await.len(), 1);
        club.rig.evening.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whose_data_was_removed_is_not_new_when_they_come_back() {
    for backend in both() {
        let club = Club::new(backend, 2, json!({})).await;
        let code = club.code(0).await;
        let rig = &club.rig;
        let name = demo_people(2)[1].name.clone();
        let people = rig.host().get(&rig.path(&format!("/people?search={name}"))).await;
        let id = people["people"][0]["id"].as_str().unwrap();
        let owner = rig.evening.staff("owner");
        owner.post(&rig.path(&format!("/people/{id}/erase")), json!({ "confirm": name })).await;
        let openid = rig.phones[1].openid.clone();
        let row = sqlx::query("select openid from follower where openid = $1").bind(&openid);
        assert!(row.fetch_optional(rig.evening.app.db().read()).await.unwrap().is_none(), "the row is gone");
        let kept = sqlx::query_as::<_, (String,)>("select mark from follower_before");
        let kept = kept.fetch_all(rig.evening.app.db().read()).await.unwrap();
        assert!(kept.len() == 1 && !kept[0].0.contains(&openid), "{kept:?}");
        let mut back = club.phone(&openid);
        club.event(&openid, "unsubscribe", "").await;
        force(rig.evening.app.db(), "delete from follower", &[]).await;
        club.event(&openid, "subscribe", &format!("r_{code}")).await;
        rig.pass(CALM);
        assert_eq!(club.bind(&mut back, 7).await.0, StatusCode::OK);
        assert!(club.listed().await.is_empty(), "an erased follower is paid for as a new one");
        club.rig.evening.stop().await;
    }
}

/// They belong to no meeting that could end.
#[tokio::test(flavor = "multi_thread")]
async fn who_only_ever_followed_is_forgotten_and_still_not_new() {
    for backend in both() {
        let club = Club::new(backend, 1, json!({})).await;
        let code = club.code(0).await;
        let (rig, mut passer) = (&club.rig, club.phone("oOnlyPassingBy00000001"));
        let days = i64::from(rig.evening.app.config().privacy.keep_days);
        let here = async |openid: &str| {
            let row = sqlx::query("select openid from follower where openid = $1").bind(openid.to_owned());
            row.fetch_optional(rig.evening.app.db().read()).await.unwrap().is_some()
        };
        club.event(&passer.openid, "subscribe", "").await;
        rig.evening
            .eventually("the follow is known", async || here(&passer.openid).await.then_some(()))
            .await;
        kaijiang::privacy::sweep(&rig.evening.app).await.unwrap();
        assert!(here(&passer.openid).await, "too early");
        // WeChat counts seconds.
        rig.pass(days * DAY + 1_000);
        kaijiang::privacy::sweep(&rig.evening.app).await.unwrap();
        assert!(!here(&passer.openid).await);
        assert!(here(&rig.phones[0].openid).await, "who is in a meeting stays until that is over");
        club.event(&passer.openid, "subscribe", &format!("r_{code}")).await;
        rig.pass(CALM);
        assert_eq!(club.bind(&mut passer, 7).await.0, StatusCode::OK);
        assert!(club.listed().await.is_empty(), "a forgotten follower is paid for as a new one");
        club.rig.evening.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follow_that_nobody_told_of_counts_all_the_same() {
    for backend in both() {
        let club = Club::new(backend, 1, json!({})).await;
        let code = club.code(0).await;
        let mut fresh = club.phone("oCallbackWasLost000001");
        let far = Api::new(&club.rig.evening.sandbox, String::new());
        let nowhere = format!("{}/nowhere", club.rig.evening.sandbox);
        let lost = json!({
            "openid": fresh.openid, "event": "subscribe", "key": format!("r_{code}"), "url": nowhere,
        });
        far.post("/sandbox/callbacks", lost).await;
        fresh.log_in().await;
        // Whoever looks at their page is asked for, where the meeting wants followers.
        kaijiang::people::follow::follows(&club.rig.evening.app, &fresh.openid).await.unwrap();
        assert_eq!(club.bind(&mut fresh, 7).await.0, StatusCode::OK);
        let all = club.listed().await;
        assert_eq!((all.len(), &all[0]["way"]), (1, &json!("qr")), "{all:?}");
        club.rig.evening.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_wechat_does_not_answer_nobody_is_taken_for_new() {
    for backend in both() {
        let club = Club::new(backend, 1, json!({})).await;
        let code = club.code(0).await;
        let mut phone = club.phone("oWhileWechatIsAway0001");
        phone.log_in().await;
        let away = json!({ "wechat": { "api_base": "http://127.0.0.1:9" } });
        let mut rig = club.rig;
        rig.evening.restart_with(&away).await;
        let (status, body) = phone.try_post("/me/referral/scan", json!({ "code": code })).await;
        assert_eq!((status.as_u16(), &body["code"]), (503, &json!("unavailable")));
        rig.evening.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_came_after_a_snapshot_page_is_looked_at() {
    for backend in both() {
        let club = Club::new(backend, 1, json!({ "delay_ms": 0 })).await;
        let code = club.code(0).await;
        // By the link, whose scan the page sends; and by the account's QR code, of which the browser knows nothing.
        let mut link = club.phone("oSnapshotByTheLink0001");
        link.see_snapshot().await;
        link.log_in().await;
        assert_eq!(club.scan(&link, &code).await.1["kept"], true);
        club.event(&link.openid, "subscribe", "").await;
        assert_eq!(club.bind(&mut link, 4).await.0, StatusCode::OK);
        club.rig.pass(CALM);
        let mut qr = club.phone("oSnapshotByTheQrCode01");
        club.event(&qr.openid, "subscribe", &format!("r_{code}")).await;
        qr.see_snapshot().await;
        assert_eq!(club.bind(&mut qr, 5).await.0, StatusCode::OK);
        let all = club.listed().await;
        assert_eq!(all.len(), 2, "{all:?}");
        for one in all {
            assert_eq!((&one["state"], &one["signals"]), (&json!("review"), &json!(["snapshot"])), "{one}");
        }
        club.rig.evening.stop().await;
    }
}
