//! Asking the payer for a number that nobody has: who can ask can also pay, and our sandbox says who it is.

use super::{
    channel::{Channel, Order},
    codes,
    next::Outcome,
};
use crate::app::App;

/// What the payer said.
#[derive(Debug)]
pub enum Probe {
    /// No merchant is configured.
    Off,
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

/// Asks.
pub async fn probe(app: &App) -> anyhow::Result<Probe> {
    let Channel::RedPacket(payer) = Channel::open(app.config())? else { return Ok(Probe::Off) };
    let bill = format!("{}probe", app.config().pay.mch_id);
    let answer = payer.query(&bill).await;
    if answer.status.is_none() {
        return Ok(Probe::Silent);
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
    let code = match payer.read_query(&answer, &nothing) {
        Outcome::QueryError { code } => code,
        other => format!("{other:?}"),
    };
    Ok(Probe::Answered { cause: codes::cause(&code), code, sandbox: answer.sandbox })
}
