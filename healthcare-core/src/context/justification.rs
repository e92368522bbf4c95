//! Why, in the actor's own words.

use serde::{Deserialize, Serialize};
use std::{fmt, sync::Arc};

/// What somebody gave as the reason for an access that is not theirs otherwise. It may speak of a person: it is kept sealed, in the
/// record of the access and nowhere in clear, and `Debug` does not show it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Justification(Arc<str>);

/// The text is not a reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a reason is {} to {} characters", Justification::CHARS_MIN, Justification::CHARS_MAX)]
pub struct InvalidJustification;

impl Justification {
    /// The fewest characters: a reason is more than a word.
    pub const CHARS_MIN: usize = 10;
    /// The most.
    pub const CHARS_MAX: usize = 500;

    /// The reason, on one line: what separates words becomes one space.
    ///
    /// # Errors
    /// [`InvalidJustification`] when it is too short, too long, or has other control characters.
    pub fn new(text: &str) -> Result<Self, InvalidJustification> {
        // Before anything is made of it: a text of megabytes costs nothing.
        if text.len() > Self::CHARS_MAX * 8 {
            return Err(InvalidJustification);
        }
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let length = text.chars().count();
        let letters = text.chars().filter(|letter| letter.is_alphanumeric()).count();
        if !(Self::CHARS_MIN..=Self::CHARS_MAX).contains(&length)
            || letters < Self::CHARS_MIN / 2
            || text.chars().any(char::is_control)
        {
            return Err(InvalidJustification);
        }
        Ok(Self(Arc::from(text)))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Justification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Justification(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::Justification;

    #[test]
    fn a_reason_is_words_and_not_a_key_held_down() {
        let reason = Justification::new("  Unconscious,\r\n no relative\there ").map(|reason| reason.0);
        assert_eq!(reason.as_deref(), Ok("Unconscious, no relative here"));
        for wrong in ["", "   ", "asap", "..............", "because of\u{7}that", &"x".repeat(501)] {
            assert!(Justification::new(wrong).is_err(), "{wrong:?}");
        }
        assert!(Justification::new(&"ü".repeat(500)).is_ok());
        assert!(!format!("{:?}", Justification::new("Unconscious, alone")).contains("Unconscious"));
    }
}
