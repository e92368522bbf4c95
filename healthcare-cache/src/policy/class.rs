use std::time::Duration;

/// How fast a kind of value changes: the lives to begin with, each with its reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TtlClass {
    /// 24 hours: code lists and catalogues, which change with a release.
    Static,
    /// One hour: a clinic's settings and opening hours, which its staff change now and then and expect to see the same day.
    Clinic,
    /// 30 minutes: a patient's master data. About the length of a visit, in which it is read again and again.
    Patient,
    /// 5 minutes: appointments, which move during the day; a list that is older makes people ask twice.
    Appointment,
    /// One minute: what is looked at in an emergency. A burst of readers is served, and no more than that.
    Emergency,
    /// Not kept: monitors, waiting rooms, free slots. Each call loads for itself, for even a load that is under way is older
    /// than the question.
    RealTime,
}

impl TtlClass {
    /// All classes, longest life first.
    pub const ALL: [Self; 6] =
        [Self::Static, Self::Clinic, Self::Patient, Self::Appointment, Self::Emergency, Self::RealTime];

    /// In one word, as statistics and metrics write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Static => "static",
            Self::Clinic => "clinic",
            Self::Patient => "patient",
            Self::Appointment => "appointment",
            Self::Emergency => "emergency",
            Self::RealTime => "real_time",
        }
    }

    /// The longest that a value of this class is served after its load began; zero when it is not kept.
    #[must_use]
    pub const fn life(self) -> Duration {
        Duration::from_secs(match self {
            Self::Static => 24 * 3_600,
            Self::Clinic => 3_600,
            Self::Patient => 30 * 60,
            Self::Appointment => 5 * 60,
            Self::Emergency => 60,
            Self::RealTime => 0,
        })
    }
}
