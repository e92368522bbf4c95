//! The door.

use super::Frame;
use askama::Template;

/// A role of the demonstration, one button each.
#[derive(Debug, Clone)]
pub struct DemoRole {
    /// The role, as the form sends it.
    pub role: String,
    /// The role, to read.
    pub name: String,
    /// What it may see and do, in the policy's words.
    pub about: String,
}

/// A clinic of the demonstration.
#[derive(Debug, Clone)]
pub struct DemoDoor {
    /// Its short name.
    pub slug: &'static str,
    /// Its name.
    pub name: &'static str,
    /// Those who meet first.
    pub first: Vec<DemoRole>,
    /// Everybody else.
    pub others: Vec<DemoRole>,
}

/// The sign-in page.
#[derive(Debug, Template)]
#[template(path = "sign_in.html")]
pub struct SignInPage {
    /// Around it.
    pub frame: Frame,
    /// Why the last attempt failed.
    pub problem: Option<String>,
    /// One button for each role, in a demonstration.
    pub doors: Vec<DemoDoor>,
}
