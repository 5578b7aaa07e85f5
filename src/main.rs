//! The `kaijiang` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    kaijiang::cli::keep_few_heaps();
    serve()
}

#[tokio::main]
async fn serve() -> ExitCode {
    kaijiang::cli::run().await
}
