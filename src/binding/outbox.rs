//! Codes on their way: sent after the request for them was answered, so that nobody learns from the time of an answer
//! who is invited. Each SMS is counted in SQL first (an answer may be lost, the money is not), then sent once. Letters
//! live in memory: one that a crash takes away is asked for again by the person who waits for it.

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use futures_util::future::join_all;
use sqlx::Row;
use tokio::sync::{Notify, Semaphore};

use super::{
    otp::{MINUTE, STOPPED},
    spend,
};
use crate::{
    app::App, config::Secret, error::ApiResult, keys, meeting, people::trouble, phone::Phone, sms::SmsError,
    wire::Registration,
};

/// Letters that wait; with more the person is told to come back.
const MOST: usize = 2_000;
/// Letters whose rows are written together.
const BATCH: usize = 64;
/// Batches at once.
const BATCHES: usize = 8;

/// One code for one phone.
pub(super) struct Letter {
    pub(super) meeting: String,
    pub(super) phone: Phone,
    pub(super) openid: String,
    pub(super) openid_index: String,
    pub(super) code: Secret,
}

/// The letters of this process.
#[derive(Default)]
pub(super) struct Outbox {
    waiting: Mutex<VecDeque<Letter>>,
    /// Waiting or being sent.
    open: AtomicUsize,
    more: Notify,
}

impl Outbox {
    pub(super) fn is_full(&self) -> bool {
        self.open.load(Ordering::Relaxed) >= MOST
    }

    pub(super) fn put(&self, letter: Letter) {
        self.open.fetch_add(1, Ordering::Relaxed);
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).push_back(letter);
        self.more.notify_one();
    }

    fn take(&self) -> Vec<Letter> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let count = waiting.len().min(BATCH);
        waiting.drain(..count).collect()
    }
}

/// Sends until the server stops, and then what still waits.
pub async fn run(app: App) {
    let outbox = app.kept::<Outbox>();
    let turns = Arc::new(Semaphore::new(BATCHES));
    loop {
        let Ok(turn) = Arc::clone(&turns).acquire_owned().await else { return };
        let batch = outbox.take();
        if batch.is_empty() {
            if app.stopping().is_cancelled() {
                return;
            }
            drop(turn);
            tokio::select! {
                () = outbox.more.notified() => {}
                () = app.stopping().cancelled() => {}
            }
            continue;
        }
        let (server, open) = (app.clone(), Arc::clone(&outbox));
        app.spawn(async move {
            let count = batch.len();
            if let Err(error) = deliver(&server, batch).await {
                tracing::error!(%error, count, "codes could not be sent");
            }
            open.open.fetch_sub(count, Ordering::Relaxed);
            drop(turn);
        });
    }
}

/// One batch: those of invited phones are counted in one transaction, sent side by side, and their outcomes kept in
/// another.
async fn deliver(app: &App, batch: Vec<Letter>) -> ApiResult<()> {
    let mut invited = Vec::with_capacity(batch.len());
    for letter in batch {
        let index = letter.phone.index(app.keys(), &letter.meeting);
        if is_invited(app, &letter.meeting, &index).await? {
            invited.push((letter, index));
        }
    }
    if invited.is_empty() {
        return Ok(());
    }
    let letters = count(app, invited).await?;
    let sent = join_all(letters.into_iter().map(|(letter, id)| async move {
        (app.sms().send(&letter.phone, letter.code.expose(), app.now()).await, letter, id)
    }))
    .await;
    let mut tx = app.db().begin().await?;
    for (outcome, _, id) in &sent {
        let word = outcome.as_ref().map_or_else(SmsError::word, |()| "sent");
        sqlx::query("update sms_send set outcome = $1 where id = $2")
            .bind(word)
            .bind(id)
            .execute(tx.conn())
            .await?;
    }
    tx.commit().await?;
    for (outcome, letter, _) in sent {
        if let Err(error) = outcome {
            tell(app, &letter, &error).await?;
        }
    }
    Ok(())
}

/// On the roster, or anybody where people register themselves.
async fn is_invited(app: &App, meeting: &str, phone_index: &str) -> ApiResult<bool> {
    let row = sqlx::query(
        "select cast(count(*) as bigint) from person where meeting_id = $1 and phone_index = $2 and removed = 0",
    )
    .bind(meeting)
    .bind(phone_index)
    .fetch_one(app.db().read())
    .await?;
    let count: i64 = row.try_get(0)?;
    if count > 0 {
        return Ok(true);
    }
    let mut conn = app.db().read().acquire().await?;
    Ok(meeting::load(&mut conn, meeting).await?.settings.registration != Registration::Closed)
}

/// Rows for those that the meeting's allowance still covers.
async fn count(app: &App, letters: Vec<(Letter, String)>) -> ApiResult<Vec<(Letter, String)>> {
    let mut allowances = HashMap::new();
    for (letter, _) in &letters {
        if !allowances.contains_key(&letter.meeting) {
            allowances.insert(letter.meeting.clone(), spend::recount(app, &letter.meeting).await?);
        }
    }
    let mut counted = Vec::with_capacity(letters.len());
    let mut tx = app.db().begin().await?;
    for (letter, index) in letters {
        let most = allowances.get(&letter.meeting).copied().unwrap_or(0);
        if !spend::take(&mut tx, &letter.meeting, most).await? {
            tracing::error!(meeting = letter.meeting, "the meeting's SMS allowance is used up");
            continue;
        }
        let id = keys::row_id();
        sqlx::query(
            "insert into sms_send (id, meeting_id, phone_index, openid_index, outcome, at) \
             values ($1, $2, $3, $4, 'sending', $5)",
        )
        .bind(&id)
        .bind(&letter.meeting)
        .bind(index)
        .bind(&letter.openid_index)
        .bind(app.now())
        .execute(tx.conn())
        .await?;
        counted.push((letter, id));
    }
    tx.commit().await?;
    Ok(counted)
}

/// What an error means to the person who waits, and to everybody else.
async fn tell(app: &App, letter: &Letter, error: &SmsError) -> ApiResult<()> {
    match error {
        // It may have arrived: the person looks, and may ask again after a minute. A second try of ours could send twice.
        SmsError::Unknown(_) => {
            tracing::warn!(%error, "it is not known whether an SMS was sent");
            return Ok(());
        }
        SmsError::Config(_) | SmsError::Stopped(_) => {
            tracing::error!(%error, "SMS cannot be sent: check [sms] and the provider's account");
            app.store().set(STOPPED, error.word(), MINUTE).await?;
        }
        SmsError::Wait(_) | SmsError::Number(_) => tracing::info!(%error, "an SMS was refused"),
    }
    Ok(trouble::note(app, &letter.meeting, &letter.openid, error.word()).await?)
}
