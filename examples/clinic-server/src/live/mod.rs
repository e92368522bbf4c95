//! Pages that change by themselves: `/ws`.
//!
//! # How a script uses it
//!
//! 1. **A ticket.** A page posts its form token as a form: `POST /live/ticket`, body `csrf=…`, cookies as always. A program posts
//!    to `/api/v1/ws-ticket` with its bearer token. Either answers JSON:
//!    `{"ticket": "<64 hex digits>", "expires_in": 30, "protocol": "healthcare.v1"}`. A ticket is good once, for 30 seconds. 401
//!    means sign in again, 404 that this process holds no connections: then the page works by being loaded again.
//! 2. **The socket.** `new WebSocket("/ws" as ws: or wss:, ["healthcare.v1", "ticket." + ticket])`. The ticket goes nowhere else, never
//!    into the address.
//! 3. **The room.** The client sends `{"type":"join","room":"board"}`, and after it was away
//!    `{"type":"join","room":"board","since":{"epoch":"<as told>","offset":12}}`. It may send `{"type":"leave","room":"board"}`.
//!
//! | the server sends | it means |
//! | --- | --- |
//! | `{"type":"joined","room":"board","epoch":"0198…","offset":12,"recovered":false,"present":["<user id>"]}` | it is in. `recovered: true`: what it missed follows at once, in order. `false`: read the present state now (also the first time: something may have happened since the page was made). It may come again. Remember epoch and offset. |
//! | `{"type":"event","room":"board","offset":13,"kind":"appointment.booked","record":"appointment","id":"…","version":1}` | something happened to that record: fetch what you show of it. Remember the offset. Kinds: `appointment.` and `booked`, `confirmed`, `checked-in`, … as the events are called. |
//! | `{"type":"reset","room":"board","epoch":"…","offset":0,"recovered":false}` | something was missed: read the present state, remember the new epoch and offset. |
//! | `{"type":"presence","room":"board","user":"…","here":true}` | a colleague opened the board (or, `false`, closed the last one). |
//! | `{"type":"refused","room":"board","reason":"denied"}` | it is not in, or not any more: `denied`, `unavailable` (try later), `joined`, `full`. |
//! | `{"type":"left","room":"board"}` | after `leave`. |
//!
//! The socket closes with a number, [`Close`](healthcare_messaging::Close) lists them: 4001 sign in again, 4004 and 1009 a fault of
//! the script (do not connect again), 4006 too many tabs; after any other, and after 1006, take a new ticket after a random wait of 1 to
//! 5 seconds that grows up to a minute, and join with `since`. Pings are answered by the browser. Messages are at most 4 KiB, and at most
//! 64 in 10 seconds.
//!
//! No message says anything of a person: whoever is told fetches what they may see, under a decision and a record as always.

mod feed;
mod origin;
mod rights;
mod routes;
mod watch;

pub use feed::Feed;
pub(crate) use routes::{__path_api_ticket, __path_connect, TicketView, api_ticket, connect};
pub(crate) use watch::describe;

use feed::Fed;
use healthcare_core::{Clock, RequestContext};
use healthcare_db::SqlOutbox;
use healthcare_messaging::{Hub, Tickets};
use healthcare_rbac::token::AccessClaims;
use healthcare_resilience::{BoxError, Stage, Stopping};
use rights::SignedIn;
use std::{sync::Arc, time::Duration};

/// The room of the appointments of a clinic.
pub(crate) const BOARD: &str = "board";

/// How long a decision about a room is believed: each one is in the audit log.
const DECIDED_FOR: Duration = Duration::from_secs(900);

/// The connections that this process holds open.
#[derive(Debug)]
pub struct Live {
    /// Who is connected.
    pub hub: Hub,
    tickets: Tickets<Seat>,
    stage: Stage,
    fed: Arc<Fed>,
    clock: Arc<dyn Clock>,
    is_on: bool,
}

/// What a ticket was given for.
#[derive(Debug)]
pub(crate) struct Seat {
    claims: AccessClaims,
    context: RequestContext,
}

impl Live {
    /// No connections yet, and what is to feed them; none ever unless it is on.
    ///
    /// # Errors
    /// When the hub cannot be built.
    pub fn new(
        clock: &Arc<dyn Clock>,
        outbox: &Arc<SqlOutbox>,
        stage: Stage,
        is_on: bool,
    ) -> Result<(Self, Option<Feed>), BoxError> {
        let hub = Hub::builder().clock(Arc::clone(clock)).decided_for(DECIDED_FOR).build()?;
        let fed = Arc::new(Fed::default());
        let feed = Feed::new(hub.clone(), Arc::clone(outbox), (Arc::clone(&fed), clock))?;
        let (tickets, clock) = (Tickets::new(Arc::clone(clock)), Arc::clone(clock));
        Ok((Self { hub, tickets, stage, fed, clock, is_on }, is_on.then_some(feed)))
    }

    /// Whether the rooms are told what happens.
    pub(crate) fn is_fed(&self) -> bool {
        self.fed.is_fresh(self.clock.monotonic()) == Some(true)
    }

    /// Feeds everybody until the stage ends, which closes them.
    ///
    /// # Errors
    /// When it has ended already.
    pub(crate) fn run(&self, feed: Feed) -> Result<(), Stopping> {
        let (hub, stopping) = (self.hub.clone(), self.stage.until_stopping());
        drop(self.stage.spawn("feed", feed.run(self.stage.token()))?);
        drop(self.stage.spawn("goodbye", async move {
            stopping.await;
            hub.shut();
        })?);
        Ok(())
    }
}
