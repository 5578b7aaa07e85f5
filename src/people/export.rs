//! Books of a meeting as workbooks.

use anyhow::Context;
use serde::Deserialize;
use sqlx::{AnyConnection, Row};
use utoipa::ToSchema;

use super::{badge, xlsx_out};
use crate::{
    app::App,
    audit::{self, Deed},
    auth::Staff,
    clock::beijing_stamp,
    error::ApiResult,
    keys::Purpose,
    meeting,
};

/// Which book.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    /// People, with whole phone numbers, and who of them is bound: can be imported again.
    Roster,
    /// Winners of every draw.
    Winners,
    /// Packets.
    Payments,
    /// Everybody's badge: code, and what its QR code leads to. Whoever has a code can bind as that person.
    Badges,
    /// Goods, with a column for signatures.
    Handover,
}

impl Kind {
    /// Name of the file.
    pub(super) fn file_stem(self) -> &'static str {
        match self {
            Self::Roster => "roster",
            Self::Winners => "winners",
            Self::Payments => "payments",
            Self::Badges => "badges",
            Self::Handover => "handover",
        }
    }
}

type Rows = Vec<Vec<String>>;

/// Makes a book, and records who took it.
pub(super) async fn workbook(app: &App, staff: &Staff, meeting: &str, kind: Kind) -> ApiResult<Vec<u8>> {
    let (name, headings, rows) = {
        let mut conn = app.db().read().acquire().await?;
        meeting::load(&mut conn, meeting).await?;
        match kind {
            Kind::Roster => roster(app, &mut conn, meeting).await?,
            Kind::Winners => winners(&mut conn, meeting).await?,
            Kind::Payments => payments(&mut conn, meeting).await?,
            Kind::Badges => badges(app, &mut conn, meeting).await?,
            Kind::Handover => handover(&mut conn, meeting).await?,
        }
    };
    let bytes = tokio::task::spawn_blocking(move || xlsx_out::sheet(name, headings, &rows))
        .await
        .context("writing a workbook failed")?
        .context("writing a workbook")?;
    let mut tx = app.db().begin().await?;
    let deed = Deed { who: &staff.user, what: "meeting.export", meeting, target: kind.file_stem(), note: "" };
    audit::record(&mut tx, app.now(), &deed).await?;
    tx.commit().await?;
    Ok(bytes)
}

type Book = (&'static str, &'static [&'static str], Rows);

async fn roster(app: &App, conn: &mut AnyConnection, meeting: &str) -> ApiResult<Book> {
    let rows = sqlx::query(
        "select p.id, p.name, p.phone_sealed, p.department, p.staff_no, p.grp, p.weight, p.waiting, b.idx, b.bound_at, \
         b.checked_in_at from person p left join binding b on b.meeting_id = p.meeting_id and b.person_id = p.id \
         and b.active = 1 where p.meeting_id = $1 and p.removed = 0 order by p.name, p.id",
    )
    .bind(meeting)
    .fetch_all(conn)
    .await?;
    let mut out = Rows::with_capacity(rows.len());
    for row in rows {
        let (id, sealed): (String, Vec<u8>) = (row.try_get("id")?, row.try_get("phone_sealed")?);
        let phone =
            app.keys().unseal(Purpose::Phone, &id, &sealed).context("a sealed phone does not open")?;
        let phone = String::from_utf8_lossy(&phone).into_owned();
        let weight: i64 = row.try_get("weight")?;
        let idx: Option<i64> = row.try_get("idx")?;
        let bound = match idx {
            None => "否",
            Some(_) if row.try_get::<i64, _>("waiting")? != 0 => "待审核",
            Some(_) => "是",
        };
        let stamp = |column: &str| {
            let at: Option<i64> = row.try_get(column)?;
            Ok::<_, sqlx::Error>(at.map(beijing_stamp).unwrap_or_default())
        };
        out.push(vec![
            row.try_get("name")?,
            // Mainland numbers as people write them; others keep their country.
            phone.strip_prefix("+86").map_or_else(|| phone.replacen('+', "00", 1), str::to_owned),
            row.try_get("department")?,
            row.try_get("staff_no")?,
            row.try_get("grp")?,
            weight.to_string(),
            bound.to_owned(),
            idx.map(|idx| (idx + 1).to_string()).unwrap_or_default(),
            stamp("bound_at")?,
            stamp("checked_in_at")?,
        ]);
    }
    // An import takes the first six and leaves the rest alone.
    let headings =
        &["姓名", "手机号", "部门", "工号", "分组", "权重", "已绑定", "编号", "绑定时间", "签到时间"];
    Ok(("名单", headings, out))
}

async fn badges(app: &App, conn: &mut AnyConnection, meeting: &str) -> ApiResult<Book> {
    let rows = sqlx::query(
        "select id, name, department, staff_no, badge_no from person where meeting_id = $1 and removed = 0 \
         order by department, name, id",
    )
    .bind(meeting)
    .fetch_all(conn)
    .await?;
    let mut out = Rows::with_capacity(rows.len());
    for row in rows {
        let id: String = row.try_get("id")?;
        let code = badge::code(app.keys(), &id, row.try_get("badge_no")?);
        let badge = badge::view(app, meeting, &code);
        let text = |column: &str| row.try_get::<String, _>(column);
        out.push(vec![text("name")?, text("department")?, text("staff_no")?, badge.code, badge.link]);
    }
    Ok(("胸牌", &["姓名", "部门", "工号", "胸牌码", "二维码内容"], out))
}

async fn winners(conn: &mut AnyConnection, meeting: &str) -> ApiResult<Book> {
    let rows = sqlx::query(
        "select s.n, s.rank, s.idx, s.amount_fen, s.status, s.replaced_by, d.state, r.name as round_name, \
         z.name as prize_name, z.goods, p.name, p.department, p.phone_mask from seat s \
         join draw d on d.meeting_id = s.meeting_id and d.n = s.n join round r on r.id = d.round_id \
         join prize z on z.id = r.prize_id join person p on p.id = s.person_id \
         where s.meeting_id = $1 and d.kind <> 'test' order by s.n, s.rank",
    )
    .bind(meeting)
    .fetch_all(conn)
    .await?;
    let mut out = Rows::with_capacity(rows.len());
    for row in rows {
        let number = |column: &str| row.try_get::<i64, _>(column);
        let text = |column: &str| row.try_get::<String, _>(column);
        let status = match row.try_get::<Option<i64>, _>("replaced_by")? {
            Some(draw) => format!("已由第 {draw} 次抽奖补抽"),
            None if text("state")? == "void" => "抽奖作废".to_owned(),
            None => status_word(&text("status")?).to_owned(),
        };
        out.push(vec![
            number("n")?.to_string(),
            text("round_name")?,
            text("prize_name")?,
            number("rank")?.to_string(),
            (number("idx")? + 1).to_string(),
            text("name")?,
            text("department")?,
            text("phone_mask")?,
            yuan(number("amount_fen")?),
            text("goods")?,
            status,
        ]);
    }
    let headings =
        &["抽奖序号", "轮次", "奖项", "名次", "编号", "姓名", "部门", "手机号", "红包（元）", "奖品", "状态"];
    Ok(("中奖名单", headings, out))
}

async fn payments(conn: &mut AnyConnection, meeting: &str) -> ApiResult<Book> {
    let rows = sqlx::query(
        "select k.bill_no, k.state, k.reason, k.amount_fen, k.list_id, k.attempt, k.created_at, k.sent_at, a.n, a.rank, \
         p.name, p.department from packet k join award a on a.id = k.award_id join person p on p.id = a.person_id \
         where a.meeting_id = $1 order by k.created_at, k.bill_no",
    )
    .bind(meeting)
    .fetch_all(conn)
    .await?;
    let mut out = Rows::with_capacity(rows.len());
    for row in rows {
        let number = |column: &str| row.try_get::<i64, _>(column);
        let text = |column: &str| row.try_get::<String, _>(column);
        let sent: Option<i64> = row.try_get("sent_at")?;
        out.push(vec![
            text("bill_no")?,
            number("n")?.to_string(),
            number("rank")?.to_string(),
            text("name")?,
            text("department")?,
            yuan(number("amount_fen")?),
            packet_word(&text("state")?).to_owned(),
            text("reason")?,
            number("attempt")?.to_string(),
            text("list_id")?,
            beijing_stamp(number("created_at")?),
            sent.map(beijing_stamp).unwrap_or_default(),
        ]);
    }
    let headings = &[
        "商户单号",
        "抽奖序号",
        "名次",
        "姓名",
        "部门",
        "金额（元）",
        "状态",
        "原因",
        "次数",
        "微信单号",
        "生成时间",
        "发出时间",
    ];
    Ok(("发放明细", headings, out))
}

async fn handover(conn: &mut AnyConnection, meeting: &str) -> ApiResult<Book> {
    let rows = sqlx::query(
        "select a.n, a.rank, a.state, r.name as round_name, z.name as prize_name, z.goods, p.name, p.department, \
         p.staff_no, p.phone_mask, g.at, s.username from award a join person p on p.id = a.person_id \
         join draw d on d.meeting_id = a.meeting_id and d.n = a.n join round r on r.id = d.round_id \
         join prize z on z.id = r.prize_id left join goods_handover g on g.award_id = a.id \
         left join staff s on s.id = g.staff_id where a.meeting_id = $1 and a.kind = 'goods' order by a.n, a.rank",
    )
    .bind(meeting)
    .fetch_all(conn)
    .await?;
    let mut out = Rows::with_capacity(rows.len());
    for row in rows {
        let text = |column: &str| row.try_get::<Option<String>, _>(column).map(Option::unwrap_or_default);
        let at: Option<i64> = row.try_get("at")?;
        out.push(vec![
            row.try_get::<i64, _>("n")?.to_string(),
            text("round_name")?,
            text("prize_name")?,
            text("goods")?,
            row.try_get::<i64, _>("rank")?.to_string(),
            text("name")?,
            text("department")?,
            text("staff_no")?,
            text("phone_mask")?,
            handover_word(&text("state")?).to_owned(),
            at.map(beijing_stamp).unwrap_or_default(),
            text("username")?,
            String::new(),
        ]);
    }
    let headings = &[
        "抽奖序号",
        "轮次",
        "奖项",
        "奖品",
        "名次",
        "姓名",
        "部门",
        "工号",
        "手机号",
        "状态",
        "发放时间",
        "经办人",
        "签收",
    ];
    Ok(("签收表", headings, out))
}

fn handover_word(state: &str) -> &str {
    match state {
        "waiting" => "待确认",
        "payable" => "待领取",
        "collected" => "已领取",
        "suspended" => "已搁置",
        "cancelled" => "已取消",
        other => other,
    }
}

fn status_word(status: &str) -> &str {
    match status {
        "waiting" => "待确认",
        "present" => "已确认",
        "absent" => "缺席",
        "declined" => "放弃",
        "disqualified" => "取消资格",
        other => other,
    }
}

/// What a packet's state is called in the book: the control page's words.
pub fn packet_word(state: &str) -> &str {
    match state {
        "queued" => "排队",
        "reserved" => "待发",
        "sending" => "发送中",
        "confirming" => "待确认收款",
        "sent" => "已发",
        "received" => "已领取",
        "held" => "暂缓",
        "unknown" => "待查询",
        "blocked" => "受阻",
        "refused" => "被拒",
        "refunded" => "已退回",
        "failed" => "失败",
        "cancelled" => "已取消",
        "needs_human" => "需处理",
        other => other,
    }
}

/// Fen as yuan with two decimals, without floating point.
pub fn yuan(fen: i64) -> String {
    format!("{}.{:02}", fen / 100, fen % 100)
}
