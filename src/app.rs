//! The handles that every part of the server shares: built once, cheap to clone.

use std::{
    any::{Any, TypeId},
    collections::HashMap,
    future::Future,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::bail;
use sqlx::Row;
use tokio::sync::Notify;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    clock::Clock,
    config::Config,
    db::Db,
    keys::Keys,
    live::{Hub, HubParts, files},
    sms::Sms,
    store::Store,
    wechat::account::Account,
    wire::{Body, Message},
};

/// Everything shared.
#[derive(Clone, Debug)]
pub struct App {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    config: Config,
    clock: Clock,
    keys: Keys,
    db: Db,
    store: Store,
    hub: Hub,
    sms: Sms,
    account: Option<Account>,
    tasks: TaskTracker,
    stopping: CancellationToken,
    pay_wake: Notify,
    kept: Mutex<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>,
}

impl App {
    /// Opens keys and database as configured.
    pub async fn open(config: Config, clock: Clock) -> anyhow::Result<Self> {
        let keys = Keys::open(&config.secrets.master_key_file)?;
        let db = Db::open(config.database.url.expose()).await?;
        pin_key(&db, &keys).await?;
        let store = Store::open(&config, &clock)?;
        let sms = Sms::open(&config)?;
        let account = Account::open(&config.wechat)?;
        let (tasks, stopping) = (TaskTracker::new(), CancellationToken::new());
        let (sockets, fewer) = files::sockets(config.limits.sockets);
        if let Some(words) = fewer {
            tracing::warn!("{words}");
        }
        let hub = Hub::start(HubParts {
            db: db.clone(),
            store: store.clone(),
            keys: keys.clone(),
            clock: clock.clone(),
            tasks: tasks.clone(),
            stopping: stopping.clone(),
            sockets,
            sockets_per_session: config.limits.sockets_per_session,
        })?;
        let pay_wake = Notify::new();
        let inner = Inner {
            config,
            clock,
            keys,
            db,
            store,
            hub,
            sms,
            account,
            tasks,
            stopping,
            pay_wake,
            kept: Mutex::default(),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The configuration.
    pub fn config(&self) -> &Config {
        &self.inner.config
    }

    /// The clock.
    pub fn clock(&self) -> &Clock {
        &self.inner.clock
    }

    /// Now, ms UTC.
    pub fn now(&self) -> i64 {
        self.inner.clock.now()
    }

    /// Derived keys.
    pub fn keys(&self) -> &Keys {
        &self.inner.keys
    }

    /// The database.
    pub fn db(&self) -> &Db {
        &self.inner.db
    }

    /// The store.
    pub fn store(&self) -> &Store {
        &self.inner.store
    }

    /// The hub of this process's sockets.
    pub fn hub(&self) -> &Hub {
        &self.inner.hub
    }

    /// Who sends SMS.
    pub fn sms(&self) -> &Sms {
        &self.inner.sms
    }

    /// The service account, when one is configured.
    pub fn account(&self) -> Option<&Account> {
        self.inner.account.as_ref()
    }

    /// Brings events to all sockets, after the commit of the transaction that appended them.
    pub fn publish(&self, meeting: &str, messages: impl AsRef<[Message]>) {
        self.hub().publish(meeting, messages.as_ref());
    }

    /// Brings a private message to one person's sockets.
    pub fn publish_to(&self, meeting: &str, openid: &str, body: Body) {
        self.hub().publish_to(meeting, openid, body);
    }

    /// Whether somebody's phone may be listening, here or at another server: when not, what it would be told need not be
    /// looked up.
    pub fn may_hear(&self, meeting: &str, openid: &str) -> bool {
        self.hub().may_hear(meeting, openid)
    }

    /// Brings a message without number to all sockets: `entered`, `taps`, `counts` and `desk`, which
    /// are read anew where they are shown.
    pub fn publish_ephemeral(&self, meeting: &str, body: Body) {
        self.hub().publish_ephemeral(meeting, body);
    }

    /// What a module keeps in memory of this process between two requests, one of each type; made when first asked
    /// for. So the modules that build on this one need not be known here.
    pub fn kept<T: Default + Send + Sync + 'static>(&self) -> Arc<T> {
        let mut kept = self.inner.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = kept.entry(TypeId::of::<T>()).or_insert_with(|| Arc::new(T::default()));
        // The slot of a type holds that type; a fresh one would only be slower, never wrong.
        Arc::clone(slot).downcast().unwrap_or_default()
    }

    /// Runs a task that shutdown waits for; it must watch [`Self::stopping`].
    pub fn spawn<F>(&self, task: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.inner.tasks.spawn(task);
    }

    /// Cancelled when the server is told to stop.
    pub fn stopping(&self) -> &CancellationToken {
        &self.inner.stopping
    }

    /// Wakes the sender of packets of this process, see `payout::wake`.
    pub fn pay_wake(&self) -> &Notify {
        &self.inner.pay_wake
    }

    /// Tells every task to stop, waits for them, closes the database.
    pub async fn stop(&self) {
        self.inner.stopping.cancel();
        self.inner.tasks.close();
        self.inner.tasks.wait().await;
        self.inner.db.close().await;
    }
}

/// A database belongs to one master key: with another one it could neither find phones nor make the same bill numbers.
async fn pin_key(db: &Db, keys: &Keys) -> anyhow::Result<()> {
    let mut tx = db.begin().await?;
    sqlx::query("insert into instance (name, value) values ('key', $1) on conflict (name) do nothing")
        .bind(keys.fingerprint())
        .execute(tx.conn())
        .await?;
    let row = sqlx::query("select value from instance where name = 'key'").fetch_one(tx.conn()).await?;
    let pinned: String = row.try_get(0)?;
    if pinned != keys.fingerprint() {
        bail!(
            "this database was made with another master key (fingerprint {pinned}), not the one in {} ({}); \
             set secrets.master_key_file to the right file",
            keys.file().display(),
            keys.fingerprint()
        );
    }
    tx.commit().await?;
    Ok(())
}
