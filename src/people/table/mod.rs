//! Reading a roster out of a spreadsheet (.xlsx) or a text table (.csv), with the row numbers that people see.
//!
//! Nothing in a file is believed: its type is told by content, the size of what it inflates to is counted before a
//! parser sees it, cells are read one by one, so that a lone cell in the last corner costs nothing.

mod workbook;

use serde::{Deserialize, Serialize};

use crate::error::ApiError;

/// Largest file, bytes.
pub const MAX_FILE: usize = 10 * 1024 * 1024;
/// Most rows with something in them.
pub const MAX_ROWS: usize = 200_000;
/// The header stands within this many rows that hold anything.
const HEADER_WITHIN: usize = 50;
/// Columns further right are not looked at.
const MAX_COLUMNS: usize = 256;
/// Longer cells are cut here: they are too long for every column anyway.
const MAX_CELL: usize = 8_192;

/// One row as read.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RawRow {
    /// Row number as the spreadsheet shows it, from 1.
    pub row: i64,
    /// Name.
    pub name: String,
    /// Phone as written.
    pub phone: String,
    /// Department; `None` when the file has no such column.
    pub department: Option<String>,
    /// Staff number, likewise.
    pub staff_no: Option<String>,
    /// Group, likewise.
    pub group: Option<String>,
    /// Weight as written, likewise.
    pub weight: Option<String>,
    /// A cell is a formula without a stored value (or with an error), so what it should say is not known.
    pub formula: bool,
}

impl std::fmt::Debug for RawRow {
    /// The phone is not shown.
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("RawRow").field("row", &self.row).field("name", &self.name).finish_non_exhaustive()
    }
}

/// A file as read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// Rows with anything in a known column.
    pub rows: Vec<RawRow>,
    /// Blank rows between or after them.
    pub blank: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Column {
    Name,
    Phone,
    Department,
    StaffNo,
    Group,
    Weight,
}

#[derive(Clone, Debug, Default)]
struct Cell {
    text: String,
    unknown: bool,
}

/// A row with something in it: its number, and its cells by column.
type Line = (i64, Vec<Cell>);

/// Reads a file, whatever its name says. `phones`: it must have a column of them, and not of staff numbers alone.
pub fn read(bytes: &[u8], phones: bool) -> Result<Table, ApiError> {
    if bytes.len() > MAX_FILE {
        return Err(too_large("文件超过 10 MiB，请删去图片和多余的工作表，或分成几个文件导入。"));
    }
    if bytes.starts_with(b"PK\x03\x04") {
        return workbook::read(bytes, phones);
    }
    read_csv(&decode(bytes)?, phones)
}

/// 413 `file_too_large`.
pub fn too_large(detail: &str) -> ApiError {
    ApiError::new(http::StatusCode::PAYLOAD_TOO_LARGE, "file_too_large", detail)
}

fn wrong_type(detail: &str) -> ApiError {
    ApiError::new(http::StatusCode::UNSUPPORTED_MEDIA_TYPE, "file_type", detail)
}

// Text tables ---------------------------------------------------------------------------------------------------------

/// UTF-8 (with or without mark), UTF-16 with mark, or GB18030, which spreadsheets on Chinese Windows write.
pub fn decode(bytes: &[u8]) -> Result<String, ApiError> {
    const OLE: &[u8] = b"\xd0\xcf\x11\xe0";
    if bytes.starts_with(OLE) {
        return Err(wrong_type("这是旧的 .xls 格式或加密的工作簿，请另存为不加密的 .xlsx 再导入。"));
    }
    let marked = encoding_rs::Encoding::for_bom(bytes);
    let utf16 = marked.is_some_and(|(encoding, _)| encoding != encoding_rs::UTF_8);
    let wrong = || wrong_type("只能导入 .xlsx 或 .csv 文件。");
    if !utf16 && bytes.contains(&0) {
        return Err(wrong());
    }
    let encoding = match marked {
        Some((encoding, _)) => encoding,
        None if std::str::from_utf8(bytes).is_ok() => encoding_rs::UTF_8,
        None => encoding_rs::GB18030,
    };
    let (text, _, faulty) = encoding.decode(bytes);
    let looks_like_page = text.trim_start().starts_with('<');
    if faulty || looks_like_page || text.contains('\0') {
        return Err(wrong());
    }
    Ok(text.into_owned())
}

fn read_csv(text: &str, phones: bool) -> Result<Table, ApiError> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter(text))
        .from_reader(text.as_bytes());
    let mut lines: Vec<Line> = Vec::new();
    let mut row = 0_i64;
    let mut record = csv::StringRecord::new();
    loop {
        let start = usize::try_from(reader.position().byte()).unwrap_or(usize::MAX);
        row += blank_lines(text.as_bytes(), start);
        let more = reader
            .read_record(&mut record)
            .map_err(|_| wrong_type("这个 .csv 文件无法读取，请检查引号是否成对。"))?;
        if !more {
            break;
        }
        row += 1;
        let cells = record.iter().take(MAX_COLUMNS);
        let cells: Vec<Cell> = cells.map(|text| Cell { text: cut(text), unknown: false }).collect();
        if cells.iter().all(|cell| cell.text.is_empty()) {
            continue;
        }
        if lines.len() >= MAX_ROWS + HEADER_WITHIN {
            return Err(too_many_rows());
        }
        lines.push((row, cells));
    }
    let header = find_header(&lines, phones).ok_or_else(|| no_header(phones))??;
    table(&lines, &header)
}

/// Blank lines that the reader passes over in silence before the record that begins at or after `start`.
fn blank_lines(text: &[u8], start: usize) -> i64 {
    let mut rest = text.get(start..).unwrap_or_default();
    // The reader ends a record at `\r` and leaves the `\n` of the same line end.
    if start > 0 && text.get(start - 1) == Some(&b'\r') {
        rest = rest.strip_prefix(b"\n").unwrap_or(rest);
    }
    let mut count = 0;
    while let Some(next) =
        rest.strip_prefix(b"\r\n").or_else(|| rest.strip_prefix(b"\n")).or_else(|| rest.strip_prefix(b"\r"))
    {
        rest = next;
        count += 1;
    }
    count
}

/// Comma, semicolon or tab: whichever the first lines have most of.
fn delimiter(text: &str) -> u8 {
    let head: String = text.lines().take(5).collect();
    let count = |letter: u8| head.bytes().filter(|byte| *byte == letter).count();
    [b',', b';', b'\t'].into_iter().rev().max_by_key(|letter| count(*letter)).unwrap_or(b',')
}

// Both ----------------------------------------------------------------------------------------------------------------

fn cut(text: &str) -> String {
    text.trim().chars().take(MAX_CELL).collect()
}

fn too_many_rows() -> ApiError {
    too_large("名单超过 200,000 行，请分成几个文件导入。")
}

fn no_header(phones: bool) -> ApiError {
    let needed = if phones {
        "没有找到表头：需要有“姓名”和“手机号”两列。"
    } else {
        "没有找到表头：需要有“姓名”，以及“手机号”或“工号”列。"
    };
    ApiError::invalid("header_missing", "file", needed)
}

/// Which column a heading names.
fn column(heading: &str) -> Option<Column> {
    let plain: String = heading
        .split(['(', '（'])
        .next()
        .unwrap_or_default()
        .chars()
        .filter(|letter| !letter.is_whitespace() && !matches!(letter, '*' | '＊' | ':' | '：' | '_' | '-'))
        .flat_map(char::to_lowercase)
        .collect();
    Some(match plain.as_str() {
        "姓名" | "名字" | "员工姓名" | "name" | "fullname" => Column::Name,
        "手机号" | "手机" | "手机号码" | "电话" | "电话号码" | "联系电话" | "联系方式" | "phone"
        | "mobile" | "phonenumber" | "tel" => Column::Phone,
        "部门" | "所属部门" | "部门名称" | "department" | "dept" => Column::Department,
        "工号" | "员工号" | "员工编号" | "staffno" | "staffnumber" | "staffid" | "employeeid" => {
            Column::StaffNo
        }
        "组" | "分组" | "组别" | "小组" | "group" => Column::Group,
        "权重" | "weight" => Column::Weight,
        _ => return None,
    })
}

/// Where the header stands: its place among `lines`, and which cell holds what.
struct Header {
    at: usize,
    columns: Vec<(usize, Column)>,
}

/// The first row that names both a name and what people are known by. The inner error: a column is there twice.
fn find_header(lines: &[Line], phones: bool) -> Option<Result<Header, ApiError>> {
    for (at, (_, cells)) in lines.iter().take(HEADER_WITHIN).enumerate() {
        let mut columns: Vec<(usize, Column)> = Vec::new();
        let mut twice = None;
        for (place, cell) in cells.iter().enumerate() {
            let Some(kind) = column(&cell.text) else { continue };
            if columns.iter().any(|(_, known)| *known == kind) {
                twice = Some(cell.text.clone());
            }
            columns.push((place, kind));
        }
        let has = |kind| columns.iter().any(|(_, known)| *known == kind);
        if has(Column::Name) && (has(Column::Phone) || (!phones && has(Column::StaffNo))) {
            return Some(match twice {
                Some(heading) => Err(ApiError::invalid(
                    "header_duplicate",
                    "file",
                    format!("表头里有两列都表示“{heading}”，请只保留一列。"),
                )),
                None => Ok(Header { at, columns }),
            });
        }
    }
    None
}

fn table(lines: &[Line], header: &Header) -> Result<Table, ApiError> {
    let mut out = Table::default();
    let mut before = lines[header.at].0;
    for (row, cells) in &lines[header.at + 1..] {
        let known = |(place, _): &&(usize, Column)| {
            cells.get(*place).is_some_and(|cell| cell.unknown || !cell.text.is_empty())
        };
        if !header.columns.iter().any(|entry| known(&entry)) {
            continue;
        }
        if out.rows.len() >= MAX_ROWS {
            return Err(too_many_rows());
        }
        out.blank += row - before - 1;
        before = *row;
        out.rows.push(raw_row(*row, cells, &header.columns));
    }
    let last = lines.last().map_or(before, |(row, _)| *row);
    out.blank += last - before;
    Ok(out)
}

fn raw_row(row: i64, cells: &[Cell], columns: &[(usize, Column)]) -> RawRow {
    let mut out = RawRow { row, ..RawRow::default() };
    for (place, kind) in columns {
        let cell = cells.get(*place).cloned().unwrap_or_default();
        out.formula |= cell.unknown;
        let text = cell.text;
        match kind {
            Column::Name => out.name = text,
            Column::Phone => out.phone = text,
            Column::Department => out.department = Some(text),
            Column::StaffNo => out.staff_no = Some(text),
            Column::Group => out.group = Some(text),
            Column::Weight => out.weight = Some(text),
        }
    }
    out
}

#[cfg(test)]
mod tests;
