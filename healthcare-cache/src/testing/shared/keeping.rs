use super::{
    KEY, MINUTE, OTHER_KEY, OTHER_TAG, SharedRig, TAG, WAYS, fence, filled, found, kept, mark, scope,
};
use crate::{Fetched, Filled, NewEntry, Seen, SharedTier as _, Sought, Verdict};
use std::time::Duration;

pub(super) async fn a_value_is_found_by_its_clinic_and_key_alone<R: SharedRig>(rig: &R) {
    let (here, there, clinic) = (rig.node(), rig.node(), scope());
    let bytes: Vec<u8> = (0..=255).collect();
    let seen = fence(&here, clinic, KEY).await;
    let entry =
        NewEntry { key: KEY, seen, marks: &[TAG, OTHER_TAG], bytes: &bytes, life: MINUTE, lease: None };
    assert_eq!(here.fill(clinic, entry).await.expect("the tier answers"), Filled::Stored);
    let entry = found(&there, clinic, KEY).await.expect("another node finds it");
    assert_eq!((&entry.bytes, &entry.marks[..], entry.is_over), (&bytes, &[TAG, OTHER_TAG][..], false));
    assert_eq!((entry.seen.epoch, entry.seen.number), (seen.epoch, seen.number));
    assert!(entry.left <= MINUTE && !entry.left.is_zero(), "{:?}", entry.left);
    assert!(found(&there, clinic, OTHER_KEY).await.is_none(), "another key is another value");
    assert!(found(&there, clinic, TAG).await.is_none(), "a tag is no key");
    assert!(found(&there, scope(), KEY).await.is_none(), "another clinic is another value");
    kept(&there, clinic, KEY, b"").await;
    let seen = fence(&here, clinic, KEY).await;
    let lone = NewEntry { key: OTHER_KEY, seen, marks: &[], bytes: b"x", life: MINUTE, lease: None };
    assert_eq!(here.fill(clinic, lone).await.expect("the tier answers"), Filled::Stored);
    assert!(found(&here, clinic, OTHER_KEY).await.is_some(), "a value without marks is a value");
}

pub(super) async fn a_life_ends<R: SharedRig>(rig: &R) {
    let (tier, clinic) = (rig.node(), scope());
    let life = Duration::from_millis(40);
    let seen = fence(&tier, clinic, KEY).await;
    let entry = NewEntry { key: KEY, seen, marks: &[], bytes: b"x", life, lease: None };
    tier.fill(clinic, entry).await.expect("the tier answers");
    rig.pass(life).await;
    assert!(found(&tier, clinic, KEY).await.is_none(), "its life is over");
    let entry = NewEntry { life: Duration::MAX, ..entry };
    assert_eq!(tier.fill(clinic, entry).await.expect("the tier answers"), Filled::Stored);
    let left = found(&tier, clinic, KEY).await.expect("a life for ever is cut, not refused").left;
    assert!(left <= Duration::from_secs(3_600), "the tier's longest life holds: {left:?}");
    let entry = NewEntry { key: OTHER_KEY, life: Duration::from_micros(999), ..entry };
    assert_eq!(tier.fill(clinic, entry).await.expect("the tier answers"), Filled::NoLife);
    assert!(found(&tier, clinic, OTHER_KEY).await.is_none());
}

pub(super) async fn many_are_answered_in_order<R: SharedRig>(rig: &R) {
    let (tier, clinic) = (rig.node(), scope());
    for number in [1_u8, 3, 5] {
        kept(&tier, clinic, mark(u128::from(number)), &[number]).await;
    }
    let sought = [5_u128, 4, 3, 3, 1].map(|number| Sought::from(mark(number)));
    let answers = tier.fetch_many(clinic, &sought).await.expect("the tier answers");
    let bytes: Vec<Option<Vec<u8>>> = answers
        .into_iter()
        .map(|answer| match answer {
            Fetched::Hit(entry) => Some(entry.bytes),
            Fetched::Miss(_) => None,
        })
        .collect();
    assert_eq!(bytes, [Some(vec![5]), None, Some(vec![3]), Some(vec![3]), Some(vec![1])]);
    assert!(tier.fetch_many(clinic, &[]).await.expect("nothing is no error").is_empty());
}

pub(super) async fn a_check_says_what_a_fetch_would<R: SharedRig>(rig: &R) {
    for way in WAYS {
        let (here, there, clinic) = (rig.node(), rig.node(), scope());
        let seen = fence(&here, clinic, KEY).await;
        assert_eq!(filled(&here, clinic, KEY, seen, b"x").await, Filled::Stored);
        let marks = [KEY, TAG];
        let check = async |marks| here.check(clinic, marks, seen).await.expect("the tier answers");
        assert_eq!(check(&marks).await, Verdict::Current);
        way.go(&there, clinic, KEY, TAG).await;
        here.generation().await.expect("the tier answers");
        let wanted = if way.is_purge() { Verdict::Stale } else { Verdict::Over };
        assert_eq!(check(&marks).await, wanted, "{way:?}");
    }
    let (tier, clinic) = (rig.node(), scope());
    let seen = fence(&tier, clinic, KEY).await;
    let bar = tier.bar(clinic, &[TAG], MINUTE, &[]).await.expect("the tier answers");
    assert_eq!(tier.check(clinic, &[KEY, TAG], seen).await.expect("the tier answers"), Verdict::Barred);
    assert_eq!(tier.check(clinic, &[KEY], seen).await.expect("the tier answers"), Verdict::Current);
    tier.lift(&bar, &[]).await.expect("the tier answers");
    let ahead = Seen { number: seen.number + 1_000, ..seen };
    for foreign in [ahead, Seen { epoch: seen.epoch ^ 1, ..seen }] {
        assert_eq!(tier.check(clinic, &[KEY], foreign).await.expect("the tier answers"), Verdict::Stale);
        assert_eq!(
            filled(&tier, clinic, KEY, foreign, b"x").await,
            Filled::Stale,
            "nobody gave this fence out"
        );
    }
}
