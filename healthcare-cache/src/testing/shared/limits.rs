use super::{KEY, MINUTE, SharedRig, TAG, fence, found, kept, mark, scope};
use crate::{Filled, Forget, Mark, NewEntry, SharedError, SharedLimits, SharedTier as _, Sought, Verb};
use std::{
    future::Future,
    pin::pin,
    task::{Context, Waker},
    time::Duration,
};

pub(super) async fn too_much_is_refused<R: SharedRig>(rig: &R) {
    let (tier, clinic) = (rig.node(), scope());
    let marks: Vec<Mark> = (0..=1_000).map(mark).collect();
    let sought: Vec<Sought<'_>> = marks.iter().map(|mark| Sought::from(*mark)).collect();
    let seen = fence(&tier, clinic, KEY).await;
    let entry = NewEntry { key: KEY, seen, marks: &marks[..17], bytes: b"x", life: MINUTE, lease: None };
    let is_too_many = |error: SharedError| assert!(matches!(error, SharedError::TooMany { .. }), "{error:?}");
    is_too_many(tier.fill(clinic, entry).await.expect_err("17 marks"));
    is_too_many(tier.bar(clinic, &marks[..17], MINUTE, &[]).await.expect_err("17 marks"));
    is_too_many(tier.fetch_many(clinic, &sought).await.expect_err("1,001 keys"));
    is_too_many(tier.check(clinic, &marks, seen).await.expect_err("1,001 marks"));
    let forget = Forget { marks: &marks[..500], keys: &marks[500..], verb: Verb::Purge };
    is_too_many(tier.forget(clinic, forget, &[]).await.expect_err("1,001 marks and keys"));
    for longest in [Duration::ZERO, Duration::from_secs(121), Duration::MAX] {
        let refused = tier.bar(clinic, &[TAG], longest, &[]).await.expect_err("no length of a bar");
        assert!(matches!(refused, SharedError::BarLength), "{refused:?}");
    }
    let long = vec![7; SharedLimits::NOTICE_MAX + 1];
    let forget = Forget { marks: &[mark(9)], keys: &[], verb: Verb::Purge };
    let bar = tier.bar(clinic, &[mark(9)], MINUTE, &long[1..]).await.expect("the longest notice");
    is_too_many(tier.forget(clinic, forget, &long).await.expect_err("a long notice"));
    is_too_many(tier.forget_clinic(clinic, Verb::Purge, &long).await.expect_err("a long notice"));
    is_too_many(tier.purge_all(&long).await.expect_err("a long notice"));
    is_too_many(tier.bar(clinic, &[mark(9)], MINUTE, &long).await.expect_err("a long notice"));
    is_too_many(tier.lift(&bar, &long).await.expect_err("a long notice"));
    is_too_many(tier.say(&long).await.expect_err("a long notice"));
    tier.lift(&bar, &[]).await.expect("the tier answers");
    let seen = fence(&tier, clinic, KEY).await;
    let large = vec![7; 4_097];
    let entry = NewEntry { seen, marks: &marks[..SharedLimits::MARKS_PER_ENTRY], bytes: &large, ..entry };
    assert_eq!(tier.fill(clinic, entry).await.expect("the tier answers"), Filled::TooLarge);
    assert!(found(&tier, clinic, KEY).await.is_none(), "nothing of it was done");
    let entry = NewEntry { bytes: &large[..4_096], ..entry };
    assert_eq!(tier.fill(clinic, entry).await.expect("the tier answers"), Filled::Stored);
    assert_eq!(found(&tier, clinic, KEY).await.expect("what just fits is kept").marks.len(), 16);
    let answers = tier.fetch_many(clinic, &sought[..1_000]).await.expect("1,000 keys");
    assert_eq!(answers.len(), 1_000);
    let forget = Forget { marks: &marks[..500], keys: &marks[500..1_000], verb: Verb::Purge };
    tier.forget(clinic, forget, &[]).await.expect("1,000 marks and keys");
}

pub(super) async fn dropped_futures_leave_it_usable<R: SharedRig>(rig: &R) {
    let (tier, clinic) = (rig.node(), scope());
    let seen = fence(&tier, clinic, KEY).await;
    let entry = NewEntry { key: KEY, seen, marks: &[TAG], bytes: b"x", life: MINUTE, lease: None };
    let forget = Forget { marks: &[TAG], keys: &[KEY], verb: Verb::Purge };
    for _ in 0..3 {
        dropped(tier.fetch(clinic, KEY));
        dropped(tier.fill(clinic, entry));
        dropped(tier.check(clinic, &[KEY], seen));
        dropped(tier.forget(clinic, forget, &[]));
        dropped(tier.forget_clinic(clinic, Verb::Purge, &[]));
        dropped(tier.purge_all(&[]));
        dropped(tier.generation());
        dropped(tier.bar(clinic, &[mark(9)], MINUTE, &[]));
    }
    let bar = tier.bar(clinic, &[TAG], MINUTE, &[]).await.expect("the tier answers");
    dropped(tier.lift(&bar, &[]));
    tier.lift(&bar, &[]).await.expect("the tier answers");
    // Whatever of it happened, answers are still those of the questions.
    for number in 0..20_u8 {
        let key = mark(50 + u128::from(number));
        dropped(tier.fetch(clinic, KEY));
        kept(&tier, clinic, key, &[number]).await;
    }
}

/// Polls once, so that something is under way, and drops it.
fn dropped<O>(future: impl Future<Output = O>) {
    let _ = pin!(future).poll(&mut Context::from_waker(Waker::noop()));
}
