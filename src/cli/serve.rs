//! `serve`, `sandbox`, `demo`.

use std::path::Path;

use anyhow::Context;

use crate::{app::App, auth, clock::Clock, config::Config, server};

/// Logs go to standard error; `RUST_LOG` chooses how much.
fn start_logging() {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info,sqlx=warn"));
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).try_init();
}

/// Waits for Ctrl-C or SIGTERM.
async fn told_to_stop() -> anyhow::Result<()> {
    #[cfg(unix)]
    {
        let mut term = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
        tokio::select! {
            done = tokio::signal::ctrl_c() => done.context("cannot wait for Ctrl-C"),
            _ = term.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await.context("cannot wait for Ctrl-C")
}

pub(super) async fn serve(file: Option<&Path>) -> anyhow::Result<()> {
    start_logging();
    let config = Config::load(file)?;
    let listener = server::bind(config.server.listen).await?;
    let app = App::open(config, Clock::System).await?;
    if auth::staff_count(&app).await? == 0 {
        let code = auth::make_setup_code(&app).await?;
        println!("first start: make the owner's account at {}/control#setup={code}", app.config().origin());
    }
    let running = server::start(app.clone(), listener).await?;
    println!("serving {} on {}", app.config().origin(), running.addr);
    told_to_stop().await?;
    running.stop().await
}
