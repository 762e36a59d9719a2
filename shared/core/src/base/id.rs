//! Identifiers, validated once at the edge.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::base::error::Error;
use crate::base::time::Timestamp;

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $what:literal, $valid:expr, $rule:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Fails with kind `Invalid`; the message states the rule.
            pub fn parse(text: &str) -> Result<Self, Error> {
                let valid: fn(&str) -> bool = $valid;
                if valid(text) {
                    return Ok(Self(text.to_owned()));
                }
                Err(Error::invalid("invalid_id", concat!($what, " must be ", $rule)))
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = Error;
            fn from_str(text: &str) -> Result<Self, Error> {
                Self::parse(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = Error;
            fn try_from(text: String) -> Result<Self, Error> {
                Self::parse(&text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }
    };
}

text_id!(
    /// A customer. Also used as a bucket name suffix and in partition keys, hence the narrow
    /// alphabet.
    TenantId,
    "a tenant id",
    |text| {
        (1..=48).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && !text.starts_with('-')
            && !text.ends_with('-')
    },
    "1 to 48 of a-z, 0-9 and '-', not starting or ending with '-'"
);

impl TenantId {
    /// The name that the operator's own endpoints are kept under. No tenant can have it.
    pub const OPERATOR: &str = "operator";

    pub fn operator() -> Self {
        Self(Self::OPERATOR.to_owned())
    }

    pub fn is_operator(&self) -> bool {
        self.0 == Self::OPERATOR
    }
}

text_id!(
    /// One task. UUIDv7 as 32 lower-case hex characters, so that ids sort by time; the provider's
    /// ids look the same.
    TaskId,
    "a task id",
    is_hex32,
    "32 lower-case hex characters"
);

impl TaskId {
    /// The lowest id that a task created at this moment could have. A starting point for lists, not
    /// the id of a task.
    pub fn lowest_at(moment: Timestamp) -> Self {
        // UUIDv7 starts with 48 bits of milliseconds.
        let millis = moment.0.clamp(0, (1 << 48) - 1);
        Self(format!("{millis:012x}{}", "0".repeat(20)))
    }

    /// When it was made, by the clock of who made it.
    pub fn made_at(&self) -> Timestamp {
        made_at(&self.0)
    }
}

fn made_at(id: &str) -> Timestamp {
    Timestamp(i64::from_str_radix(&id[..12], 16).expect("an id has 32 hex characters"))
}

text_id!(
    /// The provider's id of a run: documented as 32 hex characters; slightly more is accepted.
    RunId,
    "a provider prediction id",
    |text| {
        let is_allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        (1..=64).contains(&text.len()) && text.bytes().all(is_allowed)
    },
    "1 to 64 of a-z, A-Z, 0-9, '-' and '_'"
);

text_id!(
    /// A webhook endpoint of a tenant.
    EndpointId,
    "an endpoint id",
    is_hex32,
    "32 lower-case hex characters"
);

text_id!(
    /// A batch of submits. Sorts by time, like a task id.
    BatchId,
    "a batch id",
    is_hex32,
    "32 lower-case hex characters"
);

impl BatchId {
    /// As [`TaskId::made_at`].
    pub fn made_at(&self) -> Timestamp {
        made_at(&self.0)
    }
}

text_id!(
    /// An API key: the `jti` of the token. Sorts by time, like a task id.
    KeyId,
    "a key id",
    is_hex32,
    "32 lower-case hex characters"
);

text_id!(
    /// The name of an admin token.
    AdminTokenName,
    "the name of an admin token",
    |text| {
        (1..=48).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && !text.starts_with('-')
            && !text.ends_with('-')
    },
    "1 to 48 of a-z, 0-9 and '-', not starting or ending with '-'"
);

text_id!(
    /// An audit log entry. Sorts by time, like a task id.
    AuditId,
    "an audit entry id",
    is_hex32,
    "32 lower-case hex characters"
);

text_id!(
    /// One event, in every copy of it: the `webhook-id` by which receivers deduplicate.
    EventId,
    "an event id",
    |text| text.strip_prefix("evt_").is_some_and(|rest| is_hex32(rest.strip_suffix(STARTED).unwrap_or(rest))),
    "'evt_' and 32 lower-case hex characters"
);

const STARTED: &str = "_started";

impl EventId {
    /// A task's end, or its start.
    pub(crate) fn of_task(task: &TaskId, is_start: bool) -> Self {
        Self(format!("evt_{task}{}", if is_start { STARTED } else { "" }))
    }

    /// The event of a delivery that is about no task.
    fn of_notice(id32: &str) -> Self {
        Self(format!("evt_{id32}"))
    }

    /// Its 32 hex characters.
    pub(crate) fn id32(&self) -> &str {
        &self.0[4..36]
    }
}

text_id!(
    /// One event on its way to one place: what the event is about, and the number of the delivery
    /// among those about it. `{task}-{n}` for an event of a task, `evt-{event}-{n}` for any other.
    DeliveryId,
    "a delivery id",
    |text| {
        let text = text.strip_prefix(NOTICE).unwrap_or(text);
        text.split_once('-').is_some_and(|(task, n)| is_hex32(task) && is_delivery_number(n))
    },
    "a task id, '-' and a number of two to four digits"
);

const NOTICE: &str = "evt-";

/// What a delivery's event is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    Task(TaskId),
    /// Nothing but the event itself, which is a record of its own.
    Notice(EventId),
}

impl DeliveryId {
    /// Maximum number of deliveries per task.
    pub const NUMBERS_MAX: usize = 10_000;

    /// The id of delivery number `n` of a task. Deterministic, so that creating an event's
    /// deliveries twice gives the same ids. `n` must be below [`Self::NUMBERS_MAX`].
    pub fn of(task: &TaskId, n: usize) -> Self {
        Self(format!("{task}-{n:02}"))
    }

    /// The delivery number `n` of an event without a task.
    pub fn of_notice(event: &EventId, n: usize) -> Self {
        Self(format!("{NOTICE}{}-{n:02}", event.id32()))
    }

    /// Its number among those of its subject. Ids sort by it only below 100.
    pub fn number(&self) -> usize {
        self.0
            .rsplit('-')
            .next()
            .and_then(|n| n.parse().ok())
            .unwrap_or_default()
    }

    pub fn subject(&self) -> Subject {
        let (notice, text) = match self.0.strip_prefix(NOTICE) {
            Some(text) => (true, text),
            None => (false, self.0.as_str()),
        };
        let id32 = text.split('-').next().unwrap_or_default();
        if notice {
            Subject::Notice(EventId::of_notice(id32))
        } else {
            Subject::Task(TaskId(id32.to_owned()))
        }
    }

    /// The task that the event is about, if it is about one.
    pub fn task(&self) -> Option<TaskId> {
        match self.subject() {
            Subject::Task(task) => Some(task),
            Subject::Notice(_) => None,
        }
    }
}

text_id!(
    /// A model in the catalogue, `owner/name[/variant…]`: two to four segments.
    ModelId,
    "a model id",
    |text| {
        let segments: Vec<&str> = text.split('/').collect();
        text.len() <= 128
            && (2..=4).contains(&segments.len())
            && segments.iter().all(|segment| {
                !segment.is_empty()
                    && *segment != "."
                    && *segment != ".."
                    && segment
                        .bytes()
                        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
            })
    },
    "two to four segments of letters, digits, '-', '_' and '.', separated by '/'"
);

text_id!(
    /// An AWS account id.
    AccountId,
    "an AWS account id",
    |text| text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit()),
    "12 digits"
);

/// Each number has exactly one form: two digits, or more without leading zeros.
fn is_delivery_number(n: &str) -> bool {
    let digits = (2..=4).contains(&n.len()) && n.bytes().all(|b| b.is_ascii_digit());
    digits && (n.len() == 2 || !n.starts_with('0'))
}

fn is_hex32(text: &str) -> bool {
    text.len() == 32
        && text
            .bytes()
            .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

/// A valid `Idempotency-Key` header: 1 to 255 printable ASCII characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    pub fn parse(text: &str) -> Result<Self, Error> {
        let valid =
            (1..=255).contains(&text.len()) && text.bytes().all(|b| (0x20..0x7f).contains(&b));
        if valid {
            return Ok(Self(text.to_owned()));
        }
        Err(Error::invalid(
            "invalid_idempotency_key",
            "Idempotency-Key must be 1 to 255 printable ASCII characters",
        )
        .field("Idempotency-Key"))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_id_that_could_escape_a_path_or_a_bucket_name_is_refused() {
        for text in [
            "",
            "-a",
            "a-",
            "A",
            "a/b",
            "..",
            "a b",
            "é",
            &"a".repeat(49),
        ] {
            assert!(TenantId::parse(text).is_err(), "{text:?}");
        }
        assert!(TenantId::parse("acme-2").is_ok());
    }

    #[test]
    fn no_two_deliveries_of_a_task_have_one_id_and_each_is_read_back() {
        let task = TaskId::parse(&"a".repeat(32)).unwrap();
        let mut ids = std::collections::BTreeSet::new();

        for n in 0..DeliveryId::NUMBERS_MAX {
            let id = DeliveryId::of(&task, n);
            assert_eq!(DeliveryId::parse(id.as_str()).unwrap(), id);
            assert_eq!((id.number(), id.task()), (n, Some(task.clone())));
            assert!(ids.insert(id));
        }

        assert_eq!(
            DeliveryId::of(&task, 7).as_str(),
            format!("{task}-07"),
            "as it always was"
        );
        for n in ["", "7", "007", "0100", "10000", "-1", "x1"] {
            assert!(DeliveryId::parse(&format!("{task}-{n}")).is_err(), "{n:?}");
        }
    }

    #[test]
    fn a_delivery_of_an_event_without_a_task_names_the_event() {
        let event = EventId::parse(&format!("evt_{}", "b".repeat(32))).unwrap();
        let id = DeliveryId::of_notice(&event, 3);

        assert_eq!(DeliveryId::parse(id.as_str()).unwrap(), id);
        assert_eq!((id.number(), id.task()), (3, None));
        assert_eq!(id.subject(), Subject::Notice(event));
    }

    #[test]
    fn a_model_id_has_two_to_four_plain_segments() {
        assert!(ModelId::parse("wavespeed-ai/flux-kontext-max").is_ok());
        assert!(ModelId::parse("wavespeed-ai/flux-kontext-max/text-to-image/v1.1").is_ok());
        for text in ["flux", "a/b/c/d/e", "a//b", "a/..", "a/b?c"] {
            assert!(ModelId::parse(text).is_err(), "{text:?}");
        }
    }
}
