//! One appointment on the board: what is shown of it, and which steps are offered.

use super::{
    diary::Diary,
    nav,
    view::{BoardRow, Shown, StepButton},
};
use crate::App;
use healthcare_core::{
    Action, Actor, Appointment, AppointmentStatus as Status, Id, Patient, Record, Released, Step, appointment,
};
use healthcare_rbac::policy::Reach;
use jiff::Timestamp;
use std::collections::HashMap;

/// Who looks at the board, and what they need to see a row.
pub(super) struct Reader<'r> {
    now: Timestamp,
    diary: &'r Diary,
    names: &'r HashMap<Id<Patient>, Shown>,
    /// Whether their role moves appointments on.
    steps: bool,
    /// Whether they come as a patient: visits are the clinic's to take down.
    patient: bool,
    charts: bool,
}

impl<'r> Reader<'r> {
    pub(super) fn of(
        app: &App,
        actor: &Actor,
        now: Timestamp,
        diary: &'r Diary,
        names: &'r HashMap<Id<Patient>, Shown>,
    ) -> Self {
        let reaches = |kind, action| nav::reach(app, actor, kind, action) > Reach::Nothing;
        Self {
            now,
            diary,
            names,
            steps: reaches(Appointment::KIND, Action::Update),
            patient: actor.profile().is_some_and(|profile| profile.kind == Patient::KIND),
            charts: reaches(Patient::KIND, Action::ReadChart),
        }
    }
}

/// A row.
pub(super) fn row(appointment: &Released<Appointment>, reader: &Reader<'_>) -> BoardRow {
    let clock = |at: Timestamp| at.to_zoned(appointment.zone.as_jiff().clone()).strftime("%H:%M").to_string();
    let patient = appointment.subject().map(Id::<Patient>::from_uuid);
    let (status, tone) = said(appointment.status, appointment.confirmed);
    let steps = if reader.steps { steps(appointment, reader) } else { Vec::new() };
    let ahead = [Step::CheckIn, Step::Start, Step::Complete];
    let next = steps.iter().copied().find(|step| ahead.contains(step));
    BoardRow {
        id: appointment.id().to_string(),
        version: appointment.version(),
        with: appointment.practitioner_id.to_string(),
        place: appointment.starts.as_second(),
        from: clock(appointment.starts),
        until: clock(appointment.ends),
        patient: patient.and_then(|id| reader.names.get(&id).cloned()).unwrap_or(Shown::Hidden),
        chart: patient.filter(|_| reader.charts).map(|id| format!("/patients/{id}")),
        service: appointment
            .reveal(appointment::ServiceCode)
            .map_or(Shown::Hidden, |code| Shown::Value(reader.diary.service(code))),
        note: appointment.reveal(appointment::Note).ok().cloned().flatten(),
        status,
        tone,
        next: next.map(button),
        may_cancel: steps.contains(&Step::Cancel),
        others: steps
            .into_iter()
            .filter(|step| Some(*step) != next && *step != Step::Cancel)
            .map(button)
            .collect(),
    }
}

/// What its state permits and its reader may do.
fn steps(appointment: &Released<Appointment>, reader: &Reader<'_>) -> Vec<Step> {
    let offered = [Step::CheckIn, Step::Start, Step::Complete, Step::Confirm, Step::NoShow, Step::Cancel];
    let makes_sense = |step: &Step| match step {
        Step::Confirm => !appointment.confirmed,
        Step::NoShow => !reader.patient && appointment.starts <= reader.now,
        Step::CheckIn | Step::Start | Step::Complete => !reader.patient,
        _ => true,
    };
    offered.into_iter().filter(|step| appointment.status.after(*step).is_ok() && makes_sense(step)).collect()
}

const fn button(step: Step) -> StepButton {
    let label = match step {
        Step::Confirm => "Confirm",
        Step::CheckIn => "Check in",
        Step::Start => "Start",
        Step::Complete => "Complete",
        Step::Cancel => "Cancel",
        Step::Reschedule => "Move",
        Step::NoShow => "Did not come",
        other => other.as_str(),
    };
    StepButton { step: step.as_str(), label }
}

/// A state in words, and how it looks.
const fn said(status: Status, confirmed: bool) -> (&'static str, &'static str) {
    match status {
        Status::Proposed => ("Proposed", "open"),
        Status::Pending => ("Held", "open"),
        Status::Booked if confirmed => ("Confirmed", "open"),
        Status::Booked => ("Booked", "open"),
        Status::Arrived => ("Arrived", "waiting"),
        Status::CheckedIn => ("Waiting", "waiting"),
        Status::InProgress => ("Being seen", "busy"),
        Status::Fulfilled => ("Done", "over"),
        Status::Cancelled => ("Cancelled", "off"),
        Status::NoShow => ("Did not come", "off"),
        Status::Waitlist => ("On the waiting list", "open"),
        Status::EnteredInError => ("Entered in error", "off"),
        other => (other.as_str(), "open"),
    }
}
