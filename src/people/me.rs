//! The attendee's own page: what to do next, my place in the pool, what I won and where the packet is.

use serde::de::DeserializeOwned;
use sqlx::{AnyConnection, Row, any::AnyRow};

use super::{confirm, export::yuan, follow, trouble};
use crate::{
    app::App,
    clock::{DAY, beijing_words},
    error::ApiResult,
    meeting,
    wire::{AwardState, Body, Fen, Me, MyPlace, MyWin, PacketState, Receipt, SeatStatus, Step},
};

/// The page of `openid`, as it stands in SQL now.
pub async fn view(app: &App, meeting_id: &str, openid: &str) -> ApiResult<Me> {
    let mut conn = app.db().read().acquire().await?;
    let (bound, ended) = match mine(&mut conn, meeting_id, openid).await? {
        Some(bound) if bound.active => (Some(bound), None),
        other => (None, other),
    };
    if let Some(bound) = bound {
        return Ok(Me {
            step: if bound.waiting { Step::Waiting } else { Step::In },
            wins: wins(&mut conn, meeting_id, &bound.person).await?,
            confirm: confirm::waiting(app, &mut conn, (meeting_id, openid)).await?,
            tapped: tapped(&mut conn, meeting_id, bound.place.index).await?,
            name: bound.name,
            phone: bound.phone,
            place: Some(bound.place),
            checked_in: bound.checked_in,
            code_problem: None,
            refused: None,
        });
    }
    let meeting = meeting::load(&mut conn, meeting_id).await?;
    // WeChat may have to be asked: that needs no connection.
    drop(conn);
    let follows = !meeting.settings.require_follow || follow::follows(app, openid).await.unwrap_or(true);
    let step = if follows { Step::Bind } else { Step::Follow };
    Ok(Me {
        step,
        name: String::new(),
        phone: String::new(),
        place: None,
        checked_in: false,
        wins: Vec::new(),
        confirm: Vec::new(),
        tapped: None,
        code_problem: trouble::find(app, meeting_id, openid).await,
        refused: ended.map(|ended| ended.refused).filter(|why| !why.is_empty()),
    })
}

/// Tells a person's open pages how they stand now.
pub async fn tell(app: &App, meeting: &str, openid: &str) {
    match view(app, meeting, openid).await {
        Ok(me) => app.publish_to(meeting, openid, Body::Me(Box::new(me))),
        Err(error) => tracing::warn!(meeting, %error, "a person's other pages were not told"),
    }
}

struct Mine {
    person: String,
    active: bool,
    waiting: bool,
    refused: String,
    checked_in: bool,
    name: String,
    phone: String,
    place: MyPlace,
}

async fn mine(conn: &mut AnyConnection, meeting: &str, openid: &str) -> ApiResult<Option<Mine>> {
    let row = sqlx::query(
        "select b.person_id, p.waiting, p.refused, b.active, b.checked_in_at, b.idx, b.pid, b.salt, b.identity, b.receipt_size, b.receipt_sig, p.name, p.phone_mask \
         from binding b join person p on p.id = b.person_id where b.meeting_id = $1 and b.openid = $2",
    )
    .bind(meeting)
    .bind(openid)
    .fetch_optional(conn)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let active: i64 = row.try_get("active")?;
    Ok(Some(Mine {
        person: row.try_get("person_id")?,
        waiting: row.try_get::<i64, _>("waiting")? != 0,
        refused: row.try_get("refused")?,
        active: active != 0,
        checked_in: row.try_get::<Option<i64>, _>("checked_in_at")?.is_some(),
        name: row.try_get("name")?,
        phone: row.try_get("phone_mask")?,
        place: place(&row)?,
    }))
}

/// A place in the pool from a binding's columns.
pub(crate) fn place(row: &AnyRow) -> Result<MyPlace, sqlx::Error> {
    Ok(MyPlace {
        index: row.try_get("idx")?,
        pid: row.try_get("pid")?,
        salt: row.try_get("salt")?,
        identity: row.try_get("identity")?,
        receipt: Receipt { size: row.try_get("receipt_size")?, sig: row.try_get("receipt_sig")? },
    })
}

async fn tapped(conn: &mut AnyConnection, meeting: &str, index: i64) -> ApiResult<Option<i64>> {
    let row = sqlx::query(
        "select t.n from draw_tap t join draw d on d.meeting_id = t.meeting_id and d.n = t.n \
         where t.meeting_id = $1 and t.idx = $2 and d.state = 'committed'",
    )
    .bind(meeting)
    .bind(index)
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?)
}

/// What the person won, on whatever phone: an earlier owner of this one is somebody else.
async fn wins(conn: &mut AnyConnection, meeting: &str, person: &str) -> ApiResult<Vec<MyWin>> {
    let rows = sqlx::query(
        "select s.n, s.rank, s.amount_fen, s.status, s.replaced_by, s.claim_code, z.name, z.kind, z.goods, \
         a.state as award_state, k.state as packet_state, k.reason as packet_reason, k.sent_at, h.at as handed_at from seat s \
         join draw d on d.meeting_id = s.meeting_id and d.n = s.n join round r on r.id = d.round_id \
         join prize z on z.id = r.prize_id \
         left join award a on a.meeting_id = s.meeting_id and a.n = s.n and a.rank = s.rank and a.kind = 'cash' \
         left join packet k on k.award_id = a.id and k.attempt = \
         (select max(newest.attempt) from packet newest where newest.award_id = a.id) \
         left join award g on g.meeting_id = s.meeting_id and g.n = s.n and g.rank = s.rank and g.kind = 'goods' \
         left join goods_handover h on h.award_id = g.id \
         where s.meeting_id = $1 and s.person_id = $2 and d.state = 'revealed' and d.kind <> 'test' order by s.n desc, s.rank",
    )
    .bind(meeting)
    .bind(person)
    .fetch_all(conn)
    .await?;
    rows.iter().map(win).collect()
}

fn win(row: &AnyRow) -> ApiResult<MyWin> {
    let cash: Option<AwardState> = word(row.try_get("award_state")?);
    let packet: Option<PacketState> = word(row.try_get("packet_state")?);
    let status = word(Some(row.try_get("status")?)).unwrap_or(SeatStatus::Waiting);
    let sent: Option<i64> = row.try_get("sent_at")?;
    let open_by = sent.filter(|_| packet == Some(PacketState::Sent)).map(|sent| sent + DAY);
    let replaced = row.try_get::<Option<i64>, _>("replaced_by")?.is_some();
    let kind: String = row.try_get("kind")?;
    let mut win = MyWin {
        draw: row.try_get("n")?,
        rank: row.try_get("rank")?,
        prize: row.try_get("name")?,
        goods: row.try_get("goods")?,
        amount_fen: Fen(row.try_get("amount_fen")?),
        status,
        claim_code: if kind == "cash" { String::new() } else { row.try_get("claim_code")? },
        handed_at: row.try_get("handed_at")?,
        cash,
        packet,
        open_by,
        story: String::new(),
    };
    let unfollowed = row.try_get::<Option<String>, _>("packet_reason")?.as_deref() == Some("not_following");
    win.story = story(&win, replaced, unfollowed);
    Ok(win)
}

/// A stored word of a closed set.
fn word<T: DeserializeOwned>(text: Option<String>) -> Option<T> {
    text.and_then(|text| serde_json::from_value(serde_json::Value::String(text)).ok())
}

/// What happens next, in one sentence for each part of the prize.
fn story(win: &MyWin, replaced: bool, unfollowed: bool) -> String {
    match win.status {
        SeatStatus::Waiting => return "恭喜中奖！请向主持人示意，等待现场确认。".to_owned(),
        SeatStatus::Absent if replaced => return "您当时不在现场，这个名额已补抽给其他人。".to_owned(),
        SeatStatus::Absent => return "您被标记为不在现场；如果您在，请马上联系主持人。".to_owned(),
        SeatStatus::Declined => return "您已放弃这个奖项。".to_owned(),
        SeatStatus::Disqualified => return "这个奖项已取消；如有疑问请联系主持人。".to_owned(),
        SeatStatus::Present => {}
    }
    let mut parts = Vec::new();
    if win.amount_fen.0 > 0 {
        parts.push(cash_story(win, unfollowed));
    }
    if let Some(at) = win.handed_at {
        parts.push(format!("{}已于 {} 领取。", win.goods, beijing_words(at)));
    } else if !win.claim_code.is_empty() {
        parts.push(format!("请凭领奖码 {} 到兑奖处领取{}。", win.claim_code, win.goods));
    }
    if parts.is_empty() { "已确认中奖。".to_owned() } else { parts.concat() }
}

fn cash_story(win: &MyWin, unfollowed: bool) -> String {
    let amount = yuan(win.amount_fen.0);
    match (win.packet, win.open_by) {
        (Some(PacketState::Sent), Some(by)) => {
            format!("{amount} 元红包已发出：请在微信“服务通知”里领取，{} 前有效。", beijing_words(by))
        }
        (Some(PacketState::Confirming), _) => {
            format!("{amount} 元等您确认：请点“确认收款”，24 小时内有效，确认后才到账。")
        }
        (Some(PacketState::Received), _) => format!("{amount} 元已领取。"),
        (Some(PacketState::Refunded), _) => {
            format!("{amount} 元红包超过 24 小时未领，已退回；请联系工作人员补发。")
        }
        (Some(PacketState::Held), _) if unfollowed => {
            format!("{amount} 元红包在等您：请重新关注公众号，关注后随即发出。")
        }
        (Some(PacketState::Held), _) => format!("{amount} 元红包在排队，可能要等到明天，请留意微信通知。"),
        (Some(PacketState::Failed | PacketState::Cancelled | PacketState::Refused), _) => {
            format!("{amount} 元红包没有发成，工作人员会处理，请不必重复操作。")
        }
        (Some(_), _) => format!("{amount} 元红包正在路上。"),
        (None, _) => match win.cash {
            Some(AwardState::Suspended | AwardState::Cancelled) => {
                "红包已暂停发放，请联系主持人。".to_owned()
            }
            _ => format!("{amount} 元红包马上发出。"),
        },
    }
}
