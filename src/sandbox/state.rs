//! What the far ends remember, and the journal that brings books and people back after a restart.

use std::collections::{HashMap, VecDeque};
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::SandboxConfig;
use super::account::Codes;
use super::books::{Books, Packet};
use super::crowd::Progress;
use super::faults::Fault;
use super::people::{People, Person};
use super::settings::Settings;
use super::sms::SmsBox;
use super::transfer_keys::TransferKeys;
use crate::clock::Ms;

/// The journal's name in the data folder.
pub(super) const JOURNAL: &str = "sandbox-books.jsonl";
/// So many messages and callbacks are kept for the page.
const LOG_LENGTH: usize = 500;

/// A line of the journal.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    Packet(Box<Packet>),
    Person(Person),
}

/// What one far end received or did, for the page.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Entry {
    pub(super) at_ms: Ms,
    pub(super) openid: String,
    pub(super) kind: String,
    pub(super) content: Value,
}

/// Everything that changes.
pub(super) struct Inner {
    pub(super) settings: Settings,
    pub(super) faults: Vec<Fault>,
    pub(super) books: Books,
    pub(super) people: People,
    pub(super) codes: Codes,
    pub(super) sms: SmsBox,
    pub(super) messages: VecDeque<Entry>,
    pub(super) callbacks: VecDeque<Entry>,
    pub(super) crowd: Progress,
    /// Scenes of parametric QR codes by ticket.
    pub(super) scenes: HashMap<String, String>,
    /// The account's menu as it was made last.
    pub(super) menu: Value,
    /// Template messages that were taken.
    pub(super) last_msgid: i64,
    /// Start of the present second of pay calls, and how many it had.
    pub(super) rate: (Instant, u32),
    journal: File,
}

/// The sandbox; shared by all handlers.
pub(super) struct Sandbox {
    pub(super) config: SandboxConfig,
    pub(super) keys: TransferKeys,
    pub(super) shutdown: CancellationToken,
    pub(super) tracker: TaskTracker,
    /// For calls to our own server.
    pub(super) http: reqwest::Client,
    inner: Mutex<Inner>,
}

/// What every handler gets.
pub(super) type Shared = Arc<Sandbox>;

impl Sandbox {
    /// Reads the journal and enters the crowd.
    pub(super) fn open(
        (mut config, keys): (SandboxConfig, TransferKeys),
        shutdown: CancellationToken,
        tracker: TaskTracker,
    ) -> Result<Self> {
        let path = config.data_dir.join(JOURNAL);
        let (mut books, mut people) = (Books::default(), People::default());
        let journal = read_journal(&path, &mut books, &mut people)
            .with_context(|| format!("cannot use the sandbox's journal {}", path.display()))?;
        people.seed(&config.crowd);
        let auto_open_ms = config.auto_open.and_then(|after| i64::try_from(after.as_millis()).ok());
        let settings = Settings { auto_open_ms, ..Settings::default() };
        let (settings, faults) = std::mem::take(&mut config.plan).apply(&settings)?;
        let inner = Inner {
            settings,
            faults,
            books,
            people,
            codes: Codes::default(),
            sms: SmsBox::default(),
            messages: VecDeque::new(),
            callbacks: VecDeque::new(),
            crowd: Progress::default(),
            scenes: HashMap::new(),
            menu: Value::Null,
            last_msgid: 0,
            rate: (Instant::now(), 0),
            journal,
        };
        // Far ends do not follow redirects: what comes back is shown as it is.
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_secs(10));
        // Our own server is at plain HTTP in a demo: do not need the platform's certificates then.
        let plain = config.callback_url.as_ref().is_none_or(|url| url.scheme() == "http");
        let http = if plain { http.tls_certs_only([]) } else { http }.build()?;
        Ok(Self { config, keys, shutdown, tracker, http, inner: Mutex::new(inner) })
    }

    /// Works on the state; changes of books and people go to the journal before anybody sees them.
    pub(super) fn with<T>(&self, work: impl FnOnce(&mut Inner) -> T) -> T {
        let mut inner = self.lock();
        let result = work(&mut inner);
        inner.write_journal();
        result
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A panic in a handler leaves data that is whole line by line.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Now, ms UTC.
    pub(super) fn now(&self) -> Ms {
        self.config.clock.now()
    }
}

impl Inner {
    fn write_journal(&mut self) {
        let mut text = String::new();
        let packets = self.books.take_changes().into_iter().map(|packet| Line::Packet(Box::new(packet)));
        let people = self.people.take_changes().into_iter().map(Line::Person);
        for line in packets.chain(people) {
            if let Ok(line) = serde_json::to_string(&line) {
                text.push_str(&line);
                text.push('\n');
            }
        }
        if let Err(error) = self.journal.write_all(text.as_bytes()) {
            tracing::error!(%error, "the sandbox cannot write its journal");
        }
    }

    /// Remembers a message or a callback for the page.
    pub(super) fn log(list: &mut VecDeque<Entry>, entry: Entry) {
        if list.len() == LOG_LENGTH {
            list.pop_front();
        }
        list.push_back(entry);
    }
}

fn read_journal(path: &Path, books: &mut Books, people: &mut People) -> Result<File> {
    let mut file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    for line in String::from_utf8_lossy(&bytes).lines() {
        // The last line may be half written after a crash: nobody got an answer for it.
        match serde_json::from_str(line) {
            Ok(Line::Packet(packet)) => books.restore(*packet),
            Ok(Line::Person(person)) => people.restore(person),
            Err(_) => {}
        }
    }
    if bytes.last().is_some_and(|last| *last != b'\n') {
        // Never continue a half-written line.
        file.write_all(b"\n")?;
    }
    Ok(file)
}
