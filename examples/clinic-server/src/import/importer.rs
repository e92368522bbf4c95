//! The import itself.

use super::{
    report::{Failure, Report},
    rows::Maker,
};
use crate::fhir::{self, Bundle, Content, Kind, Limits, Link, Resource, TypeName, read_bundle};
use healthcare_core::{
    AccessError, AllergyIntolerance, Change, Clinic, ClinicId, ClinicScope, Clock, Committed, Condition,
    Create, Encounter, Gate, Id, Immunization, InvalidHours, KeyError, List, Location, MedicationRequest,
    Observation, PageRequest, Patient, Practitioner, Procedure, Read, Reader, Record, RequestContext, Role,
    System, Vault, WeeklyHours, Writer, Zone,
};
use jiff::civil::time;
use std::{
    collections::BTreeMap,
    fs::File,
    path::{Path, PathBuf},
    sync::Arc,
};

/// What a store must be to be imported into.
pub trait ImportStore:
    Reader<Clinic>
    + Reader<Location>
    + Writer<Location>
    + Writer<Practitioner>
    + Writer<Patient>
    + Writer<Encounter>
    + Writer<Condition>
    + Writer<Observation>
    + Writer<MedicationRequest>
    + Writer<AllergyIntolerance>
    + Writer<Procedure>
    + Writer<Immunization>
{
}
impl<S> ImportStore for S where
    S: Reader<Clinic>
        + Reader<Location>
        + Writer<Location>
        + Writer<Practitioner>
        + Writer<Patient>
        + Writer<Encounter>
        + Writer<Condition>
        + Writer<Observation>
        + Writer<MedicationRequest>
        + Writer<AllergyIntolerance>
        + Writer<Procedure>
        + Writer<Immunization>
{
}

/// The import cannot go on. What was stored before stays, and running it again goes on from there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// The clinic is not there.
    #[error("there is no such clinic: name one of `clinic-server`'s clinics with --clinic")]
    NoClinic,
    /// Storage, the policy or the audit log refused.
    #[error("the import was stopped")]
    Access(#[from] AccessError),
    /// The clinic's keys cannot be had.
    #[error("the clinic's keys cannot be had")]
    Keys(#[from] KeyError),
    /// The standard hours are not hours.
    #[error("the standard working hours are not valid")]
    Hours(#[from] InvalidHours),
}

/// Watches an import.
pub trait Progress {
    /// So many files will be read.
    fn begin(&mut self, files: usize);
    /// One more is done.
    fn advance(&mut self);
}

/// Imports bundles into one clinic at a time.
#[derive(Debug)]
pub struct Importer<S> {
    /// Opens accesses.
    pub gate: Gate,
    /// Makes the job's context.
    pub system: System,
    /// Where the records go.
    pub store: Arc<S>,
    /// The clinic's keys, which make the ids.
    pub keys: Arc<Vault>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The limits of one bundle.
    pub limits: Limits,
    /// The role of the job.
    pub role: Role,
}

/// The most rows one commit holds.
const ROWS_PER_COMMIT: usize = 4000;

impl<S: ImportStore> Importer<S> {
    /// Imports the files, those that hold practitioners and hospitals alone first.
    ///
    /// # Errors
    /// [`ImportError`] when nothing more can be stored. A file that is refused is not an error: it is in the report.
    pub async fn import(
        &self,
        clinic: ClinicId,
        files: &[PathBuf],
        progress: &mut dyn Progress,
    ) -> Result<Report, ImportError> {
        let context = self.system.job("import", self.role.clone(), clinic);
        let zone = self.zone(&context).await?;
        let mut run = Run { importer: self, context, zone, report: Report::default(), seen: BTreeMap::new() };
        progress.begin(files.len());
        let mut later = Vec::new();
        for (index, file) in files.iter().enumerate() {
            match read(file, &self.limits) {
                Ok(bundle) if bundle.is_directory() => run.bundle(&bundle).await?,
                Ok(_) => {
                    later.push((index, file));
                    continue;
                }
                Err(problem) => run.report.failures.push(Failure { position: index + 1, problem }),
            }
            run.report.files += 1;
            progress.advance();
        }
        for (index, file) in later {
            match read(file, &self.limits) {
                Ok(bundle) => run.bundle(&bundle).await?,
                Err(problem) => run.report.failures.push(Failure { position: index + 1, problem }),
            }
            run.report.files += 1;
            progress.advance();
        }
        run.report.failures.sort_by_key(|failure| failure.position);
        run.report.busiest =
            run.seen.iter().max_by_key(|(id, count)| (**count, std::cmp::Reverse(**id))).map(|(id, _)| *id);
        Ok(run.report)
    }

    async fn zone(&self, context: &RequestContext) -> Result<Zone, ImportError> {
        let id = Id::<Clinic>::from_uuid(context.clinic().as_uuid());
        let grant = self.gate.open(context, Read::new(id)).await?;
        let row = self.store.find(&grant).await?;
        match grant.release(row).await {
            Ok(clinic) => Ok(clinic.zone.clone()),
            Err(AccessError::NotFound) => Err(ImportError::NoClinic),
            Err(error) => Err(error.into()),
        }
    }
}

fn read(file: &Path, limits: &Limits) -> Result<Bundle, String> {
    let file =
        File::open(file).map_err(|_| "cannot be opened: check that this user may read it".to_owned())?;
    read_bundle(file, limits).map_err(|error| error.to_string())
}

/// The resources of one person in a bundle.
#[derive(Default)]
struct Person<'b> {
    patient: Option<(&'b Link, &'b fhir::Patient)>,
    rows: Vec<(&'b Link, &'b Resource)>,
}

struct Run<'i, S> {
    importer: &'i Importer<S>,
    context: RequestContext,
    zone: Zone,
    report: Report,
    seen: BTreeMap<Id<Practitioner>, usize>,
}

impl<S: ImportStore> Run<'_, S> {
    async fn bundle(&mut self, bundle: &Bundle) -> Result<(), ImportError> {
        let hours = WeeklyHours::weekdays(time(9, 0, 0, 0), time(17, 0, 0, 0))?;
        let location = self.standard_location().await?;
        let scope: ClinicScope = self.context.scope();
        let keys = self.importer.keys.scope(scope).await?;
        let zone = self.zone.clone();
        let now = self.importer.clock.now();
        let clinic = scope.clinic();
        let maker = Maker { keys: &keys, clinic, zone: &zone, hours: &hours, location, now };

        let (mut locations, mut practitioners) = (Vec::new(), Vec::new());
        let mut people: BTreeMap<&Link, Person<'_>> = BTreeMap::new();
        let subjects: Vec<Option<Link>> =
            bundle.entries.iter().map(|entry| subject(bundle, &entry.content)).collect();
        for (entry, subject) in bundle.entries.iter().zip(&subjects) {
            match (&entry.content, subject) {
                (Content::LeftOut(name, reason), _) => self.report.leave_out(*name, *reason),
                (Content::Resource(link, Resource::Organization(from)), _) => {
                    locations.push(maker.location(link, from))
                }
                (Content::Resource(link, Resource::Practitioner(from)), _) => {
                    practitioners.push(maker.practitioner(link, from));
                }
                (Content::Resource(link, Resource::Patient(from)), _) => {
                    people.entry(link).or_default().patient = Some((link, from));
                }
                (Content::Resource(link, resource), Some(person)) => {
                    people.entry(person).or_default().rows.push((link, resource));
                    self.count_visit(&maker, bundle, resource);
                }
                (Content::Resource(link, _), None) => {
                    self.report.leave_out(link.kind.into(), fhir::Reason::NoPatient)
                }
            }
        }
        self.directory(locations).await?;
        self.directory(practitioners).await?;
        for (link, person) in people {
            self.person(&maker, bundle, maker.id(link), person).await?;
        }
        Ok(())
    }

    fn count_visit(&mut self, maker: &Maker<'_>, bundle: &Bundle, resource: &Resource) {
        if let Resource::Encounter(encounter) = resource
            && let Some(practitioner) = maker.seen_by(bundle, encounter)
        {
            *self.seen.entry(practitioner).or_default() += 1;
        }
    }

    /// A location that was made here rather than imported: where imported practitioners work.
    async fn standard_location(&self) -> Result<Option<Id<Location>>, ImportError> {
        let grant = self.importer.gate.open(&self.context, List::<Location>::all()).await?;
        let page = PageRequest::first(PageRequest::LIMIT_MAX).unwrap_or_default();
        let rows = self.importer.store.list(&grant, &page).await?;
        let all = grant.release(rows).await?.items;
        let own =
            |location: &&healthcare_core::Released<Location>| location.id().as_uuid().get_version_num() == 7;
        Ok(all.iter().find(own).or_else(|| all.first()).map(|location| location.id()))
    }

    /// Stores rows that are about nobody.
    async fn directory<T: Record>(&mut self, rows: Vec<T>) -> Result<(), ImportError>
    where
        S: Writer<T>,
    {
        let mut rows = rows.into_iter().peekable();
        while let Some(root) = rows.next() {
            let mut change = self.begin(root).await?;
            while change.len() < ROWS_PER_COMMIT
                && let Some(row) = rows.next()
            {
                change.push(row)?;
            }
            let committed = self.importer.store.commit(change).await?;
            self.count(&committed);
        }
        Ok(())
    }

    /// Stores what a bundle says of one person.
    async fn person(
        &mut self,
        maker: &Maker<'_>,
        bundle: &Bundle,
        id: Id<Patient>,
        person: Person<'_>,
    ) -> Result<(), ImportError> {
        let chunks = person.rows.chunks(ROWS_PER_COMMIT / 2);
        let mut chunks = chunks.peekable();
        if let Some((link, patient)) = person.patient {
            let first = chunks.next().unwrap_or_default();
            let change = self.begin(maker.patient(link, patient)).await?;
            self.finish(change, maker, bundle, id, first).await?;
        }
        for chunk in chunks {
            let Some(((link, resource), rest)) = chunk.split_first() else { continue };
            match self.rooted(maker, bundle, id, (link, resource), rest).await {
                Err(ImportError::Access(AccessError::Dangling(_))) => {
                    for (link, _) in chunk {
                        self.report.leave_out(link.kind.into(), fhir::Reason::NoPatient);
                    }
                }
                other => other?,
            }
        }
        Ok(())
    }

    /// Stores rows about somebody whose own record is not in the bundle: the first of them is what is asked for.
    async fn rooted(
        &mut self,
        maker: &Maker<'_>,
        bundle: &Bundle,
        person: Id<Patient>,
        (link, resource): (&Link, &Resource),
        rest: &[(&Link, &Resource)],
    ) -> Result<(), ImportError> {
        macro_rules! root {
            ($row:expr) => {{
                let change = self.begin($row).await?;
                self.finish(change, maker, bundle, person, rest).await
            }};
        }
        match resource {
            Resource::Encounter(from) => {
                let row = maker.encounter(bundle, person, link, from);
                let past = maker.past_appointment(person, link, from, &row);
                let mut change = self.begin(row).await?;
                past.map_or(Ok(()), |appointment| change.push(appointment))?;
                self.finish(change, maker, bundle, person, rest).await
            }
            Resource::Condition(from) => root!(maker.condition(bundle, person, link, from)),
            Resource::Observation(from) => root!(maker.observation(bundle, person, link, from)),
            Resource::MedicationRequest(from) => root!(maker.medication(bundle, person, link, from)),
            Resource::AllergyIntolerance(from) => root!(maker.allergy(bundle, person, link, from)),
            Resource::Procedure(from) => root!(maker.procedure(bundle, person, link, from)),
            Resource::Immunization(from) => root!(maker.immunization(bundle, person, link, from)),
            Resource::Organization(_) | Resource::Practitioner(_) | Resource::Patient(_) => Ok(()),
        }
    }

    /// Opens an access to make this row, unless it is there.
    async fn begin<T: Record>(&self, row: T) -> Result<Change<T>, ImportError> {
        let access = match row.subject() {
            Some(subject) => Create::about(row.id(), subject),
            None => Create::new(row.id()),
        };
        let grant = self.importer.gate.open(&self.context, access).await?;
        Ok(grant.fill_absent(row).await?)
    }

    async fn finish<T: Record>(
        &mut self,
        mut change: Change<T>,
        maker: &Maker<'_>,
        bundle: &Bundle,
        person: Id<Patient>,
        rows: &[(&Link, &Resource)],
    ) -> Result<(), ImportError>
    where
        S: Writer<T>,
    {
        for row in rows {
            maker.push(&mut change, bundle, person, *row)?;
        }
        let committed = self.importer.store.commit(change.event("import.committed")).await?;
        self.count(&committed);
        Ok(())
    }

    fn count(&mut self, committed: &Committed) {
        for count in &committed.written {
            let number = usize::try_from(count.count).unwrap_or(usize::MAX);
            match kind_of(&count.kind) {
                Some(kind) => *self.report.stored.entry(kind).or_default() += number,
                None => self.report.appointments += number,
            }
        }
        for count in &committed.kept {
            if let Some(kind) = kind_of(&count.kind) {
                for _ in 0..count.count {
                    self.report.leave_out(TypeName::from(kind), fhir::Reason::Repeat);
                }
            }
        }
    }
}

fn subject(bundle: &Bundle, content: &Content) -> Option<Link> {
    match content {
        Content::Resource(_, resource) => {
            resource.subject().and_then(|subject| bundle.link(subject, Kind::Patient))
        }
        Content::LeftOut(..) => None,
    }
}

/// The resource type a record was made of; none for the appointments made of encounters.
fn kind_of(kind: &str) -> Option<Kind> {
    Some(match kind {
        Location::KIND => Kind::Organization,
        Practitioner::KIND => Kind::Practitioner,
        Patient::KIND => Kind::Patient,
        Encounter::KIND => Kind::Encounter,
        Condition::KIND => Kind::Condition,
        Observation::KIND => Kind::Observation,
        MedicationRequest::KIND => Kind::MedicationRequest,
        AllergyIntolerance::KIND => Kind::AllergyIntolerance,
        Procedure::KIND => Kind::Procedure,
        Immunization::KIND => Kind::Immunization,
        _ => return None,
    })
}
