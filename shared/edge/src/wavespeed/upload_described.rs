//! What the document says of uploads and of the catalogue, whose answers are the provider's.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

#[derive(Serialize, ToSchema)]
#[schema(example = json!({ "filename": "photo.jpg", "size": 183_400, "content_type": "image/jpeg" }))]
pub(super) struct TicketRequest {
    /// Without control characters.
    #[schema(
        min_length = 1,
        max_length = 255,
        pattern = "^[^\\x00-\\x1f\\x7f-\\x9f]+$"
    )]
    filename: String,
    /// In bytes, at most the installation's bound.
    #[schema(minimum = 1)]
    size: u64,
    /// A media type.
    #[schema(example = "image/jpeg")]
    content_type: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct UploadForm {
    /// The file; its name and type are passed on.
    #[schema(value_type = String, format = Binary, min_length = 1)]
    file: Vec<u8>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct UploadTicket {
    upload: UploadTarget,
    /// What to give to a model once the file is there.
    #[schema(format = "uri")]
    download_url: String,
}

/// Send the raw bytes there, with exactly these headers and without your token.
#[derive(Serialize, ToSchema)]
pub(super) struct UploadTarget {
    /// `PUT`.
    method: String,
    #[schema(format = "uri")]
    url: String,
    headers: BTreeMap<String, String>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct Uploaded {
    /// The kind of file, such as `image`.
    #[serde(rename = "type")]
    kind: Option<String>,
    /// What to give to a model.
    #[schema(format = "uri")]
    download_url: String,
    filename: Option<String>,
    /// In bytes.
    size: Option<u64>,
}

/// A model, with whatever else its provider says of it.
#[derive(Serialize, ToSchema)]
pub(super) struct ModelEntry {
    #[schema(example = "wavespeed-ai/flux-kontext-max")]
    model_id: String,
    /// What it makes of what, such as `image-to-image`.
    #[serde(rename = "type")]
    kind: Option<String>,
    /// The tenant's own price of a run, in USD, at least; absent where only a quote tells.
    base_price: Option<f64>,
    /// Where to submit, and the JSON Schema of the inputs.
    #[schema(value_type = Option<Object>)]
    api_schema: Option<Value>,
}
