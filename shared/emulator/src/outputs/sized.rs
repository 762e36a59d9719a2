//! A picture of any size, for benchmarks: one grey pixel and a chunk that readers pass by.

use bytes::Bytes;

/// The output under the fault `tiny_output`.
const TINY_PNG: &[u8] = include_bytes!("../../assets/tiny.png");
/// The last chunk, which ends the file.
const END_BYTES: usize = 12;
/// Length, name and checksum of a chunk.
const CHUNK_BYTES: usize = 12;
/// Private, not critical, and safe to copy.
const NAME: [u8; 4] = *b"fxPd";

/// A PNG of exactly so many bytes, or the tiny one where they are too few. What fills it cannot be
/// compressed.
pub fn picture_of(bytes: usize) -> Bytes {
    let Some(filling) = bytes.checked_sub(TINY_PNG.len() + CHUNK_BYTES) else {
        return Bytes::from_static(TINY_PNG);
    };
    let (head, end) = TINY_PNG.split_at(TINY_PNG.len() - END_BYTES);
    let mut chunk = NAME.to_vec();
    chunk.extend(noise().take(filling));
    let mut picture = Vec::with_capacity(bytes);
    picture.extend_from_slice(head);
    picture.extend_from_slice(&u32::try_from(filling).unwrap_or(u32::MAX).to_be_bytes());
    picture.extend_from_slice(&chunk);
    picture.extend_from_slice(&crc32(&chunk).to_be_bytes());
    picture.extend_from_slice(end);
    picture.into()
}

/// Always the same bytes, by Marsaglia's xorshift.
fn noise() -> impl Iterator<Item = u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    std::iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    })
    .flatten()
}

/// As PNG has it (ISO 3309).
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| (crc >> 1) ^ (0xedb8_8320 & 0_u32.wrapping_sub(crc & 1));
    let add = |crc: u32, byte: &u8| (0..8).fold(crc ^ u32::from(*byte), step);
    !bytes.iter().fold(u32::MAX, add)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_has_the_size_that_was_asked_for_and_can_be_read() {
        for bytes in [0, 67, 79, 80, 50_000] {
            let picture = picture_of(bytes);

            let wanted = if bytes < 79 { TINY_PNG.len() } else { bytes };
            assert_eq!(picture.len(), wanted);
            let read = image::load_from_memory(&picture).unwrap();
            assert_eq!((read.width(), read.height()), (1, 1));
        }
    }
}
