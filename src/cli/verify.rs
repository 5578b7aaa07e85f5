//! `kaijiang verify`.

use std::{path::PathBuf, process::ExitCode};

use clap::Args;

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

pub(super) fn run(args: &VerifyArgs) -> ExitCode {
    eprintln!("{}", args.proof.display());
    ExitCode::from(2)
}
