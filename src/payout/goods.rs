//! Goods: handed out against the winner's code, signed off by the staff who did it. The sender has no part in it.

use anyhow::Context;
use sqlx::{Row, any::AnyRow};

use super::tell;
use crate::{
    app::App,
    audit::{self, Deed},
    auth::Staff,
    clock::beijing_words,
    db::{Tx, hit},
    error::{ApiError, ApiResult},
    meeting,
    wire::{GoodsList, GoodsView},
};

/// Most rows of the list on the page; the workbook has all.
const ROWS: i64 = 2_000;

macro_rules! goods {
    ($tail:literal) => {
        concat!(
            "select a.id, a.n, a.rank, r.name as round_name, z.name as prize_name, z.goods, z.picture, p.name, ",
            "p.department, p.staff_no, p.phone_mask, a.state, g.at, w.username from award a ",
            "join seat s on s.meeting_id = a.meeting_id and s.n = a.n and s.rank = a.rank ",
            "join person p on p.id = a.person_id join draw d on d.meeting_id = a.meeting_id and d.n = a.n ",
            "join round r on r.id = d.round_id join prize z on z.id = r.prize_id ",
            "left join goods_handover g on g.award_id = a.id left join staff w on w.id = g.staff_id ",
            "where a.meeting_id = $1 and a.kind = 'goods' ",
            $tail
        )
    };
}

fn view(row: &AnyRow) -> ApiResult<GoodsView> {
    let state: String = row.try_get("state")?;
    Ok(GoodsView {
        award: row.try_get("id")?,
        draw: row.try_get("n")?,
        rank: row.try_get("rank")?,
        round: row.try_get("round_name")?,
        prize: row.try_get("prize_name")?,
        goods: row.try_get("goods")?,
        picture: row.try_get("picture")?,
        name: row.try_get("name")?,
        department: row.try_get("department")?,
        staff_no: row.try_get("staff_no")?,
        phone: row.try_get("phone_mask")?,
        state: serde_json::from_value(state.into()).context("stored state of an award")?,
        handed_at: row.try_get("at")?,
        handed_by: row.try_get("username")?,
    })
}

/// What the winner who shows `code` has to get; nothing is changed.
pub(super) async fn look(app: &App, meeting: &str, code: &str) -> ApiResult<GoodsView> {
    let mut conn = app.db().read().acquire().await?;
    meeting::load(&mut conn, meeting).await?;
    let row = sqlx::query(goods!("and s.claim_code = $2 and s.claim_code <> ''"))
        .bind(meeting)
        .bind(plain(code))
        .fetch_optional(&mut *conn)
        .await?;
    view(&row.ok_or_else(unknown)?)
}

/// The list that is signed.
pub(super) async fn list(app: &App, meeting: &str) -> ApiResult<GoodsList> {
    let mut conn = app.db().read().acquire().await?;
    meeting::load(&mut conn, meeting).await?;
    let counts = sqlx::query(
        "select cast(count(*) as bigint), cast(count(case when state = 'collected' then 1 end) as bigint) from award \
         where meeting_id = $1 and kind = 'goods' and state in ('waiting', 'payable', 'collected')",
    )
    .bind(meeting)
    .fetch_one(&mut *conn)
    .await?;
    let rows = sqlx::query(goods!("order by a.n, a.rank limit $2"))
        .bind(meeting)
        .bind(ROWS)
        .fetch_all(&mut *conn)
        .await?;
    let rows = rows.iter().map(view).collect::<ApiResult<_>>()?;
    Ok(GoodsList { total: counts.try_get(0)?, handed: counts.try_get(1)?, rows })
}

/// As codes are stored. Typed by hand they come in capitals, in groups, with letters that no code has.
fn plain(code: &str) -> String {
    let letters = code.chars().filter(|letter| !letter.is_whitespace() && *letter != '-');
    letters
        .map(|letter| match letter.to_ascii_lowercase() {
            'o' => '0',
            'i' | 'l' => '1',
            other => other,
        })
        .collect()
}

fn unknown() -> ApiError {
    ApiError::not_found("这个兑奖码")
}

/// Hands out the goods of the winner who shows `code`; answers the award's id.
pub(super) async fn collect(app: &App, staff: &Staff, meeting: &str, code: &str) -> ApiResult<String> {
    let now = app.now();
    let mut tx = app.db().begin().await?;
    let row = sqlx::query(
        "select a.id, a.state, a.openid from seat s join award a on a.meeting_id = s.meeting_id and a.n = s.n \
         and a.rank = s.rank and a.kind = 'goods' where s.meeting_id = $1 and s.claim_code = $2 \
         and s.claim_code <> ''",
    )
    .bind(meeting)
    .bind(plain(code))
    .fetch_optional(tx.conn())
    .await?
    .ok_or_else(unknown)?;
    let (id, state, openid): (String, String, String) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
    let done = sqlx::query(
        "update award set state = 'collected', updated_at = $1 where id = $2 and state = 'payable'",
    )
    .bind(now)
    .bind(&id)
    .execute(tx.conn())
    .await?;
    if !hit(&done) {
        return Err(refusal(&mut tx, &id, &state).await?);
    }
    sqlx::query("insert into goods_handover (award_id, staff_id, at) values ($1, $2, $3)")
        .bind(&id)
        .bind(&staff.id)
        .bind(now)
        .execute(tx.conn())
        .await?;
    let deed = Deed { who: &staff.user, what: "award.collect", meeting, target: &id, note: "" };
    audit::record(&mut tx, now, &deed).await?;
    tx.commit().await?;
    tell::winner(app, meeting, &openid).await;
    Ok(id)
}

async fn refusal(tx: &mut Tx, award: &str, state: &str) -> ApiResult<ApiError> {
    Ok(match state {
        "waiting" => ApiError::conflict("not_confirmed", "该中奖者尚未确认到场，请主持人先确认。"),
        "suspended" | "cancelled" => {
            ApiError::conflict("award_cancelled", "该奖励已搁置或取消，不能领取，请联系主持人。")
        }
        _ => {
            let row = sqlx::query(
                "select g.at, s.username from goods_handover g join staff s on s.id = g.staff_id where g.award_id = $1",
            )
            .bind(award)
            .fetch_one(tx.conn())
            .await?;
            let (at, who): (i64, String) = (row.try_get(0)?, row.try_get(1)?);
            let words = format!("该奖品已于 {} 由 {who} 发放，请核对签收表。", beijing_words(at));
            ApiError::conflict("already_collected", words)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn a_code_is_understood_however_it_is_typed() {
        assert_eq!(plain(" 1A2b-0CDE "), "1a2b0cde");
        assert_eq!(plain("iA2b Ocdl"), "1a2b0cd1");
    }
}
