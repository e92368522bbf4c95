use std::{borrow::Cow, time::Duration};

/// Events a subscriber may be behind unless told otherwise.
const QUEUE: usize = 256;
/// Shorter than the relay waits for a publish, so that who publishes learns the reason.
const LIMIT: Duration = Duration::from_secs(10);

/// What is promised to a subscriber.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Delivery {
    /// At least once: an event that was not handled comes again.
    Acknowledged,
    /// What the subscriber keeps up with; the rest is counted.
    BestEffort,
}

/// Who wants which events, and how.
///
/// ```
/// use healthcare_messaging::Subscription;
/// let reminders = Subscription::acknowledged("reminders").kind("appointment.booked").kind("appointment.cancelled");
/// let screen = Subscription::best_effort("waiting-room screen").kind("appointment.*").queue(16);
/// assert!(reminders.wants("appointment.booked") && !reminders.wants("appointment.completed"));
/// assert!(screen.wants("appointment.completed") && !screen.wants("patient.created"));
/// ```
#[derive(Debug, Clone)]
pub struct Subscription {
    name: &'static str,
    delivery: Delivery,
    kinds: Vec<Cow<'static, str>>,
    queue: usize,
    limit: Duration,
}

impl Subscription {
    /// A subscriber that must have every event of its kinds. `name` is its own, and the same after a restart.
    #[must_use]
    pub const fn acknowledged(name: &'static str) -> Self {
        Self::new(name, Delivery::Acknowledged)
    }

    /// A subscriber that may miss events, and is told how many.
    #[must_use]
    pub const fn best_effort(name: &'static str) -> Self {
        Self::new(name, Delivery::BestEffort)
    }

    const fn new(name: &'static str, delivery: Delivery) -> Self {
        Self { name, delivery, kinds: Vec::new(), queue: QUEUE, limit: LIMIT }
    }

    /// Only this kind, and others that are named: `appointment.booked`, or `appointment.*` for all that begin so.
    /// Every kind when never called.
    #[must_use]
    pub fn kind(mut self, kind: impl Into<Cow<'static, str>>) -> Self {
        self.kinds.push(kind.into());
        self
    }

    /// How many events may wait for the handler; 256 when never called, 1 to 65,536.
    #[must_use]
    pub const fn queue(mut self, events: usize) -> Self {
        self.queue = events;
        self
    }

    /// How long the handler may take for one event; 10 seconds when never called.
    #[must_use]
    pub const fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// The name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// What is promised.
    #[must_use]
    pub const fn delivery(&self) -> Delivery {
        self.delivery
    }

    /// How many events may wait.
    #[must_use]
    pub const fn queue_len(&self) -> usize {
        self.queue
    }

    /// How long the handler may take.
    #[must_use]
    pub const fn time_limit(&self) -> Duration {
        self.limit
    }

    /// Whether events of this kind are wanted.
    #[must_use]
    pub fn wants(&self, kind: &str) -> bool {
        self.kinds.is_empty()
            || self.kinds.iter().any(|wanted| match wanted.strip_suffix('*') {
                Some(start) => kind.starts_with(start),
                None => kind == wanted,
            })
    }
}
