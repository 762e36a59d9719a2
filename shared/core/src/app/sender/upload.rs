//! Uploads files embedded in the inputs to the provider's media store before the POST.

use bytes::Bytes;
use serde_json::Value;

use super::Sender;
use crate::app::media::{files_mut, parse_inputs};
use crate::base::error::{Error, Result};
use crate::domain::media::InputFile;
use crate::domain::task::{InputUpload, Task};
use crate::port::Upload;

impl Sender {
    /// The inputs with every embedded file replaced by the URL of its upload; `None` if there are
    /// none.
    pub(super) async fn uploaded(&self, task: &Task, inputs: &str) -> Result<Option<Uploaded>> {
        if !inputs.contains("\"data:") {
            return Ok(None);
        }
        let catalogue = self.provider.catalogue().await?;
        let mut parsed = parse_inputs(inputs);
        let mut uploads = Vec::new();
        for name in catalogue.model(&task.model)?.media_fields() {
            for value in files_mut(parsed.get_mut(name)) {
                let url = self
                    .upload(task, value.as_str().unwrap_or_default())
                    .await?;
                uploads.push(InputUpload {
                    field: name.to_owned(),
                    url: url.clone(),
                });
                *value = Value::String(url);
            }
        }
        Ok(Some(Uploaded {
            inputs: parsed.to_string(),
            uploads,
        }))
    }

    /// Uploads the file embedded in this text and returns its URL.
    async fn upload(&self, task: &Task, text: &str) -> Result<String> {
        let file = InputFile::read(text, self.context.bounds.data_uri_bytes_max)?;
        let bytes = Bytes::from(file.bytes);
        let upload = Upload {
            filename: format!("input.{}", file.extension),
            content_type: file.content_type,
            trace: Some(self.context.hop(task)),
            bytes: Box::pin(futures::stream::once(async move { Ok(bytes) })),
        };
        let answer = self.provider.upload(upload).await?;
        let url = answer.get("download_url").and_then(Value::as_str);
        url.map(str::to_owned).ok_or_else(|| {
            Error::unavailable(
                "upload_unreadable",
                "the provider's answer to an upload contains no URL",
            )
        })
    }
}

/// Inputs that are ready to send, and the uploads that replaced embedded files.
pub(super) struct Uploaded {
    pub(super) inputs: String,
    pub(super) uploads: Vec<InputUpload>,
}
