//! `backup`, `restore`.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use secrecy::SecretString;

use crate::{
    backup::{self, Head},
    clock::Clock,
    config::Config,
    files,
};

#[derive(Debug, Args)]
pub(super) struct BackupArgs {
    /// Archive to write, or to read
    file: PathBuf,
    /// File whose first line is the passphrase; without it (and without `KAIJIANG_BACKUP_PASSPHRASE`) nothing is encrypted
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// Configuration file
    #[arg(long)]
    config: Option<PathBuf>,
}

impl BackupArgs {
    fn passphrase(&self) -> anyhow::Result<Option<SecretString>> {
        let Some(file) = &self.passphrase_file else {
            return Ok(std::env::var("KAIJIANG_BACKUP_PASSPHRASE").ok().map(Into::into));
        };
        let text =
            std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        Ok(Some(text.lines().next().unwrap_or_default().into()))
    }
}

pub(super) async fn backup(args: &BackupArgs) -> anyhow::Result<()> {
    let config = super::existing(args.config.as_deref())?;
    let passphrase = args.passphrase()?;
    let head = backup::backup(&config, &args.file, passphrase.as_ref()).await?;
    tell("saved", &head, &args.file);
    println!(
        "keep the master key apart from it: {} (fingerprint {})",
        config.secrets.master_key_file.display(),
        head.key
    );
    if files::local(&config)?.is_none() {
        println!("uploads at files.url, which is no folder, are not in it: back them up where they lie");
    }
    Ok(())
}

pub(super) async fn restore(args: &BackupArgs) -> anyhow::Result<()> {
    let config = Config::load(args.config.as_deref())?;
    let passphrase = args.passphrase()?;
    let head = backup::restore(&config, &Clock::System, &args.file, passphrase.as_ref()).await?;
    tell("restored", &head, &args.file);
    if head.files > 0 && files::local(&config)?.is_none() {
        println!("copy the uploads from {} to files.url", config.data.dir.join("files").display());
    }
    println!("the sender of packets is off until finance has matched it with WeChat Pay: control page, 资金");
    Ok(())
}

fn tell(what: &str, head: &Head, file: &Path) {
    let rows: u64 = head.rows.values().sum();
    println!("{what}: {rows} rows of {} tables, {} files: {}", head.rows.len(), head.files, file.display());
}
