use healthcare_cache::{
    ChaosShared, Fetched, Filled, Forget, Mark, MemoryServer, Mishap, NewEntry, NullShared, ScopeMark,
    SharedTier, Verb, Verdict,
};
use std::{
    future::Future,
    pin::pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

const CLINIC: ScopeMark = ScopeMark([1; 16]);
const KEY: Mark = Mark([2; 16]);
const TAG: Mark = Mark([3; 16]);

fn new_entry(seen: healthcare_cache::Seen) -> NewEntry<'static> {
    NewEntry { key: KEY, seen, marks: &[TAG], bytes: b"x", life: Duration::from_secs(60), lease: None }
}

async fn seen(tier: &dyn SharedTier) -> healthcare_cache::Seen {
    match tier.fetch(CLINIC, KEY).await.unwrap() {
        Fetched::Miss(seen) => seen,
        Fetched::Hit(entry) => entry.now,
    }
}

fn once<F: Future>(future: F) -> Poll<F::Output> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

#[tokio::test]
async fn nothing_keeps_nothing() {
    let tier: &dyn SharedTier = &NullShared;
    let fence = seen(tier).await;
    assert_eq!(tier.fill(CLINIC, new_entry(fence)).await.unwrap(), Filled::Stale);
    assert!(matches!(tier.fetch(CLINIC, KEY).await.unwrap(), Fetched::Miss(_)));
    assert_eq!(tier.check(CLINIC, &[KEY], fence).await.unwrap(), Verdict::Stale);
    let bar = tier.bar(CLINIC, &[TAG], Duration::from_secs(1), &[]).await.unwrap();
    tier.lift(&bar, &[]).await.unwrap();
    tier.forget_clinic(CLINIC, Verb::Purge, &[]).await.unwrap();
}

#[tokio::test]
async fn what_fails_or_hangs_before_has_not_happened() {
    let tier = ChaosShared::new(MemoryServer::new().node());
    let fence = seen(&tier).await;
    tier.next([Mishap::Fail, Mishap::Hang]);
    assert!(tier.fill(CLINIC, new_entry(fence)).await.is_err());
    assert!(once(tier.fill(CLINIC, new_entry(fence))).is_pending());
    assert!(matches!(tier.fetch(CLINIC, KEY).await.unwrap(), Fetched::Miss(_)));
}

#[tokio::test]
async fn what_loses_its_answer_has_happened() {
    for mishap in [Mishap::LoseReply, Mishap::HangAfter] {
        let tier = ChaosShared::new(MemoryServer::new().node());
        let fence = seen(&tier).await;
        tier.next([mishap]);
        match once(tier.fill(CLINIC, new_entry(fence))) {
            Poll::Ready(answer) => assert!(answer.is_err() && mishap == Mishap::LoseReply),
            Poll::Pending => assert_eq!(mishap, Mishap::HangAfter),
        }
        assert!(matches!(tier.fetch(CLINIC, KEY).await.unwrap(), Fetched::Hit(_)), "{mishap:?}");
    }
}

#[tokio::test]
async fn it_goes_wrong_until_told_otherwise() {
    let tier = ChaosShared::new(MemoryServer::new().node());
    tier.always(Mishap::Fail);
    let forget = Forget { marks: &[TAG], keys: &[], verb: Verb::Purge };
    assert!(tier.forget(CLINIC, forget, &[]).await.is_err() && tier.purge_all(&[]).await.is_err());
    tier.next([Mishap::None]);
    assert!(tier.generation().await.is_ok() && tier.generation().await.is_err());
    tier.always(Mishap::None);
    assert!(tier.forget(CLINIC, forget, &[]).await.is_ok());
    assert_eq!(tier.inner().generation().await.unwrap(), 0);
}

#[tokio::test]
async fn nothing_of_a_value_is_shown() {
    let tier = MemoryServer::new().node();
    let fence = seen(&tier).await;
    let entry = NewEntry { bytes: b"Ivanova", ..new_entry(fence) };
    tier.fill(CLINIC, entry).await.unwrap();
    let found = tier.fetch(CLINIC, KEY).await.unwrap();
    for shown in [format!("{entry:?}"), format!("{found:?}"), format!("{tier:?}")] {
        assert!(!shown.contains("Ivanova") && !shown.contains("73, 118, 97"), "{shown}");
    }
}
