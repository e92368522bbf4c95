//! What pages show: values that a release gave, already turned into words.

use askama::Template;

/// A value as a page shows it.
#[derive(Clone, PartialEq, Eq)]
pub enum Shown {
    /// Its text.
    Value(String),
    /// There is none.
    Absent,
    /// There may be one, and the reader's role does not see it.
    Hidden,
}

impl std::fmt::Debug for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Value(_) => "Value(..)",
            Self::Absent => "Absent",
            Self::Hidden => "Hidden",
        })
    }
}

impl From<Option<String>> for Shown {
    fn from(text: Option<String>) -> Self {
        text.filter(|text| !text.trim().is_empty()).map_or(Self::Absent, Self::Value)
    }
}

/// Which entry of the navigation a page belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    /// The patients.
    Patients,
    /// The audit log.
    Logger,
    /// None.
    Other,
}

/// Who is signed in, as the bar at the top names them.
#[derive(Debug, Clone)]
pub struct PersonBadge {
    /// The clinic's name.
    pub clinic: String,
    /// Their roles.
    pub roles: String,
}

/// What every page has around its content.
#[derive(Debug, Clone)]
pub struct Frame {
    /// Who is signed in.
    pub person: Option<PersonBadge>,
    /// The token of every form.
    pub csrf: String,
    /// Where in the navigation the page is.
    pub section: Section,
    /// Whether to say that this is a demonstration.
    pub demo: bool,
}

impl Frame {
    fn is_patients(&self) -> bool {
        self.section == Section::Patients
    }
    fn is_logger(&self) -> bool {
        self.section == Section::Logger
    }
}

/// The sign-in page.
#[derive(Debug, Template)]
#[template(path = "sign_in.html")]
pub struct SignInPage {
    /// Around it.
    pub frame: Frame,
    /// Why the last attempt failed.
    pub problem: Option<String>,
}

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
    /// What was found, when something was asked.
    pub results: Option<Results>,
}

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
}

/// What a verification found.
#[derive(Debug, Clone)]
pub struct Verdict {
    /// Whether every entry was in order.
    pub sound: bool,
    /// In words.
    pub text: String,
}

/// One entry of the audit log. It names people by id: the log holds no names.
#[derive(Debug, Clone)]
pub struct LogEntry {
    /// Its number in the log.
    pub number: String,
    /// When, RFC 3339.
    pub at: String,
    /// When, to read.
    pub time: String,
    /// Who.
    pub who: String,
    /// What was asked.
    pub what: String,
    /// Why.
    pub purpose: String,
    /// What came of it.
    pub outcome: String,
    /// `given`, `refused` or empty.
    pub tone: &'static str,
}

/// The page of the audit log.
#[derive(Debug, Template)]
#[template(path = "logger.html")]
pub struct LoggerPage {
    /// Around it.
    pub frame: Frame,
    /// What a verification found, when one was asked for.
    pub verdict: Option<Verdict>,
    /// The latest entries.
    pub entries: Vec<LogEntry>,
}

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
