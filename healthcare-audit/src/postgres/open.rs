//! Opening the log of a database.

use super::{
    PgArchive, PgBackend,
    backend::{Head, insert_segment, read_head, signed},
    session::{Session, apart},
};
use crate::{
    Checkpoint, Fault, OpenError, Recovery,
    frame::{self, HASH_LEN, Hash, SegmentHead},
    log::{Backend as _, Tip, compare},
};
use healthcare_core::Clock;
use sqlx::{
    PgConnection, Row as _,
    postgres::{PgConnectOptions, PgSslMode},
};
use std::{net::IpAddr, sync::Arc};
use uuid::Uuid;

/// Latest entries that are read so that an event delivered again after a restart is stored once.
const RESTORED: i64 = 4_096;

/// An opened log.
pub(crate) struct Opened {
    pub(crate) backend: PgBackend,
    pub(crate) archive: PgArchive,
    pub(crate) recovery: Recovery,
    /// The latest entries, oldest first.
    pub(crate) latest: Vec<Vec<u8>>,
}

struct Seen {
    head: Head,
    created: bool,
    /// The chain value at the checkpoint's entry.
    value: Option<Hash>,
    latest: Vec<Vec<u8>>,
}

/// Opens the log, or begins one, and records the opening.
pub(crate) fn open(
    options: PgConnectOptions,
    clock: Arc<dyn Clock>,
    expected: Option<&Checkpoint>,
) -> Result<Opened, OpenError> {
    if !is_local(&options) && !matches!(options.get_ssl_mode(), PgSslMode::VerifyFull) {
        return Err(OpenError::Unverified);
    }
    // Everything with a runtime in it is made, and on failure dropped, on a thread without one.
    let opened = apart(|| open_here(options, clock, expected));
    opened.map_err(|error| OpenError::Writer(Fault::from(error)))?
}

/// Whether the connection stays on this machine.
fn is_local(options: &PgConnectOptions) -> bool {
    let host = options.get_host();
    let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
    let named = host == "localhost" || host.starts_with('/');
    options.get_socket().is_some() || named || address.is_ok_and(|address| address.is_loopback())
}

fn open_here(
    options: PgConnectOptions,
    clock: Arc<dyn Clock>,
    expected: Option<&Checkpoint>,
) -> Result<Opened, OpenError> {
    let mut session = Session::new(options.clone()).map_err(|error| OpenError::Writer(Fault::from(error)))?;
    let at = expected.map(Checkpoint::entries);
    let seen = session.run(async |connection| look(connection, at).await);
    let Seen { head, created, value, latest } = seen.map_err(|error| OpenError::Database(error.into()))?;
    compare(expected, (!created).then_some((head.tip.log, head.tip.entries)), value)?;
    let mut backend = PgBackend::new(session, head.tip, clock);
    let (opening, body) = frame::opened(&[]);
    let tip = backend.append(&[(opening, &body)]).map_err(OpenError::Writer)?;
    let archive = PgArchive::new(options, tip.log);
    let recovery = Recovery { created, entries: head.tip.entries, epoch: tip.epoch, dropped_bytes: 0 };
    Ok(Opened { backend, archive, recovery, latest })
}

async fn look(connection: &mut PgConnection, checkpoint: Option<u64>) -> Result<Seen, sqlx::Error> {
    let fsync: String = sqlx::query("SHOW fsync").fetch_one(&mut *connection).await?.try_get(0)?;
    if fsync == "off" {
        tracing::warn!("the database runs with fsync = off: a commit does not survive the loss of power");
    }
    let created = create_absent(connection).await?;
    let head = read_head(connection, false).await?.ok_or(sqlx::Error::RowNotFound)?;
    let value = match checkpoint {
        Some(sequence) => entry(connection, head.tip.log, sequence).await?,
        None => None,
    };
    let rows =
        sqlx::query("SELECT entry FROM audit.audit_log WHERE log = $1 ORDER BY sequence DESC LIMIT $2")
            .bind(head.tip.log)
            .bind(RESTORED)
            .fetch_all(connection)
            .await?;
    let mut latest = rows.iter().map(|row| row.try_get("entry")).collect::<Result<Vec<Vec<u8>>, _>>()?;
    latest.reverse();
    Ok(Seen { head, created, value: value.and_then(|entry| entry.last_chunk::<HASH_LEN>().copied()), latest })
}

async fn entry(
    connection: &mut PgConnection,
    log: Uuid,
    sequence: u64,
) -> Result<Option<Vec<u8>>, sqlx::Error> {
    let row = sqlx::query("SELECT entry FROM audit.audit_log WHERE log = $1 AND sequence = $2")
        .bind(log)
        .bind(signed(sequence))
        .fetch_optional(connection)
        .await?;
    row.map(|row| row.try_get("entry")).transpose()
}

/// Begins a log when the database has none. Whether it did; of two at once, one does.
async fn create_absent(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    use sqlx::Connection as _;
    let segment = SegmentHead { log: Uuid::now_v7(), first: 1, epoch: 1, previous: [0; HASH_LEN] };
    let tip = Tip { log: segment.log, entries: 0, epoch: 0, head: [0; HASH_LEN] };
    let mut transaction = connection.begin().await?;
    let made = sqlx::query(
        "INSERT INTO audit.audit_head (log, sequence, epoch, head, chain, segment) VALUES ($1, 0, $2, $3, $4, 1) \
         ON CONFLICT DO NOTHING",
    )
    .bind(tip.log)
    .bind(signed(tip.epoch))
    .bind(tip.head.as_slice())
    .bind(segment.hash().as_slice())
    .execute(&mut *transaction)
    .await?;
    let created = made.rows_affected() == 1;
    if created {
        insert_segment(&mut transaction, &segment).await?;
    }
    transaction.commit().await?;
    Ok(created)
}
