//! Codes on their way: sent after the request for them was answered, so that nobody learns from the time of an answer
//! who is invited. Each SMS is counted in SQL first (an answer may be lost, the money is not), then sent once. Letters
//! live in memory: one that a crash takes away is asked for again by the person who waits for it.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use futures_util::future::join_all;
use sqlx::Row;
use tokio::sync::{Notify, Semaphore};

use super::{otp::MINUTE, spend};
use crate::{
    app::App,
    config::Secret,
    error::ApiResult,
    keys, meeting,
    people::trouble::{self, STOPPED},
    phone::Phone,
    sms::SmsError,
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
            let holders: Vec<_> =
                batch.iter().map(|letter| (letter.meeting.clone(), letter.openid.clone())).collect();
            if let Err(error) = deliver(&server, batch).await {
                tracing::error!(%error, count, "codes could not be sent");
                tell_lost(&server, &holders).await;
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
    // In the order of their names: two batches never wait for each other crosswise.
    let mut wanted: BTreeMap<String, i64> = BTreeMap::new();
    for (letter, _) in &letters {
        *wanted.entry(letter.meeting.clone()).or_default() += 1;
    }
    let mut allowed = HashMap::with_capacity(wanted.len());
    for (meeting, wanted) in &wanted {
        allowed.insert(meeting.clone(), spend::reach(app, meeting, *wanted).await?.1);
    }
    let mut counted = Vec::with_capacity(letters.len());
    let mut tx = app.db().begin().await?;
    for (meeting, wanted) in wanted {
        if let Some(most) = allowed.get_mut(&meeting) {
            *most = spend::take(&mut tx, &meeting, wanted, *most).await?;
        }
    }
    for (letter, index) in letters {
        let left = allowed.get_mut(&letter.meeting).filter(|left| **left > 0);
        let Some(left) = left else {
            tracing::error!(meeting = letter.meeting, "the meeting's SMS allowance is used up");
            continue;
        };
        *left -= 1;
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

/// What an error means to everybody else. The person who waits learns nothing of it that an uninvited one would not.
async fn tell(app: &App, letter: &Letter, error: &SmsError) -> ApiResult<()> {
    match error {
        // It may have arrived: the person looks, and may ask again after a minute. A second try of ours could send twice.
        SmsError::Unknown(_) => tracing::warn!(%error, "it is not known whether an SMS was sent"),
        SmsError::Config(_) | SmsError::Stopped(_) => {
            tracing::error!(%error, "SMS cannot be sent: check [sms] and the provider's account");
            // Abroad has a wording and prices of its own: what is wrong with it stops nobody at home.
            if matches!(error, SmsError::Stopped(_)) || letter.phone.is_mainland() {
                app.store().set(STOPPED, error.word(), MINUTE).await?;
            }
        }
        SmsError::Number(_) => tracing::warn!(%error, "the SMS provider refused a number"),
        SmsError::Wait(_) => tracing::info!(%error, "an SMS was refused"),
    }
    Ok(())
}

/// Codes that were promised and will not come: whoever waits for one is told so. Some of the batch may be on their way all
/// the same, which does no harm.
async fn tell_lost(app: &App, holders: &[(String, String)]) {
    for (meeting, openid) in holders {
        if let Err(error) = trouble::lost(app, meeting, openid).await {
            return tracing::error!(%error, "nobody could be told that codes were lost");
        }
    }
}
