//! A tenant's bucket that is gone and may come back.

use std::fs;
use std::path::PathBuf;

use crate::{Gateway, TestTenant};

/// The tenant's bucket, hidden from the S3 server.
pub struct HiddenBucket {
    place: PathBuf,
    hidden: PathBuf,
}

impl HiddenBucket {
    pub fn of(gateway: &Gateway, tenant: &TestTenant) -> Self {
        let place = gateway
            .server
            .folder()
            .buckets()
            .join(format!("fluxgate-{}", tenant.id));
        let hidden = gateway.server.folder().path.join("hidden-bucket");
        fs::rename(&place, &hidden).expect("the bucket is there");
        Self { place, hidden }
    }

    pub fn bring_back(&self) {
        fs::rename(&self.hidden, &self.place).expect("the bucket is hidden");
    }
}
