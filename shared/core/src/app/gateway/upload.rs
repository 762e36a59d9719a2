//! Uploads of files that a submit is to name: handed on to the provider's media store.

use serde_json::Value;

use super::Gateway;
use crate::base::error::Result;
use crate::port::Upload;

impl Gateway {
    /// Puts a file into the provider's media store; the answer holds `download_url`. Uploads are
    /// for submits: whether the tenant may submit is for [`Self::tenant_for_submit`] to say, before
    /// the file is read.
    pub async fn upload(&self, upload: Upload) -> Result<Value> {
        self.provider.upload(upload).await
    }

    /// Asks for an upload ticket with the tenant's request; the answer names where to PUT the
    /// bytes.
    pub async fn upload_ticket(&self, request: &Value) -> Result<Value> {
        self.provider.upload_ticket(request).await
    }
}
