//! Reproducible randomness: SplitMix64 (Steele, Lea, Flood 2014), and FNV-1a for the words of a
//! prompt. The standard library's hashers are not used, because they may differ between runs and
//! releases.

const GOLDEN_GAMMA: u64 = 0x9E37_79B9_7F4A_7C15;

pub(crate) struct SplitMix64(u64);

impl SplitMix64 {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GOLDEN_GAMMA);
        scrambled(self.0)
    }

    pub(crate) fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * unit(self.next())
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        ((unit(self.next()) * bound as f32) as usize).min(bound.saturating_sub(1))
    }

    pub(super) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

/// One number that stands for bytes, and for what came before them.
pub(crate) fn fingerprint(before: u64, bytes: &[u8]) -> u64 {
    bytes.chunks(8).fold(before, |hash, chunk| {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        scrambled(hash.wrapping_add(GOLDEN_GAMMA) ^ u64::from_le_bytes(word))
    })
}

/// One seed from both the prompt and the requested variation.
pub(crate) fn seed_of(prompt: &str, seed: u64) -> u64 {
    let fnv = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3);
    let words = prompt.trim().bytes().fold(0xCBF2_9CE4_8422_2325, fnv);
    scrambled(words ^ scrambled(seed.wrapping_add(GOLDEN_GAMMA)))
}

/// 0 to 1, fixed for each lattice point.
pub(super) fn at(seed: u64, x: i64, y: i64) -> f32 {
    let place =
        (x as u64).wrapping_mul(GOLDEN_GAMMA) ^ (y as u64).wrapping_mul(0xC2B2_AE3D_27D4_EB4F);
    unit(scrambled(seed ^ place))
}

fn scrambled(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ (bits >> 31)
}

fn unit(bits: u64) -> f32 {
    (bits >> 40) as f32 / (1_u64 << 24) as f32
}
