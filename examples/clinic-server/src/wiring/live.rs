//! The connections that are held open: what feeds them, and what ends them.

use super::{Process, Server, StartError};
use crate::live::{Feed, Live};
use healthcare_core::Clock;
use healthcare_messaging::{EventBus as _, Subscribed};
use healthcare_rbac::session::SessionGuard;
use healthcare_resilience::Shutdown;
use std::sync::Arc;

/// Connections of this process; those of a sign-in end with it.
pub(super) fn live(
    shutdown: &Shutdown,
    guard: &SessionGuard,
    clock: &Arc<dyn Clock>,
    process: Process,
) -> Result<Live, StartError> {
    let stage = shutdown.stage("live").map_err(|error| StartError::Wiring(error.into()))?;
    let live =
        Live::new(clock, stage, process.connects()).map_err(|error| StartError::Wiring(error.into()))?;
    let hub = live.hub.clone();
    let ended = move |session| {
        hub.end_session(session);
    };
    guard.on_end(ended).map_err(|error| StartError::Wiring(error.into()))?;
    Ok(live)
}

/// Feeds them until what is returned is dropped, and closes them when the server stops.
pub(crate) async fn feed_live(server: &Server, process: Process) -> Result<Option<Subscribed>, StartError> {
    if !process.connects() {
        return Ok(None);
    }
    let live = &server.app.live;
    live.close_at_end().map_err(|error| StartError::Wiring(error.into()))?;
    let feed = Feed::new(live.hub.clone()).map_err(|error| StartError::Wiring(error.into()))?;
    let subscribed = server.bus.subscribe(Feed::subscription(), Arc::new(feed)).await;
    subscribed.map(Some).map_err(|error| StartError::Wiring(error.into()))
}
