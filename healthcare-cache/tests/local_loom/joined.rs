//! What look-ups, loads and purges share with the ears and the queue.

use crate::{
    KEY,
    bars::Bars,
    debt::Debt,
    explore,
    hears::Hears,
    queue::Owed,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    versions::{Fence, Forget, Versions},
};
use healthcare_cache::{Mark, ScopeMark, Verb};
use loom::thread;

fn purge() -> Owed {
    Owed::Marks { scope: ScopeMark([1; 16]), verb: Verb::Purge, marks: vec![Mark([0; 16])] }
}

/// A purge elsewhere at 100, the bound 100: a look-up at 250 must not find what it purged. The ear was silent until then,
/// and hears the notice and a beat of 200 at once.
#[test]
fn a_look_up_that_is_covered_finds_forgotten_what_had_to_be() {
    explore(|| {
        let (hears, versions) = (Arc::new(Hears::nothing()), Arc::new(Versions::new(1, 1)));
        hears.set(200);
        let kept = versions.fence(0, KEY, KEY);
        let ear = {
            let (hears, versions) = (Arc::clone(&hears), Arc::clone(&versions));
            thread::spawn(move || {
                versions.purge(Forget::Mark(KEY));
                hears.set(300);
            })
        };
        // As `glance` does.
        let is_served = hears.covers(250) && versions.stand(&kept);
        assert!(!is_served);
        ear.join().unwrap();
        assert!(hears.covers(250) && !versions.stand(&kept));
    });
}

/// A purge that the shared tier did not hear of, against a load that reads that tier.
#[test]
fn what_the_shared_tier_still_holds_does_not_land_after_a_purge_that_is_owed() {
    explore(|| {
        let (debt, versions) = (Arc::new(Debt::new(4)), Arc::new(Versions::new(1, 1)));
        let kept: Arc<Mutex<Option<Fence>>> = Arc::new(Mutex::new(None));
        let load = {
            let (debt, versions, kept) = (Arc::clone(&debt), Arc::clone(&versions), Arc::clone(&kept));
            thread::spawn(move || {
                let fence = versions.fence(0, KEY, KEY);
                // Else it reads the source, which is up to date.
                if debt.is_clear() && versions.stand(&fence) {
                    *kept.lock() = Some(fence);
                }
            })
        };
        // As `Purge::settle` does.
        debt.owe(&purge());
        versions.purge(Forget::Mark(KEY));
        let finds_old = || kept.lock().as_ref().is_some_and(|fence| versions.stand(fence));
        assert!(!finds_old(), "right after");
        load.join().unwrap();
        assert!(!finds_old(), "later");
        let batch = debt.next().unwrap();
        assert_eq!((debt.confirm(&batch), debt.is_clear()), (0, true));
    });
}

/// A write under a bar, against a load that reads before it and keeps after it, or under it.
#[test]
fn what_was_read_before_a_write_does_not_land_after_its_bar() {
    explore(|| {
        let (bars, versions) = (Arc::new(Bars::new()), Arc::new(Versions::new(1, 1)));
        let source = Arc::new(AtomicU64::new(1));
        let kept: Arc<Mutex<Option<(u64, Fence)>>> = Arc::new(Mutex::new(None));
        let load = {
            let (bars, versions, source, kept) =
                (Arc::clone(&bars), Arc::clone(&versions), Arc::clone(&source), Arc::clone(&kept));
            thread::spawn(move || {
                let fence = versions.fence(0, KEY, KEY);
                let value = source.load(Ordering::Acquire);
                let is_barred = bars.hold(&[Mark([0; 16])], 0, |lapse| panic!("{lapse:?}"));
                if !is_barred && versions.stand(&fence) {
                    *kept.lock() = Some((value, fence));
                }
            })
        };
        let (marks, scope) = ([Mark([0; 16])], ScopeMark([1; 16]));
        let token = bars.add(scope, &marks, 0, 100, |lapse| panic!("{lapse:?}")).unwrap();
        versions.purge(Forget::Mark(KEY));
        let found = || kept.lock().clone().filter(|(_, fence)| versions.stand(fence)).map(|(value, _)| value);
        assert_eq!(found(), None, "nothing is kept while it is barred");
        source.store(2, Ordering::Release);
        versions.purge(Forget::Mark(KEY));
        bars.remove(&marks, token);
        assert_ne!(found(), Some(1));
        load.join().unwrap();
        assert_ne!(found(), Some(1));
    });
}

/// A bar that runs out, found by the very load that wants to keep what it read under it.
#[test]
fn who_finds_a_bar_run_out_keeps_nothing_from_before() {
    explore(|| {
        let (bars, versions) = (Arc::new(Bars::new()), Arc::new(Versions::new(1, 1)));
        let (marks, scope) = ([Mark([0; 16])], ScopeMark([1; 16]));
        bars.add(scope, &marks, 0, 100, |lapse| panic!("{lapse:?}")).unwrap();
        let keeps = |bars: &Bars, versions: &Versions, fence: &Fence| {
            let lapse = |_| {
                versions.purge(Forget::Mark(KEY));
            };
            !bars.hold(&[Mark([0; 16])], 100, lapse) && versions.stand(fence)
        };
        let fence = versions.fence(0, KEY, KEY);
        let other = {
            let (bars, versions, fence) = (Arc::clone(&bars), Arc::clone(&versions), fence.clone());
            thread::spawn(move || assert!(!keeps(&bars, &versions, &fence)))
        };
        assert!(!keeps(&bars, &versions, &fence));
        other.join().unwrap();
    });
}
