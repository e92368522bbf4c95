//! Reading events back, newest first.

use crate::{
    BodyCipher, ReadError, Reconciler, Reconciliation,
    cipher::body_context,
    frame::Frame,
    log::{Archive, FileArchive},
};
use healthcare_core::{Action, AuditEvent, AuditEventId, ClinicId, CorrelationId, Outcome, UserId};
use jiff::{SignedDuration, Timestamp};
use std::{borrow::Cow, path::Path, sync::Arc};
use uuid::Uuid;

/// Most entries on one page.
const MAX_PAGE: usize = 1_000;
/// Bytes of log looked at for one page, unless told otherwise.
const BUDGET: u64 = 256 << 20;
/// How far a clock may be set back without hiding entries from whoever looks for a period.
const CLOCK_SLACK: SignedDuration = SignedDuration::from_hours(24);

/// Which events of a clinic are wanted.
#[derive(Debug, Clone)]
pub struct Query {
    clinic: ClinicId,
    subject: Option<Uuid>,
    user: Option<UserId>,
    action: Option<Action>,
    kind: Option<Cow<'static, str>>,
    outcome: Option<OutcomeClass>,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    before: u64,
    limit: usize,
    budget: u64,
}

healthcare_core::code_enum! {
    /// What came of an event, in three words.
    pub enum OutcomeClass {
        /// Something was given, written or let in.
        Given = "given",
        /// Somebody was refused, or a sign-in failed.
        Refused = "refused",
        /// Neither: nothing was there, a grant was dropped, somebody signed out.
        Other = "other",
    }
}

impl OutcomeClass {
    /// The class of an outcome.
    #[must_use]
    pub fn of(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Allowed | Outcome::Disclosed { .. } | Outcome::Written { .. } => Self::Given,
            Outcome::Denied(_) | Outcome::Withheld | Outcome::Refused { .. } => Self::Refused,
            Outcome::Noted(code) if code == "signed-in" => Self::Given,
            Outcome::Noted(code) if REFUSALS.iter().any(|end| code.ends_with(end)) => Self::Refused,
            _ => Self::Other,
        }
    }
}

/// How the codes of what is noted end when somebody was kept out.
const REFUSALS: [&str; 3] = ["-failed", "-refused", "-reuse"];

impl Query {
    /// The latest events of a clinic.
    #[must_use]
    pub const fn new(clinic: ClinicId) -> Self {
        Self {
            clinic,
            subject: None,
            user: None,
            action: None,
            kind: None,
            outcome: None,
            from: None,
            to: None,
            before: u64::MAX,
            limit: 100,
            budget: BUDGET,
        }
    }

    /// Only what concerns this person: asked about, or among those disclosed.
    #[must_use]
    pub const fn subject(mut self, subject: Uuid) -> Self {
        self.subject = Some(subject);
        self
    }

    /// Only what this user did.
    #[must_use]
    pub const fn user(mut self, user: UserId) -> Self {
        self.user = Some(user);
        self
    }

    /// Only where this was done.
    #[must_use]
    pub const fn action(mut self, action: Action) -> Self {
        self.action = Some(action);
        self
    }

    /// Only with this kind of record.
    #[must_use]
    pub fn kind(mut self, kind: impl Into<Cow<'static, str>>) -> Self {
        self.kind = Some(kind.into());
        self
    }

    /// Only what came out so.
    #[must_use]
    pub const fn outcome(mut self, outcome: OutcomeClass) -> Self {
        self.outcome = Some(outcome);
        self
    }

    /// Only what happened at `from` or later.
    #[must_use]
    pub const fn from(mut self, from: Timestamp) -> Self {
        self.from = Some(from);
        self
    }

    /// Only what happened before `to`.
    #[must_use]
    pub const fn to(mut self, to: Timestamp) -> Self {
        self.to = Some(to);
        self
    }

    /// Only entries before this one: [`Page::next`] of the page before.
    #[must_use]
    pub const fn before(mut self, sequence: u64) -> Self {
        self.before = sequence;
        self
    }

    /// Most entries on the page (default 100, at most 1,000).
    #[must_use]
    pub const fn limit(mut self, limit: usize) -> Self {
        self.limit = if limit > MAX_PAGE { MAX_PAGE } else { limit };
        self
    }

    /// Most bytes of the log to look at for this page (default 256 MiB). A page may come back short, or empty, with more to follow.
    #[must_use]
    pub const fn budget(mut self, bytes: u64) -> Self {
        self.budget = bytes;
        self
    }

    fn is_narrowed(&self) -> bool {
        let who = self.subject.is_some() || self.user.is_some();
        let what = self.action.is_some() || self.kind.is_some() || self.outcome.is_some();
        who || what || self.from.is_some() || self.to.is_some()
    }

    fn wants(&self, event: &AuditEvent) -> bool {
        self.user.is_none_or(|user| event.actor.user() == Some(user))
            && self.action.is_none_or(|action| event.ask.action == action)
            && self.kind.as_ref().is_none_or(|kind| event.ask.kind == *kind)
            && self.outcome.is_none_or(|class| OutcomeClass::of(&event.outcome) == class)
            && self.from.is_none_or(|from| event.at >= from)
            && self.to.is_none_or(|to| event.at < to)
            && self.subject.is_none_or(|subject| concerns(event, subject))
    }
}

fn concerns(event: &AuditEvent, subject: Uuid) -> bool {
    let disclosed = |subjects: &[Uuid]| subjects.contains(&subject);
    event.ask.subject == Some(subject)
        || event.ask.target == Some(subject)
        || matches!(&event.outcome, Outcome::Disclosed { subjects, .. } | Outcome::Written { subjects, .. } if disclosed(subjects))
}

/// An entry that was read back.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Entry {
    /// Its place in the log.
    pub sequence: u64,
    /// The epoch it was written in.
    pub epoch: u64,
    /// When it was written, by the writer's clock.
    pub written: Timestamp,
    /// The event's identity.
    pub id: AuditEventId,
    /// The event; nothing when its body does not open (the key is gone or not loaded, or the body was changed).
    pub event: Option<AuditEvent>,
}

/// Entries, newest first.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Page {
    /// The entries.
    pub entries: Vec<Entry>,
    /// Where the next page begins ([`Query::before`]); nothing when there is no more.
    pub next: Option<u64>,
}

pub(crate) fn page(archive: &dyn Archive, cipher: &dyn BodyCipher, query: &Query) -> Result<Page, ReadError> {
    let mut entries = Vec::new();
    if query.limit == 0 {
        return Ok(Page { entries, next: Some(query.before) });
    }
    let narrowed = query.is_narrowed();
    let mut is_past = false;
    let next = archive.newest(query.clinic.as_uuid(), query.before, query.budget, &mut |frame| {
        let entry = open(frame, cipher);
        // What was written before the period began did not happen in it. Nor did anything before that, but for a clock that was
        // set back meanwhile: by less than this, it hides nothing.
        if query.from.is_some_and(|from| entry.written < from) {
            let long_before = |from: Timestamp| from.checked_sub(CLOCK_SLACK).unwrap_or(Timestamp::MIN);
            is_past = query.from.is_some_and(|from| entry.written < long_before(from));
            return is_past;
        }
        if entry.event.as_ref().map_or(!narrowed, |event| query.wants(event)) {
            entries.push(entry);
        }
        entries.len() >= query.limit
    })?;
    Ok(Page { entries, next: next.filter(|_| !is_past) })
}

/// Opens an entry's body.
pub(crate) fn open(frame: &Frame<'_>, cipher: &dyn BodyCipher) -> Entry {
    let clinic = ClinicId::from_uuid(frame.head.clinic);
    let id = AuditEventId {
        correlation: CorrelationId::from_uuid(frame.head.correlation),
        number: frame.head.number,
    };
    let plain = cipher.open(clinic, &body_context(clinic, id), frame.body).ok();
    Entry {
        sequence: frame.head.sequence,
        epoch: frame.head.epoch,
        written: Timestamp::from_microsecond(frame.head.written).unwrap_or(Timestamp::UNIX_EPOCH),
        id,
        event: plain.and_then(|plain| serde_json::from_slice(&plain).ok()),
    }
}

/// Reads a log on files without writing to it, also while another process does.
#[derive(Debug)]
pub struct AuditReader {
    archive: Box<dyn Archive>,
    cipher: Arc<dyn BodyCipher>,
}

impl AuditReader {
    /// A reader of the log in `dir`. What is written after it was made is not seen.
    ///
    /// # Errors
    /// [`ReadError::Io`] when the directory cannot be listed.
    pub fn directory(dir: impl AsRef<Path>, cipher: Arc<dyn BodyCipher>) -> Result<Self, ReadError> {
        let archive = FileArchive::read_only(dir.as_ref())?;
        Ok(Self { archive: Box::new(archive), cipher })
    }

    /// The events of a clinic that match, newest first.
    ///
    /// # Errors
    /// [`ReadError`] when the log cannot be read.
    pub fn read(&self, query: &Query) -> Result<Page, ReadError> {
        page(&*self.archive, &*self.cipher, query)
    }

    /// Matches the decisions of a clinic with what came of them.
    ///
    /// # Errors
    /// [`ReadError`] when the log cannot be read.
    pub fn reconcile(&self, clinic: ClinicId) -> Result<Reconciliation, ReadError> {
        reconcile(&*self.archive, &*self.cipher, clinic)
    }
}

/// Goes through the events of a clinic, newest first, until all were seen or there is no room for more decisions.
pub(crate) fn reconcile(
    archive: &dyn Archive,
    cipher: &dyn BodyCipher,
    clinic: ClinicId,
) -> Result<Reconciliation, ReadError> {
    let mut reconciler = Reconciler::default();
    archive.newest(clinic.as_uuid(), u64::MAX, u64::MAX, &mut |frame| {
        match open(frame, cipher).event {
            Some(event) => reconciler.add(&event),
            None => reconciler.add_unreadable(),
        }
        reconciler.is_full()
    })?;
    Ok(reconciler.finish())
}
