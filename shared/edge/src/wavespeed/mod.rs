//! The provider-compatible API: `/api/v3` and its `/api/v2` aliases, per tenant.

mod account;
mod bill_pages;
mod billing_call;
mod billings;
mod delete;
mod envelope;
mod inline;
mod list;
mod models;
mod models_cache;
mod page;
mod pricing;
mod result;
mod submit;
mod submit_described;
mod submit_v2;
mod sync_mode;
mod upload_described;
mod uploads;
mod usage;

pub use bill_pages::BillPages;
use fluxgate_core::bounds::Bounds;

use crate::documented::{DocumentedRouter, routes};

/// For bodies that contain no model inputs.
const QUESTION_BYTES_MAX: usize = 64 * 1024;

pub(crate) fn router(bounds: &Bounds) -> DocumentedRouter {
    let inputs = DocumentedRouter::default()
        .routes(routes!(submit::submit_two_segments))
        .routes(routes!(submit::submit_three_segments))
        .routes(routes!(submit::submit_four_segments))
        .routes(routes!(submit_v2::two_segments))
        .routes(routes!(submit_v2::three_segments))
        .routes(routes!(submit_v2::four_segments))
        .routes(routes!(pricing::pricing))
        .routes(routes!(pricing::price))
        .body_limit(bounds.body_bytes_max);
    let questions = DocumentedRouter::default()
        .routes(routes!(result::result))
        .routes(routes!(result::result_short, delete::delete))
        .routes(routes!(delete::delete_all))
        .routes(routes!(result::result_v2))
        .routes(routes!(result::result_short_v2))
        .routes(routes!(list::list))
        .routes(routes!(models::models))
        .routes(routes!(account::balance))
        .routes(routes!(usage::stats))
        .routes(routes!(billings::search))
        .routes(routes!(account::webhook_secret))
        .routes(routes!(uploads::ticket))
        .body_limit(QUESTION_BYTES_MAX);
    let uploads = DocumentedRouter::default()
        .routes(routes!(uploads::binary))
        .routes(routes!(uploads::binary_v2))
        .body_limit(
            bounds
                .upload_bytes_max
                .saturating_add(uploads::FORM_BYTES_MAX),
        );
    inputs
        .merge(questions)
        .merge(uploads)
        .with(models_cache::ModelsCache::default())
}
