//! Rows of meetings.

use anyhow::Context;
use sqlx::{AnyConnection, Row, any::AnyRow};

use crate::{
    db::Tx,
    error::{ApiError, ApiResult},
    wire::{MeetingSettings, MeetingStatus, MeetingView},
};

macro_rules! columns {
    () => {
        "id, name, rehearsal, status, settings, event, log_key, links, log_size, log_head, created_at, version"
    };
}

/// A meeting as it is stored, without its secrets.
#[derive(Clone, Debug)]
pub struct Meeting {
    /// Id.
    pub id: String,
    /// Name.
    pub name: String,
    /// Never pays.
    pub rehearsal: bool,
    /// Open or closed.
    pub status: MeetingStatus,
    /// Settings.
    pub settings: MeetingSettings,
    /// The draw protocol's name of it, hex.
    pub event: String,
    /// Public key of its log, hex.
    pub key: String,
    /// Links of its chain of secrets: the most draws it can have.
    pub links: i64,
    /// Lines of its log.
    pub log_size: i64,
    /// Head of its log, hex.
    pub log_head: String,
    /// When it was made, ms.
    pub created_at: i64,
    /// Counts edits.
    pub version: i64,
}

impl Meeting {
    fn from_row(row: &AnyRow) -> ApiResult<Self> {
        let (settings, status): (String, String) = (row.try_get("settings")?, row.try_get("status")?);
        Ok(Self {
            id: row.try_get("id")?,
            name: row.try_get("name")?,
            rehearsal: row.try_get::<i64, _>("rehearsal")? != 0,
            status: if status == "open" { MeetingStatus::Open } else { MeetingStatus::Closed },
            settings: serde_json::from_str(&settings).context("stored settings of a meeting")?,
            event: row.try_get("event")?,
            key: row.try_get("log_key")?,
            links: row.try_get("links")?,
            log_size: row.try_get("log_size")?,
            log_head: row.try_get("log_head")?,
            created_at: row.try_get("created_at")?,
            version: row.try_get("version")?,
        })
    }

    /// Refuses commands on a closed meeting: 409 `meeting_closed`.
    pub fn must_be_open(&self) -> ApiResult<()> {
        match self.status {
            MeetingStatus::Open => Ok(()),
            MeetingStatus::Closed => {
                Err(ApiError::conflict("meeting_closed", "活动已结束，不能再修改或抽奖。"))
            }
        }
    }

    /// As everybody may see it.
    pub fn view(&self) -> MeetingView {
        MeetingView {
            id: self.id.clone(),
            name: self.name.clone(),
            rehearsal: self.rehearsal,
            status: self.status,
            event: self.event.clone(),
            key: self.key.clone(),
            settings: self.settings.clone(),
            created_at: self.created_at,
            version: self.version,
        }
    }
}

/// The meeting with this id; 404 otherwise.
pub async fn load(conn: &mut AnyConnection, id: &str) -> ApiResult<Meeting> {
    let row = sqlx::query(concat!("select ", columns!(), " from meeting where id = $1"))
        .bind(id)
        .fetch_optional(conn)
        .await?;
    Meeting::from_row(&row.ok_or_else(|| ApiError::not_found("该活动"))?)
}

/// Takes the meeting's row lock, which serialises its draws, its log and its pool; 404 when there is none.
pub async fn lock(tx: &mut Tx, id: &str) -> ApiResult<Meeting> {
    let text = format!("{} where id = $1{}", concat!("select ", columns!(), " from meeting"), tx.locking());
    let row = sqlx::query(sqlx::AssertSqlSafe(text)).bind(id).fetch_optional(tx.conn()).await?;
    Meeting::from_row(&row.ok_or_else(|| ApiError::not_found("该活动"))?)
}

/// 409 `draw_open` while a draw is committed and not revealed: its winners are found through the bindings of that moment.
/// Holds until the commit, under the meeting's row lock.
pub async fn no_open_draw(tx: &mut Tx, meeting: &str, detail: &'static str) -> ApiResult<()> {
    let open = sqlx::query("select n from draw where meeting_id = $1 and state = 'committed'")
        .bind(meeting)
        .fetch_optional(tx.conn())
        .await?;
    if open.is_some() { Err(ApiError::conflict("draw_open", detail)) } else { Ok(()) }
}

/// All meetings, newest first.
pub(super) async fn all(conn: &mut AnyConnection) -> ApiResult<Vec<Meeting>> {
    let text = concat!("select ", columns!(), " from meeting order by created_at desc, id");
    let rows = sqlx::query(text).fetch_all(conn).await?;
    rows.iter().map(Meeting::from_row).collect()
}
