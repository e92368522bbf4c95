use super::text_value;
use std::{fmt, str::FromStr};

/// A telephone number in E.164 form: `+` and 8 to 15 digits. Spaces, dots, hyphens and parentheses are dropped when read.
///
/// ```
/// use healthcare_core::Phone;
/// let phone: Phone = "+44 (20) 7946-0018".parse()?;
/// assert_eq!(phone.as_str(), "+442079460018");
/// # Ok::<(), healthcare_core::InvalidPhone>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Phone(String);

/// The text is not a telephone number with its country.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a telephone number: write it with its country, such as +442079460018 (E.164)")]
pub struct InvalidPhone;

text_value!(Phone, InvalidPhone);

impl FromStr for Phone {
    type Err = InvalidPhone;
    fn from_str(text: &str) -> Result<Self, InvalidPhone> {
        let rest = text.trim().strip_prefix('+').filter(|_| text.len() <= 40).ok_or(InvalidPhone)?;
        let digits: String = rest.chars().filter(|c| !matches!(c, ' ' | '.' | '-' | '(' | ')')).collect();
        let good = (8..=15).contains(&digits.len())
            && !digits.starts_with('0')
            && digits.bytes().all(|b| b.is_ascii_digit());
        if good { Ok(Self(format!("+{digits}"))) } else { Err(InvalidPhone) }
    }
}

impl fmt::Debug for Phone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Phone(***)")
    }
}
