//! What a command tells everybody: events in its transaction, sent out once it is durable.

use crate::{
    app::App,
    clock::Ms,
    db::Tx,
    error::ApiResult,
    live::events,
    wire::{Body, Message},
};

/// Appends an event of the meeting to the transaction.
pub async fn event(tx: &mut Tx, meeting: &str, at: Ms, body: Body) -> ApiResult<Message> {
    Ok(events::append(tx, meeting, at, &body).await?)
}

/// Commits, then sends the events to every server.
pub async fn commit(app: &App, tx: Tx, meeting: &str, messages: Vec<Message>) -> ApiResult<()> {
    tx.commit().await?;
    app.publish(meeting, &messages);
    Ok(())
}
