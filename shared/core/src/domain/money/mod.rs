//! Money in integer micro-USD: accounts with monthly budgets, movements, and the append-only
//! ledger.

mod account;
mod budget;
#[cfg(test)]
mod budget_tests;
mod count;
mod count_id;
mod hold;
mod ledger;
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
pub use budget::{Allowance, Budget, Payment, RollOver};
pub use count::{Count, CountPlan, Tally};
pub use count_id::CountId;
pub use hold::{Hold, HoldTerms};
pub use ledger::{EntryKind, LedgerEntry};
pub use micro_usd::MicroUsd;
pub use month::{Month, Zone};
pub use price::{Price, PriceBook, Unlisted};
pub use price_terms::{PriceBookTerms, PriceTerms, UnlistedTerms, parse_percent};
pub use setting::Setting;
pub use settlement::Settlement;
