use super::Stage;
use crate::{
    AccessError, Appointment, AppointmentStatus, AppointmentStore, AppointmentWindow, Appointments,
    BookError, BookRequest, Clock, Create, Id, Interval, List, Location, PageRequest, Patient, Phi, Plugins,
    Practitioner, Read, Reader, Record, RequestContext, Service, Step, StepDetails, StorageDoor, WeeklyHours,
    Writer, location, patient, practitioner, service,
};
use std::{future::Future, sync::Arc};

/// What a store must be to hold a clinic with appointments.
pub trait ClinicStore:
    AppointmentStore
    + Reader<Patient>
    + Writer<Patient>
    + Reader<Practitioner>
    + Writer<Practitioner>
    + Reader<Location>
    + Writer<Location>
    + Reader<Service>
    + Writer<Service>
    + 'static
{
}

impl<S> ClinicStore for S where
    S: AppointmentStore
        + Reader<Patient>
        + Writer<Patient>
        + Reader<Practitioner>
        + Writer<Practitioner>
        + Reader<Location>
        + Writer<Location>
        + Reader<Service>
        + Writer<Service>
        + 'static
{
}

struct Clinic<S> {
    stage: Stage,
    store: Arc<S>,
    service: Appointments,
    practitioner: Id<Practitioner>,
    location: Id<Location>,
    patients: Vec<Id<Patient>>,
}

/// The contract of booking: claims, steps, cancellation, rescheduling, isolation. `make` makes an empty store behind a door.
pub async fn booking<S: ClinicStore, F: Future<Output = S>>(make: impl Fn(StorageDoor) -> F) {
    let stage = Stage::default();
    let store = Arc::new(make(stage.door()).await);
    let clinic = Clinic::open(stage, store, 3).await;
    clinic.one_time_one_holder().await;
    clinic.neighbours_do_not_meet().await;
    clinic.a_patient_is_in_one_place().await;
    clinic.steps_follow_the_table().await;
    clinic.a_refused_change_leaves_nothing().await;
    clinic.windows_hold_what_overlaps().await;
}

/// Two services over two stores of one clinic, 64 people, one time: exactly one has it and the others are told it is taken.
pub async fn contention<S: ClinicStore, F: Future<Output = S>>(make: impl Fn(StorageDoor) -> F) {
    let stage = Stage::default();
    let (first, second) = (Arc::new(make(stage.door()).await), Arc::new(make(stage.door()).await));
    let clinic = Arc::new(Clinic::open(stage, first, 64).await);
    let rival = Arc::new(clinic.service_over(second));
    let tasks: Vec<_> = (0..64)
        .map(|nth| {
            let (clinic, rival) = (Arc::clone(&clinic), Arc::clone(&rival));
            tokio_task(async move {
                let service = if nth % 2 == 0 { &clinic.service } else { &*rival };
                let request = clinic.request(nth, "2026-03-03T09:00:00");
                service.book(&clinic.stage.context(), request, None).await.map(drop)
            })
        })
        .collect();
    let mut won = 0;
    for task in tasks {
        match task.await {
            Ok(()) => won += 1,
            Err(BookError::Access(AccessError::Claimed(_))) => {}
            Err(other) => panic!("the losers are told that the time is taken, not: {other:?}"),
        }
    }
    assert_eq!(won, 1);
}

/// Runs a future on a thread of its own, so that the suite needs no runtime's spawn and threads really meet.
fn tokio_task<T: Send + 'static>(
    future: impl Future<Output = T> + Send + 'static,
) -> impl Future<Output = T> {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let runtime = tokio::runtime::Handle::current();
    std::thread::spawn(move || {
        let _ = sender.send(runtime.block_on(future));
    });
    async move { receiver.await.expect("the task ended") }
}

impl<S: ClinicStore> Clinic<S> {
    async fn open(stage: Stage, store: Arc<S>, patients: usize) -> Self {
        let context = stage.context();
        let (location, practitioner) = (Id::random(), Id::random());
        let zone: crate::Zone = "Europe/London".parse().unwrap();
        let plain = location::Plain { name: "Main".into(), zone, address: None, active: true };
        add(
            &stage,
            &*store,
            &context,
            Location::new(location, context.clinic(), plain, location::Protected {}),
        )
        .await;
        let hours = WeeklyHours::weekdays("09:00".parse().unwrap(), "17:00".parse().unwrap()).unwrap();
        let plain = practitioner::Plain {
            family: "Blackwell".into(),
            given: "Elizabeth".into(),
            prefix: None,
            location_id: Some(location),
            hours,
            active: true,
        };
        let who = Practitioner::new(practitioner, context.clinic(), plain, practitioner::Protected {});
        add(&stage, &*store, &context, who).await;
        let plain = service::Plain {
            code: "consult".into(),
            name: "Consultation".into(),
            duration_minutes: 30,
            active: true,
        };
        add(
            &stage,
            &*store,
            &context,
            Service::new(Id::random(), context.clinic(), plain, service::Protected {}),
        )
        .await;
        let mut ids = Vec::new();
        for _ in 0..patients {
            let id = Id::random();
            add(&stage, &*store, &context, somebody(id, context.clinic())).await;
            ids.push(id);
        }
        let service = Self::service(&stage, &store);
        Self { stage, store, service, practitioner, location, patients: ids }
    }

    fn service(stage: &Stage, store: &Arc<S>) -> Appointments {
        let clock = Arc::clone(&stage.clock) as Arc<dyn Clock>;
        let plugins = Arc::new(Plugins::default());
        Appointments::new(
            stage.boundary.gate.clone(),
            Arc::clone(store) as _,
            Arc::clone(store),
            plugins,
            clock,
        )
    }

    fn service_over(&self, store: Arc<S>) -> Appointments {
        Self::service(&self.stage, &store)
    }

    fn request(&self, patient: usize, start: &str) -> BookRequest {
        BookRequest {
            id: Id::random(),
            patient: self.patients[patient],
            practitioner: self.practitioner,
            location: self.location,
            service: Phi::new("consult".to_owned()),
            start: start.parse().unwrap(),
            duration_minutes: None,
            note: Phi::new(None),
        }
    }

    async fn book(&self, patient: usize, start: &str) -> Result<crate::Released<Appointment>, BookError> {
        self.service.book(&self.stage.context(), self.request(patient, start), None).await
    }

    async fn step(&self, id: Id<Appointment>, step: Step, details: StepDetails) -> Result<i64, BookError> {
        self.service.step(&self.stage.context(), id, step, details, None).await.map(|row| row.version())
    }

    async fn busy(&self, from: &str, to: &str) -> Vec<Interval> {
        let context = self.stage.context();
        let grant = self.stage.boundary.gate.open(&context, Read::new(self.practitioner)).await.unwrap();
        let span = Interval::new(from.parse().unwrap(), to.parse().unwrap()).unwrap();
        self.store.busy(&grant, &span).await.unwrap()
    }

    async fn one_time_one_holder(&self) {
        let booked = self.book(0, "2026-03-03T10:00:00").await.unwrap();
        assert_eq!((booked.status, booked.version()), (AppointmentStatus::Booked, 1));
        for start in ["2026-03-03T10:00:00", "2026-03-03T10:15:00", "2026-03-03T09:45:00"] {
            let taken = self.book(1, start).await;
            assert!(matches!(taken, Err(BookError::Access(AccessError::Claimed(_)))), "{start}: {taken:?}");
        }
        self.step(booked.id(), Step::Cancel, StepDetails::default()).await.unwrap();
        let again =
            self.book(1, "2026-03-03T10:00:00").await.expect("a cancelled appointment gives its time back");
        self.step(again.id(), Step::Cancel, StepDetails::default()).await.unwrap();
    }

    async fn neighbours_do_not_meet(&self) {
        self.book(0, "2026-03-04T10:00:00").await.unwrap();
        self.book(1, "2026-03-04T10:30:00").await.expect("what ends at half past leaves half past free");
        self.book(2, "2026-03-04T09:30:00").await.expect("and before");
    }

    async fn a_patient_is_in_one_place(&self) {
        let other = Id::random();
        let context = self.stage.context();
        let hours = WeeklyHours::weekdays("09:00".parse().unwrap(), "17:00".parse().unwrap()).unwrap();
        let plain = practitioner::Plain {
            family: "Garrett".into(),
            given: "Elizabeth".into(),
            prefix: None,
            location_id: Some(self.location),
            hours,
            active: true,
        };
        let who = Practitioner::new(other, context.clinic(), plain, practitioner::Protected {});
        add(&self.stage, &*self.store, &context, who).await;
        self.book(0, "2026-03-05T10:00:00").await.unwrap();
        let request = BookRequest { practitioner: other, ..self.request(0, "2026-03-05T10:15:00") };
        let twice = self.service.book(&context, request, None).await;
        assert!(matches!(twice, Err(BookError::Access(AccessError::Claimed(_)))), "{twice:?}");
    }

    async fn steps_follow_the_table(&self) {
        let id = self.book(0, "2026-03-06T10:00:00").await.unwrap().id();
        assert_eq!(self.step(id, Step::Confirm, StepDetails::default()).await.unwrap(), 2);
        let start = StepDetails { start: "2026-03-06T14:00:00".parse().ok(), ..StepDetails::default() };
        assert_eq!(self.step(id, Step::Reschedule, start).await.unwrap(), 3);
        let day = self.busy("2026-03-06T00:00:00Z", "2026-03-07T00:00:00Z").await;
        assert_eq!(day.iter().map(|i| i.starts().to_string()).collect::<Vec<_>>(), ["2026-03-06T14:00:00Z"]);
        let early = self.step(id, Step::NoShow, StepDetails::default()).await;
        assert!(matches!(early, Err(BookError::Invalid(_))), "{early:?}");
        let stale = StepDetails { version: Some(1), ..StepDetails::default() };
        let stale = self.step(id, Step::CheckIn, stale).await;
        assert!(matches!(stale, Err(BookError::Access(AccessError::VersionConflict))), "{stale:?}");
        for step in [Step::CheckIn, Step::Start, Step::Complete] {
            self.step(id, step, StepDetails::default()).await.unwrap();
        }
        let over = self.step(id, Step::Cancel, StepDetails::default()).await;
        assert!(matches!(over, Err(BookError::Step(_))), "{over:?}");
    }

    async fn a_refused_change_leaves_nothing(&self) {
        let held = self.book(0, "2026-03-09T10:00:00").await.unwrap();
        let moving = self.book(1, "2026-03-09T11:00:00").await.unwrap();
        let onto = StepDetails { start: "2026-03-09T10:15:00".parse().ok(), ..StepDetails::default() };
        let refused = self.step(moving.id(), Step::Reschedule, onto).await;
        assert!(matches!(refused, Err(BookError::Access(AccessError::Claimed(_)))), "{refused:?}");
        let day = self.busy("2026-03-09T00:00:00Z", "2026-03-10T00:00:00Z").await;
        assert_eq!(day.len(), 2, "a refused move keeps the old time");
        assert!(day.iter().any(|interval| interval.starts() == moving.starts));
        assert!(day.iter().any(|interval| interval.starts() == held.starts));
    }

    async fn in_window(&self, window: &AppointmentWindow) -> Vec<Id<Appointment>> {
        let context = self.stage.context();
        let grant = self.stage.boundary.gate.open(&context, List::<Appointment>::all()).await.unwrap();
        let rows = self.store.within(&grant, window, &PageRequest::first(2).unwrap()).await.unwrap();
        grant.release(rows).await.unwrap().items.iter().map(|row| row.id()).collect()
    }

    async fn windows_hold_what_overlaps(&self) {
        let context = self.stage.context();
        let span = |from: &str, to: &str| Interval::new(from.parse().unwrap(), to.parse().unwrap()).ok();
        for (from, to, want) in [
            ("2026-03-04T00:00:00Z", "2026-03-05T00:00:00Z", 3),
            ("2026-03-04T09:45:00Z", "2026-03-04T10:00:00Z", 1),
            ("2026-03-04T11:00:00Z", "2026-03-04T12:00:00Z", 0),
        ] {
            let mut window =
                AppointmentWindow { within: span(from, to), practitioner: Some(self.practitioner), id: None };
            let (mut starts, mut ids, mut page) = (Vec::new(), Vec::new(), PageRequest::first(2).unwrap());
            loop {
                let grant =
                    self.stage.boundary.gate.open(&context, List::<Appointment>::all()).await.unwrap();
                let rows = self.store.within(&grant, &window, &page).await.unwrap();
                let got = grant.release(rows).await.unwrap();
                for row in &got.items {
                    starts.push(row.starts);
                    ids.push(row.id());
                }
                let Some(next) = got.next else { break };
                page = page.after(Some(next));
            }
            assert_eq!(starts.len(), want, "{from}");
            assert!(starts.is_sorted());
            // One alone is itself where it is in the window, and nothing where it is not.
            for (id, found) in ids.iter().map(|id| (*id, 1)).chain([(Id::random(), 0)]) {
                window.id = Some(id);
                assert_eq!(self.in_window(&window).await, vec![id; found]);
            }
            if let Some(id) = ids.first() {
                window.id = Some(*id);
                window.within = span("2026-03-08T00:00:00Z", "2026-03-08T01:00:00Z");
                assert_eq!(self.in_window(&window).await, vec![]);
            }
        }
    }
}

async fn add<T: Record>(stage: &Stage, store: &(impl Writer<T> + ?Sized), context: &RequestContext, row: T) {
    let grant = stage.boundary.gate.open(context, Create::new(row.id())).await.unwrap();
    store.commit(grant.fill(row).await.unwrap()).await.unwrap();
}

fn somebody(id: Id<Patient>, clinic: crate::ClinicId) -> Patient {
    let protected = patient::Protected {
        family: Phi::new("Somebody".into()),
        given: Phi::new("A".into()),
        birth_date: Phi::new(None),
        gender: Phi::new(None),
        phone: Phi::new(None),
        email: Phi::new(None),
        address: Phi::new(None),
        record_number: Phi::new(None),
        deceased: Phi::new(None),
    };
    Patient::new(id, clinic, patient::Plain { active: true }, protected)
}
