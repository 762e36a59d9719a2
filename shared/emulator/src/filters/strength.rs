//! How strongly to apply a look, from the request's guidance scale.

use super::canvas::Canvas;
use super::colour::{contrasted, mix_rgb};

const GUIDANCE_DEFAULT: f64 = 3.5;
const GUIDANCE_MIN: f64 = 1.0;
const GUIDANCE_MAX: f64 = 20.0;

/// Above one half on purpose: half a negative is plain grey.
const PORTION_MIN: f64 = 0.75;
const DEPTH_MAX: f64 = 0.7;

/// Below the default scale the original shows through; above it the look's contrast deepens.
pub(super) fn blended(original: &Canvas, looked: &Canvas, guidance_scale: f64) -> Canvas {
    let guidance = if guidance_scale.is_nan() {
        GUIDANCE_DEFAULT
    } else {
        guidance_scale
    };
    let below = ((guidance - GUIDANCE_MIN) / (GUIDANCE_DEFAULT - GUIDANCE_MIN)).clamp(0.0, 1.0);
    let above = ((guidance - GUIDANCE_DEFAULT) / (GUIDANCE_MAX - GUIDANCE_DEFAULT)).clamp(0.0, 1.0);
    let portion = (PORTION_MIN + (1.0 - PORTION_MIN) * below) as f32;
    let depth = (DEPTH_MAX * above) as f32;
    original.zip(looked, |before, after| {
        mix_rgb(before, after, portion).map(|channel| contrasted(channel.clamp(0.0, 1.0), depth))
    })
}
