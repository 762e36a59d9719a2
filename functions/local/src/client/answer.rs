//! The body of an answer, as long as an answer may be.

use anyhow::Result;
use reqwest::Response;

use super::trouble::{NoGateway, unanswered};

/// Far more than a gateway answers.
const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Fails once more has come than a gateway answers.
pub async fn body(base_url: &str, mut response: Response) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(more) = response
        .chunk()
        .await
        .map_err(|error| unanswered(base_url, &error))?
    {
        if body.len() + more.len() > BODY_BYTES_MAX {
            return Err(NoGateway(format!(
                "the server at {base_url} answered more than 16 MiB, which no gateway does; is the URL right?"
            ))
            .into());
        }
        body.extend_from_slice(&more);
    }
    Ok(body)
}
