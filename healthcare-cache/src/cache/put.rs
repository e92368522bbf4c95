/// What became of a value that was to be kept in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Put {
    /// It is kept.
    Stored,
    /// Something that it depends on was purged or barred since it was looked for: it is not kept.
    Stale,
    /// It is larger, or has more tags, than the cache lets one value have: it is not kept.
    TooLarge,
}
