//! Rosters that somebody has tampered with: the file itself, what is inside of a workbook, and the form around it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use std::{
    io::{Cursor, Read, Write},
    sync::LazyLock,
};

use axum::{
    body::Body,
    extract::{FromRequest, Multipart, Request},
};
use proptest::prelude::*;

use super::{http::file, table, xlsx_out};
use crate::hostile::{cases, damaged, quickly};

/// The names and contents of a workbook's files.
static PARTS: LazyLock<Vec<(String, Vec<u8>)>> = LazyLock::new(|| {
    let row = |name: &str, phone: &str| vec![name.into(), phone.into(), "研发".into(), "2".into()];
    let rows = [row("张三", "13800138000"), row("=1+1", "+1 202 555 0143"), row("李四", "138-0013-8001")];
    let book = xlsx_out::sheet("名单", &["姓名", "手机号", "部门", "权重"], &rows).unwrap();
    let mut archive = zip::ZipArchive::new(Cursor::new(book)).unwrap();
    (0..archive.len())
        .map(|index| {
            let mut entry = archive.by_index(index).unwrap();
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).unwrap();
            (entry.name().unwrap().into_owned(), bytes)
        })
        .collect()
});

/// A workbook of these files, in which one may be another one than it was.
fn workbook(other: usize, bytes: &[u8]) -> Vec<u8> {
    let mut book = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (index, (name, kept)) in PARTS.iter().enumerate() {
        book.start_file(name.clone(), zip::write::SimpleFileOptions::default()).unwrap();
        book.write_all(if index == other { bytes } else { kept }).unwrap();
    }
    book.finish().unwrap().into_inner()
}

fn judge(bytes: &[u8]) {
    match quickly(|| table::read(bytes, true)) {
        Ok(read) => {
            assert!(read.rows.len() <= table::MAX_ROWS);
            assert!(read.rows.iter().all(|row| row.name.len() + row.phone.len() < 70_000));
        }
        Err(error) => assert!(matches!(error.status().as_u16(), 413 | 415 | 422), "{error}"),
    }
}

/// A file of a workbook, and what somebody has made of it.
fn tampered() -> impl Strategy<Value = (usize, Vec<u8>)> {
    (0..PARTS.len()).prop_flat_map(|index| (Just(index), damaged(vec![PARTS[index].1.clone()])))
}

const TABLE: &str =
    "姓名,手机号,部门\r\n张三,13800138000,\"研发,\"\"一\"\"部\"\r\n\r\n李四,+86 138 0013 8001,\r\n";

fn form() -> Vec<u8> {
    let head =
        "Content-Disposition: form-data; name=\"file\"; filename=\"名单.csv\"\r\nContent-Type: text/csv";
    format!("--limit\r\n{head}\r\n\r\n{TABLE}\r\n--limit--\r\n").into_bytes()
}

async fn upload(body: Vec<u8>) -> Result<usize, u16> {
    let request = Request::builder().header("content-type", "multipart/form-data; boundary=limit");
    let form = Multipart::from_request(request.body(Body::from(body)).unwrap(), &()).await.unwrap();
    file(form).await.map(|(_, bytes)| bytes.len()).map_err(|error| error.status().as_u16())
}

proptest! {
    #![proptest_config(cases(180))]

    #[test]
    fn a_workbook_with_a_strange_part_is_read_or_refused((part, bytes) in tampered()) {
        judge(&workbook(part, &bytes));
    }

    #[test]
    fn a_damaged_archive_is_read_or_refused(bytes in damaged(vec![workbook(usize::MAX, b"")])) {
        judge(&bytes);
    }
}

proptest! {
    #![proptest_config(cases(450))]

    #[test]
    fn a_damaged_text_table_is_read_or_refused(
        bytes in damaged(vec![
            TABLE.into(),
            encoding_rs::GB18030.encode(TABLE).0.into_owned(),
            [0xfeff].into_iter().chain(TABLE.encode_utf16()).flat_map(u16::to_le_bytes).collect(),
        ]),
    ) {
        judge(&bytes);
    }

    #[test]
    fn a_damaged_form_gives_a_file_or_is_refused(body in damaged(vec![form()])) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let most = body.len();
        match quickly(|| runtime.block_on(upload(body))) {
            Ok(length) => prop_assert!(length <= most),
            Err(status) => prop_assert!(matches!(status, 400 | 413 | 422), "{}", status),
        }
    }
}

#[test]
fn a_workbook_on_which_the_parser_gives_up_is_refused() {
    let (index, (_, sheet)) =
        PARTS.iter().enumerate().find(|(_, (name, _))| name.ends_with("sheet1.xml")).unwrap();
    let far = format!("r=\"{}1\"", "Z".repeat(20));
    let sheet = String::from_utf8(sheet.clone()).unwrap().replacen("r=\"A1\"", &far, 1);
    assert!(sheet.contains(&far), "{sheet}");
    judge(&workbook(index, sheet.as_bytes()));
}

#[test]
fn the_good_ones_are_read() {
    assert_eq!(table::read(&workbook(usize::MAX, b""), true).unwrap().rows.len(), 3);
    assert_eq!(table::read(TABLE.as_bytes(), true).unwrap().rows.len(), 2);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    assert_eq!(runtime.block_on(upload(form())), Ok(TABLE.len()));
}
