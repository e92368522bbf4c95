//! Why a policy does not load.

/// A policy that was not taken. The one in force stays in force.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// Something in the text is wrong.
    #[error("line {line}, column {column}: {problem}")]
    Text {
        /// The line, from 1.
        line: usize,
        /// The column in characters, from 1.
        column: usize,
        /// What is wrong and what would be right.
        problem: String,
    },
    /// The text is larger than 1 MiB.
    #[error("a policy is at most 1 MiB of text")]
    TooLarge,
    /// The schema cannot serve.
    #[error(transparent)]
    Schema(#[from] super::InvalidSchema),
    /// The file could not be read.
    #[error("the policy file could not be read")]
    File(#[source] std::io::Error),
}

impl PolicyError {
    /// An error at byte `at` of `text`.
    pub(super) fn at(text: &str, at: usize, problem: impl Into<String>) -> Self {
        let before = text.get(..at).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        Self::Text { line, column, problem: problem.into() }
    }
}
