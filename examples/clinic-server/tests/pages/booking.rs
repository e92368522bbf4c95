//! Booking from the pages.

use super::{
    board::between,
    browser::{Browser, token},
    common::{Answer, Site},
};

/// The values of a page's buttons of this name.
fn values(page: &Answer, name: &str) -> Vec<String> {
    let mark = format!("name=\"{name}\" value=\"");
    page.body.split(&mark).skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()).collect()
}

/// Finds a patient, and shows the free times of a consultation with the first practitioner.
async fn times(desk: &mut Browser, family: &str) -> Answer {
    let page = desk.get("/appointments/new").await.expect(200);
    let csrf = token(&page);
    let found = desk.form("/appointments/new", &[("csrf", &csrf), ("family", family)]).await.expect(200);
    let patient = between(&found, "name=\"patient\" value=\"", "\"").to_owned();
    let chosen = desk.form("/appointments/new", &[("csrf", &csrf), ("patient", &patient)]).await.expect(200);
    let with = between(&chosen, "<select id=\"with\" name=\"with\">", "</select>").to_owned();
    let with = with.split("value=\"").nth(1).unwrap().split('"').next().unwrap();
    let fields = [
        ("csrf", csrf.as_str()),
        ("patient", &patient),
        ("service", "consultation"),
        ("with", with),
        ("day", ""),
    ];
    let later = desk.form("/appointments/new", &fields).await.expect(200);
    // From tomorrow on: what is free today may be over before it is booked.
    let next = between(&later, "name=\"later\" value=\"", "\"").to_owned();
    let fields = [fields.as_slice(), &[("later", &next)]].concat();
    desk.form("/appointments/new", &fields).await.expect(200)
}

/// Sends a page's booking form with this time.
async fn choose(desk: &mut Browser, page: &Answer, choice: &str) -> Answer {
    let patient = values(page, "patient").remove(0);
    let (csrf, key) = (token(page), values(page, "key").remove(0));
    let fields = [
        ("csrf", csrf.as_str()),
        ("patient", &patient),
        ("key", &key),
        ("service", "consultation"),
        ("note", "brings the letter"),
        ("choice", choice),
    ];
    desk.form("/appointments/new", &fields).await
}

pub(super) async fn of_two_who_choose_one_time_the_second_is_offered_others(site: Site) {
    let running = site.start().await;
    let (mut first, mut second) = (Browser::at(running.address), Browser::at(running.address));
    first.sign_in("receptionist@harbour.example").await;
    second.sign_in("nurse@harbour.example").await;
    let (mine, theirs) = (times(&mut first, "dzie").await, times(&mut second, "caste").await);
    assert!(mine.body.contains("Dziedzic") && mine.body.contains("Consultation with Dr. "), "{}", mine.body);
    let slot =
        values(&mine, "choice").into_iter().find(|slot| values(&theirs, "choice").contains(slot)).unwrap();

    let booked = choose(&mut first, &mine, &slot).await.expect(303);
    let board = booked.header("location").unwrap().split('#').next().unwrap().to_owned();
    assert!(first.get(&board).await.expect(200).body.contains("Dziedzic, Paweł"));
    // Sent twice, booked once, and told the same.
    let again = choose(&mut first, &mine, &slot).await.expect(303);
    assert_eq!(again.header("location"), booked.header("location"));
    assert_eq!(first.get(&board).await.expect(200).body.matches("Dziedzic, Paweł").count(), 1);

    // The same form for another time is another wish: it must not seem fulfilled.
    let other = values(&mine, "choice").into_iter().find(|other| *other != slot).unwrap();
    let refused = choose(&mut first, &mine, &other).await.expect(422);
    assert!(refused.body.contains("another time already"), "{}", refused.body);

    let taken = choose(&mut second, &theirs, &slot).await.expect(409);
    assert!(
        taken.body.contains("Free instead") && taken.body.contains("The time is taken"),
        "{}",
        taken.body
    );
    assert!(
        taken.body.contains("Castellanos") && taken.body.contains("brings the letter"),
        "nothing is lost"
    );
    let others = values(&taken, "choice");
    assert!(!others.is_empty() && !others.contains(&slot), "{others:?}");
    let practitioners: std::collections::BTreeSet<_> =
        others.iter().map(|one| one.split('@').nth(1)).collect();
    assert!(practitioners.len() > 1, "also with others at that time");
    choose(&mut second, &taken, &others[0]).await.expect(303);
    // The note is for those who may read it.
    assert!(second.get(&board).await.expect(200).body.contains("brings the letter"));
    assert!(!first.get(&board).await.expect(200).body.contains("brings the letter"));
    running.stop().await;
}

pub(super) async fn patients_book_for_themselves_and_others_not_at_all(site: Site) {
    let running = site.start().await;
    let mut patient = Browser::at(running.address);
    patient.sign_in("patient@harbour.example").await;
    let page = patient.get("/appointments/new").await.expect(200);
    assert!(page.body.contains("Ashdown, Maribel") && !page.body.contains("Somebody else"));
    let mut nurse = Browser::at(running.address);
    nurse.sign_in("nurse@harbour.example").await;
    let other = values(&times(&mut nurse, "brann").await, "patient").remove(0);
    // Another's id in the form changes nothing.
    let answer = patient.get(&format!("/appointments/new?patient={other}")).await.expect(200);
    assert!(answer.body.contains("Ashdown") && !answer.body.contains("Brannigan"));
    let mut auditor = Browser::at(running.address);
    auditor.sign_in("auditor@harbour.example").await;
    let csrf = token(&auditor.get("/logger").await);
    let denied = auditor.form("/appointments/new", &[("csrf", &csrf), ("family", "ashdown")]).await;
    assert_eq!(denied.status, 403);
    assert!(!denied.body.contains("Maribel"));
    nurse.get("/appointments/new?service=consultation").await.expect(422);
    running.stop().await;
}
