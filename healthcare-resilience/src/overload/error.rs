/// An overload policy cannot be built as described.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{policy}: {setting} must be {allowed}")]
pub struct OverloadConfigError {
    policy: &'static str,
    setting: &'static str,
    allowed: &'static str,
}

impl OverloadConfigError {
    /// The name of the policy.
    #[must_use]
    pub const fn policy(&self) -> &'static str {
        self.policy
    }

    /// What was missing or out of range: the name of the builder's function.
    #[must_use]
    pub const fn setting(&self) -> &'static str {
        self.setting
    }
}

/// Checks the settings of the policy of that name.
pub(super) struct Check(pub(super) &'static str);

impl Check {
    /// `is_met` must be written so that no number (NaN) fails it.
    pub(super) const fn that(
        &self,
        is_met: bool,
        setting: &'static str,
        allowed: &'static str,
    ) -> Result<(), OverloadConfigError> {
        if is_met { Ok(()) } else { Err(OverloadConfigError { policy: self.0, setting, allowed }) }
    }

    pub(super) const fn share(&self, setting: &'static str, value: f64) -> Result<(), OverloadConfigError> {
        self.that(value > 0.0 && value <= 1.0, setting, "above 0 and at most 1")
    }
}
