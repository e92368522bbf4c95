//! Every interleaving of two or three threads at a bucket, a line and a table, with loom's threads and atomics.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    dead_code,
    unreachable_pub
)]

#[path = "../../src/rate/gcra.rs"]
mod gcra;
#[path = "../../src/rate/table.rs"]
mod table;
#[path = "../../src/rate/wait.rs"]
mod wait;

mod sync {
    pub(crate) use loom::sync::atomic;

    #[derive(Debug)]
    pub(crate) struct Mutex<T>(loom::sync::Mutex<T>);

    impl<T> Mutex<T> {
        pub(crate) fn new(value: T) -> Self {
            Self(loom::sync::Mutex::new(value))
        }
        pub(crate) fn lock(&self) -> loom::sync::MutexGuard<'_, T> {
            self.0.lock().unwrap()
        }
    }
}

mod clock {
    pub(crate) use healthcare_resilience::Moment;
}

use gcra::{Bucket, Gcra};
use healthcare_resilience::Moment;
use loom::{sync::Arc, thread};
use table::{Full, Idle, Table};
use wait::Line;

fn together<T: 'static>(works: Vec<Box<dyn FnOnce() -> T + Send>>) -> Vec<T> {
    let threads: Vec<_> = works.into_iter().map(|work| thread::spawn(work)).collect();
    threads.into_iter().map(|thread| thread.join().unwrap()).collect()
}

#[test]
fn three_threads_get_what_is_there_and_no_more() {
    let mut model = loom::model::Builder::new();
    // All interleavings of three threads take a minute; those with up to three preemptions a moment.
    if std::env::var_os("HEALTHCARE_TEST_DEEP").is_none() {
        model.preemption_bound = Some(3);
    }
    model.check(|| {
        let gcra = Gcra::new(10, 2);
        let bucket = Arc::new(Bucket::full());
        let take = || {
            let bucket = bucket.clone();
            Box::new(move || bucket.take(&gcra, 1000, 1).is_ok()) as Box<dyn FnOnce() -> bool + Send>
        };
        let admitted = together(vec![take(), take(), take()]).into_iter().filter(|ok| *ok).count();
        assert_eq!((admitted, bucket.full_at()), (2, 1020));
    });
}

#[test]
fn a_thread_that_read_the_clock_earlier_gives_nothing_out_twice() {
    loom::model(|| {
        let gcra = Gcra::new(10, 2);
        let bucket = Arc::new(Bucket::full());
        let take = |now, tries| {
            let bucket = bucket.clone();
            let work = move || (0..tries).filter(|_| bucket.take(&gcra, now, 1).is_ok()).count();
            Box::new(work) as Box<dyn FnOnce() -> usize + Send>
        };
        let admitted = together(vec![take(1000, 1), take(1010, 3)]);
        assert!(admitted[1] <= 2, "{} at one moment from a bucket of two", admitted[1]);
        assert!(admitted[0] + admitted[1] <= 3);
    });
}

#[test]
fn a_step_back_is_settled_once() {
    loom::model(|| {
        let gcra = Gcra::new(10, 2);
        let bucket = Arc::new(Bucket::full());
        let later = 7_200_000_000_000;
        bucket.take(&gcra, later, 2).unwrap();
        let take = || {
            let bucket = bucket.clone();
            Box::new(move || bucket.take(&gcra, 1000, 1)) as Box<dyn FnOnce() -> Result<u64, u64> + Send>
        };
        assert_eq!(together(vec![take(), take()]), [Err(10), Err(10)]);
        assert_eq!(bucket.full_at(), 1020);
    });
}

#[test]
fn a_line_holds_its_maximum_and_is_empty_in_the_end() {
    loom::model(|| {
        let line = Arc::new(Line::new(1));
        let join = || {
            let line = line.clone();
            let work = move || line.join(3).map(|place| assert_eq!(place.ahead() % 3, 0)).is_some();
            Box::new(work) as Box<dyn FnOnce() -> bool + Send>
        };
        let joined = together(vec![join(), join()]);
        assert!(joined.contains(&true));
        assert_eq!((line.waiting(), line.permits()), (0, 0));
    });
}

#[derive(Debug, Default)]
struct Busy(u64);

impl Idle for Busy {
    fn idle_in(&self, now: Moment) -> u64 {
        self.0.saturating_sub(now.as_nanos())
    }
}

#[test]
fn a_table_keeps_its_cap_whoever_comes_first() {
    loom::model(|| {
        let table: Arc<Table<u8, Busy>> = Arc::new(Table::new(1, 1));
        let visit = |key: u8| {
            let table = table.clone();
            let work = move || {
                let found = table.with(&key, Moment::from_nanos(5), Busy::default, |busy| busy.0 = 10);
                assert!(table.len() <= 1);
                found.is_ok()
            };
            Box::new(work) as Box<dyn FnOnce() -> bool + Send>
        };
        let found = together(vec![visit(1), visit(2)]);
        assert_eq!(found.into_iter().filter(|found| *found).count(), 1);
        assert_eq!(table.len(), 1);
    });
}

#[test]
fn one_key_from_two_threads_is_one_entry() {
    loom::model(|| {
        let table: Arc<Table<u8, Busy>> = Arc::new(Table::new(2, 1));
        let visit = || {
            let table = table.clone();
            let work = move || {
                table.with(&7, Moment::from_nanos(5), Busy::default, |busy| {
                    busy.0 += 10;
                    busy.0
                })
            };
            Box::new(work) as Box<dyn FnOnce() -> Result<u64, Full> + Send>
        };
        let mut seen = together(vec![visit(), visit()]);
        seen.sort_unstable_by_key(|seen| seen.ok());
        assert_eq!(seen, [Ok(10), Ok(20)]);
        assert_eq!(table.len(), 1);
    });
}

#[test]
fn a_key_that_another_thread_brought_meanwhile_is_counted_once() {
    loom::model(|| {
        let table: Arc<Table<u8, Busy>> = Arc::new(Table::new(2, 1));
        let visit = |table: &Table<u8, Busy>, key: u8| {
            table.with(&key, Moment::from_nanos(5), Busy::default, |busy| busy.0 = 10).is_ok()
        };
        assert!(visit(&table, 1) && visit(&table, 2));
        let other = table.clone();
        let thread = thread::spawn(move || visit(&other, 7));
        assert!(table.remove(&1));
        // Refused while the other has room reserved and has not moved in yet.
        let _ = visit(&table, 7);
        assert!(table.remove(&2));
        thread.join().unwrap();
        let counted = table.len();
        assert_eq!(counted, usize::from(table.remove(&7)), "seven is the only one there can be");
    });
}
