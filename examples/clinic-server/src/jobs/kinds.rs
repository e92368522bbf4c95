//! The kinds of jobs, and who does them.

use crate::{App, notices};
use healthcare_messaging::WorkerBuilder;
use std::sync::Arc;

/// Adds each kind's handler: one line `.handler(…)` for each. A handler acts as a named system actor under a role, and opens the gate for
/// whatever it reads.
pub(crate) fn kinds(worker: WorkerBuilder, app: &Arc<App>) -> WorkerBuilder {
    notices::handlers(worker, app)
}
