//! The steps of one claimed packet, in the only order that is safe. What each leaves behind is durable before the next
//! begins, so a process may die after any of them: reserved (T2), about to call (T3), called, answer stored (T4),
//! settled (T5).
//!
//! The sender goes through them ([`super::worker`]); so do the simulations, which stop and mix them.

use super::{
    channel::{Answer, Channel, Order},
    next::{Act, Next, Outcome, plan},
    prepare::{self, Frozen, Ready},
    settle::{Call, settle},
    skew,
    sql::{self, Packet},
};
use crate::{app::App, clock::Ms, error::ApiResult, failpoint, mutant::planted};

/// What rests because the sender is paused is looked at again after this time.
const PAUSED_LOOK: Ms = 60_000;

/// Where the work on a packet stands.
#[derive(Debug)]
pub(super) enum Step {
    /// T1 of a call: the claim is durable, nothing else.
    Claimed,
    /// T2: all that the call needs is durable. The call waits for its turn.
    Ready(Box<Letter>),
    /// T3: that the call is about to leave is durable. What happens now, happens outside, with no transaction open.
    Calling(Box<Letter>, String),
    /// What came back, if anything did.
    Answered(Box<Letter>, String, Answer),
    /// T4: the answer is durable, unread.
    Kept(Box<Letter>, String, Answer),
    /// T5, or there was nothing to do. What the packet became, when an answer was settled.
    Done(Option<Next>),
}

/// What leaves.
#[derive(Debug)]
pub(super) struct Letter {
    /// The frozen request of a send; `None` asks for the number.
    pub(super) request: Option<String>,
    /// What the answer is compared with.
    pub(super) order: Order,
}

/// Takes the next step. On an error nothing of it happened, or it is not known whether it did: the packet is left to
/// the one who claims it next.
pub(super) async fn advance(app: &App, payer: &Channel, packet: &Packet, step: Step) -> ApiResult<Step> {
    match step {
        Step::Claimed => {
            failpoint::hit("pay.after_claim");
            begin(app, payer, packet).await
        }
        Step::Ready(letter) => {
            let what = if letter.request.is_some() { sql::Asks::Send } else { sql::Asks::Query };
            let Some(call) = sql::begin_call(app, packet, what).await? else {
                sql::release(app, packet, None).await?;
                return Ok(Step::Done(None));
            };
            failpoint::hit(if letter.request.is_some() { "pay.before_call" } else { "pay.before_query" });
            Ok(Step::Calling(letter, call))
        }
        Step::Calling(letter, call) => {
            let asked = app.now();
            let answer = match &letter.request {
                Some(request) => payer.send(request.clone(), app.now()).await,
                None => payer.query(&packet.bill, app.now()).await,
            };
            skew::look(app, &answer, asked);
            failpoint::hit(if letter.request.is_some() { "pay.after_answer" } else { "pay.after_query" });
            Ok(Step::Answered(letter, call, answer))
        }
        Step::Answered(letter, call, answer) if planted("settle_before_store") => {
            Ok(Step::Kept(letter, call, answer))
        }
        Step::Answered(letter, call, answer) => {
            let answer = sql::store_answer(app, &call, answer).await?;
            failpoint::hit(if letter.request.is_some() {
                "pay.after_store"
            } else {
                "pay.after_query_store"
            });
            Ok(Step::Kept(letter, call, answer))
        }
        Step::Kept(letter, call, answer) => {
            let outcome = match letter.request {
                Some(_) => payer.read_send(&answer, &letter.order, app.now()),
                None => payer.read_query(&answer, &letter.order, app.now()),
            };
            Ok(Step::Done(settle(app, Call { packet, id: &call, outcome: &outcome }).await?))
        }
        Step::Done(next) => Ok(Step::Done(next)),
    }
}

async fn begin(app: &App, payer: &Channel, packet: &Packet) -> ApiResult<Step> {
    match plan(&packet.facts, packet.paused && !planted("paused_repeats")) {
        Act::Send => match prepare::prepare(app, payer, packet).await? {
            Ready::Go(frozen) => {
                failpoint::hit("pay.after_reserve");
                let Frozen { request, order } = *frozen;
                Ok(Step::Ready(Box::new(Letter { request: Some(request), order })))
            }
            Ready::Wait => Ok(Step::Done(None)),
        },
        Act::Query => {
            let letter = Letter { request: None, order: prepare::bare_order(packet) };
            Ok(Step::Ready(Box::new(letter)))
        }
        Act::Recover => Ok(Step::Done(settle(app, Call { packet, id: "", outcome: &Outcome::Lost }).await?)),
        Act::Rest => {
            let later = packet.paused.then(|| packet.facts.at + PAUSED_LOOK);
            sql::release(app, packet, later).await?;
            Ok(Step::Done(None))
        }
    }
}
