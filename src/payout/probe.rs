//! Asking the payer for a number that nobody has: who can ask can also pay, and our sandbox says who it is.

use super::{
    channel::{Channel, Channels, Order},
    codes,
    next::Outcome,
};
use crate::{app::App, wire::PayChannel};

/// What the payer said.
#[derive(Debug)]
pub enum Probe {
    /// No answer.
    Silent,
    /// It answered.
    Answered {
        /// `NOT_FOUND` is the right answer.
        code: String,
        /// What to look at first, when it is another one.
        cause: &'static str,
        /// It is our sandbox.
        sandbox: bool,
    },
}

/// Asks on every channel that is configured.
pub async fn probe(app: &App) -> anyhow::Result<Vec<Probe>> {
    let channels = Channels::open(app.config())?;
    let mut probes = Vec::new();
    for (channel, payer) in channels.all() {
        probes.push(one(app, channel, payer).await);
    }
    Ok(probes)
}

async fn one(app: &App, channel: PayChannel, payer: &Channel) -> Probe {
    let bill = format!("{}probe", app.config().merchant(channel));
    let answer = payer.query(&bill, app.now()).await;
    if answer.status.is_none() {
        return Probe::Silent;
    }
    let nothing = Order {
        bill,
        openid: String::new(),
        fen: 0,
        send_name: String::new(),
        act_name: String::new(),
        wishing: String::new(),
        remark: String::new(),
    };
    let code = match payer.read_query(&answer, &nothing, app.now()) {
        Outcome::QueryError { code } => code,
        other => format!("{other:?}"),
    };
    Probe::Answered { cause: codes::cause(&code), code, sandbox: answer.sandbox }
}
