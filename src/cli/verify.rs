//! `kaijiang verify`: the third-party's view of a draw, without any server.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, bail};
use clap::Args;

use crate::draw::verify::{Proved, Report, verify};

#[derive(Debug, Args)]
pub(super) struct VerifyArgs {
    /// The proof: a bundle as the server gives it out
    proof: PathBuf,
    /// What this device kept: pin, seen checkpoints, own place
    #[arg(long)]
    local: Option<PathBuf>,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
    /// The whole pool of a draw, as DRAW=FILE
    #[arg(long, value_name = "DRAW=FILE")]
    pool: Vec<String>,
}

/// Exit status of what is not a proof.
pub(super) const UNREADABLE: u8 = 2;

pub(super) fn run(args: &VerifyArgs) -> ExitCode {
    let report = match check(args) {
        Ok(report) => report,
        Err(error) => {
            eprintln!("kaijiang: {error:#}");
            return ExitCode::from(UNREADABLE);
        }
    };
    if args.json {
        println!("{}", serde_json::to_string_pretty(&report).unwrap_or_default());
    } else {
        explain(&report);
    }
    match report {
        Report::Proved(_) => ExitCode::SUCCESS,
        Report::Disproved(_) => ExitCode::FAILURE,
        Report::Unreadable(_) => ExitCode::from(UNREADABLE),
    }
}

fn check(args: &VerifyArgs) -> anyhow::Result<Report> {
    let local = args.local.as_deref().map(read).transpose()?;
    let (proof, own) = split(read(&args.proof)?);
    Ok(verify(&proof, local.or(own).as_deref(), &pools(&args.pool)?))
}

/// A phone saves the public bundle and what only it knows in one file.
fn split(file: Vec<u8>) -> (Vec<u8>, Option<Vec<u8>>) {
    let Ok(serde_json::Value::Object(mut fields)) = serde_json::from_slice(&file) else {
        return (file, None);
    };
    match fields.remove("bundle") {
        Some(bundle) => (bundle.to_string().into_bytes(), serde_json::to_vec(&fields).ok()),
        None => (file, None),
    }
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

/// Pool files by draw, from `DRAW=FILE`.
pub(super) fn pools(named: &[String]) -> anyhow::Result<BTreeMap<u64, Vec<u8>>> {
    let mut pools = BTreeMap::new();
    for pool in named {
        let Some((draw, file)) = pool.split_once('=') else {
            bail!("--pool takes DRAW=FILE, such as 3=pool.bin");
        };
        let draw: u64 = draw.parse().context("--pool takes DRAW=FILE, such as 3=pool.bin")?;
        pools.insert(draw, read(Path::new(file))?);
    }
    Ok(pools)
}

fn explain(report: &Report) {
    match report {
        Report::Proved(proved) => explain_proved(proved),
        Report::Disproved(fault) => println!("不成立 DISPROVED\n  {fault}\n  {}", fault.english()),
        Report::Unreadable(fault) => println!("无法读取 UNREADABLE\n  {fault}\n  {}", fault.english()),
    }
}

fn explain_proved(proved: &Proved) {
    println!("已证明 PROVED");
    println!("  日志码 log code  {}{}", proved.code, if proved.closed { "（已封存 closed）" } else { "" });
    for (draw, level) in &proved.levels {
        let checked = proved.checked.get(draw).map_or("-", String::as_str);
        println!(
            "  第 {draw} 次抽奖 draw {draw}: {} , {checked}",
            serde_json::to_value(level)
                .ok()
                .and_then(|level| level.as_str().map(ToOwned::to_owned))
                .unwrap_or_default()
        );
    }
    for (draw, mine) in &proved.me {
        println!("  我 me, draw {draw}: ticket {} ({}), won {:?}", mine.tickets.0, mine.tickets.1, mine.won);
    }
    for warning in &proved.warnings {
        println!("  注意 note  {warning}");
    }
}
