use uuid::Uuid;

/// Takes down the parts of a key so that no two different keys write the same: each part carries its kind and length.
///
/// ```
/// use healthcare_cache::KeyWriter;
///
/// let mut one = KeyWriter::default();
/// one.text("ab").text("c");
/// let mut other = KeyWriter::default();
/// other.text("a").text("bc");
/// assert_ne!(one, other);
/// ```
#[derive(Clone, PartialEq, Eq, Default)]
pub struct KeyWriter(Vec<u8>);

impl KeyWriter {
    /// An id.
    pub fn id(&mut self, id: Uuid) -> &mut Self {
        self.part(b'u', id.as_bytes())
    }

    /// A number.
    pub fn number(&mut self, number: u64) -> &mut Self {
        self.part(b'n', &number.to_be_bytes())
    }

    /// A text.
    pub fn text(&mut self, text: &str) -> &mut Self {
        self.part(b't', text.as_bytes())
    }

    /// Bytes.
    pub fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.part(b'b', bytes)
    }

    /// Whether something is so, or is there at all: write it before the part that may be missing.
    pub fn flag(&mut self, is_set: bool) -> &mut Self {
        self.part(b'f', &[u8::from(is_set)])
    }

    fn part(&mut self, kind: u8, bytes: &[u8]) -> &mut Self {
        self.0.push(kind);
        // A usize has at most 64 bits on anything that runs this.
        self.0.extend_from_slice(&u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_be_bytes());
        self.0.extend_from_slice(bytes);
        self
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Shows how much was written, and nothing of it.
impl std::fmt::Debug for KeyWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "KeyWriter({} bytes)", self.0.len())
    }
}
