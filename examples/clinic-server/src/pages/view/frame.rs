//! What every page has around its content.

/// Which entry of the navigation a page belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    /// The day's appointments.
    Board,
    /// Booking.
    Booking,
    /// The patients.
    Patients,
    /// Emergency accesses.
    Emergencies,
    /// The queues.
    Queues,
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

/// One entry of the navigation. Only what the reader's role reaches is offered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NavLink {
    /// Where it leads.
    pub href: String,
    /// What it says.
    pub label: &'static str,
    /// Whether this page is there.
    pub current: bool,
}

/// What every page has around its content.
#[derive(Debug, Clone)]
pub struct Frame {
    /// Who is signed in.
    pub person: Option<PersonBadge>,
    /// Where they can go.
    pub links: Vec<NavLink>,
    /// The token of every form.
    pub csrf: String,
    /// Whether to say that this is a demonstration.
    pub demo: bool,
}
