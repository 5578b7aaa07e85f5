//! Members of staff: passwords, API tokens, the first one.

use std::time::Duration;

use anyhow::anyhow;
use argon2::{Argon2, PasswordHasher, PasswordVerifier};
use sqlx::{Row, any::AnyRow};
use tokio::sync::Semaphore;

use super::{Staff, grants, tokens};
use crate::{
    app::App,
    audit::{self, Deed},
    clock::Ms,
    db::{Tx, hit},
    error::{ApiError, ApiResult},
    keys::{random, row_id, token_hash},
    letters::is_han,
    wire::Role,
};

const PASSWORD_CHARS: std::ops::RangeInclusive<usize> = 12..=256;
const FAILURES: i64 = 5;
/// Whoever runs the command on the server opens its link at once; later it is forgotten in a terminal.
const RECOVERY: Ms = 60 * 60_000;
const FAILURE_WINDOW: Ms = 15 * 60_000;
/// Passwords that are compared at once: each takes 19 MiB, and all of a core.
const TURNS: usize = 2;
/// Whoever waited so long for a turn is asked to come back.
const TURN_WAIT: Duration = Duration::from_secs(5);

/// Somebody to be added.
#[derive(Debug)]
pub struct NewStaff<'a> {
    /// User name, 1–64 characters.
    pub user: &'a str,
    /// Password, 12 characters or more.
    pub password: &'a str,
    /// Roles.
    pub roles: &'a [Role],
    /// API token, if they get one.
    pub token: Option<&'a str>,
}

/// Adds a member of staff; 422 when name or password cannot be taken, 409 `user_taken`.
pub async fn create_staff(app: &App, tx: &mut Tx, new: &NewStaff<'_>) -> ApiResult<Staff> {
    let user = new.user.trim();
    check_user(user)?;
    let taken = || ApiError::conflict("user_taken", "该用户名已被使用，请换一个。");
    // `Owner` beside `owner` would be one name to whoever reads the audit trail.
    let alike = sqlx::query("select id from staff where lower(username) = lower($1)")
        .bind(user)
        .fetch_optional(tx.conn())
        .await?;
    if alike.is_some() {
        return Err(taken());
    }
    let (id, hash) = (row_id(), hash_password(new.password).await?);
    let done = sqlx::query(
        "insert into staff (id, username, password_hash, roles, created_at) \
         values ($1, $2, $3, $4, $5) on conflict (username) do nothing",
    )
    .bind(&id)
    .bind(user)
    .bind(hash)
    .bind(role_names(new.roles))
    .bind(app.now())
    .execute(tx.conn())
    .await?;
    if done.rows_affected() == 0 {
        return Err(taken());
    }
    if let Some(token) = new.token {
        tokens::insert(tx, app.now(), (&id, "", &[]), token).await?;
    }
    Ok(Staff { id, user: user.to_owned(), roles: new.roles.to_vec(), grants: Vec::new(), limited: false })
}

/// 422 for a name that may look like another one: other alphabets have letters that look like ours.
fn check_user(user: &str) -> ApiResult<()> {
    let is_fine =
        |letter: char| letter.is_ascii_alphanumeric() || " ._-@+·".contains(letter) || is_han(letter);
    if (1..=64).contains(&user.chars().count()) && user.chars().all(is_fine) {
        return Ok(());
    }
    let detail = "用户名应为 1 到 64 个字符，可用汉字、英文字母、数字和 . _ - @ +。";
    Err(ApiError::invalid("user", "user", detail))
}

/// How many there are: none means that the server was just installed.
pub async fn staff_count(app: &App) -> Result<i64, sqlx::Error> {
    sqlx::query("select cast(count(*) as bigint) from staff").fetch_one(app.db().read()).await?.try_get(0)
}

/// The one-time code of the set-up link, for the first server that ever starts; `None` when one was made before: two
/// servers that start together must not each print a link of which only the later works.
pub async fn first_setup_code(app: &App) -> Result<Option<String>, sqlx::Error> {
    let code = hex::encode(random::<16>());
    let mut tx = app.db().begin().await?;
    let made =
        sqlx::query("insert into instance (name, value) values ('setup', $1) on conflict (name) do nothing")
            .bind(token_hash(&code))
            .execute(tx.conn())
            .await?;
    if made.rows_affected() == 0 {
        return Ok(None);
    }
    note_setup_code(app, &mut tx).await?;
    tx.commit().await?;
    Ok(Some(code))
}

async fn note_setup_code(app: &App, tx: &mut Tx) -> Result<(), sqlx::Error> {
    let deed = Deed { who: "system", what: "staff.setup_link", meeting: "", target: "", note: "" };
    audit::record(tx, app.now(), &deed).await
}

/// Makes the one-time code of another set-up link, for an hour; an earlier one stops working.
pub async fn make_setup_code(app: &App) -> Result<String, sqlx::Error> {
    let code = hex::encode(random::<16>());
    let until = app.now() + RECOVERY;
    let mut tx = app.db().begin().await?;
    sqlx::query(
        "insert into instance (name, value) values ('setup', $1) on conflict (name) do update set value = excluded.value",
    )
    .bind(format!("{}:{until}", token_hash(&code)))
    .execute(tx.conn())
    .await?;
    note_setup_code(app, &mut tx).await?;
    tx.commit().await?;
    Ok(code)
}

/// Whether this is the code, in time. That of the first start has no end: nobody knows when the machine will be set up.
fn opens(stored: &str, code: &str, now: Ms) -> bool {
    let (hash, until) = stored.split_once(':').unwrap_or((stored, ""));
    hash == token_hash(code) && (until.is_empty() || until.parse::<Ms>().is_ok_and(|until| now < until))
}

/// Uses the set-up code to make the first owner, or another one.
pub(super) async fn set_up(app: &App, code: &str, user: &str, password: &str) -> ApiResult<Staff> {
    let mut tx = app.db().begin().await?;
    let spent: Vec<String> = sqlx::query("delete from instance where name = 'setup' returning value")
        .fetch_all(tx.conn())
        .await?
        .iter()
        .map(|row| row.try_get(0))
        .collect::<Result<_, _>>()?;
    // Dropped without a commit, it stays for whoever has the right one.
    if !spent.iter().any(|stored| opens(stored, code, app.now())) {
        return Err(ApiError::forbidden(
            "setup_code",
            "设置链接无效、已使用或已过期，请查看服务器启动时打印的最新链接，或在服务器上运行 kaijiang recover。",
        ));
    }
    let owner = NewStaff { user, password, roles: &[Role::Owner], token: None };
    let owner = create_staff(app, &mut tx, &owner).await?;
    tx.commit().await?;
    Ok(owner)
}

#[derive(Debug)]
struct Turns(Semaphore);

impl Default for Turns {
    fn default() -> Self {
        Self(Semaphore::new(TURNS))
    }
}

/// Checks a password: 401 `login_failed`, 429 `login_throttled` after five failures in 15 minutes, 503 when too many are
/// being checked.
///
/// The try stays counted as a failure until [`not_failed`] says that it was none.
pub(super) async fn check_password(app: &App, user: &str, password: &str) -> ApiResult<Staff> {
    // Whose tries are used up waits for no turn, and takes none.
    if let Some(at) = used_up(app, user).await? {
        return Err(throttled(app, at));
    }
    let turns = app.kept::<Turns>();
    let Ok(Ok(_turn)) = tokio::time::timeout(TURN_WAIT, turns.0.acquire()).await else {
        return Err(ApiError::unavailable("同时登录的人太多，请稍后再试。"));
    };
    reserve(app, user).await?;
    let row =
        sqlx::query("select id, username, roles, disabled, password_hash from staff where username = $1")
            .bind(user)
            .fetch_optional(app.db().read())
            .await?;
    // An unknown name takes as long as a known one.
    let stored = match &row {
        Some(row) => row.try_get::<String, _>("password_hash")?,
        None => UNKNOWN_USER.to_owned(),
    };
    let right = verify_password(password.to_owned(), stored).await;
    if let (true, Some(row)) = (right, &row)
        && let Some(staff) = from_row(row)?
    {
        return Ok(grants::with(app.db().read(), staff).await?);
    }
    Err(ApiError::new(::http::StatusCode::UNAUTHORIZED, "login_failed", "用户名或密码不对。"))
}

fn throttled(app: &App, last: Ms) -> ApiError {
    let wait = (last + FAILURE_WINDOW - app.now()).clamp(0, FAILURE_WINDOW);
    ApiError::too_many("login_throttled", "密码错误次数过多，请 15 分钟后再试。", wait / 1000 + 1)
}

/// When the last try was, of a name that has none left.
async fn used_up(app: &App, user: &str) -> ApiResult<Option<Ms>> {
    let row = sqlx::query("select at from login_failure where username = $1 and tries >= $2 and at > $3")
        .bind(user)
        .bind(FAILURES)
        .bind(app.now() - FAILURE_WINDOW)
        .fetch_optional(app.db().read())
        .await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?)
}

/// Counts a try before anything is compared: however many come at once, five are.
async fn reserve(app: &App, user: &str) -> ApiResult<()> {
    let now = app.now();
    let mut tx = app.db().begin().await?;
    sqlx::query("delete from login_failure where at <= $1")
        .bind(now - FAILURE_WINDOW)
        .execute(tx.conn())
        .await?;
    let done = sqlx::query(
        "insert into login_failure (username, at, tries) values ($1, $2, 1) on conflict (username) do update \
         set tries = login_failure.tries + 1, at = excluded.at where login_failure.tries < $3",
    )
    .bind(user)
    .bind(now)
    .bind(FAILURES)
    .execute(tx.conn())
    .await?;
    tx.commit().await?;
    if hit(&done) {
        return Ok(());
    }
    Err(throttled(app, used_up(app, user).await?.unwrap_or(now)))
}

/// The try that was counted is no failure.
pub(super) async fn not_failed(app: &App, user: &str) -> Result<(), sqlx::Error> {
    let mut tx = app.db().begin().await?;
    sqlx::query("update login_failure set tries = tries - 1 where username = $1 and tries > 0")
        .bind(user)
        .execute(tx.conn())
        .await?;
    tx.commit().await
}

/// A hash of nothing that anybody knows, with the same cost as real ones.
const UNKNOWN_USER: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$R0RzYV0Jb6iXo3N6nKMe2h2qhRW0dOZqh1eO6a8sHZA";

/// The hash that is stored; 422 `password` when it is too short or too long.
pub(super) async fn hash_password(password: &str) -> ApiResult<String> {
    if !PASSWORD_CHARS.contains(&password.chars().count()) {
        return Err(ApiError::invalid("password", "password", "密码应为 12 到 256 个字符。"));
    }
    let password = password.to_owned();
    tokio::task::spawn_blocking(move || {
        Argon2::default().hash_password(password.as_bytes()).map(|hash| hash.to_string())
    })
    .await
    .map_err(|error| ApiError::from(anyhow!(error)))?
    .map_err(|error| ApiError::from(anyhow!("hashing a password: {error}")))
}

async fn verify_password(password: String, stored: String) -> bool {
    tokio::task::spawn_blocking(move || {
        Argon2::default().verify_password(password.as_bytes(), stored.as_str()).is_ok()
    })
    .await
    .unwrap_or(false)
}

/// By id, unless disabled.
pub(super) async fn by_id(app: &App, id: &str) -> Result<Option<Staff>, sqlx::Error> {
    let row = sqlx::query("select id, username, roles, disabled from staff where id = $1")
        .bind(id)
        .fetch_optional(app.db().read())
        .await?;
    match row.as_ref().map_or(Ok(None), from_row)? {
        Some(staff) => grants::with(app.db().read(), staff).await.map(Some),
        None => Ok(None),
    }
}

/// Without the roles that hold in one meeting only, see [`grants::with`].
pub(super) fn from_row(row: &AnyRow) -> Result<Option<Staff>, sqlx::Error> {
    if row.try_get::<i64, _>("disabled")? != 0 {
        return Ok(None);
    }
    let roles: String = row.try_get("roles")?;
    Ok(Some(Staff {
        id: row.try_get("id")?,
        user: row.try_get("username")?,
        roles: roles_of(&roles),
        grants: Vec::new(),
        limited: false,
    }))
}

/// From what is stored.
pub(super) fn roles_of(names: &str) -> Vec<Role> {
    names.split(',').filter_map(role_of).collect()
}

/// As stored.
pub(super) fn role_names(roles: &[Role]) -> String {
    roles.iter().map(|role| role_name(*role)).collect::<Vec<_>>().join(",")
}

fn role_name(role: Role) -> &'static str {
    match role {
        Role::Owner => "owner",
        Role::Host => "host",
        Role::Reviewer => "reviewer",
        Role::Finance => "finance",
        Role::Auditor => "auditor",
    }
}

pub(super) fn role_of(name: &str) -> Option<Role> {
    [Role::Owner, Role::Host, Role::Reviewer, Role::Finance, Role::Auditor]
        .into_iter()
        .find(|role| role_name(*role) == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recovery_code_has_an_end_and_that_of_the_first_start_has_none() {
        let hash = token_hash("code");
        assert!(opens(&hash, "code", Ms::MAX));
        let an_hour = format!("{hash}:3600000");
        assert!(opens(&an_hour, "code", 3_599_999) && !opens(&an_hour, "code", 3_600_000));
        assert!(!opens(&an_hour, "other", 0) && !opens(&format!("{hash}:soon"), "code", 0));
    }
}
