//! Booking an appointment.

use super::{Asked, Choice, Frame, PatientRow, Shown};
use askama::Template;

/// Whom it is for.
#[derive(Debug, Clone)]
pub struct BookFor {
    /// The record's id.
    pub id: String,
    /// The name.
    pub name: Shown,
    /// The date of birth.
    pub born: Shown,
    /// Whether it is the reader themselves, who books for nobody else.
    pub own: bool,
}

/// A free time.
#[derive(Debug, Clone)]
pub struct TimeChoice {
    /// What the form sends: the instant and with whom.
    pub value: String,
    /// The wall time.
    pub label: String,
    /// The day and with whom, where that is not said around it.
    pub about: Option<String>,
}

/// One day's free times.
#[derive(Debug, Clone)]
pub struct TimesDay {
    /// The day in words.
    pub words: String,
    /// In order.
    pub times: Vec<TimeChoice>,
}

/// What was found free.
#[derive(Debug, Clone)]
pub struct Times {
    /// With whom and what for.
    pub about: String,
    /// By day; days without are left out.
    pub days: Vec<TimesDay>,
    /// The day after those that were looked at.
    pub later: String,
}

/// The page.
#[derive(Debug, Template)]
#[template(path = "booking.html")]
pub struct BookingPage {
    /// Around it.
    pub frame: Frame,
    /// Why it was not booked or could not be looked for.
    pub problem: Option<String>,
    /// Times instead of one that was taken.
    pub alternatives: Vec<TimeChoice>,
    /// Whom it is for, once that is known.
    pub patient: Option<BookFor>,
    /// What was searched for.
    pub asked: Asked,
    /// Who was found.
    pub found: Option<Vec<PatientRow>>,
    /// With whom.
    pub colleagues: Vec<Choice>,
    /// What for.
    pub offers: Vec<Choice>,
    /// From which day.
    pub day: String,
    /// What there is to say about it.
    pub note: String,
    /// Makes sure that a form that is sent twice books once.
    pub key: String,
    /// Free times, once asked for.
    pub times: Option<Times>,
}
