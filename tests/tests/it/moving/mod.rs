//! The guide "Moving from WaveSpeedAI": its programs run as they are written, its workflow is one
//! that the gateway takes, and its table has every route.

mod n8n;
mod routes;
mod snippets;

use fluxgate_tests::Page;

fn guide(addresses: &[(&str, &str)]) -> Page {
    Page::read("shared/docs/guides/moving-from-wavespeedai.md", addresses)
}
