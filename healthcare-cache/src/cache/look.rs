use super::{
    Cached, Loaded,
    beyond::{Answer, Errand, Want},
    entry::Age,
    fill::{Found, Origin},
    load::What,
    read::{Cache, Glance, Inner},
};
use crate::{CachedAs, Put, Seen, node::Fence, report::Count};
use std::{fmt, sync::Arc, time::Duration};
use tokio::runtime::Handle;

/// What [`Cache::look_up`] found.
pub enum Look<K, V> {
    /// The value.
    Hit(Cached<V>),
    /// Nothing that may be served: what is loaded now is kept in this.
    Miss(Vacancy<K, V>),
}

/// A place for a value that is looked for now. It is older than the load, so that what is purged in the meantime is noticed.
///
/// Dropped without a value, nothing happened.
#[must_use = "what is loaded is kept with it"]
pub struct Vacancy<K, V> {
    inner: Arc<Inner<K, V>>,
    key: K,
    fence: Fence,
    seen: Option<Seen>,
    begun: Duration,
}

impl<K: CachedAs, V: Send + Sync + 'static> Cache<K, V> {
    /// The value, or a place for what the caller loads by itself: for loads that cannot be a task of their own, because they
    /// borrow what the caller holds. Wherever that is not so, [`get_or_load`](Self::get_or_load) is better: there one load serves all
    /// who ask, and old values can stand in for failed loads.
    ///
    /// A shared tier is asked as well; it gives no turns here, so several callers and several nodes may load the same at once.
    ///
    /// A purge that ends after this call began is noticed by [`Vacancy::keep`], however long the load takes.
    pub async fn look_up(&self, key: &K) -> Look<K, V> {
        let inner = &self.inner;
        // Before anything is looked at.
        let fence = inner.node.fence(key);
        let begun = inner.node.now();
        let mut found = inner.glance(key, begun);
        if inner.is_strict() {
            found = Box::pin(inner.confirm(key, found)).await;
        }
        inner.count_look(&found, begun);
        match found {
            Glance::Fresh(entry) => return Look::Hit(Cached::new(entry, false)),
            Glance::Aging(entry, age) => return Look::Hit(Cached::new(entry, age == Age::Stale)),
            Glance::Over(_) | Glance::Absent(_) | Glance::Nothing => {}
        }
        let answer =
            if inner.asks() { Box::pin(inner.seek(&[(key, &fence, Want::Any)])).await } else { None };
        if inner.asks() && answer.is_none() {
            inner.report.count(Count::SharedError);
        }
        let seen = match answer.and_then(|mut answers| answers.pop()) {
            Some(Answer::Found(Found::Value(entry, age))) => {
                return Look::Hit(Cached::new(entry, age > Age::Eager));
            }
            Some(Answer::Load(seen, _)) => seen,
            Some(Answer::Found(Found::Absent(_))) | None => None,
        };
        // It was not there a moment ago.
        let begun = inner.node.now();
        Look::Miss(Vacancy { inner: Arc::clone(inner), key: key.clone(), fence, seen, begun })
    }
}

impl<K: CachedAs, V: Send + Sync + 'static> Vacancy<K, V> {
    /// Keeps what was loaded since the look-up, unless something that it depends on was purged or barred meanwhile.
    pub async fn keep(self, value: impl Into<Loaded<V>>) -> Put {
        let Self { inner, key, fence, seen, begun } = self;
        let loaded = value.into();
        if matches!(loaded.what, What::NotModified) {
            return Put::Stale;
        }
        let Ok((found, put)) = inner.fill(&key, Origin { fence, seen, begun }, loaded, None) else {
            return Put::Stale;
        };
        let mut errand = Errand::new(inner, key);
        errand.keep(&found, seen, put);
        // The caller does not wait for the shared tier.
        if let Some(handle) = Handle::try_current().ok().filter(|_| errand.is_due()) {
            handle.spawn(errand.run());
        }
        put
    }
}

/// Shows nothing of the key and the value.
impl<K, V> fmt::Debug for Look<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hit(found) => f.debug_tuple("Hit").field(found).finish(),
            Self::Miss(vacancy) => f.debug_tuple("Miss").field(vacancy).finish(),
        }
    }
}

/// Shows nothing of the key.
impl<K, V> fmt::Debug for Vacancy<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vacancy").finish_non_exhaustive()
    }
}
