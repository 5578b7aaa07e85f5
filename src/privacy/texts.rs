//! Texts that may name somebody: what sockets were told, answers that are kept for repeats, reports of imports, what the
//! screen says, and what finance wrote. Namesakes keep their names where a number tells the two apart.

use anyhow::Context;
use serde_json::Value;
use sqlx::Row;

use super::{GONE, Tx, erase::Marks};
use crate::{error::ApiResult, keys::token_hash};

/// Where a text stands: how those that name somebody are found, and how one is written back. A row is known by two keys.
struct Text {
    /// `$1` meeting, `$2` pattern of a name, `$3` pattern of the id.
    find: &'static str,
    /// `$1` the new text, `$2` and `$3` the keys.
    put: &'static str,
    /// Whether a namesake's line says whose it is. In a report of a file it may be the person's own with a wrong number.
    namesakes: bool,
}

const JSON: &[Text] = &[
    Text {
        find: "select meeting_id, cast(seq as text), data from event where meeting_id = $1 \
            and (data like $2 escape '!' or data like $3 escape '!')",
        put: "update event set data = $1 where meeting_id = $2 and cast(seq as text) = $3",
        namesakes: true,
    },
    Text {
        find: "select id, id, report from roster_import where meeting_id = $1 \
            and (report like $2 escape '!' or report like $3 escape '!')",
        put: "update roster_import set report = $1 where id = $2 and id = $3",
        namesakes: false,
    },
    Text {
        find: "select id, id, scene from meeting where id = $1 \
            and (scene like $2 escape '!' or scene like $3 escape '!')",
        put: "update meeting set scene = $1 where id = $2 and id = $3",
        namesakes: true,
    },
    Text {
        find: "select scope, idem_key, answer from idempotency where scope like '%/' || $1 || '/imports%' \
            and (answer like $2 escape '!' or answer like $3 escape '!')",
        put: "update idempotency set answer = $1 where scope = $2 and idem_key = $3",
        namesakes: false,
    },
    Text {
        find: "select scope, idem_key, answer from idempotency where scope like '%' || $1 || '%' \
            and (answer like $2 escape '!' or answer like $3 escape '!')",
        put: "update idempotency set answer = $1 where scope = $2 and idem_key = $3",
        namesakes: true,
    },
];

/// What staff wrote about the person's money: it stays, without the name. `$1` is the person.
const NOTES: &[(&str, &str)] = &[
    (
        "select t.id, t.note from packet_act t join packet k on k.bill_no = t.bill_no \
         join award a on a.id = k.award_id where a.person_id = $1 and t.note <> ''",
        "update packet_act set note = $1 where id = $2",
    ),
    (
        "select t.id, t.note from money_request t where t.note <> '' and (t.target = $1 or t.target in \
         (select k.bill_no from packet k join award a on a.id = k.award_id where a.person_id = $1))",
        "update money_request set note = $1 where id = $2",
    ),
    (
        "select a.id, a.story from award a where a.person_id = $1 and a.story <> ''",
        "update award set story = $1 where id = $2",
    ),
];

/// Takes the person out of all of them.
pub(super) async fn scrub(tx: &mut Tx, meeting: &str, marks: &Marks) -> ApiResult<()> {
    for openid in &marks.openids {
        sqlx::query("delete from idempotency where scope like 'attendee:' || $1 || '%'")
            .bind(token_hash(openid))
            .execute(tx.conn())
            .await?;
    }
    // Rows of people that wait for somebody to accept them: the file can be uploaded again.
    sqlx::query("delete from roster_import where meeting_id = $1 and status = 'reported'")
        .bind(meeting)
        .execute(tx.conn())
        .await?;
    // Answers about vouchers hold what the person wrote: nothing of them is kept for a repeat.
    for name in &marks.names {
        sqlx::query(
            "update idempotency set answer = '{}' where scope like '%/' || $1 || '/voucher%' \
             and (answer like $2 escape '!' or answer like $3 escape '!')",
        )
        .bind(meeting)
        .bind(pattern(name)?)
        .bind(pattern(&marks.id)?)
        .execute(tx.conn())
        .await?;
        for text in JSON {
            json(tx, text, (meeting, name), marks).await?;
        }
    }
    for &(find, put) in NOTES {
        for row in sqlx::query(find).bind(&marks.id).fetch_all(tx.conn()).await? {
            let (id, note): (String, String) = (row.try_get(0)?, row.try_get(1)?);
            let clean = marks.out_of(&note);
            if clean != note {
                sqlx::query(put).bind(clean).bind(id).execute(tx.conn()).await?;
            }
        }
    }
    answers(tx, marks).await
}

async fn json(tx: &mut Tx, text: &Text, (meeting, name): (&str, &str), marks: &Marks) -> ApiResult<()> {
    let rows = sqlx::query(text.find)
        .bind(meeting)
        .bind(pattern(name)?)
        .bind(pattern(&marks.id)?)
        .fetch_all(tx.conn())
        .await?;
    for row in rows {
        let (one, two, body): (String, String, String) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        let Ok(mut value) = serde_json::from_str::<Value>(&body) else { continue };
        marks.out_of_json(&mut value, text.namesakes);
        let clean = serde_json::to_string(&value).context("a text as JSON")?;
        sqlx::query(text.put).bind(clean).bind(one).bind(two).execute(tx.conn()).await?;
    }
    Ok(())
}

/// The payer's answers are kept as they came, but for the account they went to.
async fn answers(tx: &mut Tx, marks: &Marks) -> ApiResult<()> {
    let rows = sqlx::query(
        "select c.id, c.raw from call c join packet k on k.bill_no = c.bill_no join award a on a.id = k.award_id \
         where a.person_id = $1 and c.raw is not null",
    )
    .bind(&marks.id)
    .fetch_all(tx.conn())
    .await?;
    for row in rows {
        let (id, raw): (String, Vec<u8>) = (row.try_get(0)?, row.try_get(1)?);
        let Ok(text) = String::from_utf8(raw) else { continue };
        let clean = marks.out_of(&text);
        if clean != text {
            sqlx::query("update call set raw = $1 where id = $2")
                .bind(clean.into_bytes())
                .bind(id)
                .execute(tx.conn())
                .await?;
        }
    }
    Ok(())
}

/// For `like … escape '!'`, as the text stands inside of JSON.
fn pattern(text: &str) -> ApiResult<String> {
    let quoted = serde_json::to_string(text).context("a text as JSON")?;
    let inner = quoted.trim_matches('"');
    Ok(format!("%{}%", inner.replace('!', "!!").replace('%', "!%").replace('_', "!_")))
}

impl Marks {
    /// A text without anything that says who it is.
    fn out_of(&self, text: &str) -> String {
        // A name of one letter stands in many words that are not about anybody.
        let names = self.names.iter().chain(&self.phones).chain(&self.openids);
        names
            .filter(|name| name.trim().chars().count() > 1)
            .fold(text.to_owned(), |text, name| text.replace(name, GONE))
    }

    fn is_called(&self, name: &str) -> bool {
        self.names.iter().any(|known| known == name)
    }

    /// Cards of the person lose what is on them; a card of a namesake, by its number or id, stays where there are such.
    fn out_of_json(&self, value: &mut Value, namesakes: bool) {
        match value {
            Value::String(text) if self.is_called(text) => GONE.clone_into(text),
            Value::String(text) => *text = self.out_of(text),
            Value::Array(list) => list.iter_mut().for_each(|item| self.out_of_json(item, namesakes)),
            Value::Object(map) => {
                let text = |key: &str| map.get(key).and_then(Value::as_str);
                let named = text("name").is_some_and(|name| self.is_called(name));
                let other = map.get("no").and_then(Value::as_i64).is_some_and(|no| !self.nos.contains(&no))
                    || text("phone").is_some_and(|phone| self.masks.iter().all(|mask| mask != phone));
                if named && other && namesakes {
                    return;
                }
                for (key, item) in map.iter_mut() {
                    let theirs = matches!(key.as_str(), "phone" | "department" | "staff_no" | "group");
                    if named && theirs && item.is_string() {
                        *item = Value::String(String::new());
                    } else {
                        self.out_of_json(item, namesakes);
                    }
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_namesake_keeps_the_name() {
        let marks = Marks {
            id: "p".into(),
            name: "王伟".into(),
            names: vec!["王伟".into(), "王为".into()],
            masks: vec!["138****1234".into(), "139****0000".into()],
            phones: vec!["+8613812341234".into()],
            openids: vec!["oWangWei".into()],
            nos: vec![7],
        };
        let mut told = json!({ "seats": [
            { "no": 7, "name": "王为", "department": "研发" }, { "no": 8, "name": "王伟", "department": "销售" },
        ], "text": "恭喜王伟" });
        marks.out_of_json(&mut told, true);
        assert_eq!(
            told,
            json!({ "seats": [
            { "no": 7, "name": GONE, "department": "" }, { "no": 8, "name": "王伟", "department": "销售" },
        ], "text": "恭喜已删除" })
        );
        let mut report =
            json!({ "rows": [{ "name": "王伟", "phone": "137****9999", "department": "研发" }] });
        let before = report.clone();
        marks.out_of_json(&mut report, true);
        assert_eq!(report, before, "another number is another person");
        marks.out_of_json(&mut report, false);
        assert_eq!(report, json!({ "rows": [{ "name": GONE, "phone": "", "department": "" }] }));
        assert_eq!(marks.out_of("退给 oWangWei +8613812341234"), "退给 已删除 已删除");
    }

    #[test]
    fn a_name_is_looked_for_as_json_writes_it() {
        assert_eq!(pattern("a\"_b%!").unwrap(), r#"%a\"!_b!%!!%"#);
    }
}
