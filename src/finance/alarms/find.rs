//! What is wrong, as SQL and the files tell it.

use sqlx::Row;

use super::Alarm;
use crate::{
    app::App,
    budget::{ledger, yuan},
    clock::{DAY, Ms, beijing_words},
    error::ApiResult,
    payout::{
        codes,
        sender::{self, Sender},
    },
    wechat::tls,
};

/// The whole ledger is replayed so often.
const LEDGER_EVERY: Ms = 3_600_000;
/// Merchant certificates are renewed by hand: finance hears of the end this long before.
const CERTIFICATE_BEFORE: Ms = 60 * DAY;
/// Packets that are taken up in one look.
const PACKETS: i64 = 100;

/// What was looked at, and when.
#[derive(Debug, Default)]
pub(super) struct Watch {
    /// Next replay of the ledger and look at the certificate, ms.
    slow_at: Ms,
}

impl Watch {
    /// Everything that is wrong now; most of it is known already.
    pub(super) async fn look(&mut self, app: &App) -> ApiResult<Vec<Alarm>> {
        let mut found = paused(app).await?;
        found.extend(packets(app).await?);
        if app.now() >= self.slow_at {
            self.slow_at = app.now() + LEDGER_EVERY;
            found.extend(ledger_broken(app).await?);
            found.extend(certificate(app).await);
            found.extend(left_open(app).await?);
        }
        Ok(found)
    }
}

async fn paused(app: &App) -> ApiResult<Vec<Alarm>> {
    let sender = Sender::load(app.db()).await?;
    let view = sender::view(app).await?;
    if view.reason == sender::NOT_STARTED {
        let text = format!("红包发放没有启动。{}", view.detail);
        return Ok(vec![Alarm { name: format!("sender:{}", view.reason), text }]);
    }
    // Whoever paused it by hand knows.
    if !sender.paused || sender.reason == "by_hand" {
        return Ok(Vec::new());
    }
    let text = format!("红包发放已自动暂停（{}）。{}", sender.reason, view.detail);
    Ok(vec![Alarm { name: format!("sender:{}:{}", sender.at, sender.reason), text }])
}

async fn packets(app: &App) -> ApiResult<Vec<Alarm>> {
    let rows = sqlx::query(
        "select p.bill_no, p.state, p.reason, p.amount_fen, p.sends from packet p \
         left join alarm k on k.name = 'packet:' || p.bill_no || ':' || p.state \
         where p.state in ('needs_human', 'refused', 'failed') and k.name is null order by p.updated_at limit $1",
    )
    .bind(PACKETS)
    .fetch_all(app.db().read())
    .await?;
    let mut found = Vec::with_capacity(rows.len());
    for row in rows {
        let (bill, state, reason): (String, String, String) =
            (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        let what = match state.as_str() {
            "needs_human" => "结果需要人工核对，可能已付款，请先在商户平台按单号查账",
            "refused" if row.try_get::<i64, _>(4)? == 0 => "多日不满足发放条件，从未发出，请联系中奖者后再试",
            "refused" => "被微信明确拒绝，没有付款，请看原因后处理",
            _ => "确认失败，没有付款，中奖者还没拿到钱",
        };
        let fen: i64 = row.try_get(3)?;
        let cause = match codes::cause(&reason) {
            "" => String::new(),
            cause => format!("可能的原因：{cause}"),
        };
        let text = format!("红包 {bill}（{}）{what}（{reason}）。{cause}", yuan(fen));
        found.push(Alarm { name: format!("packet:{bill}:{state}"), text });
    }
    Ok(found)
}

async fn ledger_broken(app: &App) -> ApiResult<Vec<Alarm>> {
    Ok(match ledger::replay(app.db()).await? {
        Ok(()) => Vec::new(),
        Err(problem) => {
            let text = format!("账本与余额不一致：{problem}。请暂停发放并联系技术人员，不要手工修改数据库。");
            vec![Alarm { name: format!("ledger:{problem}"), text }]
        }
    })
}

/// Personal data is removed some time after a meeting is closed: one that nobody closes keeps it for ever.
async fn left_open(app: &App) -> ApiResult<Vec<Alarm>> {
    let days = i64::from(app.config().privacy.keep_days);
    if days == 0 {
        return Ok(Vec::new());
    }
    let rows = sqlx::query(
        "select m.id, m.name from meeting m left join alarm k on k.name = 'left_open:' || m.id \
         where m.status = 'open' and k.name is null and m.created_at <= $1 \
         and exists (select 1 from person p where p.meeting_id = m.id and p.erased_at is null) \
         and not exists (select 1 from person p where p.meeting_id = m.id and p.created_at > $1) \
         and not exists (select 1 from binding b where b.meeting_id = m.id and b.bound_at > $1) \
         and not exists (select 1 from event e where e.meeting_id = m.id and e.at > $1) order by m.id limit $2",
    )
    .bind(app.now() - days * DAY)
    .bind(PACKETS)
    .fetch_all(app.db().read())
    .await?;
    let mut found = Vec::with_capacity(rows.len());
    for row in rows {
        let (id, name): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        let text = format!(
            "活动“{name}”已 {days} 天没有动静，却没有结束，名单里的个人信息不会到期删除。请在“设置”里结束活动。"
        );
        found.push(Alarm { name: format!("left_open:{id}"), text });
    }
    Ok(found)
}

async fn certificate(app: &App) -> Option<Alarm> {
    let file = &app.config().pay.cert_pem;
    if file.as_os_str().is_empty() {
        return None;
    }
    // A file that cannot be read stops the sender at its start, with a sentence of its own.
    let end = tls::not_after_ms(&tokio::fs::read(file).await.ok()?).ok()?;
    expiring(end, app.now())
}

fn expiring(end: Ms, now: Ms) -> Option<Alarm> {
    (end - now < CERTIFICATE_BEFORE).then(|| Alarm {
        name: format!("certificate:{end}"),
        text: format!(
            "商户 API 证书将于 {} 到期：请在商户平台申请新证书，替换 pay.cert_pem 与 pay.key_pem 后重启。",
            beijing_words(end)
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_told_sixty_days_before_its_end() {
        let now = 1_795_406_400_000;
        assert_eq!(expiring(now + 61 * DAY, now), None);
        let told = expiring(now + 59 * DAY, now).unwrap();
        assert!(told.text.contains("pay.cert_pem"), "{told:?}");
        // A renewed certificate is another thing to tell.
        assert_ne!(told.name, expiring(now + 58 * DAY, now).unwrap().name);
    }
}
