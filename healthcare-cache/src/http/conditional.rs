use super::directives::members;
use http::{
    HeaderMap, HeaderValue,
    header::{ETAG, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED},
};

/// What the client has already.
#[derive(Debug, Clone, Default)]
pub(super) struct Conditions {
    none_match: Vec<HeaderValue>,
    modified_since: Option<HeaderValue>,
}

impl Conditions {
    /// Takes the conditions out: what is asked below is the whole.
    pub(super) fn take(headers: &mut HeaderMap) -> Self {
        let none_match: Vec<_> = headers.get_all(IF_NONE_MATCH).iter().cloned().collect();
        let modified_since = headers.remove(IF_MODIFIED_SINCE);
        headers.remove(IF_NONE_MATCH);
        // RFC 9110, section 13.1.3: the date does not count beside a tag.
        Self { modified_since: modified_since.filter(|_| none_match.is_empty()), none_match }
    }

    /// Puts them back, for who answers without us.
    pub(super) fn put_back(&self, headers: &mut HeaderMap) {
        for tag in &self.none_match {
            headers.append(IF_NONE_MATCH, tag.clone());
        }
        if let Some(date) = &self.modified_since {
            headers.insert(IF_MODIFIED_SINCE, date.clone());
        }
    }

    /// Whether the client has this very response.
    pub(super) fn have(&self, headers: &HeaderMap) -> bool {
        if !self.none_match.is_empty() {
            let Some(tag) = headers.get(ETAG).and_then(|tag| opaque(tag.to_str().ok()?)) else {
                return false;
            };
            // Section 13.1.2: compared weakly.
            return self
                .none_match
                .iter()
                .filter_map(|value| value.to_str().ok())
                .flat_map(members)
                .any(|member| member == "*" || opaque(member) == Some(tag));
        }
        // The very date that was sent: two dates are not compared, because nothing here needs a calendar.
        self.modified_since.as_ref().is_some_and(|date| headers.get(LAST_MODIFIED) == Some(date))
    }
}

/// The inside of an entity tag, weak or strong; `None` when it is none.
pub(super) fn opaque(tag: &str) -> Option<&str> {
    let tag = tag.trim();
    let inside = tag.strip_prefix("W/").unwrap_or(tag).strip_prefix('"')?.strip_suffix('"')?;
    let is_plain = inside.bytes().all(|byte| byte == 0x21 || (0x23..=0x7e).contains(&byte));
    is_plain.then_some(inside)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn have(asked: &[(http::HeaderName, &'static str)], tag: &'static str) -> bool {
        let mut headers = HeaderMap::new();
        for (name, value) in asked {
            headers.append(name, HeaderValue::from_static(value));
        }
        let conditions = Conditions::take(&mut headers);
        assert!(headers.is_empty());
        let mut kept = HeaderMap::new();
        kept.insert(ETAG, HeaderValue::from_static(tag));
        kept.insert(LAST_MODIFIED, HeaderValue::from_static("Sat, 21 Nov 2026 18:00:00 GMT"));
        conditions.have(&kept)
    }

    #[test]
    fn tags_are_compared_weakly_in_lists_and_dates_only_without_them() {
        assert!(!have(&[], "\"a\""));
        assert!(have(&[(IF_NONE_MATCH, "\"a\"")], "\"a\""));
        assert!(have(&[(IF_NONE_MATCH, "\"x\", W/\"a\"")], "\"a\""));
        assert!(have(&[(IF_NONE_MATCH, "\"x\""), (IF_NONE_MATCH, "\"a,b\"")], "W/\"a,b\""));
        assert!(have(&[(IF_NONE_MATCH, "*")], "\"a\""));
        assert!(!have(&[(IF_NONE_MATCH, "\"b\"")], "\"a\""));
        assert!(!have(&[(IF_NONE_MATCH, "a")], "\"a\""), "no tag");
        let date = (IF_MODIFIED_SINCE, "Sat, 21 Nov 2026 18:00:00 GMT");
        assert!(have(std::slice::from_ref(&date), "\"a\""));
        assert!(!have(&[(IF_NONE_MATCH, "\"b\""), date], "\"a\""));
        assert!(!have(&[(IF_MODIFIED_SINCE, "Sat, 21 Nov 2026 18:00:01 GMT")], "\"a\""));
    }
}
