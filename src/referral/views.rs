//! What a referrer sees, what reviewers see, and the numbers.

use anyhow::Context;
use sqlx::{AnyConnection, Row, any::AnyRow};

use crate::{
    app::App,
    auth::Attendee,
    error::{ApiError, ApiResult},
    invite,
    keys::short_id,
    meeting,
    official::{QrScene, qr_code},
    people::registration,
    wire::{
        Fen, MyBrought, MyReferral, PacketState, ReferralCount, ReferralPage, ReferralState, ReferralStats,
        ReferralView, TopReferrer,
    },
};

/// People that a referrer's page shows.
const MINE: i64 = 100;
/// Referrers in the numbers.
const TOP: i64 = 20;

const PACKET: &str = "(select k.state from packet k join award a on a.id = k.award_id \
    where a.reason = 'referral:' || f.id order by k.attempt desc limit 1)";

fn word<T: serde::de::DeserializeOwned>(text: &str) -> ApiResult<T> {
    Ok(serde_json::from_value(text.into()).context("a stored word")?)
}

/// The person behind a phone; 403 `not_bound`, `not_accepted`.
async fn person(conn: &mut AnyConnection, attendee: &Attendee, meeting_id: &str) -> ApiResult<String> {
    meeting::load(conn, meeting_id).await?;
    let person = registration::bound(conn, meeting_id, &attendee.openid)
        .await?
        .ok_or_else(|| ApiError::forbidden("not_bound", "请先在活动页绑定手机号，再推荐好友。"))?;
    if person.waiting {
        return Err(ApiError::forbidden("not_accepted", "您的报名还在等工作人员确认，通过后再推荐好友。"));
    }
    Ok(person.id)
}

/// Makes the person's code, when they have none: 409 `referral_closed`.
pub(super) async fn make_code(app: &App, attendee: &Attendee, meeting_id: &str) -> ApiResult<()> {
    let mut tx = app.db().begin().await?;
    let me = person(tx.conn(), attendee, meeting_id).await?;
    if invite::rules(tx.conn(), meeting_id).await?.is_none() {
        return Err(ApiError::conflict("referral_closed", "本活动现在没有推荐奖励。"));
    }
    // The phone that is bound now is whose own scans do not count.
    sqlx::query(
        "insert into referrer (code, meeting_id, person_id, openid, created_at) values ($1, $2, $3, $4, $5) \
         on conflict (meeting_id, person_id) do update set openid = excluded.openid",
    )
    .bind(short_id())
    .bind(meeting_id)
    .bind(me)
    .bind(&attendee.openid)
    .bind(app.now())
    .execute(tx.conn())
    .await?;
    tx.commit().await?;
    Ok(())
}

/// My code and what came of it.
pub(super) async fn mine(app: &App, attendee: &Attendee, meeting_id: &str) -> ApiResult<MyReferral> {
    let mut conn = app.db().read().acquire().await?;
    let me = person(&mut conn, attendee, meeting_id).await?;
    let open = meeting::load(&mut conn, meeting_id).await?.must_be_open().is_ok();
    let rules = invite::rules(&mut conn, meeting_id).await?.filter(|_| open);
    let row = sqlx::query("select code from referrer where meeting_id = $1 and person_id = $2")
        .bind(meeting_id)
        .bind(&me)
        .fetch_optional(&mut *conn)
        .await?;
    let code: String = row.map(|row| row.try_get(0)).transpose()?.unwrap_or_default();
    let row = sqlx::query(
        "select cast(coalesce(sum(case when state in ('confirmed', 'paid', 'capped') then 1 else 0 end), 0) as bigint), \
         cast(coalesce(sum(case when state in ('waiting', 'review') then 1 else 0 end), 0) as bigint), \
         cast(coalesce(sum(case when state = 'paid' then 1 else 0 end), 0) as bigint), \
         cast(coalesce(sum(fen), 0) as bigint) from referral where meeting_id = $1 and referrer_id = $2",
    )
    .bind(meeting_id)
    .bind(&me)
    .fetch_one(&mut *conn)
    .await?;
    let people = brought(&mut conn, meeting_id, &me).await?;
    drop(conn);
    let shown = rules.is_some() && !code.is_empty();
    let link = format!("{}/m/{meeting_id}?ref={code}", app.config().server.public_url);
    // Without WeChat the link still works.
    let qr = if shown { qr_code(app, &QrScene::Referrer(code.clone())).await.ok() } else { None };
    Ok(MyReferral {
        open: rules.is_some(),
        link: if shown { link } else { String::new() },
        qr: qr.map(|qr| qr.url).unwrap_or_default(),
        code,
        fen: rules.as_ref().map_or(Fen(0), |rules| rules.fen),
        every: rules.as_ref().map_or(0, |rules| rules.every),
        delay_ms: rules.as_ref().map_or(0, |rules| rules.delay_ms),
        counted: row.try_get(0)?,
        waiting: row.try_get(1)?,
        rewards: row.try_get(2)?,
        rewards_fen: Fen(row.try_get(3)?),
        people,
    })
}

async fn brought(conn: &mut AnyConnection, meeting: &str, me: &str) -> ApiResult<Vec<MyBrought>> {
    let text = format!(
        "select p.name, f.state, f.bound_at, f.fen, {PACKET} from referral f join person p on p.id = f.person_id \
         where f.meeting_id = $1 and f.referrer_id = $2 order by f.bound_at desc, f.id desc limit $3"
    );
    let rows =
        sqlx::query(sqlx::AssertSqlSafe(text)).bind(meeting).bind(me).bind(MINE).fetch_all(conn).await?;
    rows.iter()
        .map(|row| {
            let name: String = row.try_get(0)?;
            let packet: Option<String> = row.try_get(4)?;
            Ok(MyBrought {
                name: format!("{}**", name.chars().next().unwrap_or('*')),
                state: word(&row.try_get::<String, _>(1)?)?,
                at: row.try_get(2)?,
                fen: Fen(row.try_get(3)?),
                packet: packet.map(|state| word::<PacketState>(&state)).transpose()?,
            })
        })
        .collect()
}

fn view(row: &AnyRow) -> ApiResult<ReferralView> {
    let packet: Option<String> = row.try_get("packet")?;
    let signals: String = row.try_get("signals")?;
    Ok(ReferralView {
        id: row.try_get("id")?,
        referrer: row.try_get("referrer")?,
        name: row.try_get("name")?,
        phone: row.try_get("phone_mask")?,
        state: word(&row.try_get::<String, _>("state")?)?,
        signals: signals.split(',').filter(|word| !word.is_empty()).map(str::to_owned).collect(),
        reason: row.try_get("reason")?,
        way: row.try_get("way")?,
        bound_at: row.try_get("bound_at")?,
        due_at: row.try_get("due_at")?,
        fen: Fen(row.try_get("fen")?),
        packet: packet.map(|state| word(&state)).transpose()?,
        decided_by: row.try_get::<Option<String>, _>("username")?.unwrap_or_default(),
    })
}

fn base() -> String {
    format!(
        "select f.id, b.name as referrer, p.name, p.phone_mask, f.state, f.signals, f.reason, s.way, f.bound_at, f.due_at, \
         f.fen, u.username, {PACKET} as packet from referral f join person p on p.id = f.person_id \
         join person b on b.id = f.referrer_id \
         join referral_scan s on s.meeting_id = f.meeting_id and s.openid = f.openid \
         left join staff u on u.id = f.decided_by where f.meeting_id = $1"
    )
}

/// A page of new people, newest first.
pub(super) async fn page(
    app: &App,
    meeting_id: &str,
    state: &str,
    (limit, offset): (i64, i64),
) -> ApiResult<ReferralPage> {
    let mut conn = app.db().read().acquire().await?;
    meeting::load(&mut conn, meeting_id).await?;
    let text = format!(
        "{} and ($2 = '' or f.state = $2) order by f.bound_at desc, f.id desc limit $3 offset $4",
        base()
    );
    let rows = sqlx::query(sqlx::AssertSqlSafe(text))
        .bind(meeting_id)
        .bind(state)
        .bind(limit)
        .bind(offset)
        .fetch_all(&mut *conn)
        .await?;
    let total = sqlx::query(
        "select cast(count(*) as bigint) from referral where meeting_id = $1 and ($2 = '' or state = $2)",
    )
    .bind(meeting_id)
    .bind(state)
    .fetch_one(&mut *conn)
    .await?;
    let referrals = rows.iter().map(view).collect::<ApiResult<_>>()?;
    Ok(ReferralPage { referrals, total: total.try_get(0)? })
}

/// All of a meeting, oldest first.
pub(super) async fn all(app: &App, meeting_id: &str) -> ApiResult<Vec<ReferralView>> {
    let mut conn = app.db().read().acquire().await?;
    meeting::load(&mut conn, meeting_id).await?;
    let text = format!("{} order by f.bound_at, f.id", base());
    let rows = sqlx::query(sqlx::AssertSqlSafe(text)).bind(meeting_id).fetch_all(&mut *conn).await?;
    rows.iter().map(view).collect()
}

/// One of the meeting; 404 otherwise.
pub(super) async fn one(app: &App, meeting_id: &str, id: &str) -> ApiResult<ReferralView> {
    let text = format!("{} and f.id = $2", base());
    let row = sqlx::query(sqlx::AssertSqlSafe(text))
        .bind(meeting_id)
        .bind(id)
        .fetch_optional(app.db().read())
        .await?;
    view(&row.ok_or_else(|| ApiError::not_found("该推荐"))?)
}

/// Numbers of a meeting.
pub(super) async fn stats(app: &App, meeting_id: &str) -> ApiResult<ReferralStats> {
    let mut conn = app.db().read().acquire().await?;
    meeting::load(&mut conn, meeting_id).await?;
    let row = sqlx::query(
        "select (select cast(count(*) as bigint) from referrer where meeting_id = $1), \
         (select cast(count(*) as bigint) from referral_scan where meeting_id = $1), \
         (select cast(coalesce(sum(fen), 0) as bigint) from referral where meeting_id = $1)",
    )
    .bind(meeting_id)
    .fetch_one(&mut *conn)
    .await?;
    let rows = sqlx::query(
        "select state, cast(count(*) as bigint) from referral where meeting_id = $1 group by state order by state",
    )
    .bind(meeting_id)
    .fetch_all(&mut *conn)
    .await?;
    let mut states = Vec::new();
    for row in rows {
        let state: ReferralState = word(&row.try_get::<String, _>(0)?)?;
        states.push(ReferralCount { state, count: row.try_get(1)? });
    }
    let top = sqlx::query(
        "select p.name, p.department, cast(count(*) as bigint) as brought, \
         cast(sum(case when f.state in ('confirmed', 'paid', 'capped') then 1 else 0 end) as bigint), \
         cast(sum(f.fen) as bigint) from referral f join person p on p.id = f.referrer_id where f.meeting_id = $1 \
         group by p.id, p.name, p.department order by brought desc, p.id limit $2",
    )
    .bind(meeting_id)
    .bind(TOP)
    .fetch_all(&mut *conn)
    .await?;
    let read = |row: &AnyRow| -> ApiResult<TopReferrer> {
        Ok(TopReferrer {
            name: row.try_get(0)?,
            department: row.try_get(1)?,
            brought: row.try_get(2)?,
            counted: row.try_get(3)?,
            fen: Fen(row.try_get(4)?),
        })
    };
    Ok(ReferralStats {
        codes: row.try_get(0)?,
        scans: row.try_get(1)?,
        fen: Fen(row.try_get(2)?),
        states,
        top: top.iter().map(read).collect::<ApiResult<_>>()?,
    })
}
