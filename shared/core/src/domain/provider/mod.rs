//! Runs at the provider, its catalogue, and predictions in its format.

mod catalogue;
#[cfg(test)]
mod catalogue_tests;
mod formula;
mod input_echo;
pub mod lenient;
mod model;
mod output;
mod prediction;
mod pricing;
mod run;
mod run_length;
mod schema;
mod told;

pub use catalogue::Catalogue;
pub use model::Model;
pub use prediction::{ObjectView, Prediction, PredictionUrls, Timings, UnarchivedView};
pub use pricing::QuoteKey;
pub use run::{ProviderRun, RunStatus, failure};
pub use run_length::{RunLengths, poll_after_ms};
pub use told::{leave_out, told};
