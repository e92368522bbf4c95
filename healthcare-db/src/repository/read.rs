//! Reading, searching, charts.

use super::{page, rows::Reading, select::Select, store::SqlStore};
use async_trait::async_trait;
use healthcare_core::{
    Access, AccessError, ChartReader, ChartRows, Criteria, Delete, Entry, Grant, List, PageRequest, Read,
    ReadChart, Reader, Record, Row, Rows, ScopeKeys, Search, Searcher, Update,
};
use uuid::Uuid;

impl SqlStore {
    async fn one<A: Access>(&self, grant: &Grant<A>) -> Result<Row<A::Record>, AccessError> {
        let entry = self.door.enter(grant)?;
        let mut select = Select::of::<A::Record>(entry.rows())?;
        select.and_id(entry.target().unwrap_or_default());
        let keys = self.keys(entry.scope()).await?;
        let rows = self.fetch(&entry, select).await?;
        let reading = Reading { door: &self.door, keys: &keys, entry: &entry };
        Ok(Row::of(reading.sealed(rows)?.into_iter().next()))
    }

    pub(super) async fn fetch(
        &self,
        entry: &Entry<'_>,
        select: Select,
    ) -> Result<Vec<crate::Row>, AccessError> {
        let (text, values) = select.build()?;
        let mut transaction = self.database.read(entry.scope()).await?;
        Ok(transaction.fetch_all(&text, values).await?)
    }

    /// The page of rows of a query that asked for one row more than the page has.
    pub(super) fn cut<T: Record>(
        &self,
        (keys, entry): (&ScopeKeys, &Entry<'_>),
        mut rows: Vec<crate::Row>,
        page: &PageRequest,
        (query, place): (&[u8], impl Fn(&crate::Row) -> Result<Vec<u8>, AccessError>),
    ) -> Result<Rows<T>, AccessError> {
        let limit = page.limit() as usize;
        let more = rows.len() > limit;
        rows.truncate(limit);
        let last = rows.last().filter(|_| more);
        let next =
            last.map(|row| Ok::<_, AccessError>(keys.seal_cursor(query, &place(row)?)?)).transpose()?;
        let reading = Reading { door: &self.door, keys, entry };
        Ok(Rows::page(reading.sealed(rows)?, next))
    }
}

pub(super) fn id_of(row: &crate::Row) -> Result<Vec<u8>, AccessError> {
    Ok(row.get::<Uuid>(0)?.as_bytes().to_vec())
}

/// A grant's filter, as a part of what a cursor is bound to.
pub(super) fn filter_of(entry: &Entry<'_>) -> Vec<u8> {
    format!("{:?} {:?}", entry.rows(), entry.subject()).into_bytes()
}

#[async_trait]
impl<T: Record> Reader<T> for SqlStore {
    async fn find(&self, grant: &Grant<Read<T>>) -> Result<Row<T>, AccessError> {
        self.one(grant).await
    }

    async fn find_for_update(&self, grant: &Grant<Update<T>>) -> Result<Row<T>, AccessError> {
        self.one(grant).await
    }

    async fn find_for_delete(&self, grant: &Grant<Delete<T>>) -> Result<Row<T>, AccessError> {
        self.one(grant).await
    }

    async fn list(&self, grant: &Grant<List<T>>, page: &PageRequest) -> Result<Rows<T>, AccessError> {
        let entry = self.door.enter(grant)?;
        let keys = self.keys(entry.scope()).await?;
        let query = page::query(&[b"list", T::KIND.as_bytes(), &filter_of(&entry)]);
        let mut select = Select::of::<T>(entry.rows())?;
        if let Some(subject) = entry.subject() {
            select.and_subject(subject);
        }
        if let Some(after) = page::after_id(&keys, &query, page)? {
            select.and_after(after);
        }
        select.order_by_id(page.limit() as usize + 1);
        let rows = self.fetch(&entry, select).await?;
        self.cut((&keys, &entry), rows, page, (&query, id_of))
    }
}

#[async_trait]
impl<T: Record> Searcher<T> for SqlStore {
    async fn search(
        &self,
        grant: &Grant<Search<T>>,
        criteria: &Criteria<T>,
        page: &PageRequest,
    ) -> Result<Rows<T>, AccessError> {
        let entry = self.door.enter(grant)?;
        let Some(terms) = criteria.terms() else { return Ok(Rows::last(Vec::new())) };
        let keys = self.keys(entry.scope()).await?;
        let tokens: Vec<_> = terms.iter().map(|term| keys.blind(T::KIND, term)).collect();
        let mut parts: Vec<&[u8]> = tokens.iter().map(|token| token.token.as_slice()).collect();
        let filter = filter_of(&entry);
        parts.extend([&b"search"[..], T::KIND.as_bytes(), &filter]);
        let query = page::query(&parts);
        let mut select = Select::of::<T>(entry.rows())?;
        if let Some(subject) = entry.subject() {
            select.and_subject(subject);
        }
        select.and_tokens(T::KIND, &tokens);
        select.order_by_found(page::after_id(&keys, &query, page)?, page.limit() as usize + 1);
        let rows = self.fetch(&entry, select).await?;
        self.cut((&keys, &entry), rows, page, (&query, id_of))
    }
}

#[async_trait]
impl<T: Record> ChartReader<T> for SqlStore {
    async fn chart(&self, grant: &Grant<ReadChart<T>>) -> Result<ChartRows, AccessError> {
        let entry = self.door.enter(grant)?;
        let keys = self.keys(entry.scope()).await?;
        let reading = Reading { door: &self.door, keys: &keys, entry: &entry };
        // One transaction, so that all kinds are of one moment.
        let mut transaction = self.database.read(entry.scope()).await?;
        let mut chart = ChartRows::new();
        for (text, collect) in &self.chart {
            let (text, values) = text(&entry)?.build()?;
            let rows = transaction.fetch_all(&text, values).await?;
            chart = collect(&reading, rows, chart)?;
        }
        Ok(chart)
    }
}
