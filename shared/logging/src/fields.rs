//! The fields of spans and events, as JSON from the moment that they are recorded.

use std::fmt::{self, Debug, Write as _};
use std::ops::Range;

use tracing::field::{Field, Visit};

/// Fields in the order in which they first came. A later value replaces an earlier one.
#[derive(Debug, Default)]
pub(crate) struct Fields {
    known: Vec<(&'static str, Range<usize>)>,
    text: String,
}

/// Room for what a request's span says.
const SPAN_FIELDS: usize = 12;
const SPAN_BYTES: usize = 320;

impl Fields {
    /// Of a span, which gets more of them later.
    pub(crate) fn of_span() -> Self {
        Self {
            known: Vec::with_capacity(SPAN_FIELDS),
            text: String::with_capacity(SPAN_BYTES),
        }
    }

    /// Names with their values, which are JSON.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let known = self.known.iter();
        known.map(|(name, range)| (*name, &self.text[range.clone()]))
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.known.iter().any(|(known, _)| *known == name)
    }

    /// Empty again, with the memory that it has.
    pub(crate) fn clear(&mut self) {
        self.known.clear();
        self.text.clear();
    }

    fn set(&mut self, field: &Field, value: impl FnOnce(&mut String)) {
        let start = self.text.len();
        value(&mut self.text);
        let range = start..self.text.len();
        let same = |known: &&mut (&'static str, Range<usize>)| known.0 == field.name();
        match self.known.iter_mut().find(same) {
            Some(known) => known.1 = range,
            None => self.known.push((field.name(), range)),
        }
    }

    fn set_plain(&mut self, field: &Field, value: impl fmt::Display) {
        self.set(field, |text| {
            let _ = write!(text, "{value}");
        });
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.set(field, |text| quoted(text, &value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.set(field, |text| quoted(text, &value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set_plain(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.set_plain(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.set_plain(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        if value.is_finite() {
            self.set_plain(field, value);
        } else {
            self.record_debug(field, &value);
        }
    }
}

/// What is written as a JSON string.
pub(crate) trait Text {
    fn write(&self, into: &mut Escaped<'_>) -> fmt::Result;
}

impl Text for &str {
    fn write(&self, into: &mut Escaped<'_>) -> fmt::Result {
        into.write_str(self)
    }
}

impl Text for &dyn Debug {
    fn write(&self, into: &mut Escaped<'_>) -> fmt::Result {
        write!(into, "{self:?}")
    }
}

pub(crate) fn quoted(text: &mut String, value: &impl Text) {
    text.push('"');
    // Text in memory is always written; a value that cannot be formatted is cut where it failed.
    let _ = value.write(&mut Escaped(text));
    text.push('"');
}

/// Whether a terminal would obey the character, a reader take it for the end of a line or a word,
/// or the text around it turn its direction.
fn misleads(c: char) -> bool {
    c.is_control()
        || (c != ' ' && c.is_whitespace())
        || matches!(c, '\u{61c}' | '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}')
        || matches!(c, '\u{2066}'..='\u{2069}')
}

/// Writes text as the inside of a JSON string.
pub(crate) struct Escaped<'a>(&'a mut String);

impl fmt::Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let is_special = |c: char| matches!(c, '"' | '\\') || misleads(c);
        let mut rest = text;
        while let Some(at) = rest.find(is_special) {
            let (plain, special) = rest.split_at(at);
            self.0.push_str(plain);
            let mut special = special.chars();
            match special.next() {
                Some('\n') => self.0.push_str("\\n"),
                Some(c @ ('"' | '\\')) => self.0.extend(['\\', c]),
                Some(c) => write!(self.0, "\\u{:04x}", u32::from(c))?,
                None => {}
            }
            rest = special.as_str();
        }
        self.0.push_str(rest);
        Ok(())
    }
}
