//! The second factor: a six-digit code of an authenticator app (RFC 6238), each of which works once.

use anyhow::anyhow;
use sqlx::Row;
use totp_rs::{Algorithm, Secret, TOTP};

use super::{Staff, staff, team};
use crate::{
    app::App,
    clock::Ms,
    db::hit,
    error::{ApiError, ApiResult},
    keys::{Purpose, random},
    wire::{TotpConfirm, TotpSecret},
};

/// What every authenticator app knows.
const DIGITS: usize = 6;
const STEP_S: u64 = 30;
/// A phone's clock may be so many steps off.
const SKEW: u8 = 1;

fn totp(secret: Vec<u8>) -> ApiResult<TOTP> {
    TOTP::new(Algorithm::SHA1, DIGITS, SKEW, STEP_S, secret).map_err(|_| bad_secret())
}

fn bad_secret() -> ApiError {
    ApiError::invalid("totp_secret", "secret", "密钥不完整，请重新开始设置。")
}

/// 401 `totp_wrong`: the code is wrong, too old, or was used before.
fn wrong() -> ApiError {
    let detail = "动态验证码不对或已用过，请等下一个。";
    ApiError::new(::http::StatusCode::UNAUTHORIZED, "totp_wrong", detail)
}

/// A new secret for this member.
pub(super) async fn offer(app: &App, staff: &Staff) -> ApiResult<TotpSecret> {
    let secret = Secret::Raw(random::<20>().to_vec()).to_encoded().to_string();
    let name: String = url::form_urlencoded::byte_serialize(staff.user.as_bytes()).collect();
    let name = name.replace('+', "%20");
    let uri = format!("otpauth://totp/Kaijiang:{name}?secret={secret}&issuer=Kaijiang");
    Ok(TotpSecret { secret, uri, replaces: !sealed(app, staff).await?.is_empty() })
}

/// The present secret as it is stored, empty without one.
async fn sealed(app: &App, staff: &Staff) -> Result<String, sqlx::Error> {
    let row = sqlx::query("select totp_sealed from staff where id = $1");
    row.bind(&staff.id).fetch_one(app.db().read()).await?.try_get(0)
}

/// The step of a right code at `now`, if it is one.
fn step_of(secret: Vec<u8>, code: &str, now: Ms) -> ApiResult<Option<u64>> {
    let totp = totp(secret)?;
    let now_s = u64::try_from(now / 1000).map_err(|error| anyhow!(error))?;
    let now_step = now_s / STEP_S;
    let near = now_step.saturating_sub(SKEW.into())..=now_step + u64::from(SKEW);
    let same = |step: &u64| {
        let wanted = totp.generate(step * STEP_S);
        subtle::ConstantTimeEq::ct_eq(wanted.as_bytes(), code.as_bytes()).into()
    };
    Ok(near.into_iter().rev().find(same))
}

/// From now on log-ins need a code: 401 `totp_wrong` unless this one was made with that secret. Where there is one already
/// the password is asked for once more: a session that somebody left open must not be enough to take the account over.
pub(super) async fn confirm(app: &App, staff: &Staff, confirm: &TotpConfirm) -> ApiResult<()> {
    if !sealed(app, staff).await?.is_empty() {
        prove(app, staff, confirm.password.as_deref().unwrap_or_default()).await?;
    }
    let secret = Secret::Encoded(confirm.secret.clone()).to_bytes().map_err(|_| bad_secret())?;
    let step = step_of(secret.clone(), &confirm.code, app.now())?.ok_or_else(wrong)?;
    let sealed = app.keys().seal(Purpose::Totp, &staff.id, &secret);
    let mut tx = app.db().begin().await?;
    sqlx::query("update staff set totp_sealed = $1, totp_step = $2 where id = $3")
        .bind(hex::encode(sealed))
        .bind(i64::try_from(step).map_err(|error| anyhow!(error))?)
        .bind(&staff.id)
        .execute(tx.conn())
        .await?;
    team::record(app, &mut tx, staff, ("staff.totp", &staff.id), "").await?;
    Ok(tx.commit().await?)
}

/// 401 `password_required` without the password, `login_failed` with a wrong one.
async fn prove(app: &App, staff: &Staff, password: &str) -> ApiResult<()> {
    if password.is_empty() {
        let detail = "更换验证器前，请输入当前密码。";
        return Err(ApiError::new(::http::StatusCode::UNAUTHORIZED, "password_required", detail));
    }
    staff::check_password(app, &staff.user, password).await?;
    Ok(staff::not_failed(app, &staff.user).await?)
}

/// Log-ins need no code any more; the password is asked for once more.
pub(super) async fn off(app: &App, staff: &Staff, password: &str) -> ApiResult<()> {
    staff::check_password(app, &staff.user, password).await?;
    staff::not_failed(app, &staff.user).await?;
    let mut tx = app.db().begin().await?;
    sqlx::query("update staff set totp_sealed = '', totp_step = 0 where id = $1")
        .bind(&staff.id)
        .execute(tx.conn())
        .await?;
    team::record(app, &mut tx, staff, ("staff.totp_off", &staff.id), "").await?;
    Ok(tx.commit().await?)
}

/// After the password: 401 `totp_required` where a code is needed and none was given, 401 `totp_wrong` for a wrong one.
pub(super) async fn check(app: &App, staff: &Staff, code: Option<&str>) -> ApiResult<()> {
    let sealed = sealed(app, staff).await?;
    if sealed.is_empty() {
        return Ok(());
    }
    let Some(code) = code.map(str::trim).filter(|code| !code.is_empty()) else {
        let detail = "请输入验证器应用里的六位动态验证码。";
        return Err(ApiError::new(::http::StatusCode::UNAUTHORIZED, "totp_required", detail));
    };
    let secret =
        hex::decode(sealed).ok().and_then(|sealed| app.keys().unseal(Purpose::Totp, &staff.id, &sealed));
    let secret = secret.ok_or_else(|| anyhow!("a second factor that cannot be opened"))?;
    if let Some(step) = step_of(secret.to_vec(), code, app.now())? {
        let mut tx = app.db().begin().await?;
        let done = sqlx::query("update staff set totp_step = $1 where id = $2 and totp_step < $1")
            .bind(i64::try_from(step).map_err(|error| anyhow!(error))?)
            .bind(&staff.id)
            .execute(tx.conn())
            .await?;
        tx.commit().await?;
        if hit(&done) {
            return Ok(());
        }
    }
    Err(wrong())
}
