use std::{borrow::Cow, fmt};

/// One mistake, and what to write instead. It never repeats the value: a URL carries a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingProblem {
    /// The flag, the variable or the file.
    pub setting: Cow<'static, str>,
    /// What is wrong and what to set.
    pub problem: String,
}

impl SettingProblem {
    /// A mistake in this setting.
    #[must_use]
    pub fn new(setting: impl Into<Cow<'static, str>>, problem: impl fmt::Display) -> Self {
        Self { setting: setting.into(), problem: problem.to_string() }
    }
}

/// Every mistake in a configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct SettingErrors(pub Vec<SettingProblem>);

impl fmt::Display for SettingErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the configuration cannot be used:")?;
        self.0.iter().try_for_each(|problem| write!(f, "\n  {}: {}", problem.setting, problem.problem))
    }
}
