//! Counting what libtest prints.

use std::{collections::BTreeMap, fmt};

/// Counts of tests.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    /// Ran, and said that it could not do its work here.
    pub(crate) skipped: u64,
    /// Did not run.
    pub(crate) ignored: u64,
    /// Why tests were skipped.
    pub(crate) reasons: Vec<String>,
}

impl Tally {
    pub(crate) fn add(&mut self, other: &Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
        self.ignored += other.ignored;
        self.reasons.extend(other.reasons.iter().cloned());
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed", self.passed)?;
        for (count, name) in [(self.failed, "failed"), (self.skipped, "skipped"), (self.ignored, "ignored")] {
            if count > 0 {
                write!(f, ", {count} {name}")?;
            }
        }
        Ok(())
    }
}

/// Where in a test program's output we are.
#[derive(Debug, Default, PartialEq, Eq)]
enum Section {
    #[default]
    Running,
    Successes,
    Failures,
}

/// The output of a test program, read line by line. Made for `--show-output`, with which what a test printed stands in
/// a section of its own.
#[derive(Debug, Default)]
pub(crate) struct Output {
    tally: Tally,
    results: u64,
    section: Section,
    test: Option<String>,
    skipped: BTreeMap<String, String>,
}

impl Output {
    /// Reads one line and says whether it is worth showing: all of a failure, nothing of a success.
    pub(crate) fn line(&mut self, line: &str) -> bool {
        match line {
            "successes:" => self.section = Section::Successes,
            "failures:" => self.section = Section::Failures,
            _ => {}
        }
        if let Some(name) = line.strip_prefix("---- ").and_then(|rest| rest.strip_suffix(" stdout ----")) {
            self.test = Some(name.to_owned());
        } else if let Some(counts) = line.strip_prefix("test result: ") {
            self.result(counts);
        } else if self.section == Section::Successes && line.starts_with("skipped:") {
            if let Some(test) = &self.test {
                let reason = line.trim_start_matches("skipped:").trim();
                self.skipped.entry(test.clone()).or_insert_with(|| reason.to_owned());
            }
        } else if self.section == Section::Running {
            return line.ends_with("FAILED") || line.contains("has been running for over");
        }
        self.section == Section::Failures
    }

    /// The counts, once the program has ended; `complaint` when it did not end well.
    pub(crate) fn finish(mut self, complaint: Option<String>) -> Tally {
        match complaint {
            // A program that is no libtest harness counts as one test.
            None => self.tally.passed += u64::from(self.results == 0),
            Some(complaint) => {
                println!("{complaint}");
                // It died without saying what failed: the tests it never reported must not be lost.
                self.tally.failed += u64::from(self.tally.failed == 0);
            }
        }
        self.tally
    }

    fn result(&mut self, line: &str) {
        let skipped = std::mem::take(&mut self.skipped);
        let count = u64::try_from(skipped.len()).unwrap_or(u64::MAX);
        self.tally.passed += number(line, "passed").saturating_sub(count);
        self.tally.failed += number(line, "failed");
        self.tally.ignored += number(line, "ignored");
        self.tally.skipped += count;
        self.tally.reasons.extend(skipped.into_iter().map(|(test, reason)| format!("{test}: {reason}")));
        self.results += 1;
        self.section = Section::Running;
        self.test = None;
    }
}

/// The number before a word in `ok. 3 passed; 1 failed; 0 ignored; …`.
fn number(line: &str, word: &str) -> u64 {
    let words: Vec<&str> = line.split([' ', ';']).filter(|word| !word.is_empty()).collect();
    words
        .windows(2)
        .find(|pair| pair.last() == Some(&word))
        .and_then(|pair| pair.first()?.parse().ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::{Output, Tally};

    fn read(text: &str, complaint: Option<&str>) -> (Tally, Vec<String>) {
        let mut output = Output::default();
        let shown = text.lines().filter(|line| output.line(line)).map(str::to_owned).collect();
        (output.finish(complaint.map(str::to_owned)), shown)
    }

    #[test]
    fn passed_and_skipped_are_told_apart() {
        let (tally, shown) = read(
            "running 3 tests\ntest a ... ok\ntest b ... ok\ntest c ... ok\n\nsuccesses:\n\n---- a stdout ----\n\
             hello\n\n---- b stdout ----\nskipped: no data folder\nskipped: again\n\n\nsuccesses:\n    a\n    b\n    \
             c\n\ntest result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n",
            None,
        );
        let reasons = vec!["b: no data folder".to_owned()];
        assert_eq!(tally, Tally { passed: 2, skipped: 1, reasons, ..Tally::default() });
        assert!(shown.is_empty(), "{shown:?}");
    }

    #[test]
    fn failures_are_counted_and_shown() {
        let (tally, shown) = read(
            "running 2 tests\ntest a ... ok\ntest b ... FAILED\n\nsuccesses:\n\nsuccesses:\n    a\n\nfailures:\n\n\
             ---- b stdout ----\nskipped: a failing test is not a skipped one\nboom\n\n\nfailures:\n    b\n\n\
             test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.0s\n",
            Some("ended with 101"),
        );
        assert_eq!(tally, Tally { passed: 1, failed: 1, ..Tally::default() });
        assert!(
            shown.contains(&"boom".to_owned()) && shown.contains(&"test b ... FAILED".to_owned()),
            "{shown:?}"
        );
    }

    #[test]
    fn a_crash_without_a_result_is_a_failure() {
        let (tally, _) = read("running 2 tests\ntest a ... ok\n", Some("ended with signal 6"));
        assert_eq!(tally, Tally { failed: 1, ..Tally::default() });
    }

    #[test]
    fn a_good_result_with_a_bad_exit_is_a_failure() {
        let (tally, _) =
            read("test result: ok. 5 passed; 0 failed; 0 ignored\n", Some("ended with signal 11"));
        assert_eq!((tally.passed, tally.failed), (5, 1));
    }

    #[test]
    fn several_results_are_added() {
        let (tally, _) = read(
            "test result: ok. 5 passed; 0 failed; 2 ignored\ntest result: ok. 1 passed; 0 failed; 1 ignored\n",
            None,
        );
        assert_eq!((tally.passed, tally.ignored), (6, 3));
    }

    #[test]
    fn a_program_without_harness_counts_as_one() {
        assert_eq!(read("fine\n", None).0.passed, 1);
        assert_eq!(read("not fine\n", Some("ended with 1")).0.failed, 1);
    }
}
