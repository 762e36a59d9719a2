//! From input URL to output bytes: fetch, decode, crop, edit, encode. The looks themselves are next door.

mod aspect;
mod draw;
mod fetch;

pub(crate) use draw::{Drawing, draw};
pub(crate) use fetch::fetch;
