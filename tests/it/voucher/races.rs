//! Many at once.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::{Desk, photo};
use crate::harness::{Backend, both};

fn counted(answers: &[(StatusCode, Value)]) -> (usize, Vec<String>) {
    let good = answers.iter().filter(|(status, _)| status.is_success()).count();
    let bad = answers.iter().filter(|(status, _)| !status.is_success());
    (
        good,
        bad.map(|(status, body)| format!("{} {}", status.as_u16(), body["code"].as_str().unwrap_or("")))
            .collect(),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn two_reviewers_never_get_the_same_voucher() {
    for backend in both() {
        let desk = Desk::with(backend, 2, json!({ "per_person": 10 }), 10_000).await;
        for at in 0..6 {
            desk.sent(usize::try_from(at % 2).unwrap(), &format!("SO-{at}"), at + 1).await;
        }
        let (mut one, mut two): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
        for _ in 0..3 {
            let (first, second) = (desk.reviewer(), desk.second());
            let path = desk.rig.path("/voucher-review/next");
            let (mine, theirs) = tokio::join!(first.post(&path, json!({})), second.post(&path, json!({})));
            for (by, next, seen) in [(&first, mine, &mut one), (&second, theirs, &mut two)] {
                let voucher = &next["next"]["voucher"];
                let id = voucher["id"].as_str().unwrap().to_owned();
                let accept = desk.rig.path(&format!("/vouchers/{id}/accept"));
                by.post(&accept, json!({ "version": voucher["version"] })).await;
                seen.push(id);
            }
        }
        let all: BTreeSet<_> = one.iter().chain(&two).collect();
        assert_eq!(all.len(), 6, "each voucher was judged by one: {one:?} {two:?}");
        assert_eq!(desk.packets().await.len(), 6);
        desk.rig.evening.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_presses_at_once_pay_once() {
    for backend in both() {
        let desk = Desk::new(backend, 1).await;
        let id = desk.sent(0, "SO-1", 1).await;
        let (reviewer, second) = (desk.reviewer(), desk.second());
        let version = desk.take(&reviewer, &id).await;
        let accept = desk.rig.path(&format!("/vouchers/{id}/accept"));
        let reject = desk.rig.path(&format!("/vouchers/{id}/reject"));
        let seen = json!({ "version": version });
        let no = json!({ "version": version, "reason": "不清楚" });
        let presses = (0..20).map(|at| {
            let (by, path, body) = match at % 4 {
                0 | 1 => (&reviewer, &accept, &seen),
                2 => (&second, &accept, &seen),
                _ => (&reviewer, &reject, &no),
            };
            by.try_post(path, body.clone())
        });
        let answers = join_all(presses).await;
        let (good, bad) = counted(&answers);
        assert_eq!(good, 1, "{answers:?}");
        assert!(bad.iter().all(|why| why.starts_with("409 ")), "{bad:?}");
        let state = desk.mine(0, &id).await["state"].clone();
        let packets = desk.packets().await.len();
        assert_eq!(packets, usize::from(state == "accepted"), "{state}");
        if state == "accepted" {
            desk.until(0, &id, "received").await;
            desk.rig.books(0, 888).await;
        }
        desk.rig.evening.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_file_at_once_from_many_counts_for_one() {
    for backend in both() {
        let desk = Desk::new(backend, 6).await;
        let mut drafts = Vec::new();
        for guest in 0..6 {
            drafts.push(desk.draft(guest, &format!("SO-{guest}")).await);
        }
        let photo = photo(1);
        let uploads = drafts.iter().enumerate().map(|(guest, id)| desk.upload(guest, id, 1, &photo));
        let answers = join_all(uploads).await;
        let (good, bad) = counted(&answers);
        assert_eq!((good, bad), (1, vec!["409 voucher_duplicate".to_owned(); 5]), "{answers:?}");
        desk.rig.evening.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_order_at_once_from_many_counts_for_one() {
    for backend in both() {
        let desk = Desk::new(backend, 6).await;
        let mut drafts = Vec::new();
        for guest in 0..6 {
            let id = desk.draft(guest, "SO-1").await;
            let seed = u32::try_from(guest).unwrap() + 1;
            assert_eq!(desk.upload(guest, &id, 1, &photo(seed)).await.0, StatusCode::OK);
            drafts.push(id);
        }
        let answers = join_all(drafts.iter().enumerate().map(|(guest, id)| desk.send(guest, id))).await;
        let (good, bad) = counted(&answers);
        assert_eq!((good, bad), (1, vec!["409 voucher_duplicate".to_owned(); 5]), "{answers:?}");
        desk.rig.evening.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_double_posts_make_one_voucher_and_no_more_than_allowed() {
    for backend in both() {
        let desk = Desk::with(backend, 1, json!({ "per_person": 1 }), 10_000).await;
        let body = json!({ "campaign_id": desk.campaign, "fields": { "order_no": "SO-1" } });
        let same = (0..20).map(|_| {
            let request = desk.guest(0).request(reqwest::Method::POST, "/vouchers");
            crate::harness::answer(request.header("idempotency-key", "one").json(&body))
        });
        let answers = join_all(same).await;
        let ids: BTreeSet<_> = answers.iter().map(|(_, body)| body["id"].to_string()).collect();
        assert_eq!(ids.len(), 1, "{answers:?}");
        // Without a key each is a draft of its own, up to five.
        let answers = join_all((0..20).map(|_| desk.guest(0).try_post("/vouchers", body.clone()))).await;
        let (good, bad) = counted(&answers);
        assert_eq!((good, bad), (4, vec!["409 too_many_drafts".to_owned(); 16]), "{answers:?}");
        // All five are sent at once: one is allowed.
        let mine = desk.guest(0).get("/me/vouchers").await;
        let drafts: Vec<_> =
            mine["vouchers"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap()).collect();
        for (seed, id) in (1..).zip(&drafts) {
            let change = json!({ "fields": { "order_no": format!("N{seed}") } });
            let patch = desk.guest(0).request(reqwest::Method::PATCH, &format!("/vouchers/{id}"));
            crate::harness::answer(patch.json(&change)).await;
            assert_eq!(desk.upload(0, id, 1, &photo(seed)).await.0, StatusCode::OK);
        }
        let answers = join_all(drafts.iter().map(|id| desk.send(0, id))).await;
        let (good, bad) = counted(&answers);
        assert_eq!((good, bad), (1, vec!["409 person_limit".to_owned(); 4]), "{answers:?}");
        desk.rig.evening.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_piece_twenty_times_makes_one_photo() {
    let desk = Desk::new(Backend::Light, 1).await;
    let id = desk.draft(0, "SO-1").await;
    let photo = photo(1);
    desk.piece(0, (&id, 1), &photo, (0, &photo[..20_000])).await;
    let last = (0..20).map(|_| desk.piece(0, (&id, 1), &photo, (20_000, &photo[20_000..])));
    let answers = join_all(last).await;
    let (good, bad) = counted(&answers);
    assert!(good >= 1 && bad.iter().all(|why| why == "409 offset"), "{answers:?}");
    let mine = desk.mine(0, &id).await;
    assert_eq!((mine["photos"].as_array().unwrap().len(), &mine["photos"][0]["ready"]), (1, &json!(true)));
    desk.rig.evening.stop().await;
}
