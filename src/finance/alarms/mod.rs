//! Alarms: what finance has to know at once, by a robot of 企业微信, 钉钉 or any other webhook.
//!
//! What is wrong is looked for in SQL and written down as a row with a name of its own, so that it is told once
//! whatever restarts; a row stays due until the robot takes it. A server that dies between the robot's answer and its
//! row tells it again. Texts carry bill numbers and amounts, never a name, a phone number or an openid.

mod find;
mod robot;

use std::time::Duration;

use sqlx::Row;

use crate::{app::App, clock::Ms, db::hit, error::ApiResult};
use find::Watch;
use robot::Robot;

/// How often it is looked for something to tell.
const EVERY: Duration = Duration::from_secs(2);
/// Alarms of one message.
const BATCH: i64 = 10;
/// A message's text has at most so many bytes: 企业微信 takes 2,048.
const TEXT_BYTES: usize = 1_900;
/// Pause after the first refusal of the robot; doubles with each.
const FIRST_PAUSE: Ms = 5_000;
/// Longest pause between two tries.
const LONGEST_PAUSE: Ms = 600_000;

/// Something that finance has to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Alarm {
    name: String,
    text: String,
}

/// Looks and tells until the server stops. Without `alerts.webhook_url` there is nobody to tell.
pub async fn run(app: App) {
    let url = app.config().alerts.webhook_url.expose().to_owned();
    if url.is_empty() {
        return;
    }
    let robot = match Robot::open(&url) {
        Ok(robot) => robot,
        Err(error) => {
            tracing::error!(
                error = format!("{error:#}"),
                "alerts.webhook_url cannot be used: no alarms are sent"
            );
            return;
        }
    };
    let mut watch = Watch::default();
    loop {
        if let Err(error) = pass(&app, &robot, &mut watch).await {
            tracing::error!(%error, "alarms could not be looked for");
        }
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = app.stopping().cancelled() => return,
        }
    }
}

async fn pass(app: &App, robot: &Robot, watch: &mut Watch) -> ApiResult<()> {
    for alarm in watch.look(app).await? {
        raise(app, &alarm).await?;
    }
    tell(app, robot).await
}

/// Writes an alarm down; one that is known already stays as it is.
async fn raise(app: &App, alarm: &Alarm) -> ApiResult<()> {
    let mut tx = app.db().begin().await?;
    sqlx::query(
        "insert into alarm (name, text, created_at, next_at) values ($1, $2, $3, $3) \
         on conflict (name) do nothing",
    )
    .bind(&alarm.name)
    .bind(&alarm.text)
    .bind(app.now())
    .execute(tx.conn())
    .await?;
    Ok(tx.commit().await?)
}

/// Tells what is due in one message. Each row is claimed first: two servers do not tell the same.
async fn tell(app: &App, robot: &Robot) -> ApiResult<()> {
    let claimed = claim(app).await?;
    if claimed.is_empty() {
        return Ok(());
    }
    let texts: Vec<&str> = claimed.iter().map(|alarm| alarm.text.as_str()).collect();
    let text = format!("【开奖】{}\n处理：{}/control", texts.join("\n"), app.config().origin());
    if let Err(why) = robot.say(&text).await {
        tracing::warn!(
            why,
            alarms = claimed.len(),
            "the robot did not take the alarms; they are tried again"
        );
        return Ok(());
    }
    let now = app.now();
    let mut tx = app.db().begin().await?;
    for alarm in &claimed {
        sqlx::query("update alarm set told_at = $1 where name = $2")
            .bind(now)
            .bind(&alarm.name)
            .execute(tx.conn())
            .await?;
    }
    Ok(tx.commit().await?)
}

async fn claim(app: &App) -> ApiResult<Vec<Alarm>> {
    let now = app.now();
    let rows = sqlx::query(
        "select name, text, tries from alarm where told_at is null and next_at <= $1 \
         order by created_at, name limit $2",
    )
    .bind(now)
    .bind(BATCH)
    .fetch_all(app.db().read())
    .await?;
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let mut claimed = Vec::new();
    let mut bytes = 0;
    let mut tx = app.db().begin().await?;
    for row in rows {
        let (name, text, tries): (String, String, i64) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        bytes += text.len();
        if bytes > TEXT_BYTES && !claimed.is_empty() {
            break;
        }
        let done = sqlx::query(
            "update alarm set tries = tries + 1, next_at = $1 where name = $2 and tries = $3 and told_at is null",
        )
        .bind(now + pause(tries))
        .bind(&name)
        .bind(tries)
        .execute(tx.conn())
        .await?;
        if hit(&done) {
            claimed.push(Alarm { name, text });
        }
    }
    tx.commit().await?;
    Ok(claimed)
}

fn pause(tries: i64) -> Ms {
    let doubled = FIRST_PAUSE << tries.clamp(0, 10);
    doubled.min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_end() {
        assert_eq!((pause(0), pause(1), pause(6)), (5_000, 10_000, 320_000));
        assert_eq!((pause(7), pause(1_000_000)), (LONGEST_PAUSE, LONGEST_PAUSE));
    }
}
