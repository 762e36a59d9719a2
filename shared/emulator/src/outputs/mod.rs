//! What a model makes, on the spot and by plain arithmetic: the same inputs and seed always give
//! the same bytes.

mod cutout;
mod gltf;
mod picture;
mod safetensors;
mod sized;
mod text;
mod tone;
mod video;
mod wav;

use bytes::Bytes;
use image::DynamicImage;
use serde::Deserialize;

use crate::filters::random::{SplitMix64, seed_of};
pub use sized::picture_of;

/// What one output is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    Picture,
    Upscaled,
    Cutout,
    Video,
    Music,
    Speech,
    Text,
    Json,
    Mesh,
    Lora,
}

/// What a run of a model makes.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub(crate) enum Makes {
    /// As many as `num_images` says.
    Copies(Kind),
    /// One of each.
    Each(Vec<Kind>),
    /// As many as `num_images` says, each as `{"url": …}`.
    Objects { object: Kind },
}

/// What a run asks for.
pub(crate) struct Order<'a> {
    /// Everything that the inputs say in words.
    pub(crate) words: &'a str,
    pub(crate) seed: u64,
    pub(crate) source: Option<DynamicImage>,
    pub(crate) guidance_scale: f64,
    pub(crate) aspect_ratio: Option<&'a str>,
    /// PNG in place of JPEG.
    pub(crate) as_png: bool,
}

/// One output: a file to be fetched, or words within the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Made {
    File {
        extension: &'static str,
        content_type: &'static str,
        bytes: Bytes,
    },
    Text(String),
}

/// Why an output could not be made.
#[derive(Debug)]
pub(crate) struct Failed(pub(crate) String);

impl Makes {
    /// The outputs of a run, in order.
    pub(crate) fn kinds(&self, copies: usize) -> Vec<Kind> {
        match self {
            Self::Copies(kind) | Self::Objects { object: kind } => vec![*kind; copies],
            Self::Each(kinds) => kinds.clone(),
        }
    }

    pub(crate) fn are_objects(&self) -> bool {
        matches!(self, Self::Objects { .. })
    }
}

impl Kind {
    /// Outputs of one run differ by their index.
    pub(crate) fn make(self, order: &Order<'_>, index: u64) -> Result<Made, Failed> {
        let seed = order.seed.wrapping_add(index);
        let mut random = SplitMix64::new(seed_of(order.words, seed));
        let (extension, content_type, bytes) = match self {
            Self::Picture => return picture::encoded(&picture::drawn(order, seed), order.as_png),
            Self::Upscaled => return picture::encoded(&picture::enlarged(order), order.as_png),
            Self::Cutout => return picture::encoded(&cutout::of(&picture::shown(order)), true),
            Self::Text => return Ok(Made::Text(text::sentence(order, &mut random))),
            Self::Video => (
                "mp4",
                "video/mp4",
                video::mp4(&picture::drawn(order, seed))?,
            ),
            Self::Music => ("wav", "audio/wav", wav::file(&tone::tune(&mut random))),
            Self::Speech => (
                "wav",
                "audio/wav",
                wav::file(&tone::speech(order.words, &mut random)),
            ),
            Self::Json => ("json", "application/json", text::json(order, &mut random)),
            Self::Mesh => ("glb", "model/gltf-binary", gltf::glb(&mut random)),
            Self::Lora => (
                "safetensors",
                "application/octet-stream",
                safetensors::file(&mut random),
            ),
        };
        Ok(Made::File {
            extension,
            content_type,
            bytes,
        })
    }
}
