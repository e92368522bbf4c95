//! What is checked at run time, before anything is released. Each test breaks one rule and sees it refused.
#![cfg(feature = "testing")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod common;

use common::{Customer, Order, customer, customer_of, order};
use healthcare_core::{
    AccessError, Action, Boundary, BuildError, ChartRows, Clues, Create, Delete, ErrorCode, Field, FieldSet,
    Id, Identity, List, MemoryAudit, MemoryStore, OutboxMessage, Outcome, PageRequest, Part, Phi, Profile,
    Read, ReadChart, Reader, Record, Refused, RequestContext, Row, RowFilter, Rows, Update, UserId, Writer,
    testing::{OpenPolicy, Stage},
};
use std::{sync::Arc, time::Duration};
use uuid::Uuid;

struct World {
    stage: Stage,
    store: MemoryStore,
    mine: Id<Customer>,
    theirs: Id<Customer>,
    tailor: Uuid,
}

async fn world() -> World {
    let stage = Stage::default();
    let store = MemoryStore::new(stage.door());
    let world = World { mine: Id::random(), theirs: Id::random(), tailor: Uuid::now_v7(), stage, store };
    for (id, tailor) in [(world.mine, world.tailor), (world.theirs, Uuid::now_v7())] {
        world.add(&world.stage.context(), id, tailor).await.unwrap();
    }
    world
}

impl World {
    async fn add(
        &self,
        context: &RequestContext,
        id: Id<Customer>,
        tailor: Uuid,
    ) -> Result<i64, AccessError> {
        let grant = self.stage.boundary.gate.open(context, Create::new(id)).await?;
        let change = grant.fill(customer_of(id, context.clinic(), tailor)).await?;
        self.store.commit(change).await.map(|committed| committed.version)
    }
    async fn row(&self, id: Id<Customer>) -> Row<Customer> {
        let grant = self.stage.boundary.gate.open(&self.stage.context(), Read::new(id)).await.unwrap();
        self.store.find(&grant).await.unwrap()
    }
    fn reads(&self) -> Vec<Outcome> {
        self.stage.audit.outcomes_of(Action::Read)
    }
}

#[tokio::test]
async fn a_read_is_recorded_and_hidden_fields_stay_hidden() {
    let world = world().await;
    world.stage.policy.give(Part::hiding::<Customer>(&["chest"]).unwrap());
    let context = world.stage.context();
    let grant = world.stage.boundary.gate.open(&context, Read::new(world.mine)).await.unwrap();
    let row = world.store.find(&grant).await.unwrap();
    let released = grant.release(row).await.unwrap();
    assert_eq!(released.reveal(customer::Name).unwrap(), "Ada");
    assert_eq!(released.reveal(customer::Chest).unwrap_err().0, "customer.chest");
    assert_eq!(released.hidden().collect::<Vec<_>>(), ["chest"]);
    assert_eq!(world.reads(), [Outcome::Allowed]);
    let event = world.stage.audit.events().pop().unwrap();
    assert_eq!(event.ask.target, Some(world.mine.as_uuid()));
    assert_eq!(
        event.parts.unwrap()[0].hidden().collect::<Vec<_>>(),
        ["chest"],
        "the log says what was hidden"
    );
    assert!(!format!("{released:?}").contains("Ada"));
}

#[tokio::test]
async fn nothing_is_given_when_the_record_is_lost() {
    let world = world().await;
    let context = world.stage.context();
    world.stage.audit.set_broken(true);
    let grant = world.stage.boundary.gate.open(&context, Read::new(world.mine)).await.unwrap();
    let row = world.store.find(&grant).await.unwrap();
    assert!(matches!(grant.release(row).await, Err(AccessError::NotDurable(_))));
    let grant = world.stage.boundary.gate.open(&context, List::<Customer>::all()).await.unwrap();
    let rows = world.store.list(&grant, &PageRequest::default()).await.unwrap();
    assert!(matches!(grant.release(rows).await, Err(AccessError::NotDurable(_))));
}

#[tokio::test]
async fn the_people_of_a_listing_are_recorded_before_it_is_opened() {
    let world = world().await;
    let context = world.stage.context();
    let grant = world.stage.boundary.gate.open(&context, List::<Customer>::all()).await.unwrap();
    let rows = world.store.list(&grant, &PageRequest::default()).await.unwrap();
    // The decision is durable; what breaks now is the record of whose rows they are.
    world.stage.audit.set_broken(true);
    assert!(matches!(grant.release(rows).await, Err(AccessError::NotDurable(_))));
    world.stage.audit.set_broken(false);
    let grant = world.stage.boundary.gate.open(&context, List::<Customer>::all()).await.unwrap();
    let rows = world.store.list(&grant, &PageRequest::default()).await.unwrap();
    assert_eq!(grant.release(rows).await.unwrap().items.len(), 2);
    let Some(Outcome::Disclosed { mut subjects, counts }) = world.stage.audit.outcomes().pop() else {
        panic!()
    };
    let mut want = vec![world.mine.as_uuid(), world.theirs.as_uuid()];
    subjects.sort();
    want.sort();
    assert_eq!((subjects, counts[0].count), (want, 2));
}

#[tokio::test]
async fn another_persons_row_is_withheld() {
    let world = world().await;
    let context = world.stage.context();
    let theirs = world.row(world.theirs).await;
    let grant = world.stage.boundary.gate.open(&context, Read::new(world.mine)).await.unwrap();
    assert!(matches!(grant.release(theirs).await, Err(AccessError::OutsideGrant)));
    assert_eq!(world.reads().last(), Some(&Outcome::Withheld));
}

#[tokio::test]
async fn another_clinics_row_is_withheld() {
    let world = world().await;
    let abroad = world.stage.door().seal(customer_of(world.mine, world.stage.other, world.tailor));
    let grant = world.stage.boundary.gate.open(&world.stage.context(), Read::new(world.mine)).await.unwrap();
    assert!(matches!(grant.release(Row::of(Some(abroad))).await, Err(AccessError::OutsideGrant)));
    let abroad = world.stage.door().seal(customer_of(world.mine, world.stage.other, world.tailor));
    let grant = world.stage.boundary.gate.open(&world.stage.context(), List::all()).await.unwrap();
    assert!(matches!(grant.release(Rows::last(vec![abroad])).await, Err(AccessError::OutsideGrant)));
}

#[tokio::test]
async fn a_subject_that_was_promised_must_be_true() {
    let world = world().await;
    let access = Read::about(world.mine, Uuid::now_v7());
    let grant = world.stage.boundary.gate.open(&world.stage.context(), access).await.unwrap();
    let row = world.store.find(&grant).await.unwrap();
    assert!(matches!(grant.release(row).await, Err(AccessError::OutsideGrant)));
}

#[tokio::test]
async fn a_foreign_gate_opens_nothing_here() {
    let world = world().await;
    let foreign = Stage::default();
    let their_context = foreign.context_in(world.stage.clinic);
    // A grant of another gate at our store; our row at another gate's grant; our context at another gate.
    let grant = foreign.boundary.gate.open(&their_context, Read::new(world.mine)).await.unwrap();
    assert!(matches!(world.store.find(&grant).await, Err(AccessError::ForeignGate)));
    assert!(matches!(grant.release(world.row(world.mine).await).await, Err(AccessError::OutsideGrant)));
    let opened = foreign.boundary.gate.open(&world.stage.context(), Read::new(world.mine)).await;
    assert!(matches!(opened, Err(AccessError::ForeignGate)));
    assert!(matches!(foreign.door().scope(&world.stage.context()), Err(AccessError::ForeignGate)));
}

#[tokio::test]
async fn an_old_grant_gives_nothing() {
    let world = world().await;
    let context = world.stage.context();
    let grant = world.stage.boundary.gate.open(&context, Read::new(world.mine)).await.unwrap();
    let row = world.store.find(&grant).await.unwrap();
    world.stage.clock.advance(Duration::from_secs(60));
    assert!(grant.release(row).await.is_ok(), "sixty seconds is not too old");
    let grant = world.stage.boundary.gate.open(&context, Read::new(world.mine)).await.unwrap();
    let row = world.store.find(&grant).await.unwrap();
    // The wall clock may be set back; what counts is the monotonic one.
    world.stage.clock.advance(Duration::from_millis(60_001));
    world.stage.clock.set_wall("2026-01-01T00:00:00Z".parse().unwrap());
    assert!(matches!(grant.release(row).await, Err(AccessError::GrantExpired)));
    assert_eq!(world.reads().last(), Some(&Outcome::Withheld));
}

#[tokio::test]
async fn a_cached_row_passes_the_filter_of_whoever_reads_it() {
    let world = world().await;
    let cached = world.row(world.theirs).await;
    let only_mine = RowFilter::In("tailor".into(), Arc::new([world.tailor]));
    world.stage.policy.filter(only_mine);
    let grant =
        world.stage.boundary.gate.open(&world.stage.context(), Read::new(world.theirs)).await.unwrap();
    let hit = Row::of(cached.sealed().cloned());
    assert!(matches!(grant.release(hit).await, Err(AccessError::NotFound)), "as if it were not there");
    assert_eq!(world.reads().last(), Some(&Outcome::Withheld), "and the log knows better");
}

#[tokio::test]
async fn a_row_joined_for_one_grant_is_not_trusted_by_another() {
    let world = world().await;
    let party = Profile { kind: "tailor".into(), id: world.tailor };
    world.store.relate(world.stage.clinic, party.clone(), world.mine.as_uuid());
    world.stage.policy.filter(RowFilter::Related(party));
    let context = world.stage.context();
    let first = world.stage.boundary.gate.open(&context, Read::new(world.mine)).await.unwrap();
    let row = world.store.find(&first).await.unwrap();
    let kept = row.sealed().cloned();
    assert!(first.joins());
    assert!(first.release(row).await.is_ok());
    let second = world.stage.boundary.gate.open(&context, Read::new(world.mine)).await.unwrap();
    assert!(matches!(second.release(Row::of(kept)).await, Err(AccessError::NotFound)));
    let unrelated = world.stage.boundary.gate.open(&context, Read::new(world.theirs)).await.unwrap();
    let row = world.store.find(&unrelated).await.unwrap();
    assert!(row.sealed().is_none(), "the query decides the relation");
}

#[tokio::test]
async fn a_chart_holds_one_person_alone() {
    let world = world().await;
    for kind in [Part::whole::<Customer>(), Part::whole::<Order>()] {
        world.stage.policy.give(kind);
    }
    let order_of = |customer, clinic| {
        let protected = order::Protected { wish: Phi::new("A coat".into()) };
        world.stage.door().seal(Order::new(Id::random(), clinic, customer, order::Plain {}, protected))
    };
    let (here, abroad) = (world.stage.clinic, world.stage.other);
    for (row, fits) in [
        (order_of(world.mine, here), true),
        (order_of(world.theirs, here), false),
        (order_of(world.mine, abroad), false),
    ] {
        let context = world.stage.context();
        let grant = world.stage.boundary.gate.open(&context, ReadChart::of(world.mine)).await.unwrap();
        let chart = grant.release(ChartRows::new().with(vec![row])).await;
        assert_eq!(chart.is_ok(), fits, "{chart:?}");
        assert!(fits || matches!(chart, Err(AccessError::OutsideGrant)));
    }
}

#[tokio::test]
async fn too_many_rows_are_refused_whole() {
    let world = world().await;
    let door = world.stage.door();
    let rows =
        (0..1001).map(|_| door.seal(customer_of(Id::random(), world.stage.clinic, world.tailor))).collect();
    let grant =
        world.stage.boundary.gate.open(&world.stage.context(), List::<Customer>::all()).await.unwrap();
    assert!(matches!(grant.release(Rows::last(rows)).await, Err(AccessError::TooMany { limit: 1000 })));
}

#[tokio::test]
async fn an_edit_keeps_what_the_editor_may_not_see_and_cannot_set_it() {
    let world = world().await;
    world.stage.policy.give(Part::hiding::<Customer>(&["chest"]).unwrap());
    let context = world.stage.context();
    let grant = world.stage.boundary.gate.open(&context, Update::new(world.mine)).await.unwrap();
    let row = world.store.find_for_update(&grant).await.unwrap();
    let mut draft = grant.edit(row).await.unwrap();
    assert!(draft.set(customer::Chest, Phi::new(Some(1))).is_err());
    draft.set(customer::Name, Phi::new("Augusta".into())).unwrap();
    assert_eq!(world.store.commit(draft.change().await.unwrap()).await.unwrap().version, 2);
    world.stage.policy.give(Part::whole::<Customer>());
    let grant = world.stage.boundary.gate.open(&context, Read::new(world.mine)).await.unwrap();
    let row = world.store.find(&grant).await.unwrap();
    let released = grant.release(row).await.unwrap();
    assert_eq!(released.reveal(customer::Name).unwrap(), "Augusta");
    assert_eq!(released.reveal(customer::Chest).unwrap(), &Some(900));
}

#[tokio::test]
async fn a_new_row_cannot_set_hidden_fields_nor_leave_the_grant() {
    let world = world().await;
    let (context, id) = (world.stage.context(), Id::random());
    world.stage.policy.give(Part::hiding::<Customer>(&["chest"]).unwrap());
    let hidden = world.add(&context, id, world.tailor).await;
    assert!(matches!(hidden, Err(AccessError::HiddenField("chest"))), "{hidden:?}");
    world.stage.policy.give(Part::whole::<Customer>());
    for row in [
        customer_of(Id::random(), world.stage.clinic, world.tailor),
        customer_of(id, world.stage.other, world.tailor),
    ] {
        let grant = world.stage.boundary.gate.open(&context, Create::new(id)).await.unwrap();
        assert!(matches!(grant.fill(row).await, Err(AccessError::OutsideGrant)));
    }
    world.stage.policy.filter(RowFilter::In("tailor".into(), Arc::new([world.tailor])));
    let outside = world.add(&context, Id::random(), Uuid::now_v7()).await;
    assert!(
        matches!(outside, Err(AccessError::OutsideTerms)),
        "a filter holds for what is written too: {outside:?}"
    );
    assert_eq!(
        outside.map(drop).unwrap_err().code(),
        ErrorCode::AccessDenied,
        "the caller's doing, not a defect"
    );
}

#[tokio::test]
async fn a_draft_that_is_dropped_was_disclosed_all_the_same() {
    let world = world().await;
    let disclosed = |outcome: Option<Outcome>| match outcome {
        Some(Outcome::Disclosed { subjects, .. }) => subjects,
        other => panic!("{other:?}"),
    };
    let grant =
        world.stage.boundary.gate.open(&world.stage.context(), Update::new(world.mine)).await.unwrap();
    let row = world.store.find_for_update(&grant).await.unwrap();
    let draft = grant.edit(row).await.unwrap();
    assert_eq!(draft.reveal(customer::Name).unwrap(), "Ada");
    drop(draft);
    let last = world.stage.audit.outcomes_of(Action::Update).pop();
    assert_eq!(
        disclosed(last),
        [world.mine.as_uuid()],
        "a row that was opened is never said to be abandoned"
    );
    let grant =
        world.stage.boundary.gate.open(&world.stage.context(), Delete::new(world.mine)).await.unwrap();
    let row = world.store.find_for_delete(&grant).await.unwrap();
    drop(grant.remove(row).await.unwrap());
    assert_eq!(disclosed(world.stage.audit.outcomes_of(Action::Delete).pop()), [world.mine.as_uuid()]);
}

#[tokio::test]
async fn the_log_names_the_person_of_a_row_that_was_asked_for_by_its_own_id() {
    let world = world().await;
    let protected = order::Protected { wish: Phi::new("A coat".into()) };
    let order = Order::new(Id::random(), world.stage.clinic, world.mine, order::Plain {}, protected);
    let (id, context) = (order.id(), world.stage.context());
    let grant = world.stage.boundary.gate.open(&context, Create::new(id)).await.unwrap();
    world.store.commit(grant.fill(order).await.unwrap()).await.unwrap();
    let written = world.store.outbox().pop();
    let Some(OutboxMessage::Outcome(event)) = written else { panic!("{written:?}") };
    assert!(
        matches!(event.outcome, Outcome::Written { ref subjects, .. } if *subjects == [world.mine.as_uuid()])
    );

    let grant = world.stage.boundary.gate.open(&context, Read::<Order>::new(id)).await.unwrap();
    let row = world.store.find(&grant).await.unwrap();
    world.stage.audit.set_broken(true);
    assert!(
        matches!(grant.release(row).await, Err(AccessError::NotDurable(_))),
        "the name must be durable first"
    );
    world.stage.audit.set_broken(false);
    let grant = world.stage.boundary.gate.open(&context, Read::<Order>::new(id)).await.unwrap();
    let row = world.store.find(&grant).await.unwrap();
    grant.release(row).await.unwrap();
    let Some(Outcome::Disclosed { subjects, .. }) = world.stage.audit.outcomes().pop() else { panic!() };
    assert_eq!(subjects, [world.mine.as_uuid()]);
}

#[tokio::test]
async fn an_edit_cannot_carry_a_row_out_of_the_filter() {
    let world = world().await;
    world.stage.policy.filter(RowFilter::In("tailor".into(), Arc::new([world.tailor])));
    let grant =
        world.stage.boundary.gate.open(&world.stage.context(), Update::new(world.mine)).await.unwrap();
    let row = world.store.find_for_update(&grant).await.unwrap();
    let mut draft = grant.edit(row).await.unwrap();
    draft.plain_mut().tailor = Uuid::now_v7();
    let outside = draft.change().await;
    assert!(matches!(outside, Err(AccessError::OutsideTerms)), "{outside:?}");
    assert_eq!(outside.map(drop).unwrap_err().code(), ErrorCode::AccessDenied);
}

#[tokio::test]
async fn a_row_of_a_kind_that_was_not_granted_cannot_ride_along() {
    let world = world().await;
    let id = Id::random();
    let grant = world.stage.boundary.gate.open(&world.stage.context(), Create::new(id)).await.unwrap();
    let mut change = grant.fill(customer_of(id, world.stage.clinic, world.tailor)).await.unwrap();
    let protected = order::Protected { wish: Phi::new("A coat".into()) };
    let rider = Order::new(Id::random(), world.stage.clinic, id, order::Plain {}, protected);
    assert!(matches!(change.push(rider), Err(AccessError::ForeignRow("order"))));
}

#[tokio::test]
async fn a_denial_and_a_failure_to_decide_are_both_no_and_both_recorded() {
    let world = world().await;
    let context = world.stage.context();
    world.stage.policy.close(true);
    let denied = world.stage.boundary.gate.open(&context, Read::new(world.mine)).await.unwrap_err();
    assert_eq!(denied.code(), ErrorCode::AccessDenied);
    world.stage.policy.close(false);
    world.stage.policy.fail(true);
    assert!(matches!(
        world.stage.boundary.gate.open(&context, Read::new(world.mine)).await,
        Err(AccessError::Denied(_))
    ));
    let reads = world.reads();
    assert!(
        reads.iter().all(|outcome| matches!(outcome, Outcome::Denied(_))) && reads.len() == 2,
        "{reads:?}"
    );
}

#[tokio::test]
async fn a_dropped_grant_is_abandoned_and_a_missing_row_is_not_found() {
    let world = world().await;
    let context = world.stage.context();
    drop(world.stage.boundary.gate.open(&context, Read::new(world.mine)).await.unwrap());
    assert_eq!(world.reads(), [Outcome::Allowed, Outcome::Abandoned]);
    let grant = world.stage.boundary.gate.open(&context, Read::new(Id::<Customer>::random())).await.unwrap();
    let row = world.store.find(&grant).await.unwrap();
    assert!(matches!(grant.release(row).await, Err(AccessError::NotFound)));
    assert_eq!(world.reads()[2..], [Outcome::Allowed, Outcome::NotFound]);
    let events = world.stage.audit.events();
    let last = events.last().unwrap();
    assert_eq!(last.of, Some(events[events.len() - 2].id), "an outcome names its decision");
}

#[tokio::test]
async fn a_commit_writes_row_outcome_and_events_together_or_nothing() {
    let world = world().await;
    let context = world.stage.context();
    let before = world.store.outbox().len();
    let id = Id::random();
    let grant = world.stage.boundary.gate.open(&context, Create::new(id)).await.unwrap();
    let change = grant
        .fill(customer_of(id, world.stage.clinic, world.tailor))
        .await
        .unwrap()
        .event("customer.created");
    world.store.commit(change).await.unwrap();
    assert_eq!(world.store.outbox().len() - before, 2, "one event, one outcome");
    let creates = world.stage.audit.outcomes_of(Action::Create);
    assert_eq!(creates.last(), Some(&Outcome::Allowed), "the outcome reaches the log by the outbox alone");
    let again = world.add(&context, id, world.tailor).await;
    assert!(matches!(again, Err(AccessError::AlreadyExists)));
    assert_eq!(world.store.outbox().len() - before, 2);
    assert_eq!(world.stage.audit.outcomes_of(Action::Create).last(), Some(&Outcome::Abandoned));
}

#[test]
fn a_forgetful_sink_needs_to_be_asked_for() {
    let built = Boundary::builder(OpenPolicy::default(), MemoryAudit::default()).build();
    assert_eq!(built.unwrap_err(), BuildError::VolatileAudit);
}

#[test]
fn a_request_may_only_agree_with_its_token() {
    let stage = Stage::default();
    let identity = || Identity {
        user: UserId::random(),
        clinic: stage.clinic,
        roles: Arc::new([]),
        profile: None,
        session: None,
    };
    let (same, other) = (stage.clinic.to_string(), stage.other.to_string());
    let agreed =
        Clues { header: Some(&same), query: Some(&same), subdomain: Some(stage.clinic), ..Clues::default() };
    assert_eq!(stage.boundary.edge.request(identity(), &agreed).unwrap().clinic(), stage.clinic);
    for clues in [
        Clues { header: Some(&other), ..Clues::default() },
        Clues { query: Some(&other), ..Clues::default() },
        Clues { subdomain: Some(stage.other), ..Clues::default() },
        Clues { header: Some("all"), ..Clues::default() },
    ] {
        let recorded = stage.audit.events().len();
        assert_eq!(stage.boundary.edge.request(identity(), &clues).unwrap_err(), Refused::ClinicMismatch);
        assert_eq!(stage.audit.events().len(), recorded + 1, "a contradiction is recorded");
    }
    let purpose = Clues { purpose: Some("because"), ..Clues::default() };
    assert_eq!(stage.boundary.edge.request(identity(), &purpose).unwrap_err(), Refused::Purpose);
}

#[test]
fn callers_nobody_knows_are_counted() {
    let stage = Stage::default();
    for _ in 0..10_000 {
        stage.boundary.edge.refused(ErrorCode::TokenInvalid);
    }
    stage.clock.advance(Duration::from_secs(60));
    stage.boundary.edge.refused(ErrorCode::TokenInvalid);
    stage.boundary.edge.record_refused();
    let counts: Vec<u32> = stage
        .audit
        .outcomes()
        .into_iter()
        .map(|outcome| match outcome {
            Outcome::Refused { code, count } if code == "AUTH_TOKEN_INVALID" => count,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(counts, [1, 9_999, 1]);
}

#[test]
fn policies_cannot_name_fields_that_are_not_there() {
    let unknown = FieldSet::named::<Customer>(&["chset"]).unwrap_err();
    assert!(unknown.to_string().contains("name, chest"), "{unknown}");
    assert_eq!(customer::Chest::NAME, "customer.chest");
    assert_eq!(Customer::FIELDS, ["name", "chest"]);
}

#[test]
fn errors_of_reading_do_not_repeat_the_value() {
    for text in ["[\"Ada Lovelace\"]", "12345678", "{\"Ada\": 1}"] {
        let error = serde_json::from_str::<Phi<customer::Name>>(text).unwrap_err().to_string();
        assert!(!error.contains("Ada") && !error.contains("1234"), "{error}");
    }
}
