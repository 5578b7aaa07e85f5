//! Personal data: consent, one person's archive, and removal, after which no table and no file says who it was.

use std::{
    fs,
    io::{Cursor, Read},
    path::Path,
};

use kaijiang::{
    backup,
    chain::{self, Chain},
    db::Dialect,
    people::xlsx_out::demo_people,
    privacy,
};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Column, Row};

use crate::{
    evening::verify,
    harness::{Backend, TestApp, answer, both, force},
    payout::Rig,
    voucher::Desk,
};

/// Everything that SQL and the file store hold, by where it stands.
async fn dump(evening: &TestApp) -> Vec<(String, Vec<u8>)> {
    let db = evening.app.db();
    let tables = match db.dialect() {
        Dialect::Sqlite => "select name from sqlite_master where type = 'table'",
        Dialect::Postgres => {
            "select cast(table_name as text) from information_schema.tables where table_schema = 'public'"
        }
    };
    let mut found = Vec::new();
    for row in sqlx::query(tables).fetch_all(db.read()).await.unwrap() {
        let table: String = row.try_get(0).unwrap();
        if table.starts_with("_sqlx") || table.starts_with("sqlite_") {
            continue;
        }
        let text = AssertSqlSafe(format!("select * from {table}"));
        for row in sqlx::query(text).fetch_all(db.read()).await.unwrap() {
            for (at, column) in row.columns().iter().enumerate() {
                let value = backup::cell(&row, at).unwrap();
                let bytes = match value.get("hex") {
                    Some(hex) => hex::decode(hex.as_str().unwrap()).unwrap(),
                    None => value.to_string().into_bytes(),
                };
                found.push((format!("{table}.{}", column.name()), bytes));
            }
        }
    }
    let files = evening.dir.path().join("files");
    if files.is_dir() {
        folder(&files, &mut found);
    }
    if db.dialect() == Dialect::Sqlite {
        // Free pages and the log of old ones are part of the file, too.
        db.forget().await.unwrap();
        for name in ["kaijiang.db", "kaijiang.db-wal"] {
            let bytes = fs::read(evening.dir.path().join(name)).unwrap_or_default();
            found.push((name.to_owned(), bytes));
        }
    }
    found
}

fn folder(path: &Path, into: &mut Vec<(String, Vec<u8>)>) {
    for entry in fs::read_dir(path).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            folder(&path, into);
        } else {
            into.push((path.display().to_string(), fs::read(&path).unwrap()));
        }
    }
}

/// Where one of these texts stands.
fn places(dump: &[(String, Vec<u8>)], texts: &[String]) -> Vec<String> {
    let holds = |bytes: &[u8], text: &str| bytes.windows(text.len()).any(|part| part == text.as_bytes());
    let mut found: Vec<String> = texts
        .iter()
        .flat_map(|text| {
            let hits = dump.iter().filter(move |(_, bytes)| holds(bytes, text));
            hits.map(move |(place, _)| format!("{place}: {text}"))
        })
        .collect();
    found.sort();
    found.dedup();
    found
}

/// The guest's row on the roster.
async fn row(rig: &Rig, guest: usize) -> Value {
    let phone = &demo_people(guest + 1)[guest].phone;
    let page = rig.host().get(&rig.path(&format!("/people?search={phone}"))).await;
    page["people"][0].clone()
}

/// What only this guest is called.
async fn names(rig: &Rig, guest: usize) -> Vec<String> {
    let person = &demo_people(guest + 1)[guest];
    let id = row(rig, guest).await["id"].as_str().unwrap().to_owned();
    let kept = sqlx::query("select phone_index from person where id = $1").bind(id);
    let index: String = kept.fetch_one(rig.evening.app.db().read()).await.unwrap().try_get(0).unwrap();
    vec![
        person.name.clone(),
        person.phone.clone(),
        person.staff_no.clone(),
        rig.phones[guest].openid.clone(),
        rig.phones[guest].salt.clone(),
        index,
    ]
}

async fn proved(rig: &Rig) {
    let bundle = rig.host().bytes(&rig.path("/proof")).await;
    let file = rig.evening.dir.path().join("proof.json");
    fs::write(&file, bundle).unwrap();
    let (code, said) = verify(&file);
    assert_eq!(code, Some(0), "{said}");
}

/// A guest who won, was paid, and was paid for a voucher.
async fn story(backend: Backend) -> (Desk, String) {
    let desk = Desk::new(backend, 3).await;
    let rig = &desk.rig;
    let voucher = desk.sent(0, "SO-20261123-77", 1).await;
    desk.accept(&desk.reviewer(), &voucher).await;
    desk.until(0, &voucher, "received").await;
    rig.budget(1_000).await;
    let draw = rig.win(3, 188).await;
    rig.until(draw, "received").await;
    let id = row(rig, 0).await["id"].as_str().unwrap().to_owned();
    (desk, id)
}

fn read_archive(bytes: Vec<u8>) -> (String, Vec<String>) {
    let mut zip = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    let names: Vec<String> = zip.file_names().map(|name| name.unwrap().into_owned()).collect();
    let mut text = String::new();
    zip.by_name("person.json").unwrap().read_to_string(&mut text).unwrap();
    (text, names)
}

#[tokio::test(flavor = "multi_thread")]
async fn after_removal_nothing_says_who_it_was() {
    for backend in both() {
        let (desk, id) = story(backend).await;
        let rig = &desk.rig;
        let texts = [names(rig, 0).await, vec!["SO-20261123-77".into(), "SO2026112377".into()]].concat();
        let others = names(rig, 1).await;
        let before = dump(&rig.evening).await;
        let held = places(&before, &texts).join("\n");
        for place in
            ["person.name", "binding.openid", "packet.openid", "event.data", "voucher.fields", "call.raw"]
        {
            assert!(held.contains(place), "the dump should find {place}: {held}");
        }
        let photos = before.iter().filter(|(place, _)| place.ends_with("full.jpg")).count();
        assert_eq!(photos, 1);

        let record = rig.path(&format!("/people/{id}/record"));
        rig.evening.staff("finance").refused_get(&record, 403, "role").await;
        let (text, files) = read_archive(rig.host().bytes(&record).await);
        for part in [texts[0].as_str(), &texts[1], &texts[3], "SO-20261123-77", "consent_version"] {
            assert!(text.contains(part), "{part} belongs in the archive: {text}");
        }
        assert!(!text.contains(&others[0]) && !text.contains(&others[3]), "{text}");
        assert_eq!(files.iter().filter(|name| name.contains(".jpg")).count(), 1, "{files:?}");

        let erase = rig.path(&format!("/people/{id}/erase"));
        rig.host().refused(&erase, json!({ "confirm": texts[0] }), 403, "role").await;
        let owner = rig.evening.staff("owner");
        owner.refused(&erase, json!({ "confirm": "别人" }), 422, "confirm").await;
        owner
            .refused(&rig.path("/people/nobody/erase"), json!({ "confirm": "别人" }), 404, "not_found")
            .await;
        owner.post(&erase, json!({ "confirm": texts[0] })).await;
        let after = dump(&rig.evening).await;
        assert_eq!(places(&after, &texts), Vec::<String>::new(), "{backend:?}");
        assert!(!after.iter().any(|(place, _)| place.contains(".jpg")), "the photo is gone");
        assert!(!places(&after, &others).is_empty(), "others stay");

        proved(rig).await;
        rig.books(0, 888 + 3 * 188).await;
        assert!(chain::verify(rig.evening.app.db(), Chain::Audit).await.unwrap().is_ok());
        let draws = rig.host().get(&rig.path("/draws")).await.to_string();
        assert!(draws.contains("已删除") && draws.contains(&others[0]), "{draws}");
        let trail = owner.get("/api/audit").await.to_string();
        assert!(trail.contains("person.erase") && trail.contains("person.export"), "{trail}");
        // Once more changes nothing, and the archive is empty of the person.
        owner.post(&erase, json!({ "confirm": "" })).await;
        let (text, _) = read_archive(rig.host().bytes(&record).await);
        assert!(texts.iter().all(|part| !text.contains(part)), "{text}");
        // The phone is a stranger's now.
        assert_eq!(rig.phones[0].get("/me").await["step"], "bind");
        desk.rig.evening.stop().await;
    }
}

/// A winner who is then renamed and gets another number, and who stood in a file with a wrong one.
#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_was_called_before_goes_with_them() {
    for backend in both() {
        let rig = Rig::new(backend, 2).await;
        rig.budget(1_000).await;
        let draw = rig.win(2, 188).await;
        rig.until(draw, "received").await;
        let (old, person) = (names(&rig, 0).await, row(&rig, 0).await);
        let held = places(&dump(&rig.evening).await, &old[5..]).join("\n");
        assert!(held.contains("sms_send.phone_index"), "the dump should find where the code went: {held}");
        let file = format!("姓名,手机号,部门\n{},1380013,销售\n", old[0]);
        let report = rig.host().import(&rig.meeting, "名单.csv", file.into_bytes()).await;
        let accept = rig.path(&format!("/imports/{}/accept", report["id"].as_str().unwrap()));
        rig.host().post(&accept, json!({ "skip_errors": true })).await;
        let path = rig.path(&format!("/people/{}", person["id"].as_str().unwrap()));
        let mut edit = json!({
            "version": person["version"], "name": "百里新名", "department": "新部门", "staff_no": person["staff_no"],
            "group": "", "phone": "13700137555",
        });
        let (status, told) = answer(rig.host().request(Method::PATCH, &path).json(&edit)).await;
        assert_eq!(status, StatusCode::OK, "{told}");
        // Back and forth: each of the names is one that they had.
        edit["version"] = told["version"].clone();
        edit["name"] = json!("百里另名");
        rig.host().request(Method::PATCH, &path).json(&edit).send().await.unwrap();
        let texts = [old[0].as_str(), &old[1], &old[2], &old[5], "百里新名", "百里另名", "137****7555"]
            .map(String::from);
        let held = places(&dump(&rig.evening).await, &texts).join("\n");
        for place in ["event.data", "roster_import.report", "idempotency.answer", "person.former_names"] {
            assert!(held.contains(place), "the dump should find {place}: {held}");
        }
        let (record, _) = read_archive(rig.host().bytes(&format!("{path}/record")).await);
        assert!(record.contains(&old[0]), "what they were called belongs in their record: {record}");
        let owner = rig.evening.staff("owner");
        owner.post(&format!("{path}/erase"), json!({ "confirm": "百里另名" })).await;
        assert_eq!(places(&dump(&rig.evening).await, &texts), Vec::<String>::new(), "{backend:?}");
        assert!(!places(&dump(&rig.evening).await, &names(&rig, 1).await).is_empty(), "others stay");
        rig.evening.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_forgotten_while_their_money_moves() {
    for backend in both() {
        let rig = Rig::new(backend, 2).await;
        rig.budget(1_000).await;
        let owner = rig.evening.staff("owner");
        let person = row(&rig, 0).await;
        let erase = rig.path(&format!("/people/{}/erase", person["id"].as_str().unwrap()));
        let confirm = json!({ "confirm": person["name"] });
        let round = rig.round(2, 188).await;
        let draw = rig.host().post(&rig.path(&format!("/rounds/{round}/commit")), json!({})).await["draw"]
            .as_i64()
            .unwrap();
        owner.refused(&erase, confirm.clone(), 409, "draw_open").await;
        let rolls = json!({ "i": 0, "value": { "rolls": [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8] } });
        rig.host().post(&rig.path(&format!("/draws/{draw}/entropy")), rolls).await;
        rig.host().post(&rig.path(&format!("/draws/{draw}/result")), json!({})).await;
        owner.refused(&erase, confirm.clone(), 409, "not_final").await;
        rig.host().post(&rig.path(&format!("/draws/{draw}/seats")), json!({ "status": "present" })).await;
        rig.until(draw, "sent").await;
        owner.refused(&erase, confirm.clone(), 409, "not_final").await;
        rig.until(draw, "received").await;
        owner.post(&erase, confirm).await;
        proved(&rig).await;
        rig.evening.stop().await;
    }
}

const DAY: i64 = 86_400_000;

#[tokio::test(flavor = "multi_thread")]
async fn days_after_the_meeting_everybody_is_forgotten() {
    for backend in both() {
        let rig = Rig::new(backend, 2).await;
        rig.budget(1_000).await;
        let draw = rig.win(2, 188).await;
        rig.until(draw, "received").await;
        // One SMS went to a number of nobody who came.
        let stray =
            "update sms_send set phone_index = 'a stray number' where id = (select min(id) from sms_send)";
        force(rig.evening.app.db(), stray, &[]).await;
        let texts = [names(&rig, 0).await, names(&rig, 1).await, vec!["a stray number".to_owned()]].concat();
        let view = async || rig.host().get(&rig.path("/privacy")).await;
        let open = view().await;
        assert_eq!((&open["people"], &open["erase_at"]), (&json!(20), &Value::Null), "{open}");
        rig.host().post(&rig.path("/close"), json!({})).await;
        let closed = view().await;
        assert_eq!(closed["erase_at"], rig.evening.app.now() + 180 * DAY);
        let app = &rig.evening.app;
        app.clock().advance(180 * DAY - 1);
        privacy::sweep(app).await.unwrap();
        assert_eq!(view().await["erased"], 0);
        app.clock().advance(1);
        let undecided =
            "update packet set state = 'needs_human' where award_id = (select max(id) from award)";
        force(app.db(), undecided, &[]).await;
        // Two servers at once do it once.
        let other = rig.evening.another().await;
        let (one, two) = tokio::join!(privacy::sweep(app), privacy::sweep(&other));
        one.unwrap();
        two.unwrap();
        other.stop().await;
        privacy::sweep(app).await.unwrap();
        let most = view().await;
        assert_eq!((&most["erased"], &most["waiting"]), (&json!(19), &json!(1)), "{most}");
        force(app.db(), "update packet set state = 'received' where state = 'needs_human'", &[]).await;
        privacy::sweep(app).await.unwrap();
        let all = view().await;
        assert_eq!((&all["erased"], &all["people"]), (&json!(20), &json!(0)), "{all}");
        assert!(all["erased_at"].is_i64(), "{all}");
        assert_eq!(places(&dump(&rig.evening).await, &texts), Vec::<String>::new(), "{backend:?}");
        proved(&rig).await;
        let trail = rig.evening.staff("owner").get("/api/audit").await;
        let count = |line: &Value| line["note"].as_str().unwrap().parse::<i64>().unwrap();
        let lines = trail["lines"].as_array().unwrap().iter();
        assert_eq!(lines.filter(|line| line["what"] == "people.erase").map(count).sum::<i64>(), 20);
        rig.evening.stop().await;
    }
}

/// Nobody thinks of closing a rehearsal, and it holds the real roster.
#[tokio::test(flavor = "multi_thread")]
async fn a_rehearsal_in_which_nothing_happens_is_forgotten_by_itself() {
    let rig = Rig::new(Backend::Light, 0).await;
    let made = rig
        .host()
        .post("/api/meetings", json!({ "name": "排练", "rehearsal_of": rig.meeting.as_str() }))
        .await;
    let rehearsal = format!("/api/meetings/{}", made["id"].as_str().unwrap());
    let app = &rig.evening.app;
    app.clock().advance(100 * DAY);
    let add = json!({ "name": "张三", "phone": "13800138999" });
    rig.host().post(&format!("{rehearsal}/people"), add).await;
    let view = async || rig.host().get(&format!("{rehearsal}/privacy")).await;
    let people = view().await["people"].as_i64().unwrap();
    assert!(people > 0);
    // Half a year after it was made, and not after it was last used.
    app.clock().advance(81 * DAY);
    privacy::sweep(app).await.unwrap();
    assert_eq!(view().await["erased"], 0);
    app.clock().advance(100 * DAY);
    privacy::sweep(app).await.unwrap();
    let all = view().await;
    assert_eq!((&all["erased"], &all["people"]), (&json!(people), &json!(0)), "{all}");
    // It is used once more.
    let again = json!({ "name": "李四", "phone": "13800138998" });
    rig.host().post(&format!("{rehearsal}/people"), again).await;
    privacy::sweep(app).await.unwrap();
    assert_eq!(view().await["people"], 1);
    app.clock().advance(181 * DAY);
    privacy::sweep(app).await.unwrap();
    assert_eq!(view().await["people"], 0);
    let real = rig.host().get(&rig.path("/privacy")).await;
    assert_eq!(real["erased"], 0, "an open meeting keeps its people: {real}");
    rig.evening.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_no_days_nothing_goes_by_itself() {
    let mut rig = Rig::new(Backend::Light, 1).await;
    rig.host().post(&rig.path("/close"), json!({})).await;
    rig.evening.restart_with(&json!({ "privacy": { "keep_days": 0 } })).await;
    rig.evening.app.clock().advance(4_000 * DAY);
    privacy::sweep(&rig.evening.app).await.unwrap();
    let view = rig.host().get(&rig.path("/privacy")).await;
    assert_eq!((&view["erased"], &view["erase_at"]), (&json!(0), &Value::Null), "{view}");
    rig.evening.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn consent_is_recorded_with_its_text() {
    for backend in both() {
        let rig = Rig::new(backend, 1).await;
        let text = rig.host().get("/api/consent").await;
        assert!(text["zh"].as_str().unwrap().contains("180 天"), "{text}");
        let person = &demo_people(2)[1];
        let mut phone = crate::harness::Phone::new(&rig.evening, &rig.meeting, "oConsentGuest0001");
        phone.follow().await;
        phone.log_in().await;
        let code = phone.code(&person.phone).await;
        let body = |consent: &Value| json!({ "phone": person.phone, "code": code, "salt": phone.salt, "consent": consent });
        let (status, told) = phone.try_post("/me/bind", body(&json!("0-1d"))).await;
        assert_eq!((status, &told["code"]), (StatusCode::CONFLICT, &json!("consent_changed")));
        let (status, told) = phone.try_post("/me/bind", body(&text["version"])).await;
        assert_eq!(status, StatusCode::OK, "the code was not used up: {told}");
        let row = sqlx::query("select consent_version, consent_at from binding where openid = $1")
            .bind(&phone.openid)
            .fetch_one(rig.evening.app.db().read())
            .await
            .unwrap();
        let (version, at): (String, i64) = (row.try_get(0).unwrap(), row.try_get(1).unwrap());
        assert_eq!((json!(version), at), (text["version"].clone(), rig.evening.app.now()));
        rig.evening.stop().await;
    }
}
