//! Random bits, and ids generated from them.

use uuid::{Builder, Uuid};

use crate::base::id::{AuditId, BatchId, EndpointId, EventId, KeyId, TaskId};
use crate::base::time::Timestamp;

/// Random bits of cryptographic quality.
pub trait Entropy: Send + Sync {
    fn fill(&self, bytes: &mut [u8]);
}

/// The kernel's random bits, as [`super::SystemClock`] is its clock: every program would write
/// these lines again. Wiring alone names it.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        aws_lc_rs::rand::fill(bytes).expect("the kernel gives random bits");
    }
}

/// Ids that sort by time.
pub trait Ids: Entropy {
    /// A UUIDv7 for this moment, as 32 lower-case hex characters (RFC 9562).
    fn id32(&self, now: Timestamp) -> String {
        let mut random = [0; 10];
        self.fill(&mut random);
        let millis = u64::try_from(now.0).unwrap_or(0);
        let uuid: Uuid = Builder::from_unix_timestamp_millis(millis, &random).into_uuid();
        uuid.simple().to_string()
    }

    fn task_id(&self, now: Timestamp) -> TaskId {
        TaskId::parse(&self.id32(now)).expect("a simple UUID is 32 hex characters")
    }

    fn endpoint_id(&self, now: Timestamp) -> EndpointId {
        EndpointId::parse(&self.id32(now)).expect("a simple UUID is 32 hex characters")
    }

    fn batch_id(&self, now: Timestamp) -> BatchId {
        BatchId::parse(&self.id32(now)).expect("a simple UUID is 32 hex characters")
    }

    fn event_id(&self, now: Timestamp) -> EventId {
        EventId::parse(&format!("evt_{}", self.id32(now)))
            .expect("a simple UUID is 32 hex characters")
    }

    fn key_id(&self, now: Timestamp) -> KeyId {
        KeyId::parse(&self.id32(now)).expect("a simple UUID is 32 hex characters")
    }

    fn audit_id(&self, now: Timestamp) -> AuditId {
        AuditId::parse(&self.id32(now)).expect("a simple UUID is 32 hex characters")
    }

    fn u64(&self) -> u64 {
        let mut bytes = [0; 8];
        self.fill(&mut bytes);
        u64::from_le_bytes(bytes)
    }
}

impl<T: Entropy + ?Sized> Ids for T {}
