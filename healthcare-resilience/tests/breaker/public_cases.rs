//! The state-machine cases of other breakers' suites, re-derived: configuration, calls, expected state. Where ours differs
//! on purpose, the case shows how, and its name says so. Sources: `docs/evidence/resilience-cases/breaker.md`.

use crate::script::{Player, plain, play};
use healthcare_resilience::BreakerBuilder;
use std::time::Duration;

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// `name: rules, script;` is a test of that name.
macro_rules! cases {
    ($($name:ident: $rules:expr, $script:expr;)*) => {
        $(
            #[test]
            fn $name() {
                play($rules, $script);
            }
        )*
    };
}

fn told(rules: BreakerBuilder, script: &str) -> Vec<String> {
    let mut player = Player::new(rules);
    let mut events = player.breaker.events();
    player.play(script);
    std::iter::from_fn(|| events.try_next().unwrap())
        .map(|event| format!("{} {} {}", event.from, event.to, event.cause))
        .collect()
}

mod polly {
    use super::*;

    /// Half of at least four calls in ten seconds.
    fn advanced() -> BreakerBuilder {
        plain().time_window(secs(10)).min_calls(4).failure_rate(0.5)
    }

    /// The shortest window they allow, which has one slice with them.
    fn short() -> BreakerBuilder {
        advanced().time_window(Duration::from_millis(199))
    }

    fn rate(min_calls: u32) -> BreakerBuilder {
        plain().time_window(secs(10)).min_calls(min_calls).failure_rate(0.1)
    }

    cases! {
        starts_closed: advanced(), "=closed #0/0/0";
        a_good_call_that_makes_the_minimum_does_not_open: advanced(), "f f f s =closed";
        errors_that_are_not_handled_do_not_count: advanced(), "i*10 =closed #0/0/0";
        all_of_the_minimum_fail_at_once: advanced(), "f f f =closed f =open x";
        all_of_the_minimum_fail_in_two_slices: advanced(), "f f f +2s =closed f =open x";
        three_of_four_fail_at_once: advanced(), "s f f =closed f =open";
        three_of_four_fail_in_two_slices: advanced(), "s f f +2s f =open";
        the_rate_is_reached_at_once: advanced(), "s s f =closed f =open";
        the_rate_is_reached_in_two_slices: advanced(), "s s f +2s f =open";
        the_window_is_long_over: advanced(), "s s f +20s f =closed #1/1/0";
        the_window_is_over_exactly: advanced(), "s s f +10s f =closed #1/1/0";
        a_failure_at_the_end_and_one_behind: advanced(), "s s +9999ms f +1ms f =closed #2/2/0";
        the_last_failure_is_just_within: advanced(), "f f f +9999ms +999999ns f =open";
        neither_rate_nor_minimum: advanced(), "s s f =closed";
        minimum_but_not_rate: advanced(), "s s s f =closed";
        failures_on_both_sides_of_an_edge: advanced(), "s +9999ms s s f =closed +1ms f =open";
        failures_on_both_sides_below_the_minimum: advanced(), "s +9999ms f f =closed +1ms f =closed #3/3/0";
        failures_in_the_second_slice_and_behind_the_last: advanced(), "s +1s f f s +9s f =open";
        short_window_all_fail: short(), "f f f =closed f =open";
        short_window_some_fail: short(), "s f f =closed f =open";
        short_window_rate_is_reached: short(), "s s f =closed f =open";
        short_window_is_over: short(), "s s f +199ms f =closed #1/1/0";
        short_window_nearly_over_one_slice_of_32_sooner: short(), "f f f +192ms f =open";
        short_window_slides_here_too_where_theirs_starts_anew: short(), "s +198ms s s f =closed +1ms f =open";
        half_open_comes_with_a_call_not_with_a_look: advanced(), "f*4 +30s =open left=0s ( =half_open";
        a_failed_probe_opens_for_the_whole_time: advanced(), "f*4 +30s f =open left=30s +29s x +1s ( =half_open";
        a_good_probe_closes_and_forgets: advanced(), "f*4 +30s s =closed #0/0/0 f f f =closed f =open";
        one_probe_at_a_time: advanced(), "f*4 +30s ( x =half_open";
        another_probe_when_the_first_takes_too_long: advanced().lease(secs(30)), "f*4 +30s ( x +30s ( =half_open x";
        isolated_refuses: advanced(), "force =forced_open x";
        isolated_stays_so: advanced(), "force +10000s x =forced_open";
        reset_ends_isolation: advanced(), "force x reset =closed s";
        reset_ends_an_open_time_early: advanced(), "f*4 x reset =closed s";
        isolated_a_late_success_changes_nothing: advanced(), "( force )s =forced_open stale=1";
        isolated_a_late_failure_changes_nothing: advanced(), "( force )f =forced_open stale=1";
        open_a_late_failure_changes_nothing: advanced(), "( f*4 left=30s +10s )f =open left=20s stale=1";
        behaviour_no_failure_of_ten: rate(10), "s*10 =closed";
        behaviour_one_failure_of_ten_is_a_tenth: rate(10), "s*9 f =open";
        behaviour_two_failures_of_ten: rate(10), "s*8 f =closed f =open";
        behaviour_nine_calls_are_too_few: rate(10), "s*5 f*4 =closed";
        health_counts: rate(100), "f s s s s #5/1/0";
        health_keeps_the_window: rate(100), "f s +2s #2/1/0 f s +2s #4/2/0 s s +2s s s +2s #8/2/0 s s +2s #8/1/0 +2s #6/0/0";
        health_loses_one_slice_after_another: rate(100), "s +1s s +1s s +1s s +1s s +1s s +1s s +1s s +1s s +1s s +1s #9/0/0 +1s #8/0/0";
        health_is_over_at_its_length: rate(100), "s s +10s #0/0/0";
        health_is_over_behind_its_length: rate(100), "s s +10s +1ms #0/0/0";
        health_resets: rate(100), "s reset #0/0/0";
        controller_closed_half_open_closed: advanced(), "trip +30s s =closed";
        controller_closed_half_open_open_half_open_closed: advanced(), "trip +30s f =open +1ms x left=29999ms +60s s =closed";
        controller_counts_half_open_times_until_closed:
            advanced(), "trip opens=1 +30s f opens=2 +30s f opens=3 +30s s opens=0 trip opens=1 +30s f opens=2";
        simple_failures_not_in_a_row: plain().consecutive(2), "f s f =closed";
        simple_failures_in_a_row: plain().consecutive(2), "f =closed f =open x";
        simple_other_errors_do_not_count: plain().consecutive(2), "i i i =closed f i f =open";
        simple_half_open_fails: plain().consecutive(2), "f f +30s f =open left=30s x";
        simple_half_open_passes: plain().consecutive(2), "f f +30s s =closed f =closed f =open";
        simple_one_probe_at_a_time: plain().consecutive(2), "f f +30s ( x )s =closed";
    }

    #[test]
    fn listeners_hear_of_breaks_resets_and_half_opens_once() {
        assert!(told(advanced(), "s*20").is_empty(), "nothing when it starts, nothing for good calls");
        assert_eq!(told(advanced(), "f*4 x*5"), ["closed open failures"], "refused calls are no breaks");
        assert_eq!(told(advanced(), "( f*4 )f"), ["closed open failures"], "a late failure neither");
        assert_eq!(told(advanced(), "force force"), ["closed forced_open by_hand"]);
        let whole = ["closed open failures", "open half_open wait_over", "half_open closed probes_passed"];
        assert_eq!(told(advanced(), "f*4 +30s s"), whole);
        let again = ["closed open failures", "open half_open wait_over", "half_open open failures"];
        assert_eq!(told(advanced(), "f*4 +30s f"), again);
        assert_eq!(told(advanced(), "f*4 reset"), ["closed open failures", "open closed by_hand"]);
    }

    /// Their last exception is gone with a reset; our last class stays, since it is for people who look later.
    #[test]
    fn the_last_failure_is_kept_even_when_reset() {
        let mut player = Player::new(advanced());
        assert_eq!(player.breaker.snapshot().last_failure, None);
        player.play("f =closed");
        assert!(player.breaker.snapshot().last_failure.is_some());
        player.play("f*3 =open reset");
        assert!(player.breaker.snapshot().last_failure.is_some());
    }

    /// Cancelled before, during and after: before is not run, during is neutral (theirs closes a half-open circuit).
    #[tokio::test]
    async fn cancellation_is_neutral() {
        let player = play(advanced(), "trip +30s");
        drop(player.breaker.call(async { panic!("not run") as Result<(), std::fmt::Error> }));
        assert_eq!(player.breaker.state().as_str(), "open");
        let call = player.breaker.call(std::future::pending::<Result<(), std::fmt::Error>>());
        assert!(tokio::time::timeout(Duration::ZERO, call).await.is_err());
        assert_eq!((player.breaker.state().as_str(), player.breaker.snapshot().probes_out), ("half_open", 0));
    }
}

mod resilience4j {
    use super::*;

    fn rules() -> BreakerBuilder {
        let open_for = secs(5);
        plain()
            .time_window(secs(20))
            .min_calls(5)
            .failure_rate(0.5)
            .slow_calls(secs(2), 0.5)
            .probes(4)
            .open_for(open_for)
            .open_growth(1.0, open_for)
    }

    fn watched(size: u32) -> BreakerBuilder {
        plain().count_window(size).slow_calls(secs(2), 1.0)
    }

    fn five_seconds() -> BreakerBuilder {
        plain().time_window(secs(5)).min_calls(1000)
    }

    cases! {
        open_refuses_and_counts: rules(), "trip x refused=1";
        forced_open_refuses_and_counts: rules(), "force x refused=1";
        a_released_permit_is_free_again: rules(), "trip +5s (*4 x x )c ( x";
        four_probes_and_no_fifth: rules(), "trip +5s (*4 x refused=1";
        four_probes_in_each_half_open_time: rules(), "trip +5s (*4 x x trip +5s (*4 x x";
        failures_over_some_seconds: rules(), "s +1s s +1s s +1s f +1s f =closed +1s =closed f =open";
        the_success_that_makes_the_minimum_does_not_open_as_theirs_does:
            rules(), "f #1/1/0 f #2/2/0 f #3/3/0 s #4/3/0 =closed s #5/3/0 =closed f =open #6/4/0 x refused=1";
        slow_calls_open: rules(), "F S f s =closed S =open #5/2/3";
        half_open_after_the_wait_the_total_goes_on: rules(), "trip x +3s =open x #0/0/0 refused=2 +3s ( =half_open #0/0/0 refused=2";
        open_for_two_hours: rules().open_for(secs(7200)).open_growth(1.0, secs(7200)), "trip x +3600s x refused=2 +3601s ( =half_open";
        the_wait_grows: rules().open_growth(2.0, secs(3600)), "trip x +3s x +3s ( =half_open trip +6s x +5s ( =half_open";
        half_open_fails_sooner_than_theirs: rules(), "trip +5s f =half_open f =open #2/2/0";
        half_open_fails_with_the_last: rules(), "trip +5s f s s =half_open f =open #4/2/0";
        half_open_is_slow: rules(), "trip +5s S s s =half_open S =open #4/0/2";
        half_open_passes: rules(), "trip +5s f s s =half_open s =closed #0/0/0 s #1/0/0";
        reset_forgets: rules(), "s f #2/1/0 reset #0/0/0 =closed";
        disabled_counts_nothing: rules(), "disable s f f f f f =disabled #0/0/0";
        forced_open_does_not_end: rules(), "force x +6s x =forced_open #0/0/0 refused=2";
        an_ignored_probe_gives_its_place_back: rules(), "trip +5s s #1/0/0 s s =half_open i =half_open #3/0/0 f =closed";
        only_ignored_probes_change_nothing: rules(), "trip +5s i*4 =half_open #0/0/0 s s s =half_open #3/0/0 s =closed #0/0/0";
        reset_closes_an_open_one: rules(), "trip reset =closed";
        reset_closes_a_closed_one: rules(), "s s #2/0/0 reset =closed #0/0/0";
        metrics_only_starts_anew: rules(), "s s #2/0/0 metrics =metrics_only #0/0/0";
        metrics_only_counts: rules(), "metrics f f f s s #5/3/0 =metrics_only f =metrics_only";
        overdue_probes_make_room_where_theirs_open: rules().lease(secs(1)), "trip +5s (*4 x +1s ( =half_open out=1";
        a_cancelled_call_is_ignored: rules(), "c =closed #0/0/0 trip +5s c =half_open out=0";
        window_of_four: watched(4), "f #1/1/0 s #2/1/0 s #3/1/0 s #4/1/0 s #4/0/0";
        window_of_two_with_slow_calls: watched(2).failure_rate(1.0), "F #1/1/1 s #2/1/1 s #2/0/0 S #2/0/1 s #2/0/1 s #2/0/0";
        window_of_five_with_slow_calls: watched(5), "S F s s s #5/1/2";
        time_window_slides:
            five_seconds(), "f +100ms s +100ms s #3/1/0 +1s s #4/1/0 +1s s +1s f #6/2/0 +1s s #7/2/0 +1s s #5/1/0 +1s s #5/1/0 +5s s #1/0/0";
        time_window_empties: five_seconds(), "f +100ms s #2/1/0 +700ms f #3/2/0 +4s #3/2/0 +1s #0/0/0 +100ms s #1/0/0 +5s s #1/0/0";
    }

    /// Theirs says failures and slow calls apart; here one event names the first that is found.
    #[test]
    fn metrics_only_says_it_once() {
        assert_eq!(told(rules(), "metrics F*7").len(), 2);
        assert_eq!(told(rules(), "metrics f f f s s f")[1..], ["metrics_only metrics_only failures"]);
    }

    #[test]
    fn a_state_is_not_entered_twice() {
        let script = "trip trip +5s i i disable disable metrics metrics force force";
        let to: Vec<_> = told(rules(), script)
            .into_iter()
            .map(|told| told.split(' ').nth(1).unwrap().to_owned())
            .collect();
        assert_eq!(to, ["open", "half_open", "disabled", "metrics_only", "forced_open"]);
    }
}

mod failsafe_go {
    use super::*;

    /// So many failures of so many calls.
    fn ratio(failures: u32, of: u32) -> BreakerBuilder {
        plain().count_window(of).min_calls(of).failure_rate(f64::from(failures) / f64::from(of)).probes(of)
    }

    fn second() -> BreakerBuilder {
        plain().open_for(secs(1)).open_growth(1.0, secs(1))
    }

    cases! {
        closed_one_failure: plain().consecutive(1), "f =open";
        closed_three_failures_in_a_row: plain().consecutive(3), "f s f f =closed f =open";
        closed_two_of_three: ratio(2, 3), "f s =closed f =open";
        closed_one_success: plain().consecutive(1), "s =closed";
        closed_three_of_four_is_not_reached_by_half: ratio(3, 4), "s f s f s f s f s f s f s f s f s f s f =closed";
        closed_two_in_a_row_never_come: plain().consecutive(2), "s f s f s f s f s f s f s f s f s f s f =closed";
        half_open_one_failure: plain().consecutive(1), "trip +30s f =open";
        half_open_takes_no_failure_where_theirs_takes_three: plain().consecutive(3).probes(3), "trip +30s s f =open";
        half_open_two_of_three_fail: ratio(2, 3), "trip +30s f s =half_open f =open";
        half_open_needs_three_successes: plain().consecutive(2).probes(3), "trip +30s s s =half_open f =open";
        half_open_three_of_four_must_pass: ratio(2, 4), "trip +30s s f s =half_open f =open";
        half_open_two_of_three_must_pass: ratio(2, 3), "trip +30s f s =half_open f =open";
        half_open_two_of_four_must_pass: ratio(3, 4), "trip +30s s f f =half_open f =open";
        half_open_any_failure_of_three: plain().consecutive(5).probes(3), "trip +30s s f =open";
        half_open_any_failure_first: plain().consecutive(5).probes(3), "trip +30s f =open";
        half_open_one_success: plain().consecutive(1), "trip +30s s =closed";
        half_open_one_of_three_fails: ratio(2, 3), "trip +30s f s =half_open s =closed";
        half_open_a_failure_opens_where_their_next_success_closes: plain().consecutive(3), "trip +30s f =open";
        half_open_three_of_four_pass: ratio(2, 4), "trip +30s s f s =half_open s =closed";
        half_open_three_pass: plain().consecutive(2).probes(3), "trip +30s s s =half_open s =closed";
        half_open_one_of_four_fails_late: ratio(2, 4), "trip +30s s s f =half_open s =closed";
        half_open_two_pass: plain().consecutive(5).probes(2), "trip +30s s =half_open s =closed";
        half_open_has_no_delay_left: second(), "trip +1s ( =half_open left=none";
        open_refuses_until_its_delay_is_over: second(), "trip x +999ms x +1ms ( =half_open";
        open_has_less_and_less_delay_left: second(), "trip left=1000ms +110ms left=890ms";
        open_has_no_delay_left_when_it_is_over: second(), "left=none trip left=1s +2s =open left=0s";
        stats_are_of_the_last_ten:
            plain().count_window(10), "metrics s f s f s f s #7/3/0 f s s s f s s s f s s s f s s #10/2/0";
    }
}

mod gobreaker {
    use super::*;

    /// Six failures in a row; one probe.
    fn default() -> BreakerBuilder {
        plain().consecutive(6)
    }

    /// Three of five, of at least three calls in thirty seconds; three probes that must all pass.
    fn rolling() -> BreakerBuilder {
        plain().time_window(secs(30)).min_calls(3).failure_rate(0.6).probes(3)
    }

    cases! {
        more_than_five_in_a_row_open: default(), "f*5 =closed s =closed f =closed f*4 =closed f =open x x refused=2";
        open_until_the_time_is_over: default(), "f*6 +29s +999ms x =open +1ms f =open left=30s +30s s =closed #0/0/0";
        the_window_is_over: rolling(), "s f s f s f s f s f #10/5/0 +29s +62ms s #11/5/0 +938ms f =closed #2/1/0";
        two_of_three_are_three_fifths: rolling(), "f s =closed f =open";
        excluded_calls_take_no_probes_place: rolling(), "trip +30s i*4 =half_open f s =half_open";
        three_good_probes_and_no_fourth: rolling(), "trip +30s s s =half_open #2/0/0 ( x )s =closed #0/0/0";
        excluded_calls_are_not_counted: rolling().min_calls(100), "i*3 #0/0/0 s*3 #3/0/0 f*2 #5/2/0";
        a_result_of_the_generation_before_changes_nothing: rolling(), "s ( reset #0/0/0 )s #0/0/0 stale=1";
        two_steps_are_a_permit_and_a_record: default(), "( )f*1 ( )s #0/0/0 ( ( )f )f #2/2/0";
        rolling_counts:
            rolling(), "s f s f s f s f s f #10/5/0 +3s s #11/5/0 +2s s i #12/5/0 +2s i s #13/5/0 +2s f #14/6/0
            +3s s f +3s s f +3s s f +3s s f +3s s f +3s s f #26/12/0 +3s f #17/8/0 f*5 =closed #22/13/0 f =open #23/14/0";
    }

    /// Ten threads, good and excluded calls: every good one is counted, once.
    #[test]
    fn in_parallel_every_call_is_counted() {
        let player = Player::new(rolling());
        std::thread::scope(|scope| {
            for _ in 0..10 {
                let breaker = &player.breaker;
                scope.spawn(move || {
                    for call in 0..2000 {
                        let permit = breaker.try_acquire().unwrap();
                        permit.record(if call % 2 == 0 {
                            healthcare_resilience::Class::Success
                        } else {
                            healthcare_resilience::Class::Ignored
                        });
                    }
                });
            }
        });
        assert_eq!(player.breaker.snapshot().calls, 10_000);
    }
}
