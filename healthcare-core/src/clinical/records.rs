//! The records of a chart, after the FHIR R4 resources of the same names.

use super::{Coded, Measure, Period};
use crate::{Id, Location, Patient, Practitioner, record};
use jiff::Timestamp;

record! {
    /// A visit.
    pub struct Encounter in encounter = "encounter" {
        subject: Patient,
        plain {
            /// Who saw the patient: the relation that lets them read the chart.
            practitioner_id: Option<Id<Practitioner>>,
            /// Where.
            location_id: Option<Id<Location>>,
        },
        protected {
            /// FHIR `status`.
            Status = status: String,
            /// FHIR `class`: `AMB`, `EMER`, `IMP`.
            Class = class: Option<String>,
            /// What kind of visit.
            Kind = kind: Coded,
            /// When.
            When = period: Period,
            /// Why.
            Reason = reason: Option<Coded>,
        },
    }
}

record! {
    /// A problem or diagnosis.
    pub struct Condition in condition = "condition" {
        subject: Patient,
        plain {
            /// The visit it was found at.
            encounter_id: Option<Id<Encounter>>,
        },
        protected {
            /// What it is.
            Code = code: Coded,
            /// FHIR `clinicalStatus`: `active`, `resolved`.
            ClinicalStatus = clinical_status: Option<String>,
            /// FHIR `verificationStatus`.
            VerificationStatus = verification_status: Option<String>,
            /// Since when, and until when.
            Onset = onset: Period,
        },
    }
}

record! {
    /// Something that was measured or observed.
    pub struct Observation in observation = "observation" {
        subject: Patient,
        plain {
            /// The visit it was made at.
            encounter_id: Option<Id<Encounter>>,
        },
        protected {
            /// FHIR `status`.
            Status = status: String,
            /// FHIR `category`: `vital-signs`, `laboratory`.
            Category = category: Option<String>,
            /// What was observed.
            Code = code: Coded,
            /// What came out.
            Outcome = value: Option<Measure>,
            /// When.
            Effective = effective: Option<Timestamp>,
        },
    }
}

record! {
    /// A prescription.
    pub struct MedicationRequest in medication_request = "medication_request" {
        subject: Patient,
        plain {
            /// The visit it was written at.
            encounter_id: Option<Id<Encounter>>,
            /// Who wrote it.
            practitioner_id: Option<Id<Practitioner>>,
        },
        protected {
            /// FHIR `status`.
            Status = status: String,
            /// FHIR `intent`.
            Intent = intent: String,
            /// What is to be taken.
            Medication = medication: Coded,
            /// When it was written.
            AuthoredOn = authored_on: Option<Timestamp>,
        },
    }
}

record! {
    /// An allergy or intolerance.
    pub struct AllergyIntolerance in allergy_intolerance = "allergy_intolerance" {
        subject: Patient,
        plain {
            /// The visit it was found at.
            encounter_id: Option<Id<Encounter>>,
        },
        protected {
            /// To what.
            Code = code: Coded,
            /// FHIR `clinicalStatus`.
            ClinicalStatus = clinical_status: Option<String>,
            /// FHIR `verificationStatus`.
            VerificationStatus = verification_status: Option<String>,
            /// FHIR `criticality`: `low`, `high`.
            Criticality = criticality: Option<String>,
            /// When it was recorded.
            RecordedOn = recorded_on: Option<Timestamp>,
        },
    }
}

record! {
    /// Something that was done.
    pub struct Procedure in procedure = "procedure" {
        subject: Patient,
        plain {
            /// The visit it was done at.
            encounter_id: Option<Id<Encounter>>,
        },
        protected {
            /// FHIR `status`.
            Status = status: String,
            /// What was done.
            Code = code: Coded,
            /// When.
            Performed = performed: Period,
        },
    }
}

record! {
    /// A vaccination.
    pub struct Immunization in immunization = "immunization" {
        subject: Patient,
        plain {
            /// The visit it was given at.
            encounter_id: Option<Id<Encounter>>,
        },
        protected {
            /// FHIR `status`.
            Status = status: String,
            /// Which vaccine.
            Vaccine = vaccine: Coded,
            /// When.
            OccurredOn = occurred_on: Option<Timestamp>,
        },
    }
}
