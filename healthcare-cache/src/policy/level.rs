/// How much harm the value does in the wrong place. Decides where it may lie and how it is forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
#[non_exhaustive]
pub enum CacheLevel {
    /// Nothing about a person: opening hours, a catalogue. May be served stale when its policy says so.
    Standard,
    /// About a person. What is called expired is purged: it is never served again.
    #[default]
    Sensitive,
    /// What must not be seen a moment too long: consents, substance use, a blocked chart. Never served stale, whatever
    /// happens, and never anywhere but in memory.
    Restricted,
}
