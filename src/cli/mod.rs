//! The commands.

mod arenas;
mod audit;
mod backup;
mod doctor;
mod dying;
mod remote;
mod serve;
mod verify;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

pub use arenas::keep_few_heaps;
use clap::{Parser, Subcommand};

use crate::{
    bench::{self, Bench},
    config::Config,
};

#[derive(Debug, Parser)]
#[command(
    name = "kaijiang",
    version,
    about = "A live meeting lottery: draws that anybody can check, packets that are paid once"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve with the built-in sandbox and a sample meeting of 300 people
    Demo {
        /// Only write the sample roster to this .xlsx file
        #[arg(long, value_name = "FILE")]
        roster_only: Option<PathBuf>,
        /// Configuration file; keys that it leaves unset are filled for the demo
        #[arg(long)]
        config: Option<PathBuf>,
    },
    /// Serve
    Serve {
        /// Configuration file
        #[arg(long)]
        config: Option<PathBuf>,
    },
    /// Run the stand-in for `WeChat`, `WeChat Pay` and SMS alone
    Sandbox {
        /// Configuration file
        #[arg(long)]
        config: Option<PathBuf>,
        /// TOML file with settings and faults to start with
        #[arg(long, value_name = "FILE")]
        plan: Option<PathBuf>,
    },
    /// Import a roster through the running server; without --accept only the report
    Import(remote::ImportArgs),
    /// Check a proof: exit 0 proved, 1 disproved (with the exact step), 2 unreadable
    Verify(verify::VerifyArgs),
    /// Check the list of a private audit against a proof: exit 0 right, 1 not, 2 unreadable
    Audit(audit::AuditArgs),
    /// Check the configuration without starting anything
    CheckConfig {
        /// Configuration file
        #[arg(long)]
        config: Option<PathBuf>,
    },
    /// Try everything that the evening needs, and say what to do; exit 1 when something will fail
    Doctor {
        /// Configuration file
        #[arg(long)]
        config: Option<PathBuf>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Measure this machine; prints JSON
    Bench {
        /// What to measure
        #[command(subcommand)]
        what: Bench,
    },
    /// Save a meeting's proof, winners and payments through the running server
    Export(remote::ExportArgs),
    /// Print a link that makes another owner, when none can log in any more
    Recover {
        /// Configuration file
        #[arg(long)]
        config: Option<PathBuf>,
    },
    /// Save everything to one archive, while the server works
    Backup(backup::BackupArgs),
    /// Put an archive back into an empty place; the sender stays off until finance has matched it
    Restore(backup::BackupArgs),
    /// Print the `OpenAPI` document
    Openapi,
}

/// Runs the command that was typed.
pub async fn run() -> ExitCode {
    let cli = Cli::parse();
    dying::keep_secrets();
    let done = match cli.command {
        Command::Verify(args) => return verify::run(&args),
        Command::Audit(args) => return audit::run(&args),
        Command::Demo { roster_only: Some(file), .. } => serve::roster(&file),
        Command::Demo { roster_only: None, config } => serve::demo(config.as_deref()).await,
        Command::Serve { config } => serve::serve(config.as_deref()).await,
        Command::Sandbox { config, plan } => serve::sandbox(config.as_deref(), plan.as_deref()).await,
        Command::Import(args) => remote::import(args).await,
        Command::Export(args) => remote::export(args).await,
        Command::Recover { config } => serve::recover(config.as_deref()).await,
        Command::Backup(args) => backup::backup(&args).await,
        Command::Restore(args) => backup::restore(&args).await,
        Command::CheckConfig { config } => check_config(config.as_deref()),
        Command::Doctor { config, json } => doctor::doctor(config.as_deref(), json).await,
        Command::Bench { what } => bench::run(what).await,
        Command::Openapi => openapi(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("kaijiang: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn openapi() -> anyhow::Result<()> {
    println!("{}", serde_json::to_string_pretty(&crate::server::document())?);
    Ok(())
}

/// The configuration of a server that has been started before. Its commands make no second, empty one somewhere else: a
/// backup of that would be noticed only when it is needed.
fn existing(file: Option<&Path>) -> anyhow::Result<Config> {
    let config = Config::load(file)?;
    let key = &config.secrets.master_key_file;
    anyhow::ensure!(
        key.exists(),
        "there is no server's data here: {} does not exist. Give --config, set data.dir to the server's folder, and run this as \
         the server's user; before the first start there is nothing to look at",
        key.display()
    );
    Ok(config)
}

fn check_config(file: Option<&Path>) -> anyhow::Result<()> {
    let config = Config::load(file)?;
    let mut faults: Vec<String> = config.faults().iter().map(ToString::to_string).collect();
    if faults.is_empty() {
        // The files are there: now whether they are what they should be.
        match crate::payout::check_config(&config) {
            Ok(sentence) => println!("{sentence}"),
            Err(error) => faults.push(format!("{error:#}")),
        }
    }
    if faults.is_empty() {
        println!("the configuration is complete");
        return Ok(());
    }
    for fault in &faults {
        eprintln!("- {fault}");
    }
    anyhow::bail!("{} thing(s) to set", faults.len())
}
