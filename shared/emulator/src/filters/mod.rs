//! Gives a picture another filter, or makes one up from a text: what the emulator answers instead
//! of a model. Plain arithmetic on pixels: the same prompt, seed and picture always give the same
//! answer, and nothing is understood.

mod abstract_art;
mod blur;
mod canvas;
mod cartoon;
mod colour;
mod filter;
mod flow;
mod frame;
mod gaussian;
mod grid;
mod kuwahara;
mod lines;
mod monochrome;
mod negative;
mod noise;
mod oil;
mod oklab;
mod palette;
mod pixel_art;
pub(crate) mod random;
mod sepia;
mod sketch;
mod strength;
mod stroke;
#[cfg(test)]
mod tests;
mod texture;
mod tone;
mod tones;
mod watercolour;
mod woodcut;

use filter::Filter;
use image::DynamicImage;

/// What a request asks for.
pub(crate) struct EditRequest<'a> {
    pub prompt: &'a str,
    pub seed: u64,
    /// 1 to 20, 3.5 by default: below it the original shows through, above it the contrast deepens.
    pub guidance_scale: f64,
    /// Width to height, such as `16:9`; anything that is not a ratio keeps the picture's own shape.
    pub aspect_ratio: Option<&'a str>,
}

pub(crate) fn edit(picture: DynamicImage, request: &EditRequest<'_>) -> DynamicImage {
    if picture.width() == 0 || picture.height() == 0 {
        return picture;
    }
    let original = canvas::from_image(frame::framed(picture, request.aspect_ratio));
    let seed = random::seed_of(request.prompt, request.seed);
    let looked = Filter::of_prompt(request.prompt).applied_to(&original, seed);
    canvas::into_image(&strength::blended(
        &original,
        &looked,
        request.guidance_scale,
    ))
}

pub(crate) fn from_text(request: &EditRequest<'_>) -> DynamicImage {
    let (width, height) = frame::size_for_text(request.aspect_ratio);
    let art = abstract_art::painted(width, height, random::seed_of(request.prompt, request.seed));
    let muted = art.map(|pixel| colour::saturated(pixel, 0.4));
    canvas::into_image(&strength::blended(&muted, &art, request.guidance_scale))
}
