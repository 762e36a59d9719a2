//! A message on a queue: a versioned JSON envelope around a job. Messages outlive releases, so
//! fields may be added, but never changed.

use fluxgate_core::task::Job;
use fluxgate_core::time::Timestamp;
use fluxgate_core::{Error, Result};
use serde::{Deserialize, Serialize};

/// The only envelope version that this release writes and reads.
const VERSION: u32 = 1;

/// A message's body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Envelope {
    v: u32,
    pub(super) job: Job,
    /// Not before this moment; only present if it is beyond the maximum delay of a queue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) due: Option<Timestamp>,
    /// How often the job has failed.
    #[serde(default)]
    pub(super) failures: u32,
}

#[derive(Deserialize)]
struct Version {
    v: u32,
}

impl Envelope {
    pub(super) fn new(job: Job, failures: u32) -> Self {
        Self {
            v: VERSION,
            job,
            due: None,
            failures,
        }
    }

    /// Fails with kind `Invalid` and the reason. The version is checked first, because an older
    /// release cannot know what else has changed.
    pub(super) fn parse(body: &str) -> Result<Self> {
        let Version { v } = serde_json::from_str(body).map_err(|error| unreadable(&error))?;
        if v != VERSION {
            let text = format!(
                "the message has version {v}, but this release reads version {VERSION}; redrive it after the upgrade"
            );
            return Err(Error::invalid("message_version", text));
        }
        serde_json::from_str(body).map_err(|error| unreadable(&error))
    }

    pub(super) fn body(&self) -> Result<String> {
        serde_json::to_string(self).map_err(|error| {
            Error::internal("message_unwritable", "a job could not be written as JSON")
                .source(error)
        })
    }

    /// Milliseconds until the job is due; zero if it is due.
    pub(super) fn early_ms(&self, now: Timestamp) -> u64 {
        self.due.map_or(0, |due| due.since_ms(now))
    }
}

fn unreadable(error: &serde_json::Error) -> Error {
    Error::invalid(
        "message_unreadable",
        format!("the message is not a job: {error}"),
    )
}

/// A message to be sent to a queue.
#[derive(Debug, Clone)]
pub(super) struct SendEntry {
    pub(super) envelope: Envelope,
    /// The delay in seconds before SQS delivers it.
    pub(super) delay_s: i32,
}

impl SendEntry {
    /// Due after `after_ms`. A due time beyond `delay_max_s` is in the body, for the consumer that
    /// receives it too early.
    pub(super) fn after_ms(
        mut envelope: Envelope,
        after_ms: u64,
        now: Timestamp,
        delay_max_s: u16,
    ) -> Self {
        let delay_s = after_ms.div_ceil(1_000);
        let reached = delay_s <= u64::from(delay_max_s);
        envelope.due = (!reached).then(|| now.plus_ms(after_ms));
        Self {
            envelope,
            delay_s: if reached {
                delay_s as i32
            } else {
                i32::from(delay_max_s)
            },
        }
    }

    /// The tenant as message group, by which SQS shares the queue. SQS bills a message with a group
    /// a quarter more, so the first look of a watch has none: every task pays for it, nearly all
    /// tasks have ended by then, and the look is short. Later looks, which mean that webhooks are
    /// missing, have a group.
    pub(super) fn group(&self) -> Option<String> {
        match &self.envelope.job {
            Job::Watch { round: 0, .. } => None,
            job => Some(job.tenant().to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use fluxgate_core::id::{TaskId, TenantId};

    use super::*;

    const NOW: Timestamp = Timestamp(1_000_000);

    fn envelope() -> Envelope {
        let (tenant, task) = (
            TenantId::parse("acme").unwrap(),
            TaskId::parse(&"a".repeat(32)).unwrap(),
        );
        Envelope::new(Job::Archive { tenant, task }, 2)
    }

    #[test]
    fn a_message_is_written_in_words_that_stay() {
        let body = envelope().body().unwrap();

        let task = "a".repeat(32);
        assert_eq!(
            body,
            format!(
                r#"{{"v":1,"job":{{"job":"archive","tenant":"acme","task":"{task}"}},"failures":2}}"#
            )
        );
        assert_eq!(Envelope::parse(&body).unwrap(), envelope());
        let carried = format!(
            r#"{{"v":1,"job":{{"job":"archive_run","tenant":"acme","task":"{task}","ended":{{"finished":{{"run":"r1","via":"webhook","sources":["https://cdn.example/1.png"],"nsfw":[false],"inference_ms":7,"note":null}},"at":5}}}},"failures":0}}"#
        );
        let parsed = Envelope::parse(&carried).unwrap();
        assert_eq!(parsed.body().unwrap(), carried);
    }

    #[test]
    fn a_message_that_does_not_parse_says_why() {
        for (body, why) in [
            ("not JSON", "message_unreadable"),
            (r#"{"job":{}}"#, "missing field `v`"),
            (r#"{"v":2,"what":1}"#, "version 2"),
            (
                r#"{"v":1,"job":{"job":"dance"}}"#,
                "unknown variant `dance`",
            ),
            (
                r#"{"v":1,"job":{"job":"archive","tenant":"..","task":"x"}}"#,
                "tenant",
            ),
        ] {
            let error = Envelope::parse(body).unwrap_err().to_string();

            assert!(error.contains(why), "{body}: {error}");
        }
    }

    #[test]
    fn a_delay_is_rounded_up_to_whole_seconds() {
        for (after_ms, delay_s) in [(0, 0), (1, 1), (1_000, 1), (1_001, 2), (900_000, 900)] {
            let outgoing = SendEntry::after_ms(envelope(), after_ms, NOW, 900);

            assert_eq!(
                (outgoing.delay_s, outgoing.envelope.due),
                (delay_s, None),
                "{after_ms} ms"
            );
        }
    }

    #[test]
    fn what_a_delay_does_not_reach_is_in_the_body() {
        let far = SendEntry::after_ms(envelope(), 900_001, NOW, 900);

        assert_eq!(
            (far.delay_s, far.envelope.due),
            (900, Some(Timestamp(1_900_001)))
        );
        assert_eq!(far.envelope.early_ms(Timestamp(1_900_000)), 1);
        assert_eq!(far.envelope.early_ms(Timestamp(1_900_002)), 0);
        let near = SendEntry::after_ms(far.envelope, 1, Timestamp(1_900_000), 900);
        assert_eq!((near.delay_s, near.envelope.due), (1, None));
    }
}
