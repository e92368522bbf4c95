//! Why a bundle is refused.

use super::Kind;

/// A bundle that is refused as a whole. It names positions and limits, never a value of the input.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BundleError {
    /// The file cannot be read.
    #[error("the file cannot be read: check that it exists and that this user may read it")]
    Io(#[source] std::io::Error),
    /// The file is larger than allowed.
    #[error("the file is larger than {0} bytes: split it into several bundles")]
    FileTooLarge(u64),
    /// The unpacked content is larger than allowed.
    #[error("the unpacked bundle is larger than {0} bytes: split it into several bundles")]
    BundleTooLarge(u64),
    /// The content begins like gzip and is not.
    #[error("the gzip stream is damaged or incomplete: copy the file again")]
    Gzip,
    /// The nesting is deeper than allowed.
    #[error("the JSON is nested deeper than {0} levels")]
    TooDeep(usize),
    /// The content is not JSON.
    #[error("not JSON, from line {line}, column {column}")]
    Json {
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
    },
    /// The content is JSON and not a bundle.
    #[error("not a FHIR R4 bundle: the outermost resourceType must be Bundle")]
    NotABundle,
    /// The bundle is of a type that does not carry resources to import.
    #[error("the bundle's type is not one of transaction, batch, collection, searchset or document")]
    BundleType,
    /// There are more entries than allowed.
    #[error("the bundle has more than {0} entries: split it")]
    TooManyEntries(usize),
    /// An entry is wrong.
    #[error("entry {position}{}: {problem}", .kind.map(|kind| format!(" ({kind})")).unwrap_or_default())]
    Entry {
        /// The entry's place in the bundle, from 1.
        position: usize,
        /// What it says it is, when that is known.
        kind: Option<Kind>,
        /// What is wrong with it.
        problem: Problem,
    },
}

/// What is wrong with an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// The entry is not an object with a resource.
    #[error("not an entry with a resource")]
    NotAnEntry,
    /// The resource is not as FHIR R4 describes its type.
    #[error("not as FHIR R4 describes it, from line {line}, column {column} of the resource")]
    Shape {
        /// The line within the resource, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
    },
    /// Nothing identifies the resource, so a second import could not recognise it.
    #[error("neither an id nor a fullUrl of the form urn:uuid:…")]
    NoIdentity,
}
