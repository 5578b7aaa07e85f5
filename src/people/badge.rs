//! Codes on badges: made from the master key, the person and a number that rises when a badge is made anew, so that they can
//! be printed again and stand nowhere. SQL has a keyed hash of each, by which its person is found.

use sqlx::Row;

use super::roster;
use crate::{
    app::App,
    audit::{self, Deed},
    auth::Staff,
    error::ApiResult,
    keys::{self, Keys, Purpose},
    meeting,
    wire::Badge,
};

/// Characters of a code: 60 bits.
const LENGTH: usize = 12;
/// Characters that are printed together.
const GROUP: usize = 4;

/// The code of a person's badge number `no`.
pub(super) fn code(keys: &Keys, person: &str, no: i64) -> String {
    keys::readable(&keys.mac(Purpose::Badge, &[b"code", person.as_bytes(), &no.to_be_bytes()]), LENGTH)
}

/// As it is printed and shown.
pub(super) fn view(app: &App, meeting: &str, code: &str) -> Badge {
    let groups: Vec<&str> = (0..LENGTH / GROUP).map(|at| &code[at * GROUP..(at + 1) * GROUP]).collect();
    let base = &app.config().server.public_url;
    Badge { code: groups.join("-"), link: format!("{base}/m/{meeting}#badge={code}") }
}

/// A code as typed: in any case, with whatever stands between the groups. `None` when it cannot be one.
pub fn parse(typed: &str) -> Option<String> {
    let code: String = typed
        .chars()
        .filter(|letter| !letter.is_whitespace() && !matches!(letter, '-' | '‐' | '–' | '—' | '－'))
        .map(|letter| letter.to_ascii_uppercase())
        .collect();
    let readable = |byte: u8| {
        byte.is_ascii_digit() && byte > b'1' || byte.is_ascii_uppercase() && !matches!(byte, b'I' | b'O')
    };
    (code.len() == LENGTH && code.bytes().all(readable)).then_some(code)
}

fn index(keys: &Keys, meeting: &str, code: &str) -> String {
    hex::encode(keys.mac(Purpose::Badge, &[b"index", meeting.as_bytes(), code.as_bytes()]))
}

/// Id of the person whose badge has this code.
pub async fn holder(app: &App, meeting: &str, code: &str) -> ApiResult<Option<String>> {
    let index = index(app.keys(), meeting, code);
    if let Some(found) = by_index(app, meeting, &index).await? {
        return Ok(Some(found));
    }
    // People who came on the roster, or whose badge was made anew, since somebody last looked.
    if fill(app, meeting).await? { by_index(app, meeting, &index).await } else { Ok(None) }
}

async fn by_index(app: &App, meeting: &str, index: &str) -> ApiResult<Option<String>> {
    let row = sqlx::query("select id from person where meeting_id = $1 and badge_index = $2 and removed = 0")
        .bind(meeting)
        .bind(index)
        .fetch_optional(app.db().read())
        .await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?)
}

/// Gives everybody who has none the hash of their code. Says whether there was anybody.
async fn fill(app: &App, meeting: &str) -> ApiResult<bool> {
    const WITHOUT: &str = "select id, badge_no from person where meeting_id = $1 and badge_index is null";
    if sqlx::query(WITHOUT).bind(meeting).fetch_optional(app.db().read()).await?.is_none() {
        return Ok(false);
    }
    let mut tx = app.db().begin().await?;
    meeting::lock(&mut tx, meeting).await?;
    let rows = sqlx::query(WITHOUT).bind(meeting).fetch_all(tx.conn()).await?;
    for row in rows {
        let (id, no): (String, i64) = (row.try_get(0)?, row.try_get(1)?);
        let code = code(app.keys(), &id, no);
        sqlx::query("update person set badge_index = $1 where id = $2")
            .bind(index(app.keys(), meeting, &code))
            .bind(&id)
            .execute(tx.conn())
            .await?;
    }
    tx.commit().await?;
    Ok(true)
}

/// Makes a badge anew: the old code is dead at once. Who is bound stays bound.
pub(super) async fn reissue(app: &App, staff: &Staff, meeting: &str, id: &str) -> ApiResult<Badge> {
    let mut tx = app.db().begin().await?;
    meeting::lock(&mut tx, meeting).await?.must_be_open()?;
    let row = sqlx::query(
        "update person set badge_no = badge_no + 1, badge_index = null \
         where meeting_id = $1 and id = $2 and removed = 0 returning badge_no",
    )
    .bind(meeting)
    .bind(id)
    .fetch_optional(tx.conn())
    .await?
    .ok_or_else(roster::unknown)?;
    let code = code(app.keys(), id, row.try_get(0)?);
    let deed = Deed { who: &staff.user, what: "person.badge", meeting, target: id, note: "" };
    audit::record(&mut tx, app.now(), &deed).await?;
    tx.commit().await?;
    Ok(view(app, meeting, &code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_as_people_type_it() {
        let code = "7KQMX2TD9WRA";
        for typed in ["7KQMX2TD9WRA", "7kqm-x2td-9wra", " 7KQM X2TD–9WRA ", "7KQM－X2TD－9WRA"] {
            assert_eq!(parse(typed).as_deref(), Some(code), "{typed}");
        }
        for bad in [
            "",
            "7KQMX2TD9WR",
            "7KQMX2TD9WRAA",
            "0KQMX2TD9WRA",
            "1KQMX2TD9WRA",
            "OKQMX2TD9WRA",
            "IKQMX2TD9WRA",
            "７KQMX2TD9WRA",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn every_code_that_is_made_can_be_read() {
        for byte in 0..=255 {
            let code = keys::readable(&[byte; 32], LENGTH);
            assert_eq!(parse(&code), Some(code));
        }
    }
}
