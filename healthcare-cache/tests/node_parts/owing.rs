//! The queue owes what it was asked for until it was delivered, or more.

use crate::queue::{Batch, Owed, Queue};
use healthcare_cache::{Mark, ScopeMark, Verb};
use proptest::prelude::*;

const MAX: usize = 6;

fn scope(scope: u8) -> ScopeMark {
    ScopeMark([scope; 16])
}

fn marks(scope: u8, verb: Verb, marks: impl IntoIterator<Item = u16>) -> Owed {
    let marks = marks.into_iter().map(|mark| Mark([mark.to_be_bytes(); 8].concat().try_into().unwrap()));
    Owed::Marks { scope: self::scope(scope), verb, marks: marks.collect() }
}

/// Whether who forgets `wide` has forgotten `narrow`.
fn covers(wide: &Owed, narrow: &Owed) -> bool {
    let is_enough = |wide: Verb, narrow: Verb| wide == Verb::Purge || narrow == Verb::Expire;
    match (wide, narrow) {
        (Owed::Everything, _) => true,
        (Owed::Clinic { scope, verb }, Owed::Clinic { scope: of, verb: with }) => {
            scope == of && is_enough(*verb, *with)
        }
        (Owed::Clinic { scope, verb }, Owed::Marks { scope: of, verb: with, .. }) => {
            scope == of && is_enough(*verb, *with)
        }
        (Owed::Marks { scope, verb, marks }, Owed::Marks { scope: of, verb: with, marks: named }) => {
            scope == of && is_enough(*verb, *with) && named.iter().all(|mark| marks.contains(mark))
        }
        (_, Owed::Everything) | (Owed::Marks { .. }, Owed::Clinic { .. }) => false,
    }
}

fn drain(queue: &mut Queue) -> Vec<Owed> {
    let mut all = Vec::new();
    while let Some(batch) = queue.next() {
        queue.confirm(&batch);
        all.push(batch.owed);
        queue.validate().unwrap();
    }
    assert_eq!((queue.is_empty(), queue.len()), (true, 0));
    all
}

#[test]
fn a_mark_is_owed_once_and_the_stronger_verb_wins() {
    let mut queue = Queue::new(100);
    for verb in [Verb::Expire, Verb::Purge, Verb::Expire] {
        queue.push(&marks(1, verb, [7]));
    }
    assert_eq!((queue.len(), drain(&mut queue)), (1, vec![marks(1, Verb::Purge, [7])]));
    queue.push(&marks(1, Verb::Expire, [7]));
    assert_eq!(drain(&mut queue), [marks(1, Verb::Expire, [7])]);
}

#[test]
fn without_room_more_is_forgotten_than_was_asked() {
    let mut queue = Queue::new(2);
    queue.push(&marks(1, Verb::Expire, [1]));
    queue.push(&marks(1, Verb::Purge, [2]));
    queue.push(&marks(1, Verb::Expire, [2]));
    assert_eq!(queue.len(), 2);
    queue.push(&marks(1, Verb::Expire, [3]));
    let batch = queue.next().unwrap();
    assert_eq!(batch.owed, Owed::Clinic { scope: scope(1), verb: Verb::Purge });
    queue.push(&marks(2, Verb::Purge, [1]));
    assert_eq!(queue.len(), 2);
    queue.push(&marks(3, Verb::Expire, [1]));
    assert_eq!((queue.len(), queue.next().unwrap().owed), (1, Owed::Everything));
    queue.confirm(&batch);
    assert_eq!(queue.len(), 1, "what was on its way before does not pay for it");
    queue.push(&marks(4, Verb::Purge, 0..10));
    assert_eq!(drain(&mut queue), [Owed::Everything]);
}

#[test]
fn what_is_asked_again_while_it_is_delivered_is_delivered_again() {
    for owed in
        [marks(1, Verb::Purge, [1]), Owed::Clinic { scope: scope(1), verb: Verb::Purge }, Owed::Everything]
    {
        let mut queue = Queue::new(100);
        queue.push(&owed);
        let batch = queue.next().unwrap();
        queue.push(&owed);
        queue.confirm(&batch);
        assert_eq!(drain(&mut queue), [owed]);
    }
}

#[test]
fn one_delivery_is_no_more_than_one_call_takes() {
    let mut queue = Queue::new(10_000);
    queue.push(&marks(1, Verb::Purge, 0..2_500));
    let sizes: Vec<usize> = drain(&mut queue)
        .iter()
        .map(|owed| match owed {
            Owed::Marks { marks, .. } => marks.len(),
            Owed::Clinic { .. } | Owed::Everything => panic!("{owed:?}"),
        })
        .collect();
    assert_eq!(sizes, [1_000, 1_000, 500]);
}

#[derive(Debug, Clone)]
enum Step {
    Push(Owed),
    Take,
    Confirm,
    /// The delivery failed.
    Drop,
}

fn step() -> impl Strategy<Value = Step> {
    let verb = || prop_oneof![Just(Verb::Purge), Just(Verb::Expire)];
    let owed = prop_oneof![
        12 => (0_u8..5, verb(), 0_u16..5).prop_map(|(of, verb, mark)| marks(of, verb, [mark])),
        2 => (0_u8..5, verb()).prop_map(|(of, verb)| Owed::Clinic { scope: scope(of), verb }),
        1 => Just(Owed::Everything),
    ];
    prop_oneof![4 => owed.prop_map(Step::Push), 2 => Just(Step::Take), 2 => Just(Step::Confirm), 1 => Just(Step::Drop)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn nothing_is_lost(steps in prop::collection::vec(step(), 1..80)) {
        let mut queue = Queue::new(MAX);
        let (mut asked, mut taken): (Vec<Owed>, Option<(Batch, usize)>) = (Vec::new(), None);
        for step in steps {
            match step {
                Step::Push(owed) => {
                    queue.push(&owed);
                    asked.push(owed);
                }
                Step::Take => taken = queue.next().map(|batch| (batch, asked.len())),
                Step::Confirm => {
                    let Some((batch, before)) = taken.take() else { continue };
                    queue.confirm(&batch);
                    // It pays for what was asked before it set out.
                    let mut at = 0;
                    asked.retain(|owed| {
                        at += 1;
                        at > before || !covers(&batch.owed, owed)
                    });
                }
                Step::Drop => taken = None,
            }
            queue.validate().unwrap();
            let length = queue.len();
            prop_assert_eq!(queue.is_empty(), length == 0);
            prop_assert!(queue.len() <= 2 * MAX);
        }
        let left = drain(&mut queue);
        for owed in asked {
            prop_assert!(left.iter().any(|wide| covers(wide, &owed)), "{owed:?} is lost: {left:?}");
        }
    }
}
