//! A large pool out of SQL and out of the store, and the same pool kept up to date.

use std::time::Instant;

use anyhow::Context;
use figment::{
    Figment,
    providers::{Format, Serialized, Toml},
};
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;

use super::{DrawArgs, draw::pid, ms, row};
use crate::{
    app::App,
    clock::Clock,
    config::{Config, DEFAULTS},
    keys, meeting,
    pool::{self, PoolMember},
    wire::{MeetingSettings, NewMeeting},
};

/// Rows of one insert.
const BATCH: usize = 500;
/// Changes between two draws.
const CHANGES: u32 = 1_000;

/// Rows of this file.
pub(super) async fn rows(args: &DrawArgs) -> anyhow::Result<Vec<Value>> {
    let folder = std::env::temp_dir().join(format!("kaijiang-bench-{}", keys::short_id()));
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let measured = measure(args, &folder).await;
    std::fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    measured
}

fn config(args: &DrawArgs, folder: &std::path::Path, redis: &str) -> anyhow::Result<Config> {
    let mut values = json!({ "data": { "dir": folder }, "redis": { "url": redis } });
    if let Some(url) = &args.database {
        values["database"] = json!({ "url": url });
    }
    Config::extract(&Figment::from(Toml::string(DEFAULTS)).merge(Serialized::defaults(values)))
}

async fn measure(args: &DrawArgs, folder: &std::path::Path) -> anyhow::Result<Vec<Value>> {
    let open = async |redis: &str| App::open(config(args, folder, redis)?, Clock::System).await;
    let target = "<= 1500 for a million";
    let app = open("").await?;
    let meeting = fill(&app, args.people).await?;
    app.stop().await;

    let app = open("").await?;
    let mut rows = vec![row("pool from SQL to root, cold", snapshot(&app, &meeting).await?, "ms", target)];
    change(&app, &meeting, args.people).await?;
    let kept = snapshot(&app, &meeting).await?;
    rows.push(row("the kept pool to root, after 1,000 changes", kept, "ms", "<= 50"));
    app.stop().await;
    if let Some(redis) = &args.redis {
        // The first look fills it.
        let app = open(redis).await?;
        snapshot(&app, &meeting).await?;
        app.stop().await;
        let app = open(redis).await?;
        rows.push(row("pool from Redis to root, cold", snapshot(&app, &meeting).await?, "ms", target));
        app.stop().await;
    }
    Ok(rows)
}

/// Ms from the meeting's row to the root of its pool.
async fn snapshot(app: &App, meeting: &str) -> anyhow::Result<f64> {
    let mut tx = app.db().begin().await?;
    let begun = Instant::now();
    let pool = pool::snapshot(app, &mut tx, meeting).await.map_err(anyhow::Error::new)?;
    let root = pool.summary().context("an empty pool")?;
    let time = begun.elapsed();
    std::hint::black_box(root);
    Ok(ms(time))
}

/// A meeting whose pool has `people` members. All places belong to one person: what a pool reads does not name people.
async fn fill(app: &App, people: u32) -> anyhow::Result<String> {
    let new = NewMeeting {
        name: "bench".into(),
        settings: MeetingSettings::default(),
        rehearsal_of: None,
        copy_of: None,
    };
    let meeting = meeting::create(app, "bench", new).await.map_err(anyhow::Error::new)?.id;
    let mut tx = app.db().begin().await?;
    let person = keys::row_id();
    sqlx::query(
        "insert into person (id, meeting_id, name, phone_sealed, phone_index, phone_mask, created_at) \
         values ($1, $2, 'bench', $3, '', '', 0)",
    )
    .bind(&person)
    .bind(&meeting)
    .bind(Vec::<u8>::new())
    .execute(tx.conn())
    .await?;
    let mut members = Vec::new();
    for index in 0..people {
        members.push(PoolMember { idx: index.into(), pid: pid(index), weight: 1, present: true });
    }
    for batch in members.chunks(BATCH) {
        let place = |member: &PoolMember| {
            let (idx, pid) = (member.idx, &member.pid);
            format!(
                "('{meeting}-{idx}','{meeting}','{person}','{meeting}-{idx}',{idx},'{pid}','','',1,0,0,'',0,0)"
            )
        };
        let places: Vec<String> = batch.iter().map(place).collect();
        // Every value was made here.
        let text = AssertSqlSafe(format!(
            "insert into binding (id, meeting_id, person_id, openid, idx, pid, salt, identity, weight, active, \
             receipt_size, receipt_sig, consent_at, bound_at) values {}",
            places.join(",")
        ));
        sqlx::query(text).execute(tx.conn()).await?;
    }
    pool::enter_all(app, &mut tx, &meeting, &members).await.map_err(anyhow::Error::new)?;
    tx.commit().await?;
    Ok(meeting)
}

/// Changes the weight of members all over the pool.
async fn change(app: &App, meeting: &str, people: u32) -> anyhow::Result<()> {
    let mut tx = app.db().begin().await?;
    let mut changes = Vec::new();
    for index in (0..people).step_by(usize::try_from(people / CHANGES)?.max(1)) {
        let before = PoolMember { idx: index.into(), pid: pid(index), weight: 1, present: true };
        sqlx::query("update binding set weight = 2 where meeting_id = $1 and idx = $2")
            .bind(meeting)
            .bind(before.idx)
            .execute(tx.conn())
            .await?;
        let after = PoolMember { weight: 2, ..before };
        let done = pool::change(app, &mut tx, meeting, Some(&before), after).await;
        changes.push(done.map_err(anyhow::Error::new)?);
    }
    tx.commit().await?;
    pool::tell_store(app, &changes).await;
    Ok(())
}
