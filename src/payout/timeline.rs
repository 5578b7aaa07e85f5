//! The story of a packet in steps: what SQL remembers of it, with the rule that each answer was read by.

use sqlx::Row;

use super::{
    acts,
    awards::NEVER,
    codes::{self, Fate, OTHER_ORDER},
    next::{Act, is_final, plan},
    sender::Sender,
    sql,
};
use crate::{
    app::App,
    clock::Ms,
    error::ApiResult,
    wire::{CallView, Conclusion, Fen, NextAct, PacketState, StoryStep},
};

/// All steps of a packet, oldest first.
pub(super) async fn of(app: &App, bill: &str, calls: &[CallView]) -> ApiResult<Vec<StoryStep>> {
    let mut steps = before(app, bill).await?;
    let mut happened: Vec<StoryStep> = called(calls).collect();
    happened.extend(acts::of(app, bill).await?);
    // Stable: of the same moment, a test packet's order comes first, then calls, then what people did about them.
    happened.sort_by_key(|step| (moment(step), !orders(step)));
    steps.extend(happened);
    steps.push(now(app, bill).await?);
    Ok(steps)
}

fn moment(step: &StoryStep) -> Ms {
    match step {
        StoryStep::Called { at, .. } | StoryStep::Hand { at, .. } => *at,
        _ => 0,
    }
}

/// Whether the packet came to be by this step.
fn orders(step: &StoryStep) -> bool {
    matches!(step, StoryStep::Hand { what, .. } if what == "trial")
}

/// From the draw to the bill number.
async fn before(app: &App, bill: &str) -> ApiResult<Vec<StoryStep>> {
    let row = sqlx::query(
        "select a.n, a.rank, a.amount_fen, a.created_at, r.name, z.name, d.revealed_at, d.result_seq, l.head, \
         s.status, s.status_at, b.name, f.username, v.at, p.created_at, p.attempt, p.channel \
         from packet p join award a on a.id = p.award_id \
         left join draw d on d.meeting_id = a.meeting_id and d.n = a.n \
         left join round r on r.id = d.round_id left join prize z on z.id = r.prize_id \
         left join log_line l on l.meeting_id = a.meeting_id and l.seq = d.result_seq \
         left join seat s on s.meeting_id = a.meeting_id and s.n = a.n and s.rank = a.rank \
         left join budget b on b.id = a.budget_id \
         left join budget_approval v on v.budget_id = b.id and v.at = (select max(w.at) from budget_approval w \
         where w.budget_id = b.id and w.at <= a.created_at) left join staff f on f.id = v.staff_id \
         where p.bill_no = $1",
    )
    .bind(bill)
    .fetch_one(app.db().read())
    .await?;
    let text = |at: usize| row.try_get::<Option<String>, _>(at).map(Option::unwrap_or_default);
    let number = |at: usize| row.try_get::<Option<i64>, _>(at).map(Option::unwrap_or_default);
    let mut steps = Vec::new();
    if number(6)? > 0 {
        steps.push(StoryStep::Drawn {
            at: number(6)?,
            draw: number(0)?,
            rank: number(1)?,
            round: text(4)?,
            prize: text(5)?,
            line: number(7)?,
            head: text(8)?,
        });
    }
    if !text(11)?.is_empty() {
        steps.push(StoryStep::Budgeted {
            at: number(3)?,
            budget: text(11)?,
            fen: Fen(number(2)?),
            approved_by: text(12)?,
            approved_at: number(13)?,
        });
    }
    if !text(9)?.is_empty() {
        steps.push(StoryStep::Confirmed { at: number(10)?, status: text(9)? });
    }
    steps.push(StoryStep::Issued {
        at: number(14)?,
        bill_no: bill.to_owned(),
        attempt: number(15)?,
        channel: sql::channel(&text(16)?)?,
    });
    Ok(steps)
}

/// The calls, each with its conclusion: one undecided attempt makes every later refusal prove nothing.
fn called(calls: &[CallView]) -> impl Iterator<Item = StoryStep> {
    let mut undecided = false;
    calls.iter().map(move |call| {
        let conclusion = conclude(call, &mut undecided);
        StoryStep::Called {
            at: call.at,
            answered_at: call.answered_at,
            kind: call.kind.clone(),
            outcome: call.outcome.clone(),
            conclusion,
            raw: call.raw.clone(),
        }
    })
}

fn conclude(call: &CallView, undecided: &mut bool) -> Conclusion {
    let outcome = call.outcome.as_str();
    if call.kind != "send" {
        return asked(outcome);
    }
    if outcome == "sent" {
        return Conclusion::Paid;
    }
    if outcome == "confirming" {
        *undecided = true;
        return Conclusion::Confirming;
    }
    if outcome.is_empty() || outcome == "lost" {
        *undecided = true;
        return Conclusion::Open;
    }
    match codes::of_send(outcome).decided {
        Fate::Unknown => {
            *undecided = true;
            Conclusion::Undecided
        }
        Fate::Human => {
            *undecided = true;
            Conclusion::Person
        }
        _ if *undecided => Conclusion::StillUndecided,
        Fate::Blocked => Conclusion::Blocked,
        Fate::Queue => Conclusion::Requeued,
        Fate::Refused => Conclusion::Refused,
    }
}

fn asked(outcome: &str) -> Conclusion {
    match outcome {
        "" | "lost" => Conclusion::Open,
        "SENT" => Conclusion::Paid,
        "CONFIRMING" | "confirming" => Conclusion::Confirming,
        "RECEIVED" => Conclusion::Received,
        "RFUND_ING" => Conclusion::Returning,
        "REFUND" => Conclusion::Returned,
        "FAILED" => Conclusion::Dead,
        "SENDING" | "SENDING_REASON" | "other" => Conclusion::Running,
        "NOT_FOUND" => Conclusion::NotProof,
        OTHER_ORDER => Conclusion::Person,
        _ => Conclusion::NoNews,
    }
}

async fn now(app: &App, bill: &str) -> ApiResult<StoryStep> {
    let facts = sql::facts(app, bill).await?;
    let row = sqlx::query("select next_at from packet where bill_no = $1")
        .bind(bill)
        .fetch_one(app.db().read())
        .await?;
    let at: i64 = row.try_get(0)?;
    let planned = at != NEVER && !is_final(facts.state);
    let next = match plan(&facts, false) {
        _ if is_final(facts.state) => NextAct::Nothing,
        _ if facts.state == PacketState::Refused || !planned => NextAct::Person,
        Act::Send if Sender::load(app.db()).await?.paused => NextAct::Paused,
        Act::Send => NextAct::Send,
        Act::Query => NextAct::Query,
        Act::Recover => NextAct::Running,
        Act::Rest => NextAct::Person,
    };
    Ok(StoryStep::Now {
        state: facts.state,
        reason: facts.reason,
        next,
        next_at: if planned { at } else { 0 },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conclusions(calls: &[(&str, &str)]) -> Vec<Conclusion> {
        let calls: Vec<CallView> = calls
            .iter()
            .map(|(kind, outcome)| CallView {
                kind: (*kind).into(),
                at: 0,
                answered_at: None,
                outcome: (*outcome).into(),
                raw: String::new(),
            })
            .collect();
        called(&calls)
            .map(|step| match step {
                StoryStep::Called { conclusion, .. } => conclusion,
                other => panic!("{other:?}"),
            })
            .collect()
    }

    #[test]
    fn a_refusal_proves_nothing_after_an_undecided_attempt() {
        use Conclusion::{Confirming, NotProof, Open, Paid, Refused, StillUndecided, Undecided};
        assert_eq!(conclusions(&[("send", "OPENID_ERROR")]), [Refused]);
        assert_eq!(
            conclusions(&[
                ("send", "timeout"),
                ("query", "NOT_FOUND"),
                ("send", "OPENID_ERROR"),
                ("query", "SENT")
            ]),
            [Undecided, NotProof, StillUndecided, Paid]
        );
        assert_eq!(
            conclusions(&[("send", "confirming"), ("query", "CONFIRMING"), ("send", "PARAM_ERROR")]),
            [Confirming, Confirming, StillUndecided]
        );
        assert_eq!(conclusions(&[("send", ""), ("send", "NOTENOUGH")]), [Open, StillUndecided]);
    }
}
