//! `/ws/{meeting}`: who may connect, and what a socket gets first.

use std::sync::Arc;

use axum::{
    extract::{FromRequestParts, State},
    response::Response,
};
use http::{HeaderMap, Request, header, request::Parts};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::{presence::Presence, snapshot::snapshot};
use crate::{
    app::App,
    auth::{self, Attendee, Screen, Staff, bearer},
    error::{ApiError, ApiResult, ProblemBody},
    http::{Path, Query},
    keys::token_hash,
    live::{self, Check, Frame, Live, Outlet, Permit, Seat, Upgrade, Viewer, Wants, events},
    people,
    wire::{Body, Message},
};

/// A socket that is no further behind gets what it missed, others a snapshot.
const RESUME_MAX: i64 = 500;

/// Who connects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum SocketRole {
    /// A paired screen.
    Screen,
    /// A phone.
    Attendee,
    /// A control page.
    Control,
}

impl SocketRole {
    fn viewer(self) -> Viewer {
        match self {
            Self::Screen => Viewer::Screen,
            Self::Attendee => Viewer::Phone,
            Self::Control => Viewer::Desk,
        }
    }
}

/// The query of a socket.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct SocketQuery {
    /// `screen` (ticket), `attendee` (phone's cookie) or `control` (staff).
    #[param(inline)]
    role: SocketRole,
    /// Number of the last event that was seen: when it is recent, the missed events come instead of a snapshot.
    #[param(minimum = 0)]
    after: Option<i64>,
    /// The client can open winners that are sent sealed before they are told (`sealed`, `opened`).
    #[serde(default)]
    sealed: bool,
}

/// Open a socket. Server messages have the schema `Message`; the first is a `snapshot`, or the events after `after`.
#[utoipa::path(get, path = "/ws/{meeting}", tag = "live",
    security(("cookie" = []), ("bearer" = []), ("me" = []), ("screen" = [])),
    params(("meeting" = String, Path, description = "Id of the meeting"), SocketQuery), responses(
    (status = 101, description = "Switching to WebSocket"),
    (status = 401, description = "`login` or `pairing`", body = ProblemBody),
    (status = 403, description = "`origin`; `pairing`: the ticket is another meeting's", body = ProblemBody),
    (status = 404, description = "`not_found`", body = ProblemBody),
    (status = 422, description = "`query`", body = ProblemBody),
    (status = 426, description = "`upgrade`: not a WebSocket handshake", body = ProblemBody),
    (status = 429, description = "`sockets`: too many of this session", body = ProblemBody),
    (status = 503, description = "`unavailable`: too many of this server", body = ProblemBody),
))]
pub(super) async fn connect(
    State(app): State<App>,
    Path(meeting): Path<String>,
    Query(query): Query<SocketQuery>,
    mut parts: Parts,
) -> ApiResult<Response> {
    if query.after.is_some_and(|after| after < 0) {
        return Err(ApiError::invalid("query", "after", "after 不能是负数。"));
    }
    let caller = admit(&app, &mut parts, &meeting, query.role).await?;
    if !app.hub().follows(&meeting) && events::last(app.db(), &meeting).await?.is_none() {
        return Err(ApiError::not_found("该活动"));
    }
    let upgrade = Upgrade::of(&mut parts)?;
    let permit = app.hub().permit(&caller.session, query.role != SocketRole::Attendee)?;
    let response = upgrade.response();
    let check = (query.role == SocketRole::Control).then(|| still_staff(&app, (&parts.headers, &meeting)));
    let wants = Wants { viewer: query.role.viewer(), sealed: query.sealed };
    let visit = Visit { app: app.clone(), meeting, wants, after: query.after, caller };
    app.spawn(visit.run(upgrade, permit, check));
    Ok(response)
}

struct Caller {
    /// Names the session in limits without being its secret.
    session: String,
    openid: Option<Arc<str>>,
    staff: Option<String>,
}

/// Who is asking; 401 without a session, 403 for a foreign page (or, with a cookie, no page at all).
async fn admit(app: &App, parts: &mut Parts, meeting: &str, role: SocketRole) -> ApiResult<Caller> {
    let origin = parts.headers.get(header::ORIGIN).cloned();
    let ours = origin.as_ref().map(|origin| auth::ours(app, origin.to_str().unwrap_or(""), parts));
    if ours == Some(false) {
        return Err(auth::refused());
    }
    let caller = match role {
        SocketRole::Control => {
            let staff = Staff::from_request_parts(parts, app).await?;
            Caller { session: format!("staff:{}", staff.id), openid: None, staff: Some(staff.id) }
        }
        SocketRole::Attendee => {
            let attendee = Attendee::from_request_parts(parts, app).await?;
            Caller {
                session: format!("attendee:{}", token_hash(&attendee.openid)),
                openid: Some(attendee.openid.into()),
                staff: None,
            }
        }
        SocketRole::Screen => {
            let screen = Screen::from_request_parts(parts, app).await?;
            if screen.meeting != meeting {
                return Err(ApiError::forbidden("pairing", "此大屏是与另一场活动配对的，请重新配对。"));
            }
            Caller { session: format!("screen:{}", screen.ticket_hash), openid: None, staff: None }
        }
    };
    if ours.is_none() && bearer(parts).is_none() {
        return Err(auth::refused());
    }
    Ok(caller)
}

/// A control socket ends with its session; while it is open the session counts as used.
fn still_staff(app: &App, (headers, meeting): (&HeaderMap, &str)) -> Check {
    let (app, headers, meeting) = (app.clone(), headers.clone(), meeting.to_owned());
    Box::new(move || {
        let (app, headers, meeting) = (app.clone(), headers.clone(), meeting.clone());
        Box::pin(async move {
            let (mut parts, ()) = Request::new(()).into_parts();
            parts.headers = headers;
            match auth::staff_of(&app, &parts).await.and_then(|staff| staff.in_meeting(&meeting)) {
                Ok(_) => true,
                // Not knowing is no reason to close.
                Err(error) => error.status().is_server_error(),
            }
        })
    })
}

/// One socket's life.
struct Visit {
    app: App,
    meeting: String,
    wants: Wants,
    after: Option<i64>,
    caller: Caller,
}

impl Visit {
    async fn run(self, upgrade: Upgrade, permit: Permit, check: Option<Check>) {
        let stopping = self.app.stopping().clone();
        let seated = tokio::select! {
            () = stopping.cancelled() => None,
            seated = self.begin(upgrade, permit) => seated,
        };
        let Some((outlet, early, seat)) = seated else { return };
        let presence = Presence::enter(&self.app, &self.meeting, self.caller.staff.as_deref()).await;
        let live = Live { outlet, early, clock: self.app.clock().clone(), stopping, check };
        // A task of its own, without what only the beginning needed: ten thousand sockets each keep only what they use.
        match presence {
            Some(presence) => self.app.spawn(async move {
                presence.during(live).await;
                drop(seat);
            }),
            None => self.app.spawn(async move {
                live::run(live).await;
                drop(seat);
            }),
        }
    }

    async fn begin(&self, upgrade: Upgrade, permit: Permit) -> Option<(Arc<Outlet>, Vec<u8>, Seat)> {
        let (stream, early) = upgrade.stream().await?;
        let outlet = Arc::new(Outlet::new(stream, self.wants));
        let seat = self.app.hub().enter(permit, &self.meeting, &outlet, self.caller.openid.clone()).await;
        match self.first(&seat).await {
            Ok((seq, frames)) => outlet.open(seq, frames),
            Err(error) => {
                // The client finds its socket closed and comes back.
                tracing::warn!(meeting = self.meeting, %error, "a socket could not be begun");
                return None;
            }
        }
        Some((outlet, early, seat))
    }

    /// What comes first, and the number of the event up to which it tells. What asks SQL is on the heap: most sockets
    /// need none of it, and all would keep room for it.
    async fn first(&self, seat: &Seat) -> ApiResult<(i64, Vec<Frame>)> {
        let missed = match self.after {
            Some(after) => seat.missed(after, || Box::pin(self.missed(after))).await?,
            None => None,
        };
        let (seq, mut frames) = if let Some((seq, frame)) = missed {
            (seq, Vec::from_iter(frame))
        } else {
            let (seq, frame) = seat.snapshot(|| Box::pin(self.snapshot())).await?;
            (seq, vec![frame])
        };
        frames.extend(seat.present());
        frames.extend(seat.desk().filter(|_| self.wants.viewer == Viewer::Desk));
        if let Some(openid) = &self.caller.openid {
            let me = Box::pin(people::me::view(&self.app, &self.meeting, openid)).await?;
            frames.push(Frame::text(0, &self.text(None, Body::Me(Box::new(me)))));
        }
        Ok((seq, frames))
    }

    /// The events after `after`, when they are few.
    async fn missed(&self, after: i64) -> ApiResult<Option<(i64, Option<Frame>)>> {
        let last = events::last(self.app.db(), &self.meeting).await?.unwrap_or(0);
        if after > last || last - after > RESUME_MAX {
            return Ok(None);
        }
        let missed = events::since(self.app.db(), &self.meeting, after, RESUME_MAX).await?;
        let seq = missed.last().map_or(after, |(seq, _)| *seq);
        Ok(Some((seq, Frame::joined(missed.iter().map(|(_, text)| text.as_str())))))
    }

    async fn snapshot(&self) -> ApiResult<(i64, String)> {
        let (seq, snapshot) = snapshot(&self.app, &self.meeting).await?;
        Ok((seq, self.text(Some(seq), Body::Snapshot(Box::new(snapshot)))))
    }

    fn text(&self, seq: Option<i64>, body: Body) -> String {
        live::encode(&Message { seq, at: self.app.now(), body })
    }
}
