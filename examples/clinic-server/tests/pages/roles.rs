//! What each role is offered.

use super::{
    browser::{Browser, links, token},
    common::Site,
};
use clinic_server::seed::demo_roles;

pub(super) async fn a_demonstration_has_a_button_for_each_role(site: Site) {
    let running = site.start().await;
    let mut browser = Browser::at(running.address);
    let door = browser.get("/sign-in").await.expect(200);
    assert!(door.body.contains("sees no chart and no note of an appointment"), "the policy's words");
    for role in demo_roles() {
        assert!(door.body.contains(&format!("name=\"role\" value=\"{role}\"")), "{role}");
    }
    let choose = |clinic: &'static str, role: &'static str, csrf: String| {
        [("csrf", csrf), ("clinic", clinic.to_owned()), ("role", role.to_owned())]
    };
    for (clinic, role, csrf, status) in [
        ("hill", "NURSE", token(&door), 303),
        ("hill", "SEED", token(&door), 404),
        ("nowhere", "NURSE", token(&door), 404),
        ("hill", "NURSE", "x".to_owned(), 403),
    ] {
        let fields = choose(clinic, role, csrf);
        let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        Browser::form(&mut browser, "/sign-in/demo", &fields).await.expect(status);
    }
    let page = browser.get("/patients").await.expect(200);
    assert!(page.body.contains("Hill Clinic") && page.body.contains("NURSE"));
    running.stop().await;
}

/// For every role: it begins at a page that it may see, and no entry of its navigation leads to a refusal.
pub(super) async fn what_is_offered_is_allowed(site: Site) {
    let running = site.start().await;
    for role in demo_roles() {
        let mut browser = Browser::at(running.address);
        browser.sign_in(&format!("{}@harbour.example", role.to_ascii_lowercase().replace('_', "-"))).await;
        let home = browser.get("/").await.expect(303).header("location").unwrap().to_owned();
        let page = browser.get(&home).await;
        assert_eq!(page.status, 200, "{role} begins at {home}");
        let links = links(&page);
        assert!(links.contains(&home) || home == "/api-docs", "{role}: {links:?}");
        for link in &links {
            let status = browser.get(link).await.status;
            assert_eq!(status, 200, "{role} is offered {link}");
        }
        let reaches = |href: &str| links.iter().any(|link| link == href);
        assert_eq!(
            reaches("/logger"),
            ["SUPER_ADMIN", "SYSTEM_ADMIN", "CLINIC_ADMIN", "AUDITOR", "COMPLIANCE_OFFICER"].contains(role),
            "{role}"
        );
    }
    running.stop().await;
}
