//! Booked in one window, seen in another, refused to who may not, and found in the log.

use super::{chromium::Chromium, common::Site, visit::book, window::Window};

/// The text of the card of this patient.
fn card(family: &str) -> String {
    format!(
        "[...document.querySelectorAll('.slot')].find((one) => one.textContent.includes('{family}'))?.innerText"
    )
}

/// Waits until the window is told of changes and has looked once at what happened before: whatever changes from now on, it was told of.
fn settled(window: &Window<'_>) {
    window.until("document.getElementById('live').classList.contains('on')", "live");
    window.until("document.getElementById('live').dataset.looks >= 1", "a first look");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Chromium: cargo xtask test"]
async fn a_booking_shows_in_another_window_by_itself_and_its_access_in_the_log() {
    let site = Site::sqlite();
    let running = site.start().await;
    let chromium = Chromium::start();
    let desk = Window::open(&chromium, running.address);
    desk.sign_in("RECEPTIONIST");
    assert_eq!(desk.path(), "/board");
    let board = book(&desk, "Dziedzic");
    desk.shows("Dziedzic, Paweł");

    // A nurse has the same day open in a window of their own, and does not touch it.
    let ward = Window::open(&chromium, running.address);
    ward.sign_in("NURSE");
    ward.go(&board);
    ward.shows("Dziedzic, Paweł");
    settled(&ward);
    ward.eval("window.isSame = true");
    let looks =
        "performance.getEntriesByType('resource').filter((one) => one.name.includes('/board?')).length";
    let before = ward.eval(looks);
    desk.press(".slot button", "Check in");
    desk.shows("Waiting");
    ward.until(&format!("{}.includes('Waiting') === true", card("Dziedzic")), "the nurse sees it");
    assert_eq!(ward.eval("window.isSame"), true, "without a reload");
    assert_eq!(ward.eval(looks), before, "and without a look at all the others");
    // And the other way round.
    settled(&desk);
    ward.press(".slot button", "Start");
    desk.until(&format!("{}.includes('Being seen') === true", card("Dziedzic")), "the desk sees it");

    // A row that is new comes to its place among the others.
    let slots = "document.querySelectorAll('.slot').length";
    let count = ward.eval(slots).as_i64().unwrap();
    assert_eq!(book(&desk, "Brannigan"), board, "the next free time is on the same day");
    ward.until(&format!("{slots} === {}", count + 1), "the nurse sees one more");
    let places = "[...document.querySelectorAll('.slots')].every((list) => \
        [...list.children].every((one, at, all) => !at || all[at - 1].dataset.place <= one.dataset.place))";
    assert_eq!((ward.eval(places), ward.eval(looks)), (true.into(), before), "without a look at all of them");

    // The wrong role is refused, and told so.
    let pharmacy = Window::open(&chromium, running.address);
    pharmacy.sign_in("PHARMACIST");
    pharmacy.go(&board);
    pharmacy.shows("Not permitted");
    assert!(!pharmacy.text().contains("Dziedzic"));

    // The nurse opens the chart; who reviews accesses finds it.
    ward.press(".slot a", "Dziedzic");
    ward.shows("Allergies");
    let patient = ward.path().rsplit('/').next().unwrap().to_owned();
    let review = Window::open(&chromium, running.address);
    review.sign_in("AUDITOR");
    review.go("/logger");
    review.fill("patient", &patient);
    review.fill("action", "read-chart");
    review.press("button", "Look");
    review.shows("read-chart patient");
    review.shows("NURSE");
    assert!(!review.text().contains("Dziedzic"), "the log holds no names");
    review.press("button", "Verify");
    review.shows("each is in its place and unchanged");

    // Who is signed out, be it elsewhere, has nothing before them that they saw before.
    settled(&desk);
    desk.shows("Dziedzic, Paweł");
    let csrf = "new URLSearchParams({csrf: document.querySelector('input[name=csrf]').value})";
    desk.eval(&format!(
        "fetch('/sign-out', {{method: 'POST', redirect: 'manual', body: {csrf}}}).then(() => true)"
    ));
    desk.until("document.getElementById('board').childElementCount === 0", "an empty board");
    desk.shows("Signed out, or not permitted any more");
    assert!(!desk.text().contains("Dziedzic"));

    assert_eq!(chromium.complaints(), Vec::<String>::new());
    drop(chromium);
    running.stop().await;
}
