//! SQL of the roster.

use std::collections::HashMap;

use sqlx::{AnyConnection, Row, any::AnyRow};

use super::import::{Known, NO_PHONE, Roster};
use crate::{
    db::Tx,
    error::ApiResult,
    keys::{Keys, Purpose},
    phone::Phone,
    wire::PersonView,
};

/// Columns of a person with the present binding.
const SELECT: &str = "select p.id, p.name, p.phone_mask, p.phone_index, p.department, p.staff_no, p.grp, p.weight, \
     p.version, p.removed, p.waiting, b.idx, b.id as binding_id, b.checked_in_at, \
     coalesce(f.picture, '') as photo from person p left join person_photo f on f.person_id = p.id \
     left join binding b on b.person_id = p.id and b.meeting_id = p.meeting_id and b.active = 1";

/// A person on the roster.
#[derive(Clone, Debug)]
pub(super) struct Person {
    /// As staff see them.
    pub(super) view: PersonView,
    /// Finds the phone.
    pub(super) phone_index: String,
    /// The binding that holds now.
    pub(super) binding_id: Option<String>,
}

/// What is written of a person.
#[derive(Clone, Debug)]
pub(super) struct Written<'a> {
    /// Meeting.
    pub(super) meeting: &'a str,
    /// Id.
    pub(super) id: &'a str,
    /// Everything else.
    pub(super) known: &'a Known,
}

fn person(row: &AnyRow) -> Result<Person, sqlx::Error> {
    let idx: Option<i64> = row.try_get("idx")?;
    let view = PersonView {
        id: row.try_get("id")?,
        name: row.try_get("name")?,
        phone: row.try_get("phone_mask")?,
        department: row.try_get("department")?,
        staff_no: row.try_get("staff_no")?,
        group: row.try_get("grp")?,
        weight: row.try_get("weight")?,
        bound: idx.is_some(),
        no: idx.map(|idx| idx + 1),
        checked_in: row.try_get::<Option<i64>, _>("checked_in_at")?.is_some(),
        photo: row.try_get("photo")?,
        waiting: row.try_get::<i64, _>("waiting")? != 0,
        version: row.try_get("version")?,
    };
    Ok(Person { view, phone_index: row.try_get("phone_index")?, binding_id: row.try_get("binding_id")? })
}

/// A person who is on the roster now.
pub(super) async fn get(conn: &mut AnyConnection, meeting: &str, id: &str) -> ApiResult<Option<Person>> {
    let row = sqlx::query(sqlx::AssertSqlSafe(format!(
        "{SELECT} where p.meeting_id = $1 and p.id = $2 and p.removed = 0"
    )))
    .bind(meeting)
    .bind(id)
    .fetch_optional(conn)
    .await?;
    Ok(row.as_ref().map(person).transpose()?)
}

/// What a list is asked for.
#[derive(Debug)]
pub(super) struct Wanted<'a> {
    pub(super) meeting: &'a str,
    pub(super) search: &'a str,
    pub(super) phone_index: &'a str,
    pub(super) after: Option<(String, String)>,
    pub(super) limit: i64,
}

/// A page by name, and how many match in all.
pub(super) async fn page(conn: &mut AnyConnection, wanted: &Wanted<'_>) -> ApiResult<(Vec<PersonView>, i64)> {
    const MATCH: &str = "p.meeting_id = $1 and p.removed = 0 and ($2 = '' or p.phone_index = $4 \
         or lower(p.name) like $3 escape '\\' or lower(p.department) like $3 escape '\\' \
         or lower(p.staff_no) like $3 escape '\\' or lower(p.grp) like $3 escape '\\' \
         or p.phone_mask like $3 escape '\\')";
    let escaped = wanted.search.to_lowercase().replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    let pattern = format!("%{escaped}%");
    let row = sqlx::query(sqlx::AssertSqlSafe(format!(
        "select cast(count(*) as bigint) from person p where {MATCH}"
    )))
    .bind(wanted.meeting)
    .bind(wanted.search)
    .bind(&pattern)
    .bind(wanted.phone_index)
    .fetch_one(&mut *conn)
    .await?;
    let total: i64 = row.try_get(0)?;
    let (name, id) = wanted.after.clone().unwrap_or_default();
    let sql = format!(
        "{SELECT} where {MATCH} and ($5 = '' or p.name > $6 or (p.name = $6 and p.id > $5)) \
         order by p.name, p.id limit $7"
    );
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(wanted.meeting)
        .bind(wanted.search)
        .bind(&pattern)
        .bind(wanted.phone_index)
        .bind(id)
        .bind(name)
        .bind(wanted.limit)
        .fetch_all(conn)
        .await?;
    let people = rows.iter().map(|row| person(row).map(|person| person.view)).collect::<Result<_, _>>()?;
    Ok((people, total))
}

/// Name of a person, also of one who was taken off: where a page goes on.
pub(super) async fn cursor(conn: &mut AnyConnection, meeting: &str, id: &str) -> ApiResult<Option<String>> {
    let row = sqlx::query("select name from person where meeting_id = $1 and id = $2")
        .bind(meeting)
        .bind(id)
        .fetch_optional(conn)
        .await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?)
}

/// Everybody on the roster with the sealed phone, in the order in which they came onto it.
pub(super) async fn sealed(conn: &mut AnyConnection, meeting: &str) -> ApiResult<Vec<(Vec<u8>, Known)>> {
    let rows = sqlx::query(
        "select id, phone_sealed, name, department, staff_no, grp, weight from person \
         where meeting_id = $1 and removed = 0 order by id",
    )
    .bind(meeting)
    .fetch_all(conn)
    .await?;
    let one = |row: &AnyRow| {
        let known = Known {
            id: row.try_get("id")?,
            name: row.try_get("name")?,
            department: row.try_get("department")?,
            staff_no: row.try_get("staff_no")?,
            group: row.try_get("grp")?,
            weight: row.try_get("weight")?,
            removed: false,
        };
        Ok((row.try_get("phone_sealed")?, known))
    };
    rows.iter().map(one).collect()
}

/// The whole roster, with those who were taken off.
pub(super) async fn roster(conn: &mut AnyConnection, meeting: &str) -> ApiResult<Roster> {
    let rows = sqlx::query(
        "select id, phone_index, name, department, staff_no, grp, weight, removed from person where meeting_id = $1",
    )
    .bind(meeting)
    .fetch_all(conn)
    .await?;
    let mut roster = HashMap::with_capacity(rows.len());
    for row in rows {
        let removed: i64 = row.try_get("removed")?;
        let known = Known {
            id: row.try_get("id")?,
            name: row.try_get("name")?,
            department: row.try_get("department")?,
            staff_no: row.try_get("staff_no")?,
            group: row.try_get("grp")?,
            weight: row.try_get("weight")?,
            removed: removed != 0,
        };
        roster.insert(row.try_get("phone_index")?, known);
    }
    Ok(roster)
}

/// Who holds a staff number now, if anybody.
pub(super) async fn staff_no_holder(
    conn: &mut AnyConnection,
    meeting: &str,
    staff_no: &str,
) -> ApiResult<Option<String>> {
    if staff_no.is_empty() {
        return Ok(None);
    }
    let row =
        sqlx::query("select id from person where meeting_id = $1 and staff_no = $2 and removed = 0 limit 1")
            .bind(meeting)
            .bind(staff_no)
            .fetch_optional(conn)
            .await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?)
}

/// Ids and names of those with a staff number, written in whatever case; the number as it is written comes first.
pub(super) async fn staff_no_holders(
    conn: &mut AnyConnection,
    meeting: &str,
    staff_no: &str,
) -> ApiResult<Vec<(String, String)>> {
    // SQLite makes only ASCII small, PostgreSQL every letter.
    let rows = sqlx::query(
        "select id, name from person where meeting_id = $1 and lower(staff_no) in ($2, $3) and removed = 0 \
         order by case when staff_no = $4 then 0 else 1 end, id",
    )
    .bind(meeting)
    .bind(staff_no.to_ascii_lowercase())
    .bind(staff_no.to_lowercase())
    .bind(staff_no)
    .fetch_all(conn)
    .await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}

/// Who holds a phone, and whether they were taken off the roster.
pub(super) async fn phone_holder(
    conn: &mut AnyConnection,
    meeting: &str,
    phone_index: &str,
) -> ApiResult<Option<(String, bool)>> {
    let row = sqlx::query("select id, removed from person where meeting_id = $1 and phone_index = $2")
        .bind(meeting)
        .bind(phone_index)
        .fetch_optional(conn)
        .await?;
    let Some(row) = row else { return Ok(None) };
    let removed: i64 = row.try_get("removed")?;
    Ok(Some((row.try_get("id")?, removed != 0)))
}

/// Adds a person.
pub(super) async fn insert(
    tx: &mut Tx,
    keys: &Keys,
    written: &Written<'_>,
    phone: Option<&Phone>,
    now: i64,
) -> ApiResult<()> {
    let known = written.known;
    sqlx::query(
        "insert into person (id, meeting_id, name, phone_sealed, phone_index, phone_mask, department, staff_no, grp, \
         weight, created_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
    )
    .bind(written.id)
    .bind(written.meeting)
    .bind(&known.name)
    .bind(keys.seal(Purpose::Phone, written.id, phone.map_or("", Phone::e164).as_bytes()))
    .bind(phone.map_or_else(|| format!("{NO_PHONE}{}", written.id), |phone| phone.index(keys, written.meeting)))
    .bind(phone.map(Phone::mask).unwrap_or_default())
    .bind(&known.department)
    .bind(&known.staff_no)
    .bind(&known.group)
    .bind(known.weight)
    .bind(now)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Changes everything of a person but the phone, and brings back one who was taken off.
pub(super) async fn update(tx: &mut Tx, written: &Written<'_>) -> ApiResult<()> {
    let known = written.known;
    sqlx::query(
        "update person set name = $1, department = $2, staff_no = $3, grp = $4, weight = $5, removed = 0, \
         refused = '', version = version + 1, \
         former_names = case when name = $1 then former_names else former_names || name || $8 end \
         where id = $6 and meeting_id = $7",
    )
    .bind(&known.name)
    .bind(&known.department)
    .bind(&known.staff_no)
    .bind(&known.group)
    .bind(known.weight)
    .bind(written.id)
    .bind(written.meeting)
    .bind("\n")
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Gives a person another phone. What was sent to the one before is nobody's: it would stay when the person is removed.
pub(super) async fn set_phone(
    tx: &mut Tx,
    keys: &Keys,
    written: &Written<'_>,
    phone: &Phone,
) -> ApiResult<()> {
    let index = phone.index(keys, written.meeting);
    sqlx::query(
        "update sms_send set phone_index = '', openid_index = '' where meeting_id = $1 \
         and phone_index = (select phone_index from person where id = $2 and phone_index <> $3)",
    )
    .bind(written.meeting)
    .bind(written.id)
    .bind(&index)
    .execute(tx.conn())
    .await?;
    // Somebody who was taken off the roster may still stand there with this number.
    sqlx::query(
        "update person set phone_index = 'freed:' || id where meeting_id = $1 and phone_index = $2 and removed = 1",
    )
    .bind(written.meeting)
    .bind(&index)
    .execute(tx.conn())
    .await?;
    sqlx::query(
        "update person set phone_sealed = $1, phone_index = $2, phone_mask = $3, \
         former_masks = case when phone_mask in ('', $3) then former_masks else former_masks || phone_mask || $5 end \
         where id = $4",
    )
    .bind(keys.seal(Purpose::Phone, written.id, phone.e164().as_bytes()))
    .bind(index)
    .bind(phone.mask())
    .bind(written.id)
    .bind("\n")
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Takes a person off the roster.
pub(super) async fn remove(tx: &mut Tx, id: &str) -> ApiResult<()> {
    sqlx::query("update person set removed = 1, waiting = 0, version = version + 1 where id = $1")
        .bind(id)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Whether a person holds a seat of a draw that counts or may count.
pub(super) async fn has_won(conn: &mut AnyConnection, meeting: &str, person: &str) -> ApiResult<bool> {
    let row = sqlx::query(
        "select cast(count(*) as bigint) from seat s join draw d on d.meeting_id = s.meeting_id and d.n = s.n \
         where s.meeting_id = $1 and s.person_id = $2 and d.state <> 'void'",
    )
    .bind(meeting)
    .bind(person)
    .fetch_one(conn)
    .await?;
    let count: i64 = row.try_get(0)?;
    Ok(count > 0)
}
