//! Rows that are remembered sealed, and released by everyone's own grant.

use crate::rig::{Patient, World, patient, poll};
use healthcare_cache::{CacheKey as _, RowKey};
use healthcare_core::{
    AccessError, Delete, Id, List, Outcome, PageRequest, Profile, Read, Reader, RowFilter, Writer,
    testing::Stage,
};
use uuid::Uuid;

#[tokio::test]
async fn a_row_is_read_once_and_released_each_time() {
    let world = World::new();
    let id = world.patient("Ada").await;
    for _ in 0..3 {
        assert_eq!(world.name(id).await, "Ada");
    }
    assert_eq!(world.store.finds(), 1);
    let reads = world.stage.audit.outcomes_of(healthcare_core::Action::Read);
    assert_eq!(reads, [Outcome::Allowed, Outcome::Allowed, Outcome::Allowed], "each is recorded");
}

#[tokio::test]
async fn what_the_policy_says_now_decides_also_on_a_remembered_row() {
    let world = World::new();
    let id = world.patient("Ada").await;
    assert_eq!(world.name(id).await, "Ada");
    world.stage.policy.filter(RowFilter::In("id".into(), [Uuid::now_v7()].into()));
    assert!(matches!(world.read(id).await, Err(AccessError::NotFound)), "outside the filter");
    world.stage.policy.filter(RowFilter::All);
    world.stage.policy.give(healthcare_core::Part::hiding::<Patient>(&["name"]).unwrap());
    assert!(world.read(id).await.unwrap().reveal(patient::Name).is_err(), "a hidden field");
    world.stage.policy.close(true);
    assert!(world.stage.boundary.gate.open(&world.context, Read::new(id)).await.is_err());
    assert_eq!(world.store.finds(), 1);
}

#[tokio::test]
async fn a_row_of_one_clinic_is_no_row_of_another() {
    let world = World::new();
    let id = world.patient("Ada").await;
    assert_eq!(world.name(id).await, "Ada");
    let abroad = world.stage.context_in(world.stage.other);
    let grant = world.stage.boundary.gate.open(&abroad, Read::new(id)).await.unwrap();
    let row = world.patients.find(&grant).await.unwrap();
    assert!(row.sealed().is_none());
    assert!(matches!(grant.release(row).await, Err(AccessError::NotFound)));
}

#[tokio::test]
async fn under_terms_that_join_nothing_is_remembered_and_nothing_remembered_is_given() {
    let world = World::new();
    let id = world.patient("Ada").await;
    let doctor = Profile { kind: "practitioner".into(), id: Uuid::now_v7() };
    world.stage.policy.filter(RowFilter::Related(doctor.clone()));
    assert!(matches!(world.read(id).await, Err(AccessError::NotFound)));
    world.store.rows.relate(world.stage.clinic, doctor.clone(), id.as_uuid());
    assert_eq!(world.name(id).await, "Ada", "as soon as the relation is there");
    assert_eq!(world.name(id).await, "Ada");
    assert_eq!(world.store.finds(), 3);
    // Now one remembers it who sees everything, and then another doctor asks, who is nobody's.
    world.stage.policy.filter(RowFilter::All);
    assert_eq!(world.name(id).await, "Ada");
    world.stage.policy.filter(RowFilter::Related(Profile { id: Uuid::now_v7(), ..doctor }));
    assert!(matches!(world.read(id).await, Err(AccessError::NotFound)));
    assert_eq!(world.store.finds(), 5);
}

#[tokio::test]
async fn that_there_is_no_row_is_not_remembered() {
    let world = World::new();
    let id = world.patient("Ada").await;
    world.stage.policy.filter(RowFilter::Nothing);
    assert!(matches!(world.read(id).await, Err(AccessError::NotFound)));
    world.stage.policy.filter(RowFilter::All);
    assert_eq!(world.name(id).await, "Ada");
    let nobody = Id::random();
    for _ in 0..2 {
        assert!(matches!(world.read(nobody).await, Err(AccessError::NotFound)));
    }
    assert_eq!(world.store.finds(), 4);
}

#[tokio::test]
async fn who_changes_or_deletes_reads_the_store() {
    let world = World::new();
    let id = world.patient("Ada").await;
    assert_eq!(world.name(id).await, "Ada");
    // Another process, of which this node has not heard.
    let change = world.renaming(id, "Grace").await;
    world.store.rows.commit(change).await.unwrap();
    assert_eq!(world.name(id).await, "Ada", "still remembered");
    let change = world.renaming(id, "Joan").await;
    assert_eq!(change.version(), 3, "edited from what the store has");
    drop(change);
    let grant = world.stage.boundary.gate.open(&world.context, Delete::<Patient>::new(id)).await.unwrap();
    let row = world.patients.find_for_delete(&grant).await.unwrap();
    assert_eq!(row.sealed().unwrap().version(), 2);
    drop((grant, row));
}

#[tokio::test]
async fn lists_are_the_stores() {
    let world = World::new();
    let id = world.patient("Ada").await;
    assert_eq!(world.name(id).await, "Ada");
    for _ in 0..2 {
        let grant = world.stage.boundary.gate.open(&world.context, List::<Patient>::all()).await.unwrap();
        let rows = world.patients.list(&grant, &PageRequest::default()).await.unwrap();
        assert_eq!(grant.release(rows).await.unwrap().items.len(), 1);
    }
    assert_eq!(world.store.finds(), 3);
}

#[tokio::test]
async fn a_row_read_before_a_purge_is_not_remembered_after_it() {
    let world = World::new();
    let id = world.patient("Ada").await;
    world.store.hold_answers();
    let grant = world.reading(id).await;
    let mut reading = Box::pin(world.patients.find(&grant));
    assert!(poll(reading.as_mut()).is_pending(), "it has Ada, and has not returned");
    let change = world.renaming(id, "Grace").await;
    world.store.rows.commit(change).await.unwrap();
    world.node.purge_key(&RowKey::new(world.stage.clinic, id)).await;
    world.store.answers.add_permits(1_000);
    let row = reading.await.unwrap();
    assert_eq!(
        grant.release(row).await.unwrap().reveal(patient::Name).unwrap(),
        "Ada",
        "who asked before may have it"
    );
    assert_eq!(world.name(id).await, "Grace");
}

#[tokio::test]
async fn purging_a_person_forgets_their_own_row_and_all_about_them() {
    let world = World::new();
    let (ada, bob) = (world.patient("Ada").await, world.patient("Bob").await);
    let visit = world.visit(ada, "cough").await;
    for _ in 0..2 {
        world.name(ada).await;
        world.name(bob).await;
        world.note(visit).await;
    }
    assert_eq!(world.store.finds(), 3);
    world.node.purge_subject(world.stage.clinic, ada.as_uuid()).await;
    world.name(bob).await;
    assert_eq!(world.store.finds(), 3, "others are kept");
    world.name(ada).await;
    world.note(visit).await;
    assert_eq!(world.store.finds(), 5);
}

#[tokio::test]
async fn a_read_dropped_anywhere_remembers_nothing() {
    let world = World::new();
    let id = world.patient("Ada").await;
    world.store.hold_answers();
    let grant = world.reading(id).await;
    let mut reading = Box::pin(world.patients.find(&grant));
    assert!(poll(reading.as_mut()).is_pending());
    drop(reading);
    drop(grant);
    world.store.answers.add_permits(10);
    assert_eq!(world.name(id).await, "Ada");
    assert_eq!(world.store.finds(), 2);
}

#[tokio::test]
async fn a_grant_of_another_boundary_gets_nothing_from_memory() {
    let world = World::new();
    let id = world.patient("Ada").await;
    assert_eq!(world.name(id).await, "Ada");
    let foreign = Stage::default();
    let context = foreign.context_in(world.stage.clinic);
    let grant = foreign.boundary.gate.open(&context, Read::<Patient>::new(id)).await.unwrap();
    assert!(matches!(world.patients.find(&grant).await, Err(AccessError::ForeignGate)));
}

#[test]
fn a_row_key_tells_kind_and_id_and_knows_whose_it_is() {
    let world = World::new();
    let id = Id::<Patient>::random();
    let key = RowKey::new(world.stage.clinic, id);
    assert_eq!(key.subject(), Some(id.as_uuid()));
    assert_eq!(format!("{key:?}"), format!("RowKey(patient {})", id.as_uuid()));
    assert_eq!(RowKey::<crate::rig::Visit>::new(world.stage.clinic, Id::random()).subject(), None);
}
