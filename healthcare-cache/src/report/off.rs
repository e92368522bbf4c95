use super::{Bump, Count};
use crate::TtlClass;
use std::time::Duration;

/// What one cache counts: nothing, because the feature `statistics` is off. Takes no memory and no time.
#[derive(Debug, Clone)]
pub(crate) struct CacheReport {
    pub(super) name: &'static str,
    pub(super) class: TtlClass,
}

impl CacheReport {
    pub(crate) const fn new(name: &'static str, class: TtlClass) -> Self {
        Self { name, class }
    }

    #[inline(always)]
    pub(crate) const fn count(&self, _count: Count) {}

    #[inline(always)]
    pub(crate) const fn load(&self) -> LoadReport {
        LoadReport
    }
}

/// One load.
#[derive(Debug)]
pub(crate) struct LoadReport;

impl LoadReport {
    #[inline(always)]
    pub(crate) const fn ended(self, _count: Count, _took: Duration) {}
}

/// What a node counts: nothing.
#[derive(Debug, Default)]
pub(crate) struct NodeReport;

#[allow(clippy::unused_self, reason = "there is nothing to count")]
impl NodeReport {
    #[inline(always)]
    pub(crate) const fn deaf_since(&self, _now: Duration) {}

    #[inline(always)]
    pub(crate) const fn hears_since(&self, _now: Duration) {}

    #[inline(always)]
    pub(crate) const fn queue(&self, _length: usize) {}

    #[inline(always)]
    pub(crate) const fn bump(&self, _reason: Bump) {}
}
