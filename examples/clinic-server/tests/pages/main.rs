//! The pages, as a browser without scripts uses them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod board;
mod booking;
mod browser;
#[path = "../common/mod.rs"]
mod common;
mod glass;
mod logger;
mod queues;
mod roles;

use board::{
    a_day_without_appointments_discloses_the_next_alone, a_visit_is_taken_from_the_desk_to_its_end,
    one_row_is_read_alone, what_a_role_does_not_see_of_the_board_is_said,
};
use booking::{
    of_two_who_choose_one_time_the_second_is_offered_others,
    patients_book_for_themselves_and_others_not_at_all,
};
use browser::{Browser, token};
use common::{Client, Site};
use glass::a_chart_that_is_not_shown_is_opened_and_the_opening_reviewed;
use logger::an_access_is_found_by_patient_user_action_outcome_and_day;
use queues::the_queues_are_shown_and_tried_again;
use roles::{a_demonstration_has_a_button_for_each_role, what_is_offered_is_allowed};

on_both_databases!(
    a_day_without_appointments_discloses_the_next_alone,
    a_chart_that_is_not_shown_is_opened_and_the_opening_reviewed,
    a_visit_from_the_door_to_the_log,
    forms_from_elsewhere_are_refused,
    a_demonstration_has_a_button_for_each_role,
    what_is_offered_is_allowed,
    a_visit_is_taken_from_the_desk_to_its_end,
    what_a_role_does_not_see_of_the_board_is_said,
    of_two_who_choose_one_time_the_second_is_offered_others,
    patients_book_for_themselves_and_others_not_at_all,
    an_access_is_found_by_patient_user_action_outcome_and_day,
    one_row_is_read_alone,
    the_queues_are_shown_and_tried_again,
);

async fn a_visit_from_the_door_to_the_log(site: Site) {
    let running = site.start().await;
    let mut browser = Browser::at(running.address);
    assert_eq!(browser.get("/").await.expect(303).header("location"), Some("/sign-in"));
    assert_eq!(browser.get("/patients").await.expect(303).header("location"), Some("/sign-in"));
    let door = browser.get("/sign-in").await.expect(200);
    let wrong =
        [("csrf", token(&door)), ("email", "doctor@harbour.example".into()), ("password", "wrong".into())];
    let wrong: Vec<_> = wrong.iter().map(|(k, v)| (*k, v.as_str())).collect();
    let refused = browser.form("/sign-in", &wrong).await.expect(401);
    assert!(refused.body.contains("E-mail and password do not match."));

    browser.sign_in("doctor@harbour.example").await;
    let form = browser.get("/patients").await.expect(200);
    assert!(form.body.contains("Harbour Clinic") && form.body.contains("DOCTOR"));
    let found = browser.form("/patients", &[("csrf", &token(&form)), ("family", "ashd")]).await.expect(200);
    assert!(found.body.contains("Ashdown, Maribel"), "{}", found.body);
    let path = found.body.split("href=\"/patients/").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let chart = browser.get(&format!("/patients/{path}")).await.expect(200);
    assert!(chart.body.contains("Ashdown, Maribel") && chart.body.contains("No allergy is known."));
    let nothing =
        browser.form("/patients", &[("csrf", &token(&form)), ("birth_date", "yesterday")]).await.expect(200);
    assert!(nothing.body.contains("write a date such as"), "{}", nothing.body);
    let denied = browser.get("/logger").await.expect(403);
    assert!(denied.body.contains("Not permitted"));
    let left = browser.form("/sign-out", &[("csrf", &token(&form))]).await.expect(303);
    assert_eq!(left.header("location"), Some("/sign-in"));
    assert_eq!(browser.get("/patients").await.status, 303);

    browser.sign_in("auditor@harbour.example").await;
    let log = browser.get("/logger").await.expect(200);
    assert!(log.body.contains("signed-in") && !log.body.contains("Ashdown"));
    let verdict = browser.form("/logger/verify", &[("csrf", &token(&log))]).await.expect(200);
    assert!(verdict.body.contains("each is in its place and unchanged"), "{}", verdict.body);

    // Who may see no telephone number is told that there may be one.
    let mut pharmacist = Browser::at(running.address);
    pharmacist.sign_in("pharmacist@harbour.example").await;
    let chart = pharmacist.get(&format!("/patients/{path}")).await.expect(200);
    assert!(chart.body.contains("<span class=\"hidden\">hidden</span>"));
    let style = browser.get("/assets/clinic.css").await.expect(200);
    assert_eq!(style.header("content-type"), Some("text/css; charset=utf-8"));
    running.stop().await;
}

async fn forms_from_elsewhere_are_refused(site: Site) {
    let running = site.start().await;
    let (mut mine, mut theirs) = (Browser::at(running.address), Browser::at(running.address));
    mine.sign_in("receptionist@harbour.example").await;
    theirs.sign_in("nurse@harbour.example").await;
    let my_form = token(&mine.get("/patients").await);
    let their_form = token(&theirs.get("/patients").await);
    let door = token(&Browser::at(running.address).get("/sign-in").await);
    for forged in ["", "x", &their_form, &door] {
        for path in ["/patients", "/sign-out", "/logger/verify"] {
            mine.form(path, &[("csrf", forged), ("family", "ash")]).await.expect(403);
        }
    }
    let from_elsewhere = mine.sending().with("sec-fetch-site", "cross-site");
    from_elsewhere.form("/patients", &[("csrf", &my_form), ("family", "ash")]).await.expect(403);
    mine.form("/patients", &[("csrf", &my_form), ("family", "ash")]).await.expect(200);
    // A cookie alone does not open the API, and a token alone no page.
    let cookie = mine.sending().get("/api/v1/me").await;
    assert_eq!(cookie.expect(401).code(), "AUTH_REQUIRED");
    let bearer = Client::signed_in(running.address, "nurse@harbour.example").await;
    assert_eq!(bearer.get("/patients").await.status, 303);
    running.stop().await;
}
