//! Who did what to whom and when: append-only, hash-chained, in the same transaction as the deed.

use serde::Serialize;

use crate::{
    chain::{self, Chain},
    clock::Ms,
    db::Tx,
};

/// One deed. No phone number, openid or secret goes in here.
#[derive(Debug, Serialize)]
pub struct Deed<'a> {
    /// User name of the member of staff, `attendee`, or `system`.
    pub who: &'a str,
    /// What, such as `round.commit`.
    pub what: &'a str,
    /// Meeting, when of one.
    pub meeting: &'a str,
    /// What it was done to: an id or number.
    pub target: &'a str,
    /// Reason or change in words; may be empty.
    pub note: &'a str,
}

/// Records a deed.
pub async fn record(tx: &mut Tx, at: Ms, deed: &Deed<'_>) -> Result<(), sqlx::Error> {
    chain::append(tx, Chain::Audit, at, deed).await.map(drop)
}
