//! What pages show: values that a release gave, already turned into words. One file per page.

mod api_docs;
mod board;
mod booking;
mod break_glass;
mod chart;
mod frame;
mod jobs;
mod logger;
mod patients;
mod problem;
mod shown;
mod sign_in;

pub use api_docs::{ApiDocsPage, ApiOperation, ApiPart};
pub use board::{BoardColumn, BoardDay, BoardPage, BoardRow, BoardRowPart, Choice, StepButton};
pub use booking::{BookFor, BookingPage, TimeChoice, Times, TimesDay};
pub use break_glass::{
    BreakGlassPage, GlassAccess, GlassForm, GlassPage, GlassReportPage, GlassRow, OpenGlass,
};
pub use chart::{ChartPage, ChartPart, ChartPerson};
pub use frame::{Frame, NavLink, PersonBadge, Section};
pub use jobs::{CountLink, JobRow, JobsPage, QueueRow, StateChoice};
pub use logger::{LogEntry, LogFilters, LoggerPage, Verdict};
pub use patients::{Asked, PatientRow, PatientsPage, Results};
pub use problem::ProblemPage;
pub use shown::Shown;
pub use sign_in::{DemoDoor, DemoRole, SignInPage};
