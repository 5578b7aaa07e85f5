//! Two hosts at once see each other: an open control page is told to the others.

use std::{pin::pin, time::Duration};

use crate::{
    app::App,
    live::{self, Live, presence},
    wire::{Body, DeskStaff},
};

/// How often an open page says that it is still there.
const STAY: Duration = Duration::from_secs(15);

/// One open control page. Who is at the desk is told for people's comfort: when it cannot be, everything else goes on.
#[derive(Debug)]
pub(super) struct Presence {
    app: App,
    meeting: String,
    id: String,
}

impl Presence {
    /// Of a member of staff; of nobody else.
    pub(super) async fn enter(app: &App, meeting: &str, staff: Option<&str>) -> Option<Self> {
        let staff = staff?;
        match presence::enter(app.db(), meeting, staff, app.now()).await {
            Ok(id) => {
                let entered = Self { app: app.clone(), meeting: meeting.to_owned(), id };
                entered.tell();
                Some(entered)
            }
            Err(error) => {
                tracing::warn!(meeting, %error, "a control page is not told to the others");
                None
            }
        }
    }

    /// For as long as the socket lives.
    pub(super) async fn during(self, live: Live) {
        let mut socket = pin!(live::run(live));
        loop {
            tokio::select! {
                () = &mut socket => break,
                () = tokio::time::sleep(STAY) => {
                    if let Err(error) = presence::stay(self.app.db(), &self.id, self.app.now()).await {
                        tracing::warn!(meeting = self.meeting, %error, "a control page will be missed");
                    }
                }
            }
        }
        if let Err(error) = presence::leave(self.app.db(), &self.id).await {
            tracing::warn!(meeting = self.meeting, %error, "a closed control page is told a while longer");
        }
        self.tell();
    }

    fn tell(&self) {
        self.app.publish_ephemeral(&self.meeting, Body::Desk(DeskStaff::default()));
    }
}
