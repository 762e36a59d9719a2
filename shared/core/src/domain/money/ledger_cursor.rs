//! Where a reader of a ledger goes on: after an entry, at the balance that it left.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::{EntryKind, LedgerPosition, MicroUsd};
use crate::base::error::{Error, Result};
use crate::base::time::Timestamp;

/// Opaque to clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerCursor {
    pub position: LedgerPosition,
    /// After the entry at the position.
    pub balance: MicroUsd,
}

impl LedgerCursor {
    pub fn text(&self) -> String {
        let LedgerPosition {
            at,
            reference,
            kind,
        } = &self.position;
        let (kind, balance) = (kind.as_str(), self.balance.0);
        URL_SAFE_NO_PAD.encode(format!("{}/{kind}/{balance}/{reference}", at.0))
    }

    /// Kind `Invalid` for a text that is no cursor.
    pub fn parse(text: &str) -> Result<Self> {
        let read = || {
            let text = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
            let mut parts = text.splitn(4, '/');
            let at = Timestamp(parts.next()?.parse().ok()?);
            let kind = EntryKind::parse(parts.next()?).ok()?;
            let balance = MicroUsd(parts.next()?.parse().ok()?);
            let reference = parts.next()?.to_owned();
            let position = LedgerPosition {
                at,
                reference,
                kind,
            };
            Some(Self { position, balance })
        };
        read().ok_or_else(|| {
            let text = "'cursor' is the 'next' of the page before";
            Error::invalid("invalid_cursor", text).field("cursor")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_was_written_and_no_other_text_is() {
        let cursor = LedgerCursor {
            position: LedgerPosition {
                at: Timestamp(1_795_348_800_000),
                reference: "Rechnung 2026/17".to_owned(),
                kind: EntryKind::AdjustmentDebit,
            },
            balance: MicroUsd(-5),
        };

        assert_eq!(LedgerCursor::parse(&cursor.text()).unwrap(), cursor);
        let unknown = URL_SAFE_NO_PAD.encode("1/gift/2/r");
        for text in ["", "x", "!", unknown.as_str()] {
            assert_eq!(
                LedgerCursor::parse(text).unwrap_err().code,
                "invalid_cursor"
            );
        }
    }
}
