//! The last piece of a photo is here: the whole is compared with what was announced, made anew, and counted.

use bytes::{Bytes, BytesMut};
use sha2::{Digest, Sha256};

use super::{
    Facts, Sender, duplicate,
    upload::{self, Stored},
};
use crate::{
    app::App,
    db::hit,
    error::{ApiError, ApiResult},
    files,
    keys::token_hash,
    picture::{self, Fault, Made},
    store::Hit,
};

/// Whole photos of one person in ten minutes.
const WHOLE: usize = 60;
const WHOLE_MS: i64 = 600_000;

/// All pieces are here: compares, makes the picture anew, counts the file.
pub(super) async fn finish(
    app: &App,
    me: &Sender,
    facts: &Facts,
    (n, stored): (i64, &Stored),
) -> ApiResult<()> {
    let key = format!("voucher:photo:{}", token_hash(&me.openid));
    if let Hit::RetryAfter(ms) = app.store().hit(&key, WHOLE_MS, WHOLE).await? {
        let detail = "上传的照片太多，请稍后再试。";
        return Err(ApiError::too_many("photo_throttled", detail, ms / 1000 + 1));
    }
    let made = if let Some(whole) = gather(app, stored).await? {
        picture::in_turn(app, whole, picture::make).await?.map_err(refused)
    } else {
        let detail = "收到的照片与声明的不一致，请重新上传。";
        Err(ApiError::invalid("photo_sha256", "sha256", detail))
    };
    let done = match made {
        Ok(made) => store(app, me, facts, (n, stored), made).await,
        Err(error) => Err(error),
    };
    match &done {
        Ok(()) => files::remove_under(app, &upload::pieces(&stored.upload)).await,
        // What can never become a photo goes, so that another one can be chosen.
        Err(error) if error.code().starts_with("photo_") || error.code() == "voucher_duplicate" => {
            forget(app, (&facts.id, n), stored).await?;
        }
        // The photo was replaced or thrown away meanwhile: nobody knows these files any more.
        Err(error) if error.status().is_client_error() => {
            let row = sqlx::query("select n from voucher_photo where upload = $1")
                .bind(&stored.upload)
                .fetch_optional(app.db().read())
                .await?;
            if row.is_none() {
                upload::clean(app, std::slice::from_ref(&stored.upload)).await;
            }
        }
        Err(_) => {}
    }
    done
}

fn refused(fault: Fault) -> ApiError {
    let refused = |code, detail: String| ApiError::invalid(code, "photo", detail);
    match fault {
        Fault::Type => upload::wrong_type(),
        Fault::Pixels => {
            let most = picture::PIXELS / 10_000;
            refused("photo_pixels", format!("照片像素太多（最多 {most} 万），请换一张。"))
        }
        Fault::Broken => refused("photo_broken", "照片无法打开，请换一张。".into()),
    }
}

async fn store(
    app: &App,
    me: &Sender,
    facts: &Facts,
    (n, stored): (i64, &Stored),
    made: Made,
) -> ApiResult<()> {
    let seen = Seen { width: made.width, height: made.height, look: made.look };
    files::put(app, &upload::picture_name(&stored.upload, false), made.full.into()).await?;
    files::put(app, &upload::picture_name(&stored.upload, true), made.small.into()).await?;
    count(app, me, facts, (n, stored), seen).await
}

/// What SQL remembers of a picture.
#[derive(Clone, Copy, Debug)]
struct Seen {
    width: u32,
    height: u32,
    look: u64,
}

/// All bytes in order; `None` when they are not what was announced.
async fn gather(app: &App, stored: &Stored) -> ApiResult<Option<Bytes>> {
    let mut whole = BytesMut::new();
    while i64::try_from(whole.len()).unwrap_or(i64::MAX) < stored.size {
        let offset = i64::try_from(whole.len()).unwrap_or_default();
        match files::get(app, &format!("{}/{offset}", upload::pieces(&stored.upload))).await? {
            Some(piece) if !piece.is_empty() => whole.extend_from_slice(&piece),
            _ => return Ok(None),
        }
    }
    let whole = whole.freeze();
    let same = hex::encode(Sha256::digest(&whole)) == stored.sha256;
    Ok(same.then_some(whole))
}

/// The file counts for this voucher from now on: 409 `voucher_duplicate` when another was faster.
async fn count(
    app: &App,
    me: &Sender,
    facts: &Facts,
    (n, stored): (i64, &Stored),
    made: Seen,
) -> ApiResult<()> {
    let mut tx = app.db().begin().await?;
    upload::still_open(&mut tx, facts).await?;
    let file = sqlx::query(
        "insert into voucher_file (campaign_id, sha256, voucher_id, n) values ($1, $2, $3, $4) \
         on conflict (campaign_id, sha256) do nothing",
    )
    .bind(&facts.campaign)
    .bind(&stored.sha256)
    .bind(&facts.id)
    .bind(n)
    .execute(tx.conn())
    .await?;
    let done = sqlx::query(
        "update voucher_photo set ready = 1, width = $1, height = $2, look = $3, updated_at = $4 \
         where voucher_id = $5 and n = $6 and upload = $7 and ready = 0",
    )
    .bind(i64::from(made.width))
    .bind(i64::from(made.height))
    .bind(format!("{:016x}", made.look))
    .bind(app.now())
    .bind(&facts.id)
    .bind(n)
    .bind(&stored.upload)
    .execute(tx.conn())
    .await?;
    if !hit(&done) {
        // The same last piece twice at once: the other one made it. Or the photo was replaced meanwhile.
        return match upload::load(&mut tx, &facts.id, n).await? {
            Some(now) if now.upload == stored.upload && now.ready => Ok(()),
            now => Err(upload::wrong_offset(now.map_or(0, |now| now.received))),
        };
    }
    if !hit(&file) {
        let person = upload::holder(&mut tx, facts, &stored.sha256).await?;
        return Err(duplicate("这张照片", person.as_deref() == Some(me.person.as_str())));
    }
    tx.commit().await?;
    Ok(())
}

async fn forget(app: &App, (id, n): (&str, i64), stored: &Stored) -> ApiResult<()> {
    let mut tx = app.db().begin().await?;
    sqlx::query("delete from voucher_photo where voucher_id = $1 and n = $2 and upload = $3 and ready = 0")
        .bind(id)
        .bind(n)
        .bind(&stored.upload)
        .execute(tx.conn())
        .await?;
    tx.commit().await?;
    upload::clean(app, std::slice::from_ref(&stored.upload)).await;
    Ok(())
}
