//! The connections that are held open: what feeds them, and what ends them.

use super::{Process, Server, StartError};
use crate::live::{Feed, Live};
use healthcare_core::Clock;
use healthcare_db::SqlOutbox;
use healthcare_messaging::{EventBus as _, Subscribed};
use healthcare_rbac::session::SessionGuard;
use healthcare_resilience::Shutdown;
use std::sync::Arc;

/// Connections of this process; those of a sign-in end with it.
pub(super) fn live(
    shutdown: &Shutdown,
    guard: &SessionGuard,
    (clock, outbox): (&Arc<dyn Clock>, &Arc<SqlOutbox>),
    process: Process,
) -> Result<(Live, Option<Feed>), StartError> {
    let stage = shutdown.stage("live").map_err(|error| StartError::Wiring(error.into()))?;
    let (live, feed) = Live::new(clock, outbox, stage, process.connects()).map_err(StartError::Wiring)?;
    let hub = live.hub.clone();
    let ended = move |session| {
        hub.end_session(session);
    };
    guard.on_end(ended).map_err(|error| StartError::Wiring(error.into()))?;
    Ok((live, feed))
}

/// Feeds them until the server stops, which closes them. What is returned has what this process commits told at once.
pub(crate) async fn feed_live(server: &mut Server) -> Result<Option<Subscribed>, StartError> {
    let Some(mut feed) = server.feed.take() else { return Ok(None) };
    feed.begin().await.map_err(|error| StartError::Wiring(error.into()))?;
    let (subscription, nudge) = feed.nudge();
    let nudged = server.bus.subscribe(subscription, nudge).await;
    server.app.live.run(feed).map_err(|error| StartError::Wiring(error.into()))?;
    nudged.map(Some).map_err(|error| StartError::Wiring(error.into()))
}
