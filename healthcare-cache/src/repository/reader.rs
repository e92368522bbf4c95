use super::RowKey;
use crate::{Cache, Loaded, Look};
use async_trait::async_trait;
use healthcare_core::{
    AccessError, Delete, Grant, Id, List, PageRequest, Read, Reader, Record, Row, Rows, Sealed, StorageDoor,
    Update,
};
use std::fmt;

/// A [`Reader`] that remembers the rows which single reads found, sealed as they came: whoever gets one from here still has to
/// release it, and the release checks it against the reader's own grant.
///
/// - Only [`find`](Reader::find) is answered from memory. What is to be changed or deleted is always read from `R`, and so are
///   lists.
/// - A row that is not there is not remembered: it may be there for somebody else's grant.
/// - When the grant's terms need a join ([`Grant::joins`]), nothing is taken from memory and nothing is kept.
///
/// In the shared tier ([`shared_rows`](crate::CacheBuilder::shared_rows)) rows lie under the clinic's key, not the person's: whoever destroys a
/// person's key purges the subject.
///
/// Rows are forgotten by a [`PurgingWriter`](super::PurgingWriter) on the same node. `R` must read from where that writer writes: a
/// replica that lags would bring old rows after the purge.
///
/// ```
/// use healthcare_cache::{CacheNode, CachePolicy, CachedReader, PurgingWriter, RowKey, TtlClass};
/// # use healthcare_core::{Reader, Record, StorageDoor};
/// # fn wire<T: Record, R: Reader<T>, W>(store: R, writer: W, door: StorageDoor)
/// # -> Result<(CachedReader<T, R>, PurgingWriter<W>), Box<dyn std::error::Error>> {
/// let node = CacheNode::new();
/// let rows = RowKey::<T>::cache(CachePolicy::of(TtlClass::Patient).build()?).node(&node).shared_rows(&door).build()?;
/// let reader = CachedReader::new(store, door, rows);
/// let writer = PurgingWriter::new(writer, &node);
/// # Ok((reader, writer))
/// # }
/// ```
pub struct CachedReader<T, R> {
    inner: R,
    door: StorageDoor,
    rows: Cache<RowKey<T>, Sealed<T>>,
}

impl<T: Record, R: Reader<T>> CachedReader<T, R> {
    /// `inner`, whose rows are remembered in `rows`; the door is that of `inner`.
    pub const fn new(inner: R, door: StorageDoor, rows: Cache<RowKey<T>, Sealed<T>>) -> Self {
        Self { inner, door, rows }
    }

    /// Where the rows are remembered.
    pub const fn cache(&self) -> &Cache<RowKey<T>, Sealed<T>> {
        &self.rows
    }
}

#[async_trait]
impl<T: Record, R: Reader<T>> Reader<T> for CachedReader<T, R> {
    async fn find(&self, grant: &Grant<Read<T>>) -> Result<Row<T>, AccessError> {
        // Refuses a foreign grant before anything is looked at.
        let target = self.door.enter(grant)?.target();
        let Some(id) = target.filter(|_| !grant.joins()) else { return self.inner.find(grant).await };
        let key = RowKey::new(grant.clinic(), Id::from_uuid(id));
        match self.rows.look_up(&key).await {
            Look::Hit(row) => Ok(Row::of(Some(Sealed::clone(&row)))),
            Look::Miss(vacancy) => {
                let row = self.inner.find(grant).await?;
                if let Some(sealed) = row.sealed().filter(|sealed| !sealed.is_joined()) {
                    let loaded = Loaded::new(sealed.clone());
                    let loaded = match sealed.subject() {
                        Some(subject) => loaded.about(subject),
                        None => loaded,
                    };
                    // Not being kept only costs the next one a query.
                    vacancy.keep(loaded).await;
                }
                Ok(row)
            }
        }
    }

    async fn find_for_update(&self, grant: &Grant<Update<T>>) -> Result<Row<T>, AccessError> {
        self.inner.find_for_update(grant).await
    }

    async fn find_for_delete(&self, grant: &Grant<Delete<T>>) -> Result<Row<T>, AccessError> {
        self.inner.find_for_delete(grant).await
    }

    async fn list(&self, grant: &Grant<List<T>>, page: &PageRequest) -> Result<Rows<T>, AccessError> {
        self.inner.list(grant, page).await
    }
}

impl<T: Record, R: fmt::Debug> fmt::Debug for CachedReader<T, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CachedReader")
            .field("inner", &self.inner)
            .field("rows", &self.rows)
            .finish_non_exhaustive()
    }
}
