//! Outputs other than pictures, as other kinds of models produce them.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::file_store::File;
use crate::provider::Provider;

/// What every run produces instead of its pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OddOutput {
    Glb,
    Svg,
    Json,
    Text,
    Safetensors,
    Mp4,
    Mp3,
    /// Bytes of an unknown type.
    New,
    /// A page at a URL without an extension.
    Page,
}

/// File name, content type and bytes.
type Sample = (&'static str, &'static str, &'static [u8]);

impl OddOutput {
    /// Returns the output's name.
    pub(super) fn keep(self, provider: &Provider, run: &str) -> String {
        let (name, content_type, bytes) = self.sample();
        let file = File {
            bytes: Bytes::from_static(bytes),
            content_type: content_type.to_owned(),
        };
        provider.files.insert(format!("outputs/{run}/{name}"), file);
        name.to_owned()
    }

    fn sample(self) -> Sample {
        match self {
            Self::Glb => (
                "0.glb",
                "model/gltf-binary",
                b"glTF\x02\0\0\0\x14\0\0\0\0\0\0\0JSON",
            ),
            Self::Svg => (
                "0.svg",
                "image/svg+xml",
                b"<svg xmlns=\"http://www.w3.org/2000/svg\"><script/></svg>",
            ),
            Self::Json => ("0.json", "application/json", b"{\"caption\":\"a cup\"}"),
            Self::Text => ("0.txt", "text/plain", b"Eine rote Tasse."),
            Self::Safetensors => (
                "0.safetensors",
                "application/octet-stream",
                b"\x02\0\0\0\0\0\0\0{}",
            ),
            Self::Mp4 => (
                "0.mp4",
                "video/mp4",
                b"\0\0\0\x18ftypiso9\0\0\0\0iso9mp42\0\0\0\x08mdat",
            ),
            Self::Mp3 => ("0.mp3", "audio/mpeg", b"\xff\xfa\x90\x64\0\0\0\0"),
            Self::New => ("0.new", "application/x-new", b"\0\x01\x02\x03"),
            Self::Page => ("0", "text/html", b"<!doctype html><title>Gone</title>"),
        }
    }
}
