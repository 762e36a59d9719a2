//! A page of the ledger as CSV for spreadsheets (RFC 4180).

use super::LedgerLine;
use crate::base::csv::{Cell, csv};

const COLUMNS: [&str; 8] = [
    "at",
    "kind",
    "reference",
    "amount_usd",
    "change_usd",
    "balance_usd",
    "balance_micro_usd",
    "reason",
];

/// A header line and one line per entry, each ended by CRLF.
pub fn ledger_csv(lines: &[LedgerLine]) -> String {
    csv(COLUMNS, lines.iter().map(cells))
}

fn cells(line: &LedgerLine) -> Vec<Cell> {
    let LedgerLine { entry, balance } = line;
    vec![
        Cell::text(&entry.at.rfc3339()),
        Cell::text(entry.kind.as_str()),
        Cell::text(&entry.reference),
        Cell::number(&entry.amount.decimal()),
        Cell::number(&entry.change().decimal()),
        Cell::number(&balance.decimal()),
        Cell::number(&balance.0),
        Cell::text(entry.reason.as_deref().unwrap_or_default()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::time::Timestamp;
    use crate::domain::money::{EntryKind, LedgerEntry, MicroUsd};

    #[test]
    fn each_entry_is_a_line_with_what_it_changed_and_left() {
        let line = LedgerLine {
            entry: LedgerEntry {
                kind: EntryKind::AdjustmentDebit,
                reference: "a,b".to_owned(),
                amount: MicroUsd(30_001),
                at: Timestamp(0),
                reason: Some("a \"slip\"".to_owned()),
            },
            balance: MicroUsd(50_000),
        };

        let text = ledger_csv(&[line]);

        let wanted = "at,kind,reference,amount_usd,change_usd,balance_usd,balance_micro_usd,reason\r\n\
            1970-01-01T00:00:00.000Z,adjustment_debit,\"a,b\",0.030001,-0.030001,0.05,50000,\"a \"\"slip\"\"\"\r\n";
        assert_eq!(text, wanted);
    }
    #[test]
    fn a_reference_and_a_reason_are_no_formulas() {
        let line = LedgerLine {
            entry: LedgerEntry {
                kind: EntryKind::AdjustmentDebit,
                reference: "=1+2".to_owned(),
                amount: MicroUsd(10_000),
                at: Timestamp(0),
                reason: Some("@SUM(A1)".to_owned()),
            },
            balance: MicroUsd(-10_000),
        };

        let text = ledger_csv(&[line]);

        let wanted = "adjustment_debit,'=1+2,0.01,-0.01,-0.01,-10000,'@SUM(A1)\r\n";
        assert!(text.ends_with(wanted), "{text}");
    }
}
