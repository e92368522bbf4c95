use super::{Outcome, Reading};
use crate::RejectReason;
use std::time::Duration;

/// What one policy counts: nothing, because the feature `metrics` is off. Takes no memory and no time.
#[derive(Debug)]
pub(crate) struct PolicyMetrics;

impl PolicyMetrics {
    pub(crate) fn new(_kind: &'static str, _policy: &'static str) -> Self {
        Self
    }

    #[inline(always)]
    pub(crate) fn call(&self, _outcome: Outcome) {}

    #[inline(always)]
    pub(crate) fn rejected(&self, _reason: RejectReason) {}

    #[inline(always)]
    pub(crate) fn event(&self, _event: &'static str) {}

    #[inline(always)]
    pub(crate) fn took(&self, _time: Duration) {}

    #[inline(always)]
    pub(crate) fn set(&self, _reading: Reading, _value: f64) {}

    #[inline(always)]
    pub(crate) fn add(&self, _reading: Reading, _by: f64) {}
}
