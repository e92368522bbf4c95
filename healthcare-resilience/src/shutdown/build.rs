use super::{Shutdown, ShutdownConfigError, Stage};
use std::time::Duration;

/// More stages than this are a mistake.
const STAGES_MAX: usize = 32;

/// Describes a [`Shutdown`].
#[derive(Debug, Default)]
#[must_use = "call build()"]
pub struct ShutdownBuilder {
    notice: Duration,
    stages: Vec<(&'static str, Duration)>,
}

impl ShutdownBuilder {
    /// How long the program goes on serving after the shutdown began, with readiness already false, so that
    /// load balancers stop sending before the listener closes. Zero when never called.
    pub const fn notice(mut self, notice: Duration) -> Self {
        self.notice = notice;
        self
    }

    /// Adds a stage behind those already added. What is in flight `deadline` after the stage was told to stop
    /// is cut off.
    pub fn stage(mut self, name: &'static str, deadline: Duration) -> Self {
        self.stages.push((name, deadline));
        self
    }

    /// The shutdown.
    ///
    /// # Errors
    /// [`ShutdownConfigError`] when there is no stage, when there are more than 32, or when two have one name.
    pub fn build(self) -> Result<Shutdown, ShutdownConfigError> {
        if self.stages.is_empty() {
            return Err(ShutdownConfigError::NoStage);
        }
        if self.stages.len() > STAGES_MAX {
            return Err(ShutdownConfigError::TooManyStages { max: STAGES_MAX });
        }
        let mut stages: Vec<Stage> = Vec::with_capacity(self.stages.len());
        for (name, deadline) in self.stages {
            if stages.iter().any(|stage| stage.name() == name) {
                return Err(ShutdownConfigError::NameTaken { name });
            }
            stages.push(Stage::new(name, deadline));
        }
        Ok(Shutdown::new(self.notice, stages))
    }
}
