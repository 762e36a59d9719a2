//! Uploads of input files: passed through to the provider's media store.

use serde_json::Value;

use super::Gateway;
use crate::base::error::Result;
use crate::port::Upload;

impl Gateway {
    /// Uploads a file to the provider's media store; the answer contains `download_url`. Before
    /// reading the file, the caller must check with [`Self::tenant_for_submit`] that the tenant may
    /// submit.
    pub async fn upload(&self, upload: Upload) -> Result<Value> {
        self.context.check_restored().await?;
        self.provider.upload(upload).await
    }

    /// Requests an upload ticket on the tenant's behalf; the answer says where to PUT the bytes.
    pub async fn upload_ticket(&self, request: &Value) -> Result<Value> {
        self.context.check_restored().await?;
        self.provider.upload_ticket(request).await
    }
}
