//! A mesh as binary glTF 2.0: a pyramid whose proportions and colour come from the seed.

use bytes::{BufMut as _, Bytes, BytesMut};
use serde_json::{Value, json};

use crate::filters::random::SplitMix64;

/// Counter-clockwise as seen from outside.
const TRIANGLES: [[u16; 3]; 6] = [
    [0, 1, 2],
    [0, 2, 3],
    [1, 0, 4],
    [2, 1, 4],
    [3, 2, 4],
    [0, 3, 4],
];
const POSITIONS: usize = 5;
const POSITION_BYTES: usize = POSITIONS * 12;
const INDEX_BYTES: usize = TRIANGLES.len() * 6;

pub(super) fn glb(random: &mut SplitMix64) -> Bytes {
    let (half, height) = (random.between(0.3, 1.0), random.between(0.5, 2.0));
    let colour: [f32; 3] = std::array::from_fn(|_| random.between(0.1, 1.0));
    let corners = [
        [-half, 0.0, -half],
        [half, 0.0, -half],
        [half, 0.0, half],
        [-half, 0.0, half],
        [0.0, height, 0.0],
    ];
    let mut binary = BytesMut::new();
    corners
        .iter()
        .flatten()
        .for_each(|axis| binary.put_f32_le(*axis));
    let indices = TRIANGLES.iter().flatten();
    indices.for_each(|index| binary.put_u16_le(*index));
    let bounds = ([-half, 0.0, -half], [half, height, half]);
    container(&scene(bounds, colour, binary.len()), &binary)
}

fn scene((least, most): ([f32; 3], [f32; 3]), colour: [f32; 3], bytes: usize) -> Value {
    let indices = TRIANGLES.len() * 3;
    let [red, green, blue] = colour;
    let material = json!({"pbrMetallicRoughness": {"baseColorFactor": [red, green, blue, 1.0]}});
    let primitive = json!({"attributes": {"POSITION": 0}, "indices": 1, "material": 0});
    json!({
        "asset": {"version": "2.0", "generator": "fluxgate emulator"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [primitive]}],
        "materials": [material],
        "buffers": [{"byteLength": bytes}],
        "bufferViews": [
            {"buffer": 0, "byteOffset": 0, "byteLength": POSITION_BYTES, "target": 34962},
            {"buffer": 0, "byteOffset": POSITION_BYTES, "byteLength": INDEX_BYTES, "target": 34963},
        ],
        "accessors": [
            {"bufferView": 0, "componentType": 5126, "count": POSITIONS, "type": "VEC3",
             "min": least, "max": most},
            {"bufferView": 1, "componentType": 5123, "count": indices, "type": "SCALAR"},
        ],
    })
}

/// Chunks are padded to four bytes: JSON with spaces, binary with zeros.
fn container(scene: &Value, binary: &[u8]) -> Bytes {
    let mut json = scene.to_string().into_bytes();
    json.resize(json.len().next_multiple_of(4), b' ');
    let mut binary = binary.to_vec();
    binary.resize(binary.len().next_multiple_of(4), 0);
    let length = |bytes: usize| u32::try_from(bytes).expect("a pyramid is far below 4 GiB");
    let mut glb = BytesMut::new();
    glb.put_slice(b"glTF");
    glb.put_u32_le(2);
    glb.put_u32_le(length(12 + 8 + json.len() + 8 + binary.len()));
    glb.put_u32_le(length(json.len()));
    glb.put_slice(b"JSON");
    glb.put_slice(&json);
    glb.put_u32_le(length(binary.len()));
    glb.put_slice(b"BIN\0");
    glb.put_slice(&binary);
    glb.freeze()
}
