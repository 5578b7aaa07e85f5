//! Photos, piece by piece: a phone in a cellar goes on where it stopped. Pieces lie in the file store under a random
//! name until the last one; then `whole` goes on.

use bytes::Bytes;
use http::StatusCode;
use sqlx::Row;

use super::{Facts, Sender, campaigns, duplicate, whole};
use crate::{
    app::App,
    db::{Tx, hit},
    error::{ApiError, ApiResult},
    files,
    keys::random,
    picture,
};

/// Largest piece of a photo.
pub(super) const PIECE_BYTES: usize = 512 * 1024;
/// Smallest piece, but for the last one: a photo is no thousands of files.
const LEAST_PIECE: i64 = 16 * 1024;
/// Largest photo.
pub(super) const PHOTO_BYTES: i64 = 5 << 20;
/// Photos of a voucher.
pub(super) const PHOTOS: i64 = 9;
/// One piece, and what the whole will be.
#[derive(Clone, Debug)]
pub(super) struct Piece<'a> {
    /// Which photo, from 1.
    pub(super) n: i64,
    /// Where the piece begins.
    pub(super) offset: i64,
    /// Bytes of the whole.
    pub(super) size: i64,
    /// SHA-256 of the whole, lower-case hex.
    pub(super) sha256: &'a str,
    /// The piece; empty asks for another try when all is here.
    pub(super) bytes: Bytes,
}

/// A photo as it is stored.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) upload: String,
    pub(super) size: i64,
    pub(super) sha256: String,
    pub(super) received: i64,
    pub(super) ready: bool,
}

/// Folder of the pieces in the file store.
pub(super) fn pieces(upload: &str) -> String {
    format!("pieces/{upload}")
}

/// Folder of the pictures in the file store.
pub(super) fn pictures(upload: &str) -> String {
    format!("vouchers/{upload}")
}

/// Name of a picture in the file store.
pub fn picture_name(upload: &str, small: bool) -> String {
    format!("{}/{}.jpg", pictures(upload), if small { "small" } else { "full" })
}

/// Removes all that uploads have left in the file store.
pub(super) async fn clean(app: &App, uploads: &[String]) {
    for upload in uploads {
        files::remove_under(app, &pieces(upload)).await;
        files::remove_under(app, &pictures(upload)).await;
    }
}

/// The same for one upload, for those who have to know that it is gone.
pub async fn erase_files(app: &App, upload: &str) -> ApiResult<()> {
    files::erase_under(app, &pieces(upload)).await?;
    Ok(files::erase_under(app, &pictures(upload)).await?)
}

/// Uploads of a voucher.
pub(super) async fn uploads_of(tx: &mut Tx, voucher: &str) -> Result<Vec<String>, sqlx::Error> {
    let rows = sqlx::query("select upload from voucher_photo where voucher_id = $1")
        .bind(voucher)
        .fetch_all(tx.conn())
        .await?;
    rows.iter().map(|row| row.try_get(0)).collect()
}

fn check(piece: &Piece<'_>) -> ApiResult<()> {
    if piece.size > PHOTO_BYTES {
        return Err(ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "photo_too_large", "照片不能超过 5 MiB。"));
    }
    let hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    if piece.sha256.len() != 64 || !piece.sha256.bytes().all(hex) {
        return Err(ApiError::invalid("query", "sha256", "sha256 应为 64 位小写十六进制数。"));
    }
    if piece.size < 1 {
        return Err(ApiError::invalid("query", "size", "照片是空的，请换一张。"));
    }
    let length = i64::try_from(piece.bytes.len()).unwrap_or(i64::MAX);
    let within = (0..=piece.size).contains(&piece.offset) && length <= piece.size - piece.offset;
    // Nothing is sent only when all is here; only the last piece may be small.
    let left = piece.size.saturating_sub(piece.offset);
    if !within || length < left.min(LEAST_PIECE) {
        return Err(ApiError::invalid("query", "offset", "这一段的位置和长度与照片大小不符。"));
    }
    Ok(())
}

/// Takes a piece; with the last one the photo is made. One that is ready stays as it is.
///
/// 409 `offset` (look how much is here and go on from there), `voucher_sent`, `voucher_duplicate`; 413
/// `photo_too_large`; 415 `photo_type`; 422 `photo_pixels`, `photo_broken`, `photo_sha256`; 429 `photo_throttled`.
pub(super) async fn take(
    app: &App,
    me: &Sender,
    (meeting, id): (&str, &str),
    piece: Piece<'_>,
) -> ApiResult<()> {
    check(&piece)?;
    if piece.offset == 0 && picture::kind(&piece.bytes).is_none() {
        return Err(wrong_type());
    }
    let (facts, stored) = begin(app, me, (meeting, id), &piece).await?;
    if stored.ready {
        return Ok(());
    }
    if stored.received != piece.offset {
        return Err(wrong_offset(stored.received));
    }
    if !piece.bytes.is_empty() {
        files::put(app, &format!("{}/{}", pieces(&stored.upload), piece.offset), piece.bytes.clone()).await?;
        keep_count(app, (id, piece.n), &stored.upload, (piece.offset, piece.bytes.len())).await?;
    }
    let here = piece.offset + i64::try_from(piece.bytes.len()).unwrap_or_default();
    if here < piece.size {
        return Ok(());
    }
    whole::finish(app, me, &facts, (piece.n, &stored)).await
}

pub(super) fn wrong_type() -> ApiError {
    let detail = "只能上传 JPEG、PNG 或 WebP 照片。";
    ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "photo_type", detail)
}

pub(super) fn wrong_offset(received: i64) -> ApiError {
    ApiError::conflict("offset", format!("服务器已收到 {received} 字节，请从该处继续上传。")).field("offset")
}

/// The photo's row; a first piece of another file makes it anew.
async fn begin(
    app: &App,
    me: &Sender,
    (meeting, id): (&str, &str),
    piece: &Piece<'_>,
) -> ApiResult<(Facts, Stored)> {
    let mut tx = app.db().begin().await?;
    let facts = Facts::own(tx.conn(), me, (meeting, id)).await?;
    facts.must_be_open()?;
    let stored = load(&mut tx, id, piece.n).await?;
    if let Some(stored) = stored {
        if stored.sha256 == piece.sha256 && stored.size == piece.size {
            return Ok((facts, stored));
        }
        if piece.offset > 0 {
            return Err(wrong_offset(0));
        }
        let gone = drop_photo(&mut tx, id, piece.n).await?;
        let stored = insert(app, &mut tx, me, (meeting, &facts, piece)).await?;
        tx.commit().await?;
        clean(app, &gone).await;
        return Ok((facts, stored));
    }
    if piece.offset > 0 {
        return Err(wrong_offset(0));
    }
    let stored = insert(app, &mut tx, me, (meeting, &facts, piece)).await?;
    tx.commit().await?;
    Ok((facts, stored))
}

pub(super) async fn load(tx: &mut Tx, id: &str, n: i64) -> ApiResult<Option<Stored>> {
    let row = sqlx::query(
        "select upload, size, sha256, received, ready from voucher_photo where voucher_id = $1 and n = $2",
    )
    .bind(id)
    .bind(n)
    .fetch_optional(tx.conn())
    .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Stored {
        upload: row.try_get(0)?,
        size: row.try_get(1)?,
        sha256: row.try_get(2)?,
        received: row.try_get(3)?,
        ready: row.try_get::<i64, _>(4)? != 0,
    }))
}

async fn insert(
    app: &App,
    tx: &mut Tx,
    me: &Sender,
    (meeting, facts, piece): (&str, &Facts, &Piece<'_>),
) -> ApiResult<Stored> {
    still_open(tx, facts).await?;
    let most = campaigns::one(tx.conn(), meeting, &facts.campaign).await?.rules.photos_max;
    if piece.n > most {
        return Err(ApiError::invalid("photos_limit", "n", format!("这个活动最多 {most} 张照片。")));
    }
    // What was sent once already needs no second way over a slow network.
    if let Some(person) = holder(tx, facts, piece.sha256).await? {
        return Err(duplicate("这张照片", person == me.person));
    }
    let upload = hex::encode(random::<16>());
    let done = sqlx::query(
        "insert into voucher_photo (voucher_id, n, upload, size, sha256, updated_at) values ($1, $2, $3, $4, $5, $6) \
         on conflict (voucher_id, n) do nothing",
    )
    .bind(&facts.id)
    .bind(piece.n)
    .bind(&upload)
    .bind(piece.size)
    .bind(piece.sha256)
    .bind(app.now())
    .execute(tx.conn())
    .await?;
    if !hit(&done) {
        // Two first pieces at once: the other one goes on.
        return Err(wrong_offset(0));
    }
    Ok(Stored { upload, size: piece.size, sha256: piece.sha256.to_owned(), received: 0, ready: false })
}

/// Takes the voucher's row: nothing is changed once it is sent.
pub(super) async fn still_open(tx: &mut Tx, facts: &Facts) -> ApiResult<()> {
    let done = sqlx::query(
        "update voucher set version = version + 1 where id = $1 and state in ('draft', 'rejected')",
    )
    .bind(&facts.id)
    .execute(tx.conn())
    .await?;
    if hit(&done) {
        Ok(())
    } else {
        Err(ApiError::conflict("voucher_sent", "凭证已提交，不能再修改。"))
    }
}

/// Whose voucher has this file, in any campaign of the meeting: one purchase is rewarded once.
pub(super) async fn holder(tx: &mut Tx, facts: &Facts, sha256: &str) -> ApiResult<Option<String>> {
    let row = sqlx::query(
        "select v.person_id from voucher_file f join voucher v on v.id = f.voucher_id \
         where f.sha256 = $2 and f.campaign_id in (select id from voucher_campaign where meeting_id = $1)",
    )
    .bind(&facts.meeting)
    .bind(sha256)
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?)
}

/// Counts a piece that is stored; two of the same place at once count once.
async fn keep_count(
    app: &App,
    (id, n): (&str, i64),
    upload: &str,
    (offset, length): (i64, usize),
) -> ApiResult<()> {
    let mut tx = app.db().begin().await?;
    let done = sqlx::query(
        "update voucher_photo set received = received + $1, updated_at = $2 \
         where voucher_id = $3 and n = $4 and upload = $5 and received = $6 and ready = 0",
    )
    .bind(i64::try_from(length).unwrap_or_default())
    .bind(app.now())
    .bind(id)
    .bind(n)
    .bind(upload)
    .bind(offset)
    .execute(tx.conn())
    .await?;
    if !hit(&done) {
        let received = load(&mut tx, id, n).await?.map_or(0, |stored| stored.received);
        return Err(wrong_offset(received));
    }
    tx.commit().await?;
    Ok(())
}

/// Takes a photo out again: 404 when there is none, 409 `voucher_sent`.
pub(super) async fn remove(app: &App, me: &Sender, (meeting, id): (&str, &str), n: i64) -> ApiResult<()> {
    let mut tx = app.db().begin().await?;
    let facts = Facts::own(tx.conn(), me, (meeting, id)).await?;
    facts.must_be_open()?;
    still_open(&mut tx, &facts).await?;
    let gone = drop_photo(&mut tx, id, n).await?;
    if gone.is_empty() {
        return Err(ApiError::not_found("这张照片"));
    }
    tx.commit().await?;
    clean(app, &gone).await;
    Ok(())
}

/// Takes the row out; answers its upload.
async fn drop_photo(tx: &mut Tx, id: &str, n: i64) -> ApiResult<Vec<String>> {
    let rows = sqlx::query("delete from voucher_photo where voucher_id = $1 and n = $2 returning upload")
        .bind(id)
        .bind(n)
        .fetch_all(tx.conn())
        .await?;
    sqlx::query("delete from voucher_file where voucher_id = $1 and n = $2")
        .bind(id)
        .bind(n)
        .execute(tx.conn())
        .await?;
    Ok(rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?)
}

#[cfg(test)]
mod hostile {
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::{PHOTO_BYTES, Piece, check};
    use crate::hostile::{cases, damaged_text};

    fn number() -> impl Strategy<Value = i64> {
        prop_oneof![any::<i64>(), -2..2 * PHOTO_BYTES, prop::sample::select(vec![i64::MIN, -1, 0, i64::MAX])]
    }

    proptest! {
        #![proptest_config(cases(900))]

        #[test]
        fn a_piece_lies_within_its_photo(
            (n, offset, size, length) in (number(), number(), number(), 0..70_000_usize),
            sha256 in damaged_text(&["0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"]),
        ) {
            let piece = Piece { n, offset, size, sha256: &sha256, bytes: Bytes::from(vec![0; length]) };
            if check(&piece).is_ok() {
                let end = offset + i64::try_from(length).unwrap();
                prop_assert!(offset >= 0 && end <= size && size <= PHOTO_BYTES && sha256.len() == 64);
            }
        }
    }
}
