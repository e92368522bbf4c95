use super::CacheReport;
use tracing::{Span, debug_span};

impl CacheReport {
    /// The span in which a load runs: a child of the caller's, although the load is a task of its own. It says which cache
    /// and nothing of the key or the value.
    pub(crate) fn span(&self, is_refresh: bool) -> Span {
        debug_span!(
            target: "healthcare_cache",
            "cache_load",
            cache = self.name,
            class = self.class.as_str(),
            is_refresh,
        )
    }
}
