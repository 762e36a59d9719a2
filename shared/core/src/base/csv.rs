//! Tables as CSV for spreadsheets (RFC 4180).

use csv::{Terminator, WriterBuilder};

/// A spreadsheet takes a text that begins with one of these for a formula.
const FORMULA_STARTS: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// What a column has on a line.
#[derive(Debug)]
pub(crate) enum Cell {
    /// Of somebody's own, perhaps: an apostrophe goes before what would be a formula.
    Text(String),
    /// As it is.
    Number(String),
}

impl Cell {
    pub(crate) fn text(text: &(impl ToString + ?Sized)) -> Self {
        Self::Text(text.to_string())
    }

    pub(crate) fn number(number: &(impl ToString + ?Sized)) -> Self {
        Self::Number(number.to_string())
    }

    fn written(self) -> String {
        match self {
            Self::Text(text) if text.starts_with(FORMULA_STARTS) => format!("'{text}"),
            Self::Text(text) | Self::Number(text) => text,
        }
    }
}

/// A header line and the others, each ended by CRLF. All have as many cells.
pub(crate) fn csv(
    header: impl IntoIterator<Item = &'static str>,
    lines: impl IntoIterator<Item = Vec<Cell>>,
) -> String {
    let header = header.into_iter().map(Cell::text).collect();
    let mut writer = WriterBuilder::new()
        .terminator(Terminator::CRLF)
        .from_writer(Vec::new());
    for line in std::iter::once(header).chain(lines) {
        writer
            .write_record(line.into_iter().map(Cell::written))
            .expect("memory takes every line, and all have as many cells");
    }
    let bytes = writer.into_inner().expect("memory takes what is left");
    String::from_utf8(bytes).expect("texts and commas are UTF-8")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_no_formula_and_a_number_stays_one() {
        for text in ["=1+2", "+1", "-1", "@SUM(A1)", "\tx"] {
            let table = csv(["text"], [vec![Cell::text(text)]]);
            assert_eq!(table, format!("text\r\n'{text}\r\n"));
        }
        let table = csv(["text"], [vec![Cell::text("\r=1")]]);
        assert_eq!(table, "text\r\n\"'\r=1\"\r\n");
        let table = csv(
            ["a", "b"],
            [vec![Cell::number("-0.03"), Cell::text("a=b,c")]],
        );
        assert_eq!(table, "a,b\r\n-0.03,\"a=b,c\"\r\n");
    }
}
