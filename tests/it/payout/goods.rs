//! Goods: handed out once, against the code of a confirmed winner, and signed off. The sender has no part in it.

use serde_json::{Value, json};

use super::Rig;
use crate::harness::both;

/// A drawn round whose two winners get a thing and `fen` of cash; their claim codes in order of rank.
async fn drawn(rig: &mut Rig, fen: i64) -> (i64, Vec<(usize, String)>) {
    let prize =
        json!({ "name": "幸运奖", "kind": if fen > 0 { "both" } else { "goods" }, "goods": "定制保温杯" });
    let prize = rig.host().post(&rig.path("/prizes"), prize).await;
    prize["id"].as_str().unwrap().clone_into(&mut rig.prize);
    let draw = rig.draw(2, fen).await;
    let mut codes = Vec::new();
    for (number, phone) in rig.phones.iter().enumerate() {
        let me = phone.get("/me").await;
        let won = me["wins"].as_array().unwrap().iter().find(|win| win["draw"] == draw);
        if let Some(win) = won {
            let code = win["claim_code"].as_str().unwrap().to_owned();
            codes.push((win["rank"].as_i64().unwrap(), number, code));
        }
    }
    codes.sort();
    (draw, codes.into_iter().map(|(_, number, code)| (number, code)).collect())
}

fn goods_of(awards: &Value, draw: i64) -> Vec<(i64, String)> {
    let awards = awards.as_array().unwrap().iter();
    let ours = awards.filter(|award| award["kind"] == "goods" && award["draw"] == draw);
    let mut found: Vec<_> = ours
        .map(|award| (award["rank"].as_i64().unwrap(), award["state"].as_str().unwrap().to_owned()))
        .collect();
    found.sort();
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn goods_are_handed_out_once_to_a_confirmed_winner_and_signed_off() {
    for backend in both() {
        let mut rig = Rig::new(backend, 3).await;
        rig.budget(1_000).await;
        let (draw, codes) = drawn(&mut rig, 100).await;
        assert_eq!(codes.len(), 2, "each winner sees a code on the own phone");
        assert_ne!(codes[0].1, codes[1].1);
        let (host, collect) = (rig.host(), rig.path("/awards/collect"));
        let code = json!({ "claim_code": codes[0].1 });
        host.refused(&collect, code.clone(), 409, "not_confirmed").await;
        rig.finance().refused(&collect, code.clone(), 403, "role").await;
        host.refused(&collect, json!({ "claim_code": "NOSUCH" }), 404, "not_found").await;
        let seat = |rank: i64| rig.path(&format!("/draws/{draw}/seats/{rank}"));
        host.post(&seat(1), json!({ "status": "present" })).await;
        host.post(&seat(2), json!({ "status": "absent" })).await;

        // Typed by hand at the desk, in small letters and with a blank around it.
        let typed = json!({ "claim_code": format!(" {} ", codes[0].1.to_lowercase()) });
        let award = host.post(&collect, typed).await;
        assert_eq!((&award["state"], &award["rank"]), (&json!("collected"), &json!(1)), "{award}");
        let again = host.refused(&collect, code, 409, "already_collected").await;
        let said = again["detail"].as_str().unwrap();
        assert!(said.contains("11月23日 12:00") && said.contains("host"), "when, and by whom: {said}");
        host.refused(&collect, json!({ "claim_code": codes[1].1 }), 409, "award_cancelled").await;
        let signed = "select cast(count(*) as bigint) from goods_handover h join staff s on s.id = h.staff_id \
                      where s.username = 'host'";
        let signed: i64 = sqlx::query_scalar(signed).fetch_one(rig.evening.app.db().read()).await.unwrap();
        assert_eq!(signed, 1, "one hand-out, signed by who did it");
        let awards = rig.finance().get(&rig.path("/awards")).await;
        assert_eq!(goods_of(&awards, draw), [(1, "collected".into()), (2, "suspended".into())]);
        // What was handed out cannot be taken away by calling the winner absent.
        host.refused(&seat(1), json!({ "status": "absent" }), 409, "already_paid").await;
        // The cash of the same prize goes its own way.
        rig.until(draw, "received").await;
        assert_eq!((rig.packets(draw).await.len(), rig.paid_fen().await), (1, 100));
        rig.evening.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_desks_at_once_hand_out_one_thing() {
    for backend in both() {
        let mut rig = Rig::new(backend, 2).await;
        let (draw, codes) = drawn(&mut rig, 0).await;
        let host = rig.host();
        host.post(&rig.path(&format!("/draws/{draw}/seats")), json!({ "status": "present" })).await;
        for (_, code) in codes {
            let (collect, body) = (rig.path("/awards/collect"), json!({ "claim_code": code }));
            let desks = (0..6).map(|_| host.try_post(&collect, body.clone()));
            let answers = futures_util::future::join_all(desks).await;
            let handed = answers.iter().filter(|(status, _)| status.is_success()).count();
            assert_eq!(handed, 1, "{answers:?}");
            let told = answers.iter().filter(|(_, body)| body["code"] == "already_collected").count();
            assert_eq!(told, 5, "{answers:?}");
        }
        assert!(rig.packets(draw).await.is_empty(), "goods never touch the sender");
        rig.evening.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_desk_sees_whom_a_code_belongs_to_and_the_list_that_is_signed() {
    for backend in both() {
        let mut rig = Rig::new(backend, 3).await;
        let (draw, codes) = drawn(&mut rig, 0).await;
        let (host, reviewer) = (rig.host(), rig.evening.staff("reviewer"));
        let (look, collect) = (rig.path("/awards/claim"), rig.path("/awards/collect"));
        let (winner, code) = &codes[0];
        let shown = json!({ "claim_code": code });
        let seen = reviewer.post(&look, shown.clone()).await;
        let name = &kaijiang::people::xlsx_out::demo_people(3)[*winner].name;
        assert_eq!((&seen["name"], &seen["state"]), (&json!(name), &json!("waiting")), "{seen}");
        assert_eq!((&seen["goods"], &seen["draw"]), (&json!("定制保温杯"), &json!(draw)));
        assert!(seen["phone"].as_str().unwrap().contains("****"), "{seen}");
        host.post(&rig.path(&format!("/draws/{draw}/seats")), json!({ "status": "present" })).await;
        assert_eq!(reviewer.post(&look, shown.clone()).await["state"], "payable", "looking changes nothing");

        // As it is read out: in groups, and with a letter that no code has.
        let spoken = format!("{} {}", &code[..4], &code[4..]).to_uppercase().replace('0', "O");
        reviewer.post(&collect, json!({ "claim_code": spoken })).await;
        let seen = host.post(&look, shown).await;
        let expected = (&json!("collected"), &json!("reviewer"), true);
        assert_eq!((&seen["state"], &seen["handed_by"], seen["handed_at"].is_i64()), expected, "{seen}");
        let me = rig.phones[*winner].get("/me").await;
        assert!(me["wins"][0]["handed_at"].is_i64(), "the winner's page says so too: {me}");

        let list = rig.finance().get(&rig.path("/awards/goods")).await;
        assert_eq!((&list["total"], &list["handed"]), (&json!(2), &json!(1)), "{list}");
        let whole = list.to_string();
        assert!(codes.iter().all(|(_, code)| !whole.contains(code.as_str())), "no code is on the list");
        let book = reviewer.bytes(&rig.path("/export?kind=handover")).await;
        let mut book: calamine::Xlsx<_> = calamine::Reader::new(std::io::Cursor::new(book)).unwrap();
        let sheet = calamine::Reader::worksheet_range(&mut book, "签收表").unwrap();
        let cells: Vec<String> = sheet.rows().map(|row| format!("{row:?}")).collect();
        assert_eq!(cells.len(), 3);
        assert!(cells.iter().any(|row| row.contains("已领取") && row.contains("reviewer")), "{cells:?}");
        assert!(cells.iter().any(|row| row.contains("待领取")), "{cells:?}");

        for role in ["finance", "auditor"] {
            let staff = rig.evening.staff(role);
            staff.refused(&look, json!({ "claim_code": code }), 403, "role").await;
        }
        host.refused(&look, json!({ "claim_code": "NOSUCH00" }), 404, "not_found").await;
        host.refused(&look, json!({ "claim_code": "abc" }), 422, "invalid").await;
        rig.evening.stop().await;
    }
}
