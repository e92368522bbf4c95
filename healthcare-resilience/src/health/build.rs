use super::{Check, Component, Condition, Health, Unhealthy, component::Watched};
use crate::{Shutdown, Start};
use std::{future::Future, time::Duration};

const CHECKS_MAX: usize = 64;
const COMPONENTS_MAX: usize = 256;
/// Long enough to keep probes off the database, short enough for a load balancer.
const KEEP: Duration = Duration::from_secs(1);
const KEEP_MIN: Duration = Duration::from_millis(100);

/// The checks cannot be built as described.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HealthConfigError {
    /// Two checks with one name.
    #[error("check {name} is there twice: give each check a name of its own")]
    NameTaken {
        /// The name.
        name: &'static str,
    },
    /// A check without time to answer would always fail.
    #[error("check {name} has no time to answer: give it a deadline above zero")]
    NoTime {
        /// The name.
        name: &'static str,
    },
    /// Whoever may see a health page could make the checks run as fast as they can.
    #[error("results are kept for less than {min:?}: keep them longer")]
    KeptTooShortly {
        /// The least.
        min: Duration,
    },
    /// More checks than a probe should run.
    #[error("more than {max} checks: join some")]
    TooManyChecks {
        /// The limit.
        max: usize,
    },
    /// Two components of one kind with one name.
    #[error("{kind} {name} is there twice: give each a name of its own")]
    ComponentTaken {
        /// The kind.
        kind: &'static str,
        /// The name.
        name: &'static str,
    },
    /// More components than a page should show.
    #[error("more than {max} components: leave some out")]
    TooManyComponents {
        /// The limit.
        max: usize,
    },
}

/// Describes a [`Health`].
#[derive(Debug)]
#[must_use = "call build()"]
pub struct HealthBuilder {
    pub(super) checks: Vec<Check>,
    pub(super) components: Vec<Box<dyn Component>>,
    pub(super) keep: Duration,
    pub(super) start: Option<Start>,
    pub(super) shutdown: Option<Shutdown>,
}

impl Default for HealthBuilder {
    fn default() -> Self {
        Self { checks: Vec::new(), components: Vec::new(), keep: KEEP, start: None, shutdown: None }
    }
}

impl HealthBuilder {
    /// Adds a check without which the program is not ready.
    ///
    /// `ask` makes a fresh future each time; it is dropped at `deadline` and counts as failed then, as it does
    /// when it panics.
    pub fn required<A, F>(self, name: &'static str, deadline: Duration, ask: A) -> Self
    where
        A: Fn() -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), Unhealthy>> + Send + 'static,
    {
        self.add(Check::new(name, true, deadline, ask))
    }

    /// Adds a check without which the program is degraded but serves.
    pub fn optional<A, F>(self, name: &'static str, deadline: Duration, ask: A) -> Self
    where
        A: Fn() -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), Unhealthy>> + Send + 'static,
    {
        self.add(Check::new(name, false, deadline, ask))
    }

    /// Adds something that knows its own condition: a clone of a circuit breaker's handle. It can degrade the program,
    /// not take it out of service.
    pub fn component(mut self, component: impl Component) -> Self {
        self.components.push(Box::new(component));
        self
    }

    /// As [`component`](Self::component), from a closure. It is called on every probe and must not wait.
    ///
    /// ```
    /// use healthcare_resilience::{Condition, Health};
    /// let waiting = || 3; // as a queue would tell
    /// let health = Health::builder()
    ///     .watch("queue", "letters", move || match waiting() {
    ///         0..100 => Condition::up("short").reading("waiting", waiting().into()),
    ///         _ => Condition::degraded("long"),
    ///     })
    ///     .build()?;
    /// # Ok::<(), healthcare_resilience::HealthConfigError>(())
    /// ```
    pub fn watch<C>(self, kind: &'static str, name: &'static str, condition: C) -> Self
    where
        C: Fn() -> Condition + Send + Sync + 'static,
    {
        self.component(Watched { kind, name, condition })
    }

    /// How long a result is used again before the check runs anew, a tenth of a second or more: anybody may ask an open
    /// health page. One second when never called.
    pub const fn keep(mut self, keep: Duration) -> Self {
        self.keep = keep;
        self
    }

    /// Not ready before this start is [ready](Start::ready).
    pub fn start(mut self, start: &Start) -> Self {
        self.start = Some(start.clone());
        self
    }

    /// Not ready from the moment this shutdown begins.
    pub fn shutdown(mut self, shutdown: &Shutdown) -> Self {
        self.shutdown = Some(shutdown.clone());
        self
    }

    /// The health.
    ///
    /// # Errors
    /// [`HealthConfigError`] when a name is there twice, a deadline is zero, results are kept too shortly, or there are more than 64 checks or 256
    /// components.
    pub fn build(self) -> Result<Health, HealthConfigError> {
        if self.checks.len() > CHECKS_MAX {
            return Err(HealthConfigError::TooManyChecks { max: CHECKS_MAX });
        }
        if self.keep < KEEP_MIN {
            return Err(HealthConfigError::KeptTooShortly { min: KEEP_MIN });
        }
        for (at, check) in self.checks.iter().enumerate() {
            let name = check.name();
            if self.checks.iter().take(at).any(|earlier| earlier.name() == name) {
                return Err(HealthConfigError::NameTaken { name });
            }
            if check.deadline().is_zero() {
                return Err(HealthConfigError::NoTime { name });
            }
        }
        if self.components.len() > COMPONENTS_MAX {
            return Err(HealthConfigError::TooManyComponents { max: COMPONENTS_MAX });
        }
        for (at, component) in self.components.iter().enumerate() {
            let (kind, name) = (component.kind(), component.name());
            if self.components.iter().take(at).any(|it| (it.kind(), it.name()) == (kind, name)) {
                return Err(HealthConfigError::ComponentTaken { kind, name });
            }
        }
        Ok(Health::new(self))
    }

    fn add(mut self, check: Check) -> Self {
        self.checks.push(check);
        self
    }
}
