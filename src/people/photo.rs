//! A person's photo: for the winners' cards, made anew, gone with the person.

use bytes::Bytes;

use super::roster::{self, unknown};
use crate::{
    app::App,
    audit::{self, Deed},
    auth::Staff,
    error::ApiResult,
    files,
    keys::random,
    meeting::{self, pictures},
    picture::{self, Fault},
    wire::PersonView,
};

/// Side of what is kept, pixels: a large card on a large screen.
const SIDE: u32 = 512;

/// Gives a person a photo in place of the one they had.
pub(super) async fn set(
    app: &App,
    staff: &Staff,
    (meeting, id): (&str, &str),
    bytes: Bytes,
) -> ApiResult<PersonView> {
    // Who is not there needs no picture made.
    roster::view(app, meeting, id).await?;
    if picture::kind(&bytes).is_none() {
        return Err(pictures::refused(Fault::Type));
    }
    let made = picture::in_turn(app, bytes, |bytes| picture::portrait(bytes, SIDE)).await?;
    let name = hex::encode(random::<16>());
    // The file first: a row never speaks of one that is not there.
    files::put(app, &pictures::photo_file(&name), made.map_err(pictures::refused)?.into()).await?;
    change(app, staff, (meeting, id), Some(name)).await
}

/// Takes the photo away.
pub(super) async fn remove(app: &App, staff: &Staff, at: (&str, &str)) -> ApiResult<PersonView> {
    change(app, staff, at, None).await
}

async fn change(
    app: &App,
    staff: &Staff,
    (meeting, id): (&str, &str),
    name: Option<String>,
) -> ApiResult<PersonView> {
    let mut tx = app.db().begin().await?;
    meeting::lock(&mut tx, meeting).await?.must_be_open()?;
    let person = super::sql::get(tx.conn(), meeting, id).await?.ok_or_else(unknown)?;
    sqlx::query("delete from person_photo where person_id = $1").bind(id).execute(tx.conn()).await?;
    if let Some(name) = &name {
        sqlx::query(
            "insert into person_photo (person_id, meeting_id, picture, created_at) values ($1, $2, $3, $4)",
        )
        .bind(id)
        .bind(meeting)
        .bind(name)
        .bind(app.now())
        .execute(tx.conn())
        .await?;
    }
    let what = if name.is_some() { "person.photo" } else { "person.photo.remove" };
    let deed = Deed { who: &staff.user, what, meeting, target: id, note: "" };
    audit::record(&mut tx, app.now(), &deed).await?;
    tx.commit().await?;
    if !person.view.photo.is_empty() {
        files::remove_under(app, &pictures::photo_folder(&person.view.photo)).await;
    }
    roster::view(app, meeting, id).await
}

/// Removes the file of a photo whose row is gone.
pub async fn erase_file(app: &App, name: &str) -> ApiResult<()> {
    Ok(files::erase_under(app, &pictures::photo_folder(name)).await?)
}
