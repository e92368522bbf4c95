//! A clinic's places, services, people and first appointments.

use super::data::{DemoClinic, Person, SERVICES};
use crate::App;
use healthcare_core::{
    AccessError, Appointment, AppointmentStatus, Claims, Clinic, Create, Gender, Id, Interval, Location,
    Patient, Phi, Practitioner, Record, RecordNumber, RequestContext, ScopeKeys, Service, WeeklyHours,
    Writer, Zone, appointment, clinic, location, patient, practitioner, service,
};
use jiff::{ToSpan, civil::Time};
use std::sync::Arc;

/// Who stands for the users.
pub(super) struct Profiles {
    pub(super) doctor: Id<Practitioner>,
    pub(super) patient: Id<Patient>,
}

/// Writes places, services, people and appointments.
pub(super) async fn fill(
    app: &App,
    context: &RequestContext,
    demo: &DemoClinic,
) -> Result<Profiles, AccessError> {
    let keys = app.keys.scope(context.scope()).await?;
    let seeder = Seeder { app, context, demo, keys, zone: zone(demo)? };
    let place = seeder.location().await?;
    seeder.services().await?;
    let mut practitioners = Vec::new();
    for person in &demo.practitioners {
        practitioners.push(seeder.practitioner(person, place).await?);
    }
    let mut patients = Vec::new();
    for (number, person) in demo.patients.iter().enumerate() {
        patients.push(seeder.patient(person, number + 1).await?);
    }
    let nobody = || AccessError::storage("the demonstration has nobody in it");
    let doctor = practitioners.first().copied().ok_or_else(nobody)?;
    // The doctor sees the charts of those who come: half of them do.
    for (nth, patient) in patients.iter().take(2).enumerate() {
        seeder.appointment((*patient, doctor, place), nth).await?;
    }
    Ok(Profiles { doctor, patient: patients.first().copied().ok_or_else(nobody)? })
}

/// What a demonstration's clinics have switched on.
const PLUGINS: &str = r#"{
    "eligibility": {"minimum_notice_minutes": 15, "maximum_days_ahead": 180},
    "notification": {},
    "reminder": {"minutes_before": 1440}
}"#;

/// Writes the clinic's own record: from now on it is seeded.
pub(super) async fn open(app: &App, context: &RequestContext, demo: &DemoClinic) -> Result<(), AccessError> {
    let plain = clinic::Plain {
        name: demo.name.to_owned(),
        slug: demo.slug.to_owned(),
        zone: zone(demo)?,
        active: true,
        plugins: PLUGINS.to_owned(),
    };
    let id = Id::from_uuid(demo.id.as_uuid());
    let record = Clinic::new(id, demo.id, plain, clinic::Protected {});
    store(app, context, &*app.stores.clinics, record).await
}

fn zone(demo: &DemoClinic) -> Result<Zone, AccessError> {
    demo.zone.parse().map_err(AccessError::storage)
}

/// Stores a record that may exist already, as one change.
async fn store<T: Record>(
    app: &App,
    context: &RequestContext,
    writer: &(impl Writer<T> + ?Sized),
    record: T,
) -> Result<(), AccessError> {
    let access = record
        .subject()
        .map_or_else(|| Create::new(record.id()), |subject| Create::about(record.id(), subject));
    let grant = app.gate.open(context, access).await?;
    writer.commit(grant.fill_absent(record).await?).await.map(drop)
}

struct Seeder<'s> {
    app: &'s App,
    context: &'s RequestContext,
    demo: &'s DemoClinic,
    keys: Arc<ScopeKeys>,
    zone: Zone,
}

impl Seeder<'_> {
    /// The id that this thing has on every start.
    fn id<T: Record>(&self, name: &str) -> Id<T> {
        Id::from_uuid(self.keys.source_id(T::KIND, &format!("demonstration:{name}")))
    }

    async fn location(&self) -> Result<Id<Location>, AccessError> {
        let id = self.id("location");
        let plain = location::Plain {
            name: self.demo.name.to_owned(),
            zone: self.zone.clone(),
            address: Some(self.demo.address.to_owned()),
            active: true,
        };
        let record = Location::new(id, self.demo.id, plain, location::Protected {});
        store(self.app, self.context, &*self.app.stores.locations, record).await?;
        Ok(id)
    }

    async fn services(&self) -> Result<(), AccessError> {
        for (code, name, duration_minutes) in SERVICES {
            let plain = service::Plain {
                code: code.to_owned(),
                name: name.to_owned(),
                duration_minutes,
                active: true,
            };
            let record = Service::new(self.id(code), self.demo.id, plain, service::Protected {});
            store(self.app, self.context, &*self.app.stores.services, record).await?;
        }
        Ok(())
    }

    async fn practitioner(
        &self,
        person: &Person,
        place: Id<Location>,
    ) -> Result<Id<Practitioner>, AccessError> {
        let id = self.id(person.family);
        let plain = practitioner::Plain {
            family: person.family.to_owned(),
            given: person.given.to_owned(),
            prefix: Some(person.detail.to_owned()),
            location_id: Some(place),
            hours: office_hours()?,
            active: true,
        };
        let record = Practitioner::new(id, self.demo.id, plain, practitioner::Protected {});
        store(self.app, self.context, &*self.app.stores.practitioners, record).await?;
        Ok(id)
    }

    async fn patient(&self, person: &Person, number: usize) -> Result<Id<Patient>, AccessError> {
        let id = self.id(person.family);
        let number: RecordNumber = format!("{}-{number:04}", self.demo.slug.to_ascii_uppercase())
            .parse()
            .map_err(AccessError::storage)?;
        let protected = patient::Protected {
            family: Phi::new(person.family.to_owned()),
            given: Phi::new(person.given.to_owned()),
            birth_date: Phi::new(person.detail.parse().ok()),
            gender: Phi::new(person.gender.parse::<Gender>().ok()),
            phone: Phi::new(None),
            email: Phi::new(None),
            address: Phi::new(None),
            record_number: Phi::new(Some(number)),
            deceased: Phi::new(None),
        };
        let record = Patient::new(id, self.demo.id, patient::Plain { active: true }, protected);
        store(self.app, self.context, &*self.app.stores.patients, record).await?;
        Ok(id)
    }

    /// An appointment a week ahead at ten or eleven o'clock, so that it lies ahead on any day of the first week.
    async fn appointment(
        &self,
        (patient, practitioner_id, location_id): (Id<Patient>, Id<Practitioner>, Id<Location>),
        nth: usize,
    ) -> Result<(), AccessError> {
        let today = self.app.clock.now().to_zoned(self.zone.as_jiff().clone()).date();
        let monday = jiff::civil::Weekday::Monday;
        let day = today
            .nth_weekday(1, monday)
            .and_then(|day| day.checked_add(1.week()))
            .map_err(AccessError::storage)?;
        let hour = 10 + i8::try_from(nth).unwrap_or(0);
        let starts = day
            .at(hour, 0, 0, 0)
            .to_zoned(self.zone.as_jiff().clone())
            .map_err(AccessError::storage)?
            .timestamp();
        let interval = Interval::new(starts, starts + 30.minutes()).map_err(AccessError::storage)?;
        let plain = appointment::Plain {
            practitioner_id,
            location_id,
            status: AppointmentStatus::Booked,
            confirmed: false,
            starts: interval.starts(),
            ends: interval.ends(),
            zone: self.zone.clone(),
        };
        let protected = appointment::Protected {
            service: Phi::new("consultation".to_owned()),
            note: Phi::new(None),
            cancel_reason: Phi::new(None),
        };
        let record =
            Appointment::new(self.id(&format!("appointment {nth}")), self.demo.id, patient, plain, protected);
        let claims = Claims { release: false, place: record.claims(interval) };
        let grant = self.app.gate.open(self.context, Create::about(record.id(), patient.as_uuid())).await?;
        // Not booked: nobody is to be told of what was invented.
        let change = grant.fill(record).await?.claiming(claims).event("appointment.seeded");
        match self.app.stores.appointments.commit(change).await {
            // A start that was cut short has made it already.
            Ok(_) | Err(AccessError::AlreadyExists | AccessError::Claimed(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// Monday to Friday, nine to five.
pub(crate) fn office_hours() -> Result<WeeklyHours, AccessError> {
    WeeklyHours::weekdays(Time::constant(9, 0, 0, 0), Time::constant(17, 0, 0, 0))
        .map_err(AccessError::storage)
}
