//! What makes the layer forget.

use super::rig::{Broken, ONE, Rig, asked, clinic_of, hours, policy, request, viewer};
use http::StatusCode;
use std::sync::Arc;
use uuid::Uuid;

#[tokio::test(start_paused = true)]
async fn tags_and_actors_are_purged() {
    let rig = Rig::plain();
    rig.get().await;
    rig.layer.cache().purge_tag(clinic_of(2), "hours").await;
    assert_eq!(rig.get().await.body, "0", "another clinic's");
    rig.layer.cache().purge_tag(clinic_of(1), "hours").await;
    assert_eq!(rig.get().await.body, "1");
    rig.layer.cache().purge_subject(clinic_of(1), Uuid::from_u128(1)).await;
    assert_eq!(rig.get().await.body, "2");
}

#[tokio::test(start_paused = true)]
async fn a_write_forgets_its_path_for_everyone_of_the_clinic_before_it_is_answered() {
    for method in ["POST", "PUT", "PATCH", "DELETE"] {
        let rig = Rig::plain();
        for (number, who) in [viewer(1, 1), viewer(1, 2), viewer(2, 1)].into_iter().enumerate() {
            assert_eq!(rig.send(asked(who, &[])).await.unwrap().body, number.to_string());
        }
        rig.send(request(method, "/hours", Some(viewer(1, 3)), &[])).await.unwrap();
        assert_eq!(rig.send(asked(viewer(1, 1), &[])).await.unwrap().body, "4");
        assert_eq!(rig.send(asked(viewer(1, 2), &[])).await.unwrap().body, "5");
        assert_eq!(rig.send(asked(viewer(2, 1), &[])).await.unwrap().body, "2", "another clinic's");
        rig.send(request(method, "/rooms", Some(ONE), &[])).await.unwrap();
        rig.send(request("OPTIONS", "/hours", Some(ONE), &[])).await.unwrap();
        assert_eq!(rig.send(asked(ONE, &[])).await.unwrap().body, "4", "another path's");
    }
}

/// Answers the first call with a value and the second as told.
fn second(status: Option<u16>) -> Rig {
    let script = move |_: &_, call: usize| {
        let mut response = hours(&[], call);
        if call == 1 {
            *response.status_mut() = StatusCode::from_u16(status.ok_or(Broken)?).unwrap();
        }
        Ok(response)
    };
    Rig::new(policy(), |builder| builder, Arc::new(script))
}

#[tokio::test(start_paused = true)]
async fn a_write_that_was_refused_forgets_nothing_and_one_that_may_have_worked_does() {
    for (status, wanted) in [
        (Some(204), "2"),
        (Some(303), "2"),
        (Some(500), "2"),
        (None, "2"),
        (Some(403), "0"),
        (Some(409), "0"),
    ] {
        let rig = second(status);
        rig.get().await;
        let written = rig.send(request("PUT", "/hours", Some(ONE), &[])).await;
        assert_eq!(written.is_ok(), status.is_some());
        // A failed call's purge is a task of its own.
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        assert_eq!(rig.get().await.body, wanted, "{status:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_whose_client_hangs_up_forgets_all_the_same() {
    let rig = Arc::new(Rig::plain());
    rig.get().await;
    let closed = rig.handler.gate.acquire_many(99_999).await.unwrap();
    let write = tokio::spawn({
        let rig = Arc::clone(&rig);
        async move { rig.send(request("PUT", "/hours", Some(ONE), &[])).await }
    });
    rig.has_begun(2).await;
    write.abort();
    assert!(write.await.unwrap_err().is_cancelled());
    drop(closed);
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    assert_eq!(rig.get().await.body, "2");
}

#[tokio::test(start_paused = true)]
async fn what_was_read_before_a_write_is_not_kept_after_it() {
    let rig = Arc::new(Rig::plain());
    let closed = rig.handler.gate.acquire_many(100_000).await.unwrap();
    let old = tokio::spawn({
        let rig = Arc::clone(&rig);
        async move { rig.get().await.body }
    });
    rig.has_begun(1).await;
    let write = tokio::spawn({
        let rig = Arc::clone(&rig);
        async move { rig.send(request("PUT", "/hours", Some(ONE), &[])).await }
    });
    rig.has_begun(2).await;
    // The write ends first: permits are given in order of asking, so both are let go and the purge is awaited.
    drop(closed);
    write.await.unwrap().unwrap();
    assert_eq!(old.await.unwrap(), "0", "who asked before may have it");
    assert_eq!(rig.get().await.body, "2");
}
