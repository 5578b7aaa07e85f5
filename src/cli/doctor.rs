//! `doctor`.

use std::path::Path;

use anyhow::bail;

use crate::{
    app::App,
    clock::Clock,
    doctor,
    wire::{Check, CheckState},
};

pub(super) async fn doctor(file: Option<&Path>, json: bool) -> anyhow::Result<()> {
    let app = App::open(super::existing(file)?, Clock::System).await?;
    let found = doctor::examine(&app).await;
    app.stop().await;
    if json {
        println!("{}", serde_json::to_string_pretty(&found)?);
    } else {
        found.checks.iter().for_each(print);
    }
    let bad = found.checks.iter().filter(|check| check.state == CheckState::Bad).count();
    if bad > 0 {
        bail!("{bad} thing(s) will fail at the evening");
    }
    Ok(())
}

fn print(check: &Check) {
    let mark = match check.state {
        CheckState::Good => "✓",
        CheckState::Off => "–",
        CheckState::Warn => "!",
        CheckState::Bad => "✗",
    };
    println!("{mark} {:<21} {}", check.name, check.says);
    if !check.todo.is_empty() {
        println!("{:24}→ {}", "", check.todo);
    }
}
