use super::{
    Loaded,
    fill::{Composed, Origin, loose},
    load::What,
    read::{Cache, Inner},
};
use crate::{CacheLevel, CacheNode, CachedAs, Filled, Put, Reach, node::Renewed};
use healthcare_core::ClinicId;
use uuid::Uuid;

/// Two verbs. What is *purged* is never served again, whatever happens: not as stale, not for fail-safe, not by a load that
/// was under way. What is *expired* counts as over, and may be served while, or because, a younger value cannot be had.
impl<K: CachedAs, V: Send + Sync + 'static> Cache<K, V> {
    /// Keeps a value that the caller knows to be the newest: it purges the key, so that no load under way replaces it.
    ///
    /// For what comes from a source use [`get_or_load`](Self::get_or_load): there, a purge of the subject or a tag between
    /// reading the source and keeping the value is noticed. Here, the value counts as read when this is called. Each call
    /// also forgets what shares the key's slot, one entry in 65,536 for each of its marks: not for values that change many
    /// times a second.
    ///
    /// With a shared tier it is kept there, where the order of all nodes' purges is known; memory takes it from there with
    /// the next read. A cache that keeps nothing there, and one that cannot reach it, then keeps nothing, as does one of the
    /// restricted level: [`Put::Stale`].
    pub async fn set(&self, key: &K, value: impl Into<Loaded<V>>) -> Put {
        let loaded = value.into();
        if matches!(loaded.what, What::NotModified) {
            return Put::Stale;
        }
        let inner = &*self.inner;
        let begun = inner.node.now();
        let Renewed { number, seen, .. } = inner.node.renew(key).await;
        let fence = inner.node.fence(key);
        if inner.node.is_joined() {
            return inner.set_beyond(key, Origin { fence, seen, begun }, loaded).await;
        }
        let origin = Origin { fence: fence.at(number), seen: None, begun };
        inner.fill(key, origin, loaded, None).map_or(Put::Stale, |(_, put)| put)
    }

    /// Lets a value count as over. Above [`CacheLevel::Standard`] it is purged instead.
    pub async fn expire(&self, key: &K) -> Reach {
        if self.inner.policy.level() > CacheLevel::Standard {
            self.purge(key).await
        } else {
            self.inner.node.expire_key(key).await
        }
    }

    /// Lets what has the tag count as over. Above [`CacheLevel::Standard`] it is purged instead.
    ///
    /// It reaches all caches of the node; those of a higher level purge only when they are asked themselves.
    pub async fn expire_tag(&self, clinic: ClinicId, tag: &str) -> Reach {
        if self.inner.policy.level() > CacheLevel::Standard {
            self.purge_tag(clinic, tag).await
        } else {
            self.inner.node.expire_tag(clinic, tag).await
        }
    }

    /// Forgets a value.
    pub async fn purge(&self, key: &K) -> Reach {
        let reach = self.inner.node.purge_key(key).await;
        self.inner.values.remove(key);
        self.inner.negatives.remove(key);
        reach
    }

    /// As [`CacheNode::purge_tag`], in all caches of the node.
    pub async fn purge_tag(&self, clinic: ClinicId, tag: &str) -> Reach {
        self.inner.node.purge_tag(clinic, tag).await
    }

    /// As [`CacheNode::purge_subject`], in all caches of the node.
    pub async fn purge_subject(&self, clinic: ClinicId, subject: Uuid) -> Reach {
        self.inner.node.purge_subject(clinic, subject).await
    }

    /// As [`CacheNode::purge_clinic`], in all caches of the node.
    pub async fn purge_clinic(&self, clinic: ClinicId) -> Reach {
        self.inner.node.purge_clinic(clinic).await
    }

    /// As [`CacheNode::purge_all`], in all caches of the node.
    pub async fn purge_all(&self) -> Reach {
        self.inner.node.purge_all().await
    }

    /// The node it belongs to.
    #[must_use]
    pub fn node(&self) -> &CacheNode {
        &self.inner.node
    }
}

impl<K: CachedAs, V: Send + Sync + 'static> Inner<K, V> {
    /// Puts a value into the shared tier, after its key was purged there.
    async fn set_beyond(&self, key: &K, origin: Origin, loaded: Loaded<V>) -> Put {
        let seen = origin.seen;
        let Ok(Composed::Value(draft, put)) = self.compose(key, origin, loaded, None) else {
            return Put::Stale;
        };
        let entry = loose(draft);
        if put == Put::TooLarge {
            return put;
        }
        let Some(seen) = seen.filter(|_| self.may_share(key, &entry, put)) else { return Put::Stale };
        match self.share(key, &entry, seen, None).await {
            Some(Filled::Stored) => Put::Stored,
            Some(Filled::TooLarge) => Put::TooLarge,
            _ => Put::Stale,
        }
    }
}
