//! The shapes of uploads in the OpenAPI document. The answers are passed on as the provider sends
//! them, and requests are read field by field, so nothing here is ever built.

use std::collections::BTreeMap;

use utoipa::ToSchema;

#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "it describes a request that is read field by field"
)]
pub(super) struct TicketRequest {
    #[schema(example = "photo.jpg", min_length = 1, max_length = 255)]
    filename: String,
    /// The size of the file in bytes, which the PUT must have.
    #[schema(example = 1_048_576, minimum = 1)]
    size: u64,
    /// Left open if absent or empty.
    #[schema(example = "image/jpeg")]
    content_type: Option<String>,
}

#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes an answer of the provider")]
pub(super) struct Ticket {
    upload: TicketUpload,
    /// The file's URL after the PUT.
    #[schema(format = "uri")]
    download_url: String,
}

/// The request that uploads the file. Its URL is the credential: send no token.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes an answer of the provider")]
pub(super) struct TicketUpload {
    #[schema(example = "PUT")]
    method: String,
    #[schema(format = "uri")]
    url: String,
    /// To be sent exactly as they are.
    headers: BTreeMap<String, String>,
}

#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes a request that is streamed")]
pub(super) struct UploadForm {
    /// A file of any kind.
    #[schema(value_type = String, format = Binary, content_media_type = "application/octet-stream")]
    file: Vec<u8>,
}

#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes an answer of the provider")]
pub(super) struct UploadedFile {
    /// What the file is: the first part of its media type.
    #[schema(rename = "type", example = "image")]
    kind: String,
    /// The file's URL, for the inputs of a model.
    #[schema(format = "uri")]
    download_url: String,
    #[schema(example = "photo.jpg")]
    filename: String,
    /// In bytes.
    size: u64,
}
