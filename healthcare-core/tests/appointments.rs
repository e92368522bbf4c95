//! Availability over clock changes, and plugins that refuse, panic, hang and hold.
#![cfg(all(feature = "appointment", feature = "testing"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use async_trait::async_trait;
use healthcare_core::{
    AccessError, Appointment, AppointmentPlugin, Appointments, Availability, AvailabilityQuery, BookError,
    BookRequest, Claim, ClinicId, Clock, Clues, CoverageAnswer, CoverageInquiry, Create, DomainEvent,
    Eligibility, ErrorCode, Hook, Id, Identity, Interval, List, Location, ManualClock, MemoryPayer,
    MemoryStore, Moment, OutboxMessage, PageRequest, Patient, Phi, PluginError, PluginSettings, Plugins,
    Practitioner, PrepareContext, Prepared, Profile, Reader, Record, Refusal, Resource, Service, Step,
    StepDetails, TransactionView, UserId, WeeklyHours, Window, Writer, Zone, location, patient, practitioner,
    service, testing::Stage,
};
use jiff::{SignedDuration, civil::date};
use proptest::prelude::*;
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

fn zone(name: &str) -> Zone {
    name.parse().unwrap()
}

fn free(hours: &WeeklyHours, at: &str, from: &str, to: &str, minutes: i64) -> Vec<String> {
    let zone = zone(at);
    let query = AvailabilityQuery {
        hours,
        zone: &zone,
        duration: SignedDuration::from_mins(minutes),
        from: from.parse().unwrap(),
        to: to.parse().unwrap(),
        now: "2000-01-01T00:00:00Z".parse().unwrap(),
    };
    let found = Availability::find(&query, &[]).unwrap();
    found.slots().iter().map(|slot| slot.starts().to_string()).collect()
}

fn window(weekday: i8, from: &str, to: &str) -> WeeklyHours {
    WeeklyHours::new(vec![Window { weekday, from: from.parse().unwrap(), to: to.parse().unwrap() }]).unwrap()
}

#[test]
fn a_day_of_23_hours_has_one_hour_less_and_one_of_25_has_one_more() {
    // London, Sunday 29 March 2026: 01:00 becomes 02:00. Sunday 25 October: 02:00 becomes 01:00.
    let night = window(7, "00:00", "04:00");
    let spring = free(&night, "Europe/London", "2026-03-29T00:00:00Z", "2026-03-30T00:00:00Z", 60);
    assert_eq!(spring, ["2026-03-29T00:00:00Z", "2026-03-29T01:00:00Z", "2026-03-29T02:00:00Z"]);
    let autumn = free(&night, "Europe/London", "2026-10-24T23:00:00Z", "2026-10-26T00:00:00Z", 60);
    assert_eq!(autumn.len(), 5, "{autumn:?}");
}

#[test]
fn nine_in_the_morning_is_nine_on_the_wall_in_summer_and_winter() {
    let monday = window(1, "09:00", "10:00");
    let winter = free(&monday, "Europe/London", "2026-03-23T00:00:00Z", "2026-03-24T00:00:00Z", 60);
    let summer = free(&monday, "Europe/London", "2026-03-30T00:00:00Z", "2026-03-31T00:00:00Z", 60);
    assert_eq!(
        (winter, summer),
        (vec!["2026-03-23T09:00:00Z".to_owned()], vec!["2026-03-30T08:00:00Z".to_owned()])
    );
    let kolkata = free(&monday, "Asia/Kolkata", "2026-03-23T00:00:00Z", "2026-03-24T00:00:00Z", 60);
    assert_eq!(kolkata, ["2026-03-23T03:30:00Z"]);
}

#[test]
fn a_window_may_go_past_midnight() {
    let night = window(5, "22:00", "02:00");
    let slots = free(&night, "UTC", "2026-03-07T00:00:00Z", "2026-03-08T00:00:00Z", 60);
    assert_eq!(slots, ["2026-03-07T00:00:00Z", "2026-03-07T01:00:00Z"], "what is left of Friday's night");
    let span = |from: &str, to: &str| Interval::new(from.parse().unwrap(), to.parse().unwrap()).unwrap();
    let utc = zone("UTC");
    assert!(Availability::works_during(&night, &utc, &span("2026-03-06T23:30:00Z", "2026-03-07T00:30:00Z")));
    assert!(!Availability::works_during(&night, &utc, &span("2026-03-07T01:30:00Z", "2026-03-07T02:30:00Z")));
}

proptest! {
    /// Whatever is busy, what is offered overlaps none of it, lies in the range, and lies in working hours.
    #[test]
    fn what_is_offered_is_free(
        day in 0i8..28, length in 5i64..180,
        busy in proptest::collection::vec((0i64..2880, 1i64..240), 0..20),
    ) {
        let start = date(2026, 3, 1).checked_add(jiff::Span::new().days(day)).unwrap();
        let zone = zone("America/New_York");
        let from = start.to_zoned(zone.as_jiff().clone()).unwrap().timestamp();
        let to = from + SignedDuration::from_hours(48);
        let busy: Vec<Interval> = busy
            .into_iter()
            .map(|(at, length)| {
                let starts = from + SignedDuration::from_mins(at);
                Interval::new(starts, starts + SignedDuration::from_mins(length)).unwrap()
            })
            .collect();
        let hours = WeeklyHours::weekdays("08:30".parse().unwrap(), "17:00".parse().unwrap()).unwrap();
        let duration = SignedDuration::from_mins(length);
        let query = AvailabilityQuery { hours: &hours, zone: &zone, duration, from, to, now: from };
        let found = Availability::find(&query, &busy).unwrap();
        for (nth, slot) in found.slots().iter().enumerate() {
            prop_assert!(busy.iter().all(|taken| !taken.overlaps(slot)));
            prop_assert!(from <= slot.starts() && slot.ends() <= to);
            prop_assert!(Availability::works_during(&hours, &zone, slot));
            prop_assert!(found.slots()[..nth].iter().all(|other| !other.overlaps(slot)));
        }
    }
}

#[test]
fn ranges_have_limits() {
    let hours = WeeklyHours::default();
    let zone = zone("UTC");
    for (from, to, minutes) in [
        ("2026-03-02T00:00:00Z", "2026-03-02T00:00:00Z", 30),
        ("2026-03-02T00:00:00Z", "2026-05-02T00:00:00Z", 30),
        ("2026-03-02T00:00:00Z", "2026-03-03T00:00:00Z", 4),
        ("2026-03-02T00:00:00Z", "2026-03-03T00:00:00Z", 481),
    ] {
        let query = AvailabilityQuery {
            hours: &hours,
            zone: &zone,
            duration: SignedDuration::from_mins(minutes),
            from: from.parse().unwrap(),
            to: to.parse().unwrap(),
            now: from.parse().unwrap(),
        };
        assert!(Availability::find(&query, &[]).is_err(), "{from} {to} {minutes}");
    }
}

// ---- plugins ---------------------------------------------------------------------------------------------------------

#[derive(Debug, Clone, Copy, PartialEq)]
enum Mood {
    Content,
    RefusesBefore,
    PanicsInPrepare,
    PanicsBefore,
    Hangs,
    HangsBefore,
    HoldsRoom(uuid::Uuid),
}

#[derive(Debug)]
struct Moody {
    mood: Mood,
    calls: Arc<AtomicUsize>,
    failures: Arc<AtomicUsize>,
}

#[async_trait]
impl AppointmentPlugin for Moody {
    fn name(&self) -> &'static str {
        "moody"
    }
    async fn prepare(&self, _: &PrepareContext<'_>) -> Result<Prepared, Refusal> {
        match self.mood {
            Mood::PanicsInPrepare => panic!("a plugin may panic"),
            Mood::Hangs => std::future::pending().await,
            _ => Ok(Prepared::with(42_u32)),
        }
    }
    async fn before(
        &self,
        moment: &Moment<'_>,
        prepared: &Prepared,
        transaction: &mut dyn TransactionView,
    ) -> Result<(), Refusal> {
        assert_eq!(prepared.get::<u32>(), Some(&42));
        self.calls.fetch_add(1, Ordering::SeqCst);
        match self.mood {
            Mood::RefusesBefore => Err(Refusal { by: "moody".into(), reason: "not today".into() }),
            Mood::PanicsBefore => panic!("here too"),
            Mood::HangsBefore => std::future::pending().await,
            Mood::HoldsRoom(id) => {
                let room = Resource { kind: "room".into(), id };
                let taken = transaction.claims_on(&room, &moment.interval).await.unwrap();
                if !taken.is_empty() {
                    return Err(Refusal { by: "moody".into(), reason: "the room is taken".into() });
                }
                transaction.claim(&Claim { resource: room, interval: moment.interval }).await.unwrap();
                Ok(())
            }
            _ => Ok(()),
        }
    }
    async fn after(&self, _: &DomainEvent, _: &serde_json::Value) -> Result<(), PluginError> {
        self.calls.fetch_add(100, Ordering::SeqCst);
        Ok(())
    }
    fn failed(&self, _: Hook, _: &AccessError) {
        self.failures.fetch_add(1, Ordering::SeqCst);
    }
}

struct Clinic {
    stage: Stage,
    store: Arc<MemoryStore>,
    plugins: Arc<Plugins>,
    service: Appointments,
    practitioner: Id<Practitioner>,
    location: Id<Location>,
    patient: Id<Patient>,
}

async fn put<T: Record>(stage: &Stage, store: &MemoryStore, row: T) {
    let grant = stage.boundary.gate.open(&stage.context(), Create::new(row.id())).await.unwrap();
    store.commit(grant.fill(row).await.unwrap()).await.unwrap();
}

async fn clinic(plugins: impl FnOnce(&Arc<MemoryStore>) -> Plugins) -> Clinic {
    let stage = Stage::default();
    let store = Arc::new(MemoryStore::new(stage.door()));
    let (location, practitioner, patient, at) = (Id::random(), Id::random(), Id::random(), stage.clinic);
    let plain = location::Plain { name: "Main".into(), zone: zone("UTC"), address: None, active: true };
    put(&stage, &store, Location::new(location, at, plain, location::Protected {})).await;
    let plain = practitioner::Plain {
        family: "Blackwell".into(),
        given: "Elizabeth".into(),
        prefix: None,
        location_id: Some(location),
        hours: WeeklyHours::weekdays("09:00".parse().unwrap(), "17:00".parse().unwrap()).unwrap(),
        active: true,
    };
    put(&stage, &store, Practitioner::new(practitioner, at, plain, practitioner::Protected {})).await;
    let plain = service::Plain {
        code: "consult".into(),
        name: "Consultation".into(),
        duration_minutes: 30,
        active: true,
    };
    put(&stage, &store, Service::new(Id::random(), at, plain, service::Protected {})).await;
    let protected = patient::Protected {
        family: Phi::new("Young".into()),
        given: Phi::new("A".into()),
        birth_date: Phi::new(Some(date(2010, 3, 4))),
        gender: Phi::new(None),
        phone: Phi::new(None),
        email: Phi::new(None),
        address: Phi::new(None),
        record_number: Phi::new(None),
        deceased: Phi::new(None),
    };
    put(&stage, &store, Patient::new(patient, at, patient::Plain { active: true }, protected)).await;
    let plugins = Arc::new(plugins(&store));
    let clock = Arc::clone(&stage.clock) as Arc<dyn Clock>;
    let gate = stage.boundary.gate.clone();
    let service =
        Appointments::new(gate, Arc::clone(&store) as _, Arc::clone(&store), Arc::clone(&plugins), clock);
    Clinic { stage, store, plugins, service, practitioner, location, patient }
}

impl Clinic {
    async fn book(&self, start: &str) -> Result<(), BookError> {
        let request = BookRequest {
            id: Id::random(),
            patient: self.patient,
            practitioner: self.practitioner,
            location: self.location,
            service: Phi::new("consult".to_owned()),
            start: start.parse().unwrap(),
            duration_minutes: None,
            note: Phi::new(None),
        };
        self.service.book(&self.stage.context(), request, None).await.map(drop)
    }
}

async fn with_mood(mood: Mood) -> (Clinic, Arc<AtomicUsize>, Arc<AtomicUsize>) {
    let (calls, failures) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let plugin = Moody { mood, calls: Arc::clone(&calls), failures: Arc::clone(&failures) };
    let clinic = clinic(|_| Plugins::builder().with(plugin).build()).await;
    clinic.plugins.configure(clinic.stage.clinic, r#"{"moody": {}}"#).unwrap();
    (clinic, calls, failures)
}

#[tokio::test(start_paused = true)]
async fn a_plugin_that_refuses_panics_or_hangs_rolls_everything_back() {
    for (mood, told) in [
        (Mood::RefusesBefore, 1),
        (Mood::PanicsBefore, 1),
        (Mood::HangsBefore, 1),
        (Mood::PanicsInPrepare, 0),
        (Mood::Hangs, 0),
    ] {
        let (clinic, _, failures) = with_mood(mood).await;
        let before = clinic.store.outbox().len();
        let error = clinic.book("2026-03-03T10:00:00").await.unwrap_err();
        assert!(matches!(error, BookError::Access(AccessError::Refused(_))), "{mood:?}: {error:?}");
        assert_eq!(error.code(), ErrorCode::AppointmentRefused);
        assert_eq!(clinic.store.outbox().len(), before, "{mood:?}");
        assert_eq!(failures.load(Ordering::SeqCst), told, "{mood:?}");
        clinic.plugins.configure(clinic.stage.clinic, "{}").unwrap();
        clinic.book("2026-03-03T10:00:00").await.expect("the time was never taken");
    }
}

/// Refuses everything, after the others have prepared.
#[derive(Debug)]
struct Strict;

#[async_trait]
impl AppointmentPlugin for Strict {
    fn name(&self) -> &'static str {
        "strict"
    }
    fn priority(&self) -> u16 {
        200
    }
    async fn prepare(&self, _: &PrepareContext<'_>) -> Result<Prepared, Refusal> {
        Err(Refusal { by: "strict".into(), reason: "never".into() })
    }
}

#[tokio::test]
async fn a_plugin_that_prepared_is_told_when_a_later_one_refuses() {
    let (calls, failures) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let first = Moody { mood: Mood::Content, calls, failures: Arc::clone(&failures) };
    let clinic = clinic(|_| Plugins::builder().with(Strict).with(first).build()).await;
    clinic.plugins.configure(clinic.stage.clinic, r#"{"moody": {}, "strict": {}}"#).unwrap();
    assert!(clinic.book("2026-03-03T10:00:00").await.is_err());
    assert_eq!(failures.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn whether_a_visit_took_place_is_not_for_the_patient_to_say() {
    let clinic = clinic(|_| Plugins::default()).await;
    clinic.book("2026-03-03T10:00:00").await.unwrap();
    let grant =
        clinic.stage.boundary.gate.open(&clinic.stage.context(), List::<Appointment>::all()).await.unwrap();
    let rows = clinic.store.list(&grant, &PageRequest::default()).await.unwrap();
    let id = grant.release(rows).await.unwrap().items[0].id();
    let profile = Some(Profile { kind: "patient".into(), id: clinic.patient.as_uuid() });
    let identity = Identity {
        user: UserId::random(),
        clinic: clinic.stage.clinic,
        roles: Arc::new([]),
        profile,
        session: None,
    };
    let patient = clinic.stage.boundary.edge.request(identity, &Clues::default()).unwrap();
    for step in [Step::CheckIn, Step::Start, Step::Complete, Step::NoShow] {
        let denied = clinic.service.step(&patient, id, step, StepDetails::default(), None).await.unwrap_err();
        assert_eq!(denied.code(), ErrorCode::AccessDenied, "{step}");
    }
    clinic.service.step(&patient, id, Step::Cancel, StepDetails::default(), None).await.unwrap();
}

#[tokio::test]
async fn a_plugin_may_claim_more_inside_the_transaction() {
    let (clinic, ..) = with_mood(Mood::HoldsRoom(uuid::Uuid::now_v7())).await;
    clinic.book("2026-03-03T10:00:00").await.unwrap();
    let taken = clinic.book("2026-03-03T10:15:00").await.unwrap_err();
    assert!(
        matches!(taken, BookError::Access(AccessError::Claimed(_))),
        "claims of the change come first: {taken:?}"
    );
}

#[tokio::test]
async fn a_plugin_is_silent_where_it_is_not_switched_on_and_hears_events_where_it_is() {
    let (clinic, calls, _) = with_mood(Mood::Content).await;
    clinic.book("2026-03-03T10:00:00").await.unwrap();
    assert_eq!(calls.load(Ordering::SeqCst), 1);
    let booked = clinic.store.outbox().into_iter().find_map(|message| match message {
        OutboxMessage::Event(event) if event.kind == "appointment.booked" => Some(event),
        _ => None,
    });
    clinic.plugins.notify(&booked.unwrap()).await.unwrap();
    assert_eq!(calls.load(Ordering::SeqCst), 101);
    clinic.plugins.configure(clinic.stage.clinic, "{}").unwrap();
    clinic.book("2026-03-03T11:00:00").await.unwrap();
    assert_eq!(calls.load(Ordering::SeqCst), 101);
    assert!(
        clinic.plugins.configure(clinic.stage.clinic, r#"{"modoy": {}}"#).is_err(),
        "an unknown name is an error"
    );
}

#[tokio::test]
async fn eligibility_refuses_what_the_rules_do_not_permit_and_what_it_does_not_know() {
    let clinic = clinic(|store| {
        let patients = Arc::clone(store) as Arc<dyn healthcare_core::Reader<Patient>>;
        Plugins::builder().with(Eligibility::new(patients)).build()
    })
    .await;
    let set = |rules: &str| {
        clinic.plugins.configure(clinic.stage.clinic, &format!(r#"{{"eligibility": {rules}}}"#))
    };
    // The patient turns sixteen on 4 March 2026; now is noon on 2 March.
    set(r#"{"minimum_age": 16}"#).unwrap();
    assert_eq!(clinic.book("2026-03-03T10:00:00").await.unwrap_err().code(), ErrorCode::AppointmentRefused);
    clinic.book("2026-03-04T10:00:00").await.expect("old enough on the day");
    set(r#"{"maximum_age": 15}"#).unwrap();
    assert!(clinic.book("2026-03-05T10:00:00").await.is_err());
    set(r#"{"minimum_notice_minutes": 120}"#).unwrap();
    assert!(clinic.book("2026-03-02T13:30:00").await.is_err());
    clinic.book("2026-03-02T14:00:00").await.expect("two hours ahead is enough");
    set(r#"{"maximum_days_ahead": 7}"#).unwrap();
    assert!(clinic.book("2026-03-10T10:00:00").await.is_err());
    assert!(set(r#"{"minimum_agee": 16}"#).is_err(), "a rule that is not known is an error");
    // A date of birth that is hidden from who books is not known, and what is not known is refused.
    clinic.stage.policy.give(healthcare_core::Part::hiding::<Patient>(&["birth_date"]).unwrap());
    set(r#"{"minimum_age": 1}"#).unwrap();
    let error = clinic.book("2026-03-06T10:00:00").await.unwrap_err();
    assert!(format!("{:?}", error).contains("not known"), "{error:?}");
}

#[tokio::test]
async fn who_must_be_covered_is_booked_once_the_payer_says_so() {
    let payer = MemoryPayer::default();
    let asked = payer.clone();
    let clinic = clinic(|store| {
        let patients = Arc::clone(store) as Arc<dyn Reader<Patient>>;
        Plugins::builder().with(Eligibility::new(patients).asking(Arc::new(payer))).build()
    })
    .await;
    let set = |rules: &str| {
        clinic.plugins.configure(clinic.stage.clinic, &format!(r#"{{"eligibility": {rules}}}"#))
    };
    let refused = async |start: &str| format!("{:?}", clinic.book(start).await.unwrap_err());

    clinic.book("2026-03-03T09:00:00").await.unwrap();
    set(r#"{"minimum_age": 1}"#).unwrap();
    clinic.book("2026-03-03T09:30:00").await.unwrap();
    assert_eq!(asked.asked(), [], "a clinic that does not ask for it sends nothing");

    set(r#"{"coverage": {"insurer": "acme"}}"#).unwrap();
    assert!(refused("2026-03-03T10:00:00").await.contains("cannot be asked at present"));
    let inquiry = CoverageInquiry::new(clinic.stage.clinic, clinic.patient, date(2026, 3, 3), "acme");
    assert_eq!(asked.asked(), [inquiry]);
    set(r#"{"coverage": {"insurer": "acme", "book_unanswered": true}}"#).unwrap();
    clinic.book("2026-03-03T10:00:00").await.expect("the clinic books who is not known");
    asked.answer(clinic.patient, CoverageAnswer::NotInForce);
    assert!(refused("2026-03-03T11:00:00").await.contains("it did not"), "a no is believed either way");
    asked.answer(clinic.patient, CoverageAnswer::InForce);
    set(r#"{"coverage": {"insurer": "acme"}}"#).unwrap();
    clinic.book("2026-03-03T11:00:00").await.unwrap();

    // What is refused without the payer is not sent, and nothing about somebody who may not be read.
    let before = asked.asked().len();
    set(r#"{"minimum_age": 99, "coverage": {"insurer": "acme"}}"#).unwrap();
    assert!(refused("2026-03-03T12:00:00").await.contains("from 99 years"));
    set(r#"{"coverage": {"insurer": "acme"}}"#).unwrap();
    let clinic = Clinic { patient: Id::random(), ..clinic };
    let error = format!("{:?}", clinic.book("2026-03-03T12:00:00").await.unwrap_err());
    assert!(error.contains("cannot be read"), "{error}");
    assert_eq!(asked.asked().len(), before);
}

#[tokio::test]
async fn where_there_is_no_payer_there_is_no_answer() {
    let clinic = clinic(|store| {
        let patients = Arc::clone(store) as Arc<dyn Reader<Patient>>;
        Plugins::builder().with(Eligibility::new(patients)).build()
    })
    .await;
    let set = |coverage: &str| {
        let rules = format!(r#"{{"eligibility": {{"coverage": {coverage}}}}}"#);
        clinic.plugins.configure(clinic.stage.clinic, &rules)
    };
    set(r#"{"insurer": "acme"}"#).unwrap();
    let error = format!("{:?}", clinic.book("2026-03-03T10:00:00").await.unwrap_err());
    assert!(error.contains("there is none to ask"), "{error}");
    set(r#"{"insurer": "acme", "book_unanswered": true}"#).unwrap();
    clinic.book("2026-03-03T10:00:00").await.unwrap();
    let named = |insurer: &str| set(&format!(r#"{{"insurer": "{insurer}"}}"#));
    named(&"a".repeat(64)).unwrap();
    for bad in ["", "a b", r"acm\u00e9", &"a".repeat(65)] {
        assert!(named(bad).unwrap_err().contains("visible ASCII"), "{bad}");
    }
    assert!(set(r#"{"insurer": "acme", "books_unanswered": true}"#).is_err(), "a word that is not known");
}

#[tokio::test]
async fn the_payer_in_memory_keeps_the_contract() {
    let payer = MemoryPayer::default();
    let clinic = ClinicId::random();
    let inquiries = [Id::random(), Id::random(), Id::random()];
    payer.answer(inquiries[0], CoverageAnswer::InForce);
    payer.answer(inquiries[1], CoverageAnswer::NotInForce);
    let inquiries = inquiries.map(|patient| CoverageInquiry::new(clinic, patient, date(2026, 3, 3), "acme"));
    healthcare_core::testing::payer(Arc::new(payer), inquiries).await;
}

#[tokio::test]
async fn what_is_booked_must_be_possible() {
    let clinic = clinic(|_| Plugins::default()).await;
    for (start, code) in [
        ("2026-03-03T08:30:00", ErrorCode::AppointmentUnavailable),
        ("2026-03-03T16:45:00", ErrorCode::AppointmentUnavailable),
        ("2026-03-07T10:00:00", ErrorCode::AppointmentUnavailable),
        ("2026-03-02T11:00:00", ErrorCode::ValidationFailed),
        ("2029-03-05T10:00:00", ErrorCode::ValidationFailed),
    ] {
        assert_eq!(clinic.book(start).await.unwrap_err().code(), code, "{start}");
    }
    assert_eq!(Hook::of(&booked_event(&clinic).await), Some(Hook::Create));
    assert_eq!(Step::NoShow.event(), "appointment.no-show");
}

/// What a clinic's record says, and how often it was asked.
#[derive(Debug, Default)]
struct Written {
    settings: Mutex<Option<&'static str>>,
    is_away: AtomicBool,
    asked: AtomicUsize,
}

#[async_trait]
impl PluginSettings for Written {
    async fn settings(&self, _: ClinicId) -> Result<Option<String>, PluginError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        if self.is_away.load(Ordering::SeqCst) {
            return Err(PluginError("nobody can read it".into()));
        }
        Ok(self.settings.lock().unwrap().map(str::to_owned))
    }
}

async fn with_settings() -> (Clinic, Arc<AtomicUsize>, Arc<Written>, Arc<ManualClock>) {
    let (calls, written) = (Arc::new(AtomicUsize::new(0)), Arc::new(Written::default()));
    let clock = Arc::new(ManualClock::at("2026-03-01T09:00:00Z".parse().unwrap()));
    let plugin = Moody { mood: Mood::Content, calls: Arc::clone(&calls), failures: Arc::default() };
    let plugins = Plugins::builder().with(plugin);
    let plugins = plugins.settings_from(Arc::clone(&written) as _, Arc::clone(&clock) as _).build();
    (clinic(|_| plugins).await, calls, written, clock)
}

#[tokio::test]
async fn what_a_clinic_switched_on_is_read_when_it_is_met_and_when_it_is_old() {
    let (clinic, calls, written, clock) = with_settings().await;
    let asked = || written.asked.load(Ordering::SeqCst);
    let write = |settings| *written.settings.lock().unwrap() = Some(settings);
    clinic.book("2026-03-03T10:00:00").await.unwrap();
    assert_eq!((calls.load(Ordering::SeqCst), asked()), (0, 1), "no record yet");
    // Nothing is remembered of a clinic that was not there.
    write(r#"{"moody": {}}"#);
    clinic.book("2026-03-03T10:30:00").await.unwrap();
    assert_eq!((calls.load(Ordering::SeqCst), asked()), (1, 2));
    write("{}");
    clock.advance(Duration::from_secs(29));
    clinic.book("2026-03-03T11:00:00").await.unwrap();
    assert_eq!((calls.load(Ordering::SeqCst), asked()), (2, 2), "it is known");
    clock.advance(Duration::from_secs(1));
    clinic.book("2026-03-03T11:30:00").await.unwrap();
    assert_eq!((calls.load(Ordering::SeqCst), asked()), (2, 3), "a change holds from then on");
}

#[tokio::test]
async fn rules_that_cannot_be_read_are_not_taken_for_none() {
    let (clinic, calls, written, clock) = with_settings().await;
    *written.settings.lock().unwrap() = Some(r#"{"moody": {}}"#);
    let event = booked_event(&clinic).await;
    let before = calls.load(Ordering::SeqCst);
    for wrong in [None, Some("not an object"), Some(r#"{"modoy": {}}"#)] {
        clock.advance(Duration::from_secs(30));
        written.is_away.store(wrong.is_none(), Ordering::SeqCst);
        *written.settings.lock().unwrap() = wrong.or(Some("{}"));
        let refused = clinic.book("2026-03-03T15:00:00").await.unwrap_err();
        assert!(matches!(refused, BookError::Access(AccessError::Storage(_))), "{refused:?}");
        assert!(clinic.plugins.notify(&event).await.is_err(), "the event comes again");
    }
    assert_eq!(calls.load(Ordering::SeqCst), before);
    written.is_away.store(false, Ordering::SeqCst);
    *written.settings.lock().unwrap() = Some(r#"{"moody": {}}"#);
    clinic.plugins.notify(&event).await.unwrap();
    assert_eq!(calls.load(Ordering::SeqCst), before + 100);
}

async fn booked_event(clinic: &Clinic) -> DomainEvent {
    clinic.book("2026-03-03T10:00:00").await.unwrap();
    let last = clinic.store.outbox().into_iter().rev().find_map(|message| match message {
        OutboxMessage::Event(event) => Some(event),
        _ => None,
    });
    last.unwrap()
}
