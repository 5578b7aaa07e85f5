use std::io::{Cursor, Read};

use rust_xlsxwriter::{Formula, Workbook};

use super::{read as read_any, *};

/// As in a meeting where everybody needs a phone.
fn read(bytes: &[u8]) -> Result<Table, ApiError> {
    read_any(bytes, true)
}

fn save(mut book: Workbook) -> Vec<u8> {
    book.save_to_buffer().unwrap()
}

#[test]
fn a_messy_workbook_keeps_its_row_numbers() {
    let mut book = Workbook::new();
    book.add_worksheet().write(0, 0, "说明：请勿修改").unwrap();
    let sheet = book.add_worksheet();
    sheet.merge_range(0, 0, 0, 4, "2026 年会名单", &rust_xlsxwriter::Format::new()).unwrap();
    for (place, heading) in ["备注", "手机号（必填）", " 姓 名 ", "权重", "Dept"].into_iter().enumerate()
    {
        sheet.write(2, u16::try_from(place).unwrap(), heading).unwrap();
    }
    sheet.write(3, 1, 13_800_138_000_i64).unwrap().write(3, 2, "张三").unwrap().write(3, 3, 2).unwrap();
    sheet.write(5, 1, "138-0013-8001").unwrap().write(5, 2, "=HYPERLINK(\"http://x\",\"y\")").unwrap();
    sheet.write(6, 0, "只有备注").unwrap();
    sheet.write(7, 1, Formula::new("=A1")).unwrap().write(7, 2, "李四").unwrap();
    sheet.write(8, 1, Formula::new("=A1").set_result("13800138003")).unwrap().write(8, 2, "王五").unwrap();
    sheet.write(1_048_575, 16_383, "远处").unwrap();
    let table = read(&save(book)).unwrap();
    let seen: Vec<_> =
        table.rows.iter().map(|row| (row.row, row.name.as_str(), row.phone.as_str())).collect();
    assert_eq!(seen[0], (4, "张三", "13800138000"));
    assert_eq!(seen[1], (6, "=HYPERLINK(\"http://x\",\"y\")", "138-0013-8001"));
    assert_eq!(table.rows[0].weight.as_deref(), Some("2"));
    assert_eq!(table.rows[0].department.as_deref(), Some(""));
    assert_eq!(table.rows[0].staff_no, None);
    let formulas: Vec<_> = table.rows.iter().map(|row| (row.row, row.formula)).collect();
    assert_eq!(formulas[3], (9, false), "a stored value counts");
    assert_eq!(table.rows[3].phone, "13800138003");
    assert_eq!(formulas[2].0, 8);
}

/// The workbook with `from` replaced in its first sheet.
fn doctor(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    use std::io::Write;
    let mut old = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    let mut new = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for index in 0..old.len() {
        let mut entry = old.by_index(index).unwrap();
        let name = entry.name().unwrap().into_owned();
        let mut text = String::new();
        entry.read_to_string(&mut text).unwrap();
        if name == "xl/worksheets/sheet1.xml" {
            assert!(text.contains(from), "{text}");
            text = text.replace(from, to);
        }
        new.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        new.write_all(text.as_bytes()).unwrap();
    }
    new.finish().unwrap().into_inner()
}

#[test]
fn a_formula_without_a_value_is_flagged() {
    let mut book = Workbook::new();
    let sheet = book.add_worksheet();
    sheet.write(0, 0, "姓名").unwrap().write(0, 1, "手机").unwrap();
    sheet.write(1, 0, "赵六").unwrap().write(1, 1, Formula::new("=B9").set_result("7")).unwrap();
    let stored = save(book);
    assert!(!read(&stored).unwrap().rows[0].formula);
    let bare = read(&doctor(&stored, "<v>7</v>", "")).unwrap();
    assert!(bare.rows[0].formula);
    let failed =
        doctor(&stored, "<c r=\"B2\"><f>B9</f><v>7</v>", "<c r=\"B2\" t=\"e\"><f>B9</f><v>#REF!</v>");
    assert!(read(&failed).unwrap().rows[0].formula);
}

#[test]
fn text_tables_in_every_dress() {
    let text = "\r\n名单,,\r\n\r\n手机,姓名,部门\r\n13800138000,张三,\"研发\n一部\"\r\n\r\n,,\r\n13800138001,阿依古丽·买买提,销售\r\n";
    let plain = read(text.as_bytes()).unwrap();
    let rows: Vec<_> = plain.rows.iter().map(|row| (row.row, row.name.as_str())).collect();
    assert_eq!(rows, [(5, "张三"), (8, "阿依古丽·买买提")]);
    assert_eq!(plain.blank, 2);
    let marked = [b"\xef\xbb\xbf", text.as_bytes()].concat();
    assert_eq!(read(&marked).unwrap(), plain);
    let (gb, _, _) = encoding_rs::GB18030.encode(text);
    assert_eq!(read(&gb).unwrap(), plain);
    assert_eq!(read(text.replace("\r\n", "\n").as_bytes()).unwrap(), plain);
    let wide: Vec<u8> =
        "\u{feff}".encode_utf16().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    assert_eq!(read(&wide).unwrap(), plain);
    let tabs = read("姓名\t手机号\n张三\t13800138000\n".as_bytes()).unwrap();
    assert_eq!(tabs.rows[0].phone, "13800138000");
}

#[test]
fn what_is_no_table() {
    let code = |bytes: &[u8]| read(bytes).map_err(|error| (error.status().as_u16(), error.code()));
    assert_eq!(code(b"\x89PNG\r\n\x1a\n\0\0").unwrap_err(), (415, "file_type"));
    assert_eq!(code(b"<html><table>").unwrap_err(), (415, "file_type"));
    assert_eq!(code(b"\xd0\xcf\x11\xe0\xa1\xb1").unwrap_err(), (415, "file_type"));
    assert_eq!(code(b"PK\x03\x04broken").unwrap_err(), (415, "file_type"));
    assert_eq!(code(b"").unwrap_err(), (422, "header_missing"));
    assert_eq!(code("姓名,部门\n张三,一部\n".as_bytes()).unwrap_err(), (422, "header_missing"));
    assert_eq!(code("姓名,手机,电话\n".as_bytes()).unwrap_err(), (422, "header_duplicate"));
    assert_eq!(code(&vec![b'x'; MAX_FILE + 1]).unwrap_err(), (413, "file_too_large"));
    let rows = "甲,1\n".repeat(MAX_ROWS + 1);
    assert_eq!(code(format!("姓名,手机\n{rows}").as_bytes()).unwrap_err(), (413, "file_too_large"));
}

fn bomb(mib: usize) -> Vec<u8> {
    use std::io::Write;
    let mut out = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let zeros = vec![0_u8; 1 << 20];
    out.start_file("xl/worksheets/sheet1.xml", zip::write::SimpleFileOptions::default()).unwrap();
    for _ in 0..mib {
        out.write_all(&zeros).unwrap();
    }
    out.finish().unwrap().into_inner()
}

#[test]
fn a_bomb_is_refused_by_what_it_declares_and_by_what_it_does() {
    let mut bytes = bomb(160);
    assert!(bytes.len() < MAX_FILE);
    assert_eq!(read(&bytes).unwrap_err().code(), "file_too_large");
    // Let it declare little: the size in the central directory and in the local header.
    let size = (160_u32 << 20).to_le_bytes();
    let places: Vec<usize> =
        bytes.windows(4).enumerate().filter(|(_, window)| *window == size).map(|(at, _)| at).collect();
    assert!(!places.is_empty());
    for at in places {
        bytes[at..at + 4].copy_from_slice(&7_u32.to_le_bytes());
    }
    let error = read(&bytes).unwrap_err();
    assert!(matches!(error.code(), "file_too_large" | "file_type"), "{error}");
    assert_eq!(read(&bomb(1)).unwrap_err().code(), "file_type");
}

#[test]
fn staff_numbers_do_for_phones_where_nobody_needs_one() {
    let text = "姓名,工号\n张三,A1\n".as_bytes();
    assert_eq!(read(text).unwrap_err().code(), "header_missing");
    let row = read_any(text, false).unwrap().rows.remove(0);
    assert_eq!((row.name.as_str(), row.staff_no.as_deref(), row.phone.as_str()), ("张三", Some("A1"), ""));
    assert_eq!(read_any("姓名,部门\n张三,研发\n".as_bytes(), false).unwrap_err().code(), "header_missing");
}
