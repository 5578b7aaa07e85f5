//! `serve`, `sandbox`, `demo`.

use std::{io::IsTerminal, path::Path};

use anyhow::Context;

use crate::{app::App, auth, clock::Clock, config::Config, server};

/// Logs go to standard error; `RUST_LOG` chooses how much, `KAIJIANG_LOG=json` one JSON object a line.
fn start_logging() {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info,sqlx=warn"));
    let ansi = std::io::stderr().is_terminal();
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(ansi).with_writer(std::io::stderr);
    let json = std::env::var("KAIJIANG_LOG").is_ok_and(|word| word == "json");
    // An error only says that somebody logs already.
    drop(if json { logs.json().try_init() } else { logs.try_init() });
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
    for fault in config.faults() {
        println!("before a real evening: {fault}");
    }
    let app = App::open(config, Clock::System).await?;
    if auth::staff_count(&app).await? == 0 {
        match auth::first_setup_code(&app).await? {
            Some(code) => {
                println!(
                    "first start: make the owner's account at {}/control#setup={code}",
                    app.config().origin()
                );
            }
            None => println!(
                "nobody has used the link of the first start yet: it stands in the log of the server that started first; \
                 `kaijiang recover` prints another one"
            ),
        }
    }
    let running = server::start(app.clone(), listener).await?;
    println!("serving {} on {}", app.config().origin(), running.addr);
    told_to_stop().await?;
    running.stop().await
}

/// Whoever can run this on the server owns it anyway; the audit trail keeps that it was done.
pub(super) async fn recover(file: Option<&Path>) -> anyhow::Result<()> {
    let app = App::open(super::existing(file)?, Clock::System).await?;
    let code = auth::make_setup_code(&app).await?;
    println!("a new owner's account, once, within an hour: {}/control#setup={code}", app.config().origin());
    app.stop().await;
    Ok(())
}

pub(super) async fn sandbox(file: Option<&Path>, plan: Option<&Path>) -> anyhow::Result<()> {
    start_logging();
    let config = Config::load(file)?;
    let stop = tokio_util::sync::CancellationToken::new();
    let plan = plan.map(crate::sandbox::Plan::read).transpose()?.unwrap_or_default();
    let far_ends = crate::sandbox::SandboxConfig { plan, ..crate::demo::from_config(&config) };
    let running = crate::sandbox::start(far_ends, stop.clone()).await?;
    println!("【沙箱】 {}/sandbox", running.base());
    println!("wechat.api_base, wechat.oauth_base, sms.api_base = {}", running.base());
    println!("pay.api_base = {}", running.pay_base());
    println!("pay.ca_pem = {}", running.ca_pem.display());
    println!("pay.cert_pem = {}", running.cert_pem.display());
    println!("pay.key_pem = {}", running.key_pem.display());
    told_to_stop().await?;
    stop.cancel();
    running.stopped().await;
    Ok(())
}

pub(super) fn roster(file: &Path) -> anyhow::Result<()> {
    crate::people::xlsx_out::write_roster(file, crate::demo::PEOPLE)?;
    println!("{}", file.display());
    Ok(())
}

pub(super) async fn demo(file: Option<&Path>) -> anyhow::Result<()> {
    start_logging();
    let running = crate::demo::start(file).await?;
    print_demo(&running.description);
    told_to_stop().await?;
    running.stop().await
}

fn print_demo(demo: &serde_json::Value) {
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let pages = &demo["pages"];
    println!("\n开奖演示已启动（沙箱，不会真的付款） / the demo runs, nothing is really paid\n");
    println!("  控制台 control   {}", text(&pages["control"]));
    println!("  大屏   screen    {}", text(&pages["screen"]));
    println!("  手机   phone     {}", text(&pages["attendee"]));
    println!("  验证   verify    {}", text(&pages["verify"]));
    println!("  沙箱   sandbox   {}?meeting={}", text(&demo["sandbox"]), text(&demo["meeting"]));
    println!("  接口   API       {}\n", text(&demo["openapi"]));
    for one in demo["staff"].as_array().into_iter().flatten() {
        println!("  {:<9} {:<9} {}", text(&one["role"]), text(&one["user"]), text(&one["password"]));
    }
    println!();
}
