//! Binding without an SMS, for small meetings: by staff number and name, or by the code printed on the badge. Every try is
//! counted before anything is compared, and all wrong ones are answered alike.

use super::{
    admitted, another_way,
    bind::{self, Whom, Wish},
    consent,
    otp::HOUR,
};
use crate::{
    app::App,
    auth::Attendee,
    clock::DAY,
    error::{ApiError, ApiResult},
    keys::Purpose,
    people::{badge, import, roster},
    store::Hit,
    wire::{BindBy, Bound, IdentifyRequest},
};

/// Tries of one openid, and for one staff number, within an hour.
const HOUR_TRIES: usize = 10;
/// Tries of one openid within a day.
const DAY_TRIES: usize = 30;
/// Longest badge code as typed, characters.
const CODE_CHARS: usize = 32;

/// What somebody says to be known by.
enum Claim {
    Staff { number: String, name: String },
    Badge(String),
}

/// Binds the attendee to the person of the roster whom they name.
pub(super) async fn identify(
    app: &App,
    attendee: &Attendee,
    meeting_id: &str,
    request: &IdentifyRequest,
) -> ApiResult<Bound> {
    check(request)?;
    let consent = consent::agreed(app, request.consent_version.as_deref())?;
    let meeting = admitted(app, attendee, meeting_id, &[BindBy::Staff, BindBy::Badge]).await?;
    let claim = claim(meeting.settings.bind_by, request)?;
    count(app, attendee, meeting_id, &claim).await?;
    let person = match &claim {
        Claim::Staff { number, name } => roster::known(app, meeting_id, number, name).await?,
        Claim::Badge(code) => badge::holder(app, meeting_id, code).await?,
    };
    let Some(person) = person else { return Err(not_matched(&claim)) };
    let (salt, device) = (request.salt.clone(), attendee.device.clone());
    let wish = Wish { whom: Whom::Person(person), salt, device, consent, name: None };
    bind::join(app, attendee, meeting_id, wish).await
}

/// What needs no look at the meeting.
fn check(request: &IdentifyRequest) -> ApiResult<()> {
    for (field, text, most) in [
        ("staff_no", &request.staff_no, import::MAX_STAFF_NO),
        ("name", &request.name, import::MAX_NAME),
        ("code", &request.code, CODE_CHARS),
    ] {
        if text.chars().count() > most {
            return Err(ApiError::invalid("invalid", field, format!("此项最多 {most} 个字。")));
        }
    }
    bind::check_salt(&request.salt)?;
    if !request.consent {
        return Err(ApiError::invalid("consent", "consent", "请先同意使用您的姓名和手机号参加本次活动。"));
    }
    Ok(())
}

fn claim(by: BindBy, request: &IdentifyRequest) -> ApiResult<Claim> {
    let (no_code, no_number) = (request.code.trim().is_empty(), request.staff_no.trim().is_empty());
    let other = if by == BindBy::Badge { no_code && !no_number } else { no_number && !no_code };
    if other {
        return Err(another_way());
    }
    if by == BindBy::Badge {
        let code = badge::parse(&request.code).ok_or_else(|| {
            ApiError::invalid(
                "invalid",
                "code",
                "胸牌码是 12 位字母和数字，没有 0、O、1 和 I，请对照胸牌重新输入。",
            )
        })?;
        return Ok(Claim::Badge(code));
    }
    let number = import::tidy_text(&request.staff_no);
    let name = import::tidy_text(&request.name);
    for (field, text, words) in [("staff_no", &number, "请填写工号。"), ("name", &name, "请填写姓名。")]
    {
        if text.is_empty() {
            return Err(ApiError::invalid("invalid", field, words));
        }
    }
    Ok(Claim::Staff { number, name })
}

/// Counts the try for the openid and, where a person is named, for that person, whether there is one or not. (A badge's code
/// names nobody before it is right, and is too long to be guessed.)
async fn count(app: &App, attendee: &Attendee, meeting: &str, claim: &Claim) -> ApiResult<()> {
    let mac = |what: &[u8], value: &str| {
        hex::encode(app.keys().mac(Purpose::Otp, &[what, meeting.as_bytes(), value.as_bytes()]))
    };
    let openid = mac(b"identify", &attendee.openid);
    let mut limits = vec![
        (format!("identify:day:{openid}"), DAY, DAY_TRIES),
        (format!("identify:hour:{openid}"), HOUR, HOUR_TRIES),
    ];
    if let Claim::Staff { number, .. } = claim {
        let person = mac(b"identify person", &number.to_lowercase());
        limits.push((format!("identify:person:{person}"), HOUR, HOUR_TRIES));
    }
    for (key, window, most) in limits {
        if let Hit::RetryAfter(ms) = app.store().hit(&key, window, most).await? {
            let seconds = ms.saturating_add(999) / 1000;
            return Err(ApiError::too_many(
                "identify_tries",
                "试错太多次，请稍后再试，或请工作人员帮忙。",
                seconds,
            ));
        }
    }
    Ok(())
}

fn not_matched(claim: &Claim) -> ApiError {
    let words = match claim {
        Claim::Staff { .. } => "工号和姓名与名单对不上，请核对后再试，或联系工作人员。",
        Claim::Badge(_) => "胸牌码不对，或胸牌已重新制作，请对照胸牌重新输入，或联系工作人员。",
    };
    ApiError::forbidden("not_matched", words)
}
