//! What went wrong.

use super::Frame;
use askama::Template;

/// A page that says what went wrong.
#[derive(Debug, Template)]
#[template(path = "problem.html")]
pub struct ProblemPage {
    /// Around it.
    pub frame: Frame,
    /// In a few words.
    pub title: String,
    /// What to do.
    pub text: String,
    /// The code of the catalogue.
    pub code: String,
    /// The request's id.
    pub correlation: Option<String>,
}
