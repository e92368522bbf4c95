//! Storage in memory: every seam of a repository, for tests and for trying things out.

use super::{ChartReader, Criteria, Cursor, Guard, PageRequest, Reader, Searcher, TransactionView, Writer};
use crate::{
    Access, AccessError, Change, ChartRows, Claim, ClinicId, Committed, Delete, Entry, Grant, Interval,
    KindCount, List, OutboxMessage, Parts, Profile, Read, ReadChart, Record, Remember, Resource, Row,
    RowFilter, Rows, Sealed, Search, StorageDoor, Term, Update, UserId, Write, WriteRow,
};
use async_trait::async_trait;
use std::{
    any::Any,
    borrow::Cow,
    collections::{BTreeMap, HashMap, HashSet},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use uuid::Uuid;

type Key = (&'static str, ClinicId, Uuid);
type ChartKind = fn(&MemoryStore, &Entry<'_>, ChartRows) -> ChartRows;

/// Keeps records, claims, events and remembered answers in memory. One mutex, and so one writer at a time.
pub struct MemoryStore {
    door: StorageDoor,
    chart: Vec<ChartKind>,
    tables: Mutex<Tables>,
}

#[derive(Default, Clone)]
struct Tables {
    rows: BTreeMap<Key, Stored>,
    claims: Vec<(ClinicId, Uuid, Claim)>,
    relations: HashSet<(ClinicId, Profile, Uuid)>,
    outbox: Vec<OutboxMessage>,
    replies: HashMap<(ClinicId, Option<UserId>, [u8; 32]), Remember>,
}

#[derive(Clone)]
struct Stored {
    row: Arc<dyn Any + Send + Sync>,
    version: i64,
    terms: HashSet<Term>,
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MemoryStore({} rows)", self.tables().rows.len())
    }
}

impl MemoryStore {
    /// An empty store of the boundary this door belongs to.
    #[must_use]
    pub fn new(door: StorageDoor) -> Self {
        Self { door, chart: Vec::new(), tables: Mutex::default() }
    }

    /// Makes `T` a part of charts.
    #[must_use]
    pub fn charting<T: Record>(mut self) -> Self {
        self.chart.push(|store, entry, rows| {
            let about = |row: &T| row.subject() == entry.subject();
            rows.with(
                store.rows::<T>(entry, &|row, _| about(row)).into_iter().map(|(_, sealed)| sealed).collect(),
            )
        });
        self
    }

    /// Relates a party to a person, for filters that ask.
    pub fn relate(&self, clinic: ClinicId, party: Profile, subject: Uuid) {
        self.tables().relations.insert((clinic, party, subject));
    }

    /// What was committed for listeners and for the audit log, oldest first.
    #[must_use]
    pub fn outbox(&self) -> Vec<OutboxMessage> {
        self.tables().outbox.clone()
    }

    /// The remembered answer to a user's idempotency key.
    #[must_use]
    pub fn remembered(&self, clinic: ClinicId, user: Option<UserId>, key: [u8; 32]) -> Option<Remember> {
        self.tables().replies.get(&(clinic, user, key)).cloned()
    }

    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn one<A: Access>(&self, grant: &Grant<A>) -> Result<Row<A::Record>, AccessError> {
        let entry = self.door.enter(grant)?;
        let wanted = |row: &A::Record, _: &Stored| entry.target() == Some(row.id().as_uuid());
        Ok(Row::of(self.rows::<A::Record>(&entry, &wanted).into_iter().next().map(|(_, sealed)| sealed)))
    }

    /// The rows of a clinic that the filter and `wanted` admit, in the order of their ids.
    fn rows<T: Record>(
        &self,
        entry: &Entry<'_>,
        wanted: &dyn Fn(&T, &Stored) -> bool,
    ) -> Vec<(Uuid, Sealed<T>)> {
        let tables = self.tables();
        let clinic = entry.scope().clinic();
        let range = (T::KIND, clinic, Uuid::nil())..=(T::KIND, clinic, Uuid::max());
        let typed = |stored: &Stored| Arc::clone(&stored.row).downcast::<T>().ok();
        tables
            .rows
            .range(range)
            .filter_map(|((_, _, id), stored)| typed(stored).map(|row| (*id, stored, row)))
            .filter(|(_, stored, row)| wanted(row, stored) && tables.admit(entry.rows(), &**row))
            .map(|(id, _, row)| {
                let joined = entry.rows().joins();
                (id, if joined { self.door.seal_joined(row, entry) } else { self.door.seal_shared(row) })
            })
            .collect()
    }

    /// One page of the rows that `wanted` admits, in the order of `by`, then id. The cursor is a place in that order.
    #[cfg(feature = "clinic")]
    pub(crate) fn list_where<T: Record, K: Ord>(
        &self,
        grant: &Grant<List<T>>,
        page: &PageRequest,
        wanted: &dyn Fn(&T) -> bool,
        by: impl Fn(&T) -> K,
    ) -> Result<Rows<T>, AccessError> {
        let entry = self.door.enter(grant)?;
        let about = |row: &T| entry.subject().is_none_or(|subject| row.subject() == Some(subject));
        let mut all = self.rows::<T>(&entry, &|row, _| about(row) && wanted(row));
        all.sort_by_cached_key(|(id, sealed)| (by(sealed.row()), *id));
        let begin = match page.cursor() {
            None => 0,
            Some(cursor) => {
                let after = Uuid::try_parse(cursor.as_str()).map_err(|_| AccessError::InvalidCursor)?;
                1 + all.iter().position(|(id, _)| *id == after).ok_or(AccessError::InvalidCursor)?
            }
        };
        let mut rest: Vec<_> = all.into_iter().skip(begin).collect();
        let limit = page.limit() as usize;
        let more = rest.len() > limit;
        rest.truncate(limit);
        let next = rest.last().filter(|_| more).map(|(id, _)| Cursor::new(id.to_string()));
        Ok(Rows::page(rest.into_iter().map(|(_, sealed)| sealed).collect(), next))
    }

    /// Whether rows of one kind are as `wanted` says, and how many: for what is looked up before there is a grant.
    #[cfg(feature = "clinic")]
    pub(crate) fn look_up<T: Record, V>(
        &self,
        context: &crate::RequestContext,
        wanted: impl Fn(&T) -> Option<V>,
    ) -> Result<Vec<V>, AccessError> {
        let clinic = self.door.scope(context)?.clinic();
        let range = (T::KIND, clinic, Uuid::nil())..=(T::KIND, clinic, Uuid::max());
        let tables = self.tables();
        let rows = tables.rows.range(range).filter_map(|(_, stored)| stored.row.downcast_ref::<T>());
        Ok(rows.filter_map(wanted).collect())
    }

    /// The claims on a resource that share an instant with `interval`, in order.
    #[cfg(feature = "appointment")]
    pub(crate) fn claims_of<A: Access>(
        &self,
        grant: &Grant<A>,
        resource: &Resource,
        interval: &Interval,
    ) -> Result<Vec<Interval>, AccessError> {
        let entry = self.door.enter(grant)?;
        let clinic = entry.scope().clinic();
        let tables = self.tables();
        let on = tables.claims.iter().filter(|(of, _, claim)| *of == clinic && claim.resource == *resource);
        let mut taken: Vec<_> =
            on.map(|(_, _, claim)| claim.interval).filter(|i| i.overlaps(interval)).collect();
        taken.sort_by_key(Interval::starts);
        Ok(taken)
    }

    fn page<T: Record>(
        &self,
        all: Vec<(Uuid, Sealed<T>)>,
        page: &PageRequest,
    ) -> Result<Rows<T>, AccessError> {
        let after = page.cursor().map(|cursor| Uuid::try_parse(cursor.as_str())).transpose();
        let after = after.map_err(|_| AccessError::InvalidCursor)?;
        let limit = page.limit() as usize;
        let mut rest: Vec<_> =
            all.into_iter().filter(|(id, _)| after.is_none_or(|after| *id > after)).collect();
        let more = rest.len() > limit;
        rest.truncate(limit);
        let next = rest.last().filter(|_| more).map(|(id, _)| Cursor::new(id.to_string()));
        Ok(Rows::page(rest.into_iter().map(|(_, sealed)| sealed).collect(), next))
    }
}

#[async_trait]
impl<T: Record> Reader<T> for MemoryStore {
    async fn find(&self, grant: &Grant<Read<T>>) -> Result<Row<T>, AccessError> {
        self.one(grant)
    }
    async fn find_for_update(&self, grant: &Grant<Update<T>>) -> Result<Row<T>, AccessError> {
        self.one(grant)
    }
    async fn find_for_delete(&self, grant: &Grant<Delete<T>>) -> Result<Row<T>, AccessError> {
        self.one(grant)
    }
    async fn list(&self, grant: &Grant<List<T>>, page: &PageRequest) -> Result<Rows<T>, AccessError> {
        let entry = self.door.enter(grant)?;
        let about =
            |row: &T, _: &Stored| entry.subject().is_none_or(|subject| row.subject() == Some(subject));
        self.page(self.rows::<T>(&entry, &about), page)
    }
}

#[async_trait]
impl<T: Record> Searcher<T> for MemoryStore {
    async fn search(
        &self,
        grant: &Grant<Search<T>>,
        criteria: &Criteria<T>,
        page: &PageRequest,
    ) -> Result<Rows<T>, AccessError> {
        let entry = self.door.enter(grant)?;
        let Some(terms) = criteria.terms() else { return Ok(Rows::last(Vec::new())) };
        let found = |row: &T, stored: &Stored| {
            entry.subject().is_none_or(|subject| row.subject() == Some(subject))
                && terms.iter().all(|term| stored.terms.contains(term))
        };
        self.page(self.rows::<T>(&entry, &found), page)
    }
}

#[async_trait]
impl<T: Record> ChartReader<T> for MemoryStore {
    async fn chart(&self, grant: &Grant<ReadChart<T>>) -> Result<ChartRows, AccessError> {
        let entry = self.door.enter(grant)?;
        Ok(self.chart.iter().fold(ChartRows::new(), |rows, kind| kind(self, &entry, rows)))
    }
}

#[async_trait]
impl<T: Record> Writer<T> for MemoryStore {
    async fn commit_guarded(&self, change: Change<T>, guard: &dyn Guard) -> Result<Committed, AccessError> {
        self.door
            .commit(change, async |parts| {
                // Written on a copy, which takes the tables' place only when everything went well.
                let mut work = MemoryTransaction::begin(self.tables().clone(), &parts);
                let committed = work.write(&parts)?;
                guard.check(&mut work).await?;
                let mut tables = self.tables();
                if work.base != tables.outbox.len() {
                    return Err(AccessError::VersionConflict);
                }
                *tables = work.tables;
                Ok(committed)
            })
            .await
    }
}

impl Tables {
    fn admit<T: Record>(&self, filter: &RowFilter, row: &T) -> bool {
        match filter {
            RowFilter::Related(party) => row
                .subject()
                .is_some_and(|subject| self.relations.contains(&(row.clinic(), party.clone(), subject))),
            RowFilter::Every(all) => all.iter().all(|filter| self.admit(filter, row)),
            RowFilter::Any(any) => any.iter().any(|filter| self.admit(filter, row)),
            plain => plain.admits(row, false),
        }
    }
}

struct MemoryTransaction {
    tables: Tables,
    base: usize,
    clinic: ClinicId,
    root: Uuid,
}

impl MemoryTransaction {
    fn begin(tables: Tables, parts: &Parts<'_>) -> Self {
        let base = tables.outbox.len();
        Self { tables, base, clinic: parts.scope().clinic(), root: parts.root().unwrap_or_default() }
    }

    fn write(&mut self, parts: &Parts<'_>) -> Result<Committed, AccessError> {
        let mut committed = Committed::default();
        for (nth, row) in parts.rows().iter().enumerate() {
            let stored = self.write_row(row)?;
            let counts = if stored { &mut committed.written } else { &mut committed.kept };
            count(counts, row.row().kind());
            if nth == 0 {
                committed.version = row.row().version() + 1;
            }
        }
        if parts.claims().release {
            let (clinic, root) = (self.clinic, self.root);
            self.tables.claims.retain(|(of, by, _)| (*of, *by) != (clinic, root));
        }
        for claim in &parts.claims().place {
            self.place(claim)?;
        }
        if let Some(remember) = parts.remember() {
            let key = (self.clinic, parts.user(), remember.key);
            if self.tables.replies.insert(key, remember.clone()).is_some() {
                return Err(AccessError::Repeated);
            }
        }
        self.tables.outbox.extend(parts.events().iter().cloned().map(OutboxMessage::Event));
        self.tables.outbox.push(OutboxMessage::Outcome(parts.outcome(committed.written.clone())));
        Ok(committed)
    }

    /// Whether the row was stored; `false` when it was kept as it is.
    fn write_row(&mut self, write: &WriteRow) -> Result<bool, AccessError> {
        let row = write.row();
        let key = (row.kind(), self.clinic, row.id());
        let known = self.tables.rows.get(&key).map(|stored| stored.version);
        match (write.how(), known) {
            (Write::Insert, Some(_)) => return Err(AccessError::AlreadyExists),
            (Write::InsertAbsent, Some(_)) => return Ok(false),
            (Write::Update | Write::Delete, None) => return Err(AccessError::NotFound),
            (Write::Update | Write::Delete, Some(version)) if version != row.version() => {
                return Err(AccessError::VersionConflict);
            }
            (Write::Delete, Some(_)) => {
                self.tables.rows.remove(&key);
            }
            (Write::Insert | Write::InsertAbsent | Write::Update, _) => {
                let stored = Stored {
                    row: write.next(),
                    version: row.version() + 1,
                    terms: write.terms().into_iter().collect(),
                };
                self.tables.rows.insert(key, stored);
            }
        }
        Ok(true)
    }

    fn place(&mut self, claim: &Claim) -> Result<(), AccessError> {
        let taken = self.tables.claims.iter().any(|(clinic, _, placed)| {
            *clinic == self.clinic
                && placed.resource == claim.resource
                && placed.interval.overlaps(&claim.interval)
        });
        if taken {
            return Err(AccessError::Claimed(claim.resource.clone()));
        }
        self.tables.claims.push((self.clinic, self.root, claim.clone()));
        Ok(())
    }
}

fn count(counts: &mut Vec<KindCount>, kind: &'static str) {
    match counts.iter_mut().find(|count| count.kind == kind) {
        Some(known) => known.count += 1,
        None => counts.push(KindCount { kind: Cow::Borrowed(kind), count: 1 }),
    }
}

#[async_trait]
impl TransactionView for MemoryTransaction {
    async fn claims_on(
        &mut self,
        resource: &Resource,
        interval: &Interval,
    ) -> Result<Vec<Interval>, AccessError> {
        let on = |(clinic, _, claim): &&(ClinicId, Uuid, Claim)| {
            *clinic == self.clinic && claim.resource == *resource && claim.interval.overlaps(interval)
        };
        Ok(self.tables.claims.iter().filter(on).take(100).map(|(_, _, claim)| claim.interval).collect())
    }

    async fn claim(&mut self, claim: &Claim) -> Result<(), AccessError> {
        self.place(claim)
    }
}
