//! The `kaijiang` command.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    kaijiang::cli::run().await
}
