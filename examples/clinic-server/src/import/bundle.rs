//! One bundle.

use super::{Report, chart::PatientRows, directory::DirectoryRows, map::Mapper};
use crate::{
    App,
    fhir::{Bundle, Content, Kind, Link, Reason, Reference, Resource},
};
use healthcare_core::{
    AccessError, Encounter, Id, List, Location, PageRequest, Patient, Practitioner, Read, Reader, Record,
    RequestContext, Zone,
};
use std::collections::{BTreeMap, HashSet};

/// Imports bundles into one clinic, one after the other.
pub(super) struct Importer<'i> {
    pub(super) app: &'i App,
    pub(super) context: &'i RequestContext,
    pub(super) map: Mapper,
    pub(super) report: Report,
    /// What this run has seen, so that the first copy wins.
    seen: HashSet<Link>,
    /// What is known to be stored.
    stored: HashSet<Link>,
}

impl<'i> Importer<'i> {
    /// An importer into the context's clinic, whose clocks are in `zone`.
    pub(super) async fn new(
        app: &'i App,
        context: &'i RequestContext,
        zone: Zone,
    ) -> Result<Self, AccessError> {
        let grant = app.gate.open(context, List::<Location>::all()).await?;
        let rows = app.stores.locations.list(&grant, &PageRequest::default()).await?;
        let locations = grant.release(rows).await?;
        // Where somebody works, and where a visit took place, when the source does not say.
        let home = locations.items.iter().find(|location| location.active).map(|location| location.id());
        let map = Mapper {
            clinic: context.clinic(),
            keys: app.keys.scope(context.scope()).await?,
            zone,
            home: home.ok_or(AccessError::NotFound)?,
        };
        Ok(Self {
            app,
            context,
            map,
            report: Report::default(),
            seen: HashSet::new(),
            stored: HashSet::new(),
        })
    }

    /// Imports a bundle: what stands for itself first, then each patient with what belongs to them, in one transaction each.
    pub(super) async fn bundle(&mut self, bundle: &Bundle) -> Result<(), AccessError> {
        self.report.bundles += 1;
        self.report.entries += u64::try_from(bundle.entries.len()).unwrap_or(u64::MAX);
        let mut directory = DirectoryRows::default();
        let mut charts: BTreeMap<Link, Vec<(&Link, &Resource)>> = BTreeMap::new();
        for entry in &bundle.entries {
            match &entry.content {
                Content::LeftOut(name, reason) => self.report.leave_out(*name, *reason),
                Content::Resource(link, _) if !self.seen.insert(link.clone()) => {
                    self.report.leave_out(link.kind, Reason::Repeat);
                }
                Content::Resource(link, Resource::Organization(organization)) => {
                    directory.locations.push(self.map.location(link, organization));
                    self.stored.insert(link.clone());
                }
                Content::Resource(link, Resource::Practitioner(practitioner)) => {
                    directory.practitioners.push(self.map.practitioner(link, practitioner)?);
                    self.stored.insert(link.clone());
                }
                Content::Resource(link, resource @ Resource::Patient(_)) => {
                    charts.entry(link.clone()).or_default().push((link, resource));
                }
                Content::Resource(link, resource) => {
                    let patient = resource.subject().and_then(|subject| bundle.link(subject, Kind::Patient));
                    match patient {
                        Some(patient) => charts.entry(patient).or_default().push((link, resource)),
                        None => self.report.leave_out(link.kind, Reason::NoPatient),
                    }
                }
            }
        }
        self.store_directory(directory).await?;
        for (patient, resources) in charts {
            self.chart(bundle, &patient, resources).await?;
        }
        Ok(())
    }

    async fn chart(
        &mut self,
        bundle: &Bundle,
        patient: &Link,
        mut resources: Vec<(&Link, &Resource)>,
    ) -> Result<(), AccessError> {
        // The patient first, then visits, then what refers to visits.
        resources.sort_by_key(|(link, _)| link.kind);
        let is_here = resources.iter().any(|(link, _)| *link == patient);
        if !is_here && !self.is_stored(patient).await? {
            for (link, _) in resources {
                self.report.leave_out(link.kind, Reason::NoPatient);
            }
            return Ok(());
        }
        let mut rows = PatientRows::of(self.map.id::<Patient>(patient));
        for (link, resource) in resources {
            self.row(bundle, link, resource, &mut rows).await?;
        }
        self.stored.insert(patient.clone());
        self.store_chart(rows).await
    }

    async fn row(
        &mut self,
        bundle: &Bundle,
        link: &Link,
        resource: &Resource,
        rows: &mut PatientRows,
    ) -> Result<(), AccessError> {
        let patient = rows.patient;
        match resource {
            Resource::Organization(_) | Resource::Practitioner(_) => {}
            Resource::Patient(found) => rows.person = Some(self.map.patient(link, found)),
            Resource::Encounter(found) => {
                let mut who = None;
                for individual in
                    found.participant.iter().filter_map(|participant| participant.individual.as_ref())
                {
                    who = who.or(self
                        .linked::<Practitioner>(bundle, Some(individual), Kind::Practitioner)
                        .await?);
                }
                let Some(who) = who else {
                    self.report.leave_out(link.kind, Reason::NoParticipant);
                    return Ok(());
                };
                let place = self
                    .linked::<Location>(bundle, found.service_provider.as_ref(), Kind::Organization)
                    .await?;
                rows.appointments.extend(self.map.appointment(link, found, patient, (who, place)));
                rows.encounters.push(self.map.encounter(link, found, patient, (who, place)));
                self.stored.insert(link.clone());
                *self.report.encounters.entry(who).or_default() += 1;
            }
            Resource::Condition(found) => {
                let visit = self.visit(bundle, found.encounter.as_ref()).await?;
                rows.conditions.push(self.map.condition(link, found, patient, visit));
            }
            Resource::Observation(found) => {
                let visit = self.visit(bundle, found.encounter.as_ref()).await?;
                rows.observations.push(self.map.observation(link, found, patient, visit));
            }
            Resource::MedicationRequest(found) => {
                let visit = self.visit(bundle, found.encounter.as_ref()).await?;
                let who = self.linked(bundle, found.requester.as_ref(), Kind::Practitioner).await?;
                rows.medications.push(self.map.medication(link, found, patient, (visit, who)));
            }
            Resource::AllergyIntolerance(found) => {
                let visit = self.visit(bundle, found.encounter.as_ref()).await?;
                rows.allergies.push(self.map.allergy(link, found, patient, visit));
            }
            Resource::Procedure(found) => {
                let visit = self.visit(bundle, found.encounter.as_ref()).await?;
                rows.procedures.push(self.map.procedure(link, found, patient, visit));
            }
            Resource::Immunization(found) => {
                let visit = self.visit(bundle, found.encounter.as_ref()).await?;
                rows.immunizations.push(self.map.immunization(link, found, patient, visit));
            }
        }
        Ok(())
    }

    async fn visit(
        &mut self,
        bundle: &Bundle,
        reference: Option<&Reference>,
    ) -> Result<Option<Id<Encounter>>, AccessError> {
        self.linked(bundle, reference, Kind::Encounter).await
    }

    /// The id of what a reference points to, when that is stored.
    async fn linked<T: Record>(
        &mut self,
        bundle: &Bundle,
        reference: Option<&Reference>,
        kind: Kind,
    ) -> Result<Option<Id<T>>, AccessError> {
        let Some(link) = reference.and_then(|reference| bundle.link(reference, kind)) else {
            return Ok(None);
        };
        Ok(self.is_stored(&link).await?.then(|| self.map.id(&link)))
    }

    /// Whether this run has stored it, or an earlier one.
    async fn is_stored(&mut self, link: &Link) -> Result<bool, AccessError> {
        if self.stored.contains(link) {
            return Ok(true);
        }
        let stores = &self.app.stores;
        let found = match link.kind {
            Kind::Organization => self.exists(&*stores.locations, link).await?,
            Kind::Practitioner => self.exists(&*stores.practitioners, link).await?,
            Kind::Patient => self.exists(&*stores.patients as &dyn Reader<Patient>, link).await?,
            // A visit of an earlier run is in the same bundle again, or is not referred to.
            _ => false,
        };
        if found {
            self.stored.insert(link.clone());
        }
        Ok(found)
    }

    async fn exists<T: Record>(
        &self,
        reader: &(impl Reader<T> + ?Sized),
        link: &Link,
    ) -> Result<bool, AccessError> {
        let grant = self.app.gate.open(self.context, Read::<T>::new(self.map.id(link))).await?;
        let row = reader.find(&grant).await?;
        match grant.release(row).await {
            Ok(_) => Ok(true),
            Err(AccessError::NotFound) => Ok(false),
            Err(error) => Err(error),
        }
    }
}
