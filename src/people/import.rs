//! What an import would do, row by row: pure, so that the report and the acceptance are the same thing.
//!
//! A person is known by phone. A row can add, change or confirm a person; it can never make two of one, and a faulty
//! row never hides a good one (a duplicate is counted against the first *good* row only).

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::table::RawRow;
use crate::{
    keys::Keys,
    phone::{self, Phone},
    wire::{ImportReport, ImportRow, ImportStatus, RowOutcome},
};

/// Longest name, department and group, characters.
pub const MAX_NAME: usize = 60;
/// Longest staff number, characters.
pub const MAX_STAFF_NO: usize = 32;
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

/// The roster by phone index.
pub type Roster = HashMap<String, Known>;

/// A row of a pending import, checked by itself. Sealed at rest.
#[derive(Clone, Serialize, Deserialize)]
pub struct Parsed {
    /// The row as read.
    pub raw: RawRow,
    /// Canonical phone; empty when the phone is wrong.
    pub e164: String,
    /// Index of the phone; empty when the phone is wrong.
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

/// Checks each row by itself and computes the phones' indexes. Heavy for long files: run it off the event loop.
pub fn parse(rows: Vec<RawRow>, keys: &Keys, meeting: &str) -> Vec<Parsed> {
    rows.into_iter().map(|raw| parse_row(raw, keys, meeting)).collect()
}

fn parse_row(mut raw: RawRow, keys: &Keys, meeting: &str) -> Parsed {
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
    } else if let Err(error) = phone {
        Some((error.code(), format!("{error}。")))
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

/// White space of any kind inside becomes one space, the ends are trimmed. Everything else stays as written.
pub fn tidy_text(text: &str) -> String {
    let spaced: String =
        text.chars().map(|letter| if letter.is_whitespace() { ' ' } else { letter }).collect();
    spaced.trim().to_owned()
}

fn weight(text: Option<&str>) -> Result<Option<i64>, ()> {
    let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else { return Ok(None) };
    let whole = text.strip_suffix(".0").unwrap_or(text);
    whole.parse().ok().filter(|weight| (0..=MAX_WEIGHT).contains(weight)).map(Some).ok_or(())
}

/// What the rows do to the roster.
pub fn plan(rows: &[Parsed], roster: &Roster) -> Plan {
    let mut staff_numbers = staff_numbers(rows, roster);
    let mut first_rows: HashMap<&str, &RawRow> = HashMap::new();
    let mut out = Plan { rows: Vec::with_capacity(rows.len()), changes: Vec::new() };
    for (at, row) in rows.iter().enumerate() {
        let fault = row.fault.clone().or_else(|| {
            let first = first_rows.get(row.index.as_str())?;
            Some(("duplicate_in_file".to_owned(), duplicate(first, &row.raw)))
        });
        let fault = fault.or_else(|| staff_fault(row, &mut staff_numbers));
        if let Some(fault) = fault {
            out.rows.push(report(row, RowOutcome::Error, fault));
            continue;
        }
        first_rows.insert(&row.index, &row.raw);
        let (outcome, remark, change) = effect(row, roster.get(&row.index));
        out.rows.push(report(row, outcome, remark));
        out.changes.extend(change.map(|(id, person)| Change { at, id, person }));
    }
    out
}

/// Who holds which staff number once the file's own people have let go of theirs.
fn staff_numbers(rows: &[Parsed], roster: &Roster) -> HashMap<String, (String, String)> {
    let mut held: HashMap<String, (String, String)> = roster
        .iter()
        .filter(|(_, known)| !known.removed && !known.staff_no.is_empty())
        .map(|(index, known)| (known.staff_no.clone(), (index.clone(), known.name.clone())))
        .collect();
    for row in rows.iter().filter(|row| row.fault.is_none() && row.raw.staff_no.is_some()) {
        let Some(known) = roster.get(&row.index) else { continue };
        if held.get(&known.staff_no).is_some_and(|(index, _)| *index == row.index) {
            held.remove(&known.staff_no);
        }
    }
    held
}

fn staff_fault(row: &Parsed, held: &mut HashMap<String, (String, String)>) -> Option<(String, String)> {
    let number = row.raw.staff_no.as_deref().filter(|number| !number.is_empty())?;
    match held.get(number) {
        Some((index, name)) if *index != row.index => Some((
            "staff_no_taken".to_owned(),
            format!(
                "工号 {number} 已属于“{name}”（手机号不同）；换了号码请在名单里修改，不是同一人请改工号。"
            ),
        )),
        _ => {
            held.insert(number.to_owned(), (row.index.clone(), row.raw.name.clone()));
            None
        }
    }
}

fn duplicate(first: &RawRow, row: &RawRow) -> String {
    if first.name == row.name {
        format!("与第 {} 行重复：同一个人只需出现一次。", first.row)
    } else {
        format!("手机号与第 {} 行的“{}”相同，请核对是谁的号码。", first.row, first.name)
    }
}

type Effect = (RowOutcome, (String, String), Option<(Option<String>, Known)>);

fn effect(row: &Parsed, known: Option<&Known>) -> Effect {
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
    if person == (Known { id: String::new(), ..base.clone() }) {
        return (RowOutcome::Same, nothing(), None);
    }
    let remark = if person.name == base.name {
        nothing()
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
mod tests {
    use super::*;

    fn keys() -> Keys {
        let folder = tempfile::tempdir().unwrap();
        Keys::open(&folder.path().join("key")).unwrap()
    }

    fn row(row: i64, name: &str, phone: &str) -> RawRow {
        RawRow { row, name: name.into(), phone: phone.into(), ..RawRow::default() }
    }

    fn outcomes(plan: &Plan) -> Vec<(RowOutcome, &str)> {
        plan.rows.iter().map(|row| (row.outcome, row.code.as_str())).collect()
    }

    #[test]
    fn each_fault_is_named_in_its_row() {
        let keys = keys();
        let long = "长".repeat(61);
        let formula = RawRow { formula: true, ..row(7, "公式", "13800138006") };
        let heavy = RawRow { weight: Some("1.5".into()), ..row(8, "重", "13800138007") };
        let rows = vec![
            row(2, "", "13800138000"),
            row(3, "张三", "13800138000"),
            row(4, "张三", "138 0013 8000"),
            row(5, "李四", "+8613800138000"),
            row(6, &long, "13800138005"),
            formula,
            heavy,
            row(9, "无号", ""),
            row(10, "短号", "1380013"),
            row(11, "控\u{7}制", "13800138010"),
        ];
        let plan = plan(&parse(rows, &keys, "m"), &Roster::new());
        let error = RowOutcome::Error;
        assert_eq!(
            outcomes(&plan),
            [
                (error, "name_missing"),
                (RowOutcome::New, ""),
                (error, "duplicate_in_file"),
                (error, "duplicate_in_file"),
                (error, "name_too_long"),
                (error, "formula"),
                (error, "weight_invalid"),
                (error, "phone_missing"),
                (error, "phone_invalid"),
                (error, "text_invalid"),
            ]
        );
        assert!(plan.rows[2].message.contains("第 3 行"), "{}", plan.rows[2].message);
        assert_eq!(plan.rows[2].phone, "138****8000");
        let report = summary("i", "f", 0, plan.rows);
        assert_eq!((report.total, report.new, report.errors), (10, 1, 9));
        assert!(report.rows[4].name.chars().count() <= MAX_NAME);
    }

    #[test]
    fn the_same_file_twice_changes_nothing_and_missing_columns_keep_what_is_there() {
        let keys = keys();
        let rows = vec![row(2, "张三", "13800138000"), row(3, "李四", "13800138001")];
        let parsed = parse(rows, &keys, "m");
        let mut roster = Roster::new();
        for change in plan(&parsed, &roster).changes {
            let id = format!("p{}", change.at);
            roster.insert(
                parsed[change.at].index.clone(),
                Known { id, department: "研发".into(), ..change.person },
            );
        }
        assert_eq!(outcomes(&plan(&parsed, &roster)), [(RowOutcome::Same, ""), (RowOutcome::Same, "")]);
        let renamed = vec![RawRow { weight: Some("3".into()), ..row(2, "张叁", "13800138000") }];
        let plan2 = plan(&parse(renamed, &keys, "m"), &roster);
        assert_eq!(outcomes(&plan2), [(RowOutcome::Update, "name_changed")]);
        assert_eq!(plan2.changes[0].id.as_deref(), Some("p0"));
        assert_eq!(
            (plan2.changes[0].person.department.as_str(), plan2.changes[0].person.weight),
            ("研发", 3)
        );
        if let Some(known) = roster.get_mut(&parsed[0].index) {
            known.removed = true;
        }
        let back = plan(&parsed, &roster);
        assert_eq!(outcomes(&back)[0], (RowOutcome::New, ""));
        assert_eq!(back.changes[0].id.as_deref(), Some("p0"), "the same person, not a second one");
    }

    #[test]
    fn a_staff_number_belongs_to_one_phone_and_may_be_swapped() {
        let keys = keys();
        let with = |line, name, phone, number: &str| RawRow {
            staff_no: Some(number.into()),
            ..row(line, name, phone)
        };
        let first = parse(
            vec![with(2, "张三", "13800138000", "A1"), with(3, "李四", "13800138001", "A2")],
            &keys,
            "m",
        );
        let mut roster = Roster::new();
        for change in plan(&first, &roster).changes {
            roster.insert(
                first[change.at].index.clone(),
                Known { id: format!("p{}", change.at), ..change.person },
            );
        }
        let moved = parse(vec![with(2, "张三", "13900139000", "A1")], &keys, "m");
        assert_eq!(outcomes(&plan(&moved, &roster)), [(RowOutcome::Error, "staff_no_taken")]);
        let swap = parse(
            vec![with(2, "张三", "13800138000", "A2"), with(3, "李四", "13800138001", "A1")],
            &keys,
            "m",
        );
        assert_eq!(outcomes(&plan(&swap, &roster)), [(RowOutcome::Update, ""), (RowOutcome::Update, "")]);
        let twice = parse(
            vec![with(2, "王五", "13700137000", "B1"), with(3, "赵六", "13700137001", "B1")],
            &keys,
            "m",
        );
        assert_eq!(outcomes(&plan(&twice, &roster))[1], (RowOutcome::Error, "staff_no_taken"));
    }
}
