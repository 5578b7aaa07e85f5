//! A database for each world: a file in memory where there is such a folder, or one on the PostgreSQL of the tests.

use anyhow::Context;
use figment::{
    Figment,
    providers::{Format, Serialized, Toml},
};
use serde_json::json;
use sqlx::Executor;

use super::{plot::START, wire};
use crate::{
    app::App,
    budget::{
        self, DrawPart,
        ledger::{self, Entry},
    },
    clock::{Clock, Ms},
    config::{Config, DEFAULTS},
    db::Tx,
    keys::short_id,
    payout::awards,
    wire::{MeetingSettings, PayChannel},
};

pub(super) const MEETING: &str = "m";
const BUDGET: &str = "b";

/// Where the databases of the worlds lie.
pub(super) enum Place {
    Files(tempfile::TempDir),
    Server { address: String, files: tempfile::TempDir },
}

impl Place {
    /// A folder in memory, where the system has one.
    pub(super) fn files() -> Self {
        let memory = std::path::Path::new("/dev/shm");
        let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
        Self::Files(folder.expect("a temporary folder"))
    }

    /// The PostgreSQL that `tests/with-services` provides.
    pub(super) fn server() -> Self {
        let address = std::env::var("KAIJIANG_TEST_PG")
            .expect("KAIJIANG_TEST_PG is not set: run the tests as `tests/with-services cargo test`");
        Self::Server { address, files: tempfile::tempdir().expect("a temporary folder") }
    }

    /// A new database with one meeting and its payable awards `(openid, fen)`; answers the ids of the awards.
    pub(super) async fn open(
        &self,
        (seed, begin): (u64, Ms),
        list: &[(String, i64)],
        channel: PayChannel,
    ) -> anyhow::Result<(App, Vec<String>)> {
        let (dir, url) = match self {
            Self::Files(folder) => (folder.path().join(seed.to_string()), String::new()),
            Self::Server { address, files } => {
                (files.path().join(seed.to_string()), new_database(address).await?)
            }
        };
        std::fs::create_dir_all(&dir)?;
        // The same seed makes the same bill numbers.
        std::fs::write(dir.join("master.key"), format!("{seed:064x}"))?;
        // Never called, but it must be readable.
        let authority = rcgen::generate_simple_self_signed(vec!["nobody.invalid".into()])?.cert.pem();
        std::fs::write(dir.join("ca.pem"), authority)?;
        let pair = wire::pair();
        std::fs::write(dir.join("key.pem"), &pair.private_pem)?;
        std::fs::write(dir.join("payer.pem"), &pair.public_pem)?;
        let values = json!({
            "transfer": { "mch_id": "1900000109", "serial_no": "S", "key_pem": dir.join("key.pem"),
                "api_v3_key": "simulatesimulatesimulatesimulate", "public_key_id": wire::KEY_ID,
                "public_key_pem": dir.join("payer.pem"), "api_base": "https://nobody.invalid" },
            "data": { "dir": dir }, "database": { "url": url }, "wechat": { "app_id": "wx0000000000000000" },
            "pay": { "mch_id": "1900000109", "api_key": "simulatesimulatesimulatesimulate",
                "api_base": "https://nobody.invalid", "ca_pem": dir.join("ca.pem") },
        });
        let figment = Figment::from(Toml::string(DEFAULTS)).merge(Serialized::defaults(values));
        let app = App::open(Config::extract(&figment)?, Clock::fixed(begin)).await?;
        let mut tx = app.db().begin().await?;
        meeting(&mut tx, list.iter().map(|(_, fen)| fen).sum()).await?;
        let mut ids = Vec::new();
        for (number, (openid, fen)) in list.iter().enumerate() {
            ids.push(award(&mut tx, number, (openid, *fen), channel).await?);
        }
        awards::issue(&app, &mut tx, None).await?;
        tx.commit().await?;
        Ok((app, ids))
    }
}

async fn new_database(server: &str) -> anyhow::Result<String> {
    sqlx::any::install_default_drivers();
    let name = format!("s_{}", short_id());
    let pool = sqlx::AnyPool::connect(server).await?;
    pool.execute(sqlx::AssertSqlSafe(format!("create database {name}"))).await?;
    pool.close().await;
    let mut address = url::Url::parse(server)?;
    address.set_path(&name);
    Ok(address.to_string())
}

async fn meeting(tx: &mut Tx, fen: i64) -> anyhow::Result<()> {
    let settings = MeetingSettings { require_follow: false, ..MeetingSettings::default() };
    sqlx::query(
        "insert into meeting (id, name, status, settings, event, log_key, log_secret, chain_secret, links, bill_day, \
         created_at) values ($1, '年会', 'open', $2, 'e', 'k', $3, $3, 1, '20261123', $4)",
    )
    .bind(MEETING)
    .bind(serde_json::to_string(&settings)?)
    .bind(vec![0_u8])
    .bind(START)
    .execute(tx.conn())
    .await
    .context("meeting")?;
    sqlx::query(
        "insert into staff (id, username, password_hash, roles, created_at) values ('s', 'finance', '', 'owner', $1)",
    )
    .bind(START)
    .execute(tx.conn())
    .await?;
    sqlx::query(
        "insert into budget (id, meeting_id, name, cap_fen, status, created_by, created_at) \
         values ($1, $2, '奖金', $3, 'approved', 's', $4)",
    )
    .bind(BUDGET)
    .bind(MEETING)
    .bind(fen)
    .bind(START)
    .execute(tx.conn())
    .await?;
    let cap = Entry {
        what: "cap".into(),
        budget: BUDGET.into(),
        fen,
        from: "cap".into(),
        to: "free".into(),
        bill: String::new(),
    };
    Ok(ledger::write(tx, START, &cap).await?)
}

async fn award(
    tx: &mut Tx,
    number: usize,
    (openid, fen): (&str, i64),
    channel: PayChannel,
) -> anyhow::Result<String> {
    let (person, reason) = (format!("p{number}"), format!("voucher:{number}"));
    sqlx::query(
        "insert into person (id, meeting_id, name, phone_sealed, phone_index, phone_mask, created_at) \
         values ($1, $2, '某人', $3, $1, '138****0000', $4)",
    )
    .bind(&person)
    .bind(MEETING)
    .bind(vec![0_u8])
    .bind(START)
    .execute(tx.conn())
    .await?;
    let id = awards::award_id(&reason);
    sqlx::query(
        "insert into award (id, reason, meeting_id, person_id, openid, kind, amount_fen, budget_id, state, channel, \
         created_at, updated_at) values ($1, $2, $3, $4, $5, 'cash', $6, $7, 'payable', $9, $8, $8)",
    )
    .bind(&id)
    .bind(&reason)
    .bind(MEETING)
    .bind(&person)
    .bind(openid)
    .bind(fen)
    .bind(BUDGET)
    .bind(START)
    .bind(channel.word())
    .execute(tx.conn())
    .await?;
    let part = DrawPart { budget: BUDGET, meeting: MEETING, draw: 0 };
    budget::reserve_again(tx, START, part, fen).await?;
    Ok(id)
}
