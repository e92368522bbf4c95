use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// An ISO 4217 currency code: three capital letters.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Currency([u8; 3]);

/// An amount of money in whole minor units (cents, pence, paise). There is no fraction to lose.
///
/// ```
/// use healthcare_core::Money;
/// let fee = Money::new(12_50, "EUR".parse()?);
/// assert_eq!(fee.checked_add(Money::new(50, "EUR".parse()?))?, Money::new(13_00, "EUR".parse()?));
/// assert!(fee.checked_add(Money::new(50, "INR".parse()?)).is_err());
/// # Ok::<(), healthcare_core::InvalidMoney>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Money {
    minor: i64,
    currency: Currency,
}

/// Amounts that do not go together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidMoney {
    /// Not a currency code.
    #[error("not a currency: write its ISO 4217 code, such as EUR")]
    Currency,
    /// Two currencies in one sum.
    #[error("amounts of two currencies cannot be added: convert one first")]
    Mixed,
    /// Beyond what can be held.
    #[error("the amount is too large")]
    Overflow,
}

impl Money {
    /// This many minor units.
    #[must_use]
    pub const fn new(minor: i64, currency: Currency) -> Self {
        Self { minor, currency }
    }
    /// The minor units.
    #[must_use]
    pub const fn minor(&self) -> i64 {
        self.minor
    }
    /// The currency.
    #[must_use]
    pub const fn currency(&self) -> Currency {
        self.currency
    }
    /// The sum.
    ///
    /// # Errors
    /// [`InvalidMoney::Mixed`] for two currencies, [`InvalidMoney::Overflow`] beyond 2^63 minor units.
    pub fn checked_add(self, other: Self) -> Result<Self, InvalidMoney> {
        if self.currency != other.currency {
            return Err(InvalidMoney::Mixed);
        }
        self.minor.checked_add(other.minor).map(|minor| Self { minor, ..self }).ok_or(InvalidMoney::Overflow)
    }
}

impl FromStr for Currency {
    type Err = InvalidMoney;
    fn from_str(text: &str) -> Result<Self, InvalidMoney> {
        let code: [u8; 3] = text.as_bytes().try_into().map_err(|_| InvalidMoney::Currency)?;
        if code.iter().all(u8::is_ascii_uppercase) { Ok(Self(code)) } else { Err(InvalidMoney::Currency) }
    }
}
impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|letter| write!(f, "{}", char::from(*letter)))
    }
}
impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
impl Serialize for Currency {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        std::borrow::Cow::<'de, str>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}
