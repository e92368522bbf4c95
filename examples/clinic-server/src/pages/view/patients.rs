//! The search for patients.

use super::{Frame, Shown};
use askama::Template;

/// What was searched for, to fill the form again.
#[derive(Clone, Default)]
pub struct Asked {
    /// The beginning of family names.
    pub family: String,
    /// The beginning of given names.
    pub given: String,
    /// A date of birth.
    pub birth_date: String,
    /// A record number.
    pub record_number: String,
}

impl std::fmt::Debug for Asked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Asked(..)")
    }
}

/// One patient in a list.
#[derive(Debug, Clone)]
pub struct PatientRow {
    /// The record's id.
    pub id: String,
    /// The name.
    pub name: Shown,
    /// The date of birth.
    pub birth_date: Shown,
    /// The administrative sex.
    pub sex: Shown,
    /// The record number.
    pub record_number: Shown,
}

/// What a search found.
#[derive(Debug, Clone)]
pub struct Results {
    /// One page of patients.
    pub rows: Vec<PatientRow>,
    /// Where the next page begins.
    pub next: Option<String>,
}

/// The search page.
#[derive(Debug, Template)]
#[template(path = "patients.html")]
pub struct PatientsPage {
    /// Around it.
    pub frame: Frame,
    /// What was asked.
    pub asked: Asked,
    /// Why it could not be searched.
    pub problem: Option<String>,
    /// Whether the role reads charts.
    pub charts: bool,
    /// Whether the role books appointments.
    pub books: bool,
    /// What was found, when something was asked.
    pub results: Option<Results>,
}
