use std::{fmt, sync::Arc};

/// What repeating a call would do. Said where the call is made, because no policy can know it.
///
/// A call that was dropped or whose answer was lost may have taken effect. Repeating a plain write may then prescribe,
/// bill or send twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Effect {
    /// Changes nothing: may be tried again and hedged.
    Read,
    /// A write that the callee applies once however often it arrives: because it carries an [`IdempotencyKey`], or by
    /// its nature, as setting a value has. May be tried again and hedged.
    Idempotent,
    /// Any other write: tried once.
    Write,
}

impl Effect {
    /// Whether the call may be made more than once.
    #[must_use]
    pub const fn is_repeatable(self) -> bool {
        matches!(self, Self::Read | Self::Idempotent)
    }
}

impl From<&IdempotencyKey> for Effect {
    fn from(_: &IdempotencyKey) -> Self {
        Self::Idempotent
    }
}

/// What the callee knows a write by, so that it applies it once: the same key with every try of one write, another key
/// for every other write.
///
/// 1 to 255 visible ASCII characters. It is kept out of `Debug`, because it is a capability at the callee; do not make
/// it of anything about a person.
///
/// ```
/// use healthcare_resilience::{Effect, IdempotencyKey};
/// # fn main() -> Result<(), healthcare_resilience::IdempotencyKeyError> {
/// let key = IdempotencyKey::new("0192f2a4-6d0a-7cc0-9f5e-1f8f4b6c9a10")?;
/// assert_eq!(Effect::from(&key), Effect::Idempotent);
/// assert_eq!(format!("{key:?}"), "IdempotencyKey(..)");
/// # Ok(()) }
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct IdempotencyKey(Arc<str>);

impl IdempotencyKey {
    /// The longest key, in bytes.
    pub const LENGTH_MAX: usize = 255;

    /// A key.
    ///
    /// # Errors
    /// When it is empty, too long, or not visible ASCII.
    pub fn new(key: impl AsRef<str>) -> Result<Self, IdempotencyKeyError> {
        let key = key.as_ref();
        check_key(key.as_bytes())?;
        Ok(Self(key.into()))
    }

    /// The key, to be sent with the write.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// # Errors
/// When `key` is not one.
pub(crate) fn check_key(key: &[u8]) -> Result<(), IdempotencyKeyError> {
    if key.is_empty() || key.len() > IdempotencyKey::LENGTH_MAX {
        return Err(IdempotencyKeyError::Length { max: IdempotencyKey::LENGTH_MAX });
    }
    if !key.iter().all(u8::is_ascii_graphic) {
        return Err(IdempotencyKeyError::Character);
    }
    Ok(())
}

impl fmt::Debug for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IdempotencyKey(..)")
    }
}

/// Not an [`IdempotencyKey`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdempotencyKeyError {
    /// Empty or too long.
    #[error("an idempotency key has 1 to {max} characters: use a random UUID")]
    Length {
        /// The limit.
        max: usize,
    },
    /// A space, a control character, or one beyond ASCII.
    #[error("an idempotency key is visible ASCII: use a random UUID")]
    Character,
}
