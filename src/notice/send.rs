//! One message: in the chat while its window is open, else by template; and what each refusal means. (wechat: §6.4)

use sqlx::Row;

use super::{Notice, text};
use crate::{
    app::App,
    clock::{Ms, next_beijing_midnight},
    db::hit,
    error::ApiResult,
    meeting, official,
    wechat::account::AccountError,
};

/// Tries of a template message whose answer did not come.
const TRIES: i64 = 4;
/// A repeat with the same `client_msg_id` is one message for about ten minutes: later ones are not tried.
const REPEATABLE: Ms = 8 * 60_000;
/// First pause before another try, ms; doubles.
const PAUSE: Ms = 5_000;
/// Why a message is not known to have failed: no answer came.
pub(super) const DOUBT: &str = "unreachable";
/// Set in the store while the day's quota of template messages is used up.
const QUOTA: &str = "wechat:quota:template";

/// What came of a try.
#[derive(Debug, PartialEq, Eq)]
enum Came {
    Sent {
        way: &'static str,
        msgid: String,
    },
    Unknown {
        way: &'static str,
    },
    Failed(&'static str),
    Later(Ms),
    /// As `Later`, but this try may have arrived.
    Again(Ms),
}

/// Sends one and keeps what came of it.
pub(super) async fn send(app: &App, notice: &Notice) -> ApiResult<()> {
    let meeting = {
        let mut conn = app.db().read().acquire().await?;
        meeting::load(&mut conn, &notice.meeting).await?
    };
    let words = text::words(app, &meeting, notice).await?;
    let came = match chat(app, notice, &words.chat()).await? {
        Some(came) => came,
        None if meeting.settings.notify.template.is_empty() => Came::Failed("window"),
        None => template(app, notice, &words.template(&meeting.settings.notify)).await?,
    };
    settle(app, notice, came).await
}

/// `None` when WeChat does not allow it now.
async fn chat(app: &App, notice: &Notice, content: &str) -> ApiResult<Option<Came>> {
    let mut tx = app.db().begin().await?;
    let done = sqlx::query(
        "update follower set writes_left = writes_left - 1 \
         where openid = $1 and subscribed = 1 and writes_left > 0 and write_until > $2",
    )
    .bind(&notice.openid)
    .bind(app.now())
    .execute(tx.conn())
    .await?;
    let open = hit(&done);
    tx.commit().await?;
    if !open {
        return Ok(None);
    }
    let openid = notice.openid.as_str();
    let sent = official::call(app, |account, token| {
        Box::pin(async move { account.send_text(&token, openid, content).await })
    })
    .await;
    Ok(match sent {
        Ok(()) => Some(Came::Sent { way: "chat", msgid: String::new() }),
        // There is no number that would make a repeat one message: better none than two.
        Err(AccountError::Busy(why)) if why != "no connection" => Some(Came::Unknown { way: "chat" }),
        Err(error) => {
            tracing::info!(%error, "a chat message was refused; the template is tried");
            None
        }
    })
}

async fn template(app: &App, notice: &Notice, body: &serde_json::Value) -> ApiResult<Came> {
    if app.store().get(QUOTA).await?.is_some() {
        return Ok(Came::Later(next_beijing_midnight(app.now())));
    }
    let sent = official::call(app, |account, token| {
        Box::pin(async move { account.send_template(&token, body).await })
    })
    .await;
    let came = judge(sent, notice, app.now());
    if let Came::Later(at) = came
        && at == next_beijing_midnight(app.now())
    {
        app.store().set(QUOTA, "used up", at - app.now()).await?;
    }
    Ok(came)
}

fn judge(sent: Result<String, AccountError>, notice: &Notice, now: Ms) -> Came {
    match sent {
        Ok(msgid) => Came::Sent { way: "template", msgid },
        Err(AccountError::User { errcode: 43101 }) => Came::Failed("declined"),
        Err(AccountError::User { .. }) => Came::Failed("not_following"),
        Err(error @ AccountError::Config { .. }) => {
            tracing::error!(%error, "the template is refused: check its id and its fields");
            Came::Failed("config")
        }
        Err(AccountError::Quota { errcode: 45009 }) => Came::Later(next_beijing_midnight(now)),
        Err(AccountError::Quota { .. }) => Came::Later(now + PAUSE),
        Err(error) => {
            tracing::warn!(%error, "a message to a winner had no usable answer");
            let open = notice.tries + 1 < TRIES && now - notice.created_at < REPEATABLE;
            let at = now + (PAUSE << notice.tries.clamp(0, 6));
            let lost = matches!(error, AccountError::Busy(why) if why != "no connection");
            match (open, lost || notice.doubt) {
                (true, _) if lost => Came::Again(at),
                (true, _) => Came::Later(at),
                // One of the tries may have arrived, and a repeat would be a second message by now.
                (false, true) => Came::Unknown { way: "template" },
                (false, false) => Came::Failed("away"),
            }
        }
    }
}

async fn settle(app: &App, notice: &Notice, came: Came) -> ApiResult<()> {
    let now = app.now();
    let (state, way, why, msgid, next_at) = match came {
        Came::Sent { way, msgid } => ("sent", way, "", msgid, now),
        Came::Unknown { way } => ("unknown", way, DOUBT, String::new(), now),
        Came::Again(at) => ("due", "", DOUBT, String::new(), at),
        Came::Later(at) if notice.doubt => ("due", "", DOUBT, String::new(), at),
        Came::Failed(why) => ("failed", "", why, String::new(), now),
        Came::Later(at) => ("due", "", if at - now > PAUSE << 6 { "quota" } else { "" }, String::new(), at),
    };
    let mut tx = app.db().begin().await?;
    sqlx::query(
        "update notice set state = $1, way = $2, why = $3, msgid = $4, next_at = $5, updated_at = $6 where id = $7",
    )
    .bind(state)
    .bind(way)
    .bind(why)
    .bind(msgid)
    .bind(next_at)
    .bind(now)
    .bind(&notice.id)
    .execute(tx.conn())
    .await?;
    Ok(tx.commit().await?)
}

/// Makes all failed ones due again; those that may have arrived stay as they are. An older version kept some of these as
/// failed, too: `unreachable` says that there was no answer, not that nothing was sent.
pub(super) async fn retry(app: &App, meeting: &str) -> ApiResult<i64> {
    let mut tx = app.db().begin().await?;
    let done = sqlx::query(
        "update notice set state = 'due', why = '', tries = 0, next_at = $1, created_at = $1, updated_at = $1 \
         where meeting_id = $2 and state = 'failed' and why <> 'unreachable'",
    )
    .bind(app.now())
    .bind(meeting)
    .execute(tx.conn())
    .await?;
    tx.commit().await?;
    Ok(i64::try_from(done.rows_affected()).unwrap_or(i64::MAX))
}

/// Numbers by state.
pub(super) async fn tally(app: &App, meeting: &str) -> ApiResult<Vec<(String, i64)>> {
    let rows = sqlx::query(
        "select state, cast(count(*) as bigint) from notice where meeting_id = $1 group by state",
    )
    .bind(meeting)
    .fetch_all(app.db().read())
    .await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_say_what_can_be_done() {
        let notice = Notice {
            id: "1".into(),
            meeting: "m".into(),
            openid: "o".into(),
            n: 1,
            tries: 0,
            created_at: 0,
            doubt: false,
        };
        let now = 60_000;
        let of = |error| judge(Err(error), &notice, now);
        assert_eq!(of(AccountError::User { errcode: 43004 }), Came::Failed("not_following"));
        assert_eq!(of(AccountError::User { errcode: 43101 }), Came::Failed("declined"));
        assert_eq!(of(AccountError::Config { errcode: 47003 }), Came::Failed("config"));
        assert_eq!(of(AccountError::Quota { errcode: 45009 }), Came::Later(next_beijing_midnight(now)));
        assert_eq!(of(AccountError::Quota { errcode: 45011 }), Came::Later(now + PAUSE));
        assert_eq!(of(AccountError::Busy("timeout")), Came::Again(now + PAUSE));
        assert_eq!(of(AccountError::Busy("no connection")), Came::Later(now + PAUSE));
        let late = judge(Err(AccountError::Busy("timeout")), &notice, REPEATABLE + 1);
        let unknown = Came::Unknown { way: "template" };
        assert_eq!(late, unknown, "a repeat could be a second message by then");
        let tired = Notice { tries: TRIES - 1, ..notice };
        assert_eq!(judge(Err(AccountError::Busy("timeout")), &tired, now), unknown);
        let away = || Err(AccountError::Busy("no connection"));
        assert_eq!(judge(away(), &tired, now), Came::Failed("away"), "none of the tries left this machine");
        assert_eq!(judge(away(), &Notice { doubt: true, ..tired }, now), unknown, "an earlier one did");
    }
}
