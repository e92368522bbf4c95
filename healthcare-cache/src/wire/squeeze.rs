//! Compression (LZ4 blocks), with a limit on what comes out of it.

use lz4_flex::block::{compress, decompress_into};

/// Shorter contents are sealed as they are: a round trip costs more than the bytes.
const SQUEEZED_MIN: usize = 2 << 10;

/// The length of `plain` in four bytes, then the block; nothing when that would spare less than an eighth.
pub(super) fn squeeze(plain: &[u8]) -> Option<Vec<u8>> {
    if plain.len() < SQUEEZED_MIN {
        return None;
    }
    let length = u32::try_from(plain.len()).ok()?;
    let block = compress(plain);
    if block.len() > plain.len() - plain.len() / 8 {
        return None;
    }
    Some([length.to_le_bytes().as_slice(), &block].concat())
}

/// What was squeezed. Nothing when it is longer than `most`, which is found out before it is unpacked, or not of this form.
pub(super) fn swell(squeezed: &[u8], most: usize) -> Option<Vec<u8>> {
    let (length, block) = squeezed.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    if length > most {
        return None;
    }
    // Each time into room of its own, which holds nothing of another value; it has no more than was announced.
    let mut plain = vec![0; length];
    (decompress_into(block, &mut plain).ok()? == length).then_some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_was_squeezed_swells_to_what_it_was(seed: Vec<u8>, times in 1_usize..200) {
            let plain = seed.repeat(times);
            if let Some(squeezed) = squeeze(&plain) {
                prop_assert!(squeezed.len() < plain.len());
                prop_assert_eq!(swell(&squeezed, plain.len()), Some(plain));
            }
        }

        #[test]
        fn anything_else_is_nothing_or_short_enough(bytes: Vec<u8>, length in 0_u32..5_000) {
            let squeezed = [length.to_le_bytes().as_slice(), &bytes].concat();
            if let Some(plain) = swell(&squeezed, 4_000) {
                prop_assert!(plain.len() <= 4_000);
            }
        }
    }

    #[test]
    fn short_and_random_contents_are_left_alone() {
        assert_eq!(squeeze(&[7; SQUEEZED_MIN - 1]), None);
        assert!(squeeze(&[7; SQUEEZED_MIN]).is_some());
        let random: Vec<u8> = std::iter::repeat_with(|| fastrand::u8(..)).take(100_000).collect();
        assert_eq!(squeeze(&random), None);
    }

    #[test]
    fn a_bomb_is_refused_by_what_it_announces_and_by_what_it_is() {
        let bomb = squeeze(&vec![0; 1_000_000]).unwrap();
        assert!(bomb.len() < 5_000);
        assert_eq!(swell(&bomb, 999_999), None);
        let mut liar = bomb.clone();
        liar[..4].copy_from_slice(&4_000_u32.to_le_bytes());
        assert_eq!(swell(&liar, 999_999), None, "longer than announced");
        let mut braggart = bomb;
        braggart[..4].copy_from_slice(&1_000_001_u32.to_le_bytes());
        assert_eq!(swell(&braggart, 2_000_000), None, "shorter than announced");
    }
}
