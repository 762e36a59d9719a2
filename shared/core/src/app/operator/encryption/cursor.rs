//! Where a walk over all tenants is, as a text that a client hands back.

use std::fmt;

use crate::base::error::{Error, Result};
use crate::base::id::TenantId;
use crate::base::time::Timestamp;

/// After this tenant; `None` at the beginning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Position(pub(super) Option<TenantId>);

impl Position {
    pub(super) const FIRST: Self = Self(None);

    pub(super) fn parse(text: &str) -> Result<Self> {
        if text.is_empty() {
            return Ok(Self::FIRST);
        }
        let tenant = TenantId::parse(text).map_err(|_| Error::invalid_cursor())?;
        Ok(Self(Some(tenant)))
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_ref().map_or("", TenantId::as_str))
    }
}

/// The position of a rotation: it says also when this pass over the tenants began, and how many
/// records could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cursor {
    /// Zero for one that has not begun.
    pub(super) began: Timestamp,
    pub(super) blocked: usize,
    pub(super) position: Position,
}

impl Cursor {
    pub(super) const FIRST: Self = Self {
        began: Timestamp(0),
        blocked: 0,
        position: Position::FIRST,
    };

    pub(super) fn begun_at(self, now: Timestamp) -> Self {
        match self.began {
            Timestamp(0) => Self { began: now, ..self },
            _ => self,
        }
    }

    /// Kind `Invalid` with code `invalid_cursor`.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let mut parts = text.splitn(3, '.');
        let mut part = || parts.next().ok_or_else(Error::invalid_cursor);
        let (began, blocked, position) = (part()?, part()?, part()?);
        Ok(Self {
            began: Timestamp(began.parse().map_err(|_| Error::invalid_cursor())?),
            blocked: blocked.parse().map_err(|_| Error::invalid_cursor())?,
            position: Position::parse(position)?,
        })
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.began.0, self.blocked, self.position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_was_written_and_nothing_else_is_one() {
        let cursor = Cursor {
            began: Timestamp(7),
            blocked: 2,
            position: Position::parse("acme").unwrap(),
        };

        for cursor in [cursor, Cursor::FIRST] {
            assert_eq!(Cursor::parse(&cursor.to_string()).unwrap(), cursor);
        }
        for text in ["", "7", "7.2", "x.2.acme", "7.-1.acme", "7.2.Not a tenant"] {
            assert_eq!(Cursor::parse(text).unwrap_err().code, "invalid_cursor");
        }
    }

    #[test]
    fn a_pass_began_once() {
        let begun = Cursor::FIRST.begun_at(Timestamp(5)).begun_at(Timestamp(9));

        assert_eq!(begun.began, Timestamp(5));
    }
}
