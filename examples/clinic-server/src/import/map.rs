//! From the shapes of FHIR to the records of a clinic.

use crate::fhir::{self, Code, CodeableConcept, ObservationValue, Text, When};
use healthcare_core::{Address, Coded, Gender, Measure, Period, RecordNumber};
use jiff::{Timestamp, civil::Date, tz::TimeZone};

/// The instant a date or time can first mean. Days without an hour are days in UTC, which changes no date that is shown in UTC.
pub(super) fn instant(when: Option<When>) -> Option<Timestamp> {
    when.and_then(|when| when.earliest(&TimeZone::UTC))
}

pub(super) fn date(when: Option<When>) -> Option<Date> {
    when.and_then(|when| when.day(&TimeZone::UTC))
}

pub(super) fn text(text: Option<&Text>) -> Option<String> {
    text.map(|text| text.as_str().to_owned())
}

pub(super) fn code(code: Option<&Code>) -> Option<String> {
    code.map(|code| code.as_str().to_owned())
}

pub(super) fn coded(concept: &CodeableConcept) -> Coded {
    let first = concept.first();
    Coded {
        system: first.and_then(|coding| text(coding.system.as_ref())),
        code: first.and_then(|coding| code(coding.code.as_ref())),
        text: concept.words().map(str::to_owned),
    }
}

pub(super) fn status(concept: Option<&CodeableConcept>) -> Option<String> {
    concept.and_then(CodeableConcept::code).map(str::to_owned)
}

pub(super) fn span(start: Option<When>, end: Option<When>) -> Period {
    Period { start: instant(start), end: instant(end) }
}

pub(super) fn period(period: Option<&fhir::Period>) -> Period {
    period.map_or_else(Period::default, |period| span(period.start, period.end))
}

pub(super) fn measure(observation: &fhir::Observation) -> Option<Measure> {
    let components: Vec<_> = observation
        .component
        .iter()
        .filter_map(|part| Some((coded(&part.code), one_measure(part.value()?)?)))
        .collect();
    if components.is_empty() {
        observation.value().and_then(one_measure)
    } else {
        Some(Measure::Components(components))
    }
}

fn one_measure(value: ObservationValue<'_>) -> Option<Measure> {
    match value {
        ObservationValue::Quantity(quantity) => Some(Measure::Quantity {
            value: quantity.value.as_ref()?.as_str().to_owned(),
            comparator: code(quantity.comparator.as_ref()),
            unit: text(quantity.unit.as_ref()).or_else(|| code(quantity.code.as_ref())),
        }),
        ObservationValue::Concept(concept) => Some(Measure::Concept(coded(concept))),
        ObservationValue::Text(words) => Some(Measure::Text(words.as_str().to_owned())),
    }
}

pub(super) fn gender(code: Option<&Code>) -> Option<Gender> {
    code.and_then(|code| code.as_str().parse().ok())
}

pub(super) fn address(addresses: &[fhir::Address]) -> Option<Address> {
    let address = addresses.first()?;
    Some(Address {
        lines: address.line.iter().flatten().map(|line| line.as_str().to_owned()).collect(),
        city: text(address.city.as_ref()),
        state: text(address.state.as_ref()),
        postal_code: text(address.postal_code.as_ref()),
        country: text(address.country.as_ref()),
    })
}

/// An address as one line.
pub(super) fn address_line(addresses: &[fhir::Address]) -> Option<String> {
    let address = address(addresses)?;
    let town = [address.postal_code, address.city, address.state, address.country];
    let parts: Vec<String> = address.lines.into_iter().chain(town.into_iter().flatten()).collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// The number the source files the person under: the one that says it is a medical record number, and no other. Social security,
/// passport and driving licence numbers are not kept.
pub(super) fn record_number(identifiers: &[fhir::Identifier]) -> Option<RecordNumber> {
    identifiers
        .iter()
        .find(|identifier| identifier.kind.as_ref().is_some_and(|kind| kind.has("MR")))
        .and_then(|identifier| identifier.value.as_ref()?.as_str().parse().ok())
}

pub(super) fn contact(points: &[fhir::ContactPoint], system: &str) -> Option<String> {
    points
        .iter()
        .find(|point| point.system.as_ref().is_some_and(|is| is.as_str() == system))
        .and_then(|point| text(point.value.as_ref()))
}
