//! Which processes share a memory of rows, and which have none.

use crate::{
    Database, DbError, house_sql,
    statement::{House, Statement},
};
use healthcare_core::{Clock, Value};
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;
use uuid::Uuid;

pub(crate) const HOLD: Statement<House> = house_sql!(
    "INSERT INTO main.memory_tier (id, tier, held_until) VALUES ($1, $2, $3) \
     ON CONFLICT (id) DO UPDATE SET held_until = excluded.held_until"
);
pub(crate) const HELD: Statement<House> = house_sql!(
    "SELECT tier, count(*) AS alike, max(held_until) AS held_until FROM main.memory_tier WHERE id <> $1 AND held_until > $2 GROUP BY tier"
);
pub(crate) const LEAVE: Statement<House> =
    house_sql!("DELETE FROM main.memory_tier WHERE id = $1 OR held_until < $2");

/// Where a process keeps rows besides the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemoryTier {
    /// With others, who are told of each change.
    Shared,
    /// Nowhere that others know of: nobody else hears from it what was changed.
    None,
}

impl MemoryTier {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Shared => "shared",
            Self::None => "none",
        }
    }
}

/// What the others say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct OtherTiers {
    /// Until when another process of the other kind may be at work, if one is.
    pub opposed_until: Option<Timestamp>,
    /// How many others of the same kind are at work.
    pub alike: u64,
}

/// Keeps in the table `memory_tier` which processes work on a database, and with which memory: a row for each, good for
/// [`LIFE`](Self::LIFE) after it was last renewed.
///
/// Purges are carried by whichever process relays the outbox, so that one that has no shared memory would take them for delivered: it must
/// not work beside others that have one.
#[derive(Debug, Clone)]
pub struct SqlMemoryTiers {
    database: Database,
    clock: Arc<dyn Clock>,
    id: Uuid,
    tier: MemoryTier,
}

impl SqlMemoryTiers {
    /// How long a process is taken to be at work after it said so.
    pub const LIFE: SignedDuration = SignedDuration::from_secs(60);

    /// The row of a process that has begun, which has this memory.
    #[must_use]
    pub fn new(database: Database, clock: Arc<dyn Clock>, tier: MemoryTier) -> Self {
        Self { database, clock, id: Uuid::now_v7(), tier }
    }

    /// Says that this process works, and looks who else does. Of two that begin at the same moment each sees the other.
    ///
    /// # Errors
    /// As the database says.
    pub async fn hold(&self) -> Result<OtherTiers, DbError> {
        let now = self.clock.now();
        let until = now.saturating_add(Self::LIFE).unwrap_or(Timestamp::MAX);
        let mut transaction = self.database.house_write().await?;
        let tier = Value::Text(self.tier.as_str().to_owned());
        transaction.execute(&HOLD, vec![Value::Uuid(self.id), tier, Value::Time(until)]).await?;
        transaction.commit().await?;
        let mut transaction = self.database.house_read().await?;
        let mut others = OtherTiers { opposed_until: None, alike: 0 };
        for row in transaction.fetch_all(&HELD, vec![Value::Uuid(self.id), Value::Time(now)]).await? {
            let (tier, count): (String, i64) = (row.get(0)?, row.get(1)?);
            if tier == self.tier.as_str() {
                others.alike = u64::try_from(count).unwrap_or(0);
            } else {
                others.opposed_until = Some(row.get(2)?);
            }
        }
        Ok(others)
    }

    /// Says that this process works no more, and forgets those that have not said anything for long.
    ///
    /// # Errors
    /// As the database says.
    pub async fn leave(&self) -> Result<(), DbError> {
        let old = self.clock.now().checked_sub(SignedDuration::from_hours(24)).unwrap_or(Timestamp::MIN);
        let mut transaction = self.database.house_write().await?;
        transaction.execute(&LEAVE, vec![Value::Uuid(self.id), Value::Time(old)]).await?;
        transaction.commit().await
    }
}
