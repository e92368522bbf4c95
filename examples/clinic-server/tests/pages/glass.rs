//! Emergency access, as a browser without scripts uses it.

use super::{
    browser::{Browser, token},
    common::{Client, Site},
};
use serde_json::json;

const REASON: &str = "Unconscious after a fall, nobody with her";

async fn visitor(site: &clinic_server::commands::Running, role: &str) -> Browser {
    let mut browser = Browser::at(site.address);
    browser.sign_in(&format!("{role}@harbour.example")).await;
    browser
}

pub(super) async fn a_chart_that_is_not_shown_is_opened_and_the_opening_reviewed(site: Site) {
    let running = site.start().await;
    let desk = Client::signed_in(running.address, "receptionist@harbour.example").await;
    let body = json!({"family": "Quillon", "given": "Test", "phone": "+1 202 555 0143"});
    let made = desk.post("/api/v1/patients", &body).await.expect(201).json();
    let chart = format!("/patients/{}", made["id"].as_str().unwrap());
    let opening = format!("{chart}/break-glass");

    let mut doctor = visitor(&running, "doctor").await;
    let closed = doctor.get(&chart).await.expect(403);
    assert!(closed.body.contains("Break the glass") && !closed.body.contains("Quillon"), "{}", closed.body);
    let csrf = token(&closed);
    doctor.form(&opening, &[("csrf", "x"), ("reason", REASON)]).await.expect(403);
    let short = doctor.form(&opening, &[("csrf", &csrf), ("reason", "asap")]).await.expect(422);
    assert!(short.body.contains("10 to 500 characters") && short.body.contains("Break the glass"));
    doctor.get(&chart).await.expect(403);
    let broken = doctor.form(&opening, &[("csrf", &csrf), ("reason", REASON)]).await.expect(303);
    assert_eq!(broken.header("location"), Some(chart.as_str()));
    let open = doctor.get(&chart).await.expect(200);
    assert!(open.body.contains("Emergency access until") && open.body.contains("15 minutes left"));
    assert!(open.body.contains("http-equiv=\"refresh\"") && !open.body.contains("Break the glass"));
    assert!(open.body.contains("Quillon, Test") && open.body.contains("No allergy is known."));

    // Who sees a part of it sees the rest.
    let mut radiologist = visitor(&running, "radiologist").await;
    let part = radiologist.get(&chart).await.expect(200);
    assert!(part.body.contains("see what is hidden") && !part.body.contains("202 555"), "{}", part.body);
    radiologist.form(&opening, &[("csrf", &token(&part)), ("reason", REASON)]).await.expect(303);
    assert!(radiologist.get(&chart).await.expect(200).body.contains("202 555"));
    let mut nurse = visitor(&running, "nurse").await;
    assert!(!nurse.get(&chart).await.expect(200).body.contains("glass-reason"));
    let mut clerk = visitor(&running, "receptionist").await;
    assert!(!clerk.get(&chart).await.expect(403).body.contains("glass-reason"));
    let csrf = token(&clerk.get("/patients").await.expect(200));
    clerk.form(&opening, &[("csrf", &csrf), ("reason", REASON)]).await.expect(403);
    clerk.get("/break-glass").await.expect(403);

    // Each their own, and the officer all.
    let own = doctor.get("/break-glass").await.expect(200);
    assert_eq!(own.body.matches("open until").count(), 1);
    let id = own.body.split("/break-glass/").nth(1).unwrap().split('"').next().unwrap().to_owned();
    assert!(doctor.get(&format!("/break-glass/{id}")).await.expect(200).body.contains("Who reviews it sees"));
    let mut officer = visitor(&running, "compliance-officer").await;
    let waiting = officer.get("/break-glass").await.expect(200);
    assert_eq!(waiting.body.matches(REASON).count(), 2);
    let report = officer.get(&format!("/break-glass/{id}")).await.expect(200);
    assert!(report.body.contains("read-chart patient") && report.body.contains("read patient"));
    assert!(!report.body.contains("Mark as reviewed"), "it is open");
    let csrf = token(&report);
    officer.form(&format!("/break-glass/{id}/review"), &[("csrf", &csrf)]).await.expect(409);
    officer.form(&format!("/break-glass/{id}/end"), &[("csrf", &csrf)]).await.expect(303);
    doctor.get(&chart).await.expect(403);
    assert!(officer.get(&format!("/break-glass/{id}")).await.expect(200).body.contains("Mark as reviewed"));
    officer.form(&format!("/break-glass/{id}/review"), &[("csrf", &csrf)]).await.expect(303);
    assert_eq!(officer.get("/break-glass").await.expect(200).body.matches(REASON).count(), 1);
    let all = officer.get("/break-glass?unreviewed=false").await.expect(200);
    assert_eq!(all.body.matches(REASON).count(), 2);
    let mut auditor = visitor(&running, "auditor").await;
    let audited = auditor.get("/break-glass?unreviewed=false").await.expect(200);
    assert!(!audited.body.contains("/end\""), "who only looks ends nothing");
    assert!(!audited.body.contains(REASON) && audited.body.contains("<span class=\"hidden\">hidden</span>"));
    running.stop().await;
}
