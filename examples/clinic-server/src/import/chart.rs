//! A patient with everything that belongs to them.

use super::bundle::Importer;
use healthcare_core::{
    AccessError, AllergyIntolerance, Appointment, Change, Condition, Create, Encounter, Id, Immunization,
    MedicationRequest, Observation, Patient, Procedure, Record,
};

/// The rows of one patient in one bundle.
pub(super) struct PatientRows {
    pub(super) patient: Id<Patient>,
    /// Absent when the bundle only adds to a patient who is stored.
    pub(super) person: Option<Patient>,
    pub(super) encounters: Vec<Encounter>,
    pub(super) appointments: Vec<Appointment>,
    pub(super) conditions: Vec<Condition>,
    pub(super) observations: Vec<Observation>,
    pub(super) medications: Vec<MedicationRequest>,
    pub(super) allergies: Vec<AllergyIntolerance>,
    pub(super) procedures: Vec<Procedure>,
    pub(super) immunizations: Vec<Immunization>,
}

impl PatientRows {
    /// No rows yet.
    pub(super) const fn of(patient: Id<Patient>) -> Self {
        Self {
            patient,
            person: None,
            encounters: Vec::new(),
            appointments: Vec::new(),
            conditions: Vec::new(),
            observations: Vec::new(),
            medications: Vec::new(),
            allergies: Vec::new(),
            procedures: Vec::new(),
            immunizations: Vec::new(),
        }
    }

    /// Puts what is left into a change.
    fn push_all<T: Record>(self, change: &mut Change<T>) -> Result<(), AccessError> {
        self.encounters.into_iter().try_for_each(|row| change.push(row))?;
        // They lie in the past: no claim goes with them.
        self.appointments.into_iter().try_for_each(|row| change.push(row))?;
        self.conditions.into_iter().try_for_each(|row| change.push(row))?;
        self.observations.into_iter().try_for_each(|row| change.push(row))?;
        self.medications.into_iter().try_for_each(|row| change.push(row))?;
        self.allergies.into_iter().try_for_each(|row| change.push(row))?;
        self.procedures.into_iter().try_for_each(|row| change.push(row))?;
        self.immunizations.into_iter().try_for_each(|row| change.push(row))
    }
}

/// Takes the first row there is and makes it the one the change is about: patients who are stored have no row of their own here.
macro_rules! rooted {
    ($importer:ident, $rows:ident, $subject:ident, [$($part:ident),*]) => {
        $(if !$rows.$part.is_empty() {
            let first = $rows.$part.remove(0);
            let grant = $importer.app.gate.open($importer.context, Create::about(first.id(), $subject)).await?;
            let mut change = grant.fill_absent(first).await?;
            $rows.push_all(&mut change)?;
            let committed = $importer.app.stores.chart.commit(change).await?;
            $importer.report.committed(&committed);
            return Ok(());
        })*
    };
}

impl Importer<'_> {
    /// Stores them in one transaction.
    pub(super) async fn store_chart(&mut self, mut rows: PatientRows) -> Result<(), AccessError> {
        let subject = rows.patient.as_uuid();
        if let Some(person) = rows.person.take() {
            let grant = self.app.gate.open(self.context, Create::new(person.id())).await?;
            let mut change = grant.fill_absent(person).await?;
            rows.push_all(&mut change)?;
            let committed = self.app.stores.patients.commit(change).await?;
            self.report.committed(&committed);
            return Ok(());
        }
        rooted!(
            self,
            rows,
            subject,
            [encounters, conditions, observations, medications, allergies, procedures, immunizations]
        );
        Ok(())
    }
}
