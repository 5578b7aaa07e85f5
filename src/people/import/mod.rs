//! What an import would do, row by row: pure, so that the report and the acceptance are the same thing.
//!
//! A person is known by phone, or, in a meeting that needs none, by staff number. A row can add, change or confirm a
//! person; it can never make two of one, and a faulty row never hides a good one (a duplicate is counted against the first
//! *good* row only).

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::table::RawRow;
use crate::{
    keys::Keys,
    letters::is_blank,
    phone::{self, Phone, PhoneError},
    wire::{ImportReport, ImportRow, ImportStatus, RowOutcome},
};

/// Longest name, department and group, characters.
pub const MAX_NAME: usize = 60;
/// Longest staff number, characters.
pub const MAX_STAFF_NO: usize = 32;
/// What stands in SQL where the index of a phone would, before the person's id.
pub const NO_PHONE: &str = "none:";
/// Most tickets of one person.
pub const MAX_WEIGHT: i64 = 1_000_000;

/// A person as on the roster now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// Id.
    pub id: String,
    /// Name.
    pub name: String,
    /// Department.
    pub department: String,
    /// Staff number.
    pub staff_no: String,
    /// Group.
    pub group: String,
    /// Tickets.
    pub weight: i64,
    /// Taken off the roster; an import brings them back.
    pub removed: bool,
}

/// The roster by phone index, those without a phone by [`NO_PHONE`] and their id.
pub type Roster = HashMap<String, Known>;

/// A row of a pending import, checked by itself. Sealed at rest.
#[derive(Clone, Serialize, Deserialize)]
pub struct Parsed {
    /// The row as read.
    pub raw: RawRow,
    /// Canonical phone; empty when there is none or it is wrong.
    pub e164: String,
    /// Index of the phone; empty likewise.
    pub index: String,
    /// Tickets, when the file says so.
    pub weight: Option<i64>,
    /// First fault of the row by itself: code and sentence.
    pub fault: Option<(String, String)>,
}

/// What a good row does to the roster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Place in the list of rows.
    pub at: usize,
    /// The person that is changed or brought back; `None` adds one.
    pub id: Option<String>,
    /// The person had no phone so far and gets the row's.
    pub phone: bool,
    /// The person afterwards (without id).
    pub person: Known,
}

/// The whole plan.
#[derive(Debug)]
pub struct Plan {
    /// What the report says.
    pub rows: Vec<ImportRow>,
    /// What is stored.
    pub changes: Vec<Change>,
}

/// Checks each row by itself and computes the phones' indexes. Heavy for long files: run it off the event loop. `phones`
/// says whether everybody must have one.
pub fn parse(rows: Vec<RawRow>, keys: &Keys, meeting: &str, phones: bool) -> Vec<Parsed> {
    rows.into_iter().map(|raw| parse_row(raw, keys, meeting, phones)).collect()
}

fn parse_row(mut raw: RawRow, keys: &Keys, meeting: &str, phones: bool) -> Parsed {
    let faults: Vec<_> = [
        tidy(&mut raw.name, "姓名", MAX_NAME),
        raw.department.as_mut().and_then(|text| tidy(text, "部门", MAX_NAME)),
        raw.staff_no.as_mut().and_then(|text| tidy(text, "工号", MAX_STAFF_NO)),
        raw.group.as_mut().and_then(|text| tidy(text, "分组", MAX_NAME)),
    ]
    .into_iter()
    .flatten()
    .collect();
    let phone = Phone::parse(&raw.phone);
    let weight = weight(raw.weight.as_deref());
    let fault = if raw.formula {
        Some(("formula", "单元格是公式且没有保存结果，请改成普通文字后再导入。".to_owned()))
    } else if let Some(fault) = phone_fault(&raw, phone.as_ref().err(), phones) {
        Some(fault)
    } else if raw.name.is_empty() {
        Some(("name_missing", "没有姓名。".to_owned()))
    } else if let Some(fault) = faults.into_iter().next() {
        Some(fault)
    } else {
        weight.is_err().then(|| ("weight_invalid", "权重应为 0 到 1,000,000 的整数。".to_owned()))
    };
    let (e164, index) = match &phone {
        Ok(phone) => (phone.e164().to_owned(), phone.index(keys, meeting)),
        Err(_) => (String::new(), String::new()),
    };
    let fault = fault.map(|(code, message)| (code.to_owned(), message));
    Parsed { raw, e164, index, weight: weight.ok().flatten(), fault }
}

fn phone_fault(raw: &RawRow, error: Option<&PhoneError>, phones: bool) -> Option<(&'static str, String)> {
    let error = error?;
    if phones || *error != PhoneError::Missing {
        return Some((error.code(), format!("{error}。")));
    }
    let known = raw.staff_no.as_deref().is_some_and(|number| !number.is_empty());
    (!known).then(|| (error.code(), "没有手机号也没有工号，至少要有一项。".to_owned()))
}

/// Line breaks and tabs become spaces, the ends are trimmed; too long or unprintable is a fault.
fn tidy(text: &mut String, what: &str, most: usize) -> Option<(&'static str, String)> {
    *text = tidy_text(text);
    if text.chars().count() > most {
        let code = if what == "姓名" { "name_too_long" } else { "text_too_long" };
        return Some((code, format!("{what}超过 {most} 个字。")));
    }
    text.chars()
        .any(char::is_control)
        .then(|| ("text_invalid", format!("{what}里有无法显示的控制字符，请重新输入。")))
}

/// White space of any kind inside becomes one space, the ends are trimmed. Everything else stays as written, unless there is
/// nothing to see in it.
pub fn tidy_text(text: &str) -> String {
    let spaced: String =
        text.chars().map(|letter| if letter.is_whitespace() { ' ' } else { letter }).collect();
    if is_blank(&spaced) { String::new() } else { spaced.trim().to_owned() }
}

fn weight(text: Option<&str>) -> Result<Option<i64>, ()> {
    let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else { return Ok(None) };
    let whole = text.strip_suffix(".0").unwrap_or(text);
    whole.parse().ok().filter(|weight| (0..=MAX_WEIGHT).contains(weight)).map(Some).ok_or(())
}

/// What the rows do to the roster.
pub fn plan(rows: &[Parsed], roster: &Roster) -> Plan {
    let people = keys(rows, roster);
    let mut staff_numbers = staff_numbers(rows, &people, roster);
    let mut first_rows: HashMap<&str, &RawRow> = HashMap::new();
    let mut out = Plan { rows: Vec::with_capacity(rows.len()), changes: Vec::new() };
    for (at, (row, person)) in rows.iter().zip(&people).enumerate() {
        let fault = row.fault.clone().or_else(|| {
            let first = first_rows.get(person.as_str())?;
            Some(("duplicate_in_file".to_owned(), duplicate(first, row)))
        });
        let fault = fault.or_else(|| staff_fault(row, person, &mut staff_numbers));
        if let Some(fault) = fault {
            out.rows.push(report(row, RowOutcome::Error, fault));
            continue;
        }
        first_rows.insert(person, &row.raw);
        let phone = person.starts_with(NO_PHONE) && !row.index.is_empty();
        let (outcome, remark, change) = effect(row, roster.get(person), phone);
        out.rows.push(report(row, outcome, remark));
        out.changes.extend(change.map(|(id, person)| Change { at, id, phone, person }));
    }
    out
}

/// Whom each row means, as a key of the roster: by phone; without one by staff number. A person who had no phone so far is
/// found by number and name, and gets the row's.
fn keys(rows: &[Parsed], roster: &Roster) -> Vec<String> {
    let present = roster.iter().filter(|(_, known)| !known.removed && !known.staff_no.is_empty());
    let holders: HashMap<&str, (&String, &Known)> =
        present.map(|(key, known)| (known.staff_no.as_str(), (key, known))).collect();
    let key = |row: &Parsed| {
        let number = row.raw.staff_no.as_deref().unwrap_or_default();
        let holder = holders.get(number);
        if row.index.is_empty() {
            return holder.map_or_else(|| format!("staff:{number}"), |(key, _)| (*key).clone());
        }
        let gains = |(key, known): &&(&String, &Known)| {
            key.starts_with(NO_PHONE) && known.name == row.raw.name && !roster.contains_key(&row.index)
        };
        holder.filter(gains).map_or_else(|| row.index.clone(), |(key, _)| (*key).clone())
    };
    rows.iter().map(key).collect()
}

/// Who holds which staff number once the file's own people have let go of theirs.
fn staff_numbers(rows: &[Parsed], people: &[String], roster: &Roster) -> HashMap<String, (String, String)> {
    let mut held: HashMap<String, (String, String)> = roster
        .iter()
        .filter(|(_, known)| !known.removed && !known.staff_no.is_empty())
        .map(|(key, known)| (known.staff_no.clone(), (key.clone(), known.name.clone())))
        .collect();
    let good = rows.iter().zip(people).filter(|(row, _)| row.fault.is_none() && row.raw.staff_no.is_some());
    for (_, person) in good {
        let Some(known) = roster.get(person) else { continue };
        if held.get(&known.staff_no).is_some_and(|(key, _)| key == person) {
            held.remove(&known.staff_no);
        }
    }
    held
}

fn staff_fault(
    row: &Parsed,
    person: &str,
    held: &mut HashMap<String, (String, String)>,
) -> Option<(String, String)> {
    let number = row.raw.staff_no.as_deref().filter(|number| !number.is_empty())?;
    match held.get(number) {
        Some((key, name)) if key != person => Some((
            "staff_no_taken".to_owned(),
            format!(
                "工号 {number} 已属于“{name}”（手机号不同）；换了号码请在名单里修改，不是同一人请改工号。"
            ),
        )),
        _ => {
            held.insert(number.to_owned(), (person.to_owned(), row.raw.name.clone()));
            None
        }
    }
}

fn duplicate(first: &RawRow, row: &Parsed) -> String {
    if first.name == row.raw.name {
        format!("与第 {} 行重复：同一个人只需出现一次。", first.row)
    } else if row.index.is_empty() {
        format!("工号与第 {} 行的“{}”相同，请核对是谁的工号。", first.row, first.name)
    } else {
        format!("手机号与第 {} 行的“{}”相同，请核对是谁的号码。", first.row, first.name)
    }
}

type Effect = (RowOutcome, (String, String), Option<(Option<String>, Known)>);

fn effect(row: &Parsed, known: Option<&Known>, phone: bool) -> Effect {
    let raw = &row.raw;
    let nothing = || (String::new(), String::new());
    let base = known.filter(|known| !known.removed).cloned();
    let is_new = base.is_none();
    let base = base.unwrap_or_else(|| Known { weight: 1, ..Known::default() });
    let text = |given: &Option<String>, kept: &String| given.clone().unwrap_or_else(|| kept.clone());
    let person = Known {
        id: String::new(),
        name: raw.name.clone(),
        department: text(&raw.department, &base.department),
        staff_no: text(&raw.staff_no, &base.staff_no),
        group: text(&raw.group, &base.group),
        weight: row.weight.unwrap_or(base.weight),
        removed: false,
    };
    if is_new {
        return (RowOutcome::New, nothing(), Some((known.map(|known| known.id.clone()), person)));
    }
    if !phone && person == (Known { id: String::new(), ..base.clone() }) {
        return (RowOutcome::Same, nothing(), None);
    }
    let remark = if person.name == base.name {
        nothing()
    } else if row.index.is_empty() {
        let number = &base.staff_no;
        let message = format!("名单里工号 {number} 是“{}”，将改为“{}”。", base.name, person.name);
        ("name_changed".to_owned(), message)
    } else {
        ("name_changed".to_owned(), format!("名单里这个手机号是“{}”，将改为“{}”。", base.name, person.name))
    };
    (RowOutcome::Update, remark, Some((Some(base.id), person)))
}

fn report(row: &Parsed, outcome: RowOutcome, (code, message): (String, String)) -> ImportRow {
    let phone =
        Phone::parse(&row.raw.phone).map_or_else(|_| phone::mask_any(&row.raw.phone), |phone| phone.mask());
    let short = |text: &str| text.chars().take(MAX_NAME).collect();
    ImportRow {
        row: row.raw.row,
        outcome,
        name: short(&row.raw.name),
        phone,
        department: short(row.raw.department.as_deref().unwrap_or_default()),
        code,
        message,
    }
}

/// The report of a plan.
pub fn summary(id: &str, file: &str, blank: i64, rows: Vec<ImportRow>) -> ImportReport {
    let count =
        |outcome| i64::try_from(rows.iter().filter(|row| row.outcome == outcome).count()).unwrap_or(i64::MAX);
    ImportReport {
        id: id.to_owned(),
        file: file.to_owned(),
        status: ImportStatus::Reported,
        total: i64::try_from(rows.len()).unwrap_or(i64::MAX),
        new: count(RowOutcome::New),
        update: count(RowOutcome::Update),
        same: count(RowOutcome::Same),
        errors: count(RowOutcome::Error),
        blank,
        rows,
    }
}

#[cfg(test)]
mod tests;
