//! SipHash-2-4 with 128 bits of output (Aumasson and Bernstein, 2012; the 128-bit form of the reference code, 2015).

/// The keyed hash of `bytes`.
pub(super) fn sip128(key: [u8; 16], bytes: &[u8]) -> [u8; 16] {
    let key = u128::from_le_bytes(key);
    let mut state = State::new(low(key), low(key >> 64));
    let mut words = bytes.chunks_exact(8);
    for word in &mut words {
        state.absorb(word.iter().rev().fold(0, |sum, byte| (sum << 8) | u64::from(*byte)));
    }
    let rest = words.remainder().iter().rev().fold(0, |sum, byte| (sum << 8) | u64::from(*byte));
    let length = u64::try_from(bytes.len() & 0xff).unwrap_or(0);
    state.absorb(rest | (length << 56));
    state.finish().to_le_bytes()
}

fn low(wide: u128) -> u64 {
    u64::try_from(wide & u128::from(u64::MAX)).unwrap_or(0)
}

struct State([u64; 4]);

impl State {
    const fn new(low: u64, high: u64) -> Self {
        Self([
            low ^ 0x736f_6d65_7073_6575,
            high ^ 0x646f_7261_6e64_6f6d ^ 0xee,
            low ^ 0x6c79_6765_6e65_7261,
            high ^ 0x7465_6462_7974_6573,
        ])
    }

    const fn round(&mut self) {
        let [mut a, mut b, mut c, mut d] = self.0;
        a = a.wrapping_add(b);
        b = b.rotate_left(13) ^ a;
        a = a.rotate_left(32);
        c = c.wrapping_add(d);
        d = d.rotate_left(16) ^ c;
        a = a.wrapping_add(d);
        d = d.rotate_left(21) ^ a;
        c = c.wrapping_add(b);
        b = b.rotate_left(17) ^ c;
        c = c.rotate_left(32);
        self.0 = [a, b, c, d];
    }

    fn rounds(&mut self, count: usize) {
        for _ in 0..count {
            self.round();
        }
    }

    fn absorb(&mut self, word: u64) {
        self.0[3] ^= word;
        self.rounds(2);
        self.0[0] ^= word;
    }

    fn finish(mut self) -> u128 {
        self.0[2] ^= 0xee;
        self.rounds(4);
        let first = self.mix();
        self.0[1] ^= 0xdd;
        self.rounds(4);
        u128::from(first) | (u128::from(self.mix()) << 64)
    }

    const fn mix(&self) -> u64 {
        let [a, b, c, d] = self.0;
        a ^ b ^ c ^ d
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first two of the reference code's vectors: the key counts up from 0, and so does the text.
    #[test]
    fn it_gives_the_published_values() {
        let key: [u8; 16] = std::array::from_fn(|n| u8::try_from(n).unwrap());
        for (length, wanted) in
            [(0, "a3817f04ba25a8e66df67214c7550293"), (1, "da87c1d86b99af44347659119b22fc45")]
        {
            let text: Vec<u8> = (0..length).collect();
            let found: String = sip128(key, &text).iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(found, wanted, "{length} bytes");
        }
    }

    #[test]
    fn each_bit_of_the_text_counts() {
        let text = [7_u8; 40];
        let plain = sip128([1; 16], &text);
        for bit in 0..text.len() * 8 {
            let mut other = text;
            other[bit / 8] ^= 1 << (bit % 8);
            assert_ne!(sip128([1; 16], &other), plain, "bit {bit}");
        }
        assert_ne!(sip128([2; 16], &text), plain);
    }
}
