use http::{HeaderMap, header::CACHE_CONTROL};
use std::time::Duration;

/// What `Cache-Control` says, of a request or a response (RFC 9111, section 5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Directives {
    pub(super) no_store: bool,
    pub(super) no_cache: bool,
    pub(super) private: bool,
    pub(super) public: bool,
    pub(super) only_if_cached: bool,
    pub(super) must_revalidate: bool,
    /// The least, when it is said more than once.
    pub(super) max_age: Option<Duration>,
    pub(super) s_maxage: Option<Duration>,
}

impl Directives {
    /// What cannot be read forbids to keep anything.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let mut found = Self::default();
        for value in headers.get_all(CACHE_CONTROL) {
            match value.to_str() {
                Ok(text) => members(text).for_each(|member| found.take(member)),
                Err(_) => found.no_store = true,
            }
        }
        found
    }

    fn take(&mut self, member: &str) {
        let (name, value) = member.split_once('=').map_or((member, ""), |(name, value)| (name, value));
        // `private` and `no-cache` may name fields; they then count for the whole response, which is allowed.
        match name.trim().to_ascii_lowercase().as_str() {
            "no-store" => self.no_store = true,
            "no-cache" => self.no_cache = true,
            "private" => self.private = true,
            "public" => self.public = true,
            "only-if-cached" => self.only_if_cached = true,
            "must-revalidate" | "proxy-revalidate" => self.must_revalidate = true,
            "max-age" => self.max_age = Some(least(self.max_age, value)),
            "s-maxage" => {
                self.s_maxage = Some(least(self.s_maxage, value));
                // Section 5.2.2.10: it means `proxy-revalidate`, too.
                self.must_revalidate = true;
            }
            _ => {}
        }
    }
}

/// Seconds, quoted or not. What is none counts as over at once (section 4.2.1).
fn least(before: Option<Duration>, value: &str) -> Duration {
    let text = value.trim().trim_matches('"');
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    // More than fits is as long as can be (RFC 9111, section 1.2.2).
    let seconds = if is_number { text.parse().unwrap_or(u64::MAX) } else { 0 };
    let found = Duration::from_secs(seconds);
    before.map_or(found, |before| before.min(found))
}

/// The members of a list. A comma between quotes is none (RFC 9110, section 5.6).
pub(super) fn members(text: &str) -> impl Iterator<Item = &str> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    text.split(move |letter| {
        let is_end = letter == ',' && !is_quoted;
        if is_escaped {
            is_escaped = false;
        } else if is_quoted && letter == '\\' {
            is_escaped = true;
        } else if letter == '"' {
            is_quoted = !is_quoted;
        }
        is_end
    })
    .map(str::trim)
    .filter(|member| !member.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn of(values: &[&str]) -> Directives {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(CACHE_CONTROL, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        Directives::of(&headers)
    }

    #[test]
    fn directives_are_read_as_the_standard_writes_them() {
        let found = of(&["Public, MAX-AGE=60", " s-maxage=\"30\" ,, unknown=\"a, no-store, \\\" b\""]);
        assert_eq!(
            found,
            Directives {
                public: true,
                must_revalidate: true,
                max_age: Some(Duration::from_secs(60)),
                s_maxage: Some(Duration::from_secs(30)),
                ..Directives::default()
            }
        );
        assert!(of(&["private=\"x-a, x-b\""]).private);
        assert!(of(&["no-cache=set-cookie"]).no_cache);
        assert_eq!(of(&["max-age=60, max-age=10"]).max_age, Some(Duration::from_secs(10)));
        for odd in ["max-age=-1", "max-age=", "max-age", "max-age=1.5", "max-age=x"] {
            assert_eq!(of(&[odd]).max_age, Some(Duration::ZERO), "{odd}");
        }
        assert_eq!(of(&["max-age=99999999999999999999"]).max_age, Some(Duration::from_secs(u64::MAX)));
        assert!(of(&["\u{fc}"]).no_store, "what cannot be read");
    }
}
