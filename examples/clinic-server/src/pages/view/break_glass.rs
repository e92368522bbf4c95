//! Emergency access: on a chart, and for who reviews it.

use super::{Frame, Shown};
use askama::Template;

/// That the reader has broken the glass for the patient of a page.
#[derive(Debug, Clone)]
pub struct OpenGlass {
    /// Until when, to read.
    pub until: String,
    /// How long that is.
    pub left: String,
    /// The same in seconds: the page is loaded anew when it is over.
    pub seconds: i64,
}

/// The form that breaks the glass.
#[derive(Debug, Clone)]
pub struct GlassForm {
    /// The patient's id.
    pub patient: String,
    /// Why the last attempt failed.
    pub problem: Option<String>,
}

/// In the place of a chart that the reader's role does not show, and that they may see in an emergency.
#[derive(Debug, Template)]
#[template(path = "glass.html")]
pub struct GlassPage {
    /// Around it.
    pub frame: Frame,
    /// The form.
    pub form: GlassForm,
}

/// One emergency access. It names people by id.
#[derive(Debug, Clone)]
pub struct GlassRow {
    /// Its id.
    pub id: String,
    /// When it began, RFC 3339.
    pub at: String,
    /// When it began, to read.
    pub began: String,
    /// Who.
    pub who: String,
    /// The patient's id.
    pub patient: String,
    /// The end of it.
    pub whom: String,
    /// Why.
    pub reason: Shown,
    /// How it stands.
    pub state: String,
    /// Who has looked at it, and when.
    pub reviewed: Option<String>,
    /// Whether the reader may end it.
    pub ends: bool,
    /// Whether the reader may mark it as reviewed.
    pub reviews: bool,
}

/// The page of emergency accesses.
#[derive(Debug, Template)]
#[template(path = "break_glass.html")]
pub struct BreakGlassPage {
    /// Around it.
    pub frame: Frame,
    /// Whether the reader sees those of the whole clinic.
    pub clinic: bool,
    /// Whether only those that nobody has reviewed are shown.
    pub unreviewed: bool,
    /// They.
    pub rows: Vec<GlassRow>,
    /// Where the next page begins.
    pub next: Option<String>,
}

/// One access through a broken glass.
#[derive(Debug, Clone)]
pub struct GlassAccess {
    /// When, RFC 3339.
    pub at: String,
    /// When, to read.
    pub time: String,
    /// What was asked.
    pub what: String,
    /// What came of it.
    pub outcome: String,
}

/// The page of one emergency access, with what was read.
#[derive(Debug, Template)]
#[template(path = "break_glass_report.html")]
pub struct GlassReportPage {
    /// Around it.
    pub frame: Frame,
    /// It.
    pub glass: GlassRow,
    /// What was read, where the reader may read the audit log.
    pub accesses: Option<Vec<GlassAccess>>,
    /// Whether there is more in the log than is shown.
    pub more: bool,
}
