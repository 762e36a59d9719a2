//! WAV files (RIFF): 16-bit PCM, one channel.

use bytes::{BufMut as _, Bytes, BytesMut};

use super::tone::SAMPLES_PER_SECOND;

const HEADER_BYTES: usize = 44;
const SAMPLE_BYTES: u16 = 2;

pub(super) fn file(samples: &[i16]) -> Bytes {
    let data_bytes = u32::try_from(samples.len() * usize::from(SAMPLE_BYTES))
        .expect("a few seconds of sound are far below 4 GiB");
    let mut wav = BytesMut::with_capacity(HEADER_BYTES + data_bytes as usize);
    wav.put_slice(b"RIFF");
    wav.put_u32_le(data_bytes + 36);
    wav.put_slice(b"WAVEfmt ");
    wav.put_u32_le(16);
    wav.put_u16_le(1);
    wav.put_u16_le(1);
    wav.put_u32_le(SAMPLES_PER_SECOND);
    wav.put_u32_le(SAMPLES_PER_SECOND * u32::from(SAMPLE_BYTES));
    wav.put_u16_le(SAMPLE_BYTES);
    wav.put_u16_le(16);
    wav.put_slice(b"data");
    wav.put_u32_le(data_bytes);
    samples.iter().for_each(|sample| wav.put_i16_le(*sample));
    wav.freeze()
}
