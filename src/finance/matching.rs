//! Their statement against our packets, line by line.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::Row;

use super::statement::{Line, Statement};
use crate::{
    app::App,
    clock::{Ms, beijing_day},
    error::ApiResult,
    wire::{Fen, StatementDifference, StatementReport},
};

/// Differences that are listed; all are counted.
const MAX_LISTED: usize = 1000;
/// Our clock and theirs may stand on two sides of midnight.
const EDGE: Ms = 600_000;

/// One of our packets.
struct Ours {
    fen: i64,
    state: String,
    sent_at: Option<Ms>,
}

/// Compares a statement with all our packets.
pub(super) async fn compare(app: &App, statement: &Statement) -> ApiResult<StatementReport> {
    let rows = sqlx::query("select bill_no, amount_fen, state, sent_at from packet")
        .fetch_all(app.db().read())
        .await?;
    let mut ours = BTreeMap::new();
    for row in rows {
        let one = Ours { fen: row.try_get(1)?, state: row.try_get(2)?, sent_at: row.try_get(3)? };
        ours.insert(row.try_get::<String, _>(0)?, one);
    }
    Ok(report(statement, &ours))
}

fn report(statement: &Statement, ours: &BTreeMap<String, Ours>) -> StatementReport {
    let mut found = Found::default();
    let mut seen = BTreeSet::new();
    for line in &statement.lines {
        if !seen.insert((line.bill.as_str(), line.income)) {
            found.add(
                "twice",
                (line.row, &line.bill),
                ours.get(&line.bill).map(|one| one.fen),
                Some(line.fen),
            );
            continue;
        }
        found.line(line, ours.get(&line.bill));
    }
    for row in &statement.broken {
        found.add("unreadable", (*row, ""), None, None);
    }
    missing(&mut found, statement, ours, &seen);
    let sum = |income| statement.lines.iter().filter(|line| line.income == income).map(|line| line.fen).sum();
    let count = i64::try_from(found.differences.len()).unwrap_or(i64::MAX);
    found.differences.truncate(MAX_LISTED);
    StatementReport {
        lines: i64::try_from(statement.lines.len()).unwrap_or(i64::MAX),
        others: statement.others,
        matched: found.matched,
        paid_fen: Fen(sum(false)),
        returned_fen: Fen(sum(true)),
        difference_count: count,
        differences: found.differences,
    }
}

#[derive(Default)]
struct Found {
    matched: i64,
    differences: Vec<StatementDifference>,
}

impl Found {
    fn add(&mut self, kind: &str, (row, bill): (i64, &str), ours: Option<i64>, theirs: Option<i64>) {
        self.differences.push(StatementDifference {
            kind: kind.into(),
            row,
            bill_no: bill.into(),
            ours_fen: ours.map(Fen),
            theirs_fen: theirs.map(Fen),
        });
    }

    fn line(&mut self, line: &Line, ours: Option<&Ours>) {
        let kind = match ours {
            None => Some("unknown_bill"),
            Some(one) if one.fen != line.fen => Some("amount"),
            Some(one) if !line.income && one.sent_at.is_none() => Some("not_paid_here"),
            Some(one) if line.income && one.state != "refunded" => Some("not_returned_here"),
            Some(_) => None,
        };
        match kind {
            None => self.matched += 1,
            Some(kind) => self.add(kind, (line.row, &line.bill), ours.map(|one| one.fen), Some(line.fen)),
        }
    }
}

/// What we booked as paid by its merchant on the days of the statement, and the statement does not have.
fn missing(
    found: &mut Found,
    statement: &Statement,
    ours: &BTreeMap<String, Ours>,
    seen: &BTreeSet<(&str, bool)>,
) {
    let days: BTreeSet<String> = statement
        .lines
        .iter()
        .filter(|line| line.day.len() == 10)
        .map(|line| line.day.replace('-', ""))
        .collect();
    let (Some(first), Some(last)) = (days.first(), days.last()) else { return };
    let within = |at: Ms| (first.as_str()..=last.as_str()).contains(&beijing_day(at).as_str());
    for (bill, one) in ours {
        let Some(sent) = one.sent_at.filter(|sent| within(*sent)) else { continue };
        let theirs = statement.merchants.iter().any(|merchant| bill.starts_with(merchant.as_str()));
        if !theirs || seen.contains(&(bill.as_str(), false)) {
            continue;
        }
        let near_the_edge = !within(sent - EDGE) || !within(sent + EDGE);
        found.add(if near_the_edge { "missing_edge" } else { "missing" }, (0, bill), Some(one.fen), None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-26 20:00 in Beijing.
    const EVENING: Ms = 1_795_694_400_000;

    fn ours(fen: i64, state: &str, sent_at: Option<Ms>) -> Ours {
        Ours { fen, state: state.into(), sent_at }
    }

    fn line(row: i64, bill: &str, fen: i64, income: bool) -> Line {
        Line { row, bill: bill.into(), fen, income, day: "2026-11-26".into() }
    }

    /// One downloads a statement for each merchant: what another one paid is not missing from it.
    #[test]
    fn a_statement_of_one_merchant_says_nothing_of_the_other_ones_packets() {
        let packets = BTreeMap::from([
            ("1900000109a".to_owned(), ours(100, "received", Some(EVENING))),
            ("1900000109b".to_owned(), ours(100, "received", Some(EVENING))),
            ("1600000001a".to_owned(), ours(100, "received", Some(EVENING))),
        ]);
        let of = |merchant: &str, bill: &str| Statement {
            merchants: [merchant.to_owned()].into(),
            lines: vec![line(2, bill, 100, false)],
            ..Statement::default()
        };
        let told = |statement: &Statement| -> Vec<_> {
            report(statement, &packets).differences.into_iter().map(|one| (one.kind, one.bill_no)).collect()
        };
        assert_eq!(told(&of("1600000001", "1600000001a")), []);
        let lacks = told(&of("1900000109", "1900000109a"));
        assert_eq!(lacks, [("missing".to_owned(), "1900000109b".to_owned())]);
    }

    #[test]
    fn each_difference_has_its_name() {
        assert_eq!(beijing_day(EVENING), "20261126");
        let packets = BTreeMap::from([
            ("good".to_owned(), ours(100, "received", Some(EVENING))),
            ("back".to_owned(), ours(100, "refunded", Some(EVENING))),
            ("less".to_owned(), ours(100, "sent", Some(EVENING))),
            ("dead".to_owned(), ours(100, "failed", None)),
            ("kept".to_owned(), ours(100, "sent", Some(EVENING))),
            ("lost".to_owned(), ours(100, "sent", Some(EVENING))),
            ("late".to_owned(), ours(100, "sent", Some(EVENING + 4 * 3_600_000 - 1))),
            ("next".to_owned(), ours(100, "sent", Some(EVENING + 4 * 3_600_000))),
            ("wait".to_owned(), ours(100, "unknown", None)),
        ]);
        let statement = Statement {
            merchants: [String::new()].into(),
            lines: vec![
                line(2, "good", 100, false),
                line(3, "back", 100, false),
                line(4, "back", 100, true),
                line(5, "less", 99, false),
                line(6, "dead", 100, false),
                line(7, "kept", 100, false),
                line(8, "kept", 100, true),
                line(9, "alien", 100, false),
                line(10, "good", 100, false),
            ],
            others: 1,
            broken: vec![11],
        };
        let report = report(&statement, &packets);
        let told: Vec<_> =
            report.differences.iter().map(|one| (one.kind.as_str(), one.row, one.bill_no.as_str())).collect();
        assert_eq!(
            told,
            [
                ("amount", 5, "less"),
                ("not_paid_here", 6, "dead"),
                ("not_returned_here", 8, "kept"),
                ("unknown_bill", 9, "alien"),
                ("twice", 10, "good"),
                ("unreadable", 11, ""),
                ("missing_edge", 0, "late"),
                ("missing", 0, "lost"),
            ]
        );
        assert_eq!((report.matched, report.paid_fen, report.returned_fen), (4, Fen(699), Fen(200)));
    }
}
