//! The service: books appointments and moves them on.

use super::{
    Appointment, AppointmentStatus, AppointmentStore, Availability, AvailabilityQuery, Hook, IllegalStep,
    InvalidRange, Plugins, PrepareContext, Step, appointment,
};
use crate::{
    AccessError, Change, Claims, Clock, Create, Denial, Draft, ErrorCode, Gate, Id, Interval, List,
    LocalTimeError, Location, PageRequest, Patient, Phi, Practitioner, Read, Reader, Record, Released,
    Remember, RequestContext, Service, StartTime, Update, Zone,
};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value as Json;
use std::{fmt, sync::Arc};

/// What is to be booked.
#[derive(Debug, Clone)]
pub struct BookRequest {
    /// The id the appointment will have; a new one for each attempt that is not a repetition.
    pub id: Id<Appointment>,
    /// For whom.
    pub patient: Id<Patient>,
    /// With whom.
    pub practitioner: Id<Practitioner>,
    /// Where.
    pub location: Id<Location>,
    /// What for: a service's code.
    pub service: Phi<appointment::ServiceCode>,
    /// When it starts.
    pub start: StartTime,
    /// How long it takes, 5 to 480 minutes; the service's own duration unless said otherwise.
    pub duration_minutes: Option<u32>,
    /// What there is to say about it.
    pub note: Phi<appointment::Note>,
}

/// One field of a request that is not valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct Problem {
    /// The field.
    pub field: &'static str,
    /// What is wrong with it.
    pub problem: &'static str,
}

/// The practitioner does not work then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the practitioner does not work at this time: ask for availability")]
pub struct NoWorkingHours;

/// Why an appointment was not booked or moved on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BookError {
    /// Something in the request is not valid.
    #[error("the request is not valid")]
    Invalid(#[from] Problem),
    /// A local time that the clocks skip or repeat.
    #[error("the start is not a time there")]
    LocalTime(#[from] LocalTimeError),
    /// Outside working hours.
    #[error("the practitioner does not work then")]
    Hours(#[from] NoWorkingHours),
    /// The status does not permit it.
    #[error("the appointment cannot make this step")]
    Step(#[from] IllegalStep),
    /// The range is not one that is answered.
    #[error("the range is not one that is answered")]
    Range(#[from] InvalidRange),
    /// Denied, taken, refused by a plugin, or not stored.
    #[error("the appointment was not stored")]
    Access(#[from] AccessError),
}

impl BookError {
    /// The code of the catalogue.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::Invalid(_) | Self::Range(_) => ErrorCode::ValidationFailed,
            Self::LocalTime(_) => ErrorCode::LocalTime,
            Self::Hours(_) => ErrorCode::AppointmentUnavailable,
            Self::Step(_) => ErrorCode::AppointmentTransition,
            Self::Access(error) => error.code(),
        }
    }
}

/// Makes the answer that is kept with a change for its idempotency key, from the appointment as it will be.
type Remembering<'r> = Option<&'r (dyn Fn(&Released<Appointment>) -> Remember + Send + Sync)>;

/// Books appointments and moves them on: the rules of a clinic over the seams of its storage.
pub struct Appointments {
    gate: Gate,
    store: Arc<dyn AppointmentStore>,
    practitioners: Arc<dyn Reader<Practitioner>>,
    locations: Arc<dyn Reader<Location>>,
    services: Arc<dyn Reader<Service>>,
    plugins: Arc<Plugins>,
    clock: Arc<dyn Clock>,
}

impl fmt::Debug for Appointments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Appointments").field("plugins", &self.plugins).finish_non_exhaustive()
    }
}

impl Appointments {
    /// The service over this storage.
    pub fn new<R>(
        gate: Gate,
        store: Arc<dyn AppointmentStore>,
        clinic: Arc<R>,
        plugins: Arc<Plugins>,
        clock: Arc<dyn Clock>,
    ) -> Self
    where
        R: Reader<Practitioner> + Reader<Location> + Reader<Service> + 'static,
    {
        Self {
            gate,
            store,
            practitioners: Arc::clone(&clinic) as Arc<dyn Reader<Practitioner>>,
            locations: Arc::clone(&clinic) as Arc<dyn Reader<Location>>,
            services: clinic,
            plugins,
            clock,
        }
    }

    /// Books an appointment.
    ///
    /// # Errors
    /// [`BookError`]; among them [`AccessError::Claimed`] when somebody else has the time.
    pub async fn book(
        &self,
        context: &RequestContext,
        request: BookRequest,
        remember: Remembering<'_>,
    ) -> Result<Released<Appointment>, BookError> {
        let location = self.location(context, request.location).await?;
        let practitioner = self.practitioner(context, request.practitioner).await?;
        let service = self.service(context, &request.service.0).await?;
        if !location.active || !practitioner.active || !service.active {
            return Err(Problem {
                field: "service",
                problem: "the location, practitioner or service takes no appointments",
            }
            .into());
        }
        let duration = duration(request.duration_minutes.unwrap_or(service.duration_minutes))?;
        let interval = self.interval(request.start, duration, &location.zone)?;
        works(&practitioner, &location.zone, &interval)?;
        let appointment = Appointment::new(
            request.id,
            context.clinic(),
            request.patient,
            appointment::Plain {
                practitioner_id: request.practitioner,
                location_id: request.location,
                status: AppointmentStatus::Booked,
                confirmed: false,
                starts: interval.starts(),
                ends: interval.ends(),
                zone: location.zone.clone(),
            },
            appointment::Protected {
                service: request.service,
                note: request.note,
                cancel_reason: Phi::new(None),
            },
        );
        let grant = self.gate.open(context, Create::about(request.id, request.patient.as_uuid())).await?;
        let claims = Claims { release: false, place: appointment.claims(interval) };
        let change = grant.fill(appointment).await?.claiming(claims).event("appointment.booked");
        let view = change.preview();
        self.store(context, Hook::Create, change, view, remember).await
    }

    /// Moves an appointment on.
    ///
    /// # Errors
    /// [`BookError`]; [`AccessError::VersionConflict`] when `version` is given and is not the present one.
    pub async fn step(
        &self,
        context: &RequestContext,
        id: Id<Appointment>,
        step: Step,
        details: StepDetails,
        remember: Remembering<'_>,
    ) -> Result<Released<Appointment>, BookError> {
        if !may_take(context, step) {
            return Err(AccessError::Denied(Denial::new(
                ErrorCode::AccessDenied,
                "this step is the clinic's to take",
            ))
            .into());
        }
        let grant = self.gate.open(context, Update::new(id)).await?;
        let row = self.store.find_for_update(&grant).await?;
        let mut draft = grant.edit(row).await?;
        if details.version.is_some_and(|version| version != draft.version()) {
            return Err(AccessError::VersionConflict.into());
        }
        let next = draft.status.after(step)?;
        if step == Step::NoShow && self.clock.now() < draft.starts {
            return Err(Problem {
                field: "step",
                problem: "nobody has missed an appointment that has not begun",
            }
            .into());
        }
        let claims = self.apply(context, &mut draft, step, next, details).await?;
        let view = draft.preview();
        let change = draft.change().await?.claiming(claims).event(step.event());
        self.store(context, Hook::Step(step), change, view, remember).await
    }

    /// Writes the step into the draft, and says what it does to the claims.
    async fn apply(
        &self,
        context: &RequestContext,
        draft: &mut Draft<Appointment>,
        step: Step,
        next: AppointmentStatus,
        details: StepDetails,
    ) -> Result<Claims, BookError> {
        let mut claims = Claims { release: !next.claims_time() && step != Step::Complete, place: Vec::new() };
        if step == Step::Reschedule {
            let start = details.start.ok_or(Problem { field: "start", problem: "say to when" })?;
            let zone = draft.zone.clone();
            let length = draft.ends.duration_since(draft.starts);
            let length = details.duration_minutes.map_or(Ok(length), duration)?;
            let interval = self.interval(start, length, &zone)?;
            let practitioner = self.practitioner(context, draft.practitioner_id).await?;
            works(&practitioner, &zone, &interval)?;
            claims = Claims { release: true, place: draft.claims(interval) };
            let plain = draft.plain_mut();
            (plain.starts, plain.ends, plain.confirmed) = (interval.starts(), interval.ends(), false);
        }
        if step == Step::Cancel {
            let hidden = |hidden: crate::Hidden| AccessError::HiddenField(hidden.0);
            draft.set(appointment::CancelReason, details.reason).map_err(hidden)?;
        }
        let plain = draft.plain_mut();
        plain.status = next;
        plain.confirmed |= step == Step::Confirm;
        Ok(claims)
    }

    async fn store(
        &self,
        context: &RequestContext,
        hook: Hook,
        change: Change<Appointment>,
        view: Released<Appointment>,
        remember: Remembering<'_>,
    ) -> Result<Released<Appointment>, BookError> {
        let asked = PrepareContext {
            context,
            gate: &self.gate,
            hook,
            appointment: &view,
            patient: Id::from_uuid(view.subject().unwrap_or_default()),
            interval: view
                .interval()
                .map_err(|_| Problem { field: "start", problem: "it ends before it starts" })?,
            now: self.clock.now(),
            settings: &Json::Null,
        };
        let objections = self.plugins.prepare(asked).await?;
        let change = match remember {
            Some(answer) => change.remembering(answer(&view)),
            None => change,
        };
        match self.store.commit_guarded(change, &objections).await {
            Ok(_) => Ok(view),
            // It may have happened: who was told that it did not would undo what stands.
            Err(AccessError::CommitUnknown) => Err(AccessError::CommitUnknown.into()),
            Err(error) => {
                objections.failed(&error);
                Err(error.into())
            }
        }
    }

    /// When a practitioner has room for a service.
    ///
    /// # Errors
    /// [`BookError`] when practitioner or service are not there, or the range is not one that is answered.
    pub async fn availability(
        &self,
        context: &RequestContext,
        practitioner: Id<Practitioner>,
        service: &str,
        (from, to): (StartTime, StartTime),
    ) -> Result<Availability, BookError> {
        let service = self.service(context, service).await?;
        let grant = self.gate.open(context, Read::new(practitioner)).await?;
        let row = self.practitioners.find(&grant).await?;
        let practitioner = grant.release(row).await?;
        let zone = self.zone_of(context, &practitioner).await?;
        let (from, to) = (from.resolve(&zone)?, to.resolve(&zone)?);
        let span = Interval::new(from, to).map_err(|_| InvalidRange)?;
        let query = AvailabilityQuery {
            hours: &practitioner.hours,
            zone: &zone,
            duration: duration(service.duration_minutes)?,
            from,
            to,
            now: self.clock.now(),
        };
        let grant = self.gate.open(context, Read::new(practitioner.id())).await?;
        let busy = self.store.busy(&grant, &span).await?;
        let row = self.practitioners.find(&grant).await?;
        grant.release(row).await?;
        Ok(Availability::find(&query, &busy)?)
    }

    async fn zone_of(
        &self,
        context: &RequestContext,
        practitioner: &Practitioner,
    ) -> Result<Zone, BookError> {
        let location = practitioner.location_id;
        let location =
            location.ok_or(Problem { field: "practitioner_id", problem: "works at no location" })?;
        Ok(self.location(context, location).await?.zone.clone())
    }

    fn interval(&self, start: StartTime, length: SignedDuration, zone: &Zone) -> Result<Interval, BookError> {
        let problem = |problem| Problem { field: "start", problem };
        let starts: Timestamp = start.resolve(zone)?;
        if starts < self.clock.now() {
            return Err(problem("lies in the past").into());
        }
        let ends = starts.checked_add(length).map_err(|_| problem("is too far ahead"))?;
        if starts.duration_since(self.clock.now()) > SignedDuration::from_hours(24 * 366 * 2) {
            return Err(problem("is more than two years ahead").into());
        }
        Ok(Interval::new(starts, ends).map_err(|_| problem("must come before its end"))?)
    }

    async fn location(
        &self,
        context: &RequestContext,
        id: Id<Location>,
    ) -> Result<Released<Location>, BookError> {
        let grant = self.gate.open(context, Read::new(id)).await?;
        let row = self.locations.find(&grant).await?;
        missing("location_id", grant.release(row).await)
    }

    async fn practitioner(
        &self,
        context: &RequestContext,
        id: Id<Practitioner>,
    ) -> Result<Released<Practitioner>, BookError> {
        let grant = self.gate.open(context, Read::new(id)).await?;
        let row = self.practitioners.find(&grant).await?;
        missing("practitioner_id", grant.release(row).await)
    }

    async fn service(&self, context: &RequestContext, code: &str) -> Result<Released<Service>, BookError> {
        let mut page = PageRequest::first(PageRequest::LIMIT_MAX).unwrap_or_default();
        loop {
            let grant = self.gate.open(context, List::<Service>::all()).await?;
            let rows = self.services.list(&grant, &page).await?;
            let found = grant.release(rows).await?;
            let next = found.next;
            if let Some(service) = found.items.into_iter().find(|service| service.code == code) {
                return Ok(service);
            }
            match next {
                Some(cursor) => page = page.after(Some(cursor)),
                None => {
                    return Err(
                        Problem { field: "service", problem: "the clinic has no such service" }.into()
                    );
                }
            }
        }
    }
}

/// What a step needs beside its name.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct StepDetails {
    /// The version the caller has seen.
    pub version: Option<i64>,
    /// To when, for a reschedule.
    pub start: Option<StartTime>,
    /// How long then; as before unless said otherwise.
    pub duration_minutes: Option<u32>,
    /// Why, for a cancellation.
    pub reason: Phi<appointment::CancelReason>,
}

impl Default for StepDetails {
    fn default() -> Self {
        Self { version: None, start: None, duration_minutes: None, reason: Phi::new(None) }
    }
}

/// Whether a visit took place is for the clinic to say, whatever else patients may do with their own appointments.
fn may_take(context: &RequestContext, step: Step) -> bool {
    let is_patient = context.actor().profile().is_some_and(|profile| profile.kind == Patient::KIND);
    !is_patient || matches!(step, Step::Confirm | Step::Cancel | Step::Reschedule)
}

fn duration(minutes: u32) -> Result<SignedDuration, Problem> {
    if (5..=480).contains(&minutes) {
        Ok(SignedDuration::from_mins(i64::from(minutes)))
    } else {
        Err(Problem { field: "duration_minutes", problem: "must be 5 to 480" })
    }
}

fn works(practitioner: &Practitioner, zone: &Zone, interval: &Interval) -> Result<(), NoWorkingHours> {
    if Availability::works_during(&practitioner.hours, zone, interval) { Ok(()) } else { Err(NoWorkingHours) }
}

/// A record that is not there makes the field that names it invalid; everything else stays what it is.
fn missing<T: Record>(
    field: &'static str,
    found: Result<Released<T>, AccessError>,
) -> Result<Released<T>, BookError> {
    match found {
        Err(AccessError::NotFound) => Err(Problem { field, problem: "there is no such record" }.into()),
        other => Ok(other?),
    }
}
