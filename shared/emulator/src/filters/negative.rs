//! The negative: every colour becomes its opposite.

use super::canvas::Canvas;

pub(super) fn inverted(picture: &Canvas) -> Canvas {
    picture.map(|pixel| pixel.map(|channel| 1.0 - channel))
}
