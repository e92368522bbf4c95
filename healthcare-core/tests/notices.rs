//! Notification and reminder: of what patients are to be told, and that somebody is asked to see to it.
#![cfg(all(feature = "testing", feature = "appointment"))]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

use healthcare_core::{
    AppointmentPlugin as _, ClinicId, CorrelationId, DomainEvent, MemoryNotices, NoticeKind, Notification,
    Plugins, Reminder, Step, testing,
};
use serde_json::json;
use std::sync::Arc;
use uuid::Uuid;

fn event(clinic: ClinicId, kind: &str, version: i64) -> DomainEvent {
    let text = json!({
        "id": Uuid::now_v7(),
        "kind": kind,
        "schema": 1,
        "clinic": clinic,
        "aggregate_kind": "appointment",
        "aggregate_id": Uuid::from_u128(7),
        "aggregate_version": version,
        "occurred": "2026-03-02T12:00:00Z",
        "correlation": CorrelationId::random(),
    });
    serde_json::from_value(text).unwrap()
}

struct House {
    clinic: ClinicId,
    notices: MemoryNotices,
    plugins: Plugins,
}

impl House {
    fn new(settings: &str) -> Self {
        let (clinic, notices) = (ClinicId::random(), MemoryNotices::default());
        let asked = || Arc::new(notices.clone());
        let plugins =
            Plugins::builder().with(Reminder::new(asked())).with(Notification::new(asked())).build();
        plugins.configure(clinic, settings).unwrap();
        Self { clinic, notices, plugins }
    }

    /// Tells the plugins of every event there is, the first as version 1.
    async fn hear_all(&self) {
        let steps = Step::ALL.iter().map(|step| step.event());
        let kinds =
            ["appointment.booked", "appointment.held", "appointment.updated"].into_iter().chain(steps);
        for (kind, version) in kinds.zip(1..) {
            self.plugins.notify(&event(self.clinic, kind, version)).await.unwrap();
        }
    }

    fn told(&self) -> Vec<NoticeKind> {
        self.notices.notices().iter().map(|notice| notice.kind).collect()
    }
}

#[tokio::test]
async fn notices_in_memory() {
    let notices = MemoryNotices::default();
    let waiting = async || notices.notices().len() + notices.changes().len();
    testing::notices(&notices, (ClinicId::random(), ClinicId::random()), waiting).await;
}

#[tokio::test]
async fn patients_are_told_of_three_things() {
    let house = House::new(r#"{"notification": {}}"#);
    house.hear_all().await;
    assert_eq!(house.told(), [NoticeKind::Booked, NoticeKind::Cancelled, NoticeKind::Rescheduled]);
    let first = house.notices.notices()[0];
    assert_eq!(
        (first.clinic, first.appointment.as_uuid(), first.version),
        (house.clinic, Uuid::from_u128(7), 1)
    );
    assert_eq!(first.occurred.to_string(), "2026-03-02T12:00:00Z");
    assert!(house.notices.changes().is_empty(), "reminders are not switched on");
}

#[tokio::test]
async fn a_clinic_chooses_of_what() {
    let house = House::new(r#"{"notification": {"booked": false, "cancelled": true}}"#);
    house.hear_all().await;
    assert_eq!(house.told(), [NoticeKind::Cancelled, NoticeKind::Rescheduled]);
    let off = House::new("{}");
    off.hear_all().await;
    assert!(off.told().is_empty() && off.notices.changes().is_empty());
}

#[tokio::test]
async fn a_reminder_follows_what_moves_or_ends_an_appointment() {
    let house = House::new(r#"{"reminder": {"minutes_before": 90}}"#);
    house.hear_all().await;
    let versions: Vec<_> = house.notices.changes().iter().map(|change| change.version).collect();
    assert_eq!(versions, [1, 8, 9], "booked, cancelled, rescheduled");
    assert!(house.notices.changes().iter().all(|change| change.minutes_before == 90));
    assert!(house.told().is_empty(), "notifications are not switched on");
}

#[tokio::test]
async fn an_event_that_comes_again_asks_for_nothing_new() {
    let house = House::new(r#"{"notification": {}, "reminder": {}}"#);
    house.hear_all().await;
    let before = (house.notices.notices(), house.notices.changes());
    house.hear_all().await;
    assert_eq!((house.notices.notices(), house.notices.changes()), before);
    assert_eq!(before.1[0].minutes_before, 24 * 60, "a day unless said otherwise");
}

#[test]
fn settings_are_checked_when_they_are_loaded() {
    let notices = Arc::new(MemoryNotices::default());
    let reminder = Reminder::new(Arc::clone(&notices) as _);
    for (settings, good) in [
        (json!({}), true),
        (json!({"minutes_before": 15}), true),
        (json!({"minutes_before": 20_160}), true),
        (json!({"minutes_before": 14}), false),
        (json!({"minutes_before": 20_161}), false),
        (json!({"minutes_before": -1}), false),
        (json!({"hours_before": 24}), false),
    ] {
        assert_eq!(reminder.validate(&settings).is_ok(), good, "{settings}");
    }
    let notification = Notification::new(notices);
    for (settings, good) in
        [(json!({"booked": false}), true), (json!({"booked": "no"}), false), (json!({"moved": true}), false)]
    {
        assert_eq!(notification.validate(&settings).is_ok(), good, "{settings}");
    }
}
