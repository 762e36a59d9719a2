//! One stroke of a loaded brush: a curved ribbon of thick paint with the tracks of its bristles.

use super::canvas::Canvas;
use super::colour::{Rgb, mix, mix_rgb, smoothstep};
use super::grid::Plane;
use super::noise;
use std::ops::Range;

pub(super) struct Stroke {
    pub(super) x: f32,
    pub(super) y: f32,
    pub(super) angle: f32,
    /// Half the width and half the length in pixels.
    pub(super) radius: f32,
    pub(super) reach: f32,
    /// How far the ribbon strays from its tangent, as a portion of the square of the distance.
    pub(super) bend: f32,
    pub(super) colour: Rgb,
    pub(super) seed: u64,
}

/// The painting and the height of the paint on it.
pub(super) struct Painting {
    pub(super) colours: Canvas,
    pub(super) heights: Plane,
}

impl Painting {
    pub(super) fn add(&mut self, stroke: &Stroke) {
        let (sin, cos) = stroke.angle.sin_cos();
        let breadth = stroke.radius + stroke.bend.abs() * stroke.reach * stroke.reach;
        let (wide, high) = (
            sin.abs() * breadth + cos.abs() * stroke.reach,
            cos.abs() * breadth + sin.abs() * stroke.reach,
        );
        for y in covered(stroke.y, high, self.colours.height) {
            for x in covered(stroke.x, wide, self.colours.width) {
                self.touch(stroke, (sin, cos), x, y);
            }
        }
    }

    fn touch(&mut self, stroke: &Stroke, (sin, cos): (f32, f32), x: usize, y: usize) {
        let (dx, dy) = (x as f32 - stroke.x, y as f32 - stroke.y);
        let along = dx * cos + dy * sin;
        let across = dy * cos - dx * sin - stroke.bend * along * along;
        let (forward, aside) = (along / stroke.reach, across / stroke.radius);
        if forward.abs() >= 1.0 || aside.abs() >= 1.0 {
            return;
        }
        let bristle = noise::value(stroke.seed, aside * 3.5 + 10.0, forward * 1.2 + 10.0);
        let cover = smoothstep(1.0, 0.75, aside.abs())
            * smoothstep(1.0, 0.55 + 0.4 * bristle, forward.abs());
        self.mix_in(y * self.colours.width + x, stroke, cover, bristle, aside);
    }

    fn mix_in(&mut self, cell: usize, stroke: &Stroke, cover: f32, bristle: f32, aside: f32) {
        let streaked = stroke
            .colour
            .map(|channel| channel + 0.07 * (bristle - 0.5));
        let height = stroke.radius * (0.35 * bristle + 0.25 * aside * aside);
        self.colours.cells[cell] = mix_rgb(self.colours.cells[cell], streaked, cover);
        self.heights.cells[cell] = mix(self.heights.cells[cell], height, cover);
    }
}

/// The pixels around a centre that are on the canvas.
fn covered(centre: f32, span: f32, size: usize) -> Range<usize> {
    (centre - span).max(0.0) as usize..((centre + span + 1.0).max(0.0) as usize).min(size)
}
