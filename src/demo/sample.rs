//! The sample meeting, made through the server's own API like any other program would.

use std::path::Path;

use anyhow::{Context, bail};
use serde_json::{Value, json};

use super::PEOPLE;
use crate::people;

/// Prize, kind, goods, seats, award.
fn rounds() -> [(&'static str, &'static str, &'static str, i64, Value); 5] {
    let fixed = |fen: i64| json!({ "mode": "fixed", "fen": fen });
    [
        ("三等奖", "cash", "", 20, fixed(1_888)),
        ("二等奖", "cash", "", 5, fixed(6_666)),
        ("一等奖", "both", "平板电脑一台", 1, fixed(20_000)),
        ("幸运奖", "goods", "定制保温杯", 10, json!({ "mode": "none" })),
        ("拼手气红包", "cash", "", 30, json!({ "mode": "split", "fen": 20_000, "min_fen": 200 })),
    ]
}

struct Api<'a> {
    http: reqwest::Client,
    base: &'a str,
    staff: &'a [Value],
}

impl Api<'_> {
    fn token(&self, role: &str) -> &str {
        let found = self.staff.iter().find(|one| one["role"] == role);
        found.and_then(|one| one["token"].as_str()).unwrap_or_default()
    }

    async fn send(&self, role: &str, request: reqwest::RequestBuilder) -> anyhow::Result<Value> {
        let key = crate::keys::row_id();
        let response = request.bearer_auth(self.token(role)).header("idempotency-key", key).send().await?;
        let status = response.status();
        let answer: Value = response.json().await.unwrap_or_default();
        if !status.is_success() {
            bail!("{status} {}: {}", answer["code"], answer["detail"]);
        }
        Ok(answer)
    }

    async fn post(&self, role: &str, path: &str, body: &Value) -> anyhow::Result<Value> {
        let address = format!("{}/api/meetings{path}", self.base);
        self.send(role, self.http.post(address).json(body)).await.with_context(|| format!("POST {path}"))
    }

    async fn exists(&self, meeting: &str) -> bool {
        let address = format!("{}/api/meetings/{meeting}", self.base);
        !meeting.is_empty() && self.send("host", self.http.get(address)).await.is_ok()
    }
}

/// The sample meeting's id: that of an earlier start when it still exists, a new one otherwise.
pub(super) async fn meeting(base: &str, staff: &[Value], description: &Path) -> anyhow::Result<String> {
    let api = Api { http: reqwest::Client::builder().no_proxy().build()?, base, staff };
    let earlier =
        std::fs::read(description).ok().and_then(|text| serde_json::from_slice::<Value>(&text).ok());
    if let Some(id) = earlier.as_ref().and_then(|earlier| earlier["meeting"].as_str())
        && api.exists(id).await
    {
        return Ok(id.to_owned());
    }
    let made = api.post("host", "", &json!({ "name": "2026 年会（示例）" })).await?;
    let id = made["id"].as_str().context("the new meeting has no id")?.to_owned();
    import(&api, &id).await?;
    for (name, kind, goods, seats, award) in rounds() {
        let prize = json!({ "name": name, "kind": kind, "goods": goods });
        let prize = api.post("host", &format!("/{id}/prizes"), &prize).await?;
        let round = json!({ "prize_id": prize["id"], "name": name, "seats": seats, "award": award });
        api.post("host", &format!("/{id}/rounds"), &round).await?;
    }
    let budget = json!({ "name": "年会奖金", "cap_fen": 200_000 });
    let budget = api.post("finance", &format!("/{id}/budgets"), &budget).await?;
    let approve = format!("/{id}/budgets/{}/approve", budget["id"].as_str().unwrap_or_default());
    api.post("finance", &approve, &json!({ "version": budget["version"] })).await?;
    campaigns(&api, &id).await?;
    Ok(id)
}

/// A campaign for vouchers, open referrals, and what pays both.
async fn campaigns(api: &Api<'_>, id: &str) -> anyhow::Result<()> {
    let budget = json!({ "name": "凭证与推荐奖金", "cap_fen": 50_000, "purpose": "campaign" });
    let budget = api.post("finance", &format!("/{id}/budgets"), &budget).await?;
    let approve = format!("/{id}/budgets/{}/approve", budget["id"].as_str().unwrap_or_default());
    api.post("finance", &approve, &json!({ "version": budget["version"] })).await?;
    let rules = json!({
        "amount": { "mode": "table", "rows": [{ "name": "满 200 元", "fen": 200 }, { "name": "满 1000 元", "fen": 888 }] },
        "per_person": 5, "photos_min": 1, "photos_max": 3, "second_review_fen": 500, "budget_id": budget["id"],
        "fields": [{ "field": "order_no", "required": true }, { "field": "shop", "required": false }],
        "intro": "请上传销售小票或订单截图，订单号要清楚。",
    });
    let campaign = json!({ "name": "门店促销凭证（示例）", "rules": rules });
    api.post("host", &format!("/{id}/voucher-campaigns"), &campaign).await?;
    let rules = json!({
        "open": true, "fen": 200, "every": 1, "daily": 5, "total": 20, "delay_ms": 600_000, "budget_id": budget["id"],
    });
    let address = format!("{}/api/meetings/{id}/referral-rules", api.base);
    let save = api.http.put(address).json(&json!({ "version": 0, "rules": rules }));
    api.send("host", save).await.context("PUT referral-rules")?;
    Ok(())
}

async fn import(api: &Api<'_>, id: &str) -> anyhow::Result<()> {
    let folder = std::env::temp_dir().join(format!("kaijiang-{}", crate::keys::row_id()));
    std::fs::create_dir_all(&folder)?;
    let file = folder.join("roster.xlsx");
    people::xlsx_out::write_roster(&file, PEOPLE)?;
    let bytes = std::fs::read(&file)?;
    std::fs::remove_dir_all(&folder)?;
    let part = reqwest::multipart::Part::bytes(bytes).file_name("名单.xlsx");
    let form = reqwest::multipart::Form::new().part("file", part);
    let address = format!("{}/api/meetings/{id}/imports", api.base);
    let report = api.send("host", api.http.post(address).multipart(form)).await?;
    let accept = format!("/{id}/imports/{}/accept", report["id"].as_str().unwrap_or_default());
    api.post("host", &accept, &json!({})).await?;
    Ok(())
}
