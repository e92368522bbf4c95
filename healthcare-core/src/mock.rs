//! mockall mocks of the seams, for tests of the host's own code. Behind the feature `mock`.
//!
//! A mock says what a seam answers; it keeps none of the seam's contract. Rows still come from a real
//! [`StorageDoor`](crate::StorageDoor), and only a real gate's grant releases them. There is no mock of a `Writer`: a commit is the
//! contract itself, and [`MemoryStore`](crate::MemoryStore) keeps it.
//!
//! ```
//! use healthcare_core::{Decision, Terms, RowFilter, mock::MockAuthorizer};
//! let mut authorizer = MockAuthorizer::new();
//! authorizer.expect_decide().returning(|_, _| Ok(Decision::Allow(Terms::new(RowFilter::All, []))));
//! ```
#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "mocks fail by panic"
)]

use crate::{
    AccessError, Ask, AuditEvent, AuditSink, Authorizer, Decision, Delete, Durability, Grant, List, Outbox,
    OutboxEntry, OutboxError, PageRequest, Profile, Read, Reader, Receipt, Record, RelationError,
    RelationSource, RequestContext, Row, Rows, Undecided, Update,
};
use async_trait::async_trait;
use jiff::Timestamp;
use std::time::Duration;
use uuid::Uuid;

mockall::mock! {
    #[derive(Debug)]
    pub Authorizer {}
    #[async_trait]
    impl Authorizer for Authorizer {
        async fn decide(&self, context: &RequestContext, ask: &Ask) -> Result<Decision, Undecided>;
    }
}

mockall::mock! {
    #[derive(Debug)]
    pub AuditSink {}
    impl AuditSink for AuditSink {
        fn submit(&self, event: AuditEvent) -> Receipt;
        fn durability(&self) -> Durability;
    }
}

mockall::mock! {
    #[derive(Debug)]
    pub RelationSource {}
    #[async_trait]
    impl RelationSource for RelationSource {
        async fn related(&self, context: &RequestContext, party: &Profile, subject: Uuid) -> Result<bool, RelationError>;
    }
}

mockall::mock! {
    #[derive(Debug)]
    pub Outbox {}
    #[async_trait]
    impl Outbox for Outbox {
        async fn lease(&self, limit: u32, lease: Duration, now: Timestamp) -> Result<Vec<OutboxEntry>, OutboxError>;
        async fn delivered(&self, entry: &OutboxEntry, now: Timestamp) -> Result<bool, OutboxError>;
        async fn retry(&self, entry: &OutboxEntry, retry_at: Timestamp) -> Result<bool, OutboxError>;
    }
}

mockall::mock! {
    #[derive(Debug)]
    pub Reader<T: Record> {}
    #[async_trait]
    impl<T: Record> Reader<T> for Reader<T> {
        async fn find(&self, grant: &Grant<Read<T>>) -> Result<Row<T>, AccessError>;
        async fn find_for_update(&self, grant: &Grant<Update<T>>) -> Result<Row<T>, AccessError>;
        async fn find_for_delete(&self, grant: &Grant<Delete<T>>) -> Result<Row<T>, AccessError>;
        async fn list(&self, grant: &Grant<List<T>>, page: &PageRequest) -> Result<Rows<T>, AccessError>;
    }
}
