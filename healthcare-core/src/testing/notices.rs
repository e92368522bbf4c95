//! The suite of those who see to it that patients are told.

use crate::{ClinicId, Id, Notice, NoticeKind, PatientNotices, ReminderChange};
use jiff::Timestamp;

fn notice(kind: NoticeKind, (clinic, appointment, version): (ClinicId, uuid::Uuid, i64)) -> Notice {
    let appointment = Id::from_uuid(appointment);
    Notice { kind, clinic, appointment, version, occurred: Timestamp::UNIX_EPOCH }
}

/// What is asked twice is done once, and what differs in anything is done for itself. `waiting` says how many are to be done.
///
/// # Panics
/// When the implementation breaks its contract.
pub async fn notices(
    notices: &dyn PatientNotices,
    (clinic, other): (ClinicId, ClinicId),
    waiting: impl AsyncFn() -> usize,
) {
    let appointment = uuid::Uuid::now_v7();
    let booked = notice(NoticeKind::Booked, (clinic, appointment, 1));
    for (asked, all) in [
        (booked, 1),
        (booked, 1),
        (notice(NoticeKind::Rescheduled, (clinic, appointment, 2)), 2),
        (notice(NoticeKind::Rescheduled, (clinic, appointment, 3)), 3),
        (notice(NoticeKind::Cancelled, (clinic, appointment, 3)), 4),
        (notice(NoticeKind::Booked, (clinic, uuid::Uuid::now_v7(), 1)), 5),
        (notice(NoticeKind::Booked, (other, appointment, 1)), 6),
        (Notice { occurred: Timestamp::MAX, ..booked }, 6),
    ] {
        notices.notify(&asked).await.expect("it is taken");
        assert_eq!(waiting().await, all, "{asked:?}");
    }
    let Notice { clinic, appointment, version, occurred, .. } = booked;
    let change = ReminderChange { clinic, appointment, version, occurred, minutes_before: 60 };
    for (asked, all) in [
        (change, 7),
        (change, 7),
        (ReminderChange { version: 2, ..change }, 8),
        (ReminderChange { clinic: other, ..change }, 9),
    ] {
        notices.follow(&asked).await.expect("it is taken");
        assert_eq!(waiting().await, all, "{asked:?}");
    }
}
