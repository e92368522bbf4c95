/// How much a call matters when not all can be served. Ordered: what matters more is greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Priority {
    /// Nobody waits for it: reports, exports, synchronisation.
    Background,
    /// What people do all day: booking, searching, billing.
    #[default]
    Normal,
    /// Care that is given now: prescriptions, results, the ward's lists.
    Clinical,
    /// A life may depend on it: alarms, allergies, access in an emergency. Shed last, and never dimmed.
    Emergency,
}

impl Priority {
    /// A short word for metrics and logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Background => "background",
            Self::Normal => "normal",
            Self::Clinical => "clinical",
            Self::Emergency => "emergency",
        }
    }
}

/// Tells how much a request matters: one [`Priority`] for all, or a rule `Fn(&R) -> Priority`.
///
/// Take it from the route and the verified session, not from a header that anybody can write.
pub trait Prioritize<R> {
    /// The priority of `request`.
    fn priority(&self, request: &R) -> Priority;
}

impl<R> Prioritize<R> for Priority {
    fn priority(&self, _: &R) -> Priority {
        *self
    }
}

impl<R, F: Fn(&R) -> Priority> Prioritize<R> for F {
    fn priority(&self, request: &R) -> Priority {
        self(request)
    }
}
