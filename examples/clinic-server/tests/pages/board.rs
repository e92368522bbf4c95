//! The day board: what each role sees of it, and the steps.

use super::{
    browser::{Browser, token},
    common::{Answer, HARBOUR, Site},
};
use clinic_server::commands::Running;
use healthcare_audit::Query;
use healthcare_core::Outcome;

/// What stands between two marks of a page, after the first place where `start` is found.
pub(super) fn between<'p>(page: &'p Answer, start: &str, end: &str) -> &'p str {
    let rest = page.body.split(start).nth(1).unwrap_or_else(|| panic!("no {start} in {}", page.body));
    rest.split(end).next().unwrap()
}

/// The board of the first day that has appointments.
pub(super) async fn busy_day(browser: &mut Browser) -> (String, Answer) {
    let today = browser.get("/board").await.expect(200);
    assert!(today.body.contains("No appointment on this day"), "{}", today.body);
    let path = between(&today, "The next is on <a href=\"", "\"").to_owned();
    let page = browser.get(&path).await.expect(200);
    (path, page)
}

fn step<'f>(csrf: &'f str, version: &'f str, day: &'f str) -> [(&'static str, &'f str); 4] {
    [("csrf", csrf), ("version", version), ("day", day), ("with", "")]
}

/// How many appointments were disclosed to people, by the log.
fn disclosed(running: &Running) -> u32 {
    let query = Query::new(HARBOUR.parse().unwrap()).limit(1_000);
    let entries = running.server.app.audit.read(&query).unwrap().entries;
    let events = entries.into_iter().filter_map(|entry| entry.event);
    let counts =
        events.filter(|event| event.actor.user().is_some()).filter_map(|event| match event.outcome {
            Outcome::Disclosed { counts, .. } => Some(counts),
            _ => None,
        });
    counts.flatten().filter(|of| of.kind == "appointment").map(|of| of.count).sum()
}

/// A board that is told of a change asks for one appointment, and one is what it discloses.
pub(super) async fn one_row_is_read_alone(site: Site) {
    let running = site.start().await;
    let mut nurse = Browser::at(running.address);
    nurse.sign_in("nurse@harbour.example").await;
    let (path, page) = busy_day(&mut nurse).await;
    let day = path.rsplit('=').next().unwrap();
    let id = between(&page, "id=\"a-", "\"").to_owned();
    let whole = page.body.split(&format!("id=\"a-{id}\"")).nth(1).unwrap().split("</li>").next().unwrap();
    let before = disclosed(&running);
    let row = nurse.get(&format!("/board/{id}?day={day}")).await.expect(200);
    assert_eq!(disclosed(&running), before + 1);
    assert!(
        row.body.trim_start().starts_with("<li ") && row.body.matches("<li").count() == 1,
        "{}",
        row.body
    );
    let words = |html: &str| html.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let alone = row.body.split(&format!("id=\"a-{id}\"")).nth(1).unwrap().split("</li>").next().unwrap();
    assert_eq!(words(alone), words(whole), "it is what the whole board shows of it");
    // What is not on this board is nothing, whatever the reason.
    let own = between(&row, "data-with=\"", "\"");
    nurse.get(&format!("/board/{id}?day={day}&with={own}")).await.expect(200);
    let other = uuid::Uuid::now_v7();
    let before = disclosed(&running);
    for nothing in
        [format!("{id}?day=2026-01-01"), format!("{id}?day={day}&with={other}"), format!("{other}?day={day}")]
    {
        assert_eq!(nurse.get(&format!("/board/{nothing}")).await.expect(204).body, "", "{nothing}");
    }
    nurse.get("/board/nobody").await.expect(404);
    let mut hill = Browser::at(running.address);
    hill.sign_in("nurse@hill.example").await;
    hill.get(&format!("/board/{id}?day={day}")).await.expect(204);
    assert_eq!(disclosed(&running), before, "what is not shown is not disclosed");
    // Who may look at the board, but not read an appointment by itself, has its rows all the same.
    let mut analyst = Browser::at(running.address);
    analyst.sign_in("data-analyst@harbour.example").await;
    let row = analyst.get(&format!("/board/{id}?day={day}")).await.expect(200);
    assert!(row.body.contains(&format!("id=\"a-{id}\"")) && !row.body.contains("Ashdown"), "{}", row.body);
    analyst.get(&format!("/board/{id}?day=2026-01-01")).await.expect(204);
    assert_eq!(disclosed(&running), before + 1);
    running.stop().await;
}

/// What is read is disclosed: to find one date takes one appointment.
pub(super) async fn a_day_without_appointments_discloses_the_next_alone(site: Site) {
    let running = site.start().await;
    let mut nurse = Browser::at(running.address);
    nurse.sign_in("nurse@harbour.example").await;
    let empty = nurse.get("/board").await.expect(200);
    assert!(empty.body.contains("The next is on"), "{}", empty.body);
    assert_eq!(disclosed(&running), 1);
    running.stop().await;
}

pub(super) async fn a_visit_is_taken_from_the_desk_to_its_end(site: Site) {
    let running = site.start().await;
    let mut desk = Browser::at(running.address);
    desk.sign_in("receptionist@harbour.example").await;
    let (path, page) = busy_day(&mut desk).await;
    let day = path.rsplit('=').next().unwrap().to_owned();
    assert!(
        page.body.contains("Ashdown, Maribel") && page.body.contains("Dr. Ngozi Okafor"),
        "{}",
        page.body
    );
    assert!(page.body.contains("Booked") && page.body.contains("Consultation"));
    assert!(page.body.contains("does not show note"), "what is hidden is said");
    assert!(!page.body.contains("Did not come"), "nobody has missed what has not begun");
    let id = between(&page, "id=\"a-", "\"").to_owned();
    let (csrf, version) = (token(&page), between(&page, "name=\"version\" value=\"", "\"").to_owned());
    let fields = step(&csrf, &version, &day);

    let sent = desk.form(&format!("/board/{id}/check-in"), &fields).await.expect(303);
    assert_eq!(sent.header("location"), Some(format!("/board?day={day}#a-{id}").as_str()));
    let page = desk.get(&path).await.expect(200);
    assert!(page.body.contains("Waiting") && page.body.contains(&format!("/board/{id}/start")));
    // Whoever has the older version on their screen is told, and shown how it stands.
    let stale = desk.form(&format!("/board/{id}/start"), &fields).await.expect(409);
    assert!(
        stale.body.contains("Somebody else has changed this appointment") && stale.body.contains("Waiting")
    );
    let version = between(&stale, "name=\"version\" value=\"", "\"").to_owned();
    desk.form(&format!("/board/{id}/start"), &step(&csrf, &version, &day)).await.expect(303);
    let page = desk.get(&path).await.expect(200);
    assert!(page.body.contains("Being seen"));
    // What its state does not permit is refused and said; what is no step is not found.
    let version = between(&page, "name=\"version\" value=\"", "\"").to_owned();
    let again = desk.form(&format!("/board/{id}/check-in"), &step(&csrf, &version, &day)).await.expect(409);
    assert!(again.body.contains("role=\"alert\""));
    let nowhere = desk.form(&format!("/board/{id}/fly"), &step(&csrf, &version, &day)).await;
    assert_eq!(nowhere.status, 404);
    desk.form(&format!("/board/{id}/complete"), &step("x", &version, &day)).await.expect(403);
    desk.form(&format!("/board/{id}/complete"), &step(&csrf, &version, &day)).await.expect(303);
    assert!(desk.get(&path).await.expect(200).body.contains("Done"));
    let cancelled = desk.get(&path).await.expect(200);
    assert_eq!(cancelled.body.matches("Cancel the appointment").count(), 1, "what is over is not cancelled");
    desk.get("/board?day=yesterday").await.expect(422);
    desk.get("/board?with=nobody").await.expect(422);
    running.stop().await;
}

pub(super) async fn what_a_role_does_not_see_of_the_board_is_said(site: Site) {
    let running = site.start().await;
    let mut day = String::new();
    for (role, names, steps, said) in [
        ("receptionist", true, true, "does not show note"),
        ("nurse", true, true, ""),
        ("doctor", true, true, "other people&#39;s appointments"),
        ("billing-specialist", true, false, "cancel reason, note"),
        ("support", false, false, "patients&#39; names"),
        ("data-analyst", false, false, "patients&#39; names"),
        ("patient", true, false, "other people&#39;s appointments"),
    ] {
        let mut browser = Browser::at(running.address);
        browser.sign_in(&format!("{role}@harbour.example")).await;
        let (path, page) = busy_day(&mut browser).await;
        day = path;
        assert_eq!(page.body.contains("Ashdown, Maribel"), names, "{role}");
        assert_eq!(page.body.contains("/check-in\""), steps, "{role}");
        assert!(page.body.contains(said), "{role}: {}", page.body);
        assert_eq!(
            page.body.contains("Brannigan"),
            names && role != "patient",
            "{role} sees their own alone"
        );
        if !steps && role != "patient" {
            assert!(!page.body.contains("name=\"version\""), "{role} is offered nothing");
        }
        if role == "patient" {
            assert!(
                page.body.contains("Cancel the appointment") && page.body.contains("/confirm\""),
                "{role}"
            );
        }
    }
    // Who is offered nothing is refused when they ask for it all the same.
    let mut billing = Browser::at(running.address);
    billing.sign_in("billing-specialist@harbour.example").await;
    let page = billing.get(&day).await.expect(200);
    let (id, csrf) = (between(&page, "id=\"a-", "\"").to_owned(), token(&page));
    let fields = step(&csrf, "1", "");
    let refused = billing.form(&format!("/board/{id}/cancel"), &fields).await.expect(403);
    assert!(refused.body.contains("role=\"alert\""), "{}", refused.body);
    let mut pharmacist = Browser::at(running.address);
    pharmacist.sign_in("pharmacist@harbour.example").await;
    assert!(pharmacist.get("/board").await.expect(403).body.contains("Not permitted"));
    running.stop().await;
}
