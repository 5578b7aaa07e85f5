//! Drafts that nobody sends are thrown away, with their photos.

use std::time::Duration;

use sqlx::Row;

use super::{drafts, upload};
use crate::{
    app::App,
    clock::{DAY, Ms},
    error::ApiResult,
};

/// How often it is looked for some.
const EVERY: Duration = Duration::from_secs(3_600);
/// How long a draft may lie.
const LIFE: Ms = 7 * DAY;
/// Drafts that one look throws away.
const BATCH: i64 = 200;

/// Looks until the server stops.
pub async fn run(app: App) {
    loop {
        if let Err(error) = pass(&app).await {
            tracing::error!(%error, "old drafts of vouchers were not thrown away");
        }
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = app.stopping().cancelled() => return,
        }
    }
}

async fn pass(app: &App) -> ApiResult<()> {
    let rows = sqlx::query(
        "select id from voucher where state = 'draft' and sends = 0 and updated_at < $1 limit $2",
    )
    .bind(app.now() - LIFE)
    .bind(BATCH)
    .fetch_all(app.db().read())
    .await?;
    for row in rows {
        let id: String = row.try_get(0)?;
        let mut tx = app.db().begin().await?;
        let gone = drafts::erase(&mut tx, &id).await?;
        tx.commit().await?;
        upload::clean(app, &gone).await;
    }
    Ok(())
}
