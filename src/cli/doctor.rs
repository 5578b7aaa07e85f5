//! `doctor`.

use std::path::Path;

use anyhow::bail;

use crate::{
    app::App,
    clock::Clock,
    doctor,
    wire::{Check, CheckState},
};

/// What a command beside the server cannot know.
const BESIDE: &str = "open_files is the limit of this shell, and folders are tried without the unit's sandbox: how the service itself \
    stands is on the control page (开场前检查) and in `systemctl show kaijiang -p LimitNOFILE`";

pub(super) async fn doctor(file: Option<&Path>, json: bool) -> anyhow::Result<()> {
    let app = App::open(super::existing(file)?, Clock::System).await?;
    let found = doctor::examine(&app).await;
    app.stop().await;
    if json {
        println!("{}", serde_json::to_string_pretty(&found)?);
    } else {
        found.checks.iter().for_each(print);
        println!();
        println!("{BESIDE}");
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
