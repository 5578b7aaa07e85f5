//! What goes wrong at the payer, and what its caller sees of it.

use crate::payout::next::{Outcome, Status};

/// What a call leaves in the payer's books.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    Pay,
    Nothing,
    /// The order is kept though it was refused, and may be paid later.
    Keep,
    /// Decided later.
    Process {
        pays: bool,
    },
    /// The number is dead.
    Kill,
    /// The request comes in minutes after its caller gave up.
    Late,
}

/// What the caller sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wire {
    Success,
    /// The order waits for its receiver; with what that one confirms it with, or without.
    Accepted {
        ticket: bool,
    },
    Found(Status),
    /// An error that names its code.
    Code(&'static str),
    /// No whole answer: the failure's word.
    Nothing(&'static str),
    /// Only a status, as from something in between.
    Http(u16),
    /// A success that speaks of another amount.
    Mismatch,
    /// A failure without a code.
    Fail,
}

impl Wire {
    /// As the packet's machine is told of it.
    pub(super) fn outcome(self, send: bool) -> Outcome {
        let code = match self {
            Self::Success => return Outcome::Sent { list_id: "1".into() },
            Self::Accepted { ticket } => {
                let ticket = if ticket { "ticket" } else { "" }.to_owned();
                return Outcome::Accepted { list_id: "1".into(), ticket, until: 0 };
            }
            Self::Found(status) => return Outcome::Found { status, list_id: "1".into() },
            Self::Code(code) | Self::Nothing(code) => code,
            Self::Http(500..) => "http_5xx",
            Self::Http(_) => "http_4xx",
            Self::Mismatch => "mismatch",
            Self::Fail => "fail",
        };
        let code = code.to_owned();
        if send { Outcome::SendError { code } } else { Outcome::QueryError { code } }
    }
}

/// Everything that a send can meet.
pub(super) const SEND: [(Effect, Wire); 43] = [
    (Effect::Pay, Wire::Nothing("timeout")),
    (Effect::Nothing, Wire::Nothing("timeout")),
    (Effect::Late, Wire::Nothing("timeout")),
    (Effect::Late, Wire::Nothing("broken")),
    (Effect::Pay, Wire::Nothing("broken")),
    (Effect::Nothing, Wire::Nothing("broken")),
    (Effect::Nothing, Wire::Nothing("not_sent")),
    (Effect::Pay, Wire::Nothing("unreadable")),
    (Effect::Pay, Wire::Http(502)),
    (Effect::Nothing, Wire::Http(500)),
    (Effect::Nothing, Wire::Http(400)),
    (Effect::Pay, Wire::Mismatch),
    (Effect::Pay, Wire::Fail),
    (Effect::Nothing, Wire::Fail),
    (Effect::Pay, Wire::Code("SYSTEMERROR")),
    (Effect::Nothing, Wire::Code("SYSTEMERROR")),
    (Effect::Keep, Wire::Code("SYSTEMERROR")),
    (Effect::Process { pays: true }, Wire::Code("PROCESSING")),
    (Effect::Process { pays: false }, Wire::Code("PROCESSING")),
    (Effect::Nothing, Wire::Code("FREQ_LIMIT")),
    (Effect::Nothing, Wire::Code("SECOND_OVER_LIMITED")),
    (Effect::Keep, Wire::Code("NOTENOUGH")),
    (Effect::Keep, Wire::Code("SENDAMOUNT_LIMIT")),
    (Effect::Keep, Wire::Code("SENDNUM_LIMIT")),
    (Effect::Keep, Wire::Code("RCVDAMOUNT_LIMIT")),
    (Effect::Keep, Wire::Code("NO_AUTH")),
    (Effect::Keep, Wire::Code("V2_ACCOUNT_SIMPLE_BAN")),
    (Effect::Nothing, Wire::Code("OPENID_ERROR")),
    (Effect::Nothing, Wire::Code("PARAM_ERROR")),
    (Effect::Nothing, Wire::Code("MONEY_LIMIT")),
    (Effect::Kill, Wire::Code("SEND_FAILED")),
    (Effect::Keep, Wire::Code("SEND_FAILED")),
    (Effect::Pay, Wire::Code("FATAL_ERROR")),
    (Effect::Nothing, Wire::Code("FATAL_ERROR")),
    (Effect::Pay, Wire::Code("268458547")),
    (Effect::Nothing, Wire::Code("CA_ERROR")),
    (Effect::Nothing, Wire::Code("SIGN_ERROR")),
    (Effect::Pay, Wire::Nothing("bad_signature")),
    (Effect::Pay, Wire::Code("SYSTEM_ERROR")),
    (Effect::Pay, Wire::Code("INVALID_REQUEST")),
    (Effect::Nothing, Wire::Code("INVALID_REQUEST")),
    (Effect::Nothing, Wire::Code("FREQUENCY_LIMITED")),
    (Effect::Keep, Wire::Code("NOT_ENOUGH")),
];

/// Everything that a query can meet, besides [`Payer`](super::payer::Payer)'s own half-truths.
pub(super) const QUERY: [Wire; 9] = [
    Wire::Code("NOT_FOUND"),
    Wire::Code("SYSTEMERROR"),
    Wire::Code("FREQ_LIMIT"),
    Wire::Nothing("timeout"),
    Wire::Nothing("broken"),
    Wire::Nothing("unreadable"),
    Wire::Http(502),
    Wire::Found(Status::Sending),
    Wire::Found(Status::Other),
];
