//! What the board and booking both need: the clinic's clock, who works there, what they offer, and whose appointment it is.

use super::{nav, patients::name, session::Visitor, view::Shown};
use crate::{
    App,
    api::{PatientView, read_clinic},
    http::Problem,
};
use healthcare_core::{
    AccessError, Action, Id, List, Location, PageRequest, Patient, Practitioner, Read, Record, Released,
    RequestContext, Service, Zone,
};
use healthcare_rbac::policy::Reach;
use jiff::{Timestamp, ToSpan, civil::Date};
use std::collections::{BTreeSet, HashMap};

/// Somebody appointments are made with.
pub(super) struct Colleague {
    pub(super) id: Id<Practitioner>,
    pub(super) name: String,
    pub(super) location: Option<Id<Location>>,
    /// The clocks of where they work.
    pub(super) zone: Zone,
    pub(super) active: bool,
}

/// Something appointments are made for.
pub(super) struct Offer {
    pub(super) code: String,
    pub(super) name: String,
    pub(super) minutes: u32,
    pub(super) active: bool,
}

/// One clinic's diary, before its appointments.
pub(super) struct Diary {
    pub(super) clinic: String,
    pub(super) zone: Zone,
    pub(super) colleagues: Vec<Colleague>,
    pub(super) offers: Vec<Offer>,
}

impl Diary {
    /// Reads it under the reader's own grants. Of colleagues and services the first 200 are taken.
    pub(super) async fn read(app: &App, context: &RequestContext) -> Result<Self, Problem> {
        let page = PageRequest::first(PageRequest::LIMIT_MAX).unwrap_or_default();
        let clinic = read_clinic(app, context).await?;
        let grant = app.gate.open(context, List::<Practitioner>::all()).await?;
        let rows = app.stores.practitioners.list(&grant, &page).await?;
        let colleagues = grant.release(rows).await?.items;
        let grant = app.gate.open(context, List::<Service>::all()).await?;
        let rows = app.stores.services.list(&grant, &page).await?;
        let offers = grant.release(rows).await?.items;
        let grant = app.gate.open(context, List::<Location>::all()).await?;
        let rows = app.stores.locations.list(&grant, &page).await?;
        let places = grant.release(rows).await?.items;
        let zone = |id: Option<Id<Location>>| {
            let place = places.iter().find(|place| Some(place.id()) == id);
            place.map_or_else(|| clinic.zone.clone(), |place| place.zone.clone())
        };
        let colleague = |one: &Released<Practitioner>| Colleague::of(one, zone(one.location_id));
        let mut colleagues: Vec<_> = colleagues.iter().map(colleague).collect();
        colleagues.sort_by(|a, b| a.name.cmp(&b.name));
        let mut offers: Vec<_> = offers.iter().map(Offer::of).collect();
        offers.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Self { clinic: clinic.name.clone(), zone: clinic.zone.clone(), colleagues, offers })
    }

    /// The date on the clinic's clocks.
    pub(super) fn date(&self, at: Timestamp) -> Date {
        at.to_zoned(self.zone.as_jiff().clone()).date()
    }

    /// A day's first instant on the clinic's clocks.
    pub(super) fn midnight(&self, day: Date) -> Result<Timestamp, Problem> {
        let far = || Problem::field("day", "choose a day within reach");
        day.to_zoned(self.zone.as_jiff().clone()).map(|zoned| zoned.timestamp()).map_err(|_| far())
    }

    /// What a service is called.
    pub(super) fn service(&self, code: &str) -> String {
        let known = self.offers.iter().find(|offer| offer.code == code);
        known.map_or_else(|| code.to_owned(), |offer| offer.name.clone())
    }
}

impl Colleague {
    fn of(practitioner: &Released<Practitioner>, zone: Zone) -> Self {
        let parts =
            [practitioner.prefix.as_deref().unwrap_or_default(), &practitioner.given, &practitioner.family];
        Self {
            id: practitioner.id(),
            name: parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" "),
            location: practitioner.location_id,
            zone,
            active: practitioner.active,
        }
    }
}

impl Offer {
    fn of(service: &Released<Service>) -> Self {
        Self {
            code: service.code.clone(),
            name: service.name.clone(),
            minutes: service.duration_minutes,
            active: service.active,
        }
    }
}

/// The day that was asked for, or today.
pub(super) fn day(asked: Option<&str>, today: Date) -> Result<Date, Problem> {
    match asked.map(str::trim).filter(|text| !text.is_empty()) {
        None => Ok(today),
        Some(text) => text
            .parse::<Date>()
            .ok()
            .filter(|day| day.checked_add(400.days()).is_ok() && day.checked_sub(400.days()).is_ok())
            .ok_or_else(|| Problem::field("day", "write a date such as 2026-03-09")),
    }
}

/// `Monday, 9 March 2026`
pub(super) fn in_words(day: Date) -> String {
    day.strftime("%A, %-d %B %Y").to_string()
}

/// The names of patients, each read and recorded for itself. Where the role reads no patient nothing is asked, and the names are hidden.
pub(super) async fn names(
    app: &App,
    visitor: &Visitor,
    patients: BTreeSet<Id<Patient>>,
) -> Result<HashMap<Id<Patient>, Shown>, Problem> {
    let mut names = HashMap::new();
    if nav::reach(app, visitor.actor(), Patient::KIND, Action::Read) == Reach::Nothing {
        return Ok(names);
    }
    for id in patients {
        let shown = match patient(app, &visitor.caller.context, id).await {
            Ok(patient) => name(&patient),
            Err(AccessError::NotFound | AccessError::Denied(_)) => Shown::Hidden,
            Err(error) => return Err(error.into()),
        };
        names.insert(id, shown);
    }
    Ok(names)
}

/// One patient, as far as the reader may see them.
pub(super) async fn patient(
    app: &App,
    context: &RequestContext,
    id: Id<Patient>,
) -> Result<PatientView, AccessError> {
    let grant = app.gate.open(context, Read::new(id)).await?;
    let row = app.stores.patients.find(&grant).await?;
    Ok(PatientView::of(&grant.release(row).await?))
}
