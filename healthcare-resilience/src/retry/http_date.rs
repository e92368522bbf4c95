//! HTTP-dates in their three forms (RFC 9110, section 5.6.7), as seconds since 1970.

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const DAY_SECONDS: u64 = 86_400;

/// Reads a date between 1970 and 9999. `year` is the present one: the two digits of the oldest form mean the year that
/// lies less than fifty years ahead of it.
pub(crate) fn parse_http_date(text: &str, year: u64) -> Option<u64> {
    // `Sun, 06 Nov 1994 08:49:37 GMT`
    if let Some((_, rest)) = text.split_once(", ") {
        let mut parts = rest.split(' ');
        let (first, date) = (parts.next()?, rest);
        if first.contains('-') {
            return rfc_850(date, year);
        }
        let (month, year, time, zone) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        if zone != "GMT" || parts.next().is_some() {
            return None;
        }
        return seconds(digits(year, 4)?, month, digits(first, 2)?, time);
    }
    asctime(text)
}

/// `06-Nov-94 08:49:37 GMT`, after the name of the day.
fn rfc_850(text: &str, now_year: u64) -> Option<u64> {
    let (date, rest) = text.split_once(' ')?;
    let mut parts = date.split('-');
    let (day, month, short) = (parts.next()?, parts.next()?, digits(parts.next()?, 2)?);
    if parts.next().is_some() {
        return None;
    }
    let century = now_year - now_year % 100;
    let year = match century + short {
        far if far > now_year + 50 => far.checked_sub(100)?,
        past if past + 50 <= now_year => past + 100,
        near => near,
    };
    seconds(year, month, digits(day, 2)?, rest.strip_suffix(" GMT")?)
}

/// `Sun Nov  6 08:49:37 1994`
fn asctime(text: &str) -> Option<u64> {
    let mut parts = text.split_ascii_whitespace();
    let (_, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    let (time, year) = (parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    seconds(digits(year, 4)?, month, digits(day, day.len().clamp(1, 2))?, time)
}

fn digits(text: &str, length: usize) -> Option<u64> {
    let plain = text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit());
    if plain { text.parse().ok() } else { None }
}

fn seconds(year: u64, month: &str, day: u64, time: &str) -> Option<u64> {
    let month = MONTHS.iter().position(|name| *name == month)? as u64 + 1;
    let mut parts = time.split(':');
    let mut next = || digits(parts.next()?, 2);
    let (hour, minute, second) = (next()?, next()?, next()?);
    // A leap second is the first of the next minute.
    let is_time = hour < 24 && minute < 60 && second <= 60 && parts.next().is_none();
    if !is_time || year < 1970 || day == 0 || day > month_days(year, month) {
        return None;
    }
    let days = days_before(year) + (1..month).map(|month| month_days(year, month)).sum::<u64>() + day - 1;
    Some(days * DAY_SECONDS + hour * 3_600 + minute * 60 + second)
}

const fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

const fn month_days(year: u64, month: u64) -> u64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970 to the first of `year`.
const fn days_before(year: u64) -> u64 {
    const fn leaps(before: u64) -> u64 {
        let last = before - 1;
        last / 4 - last / 100 + last / 400
    }
    (year - 1970) * 365 + leaps(year) - leaps(1970)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_forms_of_the_rfcs_example_are_one_moment() {
        for text in
            ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"]
        {
            assert_eq!(parse_http_date(text, 1994), Some(784_111_777), "{text}");
        }
        assert_eq!(parse_http_date("Thu, 01 Jan 1970 00:00:00 GMT", 2026), Some(0));
        assert_eq!(parse_http_date("Tue, 29 Feb 2028 23:59:60 GMT", 2026), Some(1_835_481_600));
    }

    #[test]
    fn two_digits_mean_the_near_year() {
        let year = |text: &str| parse_http_date(text, 2026).map(|seconds| 1970 + seconds / 31_556_952);
        assert_eq!(year("Sunday, 06-Nov-70 08:49:37 GMT"), Some(2070));
        assert_eq!(year("Sunday, 06-Nov-94 08:49:37 GMT"), Some(1994));
        assert_eq!(year("Sunday, 06-Nov-26 08:49:37 GMT"), Some(2026));
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in [
            "",
            "Sun, 06 Nov 1994 08:49:37 CET",
            "Sun, 31 Feb 1994 08:49:37 GMT",
            "Sun, 00 Nov 1994 08:49:37 GMT",
            "Sun, 06 nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1969 08:49:37 GMT",
            "Sun, 06 Nov 1994 24:00:00 GMT",
            "Sun, 6 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37 GMT now",
            "Sunday, 06-Nov-94-1 08:49:37 GMT",
            "Sun Nov  6 08:49 1994",
            "Sun, ",
            "a, b-c d",
        ] {
            assert_eq!(parse_http_date(text, 2026), None, "{text:?}");
        }
    }
}
