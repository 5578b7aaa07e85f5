//! All vouchers of a meeting as a workbook.

use anyhow::Context;
use sqlx::{Row, any::AnyRow};

use super::parsed;
use crate::{
    app::App,
    audit::{self, Deed},
    auth::Staff,
    clock::{Ms, beijing_stamp},
    error::ApiResult,
    meeting,
    people::{packet_word, xlsx_out, yuan},
    wire::VoucherFields,
};

const HEADINGS: [&str; 18] = [
    "凭证编号",
    "凭证活动",
    "姓名",
    "部门",
    "手机号",
    "订单号",
    "店铺",
    "商品",
    "说明",
    "档位",
    "金额（元）",
    "状态",
    "退回原因",
    "提交时间",
    "审核人",
    "审核时间",
    "商户单号",
    "红包状态",
];

/// Writes the file, and records who took it.
pub(super) async fn workbook(app: &App, staff: &Staff, meeting_id: &str) -> ApiResult<Vec<u8>> {
    let rows = {
        let mut conn = app.db().read().acquire().await?;
        meeting::load(&mut conn, meeting_id).await?;
        let rows = sqlx::query(
            "select v.id, c.name as campaign, p.name, p.department, p.phone_mask, v.fields, v.item_name, v.amount_fen, \
             v.state, v.reason, v.sent_at, s.username, v.decided_at, k.bill_no, k.state as packet \
             from voucher v join voucher_campaign c on c.id = v.campaign_id join person p on p.id = v.person_id \
             left join staff s on s.id = v.decided_by left join award a on a.reason = 'voucher:' || v.id \
             left join packet k on k.award_id = a.id and k.attempt = \
             (select max(newest.attempt) from packet newest where newest.award_id = a.id) \
             where v.meeting_id = $1 and v.state <> 'draft' order by v.sent_at, v.id",
        )
        .bind(meeting_id)
        .fetch_all(&mut *conn)
        .await?;
        rows.iter().map(cells).collect::<ApiResult<Vec<_>>>()?
    };
    let bytes = tokio::task::spawn_blocking(move || xlsx_out::sheet("凭证", &HEADINGS, &rows))
        .await
        .context("writing a workbook failed")?
        .context("writing a workbook")?;
    let mut tx = app.db().begin().await?;
    let deed =
        Deed { who: &staff.user, what: "voucher.export", meeting: meeting_id, target: "vouchers", note: "" };
    audit::record(&mut tx, app.now(), &deed).await?;
    tx.commit().await?;
    Ok(bytes)
}

fn cells(row: &AnyRow) -> ApiResult<Vec<String>> {
    let text = |name: &str| row.try_get::<Option<String>, _>(name).map(Option::unwrap_or_default);
    let time =
        |name: &str| row.try_get::<Option<Ms>, _>(name).map(|at| at.map(beijing_stamp).unwrap_or_default());
    let fields: VoucherFields = parsed(&text("fields")?)?;
    Ok(vec![
        text("id")?,
        text("campaign")?,
        text("name")?,
        text("department")?,
        text("phone_mask")?,
        fields.order_no,
        fields.shop,
        fields.product,
        fields.note,
        text("item_name")?,
        yuan(row.try_get("amount_fen")?),
        state_word(&text("state")?).to_owned(),
        text("reason")?,
        time("sent_at")?,
        text("username")?,
        time("decided_at")?,
        text("bill_no")?,
        packet_word(&text("packet")?).to_owned(),
    ])
}

fn state_word(state: &str) -> &str {
    match state {
        "waiting" => "待审核",
        "second" => "待复审",
        "accepted" => "已通过",
        "rejected" => "已退回",
        other => other,
    }
}
