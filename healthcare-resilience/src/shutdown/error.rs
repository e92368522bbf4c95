/// The shutdown cannot be built as described.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ShutdownConfigError {
    /// Nothing to stop.
    #[error("a shutdown needs a stage: add one with stage(name, deadline)")]
    NoStage,
    /// Two stages with one name.
    #[error("stage {name} is there twice: give each stage a name of its own")]
    NameTaken {
        /// The name.
        name: &'static str,
    },
    /// More stages than anyone can keep in order.
    #[error("more than {max} stages: join some")]
    TooManyStages {
        /// The limit.
        max: usize,
    },
}

/// No stage of that name was described.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no stage {name}: add it where the shutdown is built")]
pub struct UnknownStage {
    pub(crate) name: &'static str,
}

/// The stage takes no new work: the program is shutting down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("stage {stage} is shutting down and takes no new work: try another instance")]
pub struct Stopping {
    pub(crate) stage: &'static str,
}

/// The work was dropped because the deadline of its stage passed. It may have had effects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("cut off by the shutdown of stage {stage}: give the stage more time, or shorten the work")]
pub struct CutOff {
    pub(crate) stage: &'static str,
}
