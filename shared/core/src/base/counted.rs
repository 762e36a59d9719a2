//! Counted nouns in texts for people.

use std::fmt;

/// A number with its noun, such as `1 task` or `2 tasks`.
#[derive(Debug, Clone, Copy)]
pub struct Counted {
    number: u64,
    noun: &'static str,
}

/// Takes the noun in the singular; the plural adds an `s`.
pub fn counted(number: usize, noun: &'static str) -> Counted {
    Counted {
        number: number as u64,
        noun,
    }
}

impl fmt::Display for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { number, noun } = self;
        write!(f, "{number} {noun}{}", if *number == 1 { "" } else { "s" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_singular_and_all_else_is_plural() {
        assert_eq!(
            [0, 1, 2].map(|number| counted(number, "task").to_string()),
            ["0 tasks", "1 task", "2 tasks"]
        );
    }
}
