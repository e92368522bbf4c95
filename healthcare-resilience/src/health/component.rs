use super::State;
use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
};

/// Something that knows its own condition without asking anyone: a circuit breaker, a bulkhead, a queue.
///
/// Unlike a check it is looked at on every probe, so it must not wait or block. And it degrades, but never makes the
/// program unready: were every instance taken out of service because a circuit is open, no call would come that could
/// close it. What the program cannot serve without is a required check.
pub trait Component: Send + Sync + 'static {
    /// What kind of thing it is: `breaker`, `queue`.
    fn kind(&self) -> &'static str;

    /// Its name, unique among its kind.
    fn name(&self) -> &'static str;

    /// How it is now.
    fn condition(&self) -> Condition;
}

/// How a [`Component`] is.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Condition {
    /// How well it works.
    pub state: State,
    /// The component's own word for it: `closed`, `half_open`.
    pub word: &'static str,
    /// What can be measured on it, by name.
    pub readings: Vec<(&'static str, f64)>,
    /// What kind of failure it saw last, in a fixed word.
    pub last_failure: Option<&'static str>,
}

impl Condition {
    /// All is well.
    #[must_use]
    pub const fn up(word: &'static str) -> Self {
        Self { state: State::Up, word, readings: Vec::new(), last_failure: None }
    }

    /// It works less well than it should, or not at all; the program serves without it.
    #[must_use]
    pub const fn degraded(word: &'static str) -> Self {
        Self { state: State::Degraded, word, readings: Vec::new(), last_failure: None }
    }

    /// Adds a measurement. The name says the unit: `open_seconds`.
    #[must_use]
    pub fn reading(mut self, name: &'static str, value: f64) -> Self {
        self.readings.push((name, value));
        self
    }

    /// Says what kind of failure it saw last: `transient`, never the error's own text.
    #[must_use]
    pub const fn last_failure(mut self, kind: &'static str) -> Self {
        self.last_failure = Some(kind);
        self
    }
}

/// What became of looking at a [`Component`].
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ComponentReport {
    /// What kind of thing it is.
    pub kind: &'static str,
    /// Its name.
    pub name: &'static str,
    /// How it is.
    pub condition: Condition,
}

impl ComponentReport {
    pub(crate) fn of(component: &dyn Component) -> Self {
        let condition = catch_unwind(AssertUnwindSafe(|| component.condition()));
        Self {
            kind: component.kind(),
            name: component.name(),
            condition: condition.unwrap_or_else(|_| Condition::degraded("panicked")),
        }
    }
}

/// A closure, as a component.
pub(crate) struct Watched<C> {
    pub(crate) kind: &'static str,
    pub(crate) name: &'static str,
    pub(crate) condition: C,
}

impl<C: Fn() -> Condition + Send + Sync + 'static> Component for Watched<C> {
    fn kind(&self) -> &'static str {
        self.kind
    }

    fn name(&self) -> &'static str {
        self.name
    }

    fn condition(&self) -> Condition {
        (self.condition)()
    }
}

impl fmt::Debug for dyn Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Component").field("kind", &self.kind()).field("name", &self.name()).finish()
    }
}
