//! What the bus brings: messages, and the notice that some may have been missed.

use std::{sync::Arc, time::Duration};

use ::redis::aio::{PubSubSink, PubSubStream};
use futures_util::StreamExt;
use tokio::sync::broadcast::{Receiver, error::RecvError};

use super::{StoreError, within};

/// Silence on a subscription after which the connection is asked whether it lives.
const QUIET: Duration = Duration::from_secs(5);
/// Pause before the next try to connect.
const RETRY: Duration = Duration::from_millis(500);

/// One thing from the bus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// Somebody published.
    Message {
        /// The meeting.
        meeting: String,
        /// What was published.
        payload: Arc<[u8]>,
    },
    /// Messages may have been missed before this one: look at SQL. Also the first notice of a subscription.
    Resync,
}

/// A subscription to all meetings.
#[derive(Debug)]
pub struct Subscription {
    source: Source,
    /// The first notice says that what came before the subscription is not known here.
    begun: bool,
}

enum Source {
    Memory(Receiver<(String, Arc<[u8]>)>),
    Redis { client: ::redis::Client, pattern: String, live: Option<(PubSubSink, PubSubStream)> },
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Memory(_) => f.write_str("Memory"),
            Self::Redis { pattern, .. } => f.debug_tuple("Redis").field(pattern).finish(),
        }
    }
}

impl Subscription {
    pub(super) fn memory(receiver: Receiver<(String, Arc<[u8]>)>) -> Self {
        Self { source: Source::Memory(receiver), begun: false }
    }

    pub(super) fn redis(client: ::redis::Client, pattern: String) -> Self {
        Self { source: Source::Redis { client, pattern, live: None }, begun: false }
    }

    /// The next notice. Never ends while the store lives; a lost connection is made anew here.
    pub async fn next(&mut self) -> Notice {
        match &mut self.source {
            Source::Memory(receiver) => {
                if !std::mem::replace(&mut self.begun, true) {
                    return Notice::Resync;
                }
                match receiver.recv().await {
                    Ok((meeting, payload)) => Notice::Message { meeting, payload },
                    Err(RecvError::Lagged(_)) => Notice::Resync,
                    Err(RecvError::Closed) => std::future::pending().await,
                }
            }
            Source::Redis { client, pattern, live } => loop {
                let Some((sink, stream)) = live else {
                    match connect(client, pattern).await {
                        Ok(pair) => {
                            *live = Some(pair);
                            return Notice::Resync;
                        }
                        Err(error) => {
                            tracing::warn!(%error, "no subscription to the bus; trying again");
                            tokio::time::sleep(RETRY).await;
                            continue;
                        }
                    }
                };
                match tokio::time::timeout(QUIET, stream.next()).await {
                    Ok(Some(message)) => {
                        let meeting = message.get_channel_name().rsplit(':').next().unwrap_or_default();
                        let payload = message.get_payload_bytes().into();
                        return Notice::Message { meeting: meeting.to_owned(), payload };
                    }
                    Ok(None) => *live = None,
                    Err(_) => {
                        if within::<::redis::Value>(3, sink.ping()).await.is_err() {
                            *live = None;
                        }
                    }
                }
            },
        }
    }
}

async fn connect(client: &::redis::Client, pattern: &str) -> Result<(PubSubSink, PubSubStream), StoreError> {
    let (mut sink, stream) = within(3, client.get_async_pubsub()).await?.split();
    within(3, sink.psubscribe(pattern)).await?;
    Ok((sink, stream))
}
