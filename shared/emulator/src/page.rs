//! One page of a list.

use crate::reply::Refusal;

const PAGE_SIZE_DEFAULT: usize = 20;
const PAGE_SIZE_MAX: usize = 100;

pub(crate) struct Page {
    /// Starts at 1.
    pub(crate) number: usize,
    size: usize,
}

impl Page {
    pub(crate) fn new(number: Option<usize>, size: Option<usize>) -> Result<Self, Refusal> {
        let page = Self {
            number: number.unwrap_or(1),
            size: size.unwrap_or(PAGE_SIZE_DEFAULT),
        };
        if page.number == 0 || page.size == 0 || page.size > PAGE_SIZE_MAX {
            return Err(Refusal::invalid(format!(
                "page starts at 1, page_size must be from 1 to {PAGE_SIZE_MAX}"
            )));
        }
        Ok(page)
    }

    /// The items on this page, and their total number on all pages.
    pub(crate) fn of<T>(&self, all: impl Iterator<Item = T>) -> (Vec<T>, usize) {
        let from = (self.number - 1).saturating_mul(self.size);
        let mut items = Vec::new();
        let mut total = 0;
        for item in all {
            if total >= from && items.len() < self.size {
                items.push(item);
            }
            total += 1;
        }
        (items, total)
    }

    pub(crate) fn size(&self) -> usize {
        self.size
    }

    pub(crate) fn has_more(&self, total: usize) -> bool {
        self.number.saturating_mul(self.size) < total
    }
}
