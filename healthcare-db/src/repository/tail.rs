//! Following the outbox without taking anything from it.

use super::outbox::{SqlOutbox, failed};
use crate::{
    DbError, Row, house_sql,
    statement::{House, Statement},
};
use healthcare_core::{DomainEvent, OutboxError, OutboxMessage, Value};
use std::{collections::HashSet, sync::Arc};
use uuid::Uuid;

/// `$1` since, `$2` the aggregate's kind, `$3` limit. One statement, so that entries and horizon are of one snapshot; without entries one row has
/// the horizon alone. Every entry from before the horizon is there or will never be. On PostgreSQL a number that no transaction has had yet is of the
/// server that the entry was dumped on.
pub(crate) const SINCE: Statement<House> = house_sql! {
    postgres: "SELECT h.horizon, o.written_in::text::bigint, o.id, o.clinic_id, o.body \
         FROM (SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS horizon) h \
         LEFT JOIN (SELECT e.* FROM main.outbox e WHERE e.written_in >= $1::bigint::text::xid8 \
             AND e.written_in < pg_snapshot_xmax(pg_current_snapshot()) AND e.kind = 'event' AND e.aggregate_kind = $2 \
             ORDER BY e.written_in, e.position LIMIT $3) o ON true \
         ORDER BY o.written_in, o.position",
    sqlite: "SELECT h.horizon, o.written_in, o.id, o.clinic_id, o.body \
         FROM (SELECT max($1, coalesce(max(written_in), 0) + 1) AS horizon FROM main.outbox) h \
         LEFT JOIN (SELECT e.* FROM main.outbox e WHERE e.written_in >= $1 AND e.kind = 'event' AND e.aggregate_kind = $2 \
             ORDER BY e.written_in LIMIT $3) o ON true \
         ORDER BY o.written_in",
    why: "PostgreSQL commits in another order than it numbers",
};

/// The most entries of one look.
const AT_A_TIME: usize = 1_000;

/// Follows the events of one kind of record, for whoever is told of them and has nothing to do about them: it leases nothing, settles nothing, and
/// waits for no relay. Any number may follow, each from where it began.
///
/// No committed event is passed over. On PostgreSQL transactions end in another order than they begin in; so what was written since the oldest one
/// that still ran is looked at again, and what was seen of it is left out.
pub struct OutboxTail {
    outbox: Arc<SqlOutbox>,
    kind: &'static str,
    /// From where entries may be unseen; none before the first look.
    since: Option<i64>,
    /// Those from there on that were seen.
    seen: HashSet<Uuid>,
}

/// What came since the last look.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Tailed {
    /// What happened. Those of one record are in their order.
    pub events: Vec<DomainEvent>,
    /// Whether there was more, or something that cannot be opened: the follower's own readers must be told that they missed something.
    pub missed: bool,
}

impl std::fmt::Debug for OutboxTail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OutboxTail")
            .field("kind", &self.kind)
            .field("since", &self.since)
            .finish_non_exhaustive()
    }
}

impl OutboxTail {
    /// Follows events whose aggregate is of this kind, from the first [`look`](Self::look) on. On PostgreSQL the outbox is the relay's login's.
    #[must_use]
    pub fn new(outbox: Arc<SqlOutbox>, kind: &'static str) -> Self {
        Self { outbox, kind, since: None, seen: HashSet::new() }
    }

    /// What was committed since the last look. The first one tells nothing: what is committed after it is told by the next. Dropped or failed, a
    /// look has not taken place.
    ///
    /// At most 1,000 events: of more, none is told, and `missed` is.
    ///
    /// # Errors
    /// [`OutboxError`] when the database fails.
    pub async fn look(&mut self) -> Result<Tailed, OutboxError> {
        let since = match self.since {
            Some(since) => since,
            None => self.rows(0, 0).await?.0,
        };
        let (horizon, rows) = self.rows(since, AT_A_TIME + 1).await?;
        // A horizon that went back is of another database, as after a restore: what it holds was never seen.
        let mut tailed = Tailed { events: Vec::new(), missed: rows.len() > AT_A_TIME || horizon < since };
        let mut seen = HashSet::new();
        if !tailed.missed {
            for row in &rows {
                if row.written_in >= horizon {
                    seen.insert(row.id);
                }
                if !self.seen.contains(&row.id) {
                    self.open(row, &mut tailed).await;
                }
            }
        }
        let is_first = self.since.replace(horizon).is_none();
        self.seen = seen;
        Ok(if is_first { Tailed::default() } else { tailed })
    }

    async fn open(&self, row: &Written, tailed: &mut Tailed) {
        match self.outbox.open_body(&row.row, 2).await {
            Ok((_, OutboxMessage::Event(event))) => tailed.events.push(event),
            Ok(_) => {}
            Err(error) => {
                tracing::error!(%error, "an outbox entry could not be opened");
                tailed.missed = true;
            }
        }
    }

    async fn rows(&self, since: i64, limit: usize) -> Result<(i64, Vec<Written>), OutboxError> {
        let limit = i64::try_from(limit).map_err(failed)?;
        let values = vec![Value::I64(since), Value::Text(self.kind.to_owned()), Value::I64(limit)];
        self.fetch(values).await.map_err(failed)
    }

    async fn fetch(&self, values: Vec<Value>) -> Result<(i64, Vec<Written>), DbError> {
        let mut transaction = self.outbox.database.house_read().await?;
        let rows = transaction.fetch_all(&SINCE, values).await?;
        transaction.commit().await?;
        let horizon = rows.first().map(|row| row.get(0)).transpose()?.unwrap_or_default();
        let entries = rows.into_iter().filter_map(Written::of).collect::<Result<_, _>>()?;
        Ok((horizon, entries))
    }
}

/// An entry as it was written.
struct Written {
    written_in: i64,
    id: Uuid,
    row: Row,
}

impl Written {
    /// Nothing of the row that has the horizon alone.
    fn of(row: Row) -> Option<Result<Self, DbError>> {
        let written_in = row.get::<Option<i64>>(1).transpose()?;
        Some(written_in.and_then(|written_in| Ok(Self { written_in, id: row.get(2)?, row })))
    }
}

#[cfg(all(test, feature = "sqlite", feature = "postgres"))]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::tests::site::Site;
    use healthcare_core::testing::Stage;

    #[tokio::test]
    #[ignore = "needs PostgreSQL: cargo xtask test"]
    async fn a_database_that_was_set_back_is_said_to_be_missed() {
        let (site, stage) = (Site::postgres().await, Stage::default());
        let database = site.open().await;
        let relay = crate::Database::connect(&site.relay_url).await.unwrap();
        let outbox = SqlOutbox::new(relay, site.vault(&database), stage.boundary.system.clone());
        let mut tail = OutboxTail::new(Arc::new(outbox), "location");
        tail.look().await.unwrap();
        tail.since = tail.since.map(|since| since + 1_000_000_000);
        assert!(tail.look().await.unwrap().missed);
        assert!(!tail.look().await.unwrap().missed, "once");
        database.close().await;
        site.remove().await;
    }
}
