use crate::{LoadError, Put};

/// What can happen to a cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Count {
    /// A read was served from memory.
    Hit,
    /// The same, with a value older than its `stale_after`.
    Stale,
    /// Memory knew that there is none.
    Absent,
    /// Memory had nothing to serve.
    Miss,
    /// Memory was not asked: the node is deaf.
    Bypass,
    /// An old value was given because a load failed.
    FailSafe,
    /// The shared tier had it.
    SharedHit,
    /// It did not.
    SharedMiss,
    /// Another node is loading it.
    SharedWait,
    /// The shared tier did not answer, or was not asked because it has not for a while.
    SharedError,
    /// What it had could not be opened.
    SharedUndecodable,
    /// A load brought a value.
    Loaded,
    /// A load found that there is none.
    LoadedAbsent,
    /// A load found the value unchanged.
    LoadedUnchanged,
    /// A load failed.
    LoadFailed,
    /// A load was dropped: its time was over, or the runtime shut down.
    LoadDropped,
    /// A load panicked.
    LoadPanicked,
    /// A load was not begun: too many were under way.
    LoadRefused,
    /// Memory kept what came.
    Stored,
    /// It did not: something was purged or barred meanwhile.
    StoreStale,
    /// It did not: the value is too large.
    StoreLarge,
    /// The shared tier kept what was loaded.
    SharedStored,
    /// It did not: something was purged or barred meanwhile.
    SharedStale,
    /// It did not: the value is too large.
    SharedLarge,
    /// An entry went for want of room.
    EvictedRoom,
    /// An entry went because its clinic added another.
    EvictedShare,
    /// An entry went because its time was over.
    EvictedAge,
}

impl Count {
    #[cfg(feature = "statistics")]
    pub(crate) const COUNT: usize = Self::EvictedAge as usize + 1;

    /// What became of a value in memory.
    pub(crate) const fn stored(put: Put) -> Self {
        match put {
            Put::Stored => Self::Stored,
            Put::Stale => Self::StoreStale,
            Put::TooLarge => Self::StoreLarge,
        }
    }

    /// What went wrong with a load.
    pub(crate) const fn failed(error: &LoadError) -> Self {
        match error {
            LoadError::TooMany => Self::LoadRefused,
            LoadError::Dropped(_) | LoadError::CutOff => Self::LoadDropped,
            LoadError::Panicked => Self::LoadPanicked,
            _ => Self::LoadFailed,
        }
    }
}

/// Why a node gave up all that its memory held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bump {
    /// A notice is missing.
    Gap,
    /// A sender fell silent.
    Silence,
    /// The link to the others was lost for a while.
    Reconnect,
    /// The generation rose: everything was purged somewhere.
    Generation,
    /// A notice could not be read.
    Undecodable,
    /// More is going on than is remembered.
    Overflow,
}

#[cfg(feature = "metrics")]
impl Bump {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Gap => "gap",
            Self::Silence => "silence",
            Self::Reconnect => "reconnect",
            Self::Generation => "generation",
            Self::Undecodable => "undecodable",
            Self::Overflow => "overflow",
        }
    }
}
