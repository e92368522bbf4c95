//! Random claims against a model: what the database accepts is exactly what does not overlap.

use super::site::Site;
use crate::{
    Database, Transaction,
    repository::registry::{PLACE_CLAIM, RELEASE_CLAIMS, TAKEN_CLAIMS},
};
use healthcare_core::{Interval, Value, testing::Stage};
use jiff::Timestamp;
use proptest::prelude::*;
use uuid::Uuid;

#[derive(Debug, Clone)]
enum Step {
    Place { resource: u8, holder: u8, from: i64, length: i64 },
    Release { holder: u8 },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..3_u8, 0..6_u8, 0..24_i64, 1..8_i64)
            .prop_map(|(resource, holder, from, length)| Step::Place { resource, holder, from, length }),
        1 => (0..6_u8).prop_map(|holder| Step::Release { holder }),
    ]
}

fn interval(from: i64, length: i64) -> Interval {
    let at = |quarter: i64| Timestamp::from_second(1_780_000_000 + quarter * 900).unwrap();
    Interval::new(at(from), at(from + length)).unwrap()
}

async fn run(database: &Database, steps: &[Step]) {
    let stage = Stage::default();
    let scope = stage.boundary.system.scope(stage.clinic);
    let mut model: Vec<(u8, u8, Interval)> = Vec::new();
    for step in steps {
        let mut transaction = database.write(scope).await.unwrap();
        taken(&mut transaction, &model).await;
        match step {
            Step::Place { resource, holder, from, length } => {
                let wanted = interval(*from, *length);
                let free = !model.iter().any(|(of, _, taken)| of == resource && taken.overlaps(&wanted));
                let values = vec![
                    Value::Text("room".to_owned()),
                    Value::Uuid(Uuid::from_u128(u128::from(*resource))),
                    Value::Time(wanted.starts()),
                    Value::Time(wanted.ends()),
                    Value::Uuid(Uuid::from_u128(u128::from(*holder))),
                ];
                let placed = transaction.execute(&PLACE_CLAIM, values).await;
                assert_eq!(placed.is_ok(), free, "{step:?} in {model:?}: {placed:?}");
                if free {
                    transaction.commit().await.unwrap();
                    model.push((*resource, *holder, wanted));
                }
            }
            Step::Release { holder } => {
                let values = vec![Value::Uuid(Uuid::from_u128(u128::from(*holder)))];
                let released = transaction.execute(&RELEASE_CLAIMS, values).await.unwrap();
                transaction.commit().await.unwrap();
                let before = model.len();
                model.retain(|(_, by, _)| by != holder);
                assert_eq!(released as usize, before - model.len());
            }
        }
    }
}

/// What is said to be taken is what the model holds.
async fn taken(transaction: &mut Transaction, model: &[(u8, u8, Interval)]) {
    for (resource, from, length) in [(0_u8, 3, 2), (1, 0, 30), (2, 7, 1), (0, 12, 9)] {
        let span = interval(from, length);
        let values = vec![
            Value::Text("room".to_owned()),
            Value::Uuid(Uuid::from_u128(u128::from(resource))),
            Value::Time(span.starts()),
            Value::Time(span.ends()),
            Value::I64(100),
        ];
        let rows = transaction.fetch_all(&TAKEN_CLAIMS, values).await.unwrap();
        let said: Vec<Timestamp> = rows.iter().map(|row| row.get(0).unwrap()).collect();
        let on = model.iter().filter(|(of, _, claim)| *of == resource && claim.overlaps(&span));
        let mut known: Vec<Timestamp> = on.map(|(_, _, claim)| claim.starts()).collect();
        known.sort();
        assert_eq!(said, known, "{span:?} in {model:?}");
    }
}

fn random(cases: u32) -> Vec<Vec<Step>> {
    use proptest::{strategy::ValueTree, test_runner::TestRunner};
    let mut runner = TestRunner::deterministic();
    let steps = proptest::collection::vec(step(), 40..60);
    (0..cases).map(|_| steps.new_tree(&mut runner).unwrap().current()).collect()
}

#[tokio::test]
async fn sqlite_claims_are_the_models() {
    let database = Database::connect("sqlite::memory:").await.unwrap();
    for steps in random(40) {
        run(&database, &steps).await;
    }
}

#[tokio::test]
#[ignore = "needs PostgreSQL: cargo xtask test"]
async fn postgres_claims_are_the_models() {
    let site = Site::postgres().await;
    let database = site.open().await;
    for steps in random(40) {
        run(&database, &steps).await;
    }
    database.close().await;
    site.remove().await;
}

/// Two appointments a day, moved onto each other's time.
#[tokio::test]
async fn sqlite_refuses_a_claim_that_is_moved_onto_another() {
    let database = Database::connect("sqlite::memory:").await.unwrap();
    let stage = Stage::default();
    let mut transaction = database.write(stage.boundary.system.scope(stage.clinic)).await.unwrap();
    for from in [0, 4] {
        let slot = interval(from, 2);
        let id = Value::Uuid(Uuid::nil());
        let values = vec![
            Value::Text("room".to_owned()),
            id.clone(),
            Value::Time(slot.starts()),
            Value::Time(slot.ends()),
            id,
        ];
        transaction.execute(&PLACE_CLAIM, values).await.unwrap();
    }
    let longer =
        crate::clinic_sql!("UPDATE main.claim SET ends_at = $3 WHERE clinic_id = $1 AND starts_at = $2");
    let slot = interval(0, 4);
    let same = transaction.execute(&longer, vec![Value::Time(slot.starts()), Value::Time(slot.ends())]).await;
    assert_eq!(same.unwrap(), 1, "up to the next one's start is free");
    let slot = interval(0, 5);
    let onto = transaction.execute(&longer, vec![Value::Time(slot.starts()), Value::Time(slot.ends())]).await;
    assert!(matches!(onto, Err(crate::DbError::Overlap(_))), "{onto:?}");
}
