//! A sealed text as bytes, a plain one as text: that tells them apart.

use fluxgate_core::seal::StoredText;
use rusqlite::Row;
use rusqlite::types::{FromSqlError, ToSqlOutput, ValueRef};

/// A parameter of a statement.
pub(super) fn of(stored: &StoredText) -> ToSqlOutput<'_> {
    ToSqlOutput::Borrowed(match stored {
        StoredText::Plain(text) => ValueRef::Text(text.as_bytes()),
        StoredText::Sealed(bytes) => ValueRef::Blob(bytes),
    })
}

pub(super) fn read(row: &Row<'_>, column: usize) -> rusqlite::Result<StoredText> {
    optional(row, column)?.ok_or_else(|| FromSqlError::InvalidType.into())
}

/// `None` for a null.
pub(super) fn optional(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<StoredText>> {
    Ok(match row.get_ref(column)? {
        ValueRef::Null => None,
        ValueRef::Blob(bytes) => Some(StoredText::Sealed(bytes.to_vec())),
        text => Some(StoredText::Plain(text.as_str()?.to_owned())),
    })
}
