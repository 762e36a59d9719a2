//! The weights of a LoRA as a safetensors file: a JSON header and two small tensors.

use bytes::{BufMut as _, Bytes, BytesMut};
use serde_json::json;

use crate::filters::random::SplitMix64;

const RANK: usize = 4;
const WIDTH: usize = 64;

pub(super) fn file(random: &mut SplitMix64) -> Bytes {
    let bytes = RANK * WIDTH * size_of::<f32>();
    let header = json!({
        "__metadata__": {"format": "pt", "generator": "fluxgate emulator"},
        "blocks.0.attn.lora_A.weight": {
            "dtype": "F32", "shape": [RANK, WIDTH], "data_offsets": [0, bytes],
        },
        "blocks.0.attn.lora_B.weight": {
            "dtype": "F32", "shape": [WIDTH, RANK], "data_offsets": [bytes, bytes * 2],
        },
    });
    let mut header = header.to_string().into_bytes();
    header.resize(header.len().next_multiple_of(8), b' ');
    let mut file = BytesMut::new();
    file.put_u64_le(header.len() as u64);
    file.put_slice(&header);
    for _ in 0..RANK * WIDTH * 2 {
        file.put_f32_le(random.between(-0.1, 0.1));
    }
    file.freeze()
}
