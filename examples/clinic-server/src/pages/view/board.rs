//! The day's appointments.

use super::{Frame, Shown};
use askama::Template;

/// The day, and its neighbours.
#[derive(Debug, Clone)]
pub struct BoardDay {
    /// `2026-03-09`
    pub iso: String,
    /// In words.
    pub words: String,
    /// The day before.
    pub before: String,
    /// The day after.
    pub after: String,
    /// Whether it is today.
    pub is_today: bool,
}

/// Something to choose in a list.
#[derive(Debug, Clone)]
pub struct Choice {
    /// What the form sends.
    pub value: String,
    /// What it says.
    pub label: String,
    /// Whether it is chosen.
    pub chosen: bool,
}

/// What can be done with an appointment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StepButton {
    /// The step.
    pub step: &'static str,
    /// What the button says.
    pub label: &'static str,
}

/// One appointment on the board.
#[derive(Debug, Clone)]
pub struct BoardRow {
    /// Its id.
    pub id: String,
    /// The version that is shown: a step on another one is refused.
    pub version: i64,
    /// With whom: the column it stands in.
    pub with: String,
    /// When it begins, in seconds since 1970: its place in the column.
    pub place: i64,
    /// From when, on the location's clocks.
    pub from: String,
    /// Until when.
    pub until: String,
    /// Whose it is.
    pub patient: Shown,
    /// Their chart, where the role reads charts.
    pub chart: Option<String>,
    /// What for.
    pub service: Shown,
    /// What there is to say about it.
    pub note: Option<String>,
    /// Where it stands, in words.
    pub status: &'static str,
    /// `waiting`, `busy`, `over`, `off` or `open`.
    pub tone: &'static str,
    /// What comes next.
    pub next: Option<StepButton>,
    /// What else can be done.
    pub others: Vec<StepButton>,
    /// Whether it can be cancelled.
    pub may_cancel: bool,
}

impl BoardRow {
    fn has_steps(&self) -> bool {
        self.next.is_some() || !self.others.is_empty()
    }
}

/// One practitioner's day.
#[derive(Debug, Clone)]
pub struct BoardColumn {
    /// Whose, by their id.
    pub with: String,
    /// Whose.
    pub name: String,
    /// In the order of their start.
    pub rows: Vec<BoardRow>,
}

/// One row, for a board that is open: as it stands now.
#[derive(Debug, Template)]
#[template(path = "board_row.html")]
pub struct BoardRowPart {
    /// Around the board.
    pub frame: Frame,
    /// Which day the board shows.
    pub day: BoardDay,
    /// Of whom it shows it.
    pub with: String,
    /// The row.
    pub row: BoardRow,
}

/// The board.
#[derive(Debug, Template)]
#[template(path = "board.html")]
pub struct BoardPage {
    /// Around it.
    pub frame: Frame,
    /// Which day.
    pub day: BoardDay,
    /// Of whom it can be shown.
    pub colleagues: Vec<Choice>,
    /// Of whom it is shown: their id, or nothing for everybody.
    pub with: String,
    /// Why the last step was not taken.
    pub problem: Option<String>,
    /// What the role does not see of it.
    pub unseen: Vec<String>,
    /// Those who have appointments.
    pub columns: Vec<BoardColumn>,
    /// Those who have none.
    pub idle: Vec<String>,
    /// Where this page of a long day began, when it is not the first.
    pub after: String,
    /// Where the next page of a long day begins.
    pub more: Option<String>,
    /// The next day that has any, when this one has none.
    pub next_day: Option<(String, String)>,
    /// Whether the role books.
    pub may_book: bool,
}

impl BoardPage {
    /// The board's address on another day, for the same practitioner.
    fn on(&self, day: &str) -> String {
        if self.with.is_empty() {
            format!("/board?day={day}")
        } else {
            format!("/board?day={day}&with={}", self.with)
        }
    }
}
