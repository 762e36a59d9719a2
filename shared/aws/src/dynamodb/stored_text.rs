//! A sealed text as bytes, which cost less than base64; a plain one as text.

use aws_sdk_dynamodb::types::AttributeValue;
use fluxgate_core::Result;
use fluxgate_core::seal::StoredText;

use super::attribute::{Item, bytes, text, unreadable};

pub(super) fn of(stored: &StoredText) -> AttributeValue {
    match stored {
        StoredText::Plain(plain) => text(plain),
        StoredText::Sealed(sealed) => bytes(sealed.as_slice()),
    }
}

pub(super) fn optional(item: &Item, name: &str) -> Result<Option<StoredText>> {
    let read = |value: &AttributeValue| match value {
        AttributeValue::S(plain) => Ok(StoredText::Plain(plain.clone())),
        AttributeValue::B(sealed) => Ok(StoredText::Sealed(sealed.as_ref().to_vec())),
        _ => Err(unreadable(name)),
    };
    item.get(name).map(read).transpose()
}
