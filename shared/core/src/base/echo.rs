//! Quotes a caller's own input in an error text.

/// Longer input is truncated.
const CHARS_MAX: usize = 64;

/// The input, truncated: an error must not grow with the input it complains about.
pub fn echo(word: &str) -> String {
    match word.char_indices().nth(CHARS_MAX) {
        None => word.to_owned(),
        Some((end, _)) => format!("{}…", &word[..end]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_word_is_cut_between_two_characters() {
        assert_eq!(echo(&"é".repeat(64)), "é".repeat(64));
        assert_eq!(echo(&"é".repeat(65_000)), format!("{}…", "é".repeat(64)));
    }
}
