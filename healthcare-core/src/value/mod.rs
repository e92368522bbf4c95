//! Value objects: text that was checked once and needs no second look.

mod email;
mod money;
mod phone;
mod record_number;

pub use email::{Email, InvalidEmail};
pub use money::{Currency, InvalidMoney, Money};
pub use phone::{InvalidPhone, Phone};
pub use record_number::{InvalidRecordNumber, RecordNumber};

/// A checked text with its parsing, display and serde, the latter by way of the parsing.
macro_rules! text_value {
    ($name:ident, $error:ident) => {
        impl $name {
            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl ::serde::Serialize for $name {
            fn serialize<S: ::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }
        impl<'de> ::serde::Deserialize<'de> for $name {
            fn deserialize<D: ::serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <::std::borrow::Cow<'de, str> as ::serde::Deserialize>::deserialize(deserializer)?;
                text.parse().map_err(|error: $error| ::serde::de::Error::custom(error))
            }
        }
    };
}
pub(crate) use text_value;
