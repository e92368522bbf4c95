use healthcare_cache::{
    ChaosShared, Fetched, Filled, Forget, Lease, LeaseToken, Leased, Listener, Mark, MemoryServer, Mishap,
    NewEntry, NoticeMishap, NullShared, ScopeMark, SharedError, SharedTier, Verb, Verdict,
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
    let lease = Lease { token: LeaseToken::random(), longest: Duration::from_secs(1), renew: Duration::ZERO };
    for _ in 0..2 {
        assert_eq!(
            tier.fetch_or_lease(CLINIC, KEY.into(), lease).await.unwrap(),
            Leased::Yours(fence),
            "nobody waits"
        );
    }
    tier.release(CLINIC, KEY, lease.token).await.unwrap();
    tier.say(b"to nobody").await.unwrap();
    assert!(matches!(tier.listen().await.unwrap_err(), SharedError::Deaf));
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

/// What is heard without waiting.
async fn heard(listener: &mut Box<dyn Listener>) -> Vec<u8> {
    let mut all = Vec::new();
    while let Poll::Ready(notice) = once(listener.next()) {
        all.extend(notice.unwrap());
    }
    all
}

async fn say(tier: &dyn SharedTier, notices: &[u8]) {
    for notice in notices {
        tier.say(&[*notice]).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn notices_are_lost_doubled_and_out_of_order_on_command() {
    use NoticeMishap::{AfterNext, Delay, Lose, Twice};
    let tier = ChaosShared::new(MemoryServer::new().node());
    let mut listener = tier.listen().await.unwrap();
    tier.next_hear([NoticeMishap::None, Lose, Twice, AfterNext, NoticeMishap::None, AfterNext, AfterNext]);
    say(&tier, b"abcdefgh").await;
    assert_eq!(heard(&mut listener).await, b"accedgfh");
    tier.always_hear(Delay(Duration::from_secs(2)));
    tier.next_hear([Delay(Duration::from_secs(1)), Delay(Duration::from_secs(3)), NoticeMishap::None]);
    say(&tier, b"ijkl").await;
    assert_eq!(heard(&mut listener).await, b"k");
    let began = tokio::time::Instant::now();
    for (notice, seconds) in [(b"i", 1), (b"l", 2), (b"j", 3)] {
        assert_eq!((&listener.next().await.unwrap()[..], began.elapsed().as_secs()), (&notice[..], seconds));
    }
    // Two listeners draw from one plan.
    tier.always_hear(NoticeMishap::None);
    let mut other = tier.listen().await.unwrap();
    tier.next_hear([Lose]);
    say(&tier, b"m").await;
    assert_eq!((heard(&mut other).await, heard(&mut listener).await), (vec![], b"m".to_vec()));
}

#[tokio::test(start_paused = true)]
async fn a_deaf_node_hears_nothing_of_what_was_told_meanwhile() {
    let tier = ChaosShared::new(MemoryServer::new().node());
    let mut listener = tier.listen().await.unwrap();
    for is_asked_meanwhile in [false, true] {
        say(&tier, b"a").await;
        assert_eq!(heard(&mut listener).await, b"a");
        tier.next_hear([NoticeMishap::Delay(Duration::from_secs(1))]);
        say(&tier, b"b").await;
        assert!(heard(&mut listener).await.is_empty(), "it is on its way");
        tier.deafen(true);
        say(&tier, b"c").await;
        if is_asked_meanwhile {
            assert!(heard(&mut listener).await.is_empty());
            say(&tier, b"d").await;
        }
        assert!(tier.fetch(CLINIC, KEY).await.is_ok(), "calls go on");
        let mut late = tier.listen().await.unwrap();
        tier.deafen(false);
        assert!(heard(&mut listener).await.is_empty(), "asked meanwhile: {is_asked_meanwhile}");
        assert!(heard(&mut late).await.is_empty());
        say(&tier, b"e").await;
        for listener in [&mut listener, &mut late] {
            assert_eq!(listener.next().await.unwrap(), b"e");
        }
        tokio::time::advance(Duration::from_secs(2)).await;
        assert!(heard(&mut listener).await.is_empty(), "what was on its way is lost");
    }
}

#[tokio::test(start_paused = true)]
async fn a_cut_link_fails_and_a_new_one_hears() {
    let tier = ChaosShared::new(MemoryServer::new().node());
    let mut listener = tier.listen().await.unwrap();
    let waiting = tokio::spawn(async move { (listener.next().await, listener) });
    tokio::task::yield_now().await;
    tier.cut();
    let (failed, mut listener) = waiting.await.unwrap();
    assert!(matches!(failed, Err(SharedError::Away(_))));
    say(&tier, b"a").await;
    assert!(listener.next().await.is_err(), "it stays lost");
    tier.next([Mishap::Fail]);
    assert!(tier.listen().await.is_err());
    let mut listener = tier.listen().await.unwrap();
    say(&tier, b"b").await;
    assert_eq!(listener.next().await.unwrap(), b"b");
}

#[tokio::test]
async fn who_listens_too_late_loses_his_link() {
    let tier = MemoryServer::new().node();
    let mut listener = tier.listen().await.unwrap();
    for _ in 0..5_000 {
        say(&tier, b"a").await;
    }
    assert!(listener.next().await.is_err(), "what is kept for him is bounded");
}
