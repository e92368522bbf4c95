//! What the policies against overload count.

use crate::{MS, Never, stepping};
use ::metrics::{
    Counter, Gauge, GaugeFn, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit,
    with_local_recorder,
};
use healthcare_resilience::{
    AdmitPermit, Aimd, Class, Clock, Dimmer, Optional, Priority, Shedder, Throttle, WarmUp,
};
use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use std::{
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex},
    time::Duration,
};

/// Every series after `act`, as text, sorted.
fn told(act: impl FnOnce()) -> Vec<String> {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    with_local_recorder(&recorder, act);
    let line = |(key, _, _, value): (metrics_util::CompositeKey, _, _, DebugValue)| {
        let key = key.key();
        let labels: Vec<_> = key.labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
        let value = match value {
            DebugValue::Counter(count) => count.to_string(),
            DebugValue::Gauge(value) => value.to_string(),
            DebugValue::Histogram(values) => format!("{values:?}"),
        };
        let name = key.name().strip_prefix("resilience_").unwrap();
        format!("{name}{{{}}} {value}", labels.join(","))
    };
    let mut lines: Vec<_> = snapshotter.snapshot().into_vec().into_iter().map(line).collect();
    lines.sort();
    lines
}

fn panics(permit: &mut impl AdmitPermit) {
    let work = AssertUnwindSafe(|| permit.watch(|| panic!("in the work")));
    assert!(std::panic::catch_unwind(work).is_err());
}

#[test]
fn a_limit_counts_each_call_once_by_its_end_who_is_in_and_where_it_stands() {
    let told = told(|| {
        let (builder, hand) = stepping(Aimd::default());
        let limit = builder.initial(10).build().unwrap();
        for class in [Class::Success, Class::Transient, Class::Permanent, Class::Ignored, Class::Rejected] {
            limit.try_acquire().unwrap().record(class);
            hand.advance(MS);
        }
        limit.try_acquire().unwrap().record(Class::Cancelled);
        drop(limit.try_acquire().unwrap());
        let mut permit = limit.try_acquire().unwrap();
        panics(&mut permit);
        drop(permit);
        while let Ok(permit) = limit.try_acquire_owned() {
            std::mem::forget(permit);
        }
        assert_eq!(limit.limit(), 7, "three failures, a tenth each");
    });
    assert_eq!(
        told,
        [
            "calls_total{kind=limit,policy=laboratory,outcome=cancelled} 2",
            "calls_total{kind=limit,policy=laboratory,outcome=failure} 2",
            "calls_total{kind=limit,policy=laboratory,outcome=ignored} 1",
            "calls_total{kind=limit,policy=laboratory,outcome=panicked} 1",
            "calls_total{kind=limit,policy=laboratory,outcome=rejected} 1",
            "calls_total{kind=limit,policy=laboratory,outcome=success} 1",
            "in_flight{kind=limit,policy=laboratory} 7",
            "limit{kind=limit,policy=laboratory} 7",
            "rejected_total{kind=limit,policy=laboratory,reason=overloaded} 1",
        ]
    );
}

#[test]
fn a_throttle_counts_each_call_once() {
    let (clock, _hand) = Clock::manual();
    let told = told(|| {
        let builder = Throttle::builder("laboratory").min_calls(4).min_pass(1e-9).seed(1);
        let throttle = builder.clock(clock).build().unwrap();
        let ends = [Class::Success, Class::Transient, Class::Ignored, Class::Rejected, Class::Cancelled];
        for class in ends {
            throttle.try_acquire().unwrap().record(class);
        }
        drop(throttle.try_acquire_owned().unwrap());
        let mut permit = throttle.try_acquire().unwrap();
        panics(&mut permit);
        drop(permit);
        // Four came back, two of them accepted: nothing is left out until more come than that.
        while let Ok(permit) = throttle.try_acquire() {
            permit.record(Class::Transient);
        }
    });
    let (failures, others): (Vec<_>, Vec<_>) = told.iter().partition(|line| line.contains("failure"));
    assert_eq!(failures.len(), 1);
    assert_eq!(
        others,
        [
            "calls_total{kind=throttle,policy=laboratory,outcome=cancelled} 2",
            "calls_total{kind=throttle,policy=laboratory,outcome=ignored} 1",
            "calls_total{kind=throttle,policy=laboratory,outcome=panicked} 1",
            "calls_total{kind=throttle,policy=laboratory,outcome=rejected} 1",
            "calls_total{kind=throttle,policy=laboratory,outcome=success} 1",
            "rejected_total{kind=throttle,policy=laboratory,reason=throttled} 1",
        ]
    );
}

#[test]
fn a_shedder_counts_whom_it_refused_and_its_limit_counts_the_calls() {
    let told = told(|| {
        let shedder = Shedder::builder("api").max_calls(2).build().unwrap();
        let first = shedder.try_acquire(Priority::Background).unwrap();
        shedder.try_acquire(Priority::Background).unwrap_err();
        shedder.try_acquire(Priority::Normal).unwrap_err();
        shedder.try_acquire_for(Priority::Clinical, "clinic-7").unwrap_err();
        let second = shedder.try_acquire_owned(Priority::Emergency).unwrap();
        shedder.try_acquire_owned(Priority::Emergency).unwrap_err();
        first.record(Class::Success);
        second.record(Class::Permanent);
    });
    assert_eq!(
        told,
        [
            "calls_total{kind=limit,policy=api,outcome=failure} 1",
            "calls_total{kind=limit,policy=api,outcome=success} 1",
            "events_total{kind=shedder,policy=api,event=background} 1",
            "events_total{kind=shedder,policy=api,event=clinical} 1",
            "events_total{kind=shedder,policy=api,event=emergency} 1",
            "events_total{kind=shedder,policy=api,event=normal} 1",
            "in_flight{kind=limit,policy=api} 0",
            "rejected_total{kind=shedder,policy=api,reason=overloaded} 1",
            "rejected_total{kind=shedder,policy=api,reason=shed} 3",
        ]
    );
}

#[test]
fn a_dimmer_counts_what_it_leaves_out_and_tells_its_level() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let told = told(|| {
        let (clock, hand) = Clock::manual();
        let dimmer = Dimmer::builder("page").target(MS).gains(1.0, 1.0).clock(clock).build().unwrap();
        assert!(dimmer.is_on(Optional::Luxury));
        hand.advance(Duration::from_secs(1));
        dimmer.record(MS * 10);
        assert!(!dimmer.is_on(Optional::Luxury));
        runtime.block_on(dimmer.call(Optional::Useful, async { Ok::<_, Never>(()) })).unwrap_err();
        assert!(dimmer.is_on_for(Optional::Useful, Priority::Emergency));
    });
    assert_eq!(
        told,
        ["limit{kind=dimmer,policy=page} 0", "rejected_total{kind=dimmer,policy=page,reason=dimmed} 2"]
    );
}

#[test]
fn a_warm_up_counts_refusals_who_is_in_and_its_turns() {
    let told = told(|| {
        let (clock, hand) = Clock::manual();
        let warm_up = WarmUp::builder("api").calls(1, 5).over(Duration::from_secs(10)).clock(clock);
        let warm_up = warm_up.build().unwrap();
        let permit = warm_up.try_acquire().unwrap();
        warm_up.try_acquire().unwrap_err();
        drop(permit);
        hand.advance(Duration::from_secs(10));
        // Counted no more, so that it costs nothing.
        drop((warm_up.try_acquire().unwrap(), warm_up.try_acquire().unwrap()));
        warm_up.restart();
        std::mem::forget(warm_up.try_acquire_owned().unwrap());
    });
    assert_eq!(
        told,
        [
            "events_total{kind=warm_up,policy=api,event=restarted} 1",
            "events_total{kind=warm_up,policy=api,event=warm} 1",
            "in_flight{kind=warm_up,policy=api} 1",
            "rejected_total{kind=warm_up,policy=api,reason=warming_up} 1",
        ]
    );
}

/// While it is told of one move, another happens, as on another thread.
struct Slow {
    shown: Mutex<Vec<f64>>,
    meanwhile: Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

impl GaugeFn for Slow {
    fn increment(&self, _: f64) {}
    fn decrement(&self, _: f64) {}
    fn set(&self, value: f64) {
        if let Some(meanwhile) = { self.meanwhile.lock().unwrap().take() } {
            meanwhile();
        }
        self.shown.lock().unwrap().push(value);
    }
}

struct SlowRecorder(Arc<Slow>);

impl Recorder for SlowRecorder {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter {
        Counter::noop()
    }
    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        if key.name() == "resilience_limit" { Gauge::from_arc(self.0.clone()) } else { Gauge::noop() }
    }
    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

/// Threads that move a limit at once do not tell out of order: the last that is told is the one that holds.
#[test]
fn what_is_told_last_holds() {
    let (builder, hand) = stepping(Aimd::default());
    let limit = builder.initial(10).build().unwrap();
    let mut events = limit.events();
    let slow = Arc::new(Slow { shown: Mutex::default(), meanwhile: Mutex::default() });
    let other = limit.clone();
    *slow.meanwhile.lock().unwrap() = Some(Box::new(move || {
        hand.advance(MS);
        other.try_acquire().unwrap().record(Class::Transient);
    }));
    with_local_recorder(&SlowRecorder(slow.clone()), || {
        limit.try_acquire().unwrap().record(Class::Transient)
    });
    assert_eq!(limit.limit(), 8);
    assert_eq!(*slow.shown.lock().unwrap(), [9.0, 8.0]);
    let moved =
        |from, to| healthcare_resilience::OverloadEvent::LimitMoved { policy: "laboratory", from, to };
    assert_eq!((events.try_recv(), events.try_recv()), (Ok(moved(10, 9)), Ok(moved(9, 8))));
}

/// Who is told is others' code. Should it panic, the next move is told.
#[test]
fn a_panic_of_who_is_told_does_not_end_the_telling() {
    let (builder, hand) = stepping(Aimd::default());
    let limit = builder.initial(10).build().unwrap();
    let slow = Arc::new(Slow { shown: Mutex::default(), meanwhile: Mutex::default() });
    *slow.meanwhile.lock().unwrap() = Some(Box::new(|| panic!("in the recorder")));
    with_local_recorder(&SlowRecorder(slow.clone()), || {
        let told = AssertUnwindSafe(|| limit.try_acquire().unwrap().record(Class::Transient));
        assert!(std::panic::catch_unwind(told).is_err());
        hand.advance(MS);
        limit.try_acquire().unwrap().record(Class::Transient);
    });
    assert_eq!((limit.in_flight(), limit.limit()), (0, 8));
    assert_eq!(*slow.shown.lock().unwrap(), [8.0]);
}
