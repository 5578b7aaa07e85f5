//! The server of a soak: an ordinary one, with the log-ins that the measurement uses.

use std::path::Path;

use anyhow::Context;
use figment::{
    Figment,
    providers::{Format, Serialized, Toml},
};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, stdin};

use crate::{
    app::App,
    auth::{self, NewStaff},
    clock::Clock,
    config::{Config, DEFAULTS},
    server,
    wire::Role,
};

/// What the measurement tells its server.
pub(super) const VALUES: &str = "soak.json";
/// Who acts, and how often a token may be guessed from this: it lives as long as the measurement, on this machine.
pub(super) const STAFF: [(Role, &str); 2] = [(Role::Host, "host"), (Role::Finance, "finance")];

/// Serves until standard input ends.
pub(super) async fn serve(folder: &Path) -> anyhow::Result<()> {
    let told: Value = serde_json::from_slice(&std::fs::read(folder.join(VALUES))?)?;
    let figment = Figment::from(Toml::string(DEFAULTS)).merge(Serialized::defaults(&told["config"]));
    let config = Config::extract(&figment)?;
    let listener = server::bind(config.server.listen).await?;
    let app = App::open(config, Clock::System).await?;
    let token = told["token"].as_str().context("a token")?;
    let mut tx = app.db().begin().await?;
    for (role, user) in STAFF {
        let (password, token) = (format!("{user}-{token}"), format!("{user}-{token}"));
        let new = NewStaff { user, password: &password, roles: &[role], token: Some(&token) };
        auth::create_staff(&app, &mut tx, &new).await.context("the database is not empty")?;
    }
    tx.commit().await?;
    let running = server::start(app, listener).await?;
    println!("{}", json!({ "listen": running.addr }));
    let mut nothing = Vec::new();
    stdin().read_to_end(&mut nothing).await?;
    running.stop().await
}
