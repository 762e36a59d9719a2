//! Money in integer micro-USD: accounts with monthly budgets, movements, and the append-only
//! ledger.

mod account;
mod alerts;
mod budget;
#[cfg(test)]
mod budget_tests;
mod correction;
mod count;
mod count_id;
mod hold;
mod key_count;
mod ledger;
mod ledger_csv;
mod ledger_cursor;
mod micro_usd;
mod month;
mod price;
pub mod price_list;
mod price_terms;
mod setting;
#[cfg(test)]
mod setting_tests;
mod settlement;

pub use account::Account;
pub use alerts::{Alert, AlertTerms, Alerts};
pub use budget::{Allowance, Budget, Payment, RollOver};
pub use correction::{
    Adjustment, Corrected, Direction, check_amount, check_reason, check_reference,
};
pub use count::{Count, CountPlan, Tally};
pub use count_id::CountId;
pub use hold::{Hold, HoldTerms};
pub use key_count::{KeyCount, KeyTerms};
pub use ledger::{EntryKind, LedgerEntry, LedgerLine, LedgerPosition, LedgerQuery};
pub use ledger_csv::ledger_csv;
pub use ledger_cursor::LedgerCursor;
pub use micro_usd::MicroUsd;
pub use month::{Month, Zone};
pub use price::{Price, PriceBook, Unlisted};
pub use price_terms::{PriceBookTerms, PriceTerms, UnlistedTerms, parse_percent};
pub use setting::Setting;
pub use settlement::Settlement;
