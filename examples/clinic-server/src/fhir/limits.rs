//! What an input may cost.

/// The limits of one bundle. Over any of them the bundle is refused as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The most bytes of a file as it lies on disk.
    pub file_bytes: u64,
    /// The most bytes after decompression: a gzip bomb ends here.
    pub bundle_bytes: u64,
    /// The deepest nesting of objects and arrays.
    pub depth: usize,
    /// The most entries of a bundle.
    pub entries: usize,
}

impl Default for Limits {
    /// 64 MiB on disk, 256 MiB unpacked, 64 levels, 100,000 entries: ten times the largest published Synthea patient.
    fn default() -> Self {
        Self { file_bytes: 64 << 20, bundle_bytes: 256 << 20, depth: 64, entries: 100_000 }
    }
}
