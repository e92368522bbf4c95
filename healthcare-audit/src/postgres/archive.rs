//! Reading entries back from the tables.

use super::{
    backend::{signed, unsigned},
    session::{Session, apart},
};
use crate::{
    ReadError,
    frame::{self, EntryKind, Frame},
    log::Archive,
    verify::Verifier,
};
use sqlx::{PgConnection, Row as _, postgres::PgConnectOptions};
use std::{
    fmt,
    io::{self, Read},
};
use uuid::Uuid;

/// Rows fetched at once.
const ROWS: i64 = 500;

/// The reader of a database's log.
pub(crate) struct PgArchive {
    options: PgConnectOptions,
    log: Uuid,
}

impl fmt::Debug for PgArchive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PgArchive").field("log", &self.log).finish_non_exhaustive()
    }
}

impl PgArchive {
    pub(super) const fn new(options: PgConnectOptions, log: Uuid) -> Self {
        Self { options, log }
    }

    /// Runs work on a connection of its own, wherever the caller stands.
    fn run<T: Send>(
        &self,
        work: impl AsyncFnOnce(&mut PgConnection) -> Result<T, sqlx::Error> + Send,
    ) -> io::Result<T> {
        let options = self.options.clone();
        apart(move || Session::new(options)?.run(work).map_err(io::Error::other))?
    }

    fn clinic_rows(&self, clinic: Uuid, before: u64) -> io::Result<Vec<Vec<u8>>> {
        let log = self.log;
        self.run(async move |connection| {
            let rows = sqlx::query(
                "SELECT entry FROM audit.audit_log WHERE log = $1 AND clinic_id = $2 AND sequence < $3 \
                 ORDER BY sequence DESC LIMIT $4",
            )
            .bind(log)
            .bind(clinic)
            .bind(signed(before))
            .bind(ROWS)
            .fetch_all(connection)
            .await?;
            rows.iter().map(|row| row.try_get("entry")).collect()
        })
    }

    fn segments(&self) -> io::Result<Vec<(u64, Vec<u8>)>> {
        let log = self.log;
        self.run(async move |connection| {
            let rows = sqlx::query(
                "SELECT first_sequence, header FROM audit.audit_segment WHERE log = $1 ORDER BY first_sequence",
            )
            .bind(log)
            .fetch_all(connection)
            .await?;
            rows.iter().map(|row| Ok((unsigned(row.try_get(0)?), row.try_get(1)?))).collect()
        })
    }
}

impl Archive for PgArchive {
    fn newest(
        &self,
        clinic: Uuid,
        mut before: u64,
        mut budget: u64,
        visit: &mut dyn FnMut(&Frame<'_>) -> bool,
    ) -> Result<Option<u64>, ReadError> {
        loop {
            let rows = self.clinic_rows(clinic, before)?;
            for bytes in &rows {
                let corrupt =
                    || ReadError::Corrupt { segment: "audit.audit_log".to_owned(), sequence: before };
                let frame = frame::parse(bytes).map_err(|_| corrupt())?;
                before = frame.head.sequence;
                if frame.head.kind == EntryKind::Event && visit(&frame) {
                    return Ok(Some(before));
                }
                budget = budget.saturating_sub(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
            }
            if signed(u64::try_from(rows.len()).unwrap_or(u64::MAX)) < ROWS {
                return Ok(None);
            }
            if budget == 0 {
                return Ok(Some(before));
            }
        }
    }

    fn verifier(&self) -> Verifier {
        // A failure to list the segments must be told when the verifier runs, not be taken for an empty log.
        let (segments, failure) = match self.segments() {
            Ok(segments) => (segments, None),
            Err(error) => (Vec::new(), Some(error)),
        };
        let ends: Vec<u64> = segments.iter().skip(1).map(|(first, _)| *first).chain([u64::MAX]).collect();
        let rows = segments.into_iter().zip(ends).map(|((first, header), end)| {
            let archive = Self::new(self.options.clone(), self.log);
            (name(first), Rows { archive, next: first, end, ready: header, at: 0, failure: None })
        });
        let failed = failure.map(|error| {
            let archive = Self::new(self.options.clone(), self.log);
            (name(1), Rows { archive, next: 0, end: 0, ready: Vec::new(), at: 0, failure: Some(error) })
        });
        Verifier::segments(rows.chain(failed))
    }
}

fn name(first: u64) -> String {
    format!("{first:020}.audit")
}

/// The bytes of one segment, fetched as they are read.
struct Rows {
    archive: PgArchive,
    next: u64,
    end: u64,
    ready: Vec<u8>,
    at: usize,
    failure: Option<io::Error>,
}

impl Rows {
    fn fetch(&mut self) -> io::Result<()> {
        let (log, from, to) = (self.archive.log, signed(self.next), signed(self.end));
        let rows: Vec<(i64, Uuid, Vec<u8>)> = self.archive.run(async move |connection| {
            let rows = sqlx::query(
                "SELECT sequence, clinic_id, entry FROM audit.audit_log \
                 WHERE log = $1 AND sequence >= $2 AND sequence < $3 ORDER BY sequence LIMIT $4",
            )
            .bind(log)
            .bind(from)
            .bind(to)
            .bind(ROWS)
            .fetch_all(connection)
            .await?;
            rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?))).collect()
        })?;
        (self.ready, self.at) = (Vec::new(), 0);
        for (sequence, clinic, entry) in rows {
            // The columns decide who finds the entry: they must say what its bytes say.
            let agree = entry.get(40..56) == Some(clinic.as_bytes().as_slice());
            if !agree {
                let problem =
                    format!("the columns of entry {sequence} of the audit log differ from its bytes");
                return Err(io::Error::new(io::ErrorKind::InvalidData, problem));
            }
            self.next = unsigned(sequence) + 1;
            self.ready.extend_from_slice(&entry);
        }
        Ok(())
    }
}

impl Read for Rows {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if let Some(error) = self.failure.take() {
            return Err(error);
        }
        if self.at >= self.ready.len() {
            self.fetch()?;
        }
        let from = self.ready.get(self.at..).unwrap_or_default();
        let len = from.len().min(into.len());
        if let (Some(to), Some(bytes)) = (into.get_mut(..len), from.get(..len)) {
            to.copy_from_slice(bytes);
        }
        self.at += len;
        Ok(len)
    }
}
