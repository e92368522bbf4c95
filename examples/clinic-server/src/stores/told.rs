//! A store whose commits are told to others: the cache of relations forgets, the relay wakes.

use super::ReplyStore;
use async_trait::async_trait;
use healthcare_cache::{CacheNode, PurgingWriter};
use healthcare_core::{
    AccessError, Appointment, AppointmentStore, AppointmentWindow, Change, ChartReader, ChartRows, Committed,
    Criteria, Delete, Grant, Guard, Interval, List, PageRequest, Practitioner, Read, ReadChart, Reader,
    Record, Remember, RequestContext, Row, Rows, Search, Searcher, Update, Writer,
};
use healthcare_messaging::{Wake, WakingWriter};
use std::sync::Arc;

/// Reads as `S` does, and writes through the decorators of cache and relay.
#[derive(Debug)]
pub struct Told<S> {
    store: Arc<S>,
    writer: PurgingWriter<WakingWriter<ByRef<S>>>,
}

/// A shared store as a writer.
#[derive(Debug)]
struct ByRef<S>(Arc<S>);

#[async_trait]
impl<T: Record, S: Writer<T>> Writer<T> for ByRef<S> {
    async fn commit_guarded(&self, change: Change<T>, guard: &dyn Guard) -> Result<Committed, AccessError> {
        self.0.commit_guarded(change, guard).await
    }
}

impl<S> Told<S> {
    /// `store`, whose commits these are told of.
    pub fn new(store: Arc<S>, node: &CacheNode, wake: Wake) -> Self {
        let writer = PurgingWriter::new(WakingWriter::new(ByRef(Arc::clone(&store)), wake), node);
        Self { store, writer }
    }
}

#[async_trait]
impl<T: Record, S: Reader<T>> Reader<T> for Told<S> {
    async fn find(&self, grant: &Grant<Read<T>>) -> Result<Row<T>, AccessError> {
        self.store.find(grant).await
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
impl<S: AppointmentStore> AppointmentStore for Told<S> {
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
