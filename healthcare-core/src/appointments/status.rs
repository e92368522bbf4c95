//! The state machine.

use crate::code_enum;

code_enum! {
    /// Where an appointment stands. The codes are FHIR R4 `appointmentstatus`, and `in-progress`, which FHIR shows as
    /// `checked-in` with an encounter in progress.
    pub enum AppointmentStatus {
        /// Asked for, no time yet.
        Proposed = "proposed",
        /// Held until confirmed.
        Pending = "pending",
        /// Agreed.
        Booked = "booked",
        /// The patient is in the house.
        Arrived = "arrived",
        /// The patient waits to be seen.
        CheckedIn = "checked-in",
        /// The patient is being seen.
        InProgress = "in-progress",
        /// It took place.
        Fulfilled = "fulfilled",
        /// It will not take place.
        Cancelled = "cancelled",
        /// The patient did not come.
        NoShow = "noshow",
        /// On the list for a place.
        Waitlist = "waitlist",
        /// It never should have been recorded.
        EnteredInError = "entered-in-error",
    }
}

code_enum! {
    /// What can be done with an appointment.
    pub enum Step {
        /// The patient or the clinic confirms.
        Confirm = "confirm",
        /// The patient is here.
        CheckIn = "check-in",
        /// The visit begins.
        Start = "start",
        /// The visit is over.
        Complete = "complete",
        /// It will not take place.
        Cancel = "cancel",
        /// It moves to another time.
        Reschedule = "reschedule",
        /// The patient did not come.
        NoShow = "no-show",
    }
}

/// The status does not permit the step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an appointment that is {from} cannot {step}")]
pub struct IllegalStep {
    /// The present status.
    pub from: AppointmentStatus,
    /// The step that was tried.
    pub step: Step,
}

impl AppointmentStatus {
    /// The status after a step.
    ///
    /// ```
    /// use healthcare_core::{AppointmentStatus as Status, Step};
    /// assert_eq!(Status::Booked.after(Step::CheckIn)?, Status::CheckedIn);
    /// assert!(Status::Fulfilled.after(Step::Cancel).is_err());
    /// # Ok::<(), healthcare_core::IllegalStep>(())
    /// ```
    ///
    /// # Errors
    /// [`IllegalStep`] when the status does not permit it.
    pub const fn after(self, step: Step) -> Result<Self, IllegalStep> {
        use AppointmentStatus as S;
        match (self, step) {
            (S::Pending | S::Booked, Step::Confirm) => Ok(S::Booked),
            (S::Pending, Step::Reschedule) => Ok(S::Pending),
            (S::Booked, Step::Reschedule) => Ok(S::Booked),
            (S::Booked | S::Arrived, Step::CheckIn) => Ok(S::CheckedIn),
            (S::CheckedIn, Step::Start) => Ok(S::InProgress),
            (S::InProgress, Step::Complete) => Ok(S::Fulfilled),
            (
                S::Proposed
                | S::Pending
                | S::Booked
                | S::Arrived
                | S::CheckedIn
                | S::InProgress
                | S::Waitlist,
                Step::Cancel,
            ) => Ok(S::Cancelled),
            (S::Booked | S::Arrived, Step::NoShow) => Ok(S::NoShow),
            (from, step) => Err(IllegalStep { from, step }),
        }
    }

    /// Whether the appointment holds its time against others.
    #[must_use]
    pub const fn claims_time(self) -> bool {
        matches!(self, Self::Pending | Self::Booked | Self::Arrived | Self::CheckedIn | Self::InProgress)
    }

    /// The code as FHIR R4 knows it.
    #[must_use]
    pub const fn fhir(self) -> &'static str {
        match self {
            Self::InProgress => "checked-in",
            other => other.as_str(),
        }
    }
}

impl Step {
    /// The domain event that tells of it.
    #[must_use]
    pub const fn event(self) -> &'static str {
        match self {
            Self::Confirm => "appointment.confirmed",
            Self::CheckIn => "appointment.checked-in",
            Self::Start => "appointment.started",
            Self::Complete => "appointment.completed",
            Self::Cancel => "appointment.cancelled",
            Self::Reschedule => "appointment.rescheduled",
            Self::NoShow => "appointment.no-show",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{AppointmentStatus as Status, Step};

    /// Written by hand from the table of the design: every status, every step.
    #[test]
    fn the_whole_table() {
        use Status::*;
        let legal = [
            (Pending, Step::Confirm, Booked),
            (Booked, Step::Confirm, Booked),
            (Pending, Step::Reschedule, Pending),
            (Booked, Step::Reschedule, Booked),
            (Booked, Step::CheckIn, CheckedIn),
            (Arrived, Step::CheckIn, CheckedIn),
            (CheckedIn, Step::Start, InProgress),
            (InProgress, Step::Complete, Fulfilled),
            (Proposed, Step::Cancel, Cancelled),
            (Pending, Step::Cancel, Cancelled),
            (Booked, Step::Cancel, Cancelled),
            (Arrived, Step::Cancel, Cancelled),
            (CheckedIn, Step::Cancel, Cancelled),
            (InProgress, Step::Cancel, Cancelled),
            (Waitlist, Step::Cancel, Cancelled),
            (Booked, Step::NoShow, NoShow),
            (Arrived, Step::NoShow, NoShow),
        ];
        for from in Status::ALL.iter().copied() {
            for step in Step::ALL.iter().copied() {
                let want = legal.iter().find(|(f, s, _)| (*f, *s) == (from, step)).map(|(_, _, to)| *to);
                assert_eq!(from.after(step).ok(), want, "{from} {step}");
            }
        }
    }

    #[test]
    fn what_is_over_stays_over() {
        for over in [Status::Fulfilled, Status::Cancelled, Status::NoShow, Status::EnteredInError] {
            assert!(!over.claims_time());
            assert!(Step::ALL.iter().all(|step| over.after(*step).is_err()), "{over}");
        }
    }
}
