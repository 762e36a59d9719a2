//! Characters of somebody else's text that must not reach a terminal or a page: controls, and those
//! that turn the direction of the text around them, so that it reads as something else.

/// Controls, line breaks and tabs among them, and Unicode's line separators and bidirectional
/// controls.
pub fn is_unprintable(c: char) -> bool {
    c.is_control() || is_bidi_or_separator(c)
}

/// Unicode's property `Bidi_Control`.
fn is_bidi_or_separator(c: char) -> bool {
    matches!(
        c,
        '\u{61c}' | '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_turns_the_direction_of_text_is_unprintable_and_its_neighbours_are_not() {
        for c in "\u{61c}\u{200e}\u{200f}\u{2028}\u{202a}\u{202e}\u{2066}\u{2069}\u{1b}\n".chars() {
            assert!(is_unprintable(c), "{c:?}");
        }
        for c in "a\u{61b}\u{200d}\u{2010}\u{2027}\u{202f}\u{2065}\u{206a}\u{5d0}\u{fc}".chars() {
            assert!(!is_unprintable(c), "{c:?}");
        }
    }
}
