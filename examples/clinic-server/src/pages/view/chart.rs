//! One patient's chart.

use super::{Frame, GlassForm, OpenGlass, Shown};
use askama::Template;

/// The person a chart is about.
#[derive(Debug, Clone)]
pub struct ChartPerson {
    /// The name.
    pub name: Shown,
    /// The date of birth.
    pub birth_date: Shown,
    /// The age in years, when the date of birth is shown.
    pub age: Option<String>,
    /// The administrative sex.
    pub sex: Shown,
    /// The record number.
    pub record_number: Shown,
    /// A telephone number.
    pub phone: Shown,
    /// An e-mail address.
    pub email: Shown,
    /// A postal address.
    pub address: Shown,
    /// Whether they died.
    pub deceased: bool,
}

/// One part of a chart: a table of one kind of record.
#[derive(Debug, Clone)]
pub struct ChartPart {
    /// The part's anchor.
    pub id: &'static str,
    /// Its heading.
    pub title: &'static str,
    /// What to say when there is nothing.
    pub nothing: &'static str,
    /// The headings of the columns.
    pub columns: &'static [&'static str],
    /// The rows, or nothing when the reader's role does not see this part.
    pub rows: Option<Vec<Vec<Shown>>>,
}

impl ChartPart {
    /// The most rows that are shown without asking.
    const ROWS_OPEN_MAX: usize = 25;

    /// A row's cells, each with its column's heading.
    fn cells<'c>(&'c self, row: &'c [Shown]) -> impl Iterator<Item = (&'static str, &'c Shown)> {
        self.columns.iter().copied().zip(row)
    }
    /// Whether something of it is not shown to this reader.
    pub(in crate::pages) fn hides(&self) -> bool {
        self.rows.as_ref().is_none_or(|rows| rows.iter().flatten().any(|cell| *cell == Shown::Hidden))
    }
    fn is_open(&self) -> bool {
        self.rows.as_ref().is_none_or(|rows| rows.len() <= Self::ROWS_OPEN_MAX)
    }
    /// Allergies that are known must not be overlooked.
    fn warns(&self) -> bool {
        self.id == "allergies" && self.rows.as_ref().is_some_and(|rows| !rows.is_empty())
    }
}

/// One patient's chart.
#[derive(Debug, Template)]
#[template(path = "chart.html")]
pub struct ChartPage {
    /// Around it.
    pub frame: Frame,
    /// Whose it is.
    pub person: ChartPerson,
    /// Its parts.
    pub parts: Vec<ChartPart>,
    /// That the reader has broken the glass for them.
    pub glass: Option<OpenGlass>,
    /// The form that breaks it, where something is hidden.
    pub form: Option<GlassForm>,
}
