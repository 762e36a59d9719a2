//! An oil painting: strokes along the shapes, broad ones first and finer ones where there is
//! detail, in thick paint that catches the light (after Hertzmann 1998).

use super::canvas::Canvas;
use super::colour::{Rgb, saturated};
use super::flow;
use super::gaussian::{blurred, blurred_canvas};
use super::grid::{Grid, Plane};
use super::random::SplitMix64;
use super::stroke::{Painting, Stroke};

/// Half widths of the brushes in pixels of the reference picture.
const BRUSHES: [f32; 3] = [14.0, 7.0, 3.2];

/// How far a colour may be off before a finer brush corrects it.
const TOLERANCE: f32 = 0.055;

pub(super) fn painted(picture: &Canvas, seed: u64) -> Canvas {
    let scale = picture.scale();
    let vivid = picture.map(|pixel| saturated(pixel, 1.3));
    let flow = flow::along(&blurred_canvas(picture, 1.5 * scale), 6.0 * scale, seed);
    let heights = picture.map(|_| 0.0);
    let mut painting = Painting {
        colours: blurred_canvas(&vivid, 12.0 * scale),
        heights,
    };
    let mut random = SplitMix64::new(seed);
    for (layer, brush) in BRUSHES.iter().enumerate() {
        let radius = (brush * scale).max(1.0);
        let motif = blurred_canvas(&vivid, 0.4 * radius);
        for place in places(&motif, &painting.colours, radius, layer == 0, &mut random) {
            painting.add(&stroke(&motif, &flow, place, radius, &mut random));
        }
    }
    lit(&painting)
}

/// Where to place strokes, in random order: everywhere, or only where the painting is still off.
fn places(
    motif: &Canvas,
    so_far: &Canvas,
    radius: f32,
    everywhere: bool,
    random: &mut SplitMix64,
) -> Vec<(f32, f32)> {
    let error = blurred(&motif.zip(so_far, distance), 0.7 * radius);
    let step = 1.2 * radius;
    let count = |size: usize| (size as f32 / step).ceil() as usize;
    let (columns, rows) = (count(motif.width), count(motif.height));
    let mut places = Vec::new();
    for cell in 0..columns * rows {
        let x = ((cell % columns) as f32 + random.between(0.0, 1.0)) * step;
        let y = ((cell / columns) as f32 + random.between(0.0, 1.0)) * step;
        if everywhere || error.near(x, y) > TOLERANCE {
            places.push((x, y));
        }
    }
    random.shuffle(&mut places);
    places
}

fn stroke(
    motif: &Canvas,
    flow: &Plane,
    (x, y): (f32, f32),
    radius: f32,
    random: &mut SplitMix64,
) -> Stroke {
    let angle = flow.near(x, y) + random.between(-0.12, 0.12);
    let reach = radius * random.between(2.6, 4.0);
    let ahead = flow.near(x + reach * angle.cos(), y + reach * angle.sin());
    let shade = random.between(-0.035, 0.035);
    let colour = motif
        .near(x, y)
        .map(|channel| channel + shade + random.between(-0.02, 0.02));
    Stroke {
        x,
        y,
        angle,
        radius,
        reach,
        bend: 0.5 * turned(ahead - angle) / reach,
        colour,
        seed: random.next(),
    }
}

/// The smaller rotation between two undirected lines.
fn turned(angle: f32) -> f32 {
    (angle - (angle / std::f32::consts::PI).round() * std::f32::consts::PI).clamp(-0.7, 0.7)
}

fn distance(one: Rgb, other: Rgb) -> f32 {
    one.iter()
        .zip(&other)
        .map(|(a, b)| (a - b).abs())
        .sum::<f32>()
        / 3.0
}

/// Light from the upper left on the ridges of the paint.
fn lit(painting: &Painting) -> Canvas {
    let heights = blurred(&painting.heights, 0.6 * painting.heights.scale());
    Grid::map_at(&painting.colours, |x, y, pixel| {
        let (x, y) = (x as isize, y as isize);
        let slope = heights.at(x + 1, y + 1) - heights.at(x - 1, y - 1);
        let light = (slope * 0.16).clamp(-0.18, 0.22);
        pixel.map(|channel| channel * (1.0 + light) + 0.25 * light.max(0.0))
    })
}
