//! The contract suites of healthcare-core, on both databases.
#![cfg(all(feature = "sqlite", feature = "postgres"))]
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod site;

use healthcare_core::testing;
use site::Site;

#[tokio::test]
async fn sqlite_keeps_records() {
    let site = Site::sqlite();
    testing::records(|door| site.store(door)).await;
}

#[tokio::test]
async fn sqlite_keeps_appointments() {
    let site = Site::sqlite();
    testing::booking(|door| site.store(door)).await;
}

#[tokio::test]
async fn sqlite_keeps_emergency_accesses() {
    let site = Site::sqlite();
    testing::emergency_access(|door| site.store(door)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_gives_one_slot_once() {
    let site = Site::sqlite();
    testing::contention(|door| site.store(door)).await;
}

#[tokio::test]
#[ignore = "needs PostgreSQL: cargo xtask test"]
async fn postgres_keeps_records() {
    let site = Site::postgres().await;
    testing::records(|door| site.store(door)).await;
    site.remove().await;
}

#[tokio::test]
#[ignore = "needs PostgreSQL: cargo xtask test"]
async fn postgres_keeps_appointments() {
    let site = Site::postgres().await;
    testing::booking(|door| site.store(door)).await;
    site.remove().await;
}

#[tokio::test]
#[ignore = "needs PostgreSQL: cargo xtask test"]
async fn postgres_keeps_emergency_accesses() {
    let site = Site::postgres().await;
    testing::emergency_access(|door| site.store(door)).await;
    site.remove().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: cargo xtask test"]
async fn postgres_gives_one_slot_once() {
    let site = Site::postgres().await;
    testing::contention(|door| site.store(door)).await;
    site.remove().await;
}
