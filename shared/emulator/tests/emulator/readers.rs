//! Reads outputs with crates that the emulator does not write them with.

use std::io::Cursor;

use openh264::decoder::Decoder;
use openh264::formats::YUVSource as _;
use safetensors::SafeTensors;

/// What a reader found in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Found {
    Picture { is_png: bool },
    Video { frames: usize },
    Sound,
    Mesh,
    Weights,
    Json,
}

/// Panics if the bytes are not what the content type says.
pub(crate) fn read(content_type: &str, bytes: &[u8]) -> Found {
    match content_type {
        "image/jpeg" | "image/png" => {
            let picture = image::load_from_memory(bytes).unwrap();
            assert!(picture.width() > 1 && picture.height() > 1);
            let is_png = image::guess_format(bytes).unwrap() == image::ImageFormat::Png;
            assert_eq!(is_png, content_type == "image/png");
            Found::Picture { is_png }
        }
        "video/mp4" => Found::Video {
            frames: frames(bytes),
        },
        "audio/wav" => sound(bytes),
        "model/gltf-binary" => mesh(bytes),
        "application/octet-stream" => weights(bytes),
        "application/json" => {
            let value: serde_json::Value = serde_json::from_slice(bytes).unwrap();
            assert!(!value["segments"].as_array().unwrap().is_empty());
            Found::Json
        }
        other => panic!("an output of type {other}"),
    }
}

/// The number of frames that a decoder makes of the file's one track.
fn frames(bytes: &[u8]) -> usize {
    let moov = bytes.windows(4).position(|name| name == b"moov").unwrap();
    let mdat = bytes.windows(4).position(|name| name == b"mdat").unwrap();
    assert!(moov < mdat, "a player can start before it has all of it");
    let file = re_mp4::Mp4::read_bytes(bytes).unwrap();
    let [track] = file.tracks().values().collect::<Vec<_>>()[..] else {
        panic!("one track")
    };
    assert!(track.duration > 0 && track.codec_string(&file).unwrap().starts_with("avc1"));
    let re_mp4::StsdBoxContent::Avc1(avc) = &track.trak(&file).mdia.minf.stbl.stsd.contents else {
        panic!("an H.264 track")
    };
    let mut decoder = Decoder::new().unwrap();
    let parameters = [
        &avc.avcc.sequence_parameter_sets,
        &avc.avcc.picture_parameter_sets,
    ];
    for set in parameters.into_iter().flatten() {
        decoder.decode(&annex_b(&set.bytes)).unwrap();
    }
    let decoded = |sample: &re_mp4::Sample| {
        let units = &bytes[sample.byte_range()];
        let frame = decoder.decode(&annex_b_of_sample(units)).unwrap();
        let size = frame.map(|frame| frame.dimensions());
        assert_eq!(size, Some((track.width.into(), track.height.into())));
    };
    track.samples.iter().map(decoded).count()
}

fn annex_b(unit: &[u8]) -> Vec<u8> {
    [&[0, 0, 0, 1], unit].concat()
}

/// Samples hold units after their lengths; the decoder wants them after start codes.
fn annex_b_of_sample(mut sample: &[u8]) -> Vec<u8> {
    let mut stream = Vec::new();
    while let Some((length, rest)) = sample.split_first_chunk::<4>() {
        let (unit, rest) = rest.split_at(u32::from_be_bytes(*length) as usize);
        stream.extend(annex_b(unit));
        sample = rest;
    }
    stream
}

fn sound(bytes: &[u8]) -> Found {
    let mut reader = hound::WavReader::new(Cursor::new(bytes)).unwrap();
    let loudest = reader
        .samples::<i16>()
        .map(|sample| sample.unwrap().unsigned_abs())
        .max();
    assert!(loudest > Some(1_000), "silence");
    Found::Sound
}

fn mesh(bytes: &[u8]) -> Found {
    let file = gltf::Gltf::from_slice(bytes).unwrap();
    let blob = file.blob.as_deref().unwrap();
    let mesh = file.meshes().next().unwrap();
    let primitive = mesh.primitives().next().unwrap();
    let reader = primitive.reader(|_| Some(blob));
    let positions: Vec<[f32; 3]> = reader.read_positions().unwrap().collect();
    let indices: Vec<u32> = reader.read_indices().unwrap().into_u32().collect();
    assert!(indices.len().is_multiple_of(3));
    assert!(
        indices
            .iter()
            .all(|index| (*index as usize) < positions.len())
    );
    Found::Mesh
}

fn weights(bytes: &[u8]) -> Found {
    let tensors = SafeTensors::deserialize(bytes).unwrap();
    assert_eq!(tensors.len(), 2);
    Found::Weights
}
