//! `kaijiang audit`: a trusted person's look behind the pids, without any server.

use std::{collections::BTreeMap, path::PathBuf, process::ExitCode};

use anyhow::Context;
use clap::Args;

use super::verify;
use crate::draw::audit::{Audited, Fault, check};

#[derive(Debug, Args)]
pub(super) struct AuditArgs {
    /// The list, as the server hands it to an auditor
    list: PathBuf,
    /// The meeting's proof: a bundle as the server gives it out
    proof: PathBuf,
    /// The whole pool of a draw, as DRAW=FILE
    #[arg(long, value_name = "DRAW=FILE")]
    pool: Vec<String>,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &AuditArgs) -> ExitCode {
    let audited = match read(args) {
        Ok((list, proof, pools)) => check(&list, &proof, &pools),
        Err(error) => {
            eprintln!("kaijiang: {error:#}");
            return ExitCode::from(verify::UNREADABLE);
        }
    };
    if args.json {
        let text = match &audited {
            Ok(audited) => serde_json::to_string_pretty(audited),
            Err(fault) => serde_json::to_string_pretty(fault),
        };
        println!("{}", text.unwrap_or_default());
    } else {
        explain(&audited);
    }
    match audited {
        Ok(_) => ExitCode::SUCCESS,
        Err(Fault::Schema | Fault::Unreadable) => ExitCode::from(verify::UNREADABLE),
        Err(_) => ExitCode::FAILURE,
    }
}

type Files = (Vec<u8>, Vec<u8>, BTreeMap<u64, Vec<u8>>);

fn read(args: &AuditArgs) -> anyhow::Result<Files> {
    let file =
        |path: &PathBuf| std::fs::read(path).with_context(|| format!("cannot read {}", path.display()));
    Ok((file(&args.list)?, file(&args.proof)?, verify::pools(&args.pool)?))
}

fn explain(audited: &Result<Audited, Fault>) {
    let audited = match audited {
        Ok(audited) => audited,
        Err(fault) => return println!("不符 FAILED\n  {fault}"),
    };
    println!("相符 RIGHT");
    println!(
        "  {} 人 people：{} 与名单一致 right，{} 在最后一次抽奖之后加入 later",
        audited.people, audited.right, audited.later
    );
    for winner in &audited.winners {
        let (draw, rank, index) = (winner.draw, winner.rank, winner.index + 1);
        println!("  第 {draw} 次抽奖第 {rank} 名 draw {draw} rank {rank}: No. {index}, {}", winner.identity);
    }
    println!(
        "  请与这些人联系，核对确有其人、领奖者即本人。Contact them: do they exist, and was it they who were paid?"
    );
}
