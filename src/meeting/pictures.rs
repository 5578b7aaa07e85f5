//! Pictures of a meeting: background and logo of the screen, prizes. Each is made anew and never changes: another picture
//! has another id. Ids cannot be guessed, and whoever knows one may see it: screens and phones show them to everybody.

use bytes::Bytes;
use http::StatusCode;
use sqlx::{AnyConnection, Row};

use crate::{
    app::App,
    audit::{self, Deed},
    auth::Staff,
    error::{ApiError, ApiResult},
    files,
    keys::random,
    picture::{self, Fault},
    wire::{PictureUse, PictureView},
};

/// Largest file that is taken.
pub const BYTES: usize = 8 << 20;
/// Most pictures of a meeting: one for each of 500 prizes, and room for tries.
const PICTURES: i64 = 800;
/// Characters of an id.
const ID_CHARS: usize = 32;

/// Longest side of what is kept, pixels.
fn side(what: PictureUse) -> u32 {
    match what {
        PictureUse::Background => 2_560,
        PictureUse::Prize => 1_280,
        PictureUse::Logo => 800,
    }
}

fn file(id: &str, kind: &str) -> String {
    format!("pictures/{id}.{kind}")
}

/// Checks a picture, makes it anew and keeps it.
pub(super) async fn upload(
    app: &App,
    staff: &Staff,
    meeting: &str,
    (what, bytes): (PictureUse, Bytes),
) -> ApiResult<PictureView> {
    {
        let mut conn = app.db().read().acquire().await?;
        super::load(&mut conn, meeting).await?.must_be_open()?;
    }
    if picture::kind(&bytes).is_none() {
        return Err(refused(Fault::Type));
    }
    let side = side(what);
    let made =
        picture::in_turn(app, bytes, move |bytes| picture::still(bytes, side)).await?.map_err(refused)?;
    let (id, kind) = (hex::encode(random::<16>()), if made.clear { "png" } else { "jpg" });
    let view = PictureView { id, width: made.width.into(), height: made.height.into() };
    // The file first: a row never speaks of one that is not there.
    files::put(app, &file(&view.id, kind), made.bytes.into()).await?;
    let mut tx = app.db().begin().await?;
    super::lock(&mut tx, meeting).await?.must_be_open()?;
    let count = sqlx::query("select cast(count(*) as bigint) from picture where meeting_id = $1")
        .bind(meeting)
        .fetch_one(tx.conn())
        .await?;
    if count.try_get::<i64, _>(0)? >= PICTURES {
        files::remove(app, &file(&view.id, kind)).await;
        let words = format!("一个活动最多上传 {PICTURES} 张图片。");
        return Err(ApiError::conflict("pictures_limit", words));
    }
    sqlx::query(
        "insert into picture (id, meeting_id, kind, width, height, made_by, created_at) \
         values ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(&view.id)
    .bind(meeting)
    .bind(kind)
    .bind(view.width)
    .bind(view.height)
    .bind(&staff.id)
    .bind(app.now())
    .execute(tx.conn())
    .await?;
    let deed = Deed { who: &staff.user, what: "picture.upload", meeting, target: &view.id, note: "" };
    audit::record(&mut tx, app.now(), &deed).await?;
    tx.commit().await?;
    Ok(view)
}

/// Why a file is not taken, as the answer.
pub fn refused(fault: Fault) -> ApiError {
    let refused = |code, detail: String| ApiError::invalid(code, "picture", detail);
    match fault {
        Fault::Type => {
            let detail = "只能上传 JPEG、PNG 或 WebP 图片。";
            ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "picture_type", detail)
        }
        Fault::Pixels => {
            let most = picture::PIXELS / 10_000;
            refused("picture_pixels", format!("图片像素太多（最多 {most} 万），请缩小后再上传。"))
        }
        Fault::Broken => refused("picture_broken", "图片无法打开，请换一张。".into()),
    }
}

fn is_id(id: &str) -> bool {
    id.len() == ID_CHARS && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn unknown(field: &str) -> ApiError {
    ApiError::invalid("invalid", field, "没有这张图片，请重新上传。")
}

/// Whether `id` could name a picture, or none: 422 `invalid` otherwise.
pub fn shape(field: &str, id: &str) -> ApiResult<()> {
    if id.is_empty() || is_id(id) { Ok(()) } else { Err(unknown(field)) }
}

/// Whether `id` names a picture that was uploaded, or none: 422 `invalid` otherwise.
///
/// Also one of another meeting: what was copied keeps its pictures.
pub async fn check(conn: &mut AnyConnection, field: &str, id: &str) -> ApiResult<()> {
    shape(field, id)?;
    if id.is_empty() {
        return Ok(());
    }
    let found = sqlx::query("select id from picture where id = $1").bind(id).fetch_optional(conn).await?;
    found.map(drop).ok_or_else(|| unknown(field))
}

/// Bytes and media type of a picture; 404 when there is none.
pub(super) async fn read(app: &App, id: &str) -> ApiResult<(Bytes, &'static str)> {
    let none = || ApiError::not_found("这张图片");
    if !is_id(id) {
        return Err(none());
    }
    let row = sqlx::query("select kind from picture where id = $1")
        .bind(id)
        .fetch_optional(app.db().read())
        .await?;
    let Some(row) = row else { return Ok((photo(app, id).await?.ok_or_else(none)?, "image/jpeg")) };
    let kind: String = row.try_get(0)?;
    let bytes = files::get(app, &file(id, &kind)).await?.ok_or_else(none)?;
    Ok((bytes, if kind == "png" { "image/png" } else { "image/jpeg" }))
}

/// Where a person's photo lies.
pub fn photo_folder(picture: &str) -> String {
    format!("photos/{picture}")
}

/// Name of a person's photo among the files.
pub fn photo_file(picture: &str) -> String {
    format!("{}/photo.jpg", photo_folder(picture))
}

/// A photo of a person, unless it is gone with them.
async fn photo(app: &App, picture: &str) -> ApiResult<Option<Bytes>> {
    let row = sqlx::query("select person_id from person_photo where picture = $1")
        .bind(picture)
        .fetch_optional(app.db().read())
        .await?;
    if row.is_none() { Ok(None) } else { files::get(app, &photo_file(picture)).await }
}
