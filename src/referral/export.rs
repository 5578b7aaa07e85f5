//! All new people of a meeting as a workbook.

use anyhow::Context;

use super::views;
use crate::{
    app::App,
    audit::{self, Deed},
    auth::Staff,
    clock::beijing_stamp,
    error::ApiResult,
    people::{xlsx_out, yuan},
    wire::{ReferralState, ReferralView},
};

const HEADINGS: [&str; 10] =
    ["推荐人", "新人", "手机号", "来源", "绑定时间", "状态", "可疑之处", "原因", "金额（元）", "审核人"];

/// Writes the file, and records who took it.
pub(super) async fn workbook(app: &App, staff: &Staff, meeting: &str) -> ApiResult<Vec<u8>> {
    let rows: Vec<_> = views::all(app, meeting).await?.into_iter().map(cells).collect();
    let bytes = tokio::task::spawn_blocking(move || xlsx_out::sheet("推荐", &HEADINGS, &rows))
        .await
        .context("writing a workbook failed")?
        .context("writing a workbook")?;
    let mut tx = app.db().begin().await?;
    let deed = Deed { who: &staff.user, what: "referral.export", meeting, target: "referrals", note: "" };
    audit::record(&mut tx, app.now(), &deed).await?;
    tx.commit().await?;
    Ok(bytes)
}

fn cells(one: ReferralView) -> Vec<String> {
    let state = match one.state {
        ReferralState::Waiting => "等待中",
        ReferralState::Review => "待审核",
        ReferralState::Confirmed => "已计数",
        ReferralState::Paid => "已奖励",
        ReferralState::Capped => "超过上限",
        ReferralState::Cancelled => "已取消",
        ReferralState::Refused => "已拒绝",
    };
    let signals: Vec<_> = one.signals.iter().map(|signal| signal_word(signal)).collect();
    vec![
        one.referrer,
        one.name,
        one.phone,
        if one.way == "qr" { "二维码".into() } else { "链接".into() },
        beijing_stamp(one.bound_at),
        state.into(),
        signals.join("、"),
        reason_word(&one.reason).into(),
        if one.fen.0 > 0 { yuan(one.fen.0) } else { String::new() },
        one.decided_by,
    ]
}

fn signal_word(signal: &str) -> &str {
    match signal {
        "same_device" => "同一设备",
        "phone_burst" => "号段集中",
        "snapshot" => "快照用户",
        other => other,
    }
}

fn reason_word(reason: &str) -> &str {
    match reason {
        "day_cap" => "当日已达上限",
        "budget" => "预算不足",
        "follow_check" => "暂时查不到是否关注",
        "unfollowed" => "已取消关注",
        "unbound" => "已解除绑定",
        other => other,
    }
}
