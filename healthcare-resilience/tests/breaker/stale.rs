//! What comes too late changes nothing and is counted.

use crate::script::{plain, play};

/// A call begins in one state and ends in another, in every way: state, counts and places stay as they are.
#[test]
fn a_result_of_another_time_changes_nothing_but_the_count_of_such() {
    let begun = ["(", "disable (", "metrics (", "trip +30s ("];
    let ended = [
        ("reset trip x", "=open #0/0/0"),
        ("reset trip +30s (", "=half_open out=1 #0/0/0"),
        ("reset trip +30s s", "=closed #0/0/0"),
        ("force", "=forced_open"),
        ("force disable metrics f", "=metrics_only #1/1/0"),
        ("force reset f f", "=closed #2/2/0"),
        ("force disable", "=disabled"),
    ];
    for begin in begun {
        for (turn, then) in ended {
            for (end, stale) in [(")s", 1), (")f", 1), (")i", 1), (")r", 1), (")c", 0)] {
                let rules = plain().count_window(10).min_calls(5);
                let script = format!("{begin} {turn} {then} {end} {then} stale={stale}");
                play(rules, &script);
            }
        }
    }
}

#[test]
fn a_reset_makes_calls_under_way_stale_too() {
    play(plain().count_window(10), "( reset )f #0/0/0 stale=1 =closed");
}

#[test]
fn an_old_success_does_not_close_and_an_old_failure_does_not_reopen() {
    play(plain(), "( ( trip +30s ( )s =half_open )f =half_open stale=2 )s =closed");
}

/// Two closed times in a row look the same; a permit knows which was its own.
#[test]
fn a_result_of_the_closed_time_before_the_last_is_stale() {
    play(plain().count_window(2).min_calls(2), "( f f =open +30s s =closed )f #0/0/0 stale=1 f =closed");
}

#[test]
fn late_slow_results_are_stale_too() {
    let second = std::time::Duration::from_secs(1);
    play(plain().slow_as_failure(second).consecutive(1), "( trip +30s s =closed )s =closed stale=1");
}
