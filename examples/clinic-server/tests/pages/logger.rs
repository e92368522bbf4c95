//! The audit log's filters.

use super::{browser::Browser, common::Site};

pub(super) async fn an_access_is_found_by_patient_user_action_outcome_and_day(site: Site) {
    let running = site.start().await;
    let mut nurse = Browser::at(running.address);
    nurse.sign_in("nurse@harbour.example").await;
    let form = super::browser::token(&nurse.get("/patients").await);
    let found = nurse.form("/patients", &[("csrf", &form), ("family", "ashd")]).await.expect(200);
    let patient = found.body.split("href=\"/patients/").nth(1).unwrap().split('"').next().unwrap().to_owned();
    nurse.get(&format!("/patients/{patient}")).await.expect(200);
    nurse.get("/logger").await.expect(403);
    for _ in 0..12 {
        nurse.get("/board").await.expect(200);
    }

    let mut auditor = Browser::at(running.address);
    auditor.sign_in("auditor@harbour.example").await;
    let rows = |page: &super::common::Answer| page.body.matches("<td data-label=\"Entry\"").count();
    let chart = format!("/logger?patient={patient}&action=read-chart");
    let page = auditor.get(&chart).await.expect(200);
    assert_eq!(rows(&page), 2, "decided, and disclosed: {}", page.body);
    assert!(page.body.contains("read-chart patient") && page.body.contains("NURSE"));
    assert!(!page.body.contains("Ashdown"), "the log holds no names");
    let user = page.body.split("/logger?user=").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let refused = auditor.get(&format!("/logger?user={user}&outcome=refused")).await.expect(200);
    assert!(rows(&refused) >= 1 && refused.body.contains("list audit"), "{}", refused.body);
    assert!(!refused.body.contains("read-chart patient"));
    let kind = auditor.get(&format!("/logger?user={user}&kind=session")).await.expect(200);
    assert_eq!(rows(&kind), 1, "{}", kind.body);
    let today = jiff::Zoned::now();
    let day = |days: i64| today.date().checked_add(jiff::Span::new().days(days)).unwrap();
    let inside = format!("{chart}&from={}&to={}", day(-1), day(1));
    assert_eq!(rows(&auditor.get(&inside).await.expect(200)), 2);
    for outside in [format!("{chart}&from={}", day(2)), format!("{chart}&to={}", day(-2))] {
        assert!(auditor.get(&outside).await.expect(200).body.contains("No entry matches."), "{outside}");
    }
    for wrong in ["from=soon", "patient=x", "user=x", "action=x", "outcome=x", "after=x"] {
        let page = auditor.get(&format!("/logger?{wrong}")).await.expect(200);
        assert!(page.body.contains("role=\"alert\"") && rows(&page) == 0, "{wrong}");
    }
    auditor.get("/logger?name=ashdown").await.expect(422);

    // Page by page, each entry once.
    let (mut path, mut numbers) = (format!("/logger?user={user}"), Vec::new());
    for _ in 0..9 {
        let page = auditor.get(&path).await.expect(200);
        let entries = page.body.split("<td data-label=\"Entry\" class=\"code\">").skip(1);
        numbers.extend(entries.map(|rest| rest.split('<').next().unwrap().parse::<u64>().unwrap()));
        let Some(rest) = page.body.split("<a class=\"button\" href=\"/logger?").nth(1) else { break };
        path = format!(
            "/logger?{}",
            rest.split('"').next().unwrap().replace("&#38;", "&").replace("&amp;", "&")
        );
    }
    assert!(numbers.len() > 100, "{}", numbers.len());
    assert!(numbers.windows(2).all(|pair| pair[0] > pair[1]));
    running.stop().await;
}
