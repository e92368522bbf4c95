//! A store whose single reads are remembered, and whose commits are told to others: the caches forget, the relay wakes.

use super::{ReplyStore, kept::KeptRows};
use crate::Caches;
use async_trait::async_trait;
use healthcare_cache::PurgingWriter;
use healthcare_core::{
    AccessError, Appointment, AppointmentStore, AppointmentWindow, Change, ChartReader, ChartRows, Clinic,
    Committed, Criteria, Delete, Grant, Guard, Interval, List, Location, PageRequest, Patient, Practitioner,
    Read, ReadChart, Reader, Record, Remember, RequestContext, Row, Rows, Search, Searcher, StorageDoor,
    Update, Writer,
};
use healthcare_messaging::{Wake, WakingWriter};
use std::sync::Arc;

/// Reads as `S` does, through the decorators of the caches, and writes through those of caches and relay.
#[derive(Debug)]
pub struct Told<S> {
    pub(super) store: Arc<S>,
    rows: KeptRows<S>,
    writer: PurgingWriter<WakingWriter<ByRef<S>>>,
}

/// A shared store as a reader and a writer.
#[derive(Debug)]
pub(super) struct ByRef<S>(pub(super) Arc<S>);

#[async_trait]
impl<T: Record, S: Reader<T>> Reader<T> for ByRef<S> {
    async fn find(&self, grant: &Grant<Read<T>>) -> Result<Row<T>, AccessError> {
        self.0.find(grant).await
    }
    async fn find_for_update(&self, grant: &Grant<Update<T>>) -> Result<Row<T>, AccessError> {
        self.0.find_for_update(grant).await
    }
    async fn find_for_delete(&self, grant: &Grant<Delete<T>>) -> Result<Row<T>, AccessError> {
        self.0.find_for_delete(grant).await
    }
    async fn list(&self, grant: &Grant<List<T>>, page: &PageRequest) -> Result<Rows<T>, AccessError> {
        self.0.list(grant, page).await
    }
}

#[async_trait]
impl<T: Record, S: Writer<T>> Writer<T> for ByRef<S> {
    async fn commit_guarded(&self, change: Change<T>, guard: &dyn Guard) -> Result<Committed, AccessError> {
        self.0.commit_guarded(change, guard).await
    }
}

impl<S> Told<S>
where
    S: Reader<Patient> + Reader<Practitioner> + Reader<Location> + Reader<Clinic> + 'static,
{
    /// `store`, whose door this is: these caches remember its rows, and they and the relay are told of its commits.
    pub fn new(store: Arc<S>, door: &StorageDoor, caches: &Caches, wake: Wake) -> Self {
        let writer = PurgingWriter::new(WakingWriter::new(ByRef(Arc::clone(&store)), wake), caches.node());
        Self { rows: KeptRows::of(&store, door, caches), store, writer }
    }
}

#[async_trait]
impl<T: Record, S: Reader<T> + 'static> Reader<T> for Told<S> {
    async fn find(&self, grant: &Grant<Read<T>>) -> Result<Row<T>, AccessError> {
        match self.rows.reader::<T>() {
            Some(rows) => rows.find(grant).await,
            None => self.store.find(grant).await,
        }
    }
    async fn find_for_update(&self, grant: &Grant<Update<T>>) -> Result<Row<T>, AccessError> {
        self.store.find_for_update(grant).await
    }
    async fn find_for_delete(&self, grant: &Grant<Delete<T>>) -> Result<Row<T>, AccessError> {
        self.store.find_for_delete(grant).await
    }
    async fn list(&self, grant: &Grant<List<T>>, page: &PageRequest) -> Result<Rows<T>, AccessError> {
        self.store.list(grant, page).await
    }
}

#[async_trait]
impl<T: Record, S: Writer<T>> Writer<T> for Told<S> {
    async fn commit_guarded(&self, change: Change<T>, guard: &dyn Guard) -> Result<Committed, AccessError> {
        self.writer.commit_guarded(change, guard).await
    }
}

#[async_trait]
impl<T: Record, S: Searcher<T>> Searcher<T> for Told<S> {
    async fn search(
        &self,
        grant: &Grant<Search<T>>,
        criteria: &Criteria<T>,
        page: &PageRequest,
    ) -> Result<Rows<T>, AccessError> {
        self.store.search(grant, criteria, page).await
    }
}

#[async_trait]
impl<T: Record, S: ChartReader<T>> ChartReader<T> for Told<S> {
    async fn chart(&self, grant: &Grant<ReadChart<T>>) -> Result<ChartRows, AccessError> {
        self.store.chart(grant).await
    }
}

#[async_trait]
impl<S: AppointmentStore + 'static> AppointmentStore for Told<S> {
    async fn within(
        &self,
        grant: &Grant<List<Appointment>>,
        window: &AppointmentWindow,
        page: &PageRequest,
    ) -> Result<Rows<Appointment>, AccessError> {
        self.store.within(grant, window, page).await
    }
    async fn busy(
        &self,
        grant: &Grant<Read<Practitioner>>,
        interval: &Interval,
    ) -> Result<Vec<Interval>, AccessError> {
        self.store.busy(grant, interval).await
    }
}

#[async_trait]
impl<S: ReplyStore> ReplyStore for Told<S> {
    async fn remembered(
        &self,
        context: &RequestContext,
        key: [u8; 32],
    ) -> Result<Option<Remember>, AccessError> {
        self.store.remembered(context, key).await
    }
}
