//! The ticket, and the socket.

use super::{Seat, SignedIn, origin};
use crate::{
    App,
    http::{Caller, NoParams, Problem, Query},
};
use axum::{
    extract::{
        State,
        ws::{WebSocketUpgrade, rejection::WebSocketUpgradeRejection},
    },
    response::Response,
};
use healthcare_core::ErrorCode;
use healthcare_messaging::{
    Close, Rights as _, SocketOffer, SocketTimes, TicketRefused, Tickets, WEB_SOCKET_PROTOCOL, Who, serve,
    turn_away,
};
use http::HeaderMap;
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

/// What opens one socket.
#[derive(Serialize, ToSchema)]
pub(crate) struct TicketView {
    /// 64 hexadecimal digits; goes into the protocol header as `ticket.` and these.
    ticket: String,
    /// For how many seconds it is good.
    expires_in: u64,
    /// The protocol to name beside it.
    protocol: &'static str,
}

impl TicketView {
    /// A ticket for this caller.
    pub(crate) fn issue(app: &App, caller: Caller) -> Result<Self, Problem> {
        is_live(app)?;
        let user = caller.claims.user;
        let seat = Seat { claims: caller.claims, context: caller.context };
        let ticket = app.live.tickets.issue(user, seat).map_err(|refused| match refused {
            TicketRefused::TooMany => Problem {
                retry_after: Some(Tickets::<Seat>::LIFE),
                ..Problem::of(ErrorCode::RateLimited).saying(refused.to_string())
            },
            _ => Problem::of(ErrorCode::Internal),
        })?;
        Ok(Self {
            ticket: ticket.as_str().to_owned(),
            expires_in: Tickets::<Seat>::LIFE.as_secs(),
            protocol: WEB_SOCKET_PROTOCOL,
        })
    }
}

/// Whoever would not be told what happens gets no socket. That is no database that does not answer: its circuit stays as it is.
fn is_live(app: &App) -> Result<(), Problem> {
    if !app.live.is_on {
        return Err(Problem::of(ErrorCode::NotFound).saying("This process holds no connections."));
    }
    if !app.live.is_fed() {
        return Err(Problem::of(ErrorCode::QueueFailed)
            .saying("Changes cannot be told at the moment: try again shortly."));
    }
    Ok(())
}

/// A ticket for one WebSocket at `/ws`: good once, for 30 seconds, for this sign-in.
#[utoipa::path(post, path = "/ws-ticket", tag = "live", responses((status = 200, body = TicketView), (status = 404, description = "This process holds no connections"), (status = 429), (status = 503)))]
pub(crate) async fn api_ticket(
    State(app): State<Arc<App>>,
    Query(NoParams {}): Query<NoParams>,
    caller: Caller,
) -> Result<axum::Json<TicketView>, Problem> {
    TicketView::issue(&app, caller).map(axum::Json)
}

/// A WebSocket that tells what happens, by ids and versions. The ticket comes in `Sec-WebSocket-Protocol`, beside `healthcare.v1`.
#[utoipa::path(get, path = "/ws", tag = "live", security(()), responses((status = 101, description = "The protocol is healthcare.v1"), (status = 400, description = "Not a WebSocket's handshake"), (status = 401, description = "No good ticket"), (status = 403, description = "A page from elsewhere"), (status = 404, description = "This process holds no connections"), (status = 503)))]
pub(crate) async fn connect(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    is_live(&app)?;
    let no_socket = |_| Problem::of(ErrorCode::MalformedRequest).saying("Open a WebSocket here.");
    let upgrade = SocketOffer::prepare(upgrade.map_err(no_socket)?);
    if !origin::is_ours(&headers, app.settings.https, &app.settings.allowed_origins) {
        return Err(Problem::of(ErrorCode::AccessDenied).saying("Pages from elsewhere open no socket here."));
    }
    let no_ticket = || Problem::of(ErrorCode::TokenInvalid).saying("Take a new ticket: each is good once.");
    let offer = SocketOffer::read(&headers).ok_or_else(no_ticket)?;
    let seat = app.live.tickets.redeem(offer.ticket).ok_or_else(no_ticket)?;
    let guard = app.live.stage.enter("socket").map_err(|_| Problem::of(ErrorCode::ShuttingDown))?;
    let who = Who { clinic: seat.claims.clinic, user: seat.claims.user, session: seat.claims.session };
    let rights = Arc::new(SignedIn::new(Arc::clone(&app), seat));
    // The sign-in may have ended since the ticket was given.
    rights.lives().await.map_err(|ended| match ended {
        Close::Unavailable => Problem::of(ErrorCode::StorageUnavailable),
        _ => Problem::of(ErrorCode::SessionRevoked),
    })?;
    let connected = app.live.hub.connect(who, rights);
    Ok(upgrade.on_upgrade(async move |socket| {
        let talking = async move {
            match connected {
                Ok(connection) => {
                    let ended = serve(socket, connection, SocketTimes::default()).await;
                    tracing::info!(why = ended.map(Close::as_str), "a socket was closed");
                }
                Err(why) => turn_away(socket, why, SocketTimes::default()).await,
            }
        };
        // Whatever is left at the end of the stage is dropped.
        let _ = guard.run(talking).await;
    }))
}
