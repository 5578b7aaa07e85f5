//! The desk of finance: books of a day, the payer's statement, the accountant's file.

use calamine::{Data, Reader, Xlsx};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::{
    harness::{Api, Backend, answer},
    payout::Rig,
};

const DAY: i64 = 86_400_000;

fn row(books: &Value) -> Value {
    books["rows"][0].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_books_of_a_day_open_move_and_close_and_balance() {
    let rig = Rig::new(Backend::Light, 2).await;
    rig.budget(1_000).await;
    let draw = rig.win(2, 100).await;
    rig.until(draw, "received").await;
    let auditor = rig.evening.staff("auditor");
    let today = auditor.get("/api/finance/books").await;
    assert_eq!((&today["day"], &today["balanced"]), (&json!("2026-11-23"), &json!(true)), "{today}");
    let moved = row(&today);
    assert_eq!((&moved["name"], &moved["meeting"]), (&json!("奖金"), &json!("年会")));
    assert_eq!((&moved["opening"]["cap_fen"], &moved["cap_fen"]), (&json!(0), &json!(1_000)), "{moved}");
    assert_eq!((&moved["paid_fen"], &moved["closing"]["spent_fen"]), (&json!(200), &json!(200)));
    assert_eq!(moved["closing"]["free_fen"], 800);

    rig.fault(json!({ "kind": "unopened" })).await;
    rig.pass(DAY);
    let draw = rig.win(1, 300).await;
    rig.until(draw, "sent").await;
    rig.pass(DAY + 60_000);
    rig.until(draw, "refunded").await;
    let next = row(&auditor.get("/api/finance/books?day=2026-11-24").await);
    assert_eq!((&next["opening"]["spent_fen"], &next["paid_fen"]), (&json!(200), &json!(300)), "{next}");
    let last = auditor.get("/api/finance/books?day=2026-11-25").await;
    assert_eq!(
        (&row(&last)["returned_fen"], &row(&last)["closing"]["spent_fen"]),
        (&json!(300), &json!(200))
    );
    assert_eq!(last["balanced"], true, "{last}");
    // The first day still tells the same.
    assert_eq!(row(&auditor.get("/api/finance/books?day=2026-11-23").await), moved);

    // A payment that somebody wipes out of the packets is named by its number.
    let bill = rig.packets(draw).await[0]["bill_no"].as_str().unwrap().to_owned();
    let mut tx = rig.evening.app.db().begin().await.unwrap();
    sqlx::query("update packet set sent_at = null where bill_no = $1")
        .bind(&bill)
        .execute(tx.conn())
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let wrong = auditor.get("/api/finance/books?day=2026-11-24").await;
    assert_eq!(
        (&wrong["balanced"], &wrong["differences"]),
        (&json!(false), &json!([{ "kind": "pay", "about": bill, "fen": 300 }]))
    );

    for day in ["2026-11-31", "20261124", "", "2026-11-24%00"] {
        let (status, body) =
            answer(auditor.request(Method::GET, &format!("/api/finance/books?day={day}"))).await;
        assert_eq!((status, &body["code"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("query")), "{day}");
    }
    let (status, _) = answer(rig.host().request(Method::GET, "/api/finance/books")).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    rig.evening.stop().await;
}

/// Uploads a statement of the payer.
pub(crate) async fn import(api: &Api, bytes: Vec<u8>) -> (StatusCode, Value) {
    let part = reqwest::multipart::Part::bytes(bytes).file_name("账单.csv");
    let form = reqwest::multipart::Form::new().part("file", part);
    answer(api.request(Method::POST, "/api/finance/statements").multipart(form)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_payers_statement_is_matched_line_by_line() {
    let rig = Rig::new(Backend::Light, 3).await;
    rig.budget(1_000).await;
    let draw = rig.win(3, 100).await;
    let packets = rig.until(draw, "received").await;
    let bills: Vec<&str> = packets.iter().map(|packet| packet["bill_no"].as_str().unwrap()).collect();
    let head = "记账时间,微信支付业务单号,业务类型,收支类型,收支金额(元),业务凭证号\n";
    let line = |bill: &str, yuan: &str| format!("`2026-11-23 12:00:01,`1,`现金红包,`支出,`{yuan},`{bill}\n");
    let good =
        [head.to_owned(), line(bills[0], "1.00"), line(bills[1], "1.00"), line(bills[2], "1.00")].concat();
    let (status, report) = import(&rig.finance(), good.clone().into_bytes()).await;
    assert_eq!(status, StatusCode::OK, "{report}");
    assert_eq!(
        (&report["matched"], &report["difference_count"], &report["paid_fen"]),
        (&json!(3), &json!(0), &json!(300))
    );

    let alien = format!("{}99999999AAAAAAAAAA", &bills[0][..10]);
    let bad = [
        head.to_owned(),
        line(bills[0], "1.00"),
        line(bills[0], "1.00"),
        line(bills[1], "2.00"),
        line(&alien, "1.00"),
        line("shop-1", "9.00"),
    ]
    .concat();
    let (gb, _, _) = encoding_rs::GB18030.encode(&bad);
    let (_, report) = import(&rig.finance(), gb.into_owned()).await;
    let told: Vec<(&str, &str)> = report["differences"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["kind"].as_str().unwrap(), one["bill_no"].as_str().unwrap()))
        .collect();
    assert_eq!(
        told,
        [("twice", bills[0]), ("amount", bills[1]), ("unknown_bill", alien.as_str()), ("missing", bills[2])]
    );
    assert_eq!(report["others"], 1);

    let (status, body) = import(&rig.finance(), b"a,b\n1,2\n".to_vec()).await;
    assert_eq!((status.as_u16(), &body["code"]), (422, &json!("header_missing")));
    let (status, body) = import(&rig.finance(), b"\0\0".to_vec()).await;
    assert_eq!((status.as_u16(), &body["code"]), (415, &json!("file_type")));
    assert_eq!(import(&rig.host(), good.into_bytes()).await.0, StatusCode::FORBIDDEN);
    rig.evening.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_accountant_gets_each_paid_award_with_its_tax() {
    let rig = Rig::new(Backend::Light, 1).await;
    rig.budget(1_000).await;
    let draw = rig.win(1, 500).await;
    let packets = rig.until(draw, "received").await;
    let finance = rig.finance();
    let csv = finance.bytes(&rig.path("/accounting?format=csv")).await;
    let text = String::from_utf8(csv).unwrap();
    assert!(text.starts_with("\u{feff}姓名,"), "{text}");
    let line = text.lines().nth(1).unwrap();
    assert_eq!(text.lines().count(), 2, "{text}");
    let bill = packets[0]["bill_no"].as_str().unwrap();
    assert!(line.contains(bill) && line.ends_with("偶然所得,是,1.00,1.25"), "{line}");
    let (masked, whole) = ("199****0001", "19900000001");
    assert!(line.contains(masked) && !line.contains(whole), "{line}");
    let open = finance.bytes(&rig.path("/accounting?format=csv&phones=whole")).await;
    assert!(String::from_utf8(open).unwrap().contains(whole));

    let book = finance.bytes(&rig.path("/accounting")).await;
    let mut book = Xlsx::new(std::io::Cursor::new(book)).unwrap();
    let range = book.worksheet_range("个税明细").unwrap();
    let cells: Vec<&Data> = range.rows().nth(1).unwrap().iter().collect();
    assert_eq!((cells[11], cells[13]), (&Data::Float(5.0), &Data::String(bill.to_owned())));
    assert_eq!((cells[18], cells[19]), (&Data::Float(1.0), &Data::Float(1.25)));

    let auditor = rig.evening.staff("auditor");
    auditor.bytes(&rig.path("/accounting")).await;
    let (status, _) = answer(auditor.request(Method::GET, &rig.path("/accounting?phones=whole"))).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    rig.evening.stop().await;
}
