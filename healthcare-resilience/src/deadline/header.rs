use super::{Deadline, TimeAllowed};
use http::{HeaderMap, HeaderName, HeaderValue};
use std::time::Duration;

/// The header that gRPC defines for this; Envoy and grpc-web send and read it over plain HTTP too.
const NAME: HeaderName = HeaderName::from_static("grpc-timeout");

/// The grammar allows eight digits.
const DIGITS_MAX: usize = 8;
const VALUE_MAX: u128 = 99_999_999;

impl Deadline {
    /// Tells a server how much time is left, as `grpc-timeout: 1500m` (milliseconds, rounded down; seconds or hours when
    /// eight digits do not hold it). Replaces one that is there.
    ///
    /// The form is that of gRPC's `PROTOCOL-HTTP2` document (`TimeoutValue TimeoutUnit`, at most eight digits, units
    /// `H M S m u n`). What is sent is a length of time, so the two clocks need not agree; the time on the way is not
    /// taken off, so the server's deadline ends later than ours by it. Nothing left is sent as `0m`.
    pub fn write_header(self, headers: &mut HeaderMap) {
        headers.insert(NAME, encode(self.left()));
    }

    /// The deadline a client asked for, counted from now and never longer than `limit`: a client cannot hold the
    /// server's time for longer than the server allows. Without the header, or with one that is not in the grammar,
    /// it is `limit` itself.
    #[must_use]
    pub fn from_headers(headers: &HeaderMap, limit: Duration) -> Self {
        Self::within(asked(headers).unwrap_or(limit).min(limit))
    }
}

/// The time that a client allows by its header, and never more than this. For servers, in a
/// [`DeadlineLayer`](crate::DeadlineLayer).
///
/// ```
/// use healthcare_resilience::{ClientTime, DeadlineLayer};
/// use std::time::Duration;
/// let layer = DeadlineLayer::new(ClientTime(Duration::from_secs(30)));
/// # let _ = layer;
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientTime(pub Duration);

impl<B> TimeAllowed<http::Request<B>> for ClientTime {
    fn time_allowed(&self, request: &http::Request<B>) -> Duration {
        asked(request.headers()).unwrap_or(self.0).min(self.0)
    }
}

/// What the client asked for, if it did.
fn asked(headers: &HeaderMap) -> Option<Duration> {
    decode(headers.get(NAME)?.as_bytes())
}

fn encode(left: Duration) -> HeaderValue {
    let (millis, seconds) = (left.as_millis(), u128::from(left.as_secs()));
    let text = if millis <= VALUE_MAX {
        format!("{millis}m")
    } else if seconds <= VALUE_MAX {
        format!("{seconds}S")
    } else {
        format!("{}H", (seconds / 3_600).min(VALUE_MAX))
    };
    // Digits and a letter always make a header value.
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("0m"))
}

fn decode(text: &[u8]) -> Option<Duration> {
    let (unit, digits) = text.split_last()?;
    if digits.is_empty() || digits.len() > DIGITS_MAX || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let value = digits.iter().fold(0_u64, |value, digit| value * 10 + u64::from(digit - b'0'));
    match unit {
        b'H' => Some(Duration::from_secs(value * 3_600)),
        b'M' => Some(Duration::from_secs(value * 60)),
        b'S' => Some(Duration::from_secs(value)),
        b'm' => Some(Duration::from_millis(value)),
        b'u' => Some(Duration::from_micros(value)),
        b'n' => Some(Duration::from_nanos(value)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_is_read() {
        let read = |text: &str| decode(text.as_bytes());
        assert_eq!(read("2H"), Some(Duration::from_secs(7_200)));
        assert_eq!(read("3M"), Some(Duration::from_secs(180)));
        assert_eq!(read("4S"), Some(Duration::from_secs(4)));
        assert_eq!(read("1500m"), Some(Duration::from_millis(1_500)));
        assert_eq!(read("7u"), Some(Duration::from_micros(7)));
        assert_eq!(read("99999999n"), Some(Duration::from_nanos(99_999_999)));
        for wrong in ["", "m", "5", "5s", "123456789m", "-5m", "1.5S", " 5m", "5m ", "٣m"] {
            assert_eq!(read(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn what_is_written_is_read_and_never_longer() {
        for left in [0, 1, 1_499_999, 99_999_999_000_000, 100_000_000_000_000, u64::MAX] {
            let left = Duration::from_nanos(left);
            let read = decode(encode(left).as_bytes()).unwrap();
            assert!(read <= left, "{left:?} became {read:?}");
        }
        assert_eq!(encode(Duration::from_millis(1_500)), "1500m");
        assert_eq!(encode(Duration::MAX), "99999999H");
    }
}
