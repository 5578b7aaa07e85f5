//! What a campaign allows, and what counts twice.

use image::{ImageFormat, imageops::FilterType};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{Desk, encoded, photo, picture, plain};
use crate::harness::{Backend, Phone, answer, both};

#[tokio::test(flavor = "multi_thread")]
async fn a_file_and_an_order_count_once_and_likeness_is_shown() {
    for backend in both() {
        let desk = Desk::new(backend, 3).await;
        let first = desk.sent(0, "SO-1", 1).await;
        for (guest, words) in [(0, "您已经"), (1, "其他人")] {
            let id = desk.draft(guest, "SO-2").await;
            let (status, body) = desk.upload(guest, &id, 1, &photo(1)).await;
            assert_eq!(
                (status, &body["code"]),
                (StatusCode::CONFLICT, &json!("voucher_duplicate")),
                "{body}"
            );
            assert!(body["detail"].as_str().unwrap().contains(words), "{body}");
            let (status, _) = desk.upload(guest, &id, 1, &photo(20 + u32::try_from(guest).unwrap())).await;
            assert_eq!(status, StatusCode::OK);
            let change = json!({ "fields": { "order_no": "so 1" } });
            let patch = desk.guest(guest).request(Method::PATCH, &format!("/vouchers/{id}"));
            assert_eq!(answer(patch.json(&change)).await.0, StatusCode::OK);
            let (status, body) = desk.send(guest, &id).await;
            assert_eq!(
                (status, &body["code"]),
                (StatusCode::CONFLICT, &json!("voucher_duplicate")),
                "{body}"
            );
            assert!(body["detail"].as_str().unwrap().contains(words), "{body}");
            assert!(!body.to_string().contains(&first), "whose it is stays secret: {body}");
        }
        // The same picture, smaller and as JPEG: taken, and shown to the reviewer.
        let id = desk.draft(2, "SO-9").await;
        let near = picture(1).resize(200, 150, FilterType::Triangle);
        desk.upload(2, &id, 1, &encoded(&near, ImageFormat::Jpeg)).await;
        assert_eq!(desk.send(2, &id).await.0, StatusCode::OK);
        let seen = desk.reviewer().get(&desk.rig.path(&format!("/vouchers/{id}"))).await;
        assert_eq!(
            (&seen["flags"][0]["voucher_id"], &seen["flags"][0]["own"]),
            (&json!(first), &json!(false)),
            "{seen}"
        );
        let clean = desk.reviewer().get(&desk.rig.path(&format!("/vouchers/{first}"))).await;
        assert_eq!(clean["flags"], json!([]));
        desk.rig.evening.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_campaign_rewards_no_file_and_no_order_once_more() {
    for backend in both() {
        let mut desk = Desk::new(backend, 2).await;
        let first = desk.sent(0, "SO-1", 1).await;
        // Begun in the first campaign, too: its photo is there before the other one's.
        let slow = desk.draft(1, "SO-7").await;
        let mut rules = plain();
        rules["budget_id"] = json!(desk.budget);
        let other = json!({ "name": "冬季促销", "rules": rules });
        let other = desk.rig.host().post(&desk.rig.path("/voucher-campaigns"), other).await;
        desk.campaign = other["id"].as_str().unwrap().to_owned();
        let id = desk.draft(0, "so 1").await;
        let (status, body) = desk.upload(0, &id, 1, &photo(1)).await;
        assert_eq!((status.as_u16(), &body["code"]), (409, &json!("voucher_duplicate")), "the same file");
        assert_eq!(desk.upload(0, &id, 1, &photo(2)).await.0, StatusCode::OK);
        let (status, body) = desk.send(0, &id).await;
        assert_eq!((status.as_u16(), &body["code"]), (409, &json!("voucher_duplicate")), "the same order");
        // Likeness is looked for everywhere, too.
        let near = desk.draft(1, "SO-9").await;
        let picture = picture(1).resize(200, 150, FilterType::Triangle);
        desk.upload(1, &near, 1, &encoded(&picture, ImageFormat::Jpeg)).await;
        assert_eq!(desk.send(1, &near).await.0, StatusCode::OK);
        let seen = desk.reviewer().get(&desk.rig.path(&format!("/vouchers/{near}"))).await;
        assert_eq!(seen["flags"][0]["voucher_id"], json!(first), "{seen}");
        // Both photos on their way before either is whole: the later one is found when it is sent.
        let fast = desk.draft(0, "SO-8").await;
        let whole = photo(5);
        let (head, tail) = whole.split_at(whole.len() - 10);
        for (guest, voucher) in [(1, &slow), (0, &fast)] {
            let (status, body) = desk.piece(guest, (voucher, 1), &whole, (0, head)).await;
            assert!(status.is_success(), "{body}");
        }
        for (guest, voucher) in [(1, &slow), (0, &fast)] {
            let (status, body) = desk.piece(guest, (voucher, 1), &whole, (head.len(), tail)).await;
            assert!(status.is_success(), "{body}");
        }
        assert_eq!(desk.send(1, &slow).await.0, StatusCode::OK);
        let (status, body) = desk.send(0, &fast).await;
        assert_eq!((status.as_u16(), &body["code"]), (409, &json!("voucher_duplicate")), "{body}");
        desk.rig.evening.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn most_per_person_period_and_fields_hold() {
    let now = 1_795_406_400_000_i64;
    let over = json!({ "per_person": 1, "ends_at": now + 3_600_000, "amount": { "mode": "table", "rows": [
        { "name": "小单", "fen": 100 }, { "name": "大单", "fen": 500 }] } });
    let desk = Desk::with(Backend::Light, 1, over, 10_000).await;
    let phone = desk.guest(0);
    let bad = json!({ "campaign_id": desk.campaign, "item": 2 });
    assert_eq!(phone.try_post("/vouchers", bad).await.1["code"], "item");
    let empty = json!({ "campaign_id": desk.campaign, "item": 1 });
    let (_, draft) = phone.try_post("/vouchers", empty).await;
    assert_eq!((&draft["amount_fen"], &draft["item_name"]), (&json!(500), &json!("大单")));
    let id = draft["id"].as_str().unwrap();
    let (status, body) = desk.send(0, id).await;
    assert_eq!(
        (status.as_u16(), &body["code"], &body["field"]),
        (422, &json!("missing"), &json!("fields.order_no"))
    );
    let patch = phone.request(Method::PATCH, &format!("/vouchers/{id}"));
    answer(patch.json(&json!({ "fields": { "order_no": "A1" }, "item": 1 }))).await;
    assert_eq!(desk.send(0, id).await.1["code"], "photos_missing");
    desk.upload(0, id, 1, &photo(1)).await;
    let (status, sent) = desk.send(0, id).await;
    assert_eq!((status, &sent["amount_fen"]), (StatusCode::OK, &json!(500)), "{sent}");
    let more = desk.draft(0, "A2").await;
    desk.upload(0, &more, 1, &photo(2)).await;
    assert_eq!(desk.send(0, &more).await.1["code"], "person_limit");
    desk.rig.pass(3_600_000);
    assert_eq!(desk.send(0, &more).await.1["code"], "campaign_closed");
    let late = json!({ "campaign_id": desk.campaign });
    assert_eq!(phone.try_post("/vouchers", late).await.1["code"], "campaign_closed");
    let (status, _) = answer(phone.request(Method::DELETE, &format!("/vouchers/{more}"))).await;
    assert_eq!(status, StatusCode::OK);
    let (_, body) = answer(phone.request(Method::DELETE, &format!("/vouchers/{id}"))).await;
    assert_eq!(body["code"], "voucher_sent");
    let mine = phone.get("/me/vouchers").await;
    assert_eq!((&mine["campaigns"][0]["open"], &mine["campaigns"][0]["left"]), (&json!(false), &json!(0)));
    assert_eq!(mine["campaigns"][0]["rules"]["budget_id"], Value::Null, "phones see no budget");
    desk.rig.evening.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_rules_are_named() {
    let desk = Desk::new(Backend::Light, 1).await;
    let path = desk.rig.path("/voucher-campaigns");
    let host = desk.rig.host();
    for (key, value, code) in [
        ("amount", json!({ "mode": "fixed", "fen": 0 }), "amount_range"),
        ("amount", json!({ "mode": "fixed", "fen": 20_001 }), "amount_range"),
        ("amount", json!({ "mode": "fixed", "fen": 0.5 }), "amount_precision"),
        ("amount", json!({ "mode": "table", "rows": [] }), "invalid"),
        ("per_person", json!(0), "invalid"),
        ("photos_max", json!(0), "invalid"),
        ("budget_id", json!("nobody"), "budget_purpose"),
        ("ends_at", json!(-1), "invalid"),
        (
            "fields",
            json!([{ "field": "shop", "required": true }, { "field": "shop", "required": true }]),
            "invalid",
        ),
    ] {
        let mut rules = plain();
        rules[key] = value;
        let refused = host.refused(&path, json!({ "name": "促销", "rules": rules }), 422, code).await;
        assert!(refused["field"].as_str().unwrap_or("").starts_with("rules"), "{key}: {refused}");
    }
    // Money of rounds pays no vouchers, and the other way round.
    let rounds = desk.rig.budget(5_000).await;
    let mut rules = plain();
    rules["budget_id"] = json!(rounds);
    host.refused(&path, json!({ "name": "促销", "rules": rules }), 422, "budget_purpose").await;
    desk.reviewer().refused(&path, json!({ "name": "促销", "rules": plain() }), 403, "role").await;
    let campaign = format!("{path}/{}", desk.campaign);
    let stale = json!({ "version": 9, "name": "促销", "status": "open", "rules": plain() });
    let (status, body) = answer(host.request(Method::PATCH, &campaign).json(&stale)).await;
    assert_eq!((status.as_u16(), &body["code"]), (409, &json!("stale")), "{body}");
    desk.rig.evening.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_bound_sends_nothing() {
    let desk = Desk::new(Backend::Light, 1).await;
    let mut stranger = Phone::new(&desk.rig.evening, &desk.rig.meeting, "oStrangerWithoutPhone01");
    let body = json!({ "campaign_id": desk.campaign });
    assert_eq!(stranger.try_post("/vouchers", body.clone()).await.0, StatusCode::UNAUTHORIZED);
    stranger.follow().await;
    stranger.log_in().await;
    let (status, answer) = stranger.try_post("/vouchers", body).await;
    assert_eq!((status, &answer["code"]), (StatusCode::FORBIDDEN, &json!("not_bound")));
    desk.rig.evening.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_judges_what_the_own_phone_sent() {
    let desk = Desk::new(Backend::Light, 1).await;
    let id = desk.sent(0, "SO-1", 1).await;
    let reviewer = desk.reviewer();
    let with_phone = |path: &str| {
        reviewer
            .request(Method::POST, &desk.rig.path(path))
            .header("cookie", &desk.guest(0).cookie)
            .json(&json!({}))
    };
    let (status, body) = answer(with_phone(&format!("/vouchers/{id}/lock"))).await;
    assert_eq!((status.as_u16(), &body["code"]), (403, &json!("own_voucher")), "{body}");
    let (_, body) = answer(with_phone("/voucher-review/next")).await;
    assert_eq!(body["next"], Value::Null);
    desk.rig.evening.stop().await;
}
