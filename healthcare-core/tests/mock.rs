//! A mocked repository still needs a real gate.
#![cfg(all(feature = "mock", feature = "testing"))]
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use common::{Customer, customer, customer_of};
use healthcare_core::{Id, Read, Reader, Row, mock::MockReader, testing::Stage};

#[tokio::test]
async fn a_mocked_row_is_released_by_a_real_grant_alone() {
    let stage = Stage::default();
    let id = Id::random();
    let (door, clinic) = (stage.door(), stage.clinic);
    let mut repository = MockReader::<Customer>::new();
    repository
        .expect_find()
        .withf(move |grant| grant.access().id() == id)
        .returning(move |_| Ok(Row::of(Some(door.seal(customer_of(id, clinic, uuid::Uuid::nil()))))));
    let grant = stage.boundary.gate.open(&stage.context(), Read::new(id)).await.unwrap();
    let row = repository.find(&grant).await.unwrap();
    assert_eq!(grant.release(row).await.unwrap().reveal(customer::Name).unwrap(), "Ada");
}
