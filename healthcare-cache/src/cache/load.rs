use super::entry::Cached;
use crate::report::Count;
use std::{fmt, time::Duration};
use uuid::Uuid;

/// What a load is given: it runs as a task of its own, so whatever else it needs (who asks, for which clinic, in which
/// trace) it is to take along itself.
pub struct Load<V> {
    pub(super) previous: Option<Cached<V>>,
    pub(super) is_refresh: bool,
}

impl<V> Load<V> {
    /// The value that is to be replaced, to ask the source only whether it changed. Never one that was purged.
    #[must_use]
    pub const fn previous(&self) -> Option<&Cached<V>> {
        self.previous.as_ref()
    }

    /// Whether nobody waits for it.
    #[must_use]
    pub const fn is_refresh(&self) -> bool {
        self.is_refresh
    }
}

impl<V> fmt::Debug for Load<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Load")
            .field("previous", &self.previous)
            .field("is_refresh", &self.is_refresh)
            .finish()
    }
}

/// What a load brings: the value, what else must be forgotten with it, and how long it is good for.
///
/// ```
/// use healthcare_cache::Loaded;
/// use std::time::Duration;
///
/// let bed = Loaded::new(12).tag("ward:3b").life(Duration::from_secs(60));
/// # let _: Loaded<u32> = bed;
/// ```
pub struct Loaded<V> {
    pub(super) what: What<V>,
    pub(super) life: Option<Duration>,
    pub(super) tags: Vec<String>,
    pub(super) subjects: Vec<Uuid>,
}

pub(super) enum What<V> {
    Value(V),
    Absent,
    NotModified,
}

impl<V> Loaded<V> {
    /// More tags and subjects than these on one value, and it is not kept.
    pub const TAGS_MAX: usize = 64;

    /// A value.
    #[must_use]
    pub const fn new(value: V) -> Self {
        Self { what: What::Value(value), life: None, tags: Vec::new(), subjects: Vec::new() }
    }

    /// There is none.
    #[must_use]
    pub const fn absent() -> Self {
        Self { what: What::Absent, life: None, tags: Vec::new(), subjects: Vec::new() }
    }

    /// [`Load::previous`] is still right: it lives on as if it had been loaded now, with its tags unless others are given.
    #[must_use]
    pub const fn not_modified() -> Self {
        Self { what: What::NotModified, life: None, tags: Vec::new(), subjects: Vec::new() }
    }

    /// Forgotten with `purge_tag` of its clinic. Holds nothing of a person; at most [`TAGS_MAX`](Self::TAGS_MAX).
    #[must_use]
    pub fn tag(mut self, tag: impl Into<String>) -> Self {
        self.tags.push(tag.into());
        self
    }

    /// Is about this person, or another subject, besides the one that its key knows: forgotten with `purge_subject`.
    #[must_use]
    pub fn about(mut self, subject: Uuid) -> Self {
        self.subjects.push(subject);
        self
    }

    /// Lives for this long, if that is shorter than its policy's life. Its other ages shrink in proportion.
    #[must_use]
    pub const fn life(mut self, life: Duration) -> Self {
        self.life = Some(life);
        self
    }
}

impl<V> Loaded<V> {
    /// What a load that brought this counts.
    pub(super) const fn counted(&self) -> Count {
        match self.what {
            What::Value(_) => Count::Loaded,
            What::Absent => Count::LoadedAbsent,
            What::NotModified => Count::LoadedUnchanged,
        }
    }
}

impl<V> From<V> for Loaded<V> {
    fn from(value: V) -> Self {
        Self::new(value)
    }
}

/// Shows nothing of the value.
impl<V> fmt::Debug for Loaded<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loaded")
            .field("life", &self.life)
            .field("tags", &self.tags.len())
            .field("subjects", &self.subjects.len())
            .finish_non_exhaustive()
    }
}
