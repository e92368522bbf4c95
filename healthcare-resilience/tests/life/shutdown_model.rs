//! Whatever the order of comings, goings, stop and deadline: everything that was in flight is accounted for once.

use healthcare_resilience::{Guard, Shutdown};
use proptest::prelude::*;
use std::time::Duration;

#[derive(Debug, Clone, Copy)]
enum Step {
    Enter(bool),
    Leave(usize),
    Begin,
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => any::<bool>().prop_map(Step::Enter),
        4 => (0_usize..8).prop_map(Step::Leave),
        1 => Just(Step::Begin),
        3 => (0_u64..15).prop_map(Step::Wait),
    ]
}

async fn run(steps: Vec<Step>) {
    let shutdown = Shutdown::builder().stage("http", Duration::from_secs(10)).build().unwrap();
    let http = shutdown.stage("http").unwrap();
    let draining = tokio::spawn({
        let shutdown = shutdown.clone();
        async move { shutdown.drain().await }
    });
    let mut guards: Vec<Guard> = Vec::new();
    let (mut begun_for, mut at_stop, mut finished, mut cut): (Option<u64>, usize, usize, Option<usize>) =
        (None, 0, 0, None);
    for step in steps.into_iter().chain([Step::Begin, Step::Wait(30)]) {
        match step {
            Step::Enter(is_request) => match http.enter(if is_request { "request" } else { "download" }) {
                Ok(guard) => {
                    assert!(begun_for.is_none(), "work came in after the stop");
                    guards.push(guard);
                }
                Err(_) => assert!(begun_for.is_some(), "work was refused before the stop"),
            },
            Step::Leave(at) if at < guards.len() => {
                drop(guards.swap_remove(at));
                if begun_for.is_some() && cut.is_none() {
                    finished += 1;
                }
            }
            Step::Leave(_) => {}
            Step::Begin if begun_for.is_none() => {
                at_stop = guards.len();
                begun_for = Some(0);
                shutdown.begin();
            }
            Step::Begin => {}
            Step::Wait(seconds) => {
                tokio::time::sleep(Duration::from_secs(seconds)).await;
                begun_for = begun_for.map(|before| before + seconds);
            }
        }
        // Lets the drain see what happened, as it would between two events of a real program.
        for _ in 0..8 {
            tokio::task::yield_now().await;
        }
        if begun_for.is_some_and(|seconds| seconds >= 10 || guards.is_empty()) && cut.is_none() {
            cut = Some(guards.len());
        }
        assert_eq!(http.in_flight(), guards.len());
    }
    let report = draining.await.unwrap();
    let stage = &report.stages[0];
    assert_eq!(stage.finished, finished);
    assert_eq!(stage.cut_off.iter().map(|(_, count)| count).sum::<usize>(), cut.unwrap());
    assert_eq!(stage.finished + cut.unwrap(), at_stop, "something was lost or counted twice");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn every_piece_of_work_is_accounted_for_once(steps in prop::collection::vec(step(), 0..40)) {
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(run(steps));
    }
}
