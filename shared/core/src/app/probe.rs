//! Tries a destination with a test object: written, refused a second time, read by a link, deleted.

use std::sync::Arc;

use bytes::Bytes;

use crate::base::digest::sha256;
use crate::base::error::{Error, Result};
use crate::base::id::TenantId;
use crate::domain::task::Output;
use crate::domain::tenant::Destination;
use crate::port::{
    DestinationCheck, Entropy, NewObject, ObjectBody, ObjectReader, ObjectStore, Stored,
};

const READ_TIMEOUT_MS: u64 = 10_000;
const CONTENT: &[u8] = b"Fluxgate wrote this to see whether it may. It can be deleted.\n";
const ANOTHER: &[u8] = b"Fluxgate must not be able to write this over an object.\n";

/// Tries destinations.
#[derive(Clone)]
pub struct DestinationProbe {
    objects: Arc<dyn ObjectStore>,
    reader: Arc<dyn ObjectReader>,
    entropy: Arc<dyn Entropy>,
}

impl DestinationProbe {
    pub fn new(
        objects: Arc<dyn ObjectStore>,
        reader: Arc<dyn ObjectReader>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        Self {
            objects,
            reader,
            entropy,
        }
    }

    /// In the order in which outputs need it. Nothing more is tried once the object could not be
    /// written.
    pub async fn checks(&self, tenant: &TenantId, to: &Destination) -> Vec<DestinationCheck> {
        let key = to.under_prefix(&format!("fluxgate-probe-{}.txt", self.random()));
        let output = match self
            .objects
            .put_new(tenant, to, object(&key, CONTENT))
            .await
        {
            Ok(stored) => to.published(stored.output()),
            Err(error) => return vec![failed("object_written", &error)],
        };
        let mut checks = vec![passed(
            "object_written",
            format!("a test object was written to {}", output.s3_uri()),
        )];
        checks.push(self.conditional_put(tenant, to, &key).await);
        // A store may claim any size of an object that it says was there already.
        let written = Output {
            bytes: CONTENT.len() as u64,
            ..output
        };
        let read = self.reader.read(tenant, to, &written, READ_TIMEOUT_MS);
        let read = read.await;
        checks.push(match read {
            Ok(_) => passed("object_read", "a presigned link reads it".to_owned()),
            Err(error) => {
                let text = format!("allow s3:GetObject: {}", error.message);
                check("object_read", false, text)
            }
        });
        let removed = self.objects.remove(tenant, to, &key).await;
        checks.push(deleted(to, &key, removed));
        checks
    }

    /// Writes again where an object is. A store that is known to overwrite is not asked.
    async fn conditional_put(
        &self,
        tenant: &TenantId,
        to: &Destination,
        key: &str,
    ) -> DestinationCheck {
        const NAME: &str = "conditional_put";
        const INSTEAD: &str = "each attempt writes to a key of its own, the task names one, and the other is removed, which needs s3:DeleteObject";
        if !to.has_conditional_put() {
            return passed(NAME, format!("not used: {INSTEAD}"));
        }
        match self.objects.put_new(tenant, to, object(key, ANOTHER)).await {
            Ok(Stored::Existing(_)) => passed(
                NAME,
                "the store does not overwrite an object that exists".to_owned(),
            ),
            Ok(Stored::Created(_)) => {
                let text = format!(
                    "the store overwrites objects in spite of If-None-Match; set 'conditional_put' to false: {INSTEAD}"
                );
                check(NAME, false, text)
            }
            Err(error) => failed(NAME, &error),
        }
    }

    fn random(&self) -> String {
        let mut random = [0; 8];
        self.entropy.fill(&mut random);
        hex::encode(random)
    }
}

/// Outputs are never deleted, except for a second copy where the store has no conditional puts.
fn deleted(to: &Destination, key: &str, removed: Result<()>) -> DestinationCheck {
    const NAME: &str = "object_deleted";
    match removed {
        Ok(()) => passed(NAME, "the test object was deleted".to_owned()),
        Err(error) if to.has_conditional_put() => {
            let text = format!(
                "the test object stays at '{key}', because it may not be deleted; outputs need no s3:DeleteObject ({})",
                error.code
            );
            passed(NAME, text)
        }
        Err(error) => {
            let text = format!("allow s3:DeleteObject: {}", error.with_causes());
            check(NAME, false, text)
        }
    }
}

fn object(key: &str, content: &'static [u8]) -> NewObject {
    NewObject {
        key: key.to_owned(),
        body: ObjectBody::Memory(Bytes::from_static(content)),
        bytes: content.len() as u64,
        sha256: sha256(content),
        content_type: "text/plain".to_owned(),
        content_disposition: None,
        provider_type: None,
    }
}

fn check(name: &'static str, passed: bool, text: String) -> DestinationCheck {
    DestinationCheck { name, passed, text }
}

fn passed(name: &'static str, text: String) -> DestinationCheck {
    check(name, true, text)
}

/// Only operators probe, and they mend by the cause: a certificate, a refused connection, a status.
fn failed(name: &'static str, error: &Error) -> DestinationCheck {
    check(name, false, error.with_causes())
}
