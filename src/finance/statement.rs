//! The payer's statement as it is downloaded: CSV in GB18030 or UTF-8, cells led by a backtick so that spreadsheets leave
//! them alone, a summary at the end. Both the fund statement (资金账单) and the list of red packets are read.

use std::collections::BTreeSet;

use crate::{
    error::{ApiError, ApiResult},
    people::table,
};

/// Most lines of a file.
const MAX_LINES: usize = 200_000;
/// The heading stands within the first lines.
const HEADING_WITHIN: usize = 20;

/// One line about a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// Line of the file, from 1.
    pub(super) row: i64,
    pub(super) bill: String,
    pub(super) fen: i64,
    /// Money came back.
    pub(super) income: bool,
    /// `2026-11-26` of the line, when there is one.
    pub(super) day: String,
}

/// What a file says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Statement {
    pub(super) lines: Vec<Line>,
    /// Whose it is, by the lines about packets: a merchant downloads only its own.
    pub(super) merchants: BTreeSet<String>,
    /// Lines that are about something else than packets.
    pub(super) others: i64,
    /// Lines that were not readable.
    pub(super) broken: Vec<i64>,
}

/// Columns by what they are called in one of the files.
struct Columns {
    bill: usize,
    amount: usize,
    direction: Option<usize>,
    status: Option<usize>,
    time: Option<usize>,
}

const BILL: &[&str] = &["业务凭证号", "商户单号", "商户订单号", "商户红包单号", "mch_billno"];
const AMOUNT: &[&str] = &["收支金额", "红包金额", "发放金额", "金额", "total_amount"];
const DIRECTION: &[&str] = &["收支类型"];
const STATUS: &[&str] = &["红包状态", "状态", "发放状态"];
const TIME: &[&str] = &["记账时间", "发放时间", "创建时间", "发送时间"];

/// A cell without its backtick and blanks.
fn bare(cell: &str) -> &str {
    cell.trim().trim_start_matches('`').trim()
}

/// A heading without its unit.
fn heading(cell: &str) -> String {
    let bare = bare(cell).replace('（', "(").replace('）', ")");
    bare.split('(').next().unwrap_or_default().trim().to_owned()
}

fn columns(cells: &csv::StringRecord) -> Option<Columns> {
    let found: Vec<String> = cells.iter().map(heading).collect();
    // In the order of the list: a file may have both a fund amount and another amount.
    let find = |names: &[&str]| names.iter().find_map(|name| found.iter().position(|cell| cell == name));
    Some(Columns {
        bill: find(BILL)?,
        amount: find(AMOUNT)?,
        direction: find(DIRECTION),
        status: find(STATUS),
        time: find(TIME),
    })
}

/// Yuan with at most two decimals, as fen.
pub(super) fn fen(text: &str) -> Option<i64> {
    let text = text.replace([',', '¥', '￥'], "");
    let (yuan, cents) = text.split_once('.').unwrap_or((&text, ""));
    if yuan.is_empty()
        || cents.len() > 2
        || !(yuan.bytes().chain(cents.bytes())).all(|byte| byte.is_ascii_digit())
    {
        return None;
    }
    let cents = format!("{cents:0<2}");
    yuan.parse::<i64>().ok()?.checked_mul(100)?.checked_add(cents.parse().ok()?)
}

/// Reads a statement. Only lines whose number begins with the number of one of our merchants are about packets.
pub(super) fn read(bytes: &[u8], merchants: &[String]) -> ApiResult<Statement> {
    let text = table::decode(bytes)?;
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
    let mut columns_found: Option<Columns> = None;
    let mut statement = Statement::default();
    for (at, record) in reader.records().enumerate() {
        if at >= MAX_LINES {
            return Err(table::too_large("账单超过 20 万行，请按日期分开下载后导入。"));
        }
        let row = i64::try_from(at + 1).unwrap_or(i64::MAX);
        let Ok(cells) = record else {
            statement.broken.push(row);
            continue;
        };
        match &columns_found {
            None if at >= HEADING_WITHIN => break,
            None => columns_found = columns(&cells),
            // The summary has a heading of its own; nothing after it is a line.
            Some(_) if cells.get(0).map(heading).is_some_and(|cell| cell.contains("总笔数")) => break,
            Some(found) => take(&mut statement, found, &cells, (row, merchants)),
        }
    }
    if columns_found.is_none() {
        return Err(ApiError::invalid(
            "header_missing",
            "file",
            "没有找到账单的表头：需要有“业务凭证号”或“商户单号”，以及“收支金额(元)”或“金额(元)”两列。",
        ));
    }
    Ok(statement)
}

fn take(
    statement: &mut Statement,
    columns: &Columns,
    cells: &csv::StringRecord,
    (row, merchants): (i64, &[String]),
) {
    let cell = |at: usize| cells.get(at).map(bare).unwrap_or_default();
    let optional = |at: Option<usize>| at.map(cell).unwrap_or_default();
    let bill = cell(columns.bill);
    let Some(merchant) = merchants.iter().find(|one| !one.is_empty() && bill.starts_with(one.as_str()))
    else {
        statement.others += 1;
        return;
    };
    statement.merchants.insert(merchant.clone());
    let Some(fen) = fen(cell(columns.amount)) else {
        statement.broken.push(row);
        return;
    };
    let status = optional(columns.status);
    // The list of red packets also names those that were never paid.
    if status.contains("失败") || status.contains("发放中") {
        statement.others += 1;
        return;
    }
    let day: String = optional(columns.time).replace('/', "-").chars().take(10).collect();
    let line = Line { row, bill: bill.to_owned(), fen, income: optional(columns.direction) == "收入", day };
    if status.contains("退") {
        // One line for both ways: paid, and come back.
        statement.lines.push(Line { income: true, ..line.clone() });
    }
    statement.lines.push(line);
}

#[cfg(test)]
mod tests {
    use super::*;

    const FUND: &str = "记账时间,微信支付业务单号,资金流水单号,业务名称,业务类型,收支类型,收支金额(元),账户结余(元),\
        资金变更提交申请人,备注,业务凭证号\r\n\
        `2026-11-26 20:00:01,`1000,`2000,`现金红包,`现金红包,`支出,`1.88,`998.12,`system,`,`1900000109202611230000000001\r\n\
        `2026-11-26 20:00:02,`1001,`2001,`交易,`交易,`收入,`50.00,`1048.12,`system,`,`shop-7\r\n\
        `2026-11-27 20:00:01,`1000,`2002,`现金红包,`退款,`收入,`1.88,`1050.00,`system,`,`1900000109202611230000000001\r\n\
        `2026-11-27 20:00:01,`1000,`2002,`现金红包,`退款,`收入,`x,`1050.00,`system,`,`1900000109202611230000000002\r\n\
        资金流水总笔数,收入笔数,收入金额,支出笔数,支出金额\r\n`4,`3,`51.88,`1,`1.88\r\n";

    fn ours() -> [String; 2] {
        ["1900000109".into(), String::new()]
    }

    #[test]
    fn a_fund_statement_is_read_in_both_encodings() {
        let (encoded, _, _) = encoding_rs::GB18030.encode(FUND);
        for bytes in [FUND.as_bytes(), &encoded] {
            let read = read(bytes, &ours()).unwrap();
            let told: Vec<_> =
                read.lines.iter().map(|line| (line.row, line.fen, line.income, line.day.as_str())).collect();
            assert_eq!(told, [(2, 188, false, "2026-11-26"), (4, 188, true, "2026-11-27")]);
            assert_eq!((read.others, read.broken.as_slice()), (1, [5].as_slice()));
        }
    }

    #[test]
    fn a_list_of_red_packets_is_read_by_its_status() {
        let list = "商户单号,金额（元）,红包状态,发放时间\n\
            19000001092026112300000000a1,1.00,已领取,2026/11/26 20:00:01\n\
            19000001092026112300000000a2,1.00,已退款,2026/11/26 20:00:01\n\
            19000001092026112300000000a3,1.00,发放失败,2026/11/26 20:00:01\n";
        let read = read(list.as_bytes(), &ours()).unwrap();
        let told: Vec<_> = read.lines.iter().map(|line| (line.row, line.income, line.day.as_str())).collect();
        assert_eq!(told, [(2, false, "2026-11-26"), (3, true, "2026-11-26"), (3, false, "2026-11-26")]);
        assert_eq!(read.others, 1);
    }

    #[test]
    fn what_is_no_statement_says_so() {
        assert_eq!(read(b"a,b\n1,2\n", &ours()).unwrap_err().code(), "header_missing");
        assert_eq!(read(b"", &ours()).unwrap_err().code(), "header_missing");
    }

    #[test]
    fn amounts_are_exact() {
        for (text, fen_wanted) in [
            ("1.88", Some(188)),
            ("1,000.5", Some(100_050)),
            ("0.01", Some(1)),
            ("7", Some(700)),
            ("-1.00", None),
            ("1.001", None),
            ("", None),
            (".5", None),
            ("99999999999999999999", None),
        ] {
            assert_eq!(fen(text), fen_wanted, "{text}");
        }
    }
}

#[cfg(test)]
mod hostile {
    use proptest::prelude::*;

    use super::{fen, read};
    use crate::hostile::{cases, damaged, damaged_text, quickly};

    const STATEMENT: &str = "\u{feff}记账时间,微信支付业务单号,业务凭证号,业务名称,收支类型,收支金额(元)\n\
        `2026-11-23 20:00:00,`1,`1900000109202611230000000001,`微信红包,`支出,`8.88\n\
        `2026-11-23 20:00:01,`2,`1900000109202611230000000002,`微信红包,`收入,`1.00\n\
        资金流水总笔数,收入笔数\n`2,`1\n";

    proptest! {
        #![proptest_config(cases(600))]

        #[test]
        fn a_statement_is_read_line_by_line_or_refused(file in damaged(vec![STATEMENT.into()])) {
            match quickly(|| read(&file, &["1900000109".into()])) {
                Ok(statement) => for line in statement.lines {
                    prop_assert!(line.fen >= 0 && line.bill.starts_with("1900000109"));
                },
                Err(error) => prop_assert!(matches!(error.status().as_u16(), 413 | 415 | 422), "{}", error),
            }
        }

        #[test]
        fn an_amount_is_digits_or_nothing(text in damaged_text(&["8.88", "¥1,000.00", "0"])) {
            if let Some(amount) = fen(&text) {
                prop_assert!(amount >= 0);
            }
        }
    }
}
