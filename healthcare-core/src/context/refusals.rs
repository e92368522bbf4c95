//! Refusals of callers nobody knows: counted, so that forged tokens cannot fill the log.

use crate::{Action, Actor, Ask, AuditEvent, AuditEventId, ClinicId, CorrelationId, ErrorCode, Outcome};
use jiff::Timestamp;
use std::{
    borrow::Cow,
    sync::{Mutex, PoisonError},
    time::Duration,
};
use uuid::Uuid;

/// How long refusals of one kind are counted before they are recorded as one.
const WINDOW: Duration = Duration::from_secs(60);

/// Counts refusals by their code. The first of a window is recorded at once, the rest of it as one number, so that there are at
/// most two records a minute for each code, of which the catalogue has few.
#[derive(Debug, Default)]
pub(crate) struct Refusals(Mutex<Vec<Counted>>);

#[derive(Debug)]
struct Counted {
    code: ErrorCode,
    since: Duration,
    more: u32,
}

impl Refusals {
    /// Counts one refusal, and says what is to be recorded now.
    pub(crate) fn count(&self, code: ErrorCode, now: Duration) -> Vec<(ErrorCode, u32)> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut due = take_due(&mut all, now);
        match all.iter_mut().find(|counted| counted.code == code) {
            Some(counted) => counted.more = counted.more.saturating_add(1),
            None => {
                all.push(Counted { code, since: now, more: 0 });
                due.push((code, 1));
            }
        }
        due
    }

    /// What is still counted and not recorded, however young. For the end of a process.
    pub(crate) fn drain(&self) -> Vec<(ErrorCode, u32)> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.drain(..).filter(|counted| counted.more > 0).map(|counted| (counted.code, counted.more)).collect()
    }
}

fn take_due(all: &mut Vec<Counted>, now: Duration) -> Vec<(ErrorCode, u32)> {
    let over = |counted: &mut Counted| now.saturating_sub(counted.since) >= WINDOW;
    all.extract_if(.., over)
        .filter(|counted| counted.more > 0)
        .map(|counted| (counted.code, counted.more))
        .collect()
}

/// The record of refusals. They belong to no clinic: its id is nil.
pub(crate) fn event(at: Timestamp, (code, count): (ErrorCode, u32)) -> AuditEvent {
    let id = AuditEventId { correlation: CorrelationId::random(), number: 0 };
    let ask = Ask { action: Action::Enter, kind: Cow::Borrowed("session"), target: None, subject: None };
    let outcome = Outcome::Refused { code: Cow::Borrowed(code.as_str()), count };
    AuditEvent::of_actor(id, at, Actor::Anonymous, ClinicId::from_uuid(Uuid::nil()), ask, outcome)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_two_records_a_minute() {
        let refusals = Refusals::default();
        let mut recorded = Vec::new();
        for second in 0..180 {
            for _ in 0..1000 {
                recorded.extend(refusals.count(ErrorCode::TokenInvalid, Duration::from_secs(second)));
            }
        }
        recorded.extend(refusals.drain());
        assert_eq!(recorded.len(), 6, "{recorded:?}");
        assert_eq!(recorded.iter().map(|(_, count)| count).sum::<u32>(), 180_000, "none is uncounted");
    }

    #[test]
    fn codes_are_counted_apart_and_quiet_ones_are_not_repeated() {
        let refusals = Refusals::default();
        let at = Duration::from_secs;
        assert_eq!(refusals.count(ErrorCode::TokenInvalid, at(0)), [(ErrorCode::TokenInvalid, 1)]);
        assert_eq!(refusals.count(ErrorCode::TokenExpired, at(1)), [(ErrorCode::TokenExpired, 1)]);
        assert!(refusals.count(ErrorCode::TokenExpired, at(2)).is_empty());
        let later = refusals.count(ErrorCode::TokenInvalid, at(100));
        assert_eq!(later, [(ErrorCode::TokenExpired, 1), (ErrorCode::TokenInvalid, 1)]);
        assert!(refusals.drain().is_empty());
    }
}
