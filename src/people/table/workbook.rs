//! Workbooks (.xlsx).

use std::{
    io::{Cursor, Read},
    panic::catch_unwind,
};

use calamine::{DataRef, Reader as _, SheetVisible, Xlsx, XlsxError};

use super::{
    Cell, HEADER_WITHIN, Line, MAX_COLUMNS, MAX_ROWS, Table, cut, find_header, no_header, table, too_large,
    too_many_rows, wrong_type,
};
use crate::error::ApiError;

/// Most bytes that a workbook may inflate to.
const MAX_INFLATED: u64 = 128 * 1024 * 1024;
/// Most files inside a workbook.
const MAX_ENTRIES: usize = 2_000;

/// Reads a workbook. The parser panics on some that were damaged (calamine 0.38, on the address of a cell that does not fit
/// into a number): they are refused as all others are.
pub(super) fn read(bytes: &[u8], phones: bool) -> Result<Table, ApiError> {
    check_inflated(bytes)?;
    catch_unwind(|| parse(bytes, phones)).unwrap_or_else(|_| Err(damaged()))
}

fn parse(bytes: &[u8], phones: bool) -> Result<Table, ApiError> {
    let mut book: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).map_err(|_| no_workbook())?;
    let sheets: Vec<String> = book
        .sheets_metadata()
        .iter()
        .filter(|sheet| sheet.visible == SheetVisible::Visible)
        .map(|sheet| sheet.name.clone())
        .collect();
    for sheet in sheets {
        let lines = sheet_lines(&mut book, &sheet)?;
        if let Some(found) = find_header(&lines, phones) {
            return table(&lines, &found?);
        }
    }
    Err(no_header(phones))
}

/// Counts entries and sizes as declared, then inflates into nothing to see whether the declaration lied.
fn check_inflated(bytes: &[u8]) -> Result<(), ApiError> {
    let bomb = || too_large("文件解压后过大，可能已损坏；请另存为新的 .xlsx 再导入。");
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(|_| no_workbook())?;
    if archive.len() > MAX_ENTRIES {
        return Err(bomb());
    }
    let mut declared = 0_u64;
    for index in 0..archive.len() {
        declared = declared.saturating_add(archive.by_index_raw(index).map_err(|_| no_workbook())?.size());
        if declared > MAX_INFLATED {
            return Err(bomb());
        }
    }
    let mut left = MAX_INFLATED;
    for index in 0..archive.len() {
        let entry = archive.by_index(index).map_err(|_| no_workbook())?;
        let read = std::io::copy(&mut entry.take(left + 1), &mut std::io::sink()).map_err(|_| damaged())?;
        left = left.checked_sub(read).ok_or_else(bomb)?;
    }
    Ok(())
}

/// The rows of a sheet that hold anything; none of a sheet without cells (a chart).
fn sheet_lines(book: &mut Xlsx<Cursor<&[u8]>>, sheet: &str) -> Result<Vec<Line>, ApiError> {
    let mut cells = match book.worksheet_cells_reader(sheet) {
        Ok(cells) => cells,
        Err(XlsxError::NotAWorksheet(_)) => return Ok(Vec::new()),
        Err(_) => return Err(damaged()),
    };
    let mut lines: Vec<Line> = Vec::new();
    while let Some(cell) = cells.next_cell_with_formula_metadata().map_err(|_| damaged())? {
        let column = usize::try_from(cell.pos.1).unwrap_or(usize::MAX);
        let text = value_text(&cell.value);
        let failed = matches!(cell.value, DataRef::Error(_));
        let unknown = failed || (cell.formula.is_some() && text.is_empty());
        if column >= MAX_COLUMNS || (text.is_empty() && !unknown) {
            continue;
        }
        let row = i64::from(cell.pos.0) + 1;
        if lines.last().is_none_or(|(last, _)| *last != row) {
            if lines.len() >= MAX_ROWS + HEADER_WITHIN {
                return Err(too_many_rows());
            }
            lines.push((row, Vec::new()));
        }
        if let Some((_, line)) = lines.last_mut() {
            if line.len() <= column {
                line.resize_with(column + 1, Cell::default);
            }
            line[column] = Cell { text, unknown };
        }
    }
    Ok(lines)
}

fn value_text(value: &DataRef<'_>) -> String {
    let text = match value {
        DataRef::Int(number) => number.to_string(),
        // Whole numbers print without a fraction; phone numbers are far below 2^53.
        DataRef::Float(number) => format!("{number}"),
        DataRef::String(text) | DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => text.clone(),
        DataRef::SharedString(text) => (*text).to_owned(),
        DataRef::Bool(value) => value.to_string(),
        DataRef::DateTime(value) => format!("{}", value.as_f64()),
        DataRef::Error(_) | DataRef::Empty => String::new(),
    };
    cut(&text)
}

fn no_workbook() -> ApiError {
    wrong_type("这个文件不是可读的 .xlsx 工作簿，请用表格软件打开后另存为 .xlsx 再导入。")
}

fn damaged() -> ApiError {
    wrong_type("这个工作簿已损坏，请用表格软件打开后另存为 .xlsx 再导入。")
}
