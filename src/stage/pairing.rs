//! Pairing a screen: the control page shows a code, which is typed on the screen once and gives it a ticket.

use std::net::IpAddr;

use crate::{
    app::App,
    audit::{self, Deed},
    clock::Ms,
    db::hit,
    error::{ApiError, ApiResult},
    keys::{Purpose, random, token_hash},
    live::events,
    store::Hit,
    wire::{Pairing, Ticket},
};

/// A code ends after this time.
const CODE_MS: Ms = 10 * 60_000;
/// Tries of one address in a minute.
const TRIES_ADDRESS: usize = 10;
/// Tries for one meeting in a minute: of 100,000,000 codes, 2,000 can be tried while one lives.
const TRIES_MEETING: usize = 200;
const MINUTE: Ms = 60_000;

/// Makes a code.
pub(super) async fn make(app: &App, who: &str, meeting: &str) -> ApiResult<Pairing> {
    known(app, meeting).await?;
    let code = format!("{:08}", u64::from_be_bytes(random()) % 100_000_000);
    let expires_at = app.now() + CODE_MS;
    let mut tx = app.db().begin().await?;
    sqlx::query("delete from screen_pairing where expires_at <= $1")
        .bind(app.now())
        .execute(tx.conn())
        .await?;
    // Two codes that are alike in the same ten minutes: the later one counts.
    sqlx::query(
        "insert into screen_pairing (code_hash, meeting_id, expires_at) values ($1, $2, $3) \
         on conflict (code_hash) do update set expires_at = excluded.expires_at, used = 0",
    )
    .bind(hash(app, meeting, &code))
    .bind(meeting)
    .bind(expires_at)
    .execute(tx.conn())
    .await?;
    audit::record(&mut tx, app.now(), &Deed { who, what: "screen.pairing", meeting, target: "", note: "" })
        .await?;
    tx.commit().await?;
    Ok(Pairing { code, expires_at })
}

/// Characters of a code as typed: eight digits, and perhaps blanks between them.
const TYPED_CHARS: std::ops::RangeInclusive<usize> = 8..=16;

/// Takes a code and gives a ticket.
pub(super) async fn take(
    app: &App,
    address: Option<IpAddr>,
    meeting: &str,
    typed: &str,
) -> ApiResult<Ticket> {
    known(app, meeting).await?;
    if !TYPED_CHARS.contains(&typed.chars().count()) {
        return Err(ApiError::invalid("invalid", "code", "配对码是 8 位数字，请重新输入。"));
    }
    if let Some(address) = address {
        throttle(app, &format!("pair:{address}"), TRIES_ADDRESS).await?;
    }
    throttle(app, &format!("pair:{meeting}"), TRIES_MEETING).await?;
    let code: String = typed.chars().filter(char::is_ascii_digit).collect();
    let mut tx = app.db().begin().await?;
    let used = sqlx::query(
        "update screen_pairing set used = 1 where code_hash = $1 and meeting_id = $2 and used = 0 and expires_at > $3",
    )
    .bind(hash(app, meeting, &code))
    .bind(meeting)
    .bind(app.now())
    .execute(tx.conn())
    .await?;
    if !hit(&used) {
        let words = "配对码不对、已使用或已过期，请在控制台重新生成。";
        return Err(ApiError::forbidden("pairing_code", words).field("code"));
    }
    let ticket = hex::encode(random::<32>());
    sqlx::query("insert into screen_ticket (ticket_hash, meeting_id, created_at) values ($1, $2, $3)")
        .bind(token_hash(&ticket))
        .bind(meeting)
        .bind(app.now())
        .execute(tx.conn())
        .await?;
    let deed = Deed { who: "screen", what: "screen.paired", meeting, target: "", note: "" };
    audit::record(&mut tx, app.now(), &deed).await?;
    tx.commit().await?;
    Ok(Ticket { ticket })
}

async fn known(app: &App, meeting: &str) -> ApiResult<()> {
    events::last(app.db(), meeting).await?.map(drop).ok_or_else(|| ApiError::not_found("该活动"))
}

async fn throttle(app: &App, key: &str, limit: usize) -> ApiResult<()> {
    match app.store().hit(key, MINUTE, limit).await? {
        Hit::Ok => Ok(()),
        Hit::RetryAfter(ms) => {
            let seconds = ms.div_euclid(1000) + 1;
            Err(ApiError::too_many("pairing_throttled", "尝试次数过多，请稍后再试。", seconds))
        }
    }
}

/// Keyed, since eight digits could be found from a plain hash.
fn hash(app: &App, meeting: &str, code: &str) -> String {
    hex::encode(app.keys().mac(Purpose::Otp, &[b"screen", meeting.as_bytes(), code.as_bytes()]))
}
