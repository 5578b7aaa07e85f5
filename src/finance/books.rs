//! The books of a Beijing day, from the ledger: opening, movements, closing, by budget, and every difference by name.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::Row;

use crate::{
    app::App,
    budget::ledger::{self, Entry},
    clock::{DAY, Ms, beijing_day},
    error::{ApiError, ApiResult},
    wire::{BookBalance, BookDifference, BookRow, DayBooks, Fen},
};

/// Rows of the ledger read at a time.
const PAGE: i64 = 1000;

/// A budget's line while it is added up.
#[derive(Default)]
struct Line {
    opening: Balance,
    closing: Balance,
    cap: i64,
    reserved: i64,
    released: i64,
    paid: i64,
    returned: i64,
}

#[derive(Clone, Copy, Default)]
struct Balance {
    cap: i64,
    reserved: i64,
    spent: i64,
}

impl Balance {
    fn take(&mut self, entry: &Entry) {
        for (account, change) in [(&entry.from, -entry.fen), (&entry.to, entry.fen)] {
            match account.as_str() {
                "cap" => self.cap -= change,
                "spent" => self.spent += change,
                "free" => {}
                _ => self.reserved += change,
            }
        }
    }

    fn view(self) -> BookBalance {
        BookBalance {
            cap_fen: Fen(self.cap),
            reserved_fen: Fen(self.reserved),
            spent_fen: Fen(self.spent),
            free_fen: Fen(self.cap - self.reserved - self.spent),
        }
    }
}

impl Line {
    fn take(&mut self, entry: &Entry, today: bool) {
        self.closing.take(entry);
        if !today {
            self.opening.take(entry);
            return;
        }
        match entry.what.as_str() {
            "cap" if entry.from == "cap" => self.cap += entry.fen,
            "cap" => self.cap -= entry.fen,
            "reserve" => self.reserved += entry.fen,
            "release" => self.released += entry.fen,
            "pay" => self.paid += entry.fen,
            "return" => self.returned += entry.fen,
            // Between parts of what is reserved: the balance stays.
            _ => {}
        }
    }

    /// What opening and movements do not explain; 0 in books that are right.
    fn difference(&self) -> i64 {
        let reserved = self.opening.reserved + self.reserved - self.released - self.paid;
        let spent = self.opening.spent + self.paid - self.returned;
        let cap = self.opening.cap + self.cap;
        (self.closing.reserved - reserved).abs()
            + (self.closing.spent - spent).abs()
            + (self.closing.cap - cap).abs()
    }
}

/// `2026-11-26` as `20261126`.
fn compact(day: &str) -> ApiResult<String> {
    let wrong = || ApiError::invalid("query", "day", "日期须写成 2026-11-26。");
    if day.len() != 10 {
        return Err(wrong());
    }
    day.parse::<jiff::civil::Date>().map_err(|_| wrong())?;
    Ok(day.replace('-', ""))
}

/// The books of a day; without a day, of today.
pub(super) async fn of_day(app: &App, day: Option<&str>) -> ApiResult<DayBooks> {
    let today = beijing_day(app.now());
    let wanted = day.map(compact).transpose()?.unwrap_or_else(|| today.clone());
    let (lines, paid, returned) = read(app, &wanted).await?;
    let mut differences = bills(app, &wanted, "pay", &paid).await?;
    differences.extend(bills(app, &wanted, "return", &returned).await?);
    for (budget, line) in lines.iter().filter(|(_, line)| line.difference() != 0) {
        differences.push(difference("budget", budget, line.difference()));
    }
    let ledger = ledger::replay(app.db()).await?.err().unwrap_or_default();
    if !ledger.is_empty() {
        differences.push(difference("ledger", &ledger, 0));
    }
    let names = names(app).await?;
    let rows = lines
        .iter()
        .map(|(id, line)| {
            let (meeting, name) = names.get(id).cloned().unwrap_or_default();
            BookRow {
                budget: id.clone(),
                name,
                meeting,
                opening: line.opening.view(),
                cap_fen: Fen(line.cap),
                reserved_fen: Fen(line.reserved),
                released_fen: Fen(line.released),
                paid_fen: Fen(line.paid),
                returned_fen: Fen(line.returned),
                closing: line.closing.view(),
            }
        })
        .collect();
    let day = format!("{}-{}-{}", &wanted[..4], &wanted[4..6], &wanted[6..]);
    Ok(DayBooks { day, rows, balanced: differences.is_empty(), differences })
}

fn difference(kind: &str, about: &str, fen: i64) -> BookDifference {
    BookDifference { kind: kind.into(), about: about.into(), fen: Fen(fen) }
}

type Bills = BTreeMap<String, i64>;

/// Adds up the ledger up to the end of the day; also which bill numbers it paid and took back on that day.
async fn read(app: &App, day: &str) -> ApiResult<(BTreeMap<String, Line>, Bills, Bills)> {
    let mut lines: BTreeMap<String, Line> = BTreeMap::new();
    let (mut paid, mut returned) = (Bills::new(), Bills::new());
    let mut next = 0;
    loop {
        let rows = sqlx::query(
            "select seq, at, body from chain_row where chain = 'ledger' and seq >= $1 order by seq limit $2",
        )
        .bind(next)
        .bind(PAGE)
        .fetch_all(app.db().read())
        .await?;
        if rows.is_empty() {
            return Ok((lines, paid, returned));
        }
        for row in rows {
            let (seq, at, body): (i64, Ms, String) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
            next = seq + 1;
            let of = beijing_day(at);
            // What is not readable is named by the replay.
            let Ok(entry) = serde_json::from_str::<Entry>(&body) else { continue };
            if of.as_str() > day {
                continue;
            }
            let today = of == day;
            lines.entry(entry.budget.clone()).or_default().take(&entry, today);
            if today {
                match entry.what.as_str() {
                    "pay" => *paid.entry(entry.bill).or_default() += entry.fen,
                    "return" => *returned.entry(entry.bill).or_default() += entry.fen,
                    _ => {}
                }
            }
        }
    }
}

/// Differences between what the ledger says of a day's bills and what the packets say.
async fn bills(app: &App, day: &str, what: &str, ledger: &Bills) -> ApiResult<Vec<BookDifference>> {
    let text = if what == "pay" {
        "select bill_no, amount_fen, sent_at from packet where sent_at >= $1 and sent_at < $2"
    } else {
        "select bill_no, amount_fen, updated_at from packet \
         where state = 'refunded' and updated_at >= $1 and updated_at < $2"
    };
    let from = day_start(day);
    let rows = sqlx::query(text).bind(from).bind(from + DAY).fetch_all(app.db().read()).await?;
    let mut packets = Bills::new();
    for row in rows {
        packets.insert(row.try_get(0)?, row.try_get(1)?);
    }
    let all: BTreeSet<&String> = ledger.keys().chain(packets.keys()).collect();
    let fen = |of: &Bills, bill: &String| of.get(bill).copied().unwrap_or(0);
    Ok(all
        .into_iter()
        .filter(|bill| fen(ledger, bill) != fen(&packets, bill))
        .map(|bill| difference(what, bill, fen(ledger, bill) - fen(&packets, bill)))
        .collect())
}

/// First moment of a Beijing day, ms.
fn day_start(day: &str) -> Ms {
    let date = jiff::civil::Date::strptime("%Y%m%d", day).unwrap_or_default();
    date.to_zoned(jiff::tz::TimeZone::fixed(jiff::tz::offset(8)))
        .map_or(0, |start| start.timestamp().as_millisecond())
}

/// Name of the meeting and of the budget, by budget.
async fn names(app: &App) -> ApiResult<BTreeMap<String, (String, String)>> {
    let rows = sqlx::query(
        "select b.id, coalesce(m.name, ''), b.name from budget b left join meeting m on m.id = b.meeting_id",
    )
    .fetch_all(app.db().read())
    .await?;
    let mut names = BTreeMap::new();
    for row in rows {
        names.insert(row.try_get(0)?, (row.try_get(1)?, row.try_get(2)?));
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_beijing_days_and_written_one_way() {
        assert_eq!(compact("2026-11-26").unwrap(), "20261126");
        for wrong in ["20261126", "2026-13-01", "2026-11-31", "26-11-26", "2026-11-2x", ""] {
            assert!(compact(wrong).is_err(), "{wrong}");
        }
        assert_eq!(beijing_day(day_start("20261126")), "20261126");
        assert_eq!(beijing_day(day_start("20261126") - 1), "20261125");
    }

    #[test]
    fn a_movement_without_a_name_is_a_difference() {
        let entry = |what: &str, fen, from: &str, to: &str| Entry {
            what: what.into(),
            budget: "b".into(),
            fen,
            from: from.into(),
            to: to.into(),
            bill: String::new(),
        };
        let mut line = Line::default();
        line.take(&entry("cap", 1_000, "cap", "free"), false);
        line.take(&entry("reserve", 500, "free", "round:r"), true);
        line.take(&entry("award", 500, "round:r", "draw:m:1"), true);
        line.take(&entry("pay", 200, "draw:m:1", "spent"), true);
        line.take(&entry("return", 200, "spent", "free"), true);
        assert_eq!((line.difference(), line.closing.reserved, line.closing.spent), (0, 300, 0));
        line.take(&entry("steal", 100, "draw:m:1", "spent"), true);
        assert_eq!(line.difference(), 200);
    }
}
