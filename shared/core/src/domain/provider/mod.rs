//! Runs at the provider, its catalogue, and predictions in its format.

mod catalogue;
#[cfg(test)]
mod catalogue_tests;
pub mod lenient;
mod model;
mod output;
mod prediction;
mod run;
mod schema;

pub use catalogue::Catalogue;
pub use model::Model;
pub use prediction::{ObjectView, Prediction, PredictionUrls, Timings, UnarchivedView};
pub use run::{ProviderRun, RunStatus, failure};
