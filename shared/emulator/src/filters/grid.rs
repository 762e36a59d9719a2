//! A rectangle of values: brightness, angles, colours.

#[derive(Clone)]
pub(super) struct Grid<T> {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) cells: Vec<T>,
}

pub(super) type Plane = Grid<f32>;

/// Lengths in the looks are given for a picture of this size, and scale with it.
const REFERENCE_SIDE_PX: f32 = 800.0;

impl<T: Copy> Grid<T> {
    pub(super) fn from_fn(
        width: usize,
        height: usize,
        mut cell: impl FnMut(usize, usize) -> T,
    ) -> Self {
        let mut cells = Vec::with_capacity(width * height);
        for y in 0..height {
            cells.extend((0..width).map(|x| cell(x, y)));
        }
        Self {
            width,
            height,
            cells,
        }
    }

    /// The cell at a position; outside the border, the nearest one.
    pub(super) fn at(&self, x: isize, y: isize) -> T {
        let x = x.clamp(0, self.width as isize - 1) as usize;
        let y = y.clamp(0, self.height as isize - 1) as usize;
        self.cells[y * self.width + x]
    }

    pub(super) fn near(&self, x: f32, y: f32) -> T {
        self.at(x.round() as isize, y.round() as isize)
    }

    pub(super) fn map<U: Copy>(&self, value: impl Fn(T) -> U) -> Grid<U> {
        let cells = self.cells.iter().map(|&cell| value(cell)).collect();
        Grid {
            width: self.width,
            height: self.height,
            cells,
        }
    }

    pub(super) fn map_at<U: Copy>(&self, value: impl Fn(usize, usize, T) -> U) -> Grid<U> {
        Grid::from_fn(self.width, self.height, |x, y| {
            value(x, y, self.cells[y * self.width + x])
        })
    }

    pub(super) fn zip<U: Copy, V: Copy>(
        &self,
        other: &Grid<U>,
        value: impl Fn(T, U) -> V,
    ) -> Grid<V> {
        let cells = self
            .cells
            .iter()
            .zip(&other.cells)
            .map(|(&mine, &theirs)| value(mine, theirs))
            .collect();
        Grid {
            width: self.width,
            height: self.height,
            cells,
        }
    }

    pub(super) fn transposed(&self) -> Self {
        Self::from_fn(self.height, self.width, |x, y| {
            self.cells[x * self.width + y]
        })
    }

    /// How many pixels correspond to one pixel of the reference picture.
    pub(super) fn scale(&self) -> f32 {
        self.width.max(self.height) as f32 / REFERENCE_SIDE_PX
    }
}
