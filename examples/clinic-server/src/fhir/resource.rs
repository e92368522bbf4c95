//! The resources that are imported, reduced to what the clinic keeps of them.

use super::{
    Code, CodeableConcept, HumanName, Identifier, Kind, Period, Quantity, Reference, Text, When,
    datatype::redacted,
};
use serde::Deserialize;
use serde_json::value::RawValue;

macro_rules! resource {
    ($(#[$doc:meta])* $Type:ident { $($(#[$attribute:meta])* $field:ident: $type:ty,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Deserialize)]
        #[serde(rename_all = "camelCase")]
        pub struct $Type { $($(#[$attribute])* pub $field: $type,)* }
        redacted!($Type);
    };
}

resource! {
    /// A telephone number or an e-mail address.
    ContactPoint {
        /// `phone`, `email`, …
        #[serde(default)] system: Option<Code>,
        /// The number or address.
        #[serde(default)] value: Option<Text>,
    }
}
resource! {
    /// A postal address.
    Address {
        /// Street and number.
        #[serde(default)] line: Vec<Option<Text>>,
        /// The town.
        #[serde(default)] city: Option<Text>,
        /// The state or region.
        #[serde(default)] state: Option<Text>,
        /// The postal code.
        #[serde(default)] postal_code: Option<Text>,
        /// The country.
        #[serde(default)] country: Option<Text>,
    }
}
resource! {
    /// <https://hl7.org/fhir/R4/organization.html>
    Organization {
        /// Whether it still exists.
        #[serde(default)] active: Option<bool>,
        /// Its name.
        #[serde(default)] name: Option<Text>,
        /// Its numbers.
        #[serde(default)] identifier: Vec<Identifier>,
        /// How to reach it.
        #[serde(default)] telecom: Vec<ContactPoint>,
        /// Where it is.
        #[serde(default)] address: Vec<Address>,
    }
}
resource! {
    /// <https://hl7.org/fhir/R4/practitioner.html>
    Practitioner {
        /// Whether they still practise.
        #[serde(default)] active: Option<bool>,
        /// Their names.
        #[serde(default)] name: Vec<HumanName>,
        /// Their licence numbers.
        #[serde(default)] identifier: Vec<Identifier>,
        /// How to reach them.
        #[serde(default)] telecom: Vec<ContactPoint>,
        /// Their administrative gender.
        #[serde(default)] gender: Option<Code>,
    }
}
resource! {
    /// <https://hl7.org/fhir/R4/patient.html>
    Patient {
        /// Whether the record is in use.
        #[serde(default)] active: Option<bool>,
        /// Their names.
        #[serde(default)] name: Vec<HumanName>,
        /// Their record numbers.
        #[serde(default)] identifier: Vec<Identifier>,
        /// How to reach them.
        #[serde(default)] telecom: Vec<ContactPoint>,
        /// Their administrative gender.
        #[serde(default)] gender: Option<Code>,
        /// When they were born.
        #[serde(default)] birth_date: Option<When>,
        /// Whether they died.
        #[serde(default)] deceased_boolean: Option<bool>,
        /// When they died.
        #[serde(default)] deceased_date_time: Option<When>,
        /// Where they live.
        #[serde(default)] address: Vec<Address>,
    }
}
resource! {
    /// Somebody who took part in an encounter.
    Participant {
        /// Who.
        #[serde(default)] individual: Option<Reference>,
    }
}
resource! {
    /// <https://hl7.org/fhir/R4/encounter.html>
    Encounter {
        /// `planned`, `in-progress`, `finished`, …
        status: Code,
        /// Ambulatory, inpatient, emergency, …
        class: super::Coding,
        /// What kind of visit.
        #[serde(default, rename = "type")] types: Vec<CodeableConcept>,
        /// The patient.
        #[serde(default)] subject: Option<Reference>,
        /// Who took part.
        #[serde(default)] participant: Vec<Participant>,
        /// From when to when.
        #[serde(default)] period: Option<Period>,
        /// Why.
        #[serde(default)] reason_code: Vec<CodeableConcept>,
        /// The hospital or practice.
        #[serde(default)] service_provider: Option<Reference>,
    }
}
resource! {
    /// <https://hl7.org/fhir/R4/condition.html>
    Condition {
        /// `active`, `resolved`, …
        #[serde(default)] clinical_status: Option<CodeableConcept>,
        /// `confirmed`, `refuted`, …
        #[serde(default)] verification_status: Option<CodeableConcept>,
        /// What it is.
        #[serde(default)] code: Option<CodeableConcept>,
        /// The patient.
        #[serde(default)] subject: Option<Reference>,
        /// The visit in which it was found.
        #[serde(default)] encounter: Option<Reference>,
        /// When it began.
        #[serde(default)] onset_date_time: Option<When>,
        /// When it ended.
        #[serde(default)] abatement_date_time: Option<When>,
        /// When it was written down.
        #[serde(default)] recorded_date: Option<When>,
    }
}
resource! {
    /// One part of an observation: the systolic pressure of a blood pressure.
    Component {
        /// What was measured.
        code: CodeableConcept,
        /// A measured amount.
        #[serde(default)] value_quantity: Option<Quantity>,
        /// A finding.
        #[serde(default)] value_codeable_concept: Option<CodeableConcept>,
        /// Words.
        #[serde(default)] value_string: Option<Text>,
    }
}
resource! {
    /// <https://hl7.org/fhir/R4/observation.html>
    Observation {
        /// `preliminary`, `final`, `amended`, …
        status: Code,
        /// `vital-signs`, `laboratory`, …
        #[serde(default)] category: Vec<CodeableConcept>,
        /// What was measured.
        code: CodeableConcept,
        /// The patient.
        #[serde(default)] subject: Option<Reference>,
        /// The visit.
        #[serde(default)] encounter: Option<Reference>,
        /// When it was true.
        #[serde(default)] effective_date_time: Option<When>,
        /// From when to when it was true.
        #[serde(default)] effective_period: Option<Period>,
        /// When the result was made known.
        #[serde(default)] issued: Option<When>,
        /// A measured amount.
        #[serde(default)] value_quantity: Option<Quantity>,
        /// A finding.
        #[serde(default)] value_codeable_concept: Option<CodeableConcept>,
        /// Words.
        #[serde(default)] value_string: Option<Text>,
        /// The parts.
        #[serde(default)] component: Vec<Component>,
    }
}
resource! {
    /// A text beside a coded fact: how to take a medicine, a note.
    ClinicalText {
        /// The text.
        #[serde(default)] text: Option<Text>,
    }
}
resource! {
    /// <https://hl7.org/fhir/R4/medicationrequest.html>
    MedicationRequest {
        /// `active`, `completed`, `stopped`, …
        status: Code,
        /// `order`, `plan`, …
        intent: Code,
        /// The medicine.
        #[serde(default)] medication_codeable_concept: Option<CodeableConcept>,
        /// The medicine, by reference: not followed.
        #[serde(default)] medication_reference: Option<Reference>,
        /// The patient.
        #[serde(default)] subject: Option<Reference>,
        /// The visit.
        #[serde(default)] encounter: Option<Reference>,
        /// When it was written.
        #[serde(default)] authored_on: Option<When>,
        /// Who prescribed it.
        #[serde(default)] requester: Option<Reference>,
        /// How to take it.
        #[serde(default)] dosage_instruction: Vec<ClinicalText>,
    }
}
resource! {
    /// <https://hl7.org/fhir/R4/allergyintolerance.html>
    AllergyIntolerance {
        /// `active`, `inactive`, `resolved`.
        #[serde(default)] clinical_status: Option<CodeableConcept>,
        /// `unconfirmed`, `confirmed`, `refuted`, …
        #[serde(default)] verification_status: Option<CodeableConcept>,
        /// `low`, `high`, `unable-to-assess`.
        #[serde(default)] criticality: Option<Code>,
        /// What the patient does not bear.
        #[serde(default)] code: Option<CodeableConcept>,
        /// The patient.
        #[serde(default)] patient: Option<Reference>,
        /// The visit.
        #[serde(default)] encounter: Option<Reference>,
        /// When it began.
        #[serde(default)] onset_date_time: Option<When>,
        /// When it was written down.
        #[serde(default)] recorded_date: Option<When>,
    }
}
resource! {
    /// <https://hl7.org/fhir/R4/procedure.html>
    Procedure {
        /// `in-progress`, `completed`, `not-done`, …
        status: Code,
        /// What was done.
        #[serde(default)] code: Option<CodeableConcept>,
        /// The patient.
        #[serde(default)] subject: Option<Reference>,
        /// The visit.
        #[serde(default)] encounter: Option<Reference>,
        /// When.
        #[serde(default)] performed_date_time: Option<When>,
        /// From when to when.
        #[serde(default)] performed_period: Option<Period>,
    }
}
resource! {
    /// <https://hl7.org/fhir/R4/immunization.html>
    Immunization {
        /// `completed`, `not-done`.
        status: Code,
        /// The vaccine.
        vaccine_code: CodeableConcept,
        /// The patient.
        #[serde(default)] patient: Option<Reference>,
        /// The visit.
        #[serde(default)] encounter: Option<Reference>,
        /// When.
        #[serde(default)] occurrence_date_time: Option<When>,
        /// The vaccine's lot.
        #[serde(default)] lot_number: Option<Text>,
    }
}

/// What an observation found.
#[derive(Clone, Copy)]
pub enum ObservationValue<'o> {
    /// A measured amount.
    Quantity(&'o Quantity),
    /// A finding.
    Concept(&'o CodeableConcept),
    /// Words.
    Text(&'o Text),
}

impl std::fmt::Debug for ObservationValue<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ObservationValue(..)")
    }
}

fn value<'o>(
    quantity: Option<&'o Quantity>,
    concept: Option<&'o CodeableConcept>,
    text: Option<&'o Text>,
) -> Option<ObservationValue<'o>> {
    let concept = || concept.map(ObservationValue::Concept);
    quantity.map(ObservationValue::Quantity).or_else(concept).or_else(|| text.map(ObservationValue::Text))
}

impl Observation {
    /// What it found, when that is one of the forms that are kept.
    #[must_use]
    pub fn value(&self) -> Option<ObservationValue<'_>> {
        value(self.value_quantity.as_ref(), self.value_codeable_concept.as_ref(), self.value_string.as_ref())
    }

    /// When it was true.
    #[must_use]
    pub fn effective(&self) -> Option<When> {
        self.effective_date_time.or_else(|| self.effective_period.as_ref()?.start).or(self.issued)
    }
}

impl Component {
    /// What it found.
    #[must_use]
    pub fn value(&self) -> Option<ObservationValue<'_>> {
        value(self.value_quantity.as_ref(), self.value_codeable_concept.as_ref(), self.value_string.as_ref())
    }
}

impl Procedure {
    /// When it was done, or begun.
    #[must_use]
    pub fn performed(&self) -> Option<When> {
        self.performed_date_time.or_else(|| self.performed_period.as_ref()?.start)
    }
}

/// A resource of a supported type.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Resource {
    /// A hospital or practice.
    Organization(Organization),
    /// Somebody who treats.
    Practitioner(Practitioner),
    /// Somebody who is treated.
    Patient(Box<Patient>),
    /// A visit.
    Encounter(Box<Encounter>),
    /// A diagnosis or problem.
    Condition(Box<Condition>),
    /// A measurement or finding.
    Observation(Box<Observation>),
    /// A prescription.
    MedicationRequest(Box<MedicationRequest>),
    /// An allergy.
    AllergyIntolerance(Box<AllergyIntolerance>),
    /// Something that was done.
    Procedure(Box<Procedure>),
    /// A vaccination.
    Immunization(Box<Immunization>),
}

impl Resource {
    /// Reads a resource of a known kind.
    pub(super) fn read(kind: Kind, raw: &RawValue) -> Result<Self, serde_json::Error> {
        let json = raw.get();
        Ok(match kind {
            Kind::Organization => Self::Organization(serde_json::from_str(json)?),
            Kind::Practitioner => Self::Practitioner(serde_json::from_str(json)?),
            Kind::Patient => Self::Patient(serde_json::from_str(json)?),
            Kind::Encounter => Self::Encounter(serde_json::from_str(json)?),
            Kind::Condition => Self::Condition(serde_json::from_str(json)?),
            Kind::Observation => Self::Observation(serde_json::from_str(json)?),
            Kind::MedicationRequest => Self::MedicationRequest(serde_json::from_str(json)?),
            Kind::AllergyIntolerance => Self::AllergyIntolerance(serde_json::from_str(json)?),
            Kind::Procedure => Self::Procedure(serde_json::from_str(json)?),
            Kind::Immunization => Self::Immunization(serde_json::from_str(json)?),
        })
    }

    /// Whose chart it belongs to, for kinds that belong to one.
    #[must_use]
    pub fn subject(&self) -> Option<&Reference> {
        match self {
            Self::Organization(_) | Self::Practitioner(_) | Self::Patient(_) => None,
            Self::Encounter(r) => r.subject.as_ref(),
            Self::Condition(r) => r.subject.as_ref(),
            Self::Observation(r) => r.subject.as_ref(),
            Self::MedicationRequest(r) => r.subject.as_ref(),
            Self::AllergyIntolerance(r) => r.patient.as_ref(),
            Self::Procedure(r) => r.subject.as_ref(),
            Self::Immunization(r) => r.patient.as_ref(),
        }
    }

    /// Whether its author declared it a mistake: such a record says nothing true.
    pub(super) fn entered_in_error(&self) -> bool {
        const MISTAKE: &str = "entered-in-error";
        let verified = |status: &Option<CodeableConcept>| status.as_ref().is_some_and(|s| s.has(MISTAKE));
        match self {
            Self::Organization(_) | Self::Practitioner(_) | Self::Patient(_) => false,
            Self::Condition(r) => verified(&r.verification_status),
            Self::AllergyIntolerance(r) => verified(&r.verification_status),
            Self::Encounter(r) => r.status.as_str() == MISTAKE,
            Self::Observation(r) => r.status.as_str() == MISTAKE,
            Self::MedicationRequest(r) => r.status.as_str() == MISTAKE,
            Self::Procedure(r) => r.status.as_str() == MISTAKE,
            Self::Immunization(r) => r.status.as_str() == MISTAKE,
        }
    }
}
