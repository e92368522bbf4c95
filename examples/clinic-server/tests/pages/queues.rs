//! The queues as a page: what it shows, and what its buttons do.

use super::{
    browser::{Browser, links, token},
    common::{HARBOUR, Site},
};
use clinic_server::commands::Running;
use healthcare_messaging::{NewJob, Wanted};
use std::time::Duration;
use uuid::Uuid;

/// A queue that no worker serves, so that what is put in it stays as it is.
const QUEUE: &str = "test-queue";

/// Words that stand in what a job works on, and nowhere else.
const CANARY: &str = "canary-in-a-payload";

/// Jobs that were started and failed for good.
async fn dead(running: &Running, number: usize) -> Vec<Uuid> {
    let payload = format!("{{\"words\":\"{CANARY}\"}}");
    let job = || NewJob::raw(HARBOUR.parse().unwrap(), QUEUE, "test.kind", payload.clone()).build().unwrap();
    let jobs: Vec<_> = (0..number).map(|_| job()).collect();
    let ids = jobs.iter().map(NewJob::id).collect();
    let store = running.server.app.jobs.store();
    store.enqueue_all(jobs).await.unwrap();
    let wanted = [Wanted { queue: QUEUE, limit: 1_000 }];
    for job in store.claim(&wanted, Duration::from_secs(60)).await.unwrap().jobs {
        store.fail(job.lease, "test.class", None).await.unwrap();
    }
    ids
}

async fn in_doubt(running: &Running) {
    let job = NewJob::raw(HARBOUR.parse().unwrap(), QUEUE, "test.kind", "{}").build().unwrap();
    let store = running.server.app.jobs.store();
    store.enqueue(job).await.unwrap();
    let wanted = [Wanted { queue: QUEUE, limit: 1 }];
    let claimed = store.claim(&wanted, Duration::from_secs(60)).await.unwrap();
    store.fail(claimed.jobs[0].lease, "smtp.unknown", None).await.unwrap();
}

pub(super) async fn the_queues_are_shown_and_tried_again(site: Site) {
    let running = site.start().await;
    let failed = dead(&running, 3).await;
    in_doubt(&running).await;
    let mut admin = Browser::at(running.address);
    admin.sign_in("clinic-admin@harbour.example").await;
    let page = admin.get("/queue-dashboard").await.expect(200);
    for id in &failed {
        assert!(page.body.contains(&format!("name=\"id\" value=\"{id}\"")), "each that failed has a button");
    }
    assert!(page.body.contains("test.class") && page.body.contains(QUEUE) && !page.body.contains(CANARY));
    assert!(links(&page).contains(&"/queue-dashboard".to_owned()));

    let csrf = token(&page);
    let id = failed[0].to_string();
    admin.form("/queue-dashboard/retry", &[("id", &id)]).await.expect(403);
    admin.form("/queue-dashboard/retry", &[("csrf", &csrf)]).await.expect(400);
    let one = admin.form("/queue-dashboard/retry", &[("csrf", &csrf), ("id", &id)]).await.expect(200);
    assert!(one.body.contains("The job is tried again.") && !one.body.contains(&id), "what failed is shown");
    let queue = [("csrf", csrf.as_str()), ("queue", QUEUE)];
    let rest = admin.form("/queue-dashboard/retry", &queue).await.expect(200);
    assert!(rest.body.contains("2 jobs are tried again. 1 may have done their work"), "{}", rest.body);
    let all = admin.form("/queue-dashboard/retry", &[("csrf", &csrf), ("all", "yes")]).await.expect(200);
    assert!(all.body.contains("0 jobs are tried again."));
    let waiting = admin.get(&format!("/queue-dashboard?queue={QUEUE}&state=waiting")).await.expect(200);
    assert!(failed.iter().all(|id| waiting.body.contains(&id.to_string())));
    assert!(!waiting.body.contains("name=\"id\""), "what waits has no button");
    let wrong = admin.get("/queue-dashboard?state=gone").await.expect(200);
    assert!(wrong.body.contains("a job is waiting, running, done, cancelled or dead"));

    let mut doctor = Browser::at(running.address);
    doctor.sign_in("doctor@harbour.example").await;
    let refused = doctor.get("/queue-dashboard").await.expect(403);
    assert!(!refused.body.contains(QUEUE));
    let patients = doctor.get("/patients").await.expect(200);
    assert!(
        !links(&patients).contains(&"/queue-dashboard".to_owned()),
        "it is not offered to whom it is refused"
    );
    running.stop().await;
}
