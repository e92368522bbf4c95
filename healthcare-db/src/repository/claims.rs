//! Claims: the database's own rule that one resource has one holder at a time.

use crate::{
    DbError, Transaction, clinic_sql,
    statement::{Clinic, Statement},
};
use async_trait::async_trait;
use healthcare_core::{AccessError, Claim, ClinicId, Interval, Resource, TransactionView, Value};
use uuid::Uuid;

pub(crate) const RELEASE: Statement<Clinic> =
    clinic_sql!("DELETE FROM main.claim WHERE clinic_id = $1 AND holder_id = $2");
pub(crate) const PLACE: Statement<Clinic> = clinic_sql!(
    "INSERT INTO main.claim (clinic_id, resource_kind, resource_id, starts_at, ends_at, holder_id) \
     VALUES ($1, $2, $3, $4, $5, $6)"
);
// Claims on one resource do not overlap, so of those that start before the interval only the last can reach into it.
pub(crate) const TAKEN: Statement<Clinic> = clinic_sql!(
    "SELECT starts_at, ends_at FROM claim WHERE clinic_id = $1 AND resource_kind = $2 AND resource_id = $3 \
     AND starts_at < $5 AND ends_at > $4 AND starts_at >= COALESCE(( \
         SELECT max(p.starts_at) FROM claim p WHERE p.clinic_id = $1 AND p.resource_kind = $2 AND p.resource_id = $3 \
         AND p.starts_at <= $4), $4) \
     ORDER BY starts_at LIMIT $6"
);

/// The number of the lock that whoever claims a resource holds: FNV-1a of its name. Two resources that share a number wait for
/// each other, which costs time and nothing else.
fn lock_key(clinic: ClinicId, resource: &Resource) -> i64 {
    let bytes = clinic
        .as_uuid()
        .into_bytes()
        .into_iter()
        .chain(resource.kind.bytes())
        .chain(resource.id.into_bytes());
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    i64::from_be_bytes(hash.to_be_bytes())
}

/// Takes the locks of these claims' resources, in one order for everyone: without them, two inserts into one exclusion
/// constraint wait for each other and one is killed as a deadlock.
pub(super) async fn lock(transaction: &mut Transaction, claims: &[Claim]) -> Result<(), DbError> {
    let clinic = transaction.scope().clinic();
    transaction.lock(claims.iter().map(|claim| lock_key(clinic, &claim.resource)).collect()).await
}

pub(super) async fn place(
    transaction: &mut Transaction,
    holder: Uuid,
    claim: &Claim,
) -> Result<(), AccessError> {
    let values = vec![
        Value::Text(claim.resource.kind.to_string()),
        Value::Uuid(claim.resource.id),
        Value::Time(claim.interval.starts()),
        Value::Time(claim.interval.ends()),
        Value::Uuid(holder),
    ];
    match transaction.execute(&PLACE, values).await {
        Ok(_) => Ok(()),
        // The same start is a duplicate key, another one an overlap.
        Err(DbError::Overlap(_) | DbError::Duplicate(_)) => Err(AccessError::Claimed(claim.resource.clone())),
        Err(other) => Err(other.into()),
    }
}

pub(super) async fn taken(
    transaction: &mut Transaction,
    resource: &Resource,
    interval: &Interval,
    limit: i64,
) -> Result<Vec<Interval>, AccessError> {
    let values = vec![
        Value::Text(resource.kind.to_string()),
        Value::Uuid(resource.id),
        Value::Time(interval.starts()),
        Value::Time(interval.ends()),
        Value::I64(limit),
    ];
    let rows = transaction.fetch_all(&TAKEN, values).await?;
    rows.iter().map(|row| Interval::new(row.get(0)?, row.get(1)?).map_err(AccessError::storage)).collect()
}

/// What a guard sees of the transaction.
pub(super) struct View<'t> {
    pub(super) transaction: &'t mut Transaction,
    pub(super) root: Uuid,
}

#[async_trait]
impl TransactionView for View<'_> {
    async fn claims_on(
        &mut self,
        resource: &Resource,
        interval: &Interval,
    ) -> Result<Vec<Interval>, AccessError> {
        taken(self.transaction, resource, interval, 100).await
    }

    async fn claim(&mut self, claim: &Claim) -> Result<(), AccessError> {
        lock(self.transaction, std::slice::from_ref(claim)).await?;
        place(self.transaction, self.root, claim).await
    }
}
