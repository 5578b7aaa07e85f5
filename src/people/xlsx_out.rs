//! Workbooks that go out: made-up rosters for the demo, and the books of a meeting. Cells are never written
//! as formulas, whatever they begin with.

use std::path::Path;

use rust_xlsxwriter::{Format, Workbook, XlsxError};

/// A made-up person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DemoPerson {
    /// Name.
    pub name: String,
    /// Phone of a range that nobody has (`199 0000 …`).
    pub phone: String,
    /// Department.
    pub department: String,
    /// Staff number.
    pub staff_no: String,
}

const SURNAMES: [&str; 40] = [
    "王", "李", "张", "刘", "陈", "杨", "赵", "黄", "周", "吴", "徐", "孙", "胡", "朱", "高", "林", "何",
    "郭", "马", "罗", "梁", "宋", "郑", "谢", "韩", "唐", "冯", "于", "董", "萧", "程", "曹", "袁", "邓",
    "许", "欧阳", "司马", "上官", "诸葛", "尉迟",
];
const GIVEN: [&str; 48] = [
    "伟", "芳", "娜", "秀英", "敏", "静", "丽", "强", "磊", "军", "洋", "勇", "艳", "杰", "娟", "涛", "明",
    "超", "秀兰", "霞", "平", "刚", "桂英", "文博", "子涵", "雨桐", "浩然", "思远", "嘉怡", "梓萱", "一诺",
    "俊熙", "晓彤", "海燕", "建国", "志强", "玉兰", "春梅", "天佑", "若曦", "沐阳", "知行", "清扬", "云飞",
    "雪莹", "景行", "书瑶", "安琪",
];
/// Names that break careless software: rare characters (some beyond the basic plane), minority names, one letter.
const UNUSUAL: [&str; 12] = [
    "阿依古丽·买买提",
    "迪丽努尔·阿布都热依木江",
    "才让多杰",
    "𠅤嘉",
    "龘䶮",
    "王昇",
    "李𫟹",
    "巴特尔·额尔德尼朝克图",
    "O'Brien, Seán",
    "么",
    "犇骉淼",
    "乌云其木格",
];
const DEPARTMENTS: [&str; 8] =
    ["研发中心", "销售一部", "销售二部", "市场部", "客户服务部", "供应链", "财务部", "人力资源部"];

/// `count` made-up people, always the same ones.
pub fn demo_people(count: usize) -> Vec<DemoPerson> {
    (0..count).map(demo_person).collect()
}

fn demo_person(at: usize) -> DemoPerson {
    // Every 25th has an unusual name; the others walk through all pairs of surname and given name.
    let name = if at % 25 == 24 {
        let name = UNUSUAL[(at / 25) % UNUSUAL.len()];
        let lap = at / 25 / UNUSUAL.len();
        if lap == 0 { name.to_owned() } else { format!("{name}{}", GIVEN[lap % GIVEN.len()]) }
    } else {
        format!("{}{}", SURNAMES[at % SURNAMES.len()], GIVEN[(at * 7 + at / SURNAMES.len()) % GIVEN.len()])
    };
    DemoPerson {
        name,
        phone: format!("199{:08}", at + 1),
        department: DEPARTMENTS[(at * 5 + at / 8) % DEPARTMENTS.len()].to_owned(),
        staff_no: format!("KJ{:05}", at + 1),
    }
}

/// Writes a made-up roster of `count` people to a file, as an importer expects it.
pub fn write_roster(path: &Path, count: usize) -> anyhow::Result<()> {
    let rows: Vec<Vec<String>> = demo_people(count)
        .into_iter()
        .map(|person| vec![person.name, person.phone, person.department, person.staff_no])
        .collect();
    std::fs::write(path, sheet("名单", &["姓名", "手机号", "部门", "工号"], &rows)?)?;
    Ok(())
}

/// Headings of columns that are summed or sorted by number, with the format of their cells. All others are text: a
/// spreadsheet program would spoil a bill number or a staff number with zeros in front.
const NUMBERS: [(&str, &str); 9] = [
    ("红包（元）", "0.00"),
    ("金额（元）", "0.00"),
    ("税额（本人承担，元）", "0.00"),
    ("税额（单位承担，元）", "0.00"),
    ("抽奖序号", "0"),
    ("名次", "0"),
    ("编号", "0"),
    ("次数", "0"),
    ("权重", "0"),
];

/// One sheet under a bold, frozen header; cells are text but in the columns of `NUMBERS`.
pub fn sheet(name: &str, headings: &[&str], rows: &[Vec<String>]) -> Result<Vec<u8>, XlsxError> {
    let mut book = Workbook::new();
    let sheet = book.add_worksheet();
    sheet.set_name(name)?;
    let bold = Format::new().set_bold();
    for (place, heading) in headings.iter().enumerate() {
        sheet.write_string_with_format(0, u16::try_from(place).unwrap_or(u16::MAX), *heading, &bold)?;
    }
    let formats: Vec<Option<Format>> = headings.iter().map(|heading| number_format(heading)).collect();
    sheet.set_freeze_panes(1, 0)?;
    for (at, row) in rows.iter().enumerate() {
        let line = u32::try_from(at + 1).unwrap_or(u32::MAX);
        for (place, (text, format)) in row.iter().zip(&formats).enumerate() {
            let column = u16::try_from(place).unwrap_or(u16::MAX);
            match (format, text.parse::<f64>()) {
                (Some(format), Ok(number)) => sheet.write_number_with_format(line, column, number, format)?,
                _ => sheet.write_string(line, column, safe(text))?,
            };
        }
    }
    sheet.autofit();
    book.save_to_buffer()
}

fn number_format(heading: &str) -> Option<Format> {
    let (_, format) = NUMBERS.iter().find(|(known, _)| *known == heading)?;
    Some(Format::new().set_num_format(*format))
}

/// A text that spreadsheet programs would take for a formula, were it saved as text table later, gets a `'` in front.
pub fn safe(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{people::table, phone::Phone};

    #[test]
    fn the_demo_roster_reads_back_whole() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("名单.xlsx");
        write_roster(&file, 300).unwrap();
        let table = table::read(&std::fs::read(&file).unwrap(), true).unwrap();
        let people = demo_people(300);
        assert_eq!(table.rows.len(), 300);
        for (row, person) in table.rows.iter().zip(&people) {
            assert_eq!(
                (row.name.as_str(), row.phone.as_str()),
                (person.name.as_str(), person.phone.as_str())
            );
            assert_eq!(row.department.as_deref(), Some(person.department.as_str()));
            assert!(Phone::parse(&row.phone).is_ok());
        }
        assert_eq!(people, demo_people(301)[..300]);
        assert!(people.iter().any(|person| person.name.contains('·')));
    }

    #[test]
    fn nothing_written_is_a_formula() {
        let rows = vec![vec!["=1+1".to_owned(), "+8613800138000".to_owned()]];
        let bytes = sheet("名单", &["姓名", "手机"], &rows).unwrap();
        let table = table::read(&bytes, true).unwrap();
        assert_eq!((table.rows[0].name.as_str(), table.rows[0].formula), ("'=1+1", false));
        assert!(Phone::parse(&table.rows[0].phone).is_ok());
    }

    #[test]
    fn money_can_be_summed_and_numbers_of_papers_stay_text() {
        use calamine::{Data, Reader, Xlsx};
        let rows = vec![vec!["0019".to_owned(), "12.34".to_owned(), "3".to_owned()]];
        let bytes = sheet("发放明细", &["商户单号", "金额（元）", "次数"], &rows).unwrap();
        let mut book = Xlsx::new(std::io::Cursor::new(bytes)).unwrap();
        let range = book.worksheet_range("发放明细").unwrap();
        let cells = [Data::String("0019".to_owned()), Data::Float(12.34), Data::Float(3.0)];
        assert_eq!(range.rows().nth(1).unwrap(), &cells);
    }
}
