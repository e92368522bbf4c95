//! Texts that can hold nothing of a person.

use healthcare_core::{Clinic, Zone};
use jiff::{Timestamp, tz::TimeZone};
use std::fmt;

/// The most characters of a subject, with its values.
const SUBJECT_MAX: usize = 200;
/// The most bytes of a text, with its values.
const TEXT_MAX: usize = 16 * 1_024;
/// The most characters of a clinic's name that are shown.
const NAME_MAX: usize = 80;

/// A subject and a text with places for values: `{clinic}`, `{day}`, `{time}` and `{zone}`.
///
/// Both are texts of the program, so that nothing that is known at run time, a patient's name or the reason of a visit, can be part
/// of them.
///
/// ```
/// use healthcare_messaging::Template;
/// let reminder = Template::new("Your appointment on {day}", "You are expected at {clinic} on {day} at {time} ({zone}).\n")?;
/// assert!(Template::new("For {patient}", "…").is_err());
/// # drop(reminder);
/// # Ok::<(), healthcare_messaging::TemplateError>(())
/// ```
///
/// ```compile_fail
/// let name = String::from("Ada Lovelace");
/// let _ = healthcare_messaging::Template::new(&format!("Dear {name}"), "…"); // lives no shorter than the program
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Template {
    subject: &'static str,
    text: &'static str,
}

/// A template that cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TemplateError {
    /// It asks for a value that there is none of.
    #[error("a template knows {{clinic}}, {{day}}, {{time}} and {{zone}}, and no other value")]
    Unknown,
    /// Its subject is empty, or goes over a line's end.
    #[error("a subject is one line of visible text")]
    Subject,
    /// It is too long.
    #[error("a subject has at most 200 characters and a text at most 16 KiB")]
    Long,
}

impl Template {
    /// Checks a template.
    ///
    /// # Errors
    /// [`TemplateError`].
    pub fn new(subject: &'static str, text: &'static str) -> Result<Self, TemplateError> {
        if subject.trim().is_empty() || subject.chars().any(char::is_control) {
            return Err(TemplateError::Subject);
        }
        // Half of each is left for the values.
        if subject.chars().count() > SUBJECT_MAX / 2 || text.len() > TEXT_MAX / 2 {
            return Err(TemplateError::Long);
        }
        let known = |part: Result<Part, ()>| part.map(drop).map_err(|()| TemplateError::Unknown);
        parts(subject).chain(parts(text)).try_for_each(known)?;
        Ok(Self { subject, text })
    }

    /// Puts the values in.
    #[must_use]
    pub fn render(&self, values: &NoticeValues) -> NoticeText {
        let subject = fill(self.subject, values).chars().take(SUBJECT_MAX).collect();
        NoticeText { subject, text: fill(self.text, values) }
    }
}

enum Part {
    Text(&'static str),
    Value(Slot),
}

#[derive(Clone, Copy)]
enum Slot {
    Clinic,
    Day,
    Time,
    Zone,
}

/// The parts of a text; `Err` for a place of no known value, or one that is not closed.
fn parts(text: &'static str) -> impl Iterator<Item = Result<Part, ()>> {
    let mut pieces = text.split('{');
    let first = pieces.next().map(|text| Ok(Part::Text(text)));
    first.into_iter().chain(pieces.flat_map(|piece| {
        let Some((name, rest)) = piece.split_once('}') else { return vec![Err(())] };
        let slot = match name {
            "clinic" => Slot::Clinic,
            "day" => Slot::Day,
            "time" => Slot::Time,
            "zone" => Slot::Zone,
            _ => return vec![Err(())],
        };
        vec![Ok(Part::Value(slot)), Ok(Part::Text(rest))]
    }))
}

fn fill(text: &'static str, values: &NoticeValues) -> String {
    parts(text).filter_map(Result::ok).fold(String::new(), |mut all, part| {
        match part {
            Part::Text(text) => all.push_str(text),
            Part::Value(Slot::Clinic) => all.push_str(&values.clinic.0),
            Part::Value(Slot::Day) => all.push_str(&values.visit.day),
            Part::Value(Slot::Time) => all.push_str(&values.visit.time),
            Part::Value(Slot::Zone) => all.push_str(&values.visit.zone),
        }
        all
    })
}

/// What a clinic calls itself: from its record, and from nothing else.
///
/// ```compile_fail
/// let name = healthcare_messaging::ClinicName(String::from("Ada Lovelace"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClinicName(String);

impl ClinicName {
    /// The name in this record, on one line.
    #[must_use]
    pub fn of(clinic: &Clinic) -> Self {
        let one_line = clinic.name.chars().map(|c| if c.is_control() { ' ' } else { c });
        Self(one_line.take(NAME_MAX).collect::<String>().trim().to_owned())
    }
}

/// When a visit is, as the clocks show it there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VisitTime {
    day: String,
    time: String,
    zone: String,
}

impl VisitTime {
    /// This instant in this zone.
    ///
    /// ```
    /// use healthcare_messaging::{Template, VisitTime};
    /// let visit = VisitTime::new("2026-03-01T08:30:00Z".parse()?, &"Europe/Berlin".parse()?);
    /// assert_eq!(visit.to_string(), "Sunday, 1 March 2026, 09:30 (Europe/Berlin)");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn new(starts: Timestamp, zone: &Zone) -> Self {
        let there: TimeZone = zone.as_jiff().clone();
        let local = starts.to_zoned(there);
        Self {
            day: local.strftime("%A, %-d %B %Y").to_string(),
            time: local.strftime("%H:%M").to_string(),
            zone: zone.name().to_owned(),
        }
    }
}

impl fmt::Display for VisitTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {} ({})", self.day, self.time, self.zone)
    }
}

/// What a template may say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoticeValues {
    /// Who writes.
    pub clinic: ClinicName,
    /// When the visit is, or was to be.
    pub visit: VisitTime,
}

/// A subject and a text, ready to be sent: only a [`Template`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoticeText {
    subject: String,
    text: String,
}

impl NoticeText {
    /// The subject, one line.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }
}
