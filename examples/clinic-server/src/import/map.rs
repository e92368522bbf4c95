//! From FHIR to the clinic's records.

use crate::{
    fhir::{self, CodeableConcept, HumanName, Link, ObservationValue, When},
    seed::office_hours,
};
use healthcare_core::{
    AccessError, Address, AllergyIntolerance, Appointment, AppointmentStatus, ClinicId, Coded, Condition,
    Encounter, Gender, Id, Immunization, Interval, Location, Measure, MedicationRequest, Observation,
    Patient, Period, Phi, Practitioner, Procedure, Record, RecordNumber, ScopeKeys, Zone,
    allergy_intolerance, appointment, condition, encounter, immunization, location, medication_request,
    observation, patient, practitioner, procedure,
};
use jiff::{Timestamp, ToSpan};
use std::sync::Arc;

/// Makes records of one clinic.
pub(super) struct Mapper {
    pub(super) clinic: ClinicId,
    pub(super) keys: Arc<ScopeKeys>,
    /// Days and bare dates are those of the clinic's clocks.
    pub(super) zone: Zone,
    /// Where somebody works, and where a visit took place, when the source does not say.
    pub(super) home: Id<Location>,
}

type Who = (Id<Practitioner>, Option<Id<Location>>);

impl Mapper {
    /// The id that this resource gets in this clinic, whenever it is imported. It says nothing of the source's.
    pub(super) fn id<T: Record>(&self, link: &Link) -> Id<T> {
        Id::from_uuid(self.keys.source_id(T::KIND, link.id.as_str()))
    }

    fn instant(&self, when: Option<When>) -> Option<Timestamp> {
        when?.earliest(self.zone.as_jiff())
    }

    fn period(&self, start: Option<When>, end: Option<When>) -> Period {
        Period { start: self.instant(start), end: self.instant(end) }
    }

    fn span(&self, period: Option<&fhir::Period>) -> Period {
        period.map(|period| self.period(period.start, period.end)).unwrap_or_default()
    }

    pub(super) fn location(&self, link: &Link, organization: &fhir::Organization) -> Location {
        let plain = location::Plain {
            name: organization.name.as_ref().map_or("Unnamed", |name| name.as_str()).to_owned(),
            zone: self.zone.clone(),
            address: organization.address.first().map(one_line).filter(|line| !line.is_empty()),
            active: organization.active.unwrap_or(true),
        };
        Location::new(self.id(link), self.clinic, plain, location::Protected {})
    }

    pub(super) fn practitioner(
        &self,
        link: &Link,
        found: &fhir::Practitioner,
    ) -> Result<Practitioner, AccessError> {
        let name = HumanName::preferred(&found.name);
        let (family, given) = names(name);
        let plain = practitioner::Plain {
            family,
            given,
            prefix: name.map(HumanName::prefixes).filter(|prefix| !prefix.is_empty()),
            location_id: Some(self.home),
            hours: office_hours()?,
            active: found.active.unwrap_or(true),
        };
        Ok(Practitioner::new(self.id(link), self.clinic, plain, practitioner::Protected {}))
    }

    pub(super) fn patient(&self, link: &Link, found: &fhir::Patient) -> Patient {
        let (family, given) = names(HumanName::preferred(&found.name));
        let telecom = |system: &str| {
            let contact =
                found.telecom.iter().find(|c| c.system.as_ref().is_some_and(|s| s.as_str() == system))?;
            contact.value.as_ref().map(|value| value.as_str().trim().to_owned())
        };
        let zone = self.zone.as_jiff();
        let protected = patient::Protected {
            family: Phi::new(family),
            given: Phi::new(given),
            birth_date: Phi::new(found.birth_date.and_then(|born| born.day(zone))),
            gender: Phi::new(found.gender.as_ref().and_then(|gender| gender.as_str().parse::<Gender>().ok())),
            phone: Phi::new(telecom("phone").filter(|phone| phone.len() <= 40)),
            email: Phi::new(telecom("email").and_then(|email| email.parse().ok())),
            address: Phi::new(found.address.first().map(address)),
            record_number: Phi::new(record_number(&found.identifier)),
            deceased: Phi::new(found.deceased_date_time.and_then(|died| died.day(zone))),
        };
        let plain = patient::Plain { active: found.active.unwrap_or(true) };
        Patient::new(self.id(link), self.clinic, plain, protected)
    }

    pub(super) fn encounter(
        &self,
        link: &Link,
        found: &fhir::Encounter,
        patient: Id<Patient>,
        (who, place): Who,
    ) -> Encounter {
        let plain = encounter::Plain { practitioner_id: Some(who), location_id: place };
        let protected = encounter::Protected {
            status: Phi::new(found.status.as_str().to_owned()),
            class: Phi::new(found.class.code.as_ref().map(|code| code.as_str().to_owned())),
            kind: Phi::new(found.types.first().map(coded).unwrap_or_default()),
            period: Phi::new(self.span(found.period.as_ref())),
            reason: Phi::new(found.reason_code.first().map(coded)),
        };
        Encounter::new(self.id(link), self.clinic, patient, plain, protected)
    }

    /// The appointment that a visit was: one that took place, or was called off.
    pub(super) fn appointment(
        &self,
        link: &Link,
        found: &fhir::Encounter,
        patient: Id<Patient>,
        (who, place): Who,
    ) -> Option<Appointment> {
        let status = match found.status.as_str() {
            "finished" => AppointmentStatus::Fulfilled,
            "cancelled" => AppointmentStatus::Cancelled,
            _ => return None,
        };
        let Period { start, end } = self.span(found.period.as_ref());
        let start = start?;
        let quarter = start.checked_add(15.minutes()).ok()?;
        let interval =
            Interval::new(start, end.unwrap_or(quarter)).or_else(|_| Interval::new(start, quarter)).ok()?;
        let plain = appointment::Plain {
            practitioner_id: who,
            location_id: place.unwrap_or(self.home),
            status,
            confirmed: true,
            starts: interval.starts(),
            ends: interval.ends(),
            zone: self.zone.clone(),
        };
        let protected = appointment::Protected {
            service: Phi::new("visit".to_owned()),
            note: Phi::new(None),
            cancel_reason: Phi::new(None),
        };
        Some(Appointment::new(self.id(link), self.clinic, patient, plain, protected))
    }

    pub(super) fn condition(
        &self,
        link: &Link,
        found: &fhir::Condition,
        patient: Id<Patient>,
        encounter_id: Option<Id<Encounter>>,
    ) -> Condition {
        let protected = condition::Protected {
            code: Phi::new(found.code.as_ref().map(coded).unwrap_or_default()),
            clinical_status: Phi::new(code_of(found.clinical_status.as_ref())),
            verification_status: Phi::new(code_of(found.verification_status.as_ref())),
            onset: Phi::new(
                self.period(found.onset_date_time.or(found.recorded_date), found.abatement_date_time),
            ),
        };
        Condition::new(self.id(link), self.clinic, patient, condition::Plain { encounter_id }, protected)
    }

    pub(super) fn observation(
        &self,
        link: &Link,
        found: &fhir::Observation,
        patient: Id<Patient>,
        encounter_id: Option<Id<Encounter>>,
    ) -> Observation {
        let parts: Vec<_> = found
            .component
            .iter()
            .filter_map(|part| Some((coded(&part.code), measure(part.value()?)?)))
            .collect();
        let whole = found.value().and_then(measure);
        let value = whole.or_else(|| (!parts.is_empty()).then_some(Measure::Components(parts)));
        let protected = observation::Protected {
            status: Phi::new(found.status.as_str().to_owned()),
            category: Phi::new(code_of(found.category.first())),
            code: Phi::new(coded(&found.code)),
            value: Phi::new(value),
            effective: Phi::new(self.instant(found.effective())),
        };
        Observation::new(self.id(link), self.clinic, patient, observation::Plain { encounter_id }, protected)
    }

    pub(super) fn medication(
        &self,
        link: &Link,
        found: &fhir::MedicationRequest,
        patient: Id<Patient>,
        (encounter_id, practitioner_id): (Option<Id<Encounter>>, Option<Id<Practitioner>>),
    ) -> MedicationRequest {
        let protected = medication_request::Protected {
            status: Phi::new(found.status.as_str().to_owned()),
            intent: Phi::new(found.intent.as_str().to_owned()),
            medication: Phi::new(found.medication_codeable_concept.as_ref().map(coded).unwrap_or_default()),
            authored_on: Phi::new(self.instant(found.authored_on)),
        };
        let plain = medication_request::Plain { encounter_id, practitioner_id };
        MedicationRequest::new(self.id(link), self.clinic, patient, plain, protected)
    }

    pub(super) fn allergy(
        &self,
        link: &Link,
        found: &fhir::AllergyIntolerance,
        patient: Id<Patient>,
        encounter_id: Option<Id<Encounter>>,
    ) -> AllergyIntolerance {
        let protected = allergy_intolerance::Protected {
            code: Phi::new(found.code.as_ref().map(coded).unwrap_or_default()),
            clinical_status: Phi::new(code_of(found.clinical_status.as_ref())),
            verification_status: Phi::new(code_of(found.verification_status.as_ref())),
            criticality: Phi::new(found.criticality.as_ref().map(|code| code.as_str().to_owned())),
            recorded_on: Phi::new(self.instant(found.recorded_date.or(found.onset_date_time))),
        };
        let plain = allergy_intolerance::Plain { encounter_id };
        AllergyIntolerance::new(self.id(link), self.clinic, patient, plain, protected)
    }

    pub(super) fn procedure(
        &self,
        link: &Link,
        found: &fhir::Procedure,
        patient: Id<Patient>,
        encounter_id: Option<Id<Encounter>>,
    ) -> Procedure {
        let end = found.performed_period.as_ref().and_then(|period| period.end);
        let protected = procedure::Protected {
            status: Phi::new(found.status.as_str().to_owned()),
            code: Phi::new(found.code.as_ref().map(coded).unwrap_or_default()),
            performed: Phi::new(self.period(found.performed(), end)),
        };
        Procedure::new(self.id(link), self.clinic, patient, procedure::Plain { encounter_id }, protected)
    }

    pub(super) fn immunization(
        &self,
        link: &Link,
        found: &fhir::Immunization,
        patient: Id<Patient>,
        encounter_id: Option<Id<Encounter>>,
    ) -> Immunization {
        let protected = immunization::Protected {
            status: Phi::new(found.status.as_str().to_owned()),
            vaccine: Phi::new(coded(&found.vaccine_code)),
            occurred_on: Phi::new(self.instant(found.occurrence_date_time)),
        };
        Immunization::new(
            self.id(link),
            self.clinic,
            patient,
            immunization::Plain { encounter_id },
            protected,
        )
    }
}

fn names(name: Option<&HumanName>) -> (String, String) {
    let whole = |name: &HumanName| name.text.as_ref().map(|text| text.as_str().to_owned());
    let family = name.and_then(|name| {
        name.family.as_ref().map(|family| family.as_str().to_owned()).or_else(|| whole(name))
    });
    (family.unwrap_or_default(), name.map(HumanName::given_names).unwrap_or_default())
}

fn address(found: &fhir::Address) -> Address {
    let text = |text: &Option<fhir::Text>| text.as_ref().map(|text| text.as_str().to_owned());
    Address {
        lines: found.line.iter().flatten().map(|line| line.as_str().to_owned()).collect(),
        city: text(&found.city),
        state: text(&found.state),
        postal_code: text(&found.postal_code),
        country: text(&found.country),
    }
}

fn one_line(found: &fhir::Address) -> String {
    let Address { lines, city, state, postal_code, country } = address(found);
    let rest = [city, state, postal_code, country].into_iter().flatten();
    lines.into_iter().chain(rest).collect::<Vec<_>>().join(", ")
}

/// The number of type `MR` (medical record), or the first there is.
fn record_number(identifiers: &[fhir::Identifier]) -> Option<RecordNumber> {
    let is_record =
        |identifier: &&fhir::Identifier| identifier.kind.as_ref().is_some_and(|kind| kind.has("MR"));
    let value = |identifier: &fhir::Identifier| identifier.value.as_ref()?.as_str().parse().ok();
    identifiers.iter().filter(is_record).find_map(value)
}

fn coded(concept: &CodeableConcept) -> Coded {
    let first = concept.first();
    Coded {
        system: first.and_then(|coding| coding.system.as_ref()).map(|system| system.as_str().to_owned()),
        code: first.and_then(|coding| coding.code.as_ref()).map(|code| code.as_str().to_owned()),
        text: concept.words().map(str::to_owned),
    }
}

fn code_of(concept: Option<&CodeableConcept>) -> Option<String> {
    concept.and_then(CodeableConcept::code).map(str::to_owned)
}

/// What was measured. A quantity without a number says nothing.
fn measure(value: ObservationValue<'_>) -> Option<Measure> {
    match value {
        ObservationValue::Quantity(quantity) => {
            let unit = quantity
                .unit
                .as_ref()
                .map(|unit| unit.as_str())
                .or(quantity.code.as_ref().map(|code| code.as_str()));
            Some(Measure::Quantity {
                value: quantity.value.as_ref()?.as_str().to_owned(),
                comparator: quantity.comparator.as_ref().map(|comparator| comparator.as_str().to_owned()),
                unit: unit.map(str::to_owned),
            })
        }
        ObservationValue::Concept(concept) => Some(Measure::Concept(coded(concept))),
        ObservationValue::Text(text) => Some(Measure::Text(text.as_str().to_owned())),
    }
}
