//! Transfers that wait for their receiver: what the own page of that very person needs to confirm them.

use anyhow::{Context, anyhow};
use sqlx::{AnyConnection, Row};

use crate::{
    app::App,
    error::ApiResult,
    keys::Purpose,
    wire::{Fen, MyConfirm, PayChannel},
};

/// Those of `openid` in a meeting. One that the payer has given up once, as far as it says, is not offered.
pub(super) async fn waiting(
    app: &App,
    conn: &mut AnyConnection,
    (meeting, openid): (&str, &str),
) -> ApiResult<Vec<MyConfirm>> {
    let rows = sqlx::query(
        "select p.bill_no, p.ticket, p.confirm_until, p.amount_fen, a.n, a.rank, a.reason from packet p \
         join award a on a.id = p.award_id where a.meeting_id = $1 and p.openid = $2 and p.state = 'confirming' \
         and p.ticket <> '' and p.reason not in ('NO_TICKET', 'failed_once') order by p.created_at, p.bill_no",
    )
    .bind(meeting)
    .bind(openid)
    .fetch_all(conn)
    .await?;
    let config = app.config();
    let mut waiting = Vec::with_capacity(rows.len());
    for row in &rows {
        let package = ticket(app, &row.try_get::<String, _>(0)?, &row.try_get::<String, _>(1)?)?;
        let page = format!("{}/sandbox/confirm/{package}", config.wechat.oauth_base.trim_end_matches('/'));
        waiting.push(MyConfirm {
            draw: row.try_get(4)?,
            rank: row.try_get(5)?,
            trial: row.try_get::<String, _>(6)?.starts_with("trial:"),
            amount_fen: Fen(row.try_get(3)?),
            until: row.try_get(2)?,
            mch_id: config.merchant(PayChannel::TransferV3).to_owned(),
            app_id: config.wechat.app_id.clone(),
            page: config.sandbox.enabled.then_some(page),
            package,
        });
    }
    Ok(waiting)
}

fn ticket(app: &App, bill: &str, sealed: &str) -> ApiResult<String> {
    let bytes = hex::decode(sealed).context("a stored ticket")?;
    let plain = app
        .keys()
        .unseal(Purpose::Ticket, bill, &bytes)
        .ok_or_else(|| anyhow!("a stored ticket does not open with this key"))?;
    Ok(String::from_utf8(plain.to_vec()).context("a stored ticket")?)
}
