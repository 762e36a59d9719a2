//! Runs at the provider, its catalogue, and predictions in its shape.

mod catalogue;
pub mod lenient;
mod output;
mod prediction;
mod run;

pub use catalogue::{Catalogue, Model};
pub use prediction::{ObjectView, Prediction, PredictionUrls, Timings, UnarchivedView};
pub use run::{ProviderRun, RunStatus, failure};
