//! No line is wider than rustfmt would make it, also where rustfmt leaves lines alone: in macros
//! and beside long texts.

use super::{root, sources};

const LINE_CHARS_MAX: usize = 100;

#[test]
fn no_line_is_wider_than_100_characters_but_for_what_cannot_be_broken() {
    let mut wide = Vec::new();
    for (path, text) in sources() {
        let name = path.strip_prefix(root()).unwrap().display().to_string();
        wide.extend(
            wide_lines(&text)
                .into_iter()
                .map(|n| format!("{name}:{n}: break this line at {LINE_CHARS_MAX} characters")),
        );
    }
    assert!(wide.is_empty(), "{}", wide.join("\n"));
}

/// The numbers, from 1, of the lines that are too wide.
fn wide_lines(text: &str) -> Vec<usize> {
    // The indent of a `#[rustfmt::skip]` above a table that is laid out by hand.
    let mut by_hand: Option<usize> = None;
    let mut wide = Vec::new();
    for (n, line) in text.lines().enumerate() {
        let indent = line.len() - line.trim_start().len();
        if line.trim() == "#[rustfmt::skip]" {
            by_hand = Some(indent);
        } else if by_hand == Some(indent) && line.trim() == "];" {
            by_hand = None;
        }
        let is_wide = line.chars().count() > LINE_CHARS_MAX;
        if is_wide && by_hand.is_none() && !cannot_be_broken(line.trim()) {
            wide.push(n + 1);
        }
    }
    wide
}

/// A text, a link in a comment, a function's name.
fn cannot_be_broken(line: &str) -> bool {
    let is_link = line.starts_with("//") && line.contains("://");
    let is_name = line.ends_with(['(', ')']) && line.contains("fn ") && !line.contains(", ");
    line.contains('"') || is_link || is_name
}

#[test]
fn a_wide_line_is_found_and_what_cannot_be_broken_is_let_through() {
    let long = "x".repeat(LINE_CHARS_MAX);
    let table = format!("#[rustfmt::skip]\nlet table = [\n    {long}\n];\n");

    assert_eq!(wide_lines(&long), Vec::<usize>::new(), "100 characters");
    assert_eq!(wide_lines(&"ü".repeat(100)), Vec::<usize>::new());
    for wide in [
        format!("{long}y"),
        format!("    {long}"),
        format!("// {long}"),
        format!("fn f(a: {long}, b: u8)"),
    ] {
        assert_eq!(wide_lines(&format!("short\n{wide}\n")), [2], "{wide}");
    }
    for unbreakable in [
        format!("let text = \"{long}\";"),
        format!("// see https://a.example/{long}"),
        format!("async fn a_{long}()"),
        table.clone(),
    ] {
        assert_eq!(wide_lines(&unbreakable), Vec::<usize>::new());
    }
    let after_table = format!("{table}{long}y");
    assert_eq!(wide_lines(&after_table), [5], "a table ends");
}
