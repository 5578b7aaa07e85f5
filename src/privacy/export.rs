//! Everything that is held about one person, as one archive: `person.json`, and the photos they sent.

use std::io::{Cursor, Write};

use anyhow::Context;
use serde_json::{Map, Value, json};
use sqlx::{AnyConnection, Column, Row, any::AnyRow};
use zip::{ZipWriter, write::SimpleFileOptions};

use super::{
    erase::unknown,
    places::{PLACES, Place},
};
use crate::{
    app::App,
    audit::{self, Deed},
    auth::Staff,
    backup::cell,
    error::ApiResult,
    files,
    keys::Purpose,
    meeting::{self, pictures},
    voucher,
};

/// Photos beyond this many bytes are named and left out.
const PHOTO_BYTES: usize = 256 << 20;
/// Keys to the person's data rather than the data, and what is sealed: of no use to anybody but us.
const OURS: [&str; 6] = ["phone_sealed", "phone_index", "openid_index", "segment", "request", "ticket"];

/// The archive. Recorded in the audit trail.
pub(super) async fn archive(app: &App, staff: &Staff, meeting: &str, id: &str) -> ApiResult<Vec<u8>> {
    let mut conn = app.db().read().acquire().await?;
    let held = meeting::load(&mut conn, meeting).await?;
    let phone = phone(app, &mut conn, meeting, id).await?;
    let mut sections = Vec::new();
    for place in PLACES.iter().rev() {
        let rows = rows(&mut conn, place, id).await?;
        if !rows.is_empty() {
            sections.push(json!({ "name": place.table, "title": place.title, "rows": rows }));
        }
    }
    let photos = sqlx::query(
        "select p.voucher_id, p.n, p.upload from voucher_photo p join voucher v on v.id = p.voucher_id \
         where v.person_id = $1 and p.ready = 1 order by p.voucher_id, p.n",
    )
    .bind(id)
    .fetch_all(&mut *conn)
    .await?;
    let portrait = sqlx::query("select picture from person_photo where person_id = $1");
    let portrait = portrait.bind(id).fetch_optional(&mut *conn).await?;
    drop(conn);
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let left_out = photos_into(app, &mut zip, &photos).await?;
    if let Some(row) = portrait {
        portrait_into(app, &mut zip, &row.try_get::<String, _>(0)?).await?;
    }
    let about = json!({
        "meeting": { "id": meeting, "name": held.name }, "made_at": app.now(), "phone": phone,
        "sections": sections, "photos_left_out": left_out,
    });
    zip.start_file("person.json", SimpleFileOptions::default()).context("an archive")?;
    serde_json::to_writer_pretty(&mut zip, &about).context("a person as JSON")?;
    let bytes = zip.finish().context("an archive")?.into_inner();
    let mut tx = app.db().begin().await?;
    let deed = Deed { who: &staff.user, what: "person.export", meeting, target: id, note: "" };
    audit::record(&mut tx, app.now(), &deed).await?;
    tx.commit().await?;
    Ok(bytes)
}

/// The whole number; empty once it was removed. 404 for a person of another meeting.
async fn phone(app: &App, conn: &mut AnyConnection, meeting: &str, id: &str) -> ApiResult<String> {
    let row = sqlx::query("select phone_sealed from person where meeting_id = $1 and id = $2")
        .bind(meeting)
        .bind(id)
        .fetch_optional(conn)
        .await?
        .ok_or_else(unknown)?;
    let sealed: Vec<u8> = row.try_get(0)?;
    let phone = app.keys().unseal(Purpose::Phone, id, &sealed);
    Ok(phone.and_then(|phone| String::from_utf8(phone.to_vec()).ok()).unwrap_or_default())
}

async fn rows(conn: &mut AnyConnection, place: &Place, id: &str) -> ApiResult<Vec<Value>> {
    // Both stand in our own list.
    let text = sqlx::AssertSqlSafe(format!("select * from {} where {}", place.table, place.of));
    let rows = sqlx::query(text).bind(id).fetch_all(conn).await?;
    rows.iter().map(readable).collect()
}

/// A row by its columns' names; bytes as the text that they are.
fn readable(row: &AnyRow) -> ApiResult<Value> {
    let mut out = Map::new();
    for (at, column) in row.columns().iter().enumerate() {
        if OURS.contains(&column.name()) {
            continue;
        }
        let mut value = cell(row, at)?;
        if let Some(bytes) = value.get("hex").and_then(Value::as_str) {
            value = String::from_utf8_lossy(&hex::decode(bytes).context("bytes in hex")?).into();
        }
        out.insert(column.name().to_owned(), value);
    }
    Ok(Value::Object(out))
}

/// The photo that winners' cards show.
async fn portrait_into(app: &App, zip: &mut ZipWriter<Cursor<Vec<u8>>>, picture: &str) -> ApiResult<()> {
    if let Some(bytes) = files::get(app, &pictures::photo_file(picture)).await? {
        zip.start_file("photos/portrait.jpg", SimpleFileOptions::default()).context("an archive")?;
        zip.write_all(&bytes).context("an archive")?;
    }
    Ok(())
}

/// Puts the photos in; answers the names of those that were too much, or whose file is not there.
async fn photos_into(
    app: &App,
    zip: &mut ZipWriter<Cursor<Vec<u8>>>,
    photos: &[AnyRow],
) -> ApiResult<Vec<String>> {
    let (mut total, mut left_out) = (0, Vec::new());
    for row in photos {
        let (voucher, n): (String, i64) = (row.try_get(0)?, row.try_get(1)?);
        let name = format!("photos/{voucher}-{n}.jpg");
        let found = files::get(app, &voucher::picture_name(&row.try_get::<String, _>(2)?, false)).await?;
        match found.filter(|bytes| total + bytes.len() <= PHOTO_BYTES) {
            Some(bytes) => {
                total += bytes.len();
                zip.start_file(name, SimpleFileOptions::default()).context("an archive")?;
                zip.write_all(&bytes).context("an archive")?;
            }
            None => left_out.push(name),
        }
    }
    Ok(left_out)
}
