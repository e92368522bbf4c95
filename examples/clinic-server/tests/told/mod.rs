//! A server's parts by a clock that is moved, with e-mail that is kept.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs
)]

use super::common::{HARBOUR, Site};
use async_trait::async_trait;
use clinic_server::{
    App,
    config::DatabaseConfig,
    notices::handlers,
    seed::seed,
    wiring::{Process, Server, wire_with},
};
use healthcare_core::{
    Appointment, BookError, BookRequest, Clinic, ClinicId, Clock, DomainEvent, Draft, Id, List, Location,
    ManualClock, PageRequest, Patient, Phi, Practitioner, Record, RequestContext, StartTime, Step,
    StepDetails, Update, clinic, patient,
};
use healthcare_messaging::{
    EmailFailure, EmailTransport, EventBus, Handler, HandlerError, JobFilter, MemoryEmail, OutgoingEmail,
    QueueCount, Subscribed, Subscription, VisitTime,
};
use jiff::{SignedDuration, Timestamp, ToSpan, civil::Time};
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};
use tokio::{sync::watch, task::JoinHandle};

pub const MINUTE: Duration = Duration::from_secs(60);
pub const DAY: Duration = Duration::from_secs(86_400);

pub struct House {
    pub server: Server,
    pub email: MemoryEmail,
    pub clock: Arc<ManualClock>,
    clinic: ClinicId,
    patient: Id<Patient>,
    practitioner: Id<Practitioner>,
    location: Id<Location>,
    listener: Arc<Listener>,
    subscribed: Option<Subscribed>,
    worker: Option<JoinHandle<()>>,
    relay_url: Option<String>,
}

/// Tells the plugins, as the server does, until it is muted; and remembers what it heard.
struct Listener {
    plugins: Arc<healthcare_core::Plugins>,
    heard: Mutex<Vec<DomainEvent>>,
    muted: AtomicBool,
}

#[async_trait]
impl Handler for Listener {
    async fn handle(&self, event: &DomainEvent) -> Result<(), HandlerError> {
        if !self.muted.load(SeqCst) {
            self.plugins.notify(event).await.map_err(HandlerError::because)?;
        }
        self.heard.lock().unwrap().push(event.clone());
        Ok(())
    }
}

/// E-mail whose server never answers.
#[derive(Debug, Clone)]
pub struct Hanging(Arc<AtomicUsize>, Arc<watch::Sender<bool>>);

#[async_trait]
impl EmailTransport for Hanging {
    async fn send(&self, _: &OutgoingEmail) -> Result<(), EmailFailure> {
        self.0.fetch_add(1, SeqCst);
        self.1.send_replace(true);
        std::future::pending().await
    }
}

impl Hanging {
    pub fn calls(&self) -> usize {
        self.0.load(SeqCst)
    }
    pub async fn until_reached(&self) {
        self.1.subscribe().wait_for(|reached| *reached).await.unwrap();
    }
}

/// What a test changes in the patient's record.
pub struct Edit<'d>(&'d mut Draft<Patient>);

impl Edit<'_> {
    pub fn address(self, address: Option<&str>) {
        let address = address.map(|address| address.parse().unwrap());
        self.0.set(patient::ElectronicMail, Phi::new(address)).unwrap();
    }
    pub fn died(self) {
        self.0.set(patient::DeceasedOn, Phi::new(Some("2026-01-01".parse().unwrap()))).unwrap();
    }
    pub fn out_of_use(self) {
        self.0.plain_mut().active = false;
    }
}

impl House {
    /// A demonstration in which the first patient of the first clinic can be written to. Nothing works yet.
    pub async fn open(site: &Site) -> Self {
        let clock = Arc::new(ManualClock::at(Timestamp::now()));
        let mut server =
            wire_with(&site.config, Process::All, Arc::clone(&clock) as Arc<dyn Clock>).await.unwrap();
        let email = MemoryEmail::default();
        Arc::get_mut(&mut server.app).unwrap().email = Arc::new(email.clone());
        seed(&server.app).await.unwrap();
        let relay_url = match &site.config.database {
            DatabaseConfig::Postgres { relay, .. } => Some(relay.expose().to_owned()),
            DatabaseConfig::Sqlite(_) => None,
        };
        let clinic: ClinicId = HARBOUR.parse().unwrap();
        let app = Arc::clone(&server.app);
        let context = context(&app, clinic);
        let patient = first::<Patient>(&app, &context).await;
        let practitioner = first::<Practitioner>(&app, &context).await;
        let location = first::<Location>(&app, &context).await;
        let listener = Listener {
            plugins: Arc::clone(&server.plugins),
            heard: Mutex::default(),
            muted: AtomicBool::new(false),
        };
        let house = Self {
            server,
            email,
            clock,
            clinic,
            patient,
            practitioner,
            location,
            listener: Arc::new(listener),
            subscribed: None,
            worker: None,
            relay_url,
        };
        house.patient(|edit| edit.address(Some("ada@patients.example"))).await;
        house
    }

    fn context(&self) -> RequestContext {
        context(&self.server.app, self.clinic)
    }

    /// Begins to work: relay, listener, worker.
    pub async fn work(&mut self) {
        let subscription = Subscription::acknowledged("appointment-plugins").kind("appointment.*");
        let listener = Arc::clone(&self.listener) as Arc<dyn Handler>;
        self.subscribed = Some(self.server.bus.subscribe(subscription, listener).await.unwrap());
        let stage = self.server.shutdown.stage("relay").unwrap();
        let relay = self.server.relay.take().unwrap();
        drop(stage.spawn("relay", relay.run(stage.token())).unwrap());
        self.work_again().await;
    }

    /// Another worker, after one was lost.
    pub async fn work_again(&mut self) {
        let app = &self.server.app;
        let mut worker = app.jobs.worker_on().clock(Arc::clone(&app.clock));
        for queue in ["notification", "email", "reminder"] {
            worker = worker.queue(queue, 4);
        }
        let worker = handlers(worker, app).poll(Duration::from_millis(20)).build().unwrap();
        let token = self.server.shutdown.stage("worker").unwrap().token();
        self.worker = Some(tokio::spawn(async move {
            worker.run(token).await;
        }));
    }

    /// As if its process had been killed: its leases run out.
    pub async fn lose_worker(&mut self) {
        let worker = self.worker.take().unwrap();
        worker.abort();
        assert!(worker.await.unwrap_err().is_cancelled());
    }

    /// From now on e-mail hangs.
    pub fn hang(&mut self) -> Hanging {
        let hanging = Hanging(Arc::default(), Arc::new(watch::channel(false).0));
        Arc::get_mut(&mut self.server.app).unwrap().email = Arc::new(hanging.clone());
        hanging
    }

    /// From now on the plugins are told of nothing.
    pub fn mute(&self) {
        self.listener.muted.store(true, SeqCst);
    }

    /// The events of an appointment so far, of which there is one.
    pub async fn until_heard(&self, id: Id<Appointment>) -> Vec<DomainEvent> {
        let heard = || {
            let mut heard = self.listener.heard.lock().unwrap().clone();
            heard.retain(|event| event.aggregate_id == id.as_uuid());
            heard
        };
        self.until("an event was heard", async || !heard().is_empty()).await;
        heard()
    }

    /// The same time of the same day, five days ahead or more, on which the clinic is open.
    pub fn start(&self, time: &str) -> Timestamp {
        let begun = self.begun();
        let zone = jiff::tz::TimeZone::get("America/New_York").unwrap();
        let mut day = begun.to_zoned(zone.clone()).date().saturating_add(5.days());
        while day.weekday().to_monday_zero_offset() > 4 {
            day = day.saturating_add(1.days());
        }
        day.to_datetime(time.parse::<Time>().unwrap()).to_zoned(zone).unwrap().timestamp()
    }

    /// When the house was opened, whatever its clock was moved by.
    fn begun(&self) -> Timestamp {
        self.clock.now() - SignedDuration::try_from(self.clock.monotonic()).unwrap()
    }

    pub fn shown(&self, time: &str) -> String {
        let shown = VisitTime::new(self.start(time), &"America/New_York".parse().unwrap()).to_string();
        // The texts break the line nowhere else.
        shown
    }

    pub async fn book(&self, time: &str) -> Id<Appointment> {
        self.try_book(time).await.unwrap()
    }

    pub async fn try_book(&self, time: &str) -> Result<Id<Appointment>, BookError> {
        let request = BookRequest {
            id: Id::random(),
            patient: self.patient,
            practitioner: self.practitioner,
            location: self.location,
            service: Phi::new("consultation".to_owned()),
            start: StartTime::Instant(self.start(time)),
            duration_minutes: None,
            note: Phi::new(Some("a rash".to_owned())),
        };
        self.server.app.appointments.book(&self.context(), request, None).await.map(|booked| booked.id())
    }

    pub async fn step(&self, id: Id<Appointment>, step: Step) {
        self.take(id, step, StepDetails::default()).await;
    }

    pub async fn move_to(&self, id: Id<Appointment>, time: &str) {
        let mut details = StepDetails::default();
        details.start = Some(StartTime::Instant(self.start(time)));
        self.take(id, Step::Reschedule, details).await;
    }

    async fn take(&self, id: Id<Appointment>, step: Step, details: StepDetails) {
        self.server.app.appointments.step(&self.context(), id, step, details, None).await.unwrap();
    }

    pub async fn patient(&self, edit: impl FnOnce(Edit<'_>)) {
        let (app, context) = (&self.server.app, self.context());
        let grant = app.gate.open(&context, Update::new(self.patient)).await.unwrap();
        let row = app.stores.patients.find_for_update(&grant).await.unwrap();
        let mut draft = grant.edit(row).await.unwrap();
        edit(Edit(&mut draft));
        app.stores.patients.commit(draft.change().await.unwrap()).await.unwrap();
    }

    /// The clinic has nobody reminded any more.
    pub async fn switch_off(&self) {
        self.switch_on(r#"{"notification": {}}"#).await;
    }

    /// What the clinic switched on from now on.
    pub async fn switch_on(&self, plugins: &str) {
        self.clinic(|clinic| clinic.plugins = plugins.to_owned()).await;
    }

    /// Changes the clinic's record.
    pub async fn clinic(&self, edit: impl FnOnce(&mut clinic::Plain)) {
        let (app, context) = (&self.server.app, self.context());
        let id = Id::<Clinic>::from_uuid(self.clinic.as_uuid());
        let grant = app.gate.open(&context, Update::new(id)).await.unwrap();
        let row = app.stores.clinics.find_for_update(&grant).await.unwrap();
        let mut draft = grant.edit(row).await.unwrap();
        edit(draft.plain_mut());
        app.stores.clinics.commit(draft.change().await.unwrap()).await.unwrap();
    }

    /// Lets time pass, for the house and for the database whose clock cannot be moved: there all that waits comes nearer.
    pub async fn pass(&self, by: Duration) {
        self.clock.advance(by);
        if let Some(url) = &self.relay_url {
            use sqlx::{Connection, Executor};
            let mut relay = sqlx::PgConnection::connect(url).await.unwrap();
            let nearer = format!(
                "UPDATE main.job SET due_at = due_at - interval '{} seconds' WHERE state = 'waiting'",
                by.as_secs()
            );
            relay.execute(sqlx::AssertSqlSafe(nearer)).await.unwrap();
        }
        self.server.app.jobs.wake();
    }

    /// Until a minute after the reminder is due of an appointment at this time.
    pub async fn until_a_day_before(&self, time: &str) {
        let due = self.start(time) - SignedDuration::from_hours(24) + SignedDuration::from_mins(1);
        let by = due.duration_since(self.clock.now());
        self.pass(Duration::try_from(by).unwrap_or_default()).await;
    }

    /// Waits for as many e-mails in all.
    pub async fn sent(&self, count: usize) -> Vec<OutgoingEmail> {
        self.until(&format!("{count} e-mails are sent"), async || self.email.sent().len() >= count).await;
        let sent = self.email.sent();
        assert_eq!(sent.len(), count, "no more than that");
        sent
    }

    /// Waits until nothing is to be done but what waits for its time.
    pub async fn settled(&self) {
        let jobs = &self.server.app.jobs;
        self.until("everything is done", async || {
            let counts = jobs.store().counts(&JobFilter::default()).await.unwrap();
            counts.iter().all(|count| count.due == 0 && count.running == 0)
        })
        .await;
    }

    pub async fn until_count(&self, queue: &'static str, what: &str, so: impl Fn(&QueueCount) -> bool) {
        let filter = JobFilter::clinic(self.clinic).queue(queue);
        self.until(what, async || {
            let counts = self.server.app.jobs.store().counts(&filter).await.unwrap();
            counts.first().is_some_and(&so)
        })
        .await;
    }

    async fn until(&self, what: &str, so: impl AsyncFn() -> bool) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while !so().await {
            if Instant::now() > deadline {
                let counts = self.server.app.jobs.store().counts(&JobFilter::default()).await;
                panic!("waited in vain until {what}: {counts:?}, {:?}", self.email);
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// The kinds of records that a job has read, in order.
    pub fn read_by(&self, job: &str) -> Vec<String> {
        let page = self.server.app.audit.recent(self.clinic, 200).unwrap();
        let events = page.entries.into_iter().filter_map(|entry| entry.event);
        let own = events.filter(|event| match &event.actor {
            healthcare_core::Actor::System { job: by, role } => by == job && role.as_str() == "NOTIFIER",
            _ => false,
        });
        own.map(|event| event.ask.kind.to_string()).collect()
    }

    pub async fn close(mut self) {
        self.subscribed = None;
        self.server.shutdown.begin();
        drop(self.server.shutdown.drain().await);
        if let Some(worker) = self.worker.take() {
            worker.await.unwrap();
        }
        let audit = self.server.app.audit.clone();
        tokio::task::spawn_blocking(move || audit.close()).await.unwrap().unwrap();
        self.server.database.close().await;
    }
}

fn context(app: &App, clinic: ClinicId) -> RequestContext {
    app.system.job("test", "SEED".parse().unwrap(), clinic)
}

/// The clinic's first record of a kind.
async fn first<T: Listed>(app: &App, context: &RequestContext) -> Id<T> {
    let grant = app.gate.open(context, List::<T>::all()).await.unwrap();
    let rows = T::list(app, &grant).await;
    grant.release(rows).await.unwrap().items[0].id()
}

trait Listed: Record {
    async fn list(app: &App, grant: &healthcare_core::Grant<List<Self>>) -> healthcare_core::Rows<Self>;
}

macro_rules! listed {
    ($($record:ty: $store:ident),*) => { $(
        impl Listed for $record {
            async fn list(app: &App, grant: &healthcare_core::Grant<List<Self>>) -> healthcare_core::Rows<Self> {
                app.stores.$store.list(grant, &PageRequest::default()).await.unwrap()
            }
        }
    )* };
}
listed!(Patient: patients, Practitioner: practitioners, Location: locations);
