//! What the books hold, and what a call may do to them.

use serde::{Deserialize, Serialize};

use crate::clock::Ms;

/// The words of `gethbinfo`, and what transfers have besides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(in crate::sandbox) enum Status {
    Sending,
    /// A transfer that its receiver has not confirmed.
    WaitUserConfirm,
    Sent,
    Received,
    Failed,
    /// A transfer that was taken back before it was confirmed.
    Cancelled,
    RfundIng,
    Refund,
}

impl Status {
    /// As WeChat writes it.
    pub(in crate::sandbox) fn word(self) -> &'static str {
        match self {
            Self::Sending => "SENDING",
            Self::WaitUserConfirm => "WAIT_USER_CONFIRM",
            Self::Cancelled => "CANCELLED",
            Self::Sent => "SENT",
            Self::Received => "RECEIVED",
            Self::Failed => "FAILED",
            Self::RfundIng => "RFUND_ING",
            Self::Refund => "REFUND",
        }
    }
}

/// A packet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::sandbox) struct Packet {
    pub(in crate::sandbox) bill_no: String,
    pub(in crate::sandbox) openid: String,
    pub(in crate::sandbox) amount_fen: i64,
    /// WeChat's own number.
    pub(in crate::sandbox) list_id: String,
    pub(in crate::sandbox) status: Status,
    /// Why it is stuck or failed.
    pub(in crate::sandbox) reason: String,
    pub(in crate::sandbox) send_name: String,
    pub(in crate::sandbox) act_name: String,
    pub(in crate::sandbox) wishing: String,
    pub(in crate::sandbox) remark: String,
    pub(in crate::sandbox) created_ms: Ms,
    /// When money left the merchant; a packet that has this is never paid again.
    pub(in crate::sandbox) paid_ms: Option<Ms>,
    pub(in crate::sandbox) received_ms: Option<Ms>,
    pub(in crate::sandbox) refunded_ms: Option<Ms>,
    /// When a running order is decided, and whether it pays.
    pub(in crate::sandbox) decides: Option<(Ms, bool)>,
    /// When its receiver opens it without being asked.
    pub(in crate::sandbox) opens_ms: Option<Ms>,
    /// Valid send calls for this number.
    pub(in crate::sandbox) sends: u32,
    /// What a transfer has besides; a red packet has none.
    #[serde(default)]
    pub(in crate::sandbox) transfer: Option<Transfer>,
}

/// What a transfer has besides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::sandbox) struct Transfer {
    /// What its receiver confirms it with.
    pub(in crate::sandbox) package: String,
    /// Where its end is called back to; may be empty.
    pub(in crate::sandbox) notify_url: String,
}

/// A send call that passed the checks of form.
#[derive(Debug, Clone)]
pub(in crate::sandbox) struct Order {
    pub(in crate::sandbox) bill_no: String,
    pub(in crate::sandbox) openid: String,
    pub(in crate::sandbox) amount_fen: i64,
    pub(in crate::sandbox) send_name: String,
    pub(in crate::sandbox) act_name: String,
    pub(in crate::sandbox) wishing: String,
    pub(in crate::sandbox) remark: String,
    pub(in crate::sandbox) transfer: Option<Transfer>,
}

/// What a send call does to the books, unless the number is settled already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::sandbox) enum Effect {
    /// Pay, if the limits allow.
    Pay,
    /// Pay, if the limits allow; the receiver never opens it.
    PayUnopened,
    /// Nothing at all.
    Nothing,
    /// Keep the order, unpaid, with a reason.
    Keep(Refusal),
    /// Run for a while, then pay or fail.
    Process { paid: bool },
    /// The number is dead.
    Kill,
}

/// An error answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::sandbox) struct Refusal {
    pub(in crate::sandbox) code: String,
    pub(in crate::sandbox) text: String,
}

/// Makes an error answer.
pub(in crate::sandbox) fn refusal(code: &str, text: &str) -> Refusal {
    Refusal { code: code.to_owned(), text: text.to_owned() }
}
