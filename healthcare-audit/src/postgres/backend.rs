//! Appending in a transaction.

use super::session::Session;
use crate::{
    Fault,
    frame::{HASH_LEN, Hash, SegmentHead},
    log::{Backend, Placing, Tip, Unplaced},
};
use healthcare_core::Clock;
use sqlx::{Connection as _, PgConnection, Row as _};
use std::{fmt, sync::Arc};
use uuid::Uuid;

/// Entries after which a new segment begins, so that a verifier can begin near the end.
const SEGMENT_ENTRIES: u64 = 10_000;

/// One of perhaps several writers of the log.
pub(crate) struct PgBackend {
    session: Session,
    tip: Tip,
    clock: Arc<dyn Clock>,
}

impl fmt::Debug for PgBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PgBackend").field("tip", &self.tip).finish_non_exhaustive()
    }
}

/// The head row.
#[derive(Debug, Clone, Copy)]
pub(super) struct Head {
    pub(super) tip: Tip,
    pub(super) chain: Hash,
    pub(super) segment: u64,
}

impl PgBackend {
    /// A writer that takes over from whoever wrote last.
    pub(super) const fn new(session: Session, last: Tip, clock: Arc<dyn Clock>) -> Self {
        // An epoch that no head row has: the first batch begins a new one.
        Self { session, tip: Tip { epoch: u64::MAX, ..last }, clock }
    }

    pub(crate) const fn tip(&self) -> Tip {
        self.tip
    }
}

impl Backend for PgBackend {
    fn append(&mut self, batch: &[Unplaced<'_>]) -> Result<Tip, Fault> {
        let Self { session, tip, clock } = self;
        let mine = tip.epoch;
        let written = session.run(async |connection| write(connection, batch, mine, clock).await);
        *tip = written.map_err(|error| Fault::Database(Arc::new(error)))?;
        Ok(*tip)
    }

    /// Never: a transaction that failed has left nothing, and the next reads the head row again.
    fn poisoned_by(&self, _: &Fault) -> bool {
        false
    }
}

async fn write(
    connection: &mut PgConnection,
    batch: &[Unplaced<'_>],
    mine: u64,
    clock: &Arc<dyn Clock>,
) -> Result<Tip, sqlx::Error> {
    let mut transaction = connection.begin().await?;
    let Some(mut head) = read_head(&mut transaction, true).await? else {
        return Err(sqlx::Error::RowNotFound);
    };
    if head.tip.epoch != mine {
        head.tip.epoch += 1;
    }
    if head.tip.entries + 1 >= head.segment + SEGMENT_ENTRIES {
        begin_segment(&mut transaction, &mut head).await?;
    }
    let placing = Placing { epoch: head.tip.epoch, after: head.tip.entries, previous: head.chain, clock };
    let (mut bytes, mut placed) = (Vec::new(), Vec::with_capacity(batch.len()));
    let (entries, hash) = placing.encode(batch, &mut bytes, |head, range| {
        placed.push((signed(head.sequence), head.clinic, range));
    });
    let sequences: Vec<i64> = placed.iter().map(|(sequence, ..)| *sequence).collect();
    let clinics: Vec<Uuid> = placed.iter().map(|(_, clinic, _)| *clinic).collect();
    let rows: Vec<&[u8]> =
        placed.iter().map(|(.., range)| bytes.get(range.clone()).unwrap_or_default()).collect();
    sqlx::query(
        "INSERT INTO audit.audit_log (log, sequence, clinic_id, entry) \
         SELECT $1, sequence, clinic_id, entry \
         FROM UNNEST($2::bigint[], $3::uuid[], $4::bytea[]) AS new (sequence, clinic_id, entry)",
    )
    .bind(head.tip.log)
    .bind(sequences)
    .bind(clinics)
    .bind(rows)
    .execute(&mut *transaction)
    .await?;
    let tip = Tip { entries, head: hash, ..head.tip };
    store_head(&mut transaction, Head { tip, chain: hash, ..head }).await?;
    transaction.commit().await?;
    Ok(tip)
}

async fn begin_segment(connection: &mut PgConnection, head: &mut Head) -> Result<(), sqlx::Error> {
    let Tip { log, entries, epoch, .. } = head.tip;
    let segment = SegmentHead { log, first: entries + 1, epoch, previous: head.chain };
    insert_segment(connection, &segment).await?;
    (head.chain, head.segment) = (segment.hash(), segment.first);
    Ok(())
}

pub(super) async fn insert_segment(
    connection: &mut PgConnection,
    segment: &SegmentHead,
) -> Result<(), sqlx::Error> {
    sqlx::query("INSERT INTO audit.audit_segment (log, first_sequence, header) VALUES ($1, $2, $3)")
        .bind(segment.log)
        .bind(signed(segment.first))
        .bind(segment.encode())
        .execute(connection)
        .await?;
    Ok(())
}

async fn store_head(connection: &mut PgConnection, head: Head) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE audit.audit_head SET sequence = $1, epoch = $2, head = $3, chain = $4, segment = $5")
        .bind(signed(head.tip.entries))
        .bind(signed(head.tip.epoch))
        .bind(head.tip.head.as_slice())
        .bind(head.chain.as_slice())
        .bind(signed(head.segment))
        .execute(connection)
        .await?;
    Ok(())
}

/// The head row, locked until the transaction ends when asked for.
pub(super) async fn read_head(
    connection: &mut PgConnection,
    lock: bool,
) -> Result<Option<Head>, sqlx::Error> {
    let text = if lock {
        "SELECT log, sequence, epoch, head, chain, segment FROM audit.audit_head FOR UPDATE"
    } else {
        "SELECT log, sequence, epoch, head, chain, segment FROM audit.audit_head"
    };
    let Some(row) = sqlx::query(text).fetch_optional(connection).await? else { return Ok(None) };
    let tip = Tip {
        log: row.try_get("log")?,
        entries: unsigned(row.try_get("sequence")?),
        epoch: unsigned(row.try_get("epoch")?),
        head: hash(row.try_get("head")?),
    };
    Ok(Some(Head { tip, chain: hash(row.try_get("chain")?), segment: unsigned(row.try_get("segment")?) }))
}

/// The table checks the length.
fn hash(bytes: &[u8]) -> Hash {
    bytes.first_chunk::<HASH_LEN>().copied().unwrap_or_default()
}

/// Sequences and epochs never come near the end of an i64.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(super) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}
