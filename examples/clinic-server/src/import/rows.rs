//! The rows of one person, or of nobody.

use super::map;
use crate::fhir::{self, Bundle, Kind, Link, Reference, Resource};
use healthcare_core::{
    AccessError, AllergyIntolerance, Appointment, AppointmentStatus, Change, ClinicId, Condition, Encounter,
    Id, Immunization, Interval, Location, MedicationRequest, Observation, Patient, Phi, Practitioner,
    Procedure, Record, ScopeKeys, WeeklyHours, Zone, allergy_intolerance, appointment, condition, encounter,
    immunization, location, medication_request, observation, patient, practitioner, procedure,
};
use jiff::{SignedDuration, Timestamp};

/// What every row of an import is made with.
pub(super) struct Maker<'i> {
    pub(super) keys: &'i ScopeKeys,
    pub(super) clinic: ClinicId,
    pub(super) zone: &'i Zone,
    pub(super) hours: &'i WeeklyHours,
    /// Where somebody works, or somebody was seen, when the source does not say.
    pub(super) location: Option<Id<Location>>,
    pub(super) now: Timestamp,
}

impl Maker<'_> {
    /// The id of what the source calls so, the same in every run.
    pub(super) fn id<T>(&self, link: &Link) -> Id<T> {
        Id::from_uuid(self.keys.source_id(link.kind.as_str(), link.id.as_str()))
    }

    fn linked<T>(&self, bundle: &Bundle, reference: Option<&Reference>, kind: Kind) -> Option<Id<T>> {
        reference.and_then(|reference| bundle.link(reference, kind)).map(|link| self.id(&link))
    }

    pub(super) fn location(&self, link: &Link, from: &fhir::Organization) -> Location {
        let plain = location::Plain {
            name: map::text(from.name.as_ref()).unwrap_or_else(|| "Unnamed".to_owned()),
            zone: self.zone.clone(),
            address: map::address_line(&from.address),
            active: from.active.unwrap_or(true),
        };
        Location::new(self.id(link), self.clinic, plain, location::Protected {})
    }

    pub(super) fn practitioner(&self, link: &Link, from: &fhir::Practitioner) -> Practitioner {
        let name = fhir::HumanName::preferred(&from.name);
        let plain = practitioner::Plain {
            family: name
                .and_then(|name| map::text(name.family.as_ref()))
                .unwrap_or_else(|| "Unnamed".to_owned()),
            given: name.map(fhir::HumanName::given_names).unwrap_or_default(),
            prefix: name.map(fhir::HumanName::prefixes).filter(|prefix| !prefix.is_empty()),
            location_id: self.location,
            hours: self.hours.clone(),
            active: from.active.unwrap_or(true),
        };
        Practitioner::new(self.id(link), self.clinic, plain, practitioner::Protected {})
    }

    pub(super) fn patient(&self, link: &Link, from: &fhir::Patient) -> Patient {
        let name = fhir::HumanName::preferred(&from.name);
        let whole = || name.and_then(|name| map::text(name.text.as_ref())).unwrap_or_default();
        let protected = patient::Protected {
            family: Phi::new(name.and_then(|name| map::text(name.family.as_ref())).unwrap_or_else(whole)),
            given: Phi::new(name.map(fhir::HumanName::given_names).unwrap_or_default()),
            birth_date: Phi::new(map::date(from.birth_date)),
            gender: Phi::new(map::gender(from.gender.as_ref())),
            phone: Phi::new(map::contact(&from.telecom, "phone")),
            email: Phi::new(map::contact(&from.telecom, "email").and_then(|email| email.parse().ok())),
            address: Phi::new(map::address(&from.address)),
            record_number: Phi::new(map::record_number(&from.identifier)),
            deceased: Phi::new(map::date(from.deceased_date_time)),
        };
        let plain = patient::Plain { active: from.active.unwrap_or(true) };
        Patient::new(self.id(link), self.clinic, plain, protected)
    }

    /// Adds a chart resource to a change about the same person.
    pub(super) fn push<T: Record>(
        &self,
        change: &mut Change<T>,
        bundle: &Bundle,
        person: Id<Patient>,
        (link, resource): (&Link, &Resource),
    ) -> Result<(), AccessError> {
        match resource {
            Resource::Encounter(from) => {
                let encounter = self.encounter(bundle, person, link, from);
                let past = self.past_appointment(person, link, from, &encounter);
                change.push(encounter)?;
                past.map_or(Ok(()), |appointment| change.push(appointment))
            }
            Resource::Condition(from) => change.push(self.condition(bundle, person, link, from)),
            Resource::Observation(from) => change.push(self.observation(bundle, person, link, from)),
            Resource::MedicationRequest(from) => change.push(self.medication(bundle, person, link, from)),
            Resource::AllergyIntolerance(from) => change.push(self.allergy(bundle, person, link, from)),
            Resource::Procedure(from) => change.push(self.procedure(bundle, person, link, from)),
            Resource::Immunization(from) => change.push(self.immunization(bundle, person, link, from)),
            Resource::Organization(_) | Resource::Practitioner(_) | Resource::Patient(_) => Ok(()),
        }
    }

    /// Who saw the patient: the first participant who is a practitioner.
    pub(super) fn seen_by(&self, bundle: &Bundle, from: &fhir::Encounter) -> Option<Id<Practitioner>> {
        from.participant
            .iter()
            .find_map(|part| self.linked(bundle, part.individual.as_ref(), Kind::Practitioner))
    }

    pub(super) fn encounter(
        &self,
        bundle: &Bundle,
        person: Id<Patient>,
        link: &Link,
        from: &fhir::Encounter,
    ) -> Encounter {
        let plain = encounter::Plain {
            practitioner_id: self.seen_by(bundle, from),
            location_id: self.linked(bundle, from.service_provider.as_ref(), Kind::Organization),
        };
        let protected = encounter::Protected {
            status: Phi::new(from.status.as_str().to_owned()),
            class: Phi::new(map::code(from.class.code.as_ref())),
            kind: Phi::new(from.types.first().map(map::coded).unwrap_or_default()),
            period: Phi::new(map::period(from.period.as_ref())),
            reason: Phi::new(from.reason_code.first().map(map::coded)),
        };
        Encounter::new(self.id(link), self.clinic, person, plain, protected)
    }

    /// The appointment an encounter was: over, and so without claims. None when it says no time or no place, or is yet to come.
    pub(super) fn past_appointment(
        &self,
        person: Id<Patient>,
        link: &Link,
        from: &fhir::Encounter,
        seen: &Encounter,
    ) -> Option<Appointment> {
        let period = map::period(from.period.as_ref());
        let starts = period.start.filter(|starts| *starts < self.now)?;
        let shortest = starts.checked_add(SignedDuration::from_mins(5)).ok()?;
        let interval =
            Interval::new(starts, period.end.filter(|ends| *ends > starts).unwrap_or(shortest)).ok()?;
        let status = match from.status.as_str() {
            "cancelled" => AppointmentStatus::Cancelled,
            _ => AppointmentStatus::Fulfilled,
        };
        let plain = appointment::Plain {
            practitioner_id: seen.practitioner_id?,
            location_id: seen.location_id.or(self.location)?,
            status,
            confirmed: false,
            starts: interval.starts(),
            ends: interval.ends(),
            zone: self.zone.clone(),
        };
        let words = from.types.first().and_then(|kind| kind.code().map(str::to_owned));
        let protected = appointment::Protected {
            service: Phi::new(words.unwrap_or_else(|| "encounter".to_owned())),
            note: Phi::new(None),
            cancel_reason: Phi::new(None),
        };
        let id = Id::from_uuid(self.keys.source_id("Encounter/appointment", link.id.as_str()));
        Some(Appointment::new(id, self.clinic, person, plain, protected))
    }

    pub(super) fn condition(
        &self,
        bundle: &Bundle,
        person: Id<Patient>,
        link: &Link,
        from: &fhir::Condition,
    ) -> Condition {
        let visit = self.linked(bundle, from.encounter.as_ref(), Kind::Encounter);
        let protected = condition::Protected {
            code: Phi::new(from.code.as_ref().map(map::coded).unwrap_or_default()),
            clinical_status: Phi::new(map::status(from.clinical_status.as_ref())),
            verification_status: Phi::new(map::status(from.verification_status.as_ref())),
            onset: Phi::new(map::span(from.onset_date_time.or(from.recorded_date), from.abatement_date_time)),
        };
        Condition::new(
            self.id(link),
            self.clinic,
            person,
            condition::Plain { encounter_id: visit },
            protected,
        )
    }

    pub(super) fn observation(
        &self,
        bundle: &Bundle,
        person: Id<Patient>,
        link: &Link,
        from: &fhir::Observation,
    ) -> Observation {
        let visit = self.linked(bundle, from.encounter.as_ref(), Kind::Encounter);
        let protected = observation::Protected {
            status: Phi::new(from.status.as_str().to_owned()),
            category: Phi::new(map::status(from.category.first())),
            code: Phi::new(map::coded(&from.code)),
            value: Phi::new(map::measure(from)),
            effective: Phi::new(map::instant(from.effective())),
        };
        Observation::new(
            self.id(link),
            self.clinic,
            person,
            observation::Plain { encounter_id: visit },
            protected,
        )
    }

    pub(super) fn medication(
        &self,
        bundle: &Bundle,
        person: Id<Patient>,
        link: &Link,
        from: &fhir::MedicationRequest,
    ) -> MedicationRequest {
        let plain = medication_request::Plain {
            encounter_id: self.linked(bundle, from.encounter.as_ref(), Kind::Encounter),
            practitioner_id: self.linked(bundle, from.requester.as_ref(), Kind::Practitioner),
        };
        let protected = medication_request::Protected {
            status: Phi::new(from.status.as_str().to_owned()),
            intent: Phi::new(from.intent.as_str().to_owned()),
            medication: Phi::new(
                from.medication_codeable_concept.as_ref().map(map::coded).unwrap_or_default(),
            ),
            authored_on: Phi::new(map::instant(from.authored_on)),
        };
        MedicationRequest::new(self.id(link), self.clinic, person, plain, protected)
    }

    pub(super) fn allergy(
        &self,
        bundle: &Bundle,
        person: Id<Patient>,
        link: &Link,
        from: &fhir::AllergyIntolerance,
    ) -> AllergyIntolerance {
        let visit = self.linked(bundle, from.encounter.as_ref(), Kind::Encounter);
        let protected = allergy_intolerance::Protected {
            code: Phi::new(from.code.as_ref().map(map::coded).unwrap_or_default()),
            clinical_status: Phi::new(map::status(from.clinical_status.as_ref())),
            verification_status: Phi::new(map::status(from.verification_status.as_ref())),
            criticality: Phi::new(map::code(from.criticality.as_ref())),
            recorded_on: Phi::new(map::instant(from.recorded_date.or(from.onset_date_time))),
        };
        let plain = allergy_intolerance::Plain { encounter_id: visit };
        AllergyIntolerance::new(self.id(link), self.clinic, person, plain, protected)
    }

    pub(super) fn procedure(
        &self,
        bundle: &Bundle,
        person: Id<Patient>,
        link: &Link,
        from: &fhir::Procedure,
    ) -> Procedure {
        let visit = self.linked(bundle, from.encounter.as_ref(), Kind::Encounter);
        let end = from.performed_period.as_ref().and_then(|period| period.end);
        let protected = procedure::Protected {
            status: Phi::new(from.status.as_str().to_owned()),
            code: Phi::new(from.code.as_ref().map(map::coded).unwrap_or_default()),
            performed: Phi::new(map::span(from.performed(), end)),
        };
        Procedure::new(
            self.id(link),
            self.clinic,
            person,
            procedure::Plain { encounter_id: visit },
            protected,
        )
    }

    pub(super) fn immunization(
        &self,
        bundle: &Bundle,
        person: Id<Patient>,
        link: &Link,
        from: &fhir::Immunization,
    ) -> Immunization {
        let visit = self.linked(bundle, from.encounter.as_ref(), Kind::Encounter);
        let protected = immunization::Protected {
            status: Phi::new(from.status.as_str().to_owned()),
            vaccine: Phi::new(map::coded(&from.vaccine_code)),
            occurred_on: Phi::new(map::instant(from.occurrence_date_time)),
        };
        Immunization::new(
            self.id(link),
            self.clinic,
            person,
            immunization::Plain { encounter_id: visit },
            protected,
        )
    }
}
