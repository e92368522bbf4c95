//! Small operations on secrets.

use ring::{
    digest,
    rand::{SecureRandom as _, SystemRandom},
};

/// Compares without telling by its time where the difference is.
pub(crate) fn same(a: &[u8], b: &[u8]) -> bool {
    let difference = a.iter().zip(b).fold(u8::from(a.len() != b.len()), |d, (x, y)| d | (x ^ y));
    std::hint::black_box(difference) == 0
}

/// SHA-256.
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    out
}

/// Random bytes of the operating system, or nothing.
pub(crate) fn random<const N: usize>() -> Option<[u8; N]> {
    let mut out = [0; N];
    SystemRandom::new().fill(&mut out).ok()?;
    Some(out)
}
