//! Patients are told of their appointments and reminded of them: from a booking to the message, by a clock that is moved.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod common;
mod told;

use common::Site;
use healthcare_core::{Clock as _, DomainEvent, Step};
use healthcare_messaging::{EmailFailure, JobFilter};
use std::time::Duration;
use told::{DAY, House, MINUTE};

on_both_databases!(
    a_booking_is_told_and_reminded_of,
    what_is_cancelled_is_told_and_not_reminded_of,
    what_has_moved_is_told_and_reminded_of_at_its_new_time,
    who_tells_reads_as_a_named_actor_what_it_needs,
    what_a_clinic_switches_on_later_holds_without_a_restart,
    two_changes_at_once_are_told_once_and_one_that_comes_back_again,
);

/// Who the patient may be, and what is known of the visit.
const NOTHING: [&str; 10] = [
    "Maribel",
    "Ashdown",
    "Tobias",
    "Brannigan",
    "Ximena",
    "Castellanos",
    "Pawe",
    "Dziedzic",
    "onsultation",
    "rash",
];

async fn a_booking_is_told_and_reminded_of(site: Site) {
    let mut house = House::open(&site).await;
    house.work().await;
    let id = house.book("10:00").await;
    let sent = house.sent(1).await;
    assert_eq!(sent[0].text.subject(), "Your appointment at Harbour Clinic");
    assert_eq!(sent[0].to.as_str(), "ada@patients.example");
    assert!(sent[0].text.text().contains(&house.shown("10:00")), "{}", sent[0].text.text());
    let nothing_of_the_patient = |text: &str| NOTHING.iter().all(|word| !text.contains(word));
    assert!(nothing_of_the_patient(sent[0].text.text()));
    // What becomes of it otherwise is nobody's news, and moves no reminder.
    house.step(id, Step::Confirm).await;
    house.settled().await;
    assert_eq!(house.email.sent().len(), 1);

    house.until_a_day_before("10:00").await;
    let sent = house.sent(2).await;
    assert_eq!(sent[1].text.subject(), "Reminder: your appointment at Harbour Clinic");
    assert!(
        sent[1].text.text().contains(&house.shown("10:00")) && nothing_of_the_patient(sent[1].text.text())
    );
    house.close().await;
}

async fn what_is_cancelled_is_told_and_not_reminded_of(site: Site) {
    let mut house = House::open(&site).await;
    house.work().await;
    let id = house.book("10:00").await;
    house.sent(1).await;
    house.step(id, Step::Cancel).await;
    let sent = house.sent(2).await;
    assert_eq!(sent[1].text.subject(), "Your appointment at Harbour Clinic is cancelled");
    house.until_count("reminder", "the reminder is cancelled", |count| count.cancelled == 1).await;
    house.until_a_day_before("10:00").await;
    house.settled().await;
    assert_eq!(house.email.sent().len(), 2, "a cancelled appointment is not reminded of");
    house.close().await;
}

async fn what_has_moved_is_told_and_reminded_of_at_its_new_time(site: Site) {
    let mut house = House::open(&site).await;
    house.work().await;
    let id = house.book("10:00").await;
    house.sent(1).await;
    house.move_to(id, "15:00").await;
    let sent = house.sent(2).await;
    assert_eq!(sent[1].text.subject(), "Your appointment at Harbour Clinic has a new time");
    assert!(sent[1].text.text().contains(&house.shown("15:00")));
    // The reminder of a time that is no more finds that out itself.
    house.until_a_day_before("10:00").await;
    house
        .until_count("reminder", "the first time has passed", |count| count.done == 3 && count.delayed == 1)
        .await;
    house.settled().await;
    assert_eq!(house.email.sent().len(), 2, "nobody is reminded of a time that is no more");
    house.until_a_day_before("15:00").await;
    let sent = house.sent(3).await;
    house.settled().await;
    assert_eq!(house.email.sent().len(), 3, "one reminder, not one for each time it had");
    assert!(sent[2].text.text().contains(&house.shown("15:00")), "{}", sent[2].text.text());
    house.close().await;
}

async fn who_tells_reads_as_a_named_actor_what_it_needs(site: Site) {
    let mut house = House::open(&site).await;
    house.work().await;
    house.book("10:00").await;
    house.sent(1).await;
    house.settled().await;
    let read = house.read_by("email");
    for kind in ["appointment", "clinic", "patient"] {
        assert!(read.iter().any(|of| of == kind), "{kind}: {read:?}");
    }
    // Where the patient is reached is not asked before it is needed.
    let read = house.read_by("notify");
    assert!(!read.is_empty() && read.iter().all(|kind| kind == "appointment"), "{read:?}");
    house.close().await;
}

/// The house's clinic was made after the server's parts were wired: nothing was known of it at the start.
async fn what_a_clinic_switches_on_later_holds_without_a_restart(site: Site) {
    let mut house = House::open(&site).await;
    house.work().await;
    house.switch_on("{}").await;
    let quiet = house.book("10:00").await;
    house.until_heard(quiet).await;
    house.settled().await;
    assert_eq!(house.email.sent().len(), 0, "nothing is switched on");
    house.switch_on(r#"{"notification": {}, "eligibility": {"maximum_days_ahead": 1}}"#).await;
    house.pass(Duration::from_secs(30)).await;
    let refused = house.try_book("11:00").await.unwrap_err();
    assert!(format!("{refused:?}").contains("eligibility"), "{refused:?}");
    house.switch_on(r#"{"notification": {}}"#).await;
    house.pass(Duration::from_secs(30)).await;
    house.book("11:00").await;
    let sent = house.sent(1).await;
    assert!(sent[0].text.text().contains(&house.shown("11:00")));
    house.close().await;
}

async fn two_changes_at_once_are_told_once_and_one_that_comes_back_again(site: Site) {
    let mut house = House::open(&site).await;
    house.work().await;
    let id = house.book("10:00").await;
    house.sent(1).await;
    house.settled().await;
    house.lose_worker().await;
    house.move_to(id, "14:00").await;
    house.move_to(id, "15:00").await;
    house.until_count("notification", "both are to be told", |count| count.due == 2).await;
    house.work_again().await;
    house.until_count("notification", "both were looked at", |count| count.done == 3).await;
    house.settled().await;
    let sent = house.sent(2).await;
    assert!(sent[1].text.text().contains(&house.shown("15:00")));
    // Who was told of the fourth time would else believe it.
    house.move_to(id, "16:00").await;
    house.sent(3).await;
    house.move_to(id, "15:00").await;
    assert!(house.sent(4).await[3].text.text().contains(&house.shown("15:00")));
    house.close().await;
}

/// An appointment that changed without anybody being told: what counts is what stands when the time comes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_looked_again_before_anything_is_sent() {
    for why in ["cancelled", "no address", "died", "not in use", "switched off", "clinic closed", "over"] {
        let site = Site::sqlite();
        let mut house = House::open(&site).await;
        house.work().await;
        let id = house.book("10:00").await;
        house.sent(1).await;
        house.until_count("reminder", "it is planned", |count| count.delayed == 1).await;
        house.mute();
        match why {
            "cancelled" => house.step(id, Step::Cancel).await,
            "no address" => house.patient(|draft| draft.address(None)).await,
            "died" => house.patient(|draft| draft.died()).await,
            "not in use" => house.patient(|draft| draft.out_of_use()).await,
            "switched off" => house.switch_off().await,
            "clinic closed" => house.clinic(|clinic| clinic.active = false).await,
            _ => house.pass(9 * DAY).await,
        }
        house.until_a_day_before("10:00").await;
        house.settled().await;
        assert_eq!(house.email.sent().len(), 1, "{why}");
        house.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_comes_again_tells_nothing_again() {
    let site = Site::sqlite();
    let mut house = House::open(&site).await;
    house.work().await;
    let id = house.book("10:00").await;
    house.sent(1).await;
    let events: Vec<DomainEvent> = house.until_heard(id).await;
    for event in &events {
        house.server.plugins.notify(event).await.unwrap();
    }
    house.settled().await;
    assert_eq!(house.email.sent().len(), 1);
    house.until_count("reminder", "one", |count| count.delayed == 1 && count.done == 1).await;
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_booked_within_the_day_is_not_reminded_of() {
    let site = Site::sqlite();
    let mut house = House::open(&site).await;
    let soon = house.start("10:00") - jiff::SignedDuration::from_hours(20);
    house.pass(Duration::try_from(soon.duration_since(house.clock.now())).unwrap()).await;
    house.work().await;
    house.book("10:00").await;
    house.sent(1).await;
    house.settled().await;
    house.until_count("reminder", "nothing waits", |count| count.done == 1 && count.delayed == 0).await;
    house.close().await;
}

/// What was certainly not accepted is tried again, and nothing else.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_failure_has_its_end() {
    let site = Site::sqlite();
    let mut house = House::open(&site).await;
    house.email.fail_next(EmailFailure::NotTried(Duration::from_secs(30)));
    house.email.fail_next(EmailFailure::TryLater("smtp.later"));
    house.work().await;
    house.book("10:00").await;
    house.until_count("email", "it waits", |count| count.delayed == 1).await;
    house.pass(MINUTE).await;
    house.until_count("email", "it waits again", |count| count.delayed == 1).await;
    house.pass(2 * MINUTE).await;
    house.sent(1).await;

    let jobs = house.server.app.jobs.clone();
    for (failure, class) in [
        (EmailFailure::Refused("smtp.recipient"), "smtp.recipient"),
        (EmailFailure::Unknown("smtp.unknown"), "smtp.unknown"),
    ] {
        house.email.fail_next(failure);
        house.book(if class == "smtp.unknown" { "11:00" } else { "12:00" }).await;
        house.until_count("email", "it is a dead letter", |count| count.dead == 1).await;
        let filter = JobFilter::default();
        let letters = jobs.store().dead_letters(&filter, None, 10).await.unwrap();
        assert_eq!((letters.len(), letters[0].error_class.as_str(), letters[0].tries), (1, class, 1));
        let before = house.email.sent().len();
        house.pass(DAY / 24).await;
        house.settled().await;
        assert_eq!(house.email.sent().len(), before, "nobody sends it again unasked");
        // Somebody has decided.
        assert!(jobs.store().revive(&filter, letters[0].id).await.unwrap());
        jobs.wake();
        house.sent(before + 1).await;
    }
    house.close().await;
}

/// A worker that is lost while it hands a message over: nobody knows whether it was accepted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_may_have_been_sent_is_not_sent_again() {
    let site = Site::sqlite();
    let mut house = House::open(&site).await;
    let hanging = house.hang();
    house.work().await;
    house.book("10:00").await;
    hanging.until_reached().await;
    house.lose_worker().await;
    house.pass(10 * MINUTE).await;
    house.work_again().await;
    house.until_count("email", "it is a dead letter", |count| count.dead == 1).await;
    let letters = house.server.app.jobs.store().dead_letters(&JobFilter::default(), None, 10).await.unwrap();
    assert_eq!(letters[0].error_class, "email.in-doubt");
    assert_eq!(hanging.calls(), 1, "it was handed over once");
    house.close().await;
}
