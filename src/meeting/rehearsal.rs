//! A rehearsal: the same prizes and rounds with a log of its own, marked as such for ever; it never pays.

use sqlx::Row;

use crate::{app::App, db::Tx, error::ApiResult, keys};

/// Copies prizes and rounds of one meeting into a new one.
pub(super) async fn fill(_app: &App, tx: &mut Tx, from: &str, to: &str) -> ApiResult<()> {
    let prizes = sqlx::query("select id from prize where meeting_id = $1 order by ord, code")
        .bind(from)
        .fetch_all(tx.conn())
        .await?;
    for prize in prizes {
        let (old, new): (String, String) = (prize.try_get(0)?, keys::row_id());
        sqlx::query(
            "insert into prize (id, meeting_id, name, code, kind, goods, picture, ord) \
             select $1, $2, name, code, kind, goods, picture, ord from prize where id = $3",
        )
        .bind(&new)
        .bind(to)
        .bind(&old)
        .execute(tx.conn())
        .await?;
        copy_rounds(tx, (&old, &new), to).await?;
    }
    Ok(())
}

async fn copy_rounds(tx: &mut Tx, (old, new): (&str, &str), to: &str) -> ApiResult<()> {
    let rounds =
        sqlx::query("select id from round where prize_id = $1").bind(old).fetch_all(tx.conn()).await?;
    for round in rounds {
        let id: String = round.try_get(0)?;
        sqlx::query(
            "insert into round (id, meeting_id, prize_id, name, seats, exclude, grp, eligible, award, cost_fen, \
             sources, confirm, ord, status) select $1, $2, $3, name, seats, exclude, grp, eligible, award, cost_fen, \
             sources, confirm, ord, 'ready' from round where id = $4",
        )
        .bind(keys::row_id())
        .bind(to)
        .bind(new)
        .bind(&id)
        .execute(tx.conn())
        .await?;
    }
    Ok(())
}
