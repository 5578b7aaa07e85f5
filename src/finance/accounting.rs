//! What the accountant needs for the income tax on prizes (偶然所得, 20 %): one row for each award that was handed over.
//!
//! Tax law stays with the accountant: both usual ways are worked out (borne by the winner: 20 % of the amount; borne by
//! the payer: amount / 80 % × 20 %), the number of the identity paper is left to be filled in.

use anyhow::Context;
use sqlx::{Row, any::AnyRow};

use crate::{
    app::App,
    audit::{self, Deed},
    auth::Staff,
    clock::beijing_stamp,
    error::ApiResult,
    keys::Purpose,
    meeting,
    people::{packet_word, xlsx_out, yuan},
};

const HEADINGS: [&str; 20] = [
    "姓名",
    "手机号",
    "证件类型",
    "证件号码",
    "部门",
    "工号",
    "轮次",
    "奖项",
    "抽奖序号",
    "名次",
    "奖励",
    "金额（元）",
    "发放时间",
    "商户单号",
    "微信单号",
    "状态",
    "所得项目",
    "是否计税",
    "税额（本人承担，元）",
    "税额（单位承担，元）",
];

/// How the file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Xlsx,
    Csv,
}

/// Writes the file, and records who took it.
pub(super) async fn file(
    app: &App,
    staff: &Staff,
    meeting: &str,
    format: Format,
    whole_phones: bool,
) -> ApiResult<Vec<u8>> {
    let rows = {
        let mut conn = app.db().read().acquire().await?;
        meeting::load(&mut conn, meeting).await?;
        let rows = sqlx::query(
            "select p.id, p.name, p.phone_sealed, p.phone_mask, p.department, p.staff_no, r.name, z.name, a.n, a.rank, \
             a.kind, z.goods, a.amount_fen, k.sent_at, g.at, k.bill_no, k.list_id, k.state, a.reason \
             from award a join person p on p.id = a.person_id \
             left join draw d on d.meeting_id = a.meeting_id and d.n = a.n left join round r on r.id = d.round_id \
             left join prize z on z.id = r.prize_id \
             left join packet k on k.award_id = a.id and k.sent_at is not null \
             left join goods_handover g on g.award_id = a.id \
             where a.meeting_id = $1 and a.reason not like 'trial:%' and (k.sent_at is not null or g.at is not null) \
             order by a.n, a.rank, a.kind, k.attempt",
        )
        .bind(meeting)
        .fetch_all(&mut *conn)
        .await?;
        rows.iter().map(|row| cells(app, row, whole_phones)).collect::<ApiResult<Vec<_>>>()?
    };
    let bytes = tokio::task::spawn_blocking(move || match format {
        Format::Xlsx => xlsx_out::sheet("个税明细", &HEADINGS, &rows).context("writing a workbook"),
        Format::Csv => csv(&rows),
    })
    .await
    .context("writing the accountant's file failed")??;
    let mut tx = app.db().begin().await?;
    let note = if whole_phones { "whole phone numbers" } else { "" };
    let deed = Deed { who: &staff.user, what: "finance.accounting", meeting, target: "accounting", note };
    audit::record(&mut tx, app.now(), &deed).await?;
    tx.commit().await?;
    Ok(bytes)
}

fn cells(app: &App, row: &AnyRow, whole_phones: bool) -> ApiResult<Vec<String>> {
    let text = |at: usize| row.try_get::<Option<String>, _>(at).map(Option::unwrap_or_default);
    let phone = if whole_phones {
        let sealed: Vec<u8> = row.try_get(2)?;
        let phone = app.keys().unseal(Purpose::Phone, &text(0)?, &sealed);
        let phone = String::from_utf8_lossy(&phone.context("a sealed phone does not open")?).into_owned();
        phone.strip_prefix("+86").map_or_else(|| phone.replacen('+', "00", 1), str::to_owned)
    } else {
        text(3)?
    };
    let cash = text(10)? == "cash";
    let fen: i64 = row.try_get(12)?;
    let at: Option<i64> = if cash { row.try_get(13)? } else { row.try_get(14)? };
    let refunded = text(17)? == "refunded";
    let (own, company) = if cash && !refunded { (share(fen, 20), share(fen, 25)) } else { (0, 0) };
    let money = |fen: i64| if cash { yuan(fen) } else { String::new() };
    let taxable = match (cash, refunded) {
        (true, true) => "否（已退回）",
        (true, false) => "是",
        (false, _) => "是（请填实物价值）",
    };
    let (state, given) = (text(17)?, text(18)?);
    // What comes from no draw says so in place of a round.
    let round = match given.split(':').next() {
        Some("voucher") => "凭证奖励".to_owned(),
        Some("referral") => "推荐奖励".to_owned(),
        _ => text(6)?,
    };
    let number =
        |at: usize| row.try_get::<i64, _>(at).map(|n| if n > 0 { n.to_string() } else { String::new() });
    Ok(vec![
        text(1)?,
        phone,
        String::new(),
        String::new(),
        text(4)?,
        text(5)?,
        round,
        text(7)?,
        number(8)?,
        number(9)?,
        if cash { "微信红包".into() } else { format!("实物：{}", text(11)?) },
        money(fen),
        at.map(beijing_stamp).unwrap_or_default(),
        text(15)?,
        text(16)?,
        if cash { packet_word(&state).to_owned() } else { "已领取".into() },
        "偶然所得".into(),
        taxable.into(),
        money(own),
        money(company),
    ])
}

/// So many percent of an amount, to the nearest fen.
fn share(fen: i64, percent: i64) -> i64 {
    (fen * percent + 50) / 100
}

/// A text table that spreadsheets on Chinese Windows open as UTF-8, without formulas.
fn csv(rows: &[Vec<String>]) -> anyhow::Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(b"\xef\xbb\xbf".to_vec());
    writer.write_record(HEADINGS)?;
    for row in rows {
        writer.write_record(row.iter().map(|cell| xlsx_out::safe(cell)))?;
    }
    writer.into_inner().map_err(|error| anyhow::anyhow!("the table is not whole: {}", error.error()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tax_is_to_the_fen() {
        assert_eq!((share(10_000, 20), share(10_000, 25)), (2_000, 2_500));
        assert_eq!((share(188, 20), share(188, 25)), (38, 47));
        assert_eq!(share(2, 25), 1);
    }

    #[test]
    fn a_text_table_has_a_mark_and_no_formulas() {
        let row: Vec<String> = HEADINGS.iter().map(|_| "=1+1".to_owned()).collect();
        let bytes = csv(&[row]).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        assert!(text.starts_with("\u{feff}姓名,"), "{text}");
        assert!(text.lines().nth(1).unwrap().starts_with("'=1+1,'=1+1"), "{text}");
    }
}
