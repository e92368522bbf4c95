//! Everything that is wrong with a configuration.

use std::fmt;

/// One mistake, and what to write instead. It never repeats the value: a URL carries a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigProblem {
    /// The flag or variable.
    pub setting: &'static str,
    /// What is wrong and what to set.
    pub problem: String,
}

impl ConfigProblem {
    pub(super) fn new(setting: &'static str, problem: impl fmt::Display) -> Self {
        Self { setting, problem: problem.to_string() }
    }
}

/// Every mistake in a configuration, in the order of the help text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ConfigErrors(pub Vec<ConfigProblem>);

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the configuration cannot be used:")?;
        self.0.iter().try_for_each(|problem| write!(f, "\n  {}: {}", problem.setting, problem.problem))
    }
}
