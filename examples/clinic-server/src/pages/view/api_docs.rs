//! The API's description.

use super::Frame;
use askama::Template;

/// The API's description.
#[derive(Debug, Template)]
#[template(path = "api_docs.html")]
pub struct ApiDocsPage {
    /// Around it.
    pub frame: Frame,
    /// What holds for all of it.
    pub about: String,
    /// What can be asked.
    pub operations: Vec<ApiOperation>,
    /// The shapes of bodies by name, each with its fields.
    pub schemas: Vec<(String, Vec<ApiPart>)>,
}

/// One method of one address.
#[derive(Debug, Clone)]
pub struct ApiOperation {
    /// `GET`.
    pub method: String,
    /// The address, with names in the places of what varies.
    pub path: String,
    /// What it does, in a line.
    pub summary: String,
    /// And at length.
    pub about: String,
    /// What it takes besides a body.
    pub parameters: Vec<ApiPart>,
    /// The body's shape; empty for none.
    pub body: String,
    /// What it answers, by status.
    pub answers: Vec<ApiPart>,
}

/// A parameter, a field or an answer.
#[derive(Debug, Clone)]
pub struct ApiPart {
    /// Its name.
    pub name: String,
    /// Its shape.
    pub kind: String,
    /// What it is for.
    pub about: String,
}
