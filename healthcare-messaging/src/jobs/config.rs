use std::time::Duration;

/// The longest name of a queue, a kind, an error class or a unique key's subject.
pub(crate) const NAME_MAX: usize = 63;
/// The most bytes a job carries: it carries ids.
pub(crate) const PAYLOAD_MAX: usize = 16 * 1_024;
/// The most starts a job may be given.
pub(crate) const TRIES_MAX: u32 = 100;
/// The longest wait that can be asked for.
pub(crate) const DELAY_MAX: Duration = Duration::from_secs(1_000 * 86_400);
/// The most jobs in one call.
pub(crate) const BATCH_MAX: usize = 1_000;
/// The shortest and the longest lease.
pub(crate) const LEASE_MIN: Duration = Duration::from_secs(1);
pub(crate) const LEASE_MAX: Duration = Duration::from_secs(3_600);

/// A job cannot be described so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JobConfigError {
    /// A name that a table, a log and a metric would not take alike.
    #[error(
        "a name of a queue, a kind or a key is 1 to 63 lower-case letters, digits, `.`, `_` and `-`, and begins with a letter"
    )]
    Name,
    /// More than ids.
    #[error(
        "what a job works on must fit into {max} bytes: give it ids, and let it read the rest under a grant"
    )]
    Payload {
        /// The most bytes.
        max: usize,
    },
    /// No start, or too many.
    #[error("a job may be started 1 to {max} times")]
    Tries {
        /// The most.
        max: u32,
    },
    /// Too far ahead.
    #[error("a job may wait for {max:?} at most")]
    Delay {
        /// The longest.
        max: Duration,
    },
    /// It has no JSON form.
    #[error("what a job works on could not be written as JSON")]
    Encode,
}

/// Whether `text` can be the name of a queue or a kind.
pub(crate) fn is_name(text: &str) -> bool {
    let rest =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'_' | b'-');
    text.len() <= NAME_MAX
        && text.bytes().next().is_some_and(|first| first.is_ascii_lowercase())
        && text.bytes().all(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain() {
        for name in [
            "a",
            "follow-up",
            "mail.v2",
            "x_1",
            "a2345678901234567890123456789012345678901234567890123456789abc",
        ] {
            assert!(is_name(name), "{name}");
        }
        for not in ["", "Mail", "1st", "a b", "a/b", "ada@example.org", "ä", &"a".repeat(64)] {
            assert!(!is_name(not), "{not}");
        }
    }
}
