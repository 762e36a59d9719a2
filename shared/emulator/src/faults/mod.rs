//! The ways in which the emulator misbehaves when told to. Each stands for something that real vendors do.

mod fault;
mod handle;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use fault::Fault;
pub use handle::FaultsHandle;

/// What is broken at present. In JSON every field is optional; a plain number of 0 is off.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Faults {
    /// The webhook is never sent.
    pub webhook_lost: Fault,
    /// The webhook is sent twice under one `webhook-id`.
    pub webhook_twice: Fault,
    /// The webhook is sent this much after the end of the run.
    pub webhook_late_ms: u64,
    pub webhook_bad_signature: Fault,
    /// Submits a second above which the answer is 429.
    pub rate_limit_per_second: u32,
    /// 500 to a submit that was not accepted: no run, no cost.
    pub error_500_before_accept: Fault,
    /// 500 to a submit that was accepted: it runs and is paid.
    pub error_500_after_accept: Fault,
    /// The submit is accepted; the connection closes without an answer.
    pub hang_up_after_accept: Fault,
    /// The submit is accepted; the answer comes this much later.
    pub hang_after_accept_ms: u64,
    /// A sync-mode submit gives up waiting after this long (5004).
    pub sync_limit_ms: u64,
    pub slow_output_bytes_per_second: u64,
    /// `Content-Length` promises more than is sent; then the connection closes.
    pub truncated_output: Fault,
    pub output_404: Fault,
    /// HTML where a picture should be, still called by the picture's type.
    pub wrong_output_type: Fault,
    /// Looking up a result answers 500.
    pub result_500: Fault,
    /// The next accepted runs end `failed`.
    pub fail_task: Fault,
    /// With `fail_task`: the `code` it ends with; 0 is 5000.
    pub fail_task_code: u32,
    /// With `fail_task`: the `error` it ends with.
    pub fail_task_error: Option<String>,
    /// The next accepted runs are reported as not safe for work.
    pub nsfw: Fault,
    /// No download and no edit: every output is one constant, tiny PNG. For benchmarks.
    pub tiny_output: bool,
}

impl Faults {
    /// Reads `NAME` or `NAME=VALUE` settings, each value as in JSON or a bare text. Fails with what is wrong.
    pub fn parse<S: AsRef<str>>(settings: &[S]) -> Result<Self, String> {
        let mut fields = Map::new();
        for setting in settings.iter().map(AsRef::as_ref) {
            let (name, value) = setting.split_once('=').unwrap_or((setting, "true"));
            let value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
            fields.insert(name.to_owned(), value);
        }
        serde_json::from_value(Value::Object(fields)).map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_set_by_its_name_with_or_without_a_value() {
        let settings = ["fail_task", "webhook_lost=2", "webhook_late_ms=50", "fail_task_error=out of luck"];

        let faults = Faults::parse(&settings).unwrap();

        let wanted = Faults {
            fail_task: Fault::Always,
            webhook_lost: Fault::Times(2),
            webhook_late_ms: 50,
            fail_task_error: Some("out of luck".to_owned()),
            ..Faults::default()
        };
        assert_eq!(faults, wanted);
    }

    #[test]
    fn an_unknown_fault_is_refused_with_the_names_there_are() {
        let refusal = Faults::parse(&["webhook_lots"]).unwrap_err();

        assert!(refusal.contains("webhook_lots") && refusal.contains("webhook_lost"), "{refusal}");
    }

    #[test]
    fn a_counted_fault_strikes_that_often_and_is_then_off() {
        let handle = FaultsHandle::new(Faults { nsfw: Fault::Times(2), ..Faults::default() });

        let strikes = [(); 3].map(|()| handle.strike(|faults| &mut faults.nsfw));

        assert_eq!(strikes, [true, true, false]);
        assert_eq!(handle.get(), Faults::default());
    }
}
