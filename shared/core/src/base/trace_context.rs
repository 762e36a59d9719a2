//! The trace that a task belongs to, and a place in it: W3C Trace Context, level 1
//! (<https://www.w3.org/TR/trace-context/>).

use serde::{Deserialize, Serialize};

use crate::base::error::Error;
use crate::base::id::{EventId, TaskId};

/// `00-`, 32 hex characters, `-`, 16, `-`, 2.
const PARENT_BYTES: usize = 55;
const SAMPLED: u8 = 1;

/// The target of spans that are for traces alone. Without a layer that asks for it they cost
/// nothing, and no log line names them.
pub const SPANS: &str = "fluxgate::spans";

/// A trace, and the request that the next one in it comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct TraceContext {
    trace_id: String,
    parent_id: String,
    /// Whether the caller may have recorded it.
    sampled: bool,
    /// What the caller's tracing systems add; passed on as it is.
    state: Option<String>,
}

/// The two headers, which are also what is stored.
#[derive(Serialize, Deserialize)]
struct Stored {
    traceparent: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tracestate: Option<String>,
}

impl TraceContext {
    /// A longer `tracestate` is dropped whole.
    pub const STATE_BYTES_MAX: usize = 512;

    /// What a caller sent. `None` for a `traceparent` that is not as the standard says: that is no
    /// error, a new trace begins there.
    pub fn read(traceparent: &str, tracestate: Option<&str>) -> Option<Self> {
        let bytes = traceparent.as_bytes();
        let (version, rest) = traceparent.split_at_checked(2)?;
        // A later version may append fields, and only that.
        let fits = match version {
            "00" => bytes.len() == PARENT_BYTES,
            _ => bytes.len() == PARENT_BYTES || bytes.get(PARENT_BYTES) == Some(&b'-'),
        };
        if !fits || !is_hex(version) || version == "ff" {
            return None;
        }
        let mut parts = rest.get(..PARENT_BYTES - 2)?.split('-').skip(1);
        let (trace_id, parent_id, flags) = (parts.next()?, parts.next()?, parts.next()?);
        let is_id = |id: &str, length| id.len() == length && is_hex(id) && !is_zero(id);
        if !is_id(trace_id, 32) || !is_id(parent_id, 16) || flags.len() != 2 || !is_hex(flags) {
            return None;
        }
        let flags = u8::from_str_radix(flags, 16).ok()?;
        Some(Self {
            trace_id: trace_id.to_owned(),
            parent_id: parent_id.to_owned(),
            sampled: flags & SAMPLED != 0,
            state: tracestate
                .filter(|state| is_state(state))
                .map(str::to_owned),
        })
    }

    /// The trace of a task whose client sent none. Its id is the task's, of whose 16 bytes the last
    /// seven are random: nothing has to be stored, and a task of an earlier release has one.
    pub fn of_task(task: &TaskId) -> Self {
        Self::begun(task.as_str())
    }

    /// The trace of an event without a task.
    pub fn of_event(event: &EventId) -> Self {
        Self::begun(event.id32())
    }

    fn begun(id32: &str) -> Self {
        Self {
            trace_id: id32.to_owned(),
            parent_id: id32[16..].to_owned(),
            // Receivers that follow their caller would otherwise never record it.
            sampled: true,
            state: None,
        }
    }

    /// The same trace for a request that leaves from here. Any number will do, if it is a new one.
    pub fn hop(&self, number: u64) -> Self {
        Self {
            parent_id: format!("{:016x}", number.max(1)),
            ..self.clone()
        }
    }

    pub fn trace_id(&self) -> &str {
        &self.trace_id
    }

    /// The span that sends the request; of a trace that began with its task, that of its submit.
    pub fn parent_id(&self) -> &str {
        &self.parent_id
    }

    /// Whether its caller may have recorded it.
    pub fn is_sampled(&self) -> bool {
        self.sampled
    }

    pub fn traceparent(&self) -> String {
        let flags = if self.sampled { SAMPLED } else { 0 };
        format!("00-{}-{}-{flags:02x}", self.trace_id, self.parent_id)
    }

    pub fn tracestate(&self) -> Option<&str> {
        self.state.as_deref()
    }
}

fn is_hex(text: &str) -> bool {
    text.bytes()
        .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

fn is_zero(text: &str) -> bool {
    text.bytes().all(|byte| byte == b'0')
}

fn is_state(text: &str) -> bool {
    (1..=TraceContext::STATE_BYTES_MAX).contains(&text.len())
        && text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
}

impl From<TraceContext> for Stored {
    fn from(trace: TraceContext) -> Self {
        Self {
            traceparent: trace.traceparent(),
            tracestate: trace.state,
        }
    }
}

impl TryFrom<Stored> for TraceContext {
    type Error = Error;

    fn try_from(stored: Stored) -> Result<Self, Error> {
        Self::read(&stored.traceparent, stored.tracestate.as_deref())
            .ok_or_else(|| Error::invalid("invalid_trace", "this is no traceparent"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const PARENT: &str = "00f067aa0ba902b7";

    #[test]
    fn a_traceparent_is_read_as_the_standard_says() {
        let good = |text: &str| {
            let trace = TraceContext::read(text, None).unwrap();
            (trace.trace_id().to_owned(), trace.traceparent())
        };
        for (text, sent) in [
            (format!("00-{TRACE}-{PARENT}-01"), "01"),
            (format!("00-{TRACE}-{PARENT}-00"), "00"),
            // Flags that are not known yet are not passed on.
            (format!("00-{TRACE}-{PARENT}-ff"), "01"),
            (format!("00-{TRACE}-{PARENT}-02"), "00"),
            // A later version is read as far as it is known.
            (format!("01-{TRACE}-{PARENT}-01"), "01"),
            (format!("cc-{TRACE}-{PARENT}-01-what the future"), "01"),
            (format!("fe-{TRACE}-{PARENT}-01-"), "01"),
        ] {
            let sent = format!("00-{TRACE}-{PARENT}-{sent}");
            assert_eq!(good(&text), (TRACE.to_owned(), sent), "{text}");
        }
    }

    #[test]
    fn what_is_no_traceparent_is_none() {
        let (zero_trace, zero_parent) = ("0".repeat(32), "0".repeat(16));
        let upper = TRACE.to_uppercase();
        for text in [
            String::new(),
            "00".to_owned(),
            "00-".to_owned(),
            TRACE.to_owned(),
            format!("00-{TRACE}-{PARENT}"),
            format!("00-{TRACE}-{PARENT}-"),
            format!("00-{TRACE}-{PARENT}-1"),
            format!("00-{TRACE}-{PARENT}-0g"),
            format!("00-{TRACE}-{PARENT}-+1"),
            format!("00-{TRACE}-{PARENT}-01-"),
            format!("00-{TRACE}-{PARENT}-01-more"),
            format!("cc-{TRACE}-{PARENT}-01.more"),
            format!("ff-{TRACE}-{PARENT}-01"),
            format!("0-{TRACE}-{PARENT}-01"),
            format!("0g-{TRACE}-{PARENT}-01"),
            format!("FE-{TRACE}-{PARENT}-01"),
            format!("00-{upper}-{PARENT}-01"),
            format!("00-{zero_trace}-{PARENT}-01"),
            format!("00-{TRACE}-{zero_parent}-01"),
            format!("00-{}-{PARENT}-01", &TRACE[1..]),
            format!("00-{TRACE}0-{}-01", &PARENT[1..]),
            format!("00_{TRACE}_{PARENT}_01"),
            format!("00-{TRACE}-{}é-01", &PARENT[2..]),
            format!("é-{TRACE}-{PARENT}-01"),
            format!(" 00-{TRACE}-{PARENT}-01"),
            format!("00-{TRACE}-{PARENT}-01,00-{TRACE}-{PARENT}-01"),
        ] {
            assert_eq!(TraceContext::read(&text, Some("a=b")), None, "{text:?}");
        }
    }

    #[test]
    fn a_tracestate_is_passed_on_whole_or_not_at_all() {
        let parent = format!("00-{TRACE}-{PARENT}-01");
        let read = |state: &str| TraceContext::read(&parent, Some(state)).unwrap();
        let longest = format!("a={}", "x".repeat(TraceContext::STATE_BYTES_MAX - 2));

        for state in ["rojo=00f067aa0ba902b7,congo=t61rcWkgMzE", &longest] {
            assert_eq!(read(state).tracestate(), Some(state));
            assert_eq!(read(state).hop(7).tracestate(), Some(state));
        }
        for state in ["", "a=é", "a=b\r\nx: y", &format!("{longest}x")] {
            assert_eq!(read(state).tracestate(), None, "{state:?}");
        }
    }

    #[test]
    fn a_hop_stays_in_its_trace_and_has_a_parent_of_its_own() {
        let caller = TraceContext::read(&format!("00-{TRACE}-{PARENT}-00"), None).unwrap();
        assert_eq!(
            caller.hop(0xab).traceparent(),
            format!("00-{TRACE}-00000000000000ab-00")
        );
        assert_eq!(
            caller.hop(0).traceparent(),
            format!("00-{TRACE}-0000000000000001-00")
        );
    }

    #[test]
    fn a_trace_that_begins_here_has_the_id_of_its_task_or_event() {
        let id = "0198f2c8a1b97c3e8d4f5a6b7c8d9e0f";
        let task = TraceContext::of_task(&TaskId::parse(id).unwrap());
        let event = TraceContext::of_event(&EventId::parse(&format!("evt_{id}")).unwrap());

        assert_eq!((task.trace_id(), &task), (id, &event));
        assert_eq!(TraceContext::read(&task.traceparent(), None), Some(task));
    }

    #[test]
    fn what_is_stored_comes_back() {
        for state in [None, Some("a=b")] {
            let trace = TraceContext::read(&format!("00-{TRACE}-{PARENT}-01"), state).unwrap();
            let stored = serde_json::to_string(&trace).unwrap();
            let back: TraceContext = serde_json::from_str(&stored).unwrap();
            assert_eq!(back, trace);
        }
        assert!(serde_json::from_str::<TraceContext>(r#"{"traceparent":"00-x"}"#).is_err());
    }
}
