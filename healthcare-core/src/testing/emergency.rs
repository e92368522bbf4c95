//! The contract of [`BreakGlassStore`].

use super::Stage;
use crate::{
    BreakGlass, BreakGlassStore, Clock, Create, Id, List, PageRequest, Patient, Phi, Read, Reader, Record,
    RequestContext, StorageDoor, Update, UserId, Writer, break_glass, patient,
};
use jiff::{SignedDuration, Timestamp};
use std::future::Future;

/// What a store must be to keep emergency accesses.
pub trait EmergencyStore: BreakGlassStore + Reader<Patient> + Writer<Patient> + 'static {}
impl<S: BreakGlassStore + Reader<Patient> + Writer<Patient> + 'static> EmergencyStore for S {}

struct Ward<S> {
    stage: Stage,
    store: S,
    doctor: RequestContext,
    patient: Id<Patient>,
}

/// The contract of emergency accesses: whom, by whom, in which clinic and until when. `make` makes an empty store behind a door.
pub async fn emergency_access<S: EmergencyStore, F: Future<Output = S>>(make: impl Fn(StorageDoor) -> F) {
    let stage = Stage::default();
    let store = make(stage.door()).await;
    let doctor = stage.context();
    let mut ward = Ward { stage, store, doctor, patient: Id::random() };
    ward.patient = ward.register(&ward.stage.context()).await;
    ward.open_for_one_user_one_patient_one_clinic_one_time().await;
    ward.ended_is_not_open().await;
    ward.waits_for_review().await;
}

fn minutes(at: Timestamp, minutes: i64) -> Timestamp {
    at.saturating_add(SignedDuration::from_mins(minutes)).unwrap()
}

impl<S: EmergencyStore> Ward<S> {
    fn now(&self) -> Timestamp {
        self.stage.clock.now()
    }

    async fn register(&self, context: &RequestContext) -> Id<Patient> {
        let id = Id::random();
        let grant = self.stage.boundary.gate.open(context, Create::new(id)).await.unwrap();
        let protected = patient::Protected {
            family: Phi::new("Ashdown".into()),
            given: Phi::new("Maribel".into()),
            birth_date: Phi::new(None),
            gender: Phi::new(None),
            phone: Phi::new(None),
            email: Phi::new(None),
            address: Phi::new(None),
            record_number: Phi::new(None),
            deceased: Phi::new(None),
        };
        let row = Patient::new(id, context.clinic(), patient::Plain { active: true }, protected);
        self.store.commit(grant.fill(row).await.unwrap()).await.unwrap();
        id
    }

    async fn broken(
        &self,
        by: &RequestContext,
        patient: Id<Patient>,
        (starts, ends): (i64, i64),
    ) -> Id<BreakGlass> {
        let id = Id::random();
        let access = Create::about(id, patient.as_uuid());
        let grant = self.stage.boundary.gate.open(by, access).await.unwrap();
        let plain = break_glass::Plain {
            user_id: by.actor().user().unwrap(),
            starts: minutes(self.now(), starts),
            ends: minutes(self.now(), ends),
            ended_at: None,
            ended_by: None,
            reviewed_at: None,
            reviewed_by: None,
        };
        let protected = break_glass::Protected { reason: Phi::new("unconscious, alone".into()) };
        let row = BreakGlass::new(id, by.clinic(), patient, plain, protected);
        self.store.commit(grant.fill(row).await.unwrap()).await.unwrap();
        id
    }

    async fn until(&self, who: &RequestContext, patient: Id<Patient>, at: i64) -> Option<Timestamp> {
        self.store.open_until(who, patient.as_uuid(), minutes(self.now(), at)).await.unwrap()
    }

    async fn change(&self, id: Id<BreakGlass>, change: impl FnOnce(&mut break_glass::Plain)) {
        let context = self.stage.context();
        let grant = self.stage.boundary.gate.open(&context, Update::new(id)).await.unwrap();
        let row = self.store.find_for_update(&grant).await.unwrap();
        let mut draft = grant.edit(row).await.unwrap();
        change(draft.plain_mut());
        self.store.commit(draft.change().await.unwrap()).await.unwrap();
    }

    async fn open_for_one_user_one_patient_one_clinic_one_time(&self) {
        let (doctor, ends) = (&self.doctor, Some(minutes(self.now(), 15)));
        let id = self.broken(doctor, self.patient, (0, 15)).await;
        assert_eq!(self.until(doctor, self.patient, 0).await, ends, "from its first moment");
        assert_eq!(self.until(doctor, self.patient, 14).await, ends);
        assert_eq!(self.until(doctor, self.patient, 15).await, None, "its last moment is over");
        assert_eq!(self.until(doctor, self.patient, -1).await, None, "a clock that was set back");
        let other = self.register(&self.stage.context()).await;
        assert_eq!(self.until(doctor, other, 1).await, None, "another patient");
        let colleague = self.stage.context();
        assert_eq!(self.until(&colleague, self.patient, 1).await, None, "another user");
        let elsewhere = self.stage.context_in(self.stage.other);
        assert_eq!(self.until(&elsewhere, self.patient, 1).await, None, "another clinic");
        let job = self.stage.boundary.system.job("test", "SEED".parse().unwrap(), self.stage.clinic);
        assert_eq!(self.until(&job, self.patient, 1).await, None, "nobody's");
        let count = |at| self.store.open_count(doctor, minutes(self.now(), at));
        assert_eq!((count(1).await.unwrap(), count(15).await.unwrap()), (1, 0));
        assert_eq!(self.store.open_count(&colleague, self.now()).await.unwrap(), 0);
        self.broken(doctor, self.patient, (5, 20)).await;
        assert_eq!(
            self.until(doctor, self.patient, 6).await,
            Some(minutes(self.now(), 20)),
            "the last to end"
        );
        assert_eq!(count(6).await.unwrap(), 2);
        let grant = self.stage.boundary.gate.open(doctor, Read::new(id)).await.unwrap();
        let row = self.store.find(&grant).await.unwrap();
        let released = grant.release(row).await.unwrap();
        assert_eq!(released.reveal(break_glass::Reason).unwrap(), "unconscious, alone");
        assert_eq!(released.subject(), Some(self.patient.as_uuid()));
    }

    async fn ended_is_not_open(&self) {
        let doctor = self.stage.context();
        let id = self.broken(&doctor, self.patient, (0, 15)).await;
        assert!(self.until(&doctor, self.patient, 1).await.is_some());
        let (now, officer) = (self.now(), UserId::random());
        self.change(id, |plain| (plain.ended_at, plain.ended_by) = (Some(now), Some(officer))).await;
        assert_eq!(self.until(&doctor, self.patient, 1).await, None);
        assert_eq!(self.store.open_count(&doctor, minutes(now, 1)).await.unwrap(), 0);
    }

    async fn waits_for_review(&self) {
        let doctor = self.stage.context();
        let mut made = Vec::new();
        for _ in 0..3 {
            made.push(self.broken(&doctor, self.patient, (0, 15)).await);
        }
        let (now, officer) = (self.now(), UserId::random());
        let looked_at = made[1];
        self.change(looked_at, |plain| {
            (plain.reviewed_at, plain.reviewed_by) = (Some(now), Some(officer));
        })
        .await;
        let (mut seen, mut page) = (Vec::new(), PageRequest::first(2).unwrap());
        loop {
            let access = List::<BreakGlass>::about(self.patient.as_uuid());
            let grant = self.stage.boundary.gate.open(&self.doctor, access).await.unwrap();
            let rows = self.store.unreviewed(&grant, &page).await.unwrap();
            let released = grant.release(rows).await.unwrap();
            seen.extend(released.items.iter().map(|row| row.id()));
            match released.next {
                Some(next) => page = PageRequest::first(2).unwrap().after(Some(next)),
                None => break,
            }
        }
        assert!(seen.is_sorted(), "oldest first");
        assert_eq!(seen.len(), 5, "each once, and none that was looked at");
        assert!(seen.contains(&made[0]) && seen.contains(&made[2]) && !seen.contains(&looked_at));
    }
}
