//! Arithmetic on single colours, each channel from 0 to 1.

pub(super) type Rgb = [f32; 3];

pub(super) fn mix(from: f32, to: f32, portion: f32) -> f32 {
    from + (to - from) * portion
}

pub(super) fn mix_rgb(from: Rgb, to: Rgb, portion: f32) -> Rgb {
    [
        mix(from[0], to[0], portion),
        mix(from[1], to[1], portion),
        mix(from[2], to[2], portion),
    ]
}

/// 0 up to `low`, 1 from `high` on, with a smooth slope in between; decreases if `low` is greater.
pub(super) fn smoothstep(low: f32, high: f32, value: f32) -> f32 {
    let t = ((value - low) / (high - low)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

/// Perceived brightness (Rec. 709 weights).
pub(super) fn luma(pixel: Rgb) -> f32 {
    0.2126 * pixel[0] + 0.7152 * pixel[1] + 0.0722 * pixel[2]
}

/// Grey at 0, unchanged at 1, more colourful above.
pub(super) fn saturated(pixel: Rgb, amount: f32) -> Rgb {
    let grey = luma(pixel);
    pixel.map(|channel| mix(grey, channel, amount))
}

/// Bends the tones into an S: unchanged at 0, about half as much again in the middle at 1.
pub(super) fn contrasted(value: f32, amount: f32) -> f32 {
    mix(value, smoothstep(0.0, 1.0, value), amount)
}

/// Lightens as a second projector on the same wall would.
pub(super) fn screened(below: f32, above: f32) -> f32 {
    1.0 - (1.0 - below) * (1.0 - above)
}

/// More or less pigment of the same colour (Bousseau et al. 2006): 1 keeps it, white and black
/// stay.
pub(super) fn pigmented(pixel: Rgb, density: f32) -> Rgb {
    pixel.map(|channel| (channel - (channel - channel * channel) * (density - 1.0)).clamp(0.0, 1.0))
}
