//! The faults that the emulator can inject, all of them seen with real providers.

mod described;
mod fault;
mod live;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::run::OddOutput;

pub(crate) use described::described;
pub use fault::Fault;
use fault::number_or_off;
pub(crate) use live::LiveFaults;

/// The active faults. A value of 0 is off.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Faults {
    /// The webhook is never sent.
    pub webhook_lost: Fault,
    /// The webhook is sent twice with the same id.
    pub webhook_twice: Fault,
    #[serde(deserialize_with = "number_or_off")]
    pub webhook_late_ms: u64,
    pub webhook_bad_signature: Fault,
    /// Submits per second above which the answer is 429.
    #[serde(deserialize_with = "number_or_off")]
    pub rate_limit_per_second: u32,
    /// A submit that is not accepted gets 500.
    pub error_500_before_accept: Fault,
    /// A submit that is accepted, and charged, gets 500.
    pub error_500_after_accept: Fault,
    /// The submit is accepted; the connection closes without a response.
    pub hang_up_after_accept: Fault,
    /// The submit is accepted; the response is delayed by this time.
    #[serde(deserialize_with = "number_or_off")]
    pub hang_after_accept_ms: u64,
    /// The response to a form upload is delayed by this time.
    #[serde(deserialize_with = "number_or_off")]
    pub hang_upload_ms: u64,
    /// A submit gets 403: this model is not available to this account.
    pub model_forbidden: Fault,
    /// The status of every response to this key: 401, 402 or 403.
    #[serde(deserialize_with = "number_or_off")]
    pub account_status: u16,
    /// The list of runs is always empty.
    pub list_hides: Fault,
    /// Each page of the list is filled up with runs of another model.
    pub list_endless: Fault,
    /// How far the provider's clock is ahead, in the `Date` of its answers and in its runs;
    /// negative: behind.
    #[serde(deserialize_with = "number_or_off")]
    pub clock_ahead_ms: i64,
    #[serde(deserialize_with = "number_or_off")]
    pub slow_output_bytes_per_second: u64,
    /// `Content-Length` announces more than is sent.
    pub truncated_output: Fault,
    pub fail_task: Fault,
    /// A failed run is charged all the same.
    pub failure_charged: Fault,
    pub nsfw: Fault,
    /// A run with several outputs completes with one less, and is charged in full.
    pub fewer_outputs: Fault,
    /// Predictions as other versions of the provider write them: duplicate fields, ids and words in
    /// capitals, numbers as strings.
    pub odd_answers: Fault,
    pub result_500: Fault,
    pub output_404: Fault,
    /// The links in a webhook, in the submit's response and in a list are dead (403); those in a
    /// requested result are not.
    pub stale_output_links: Fault,
    /// How many redirects precede an output.
    #[serde(deserialize_with = "number_or_off")]
    pub output_redirects: u32,
    /// An output is empty.
    pub empty_output: Fault,
    /// HTML instead of a picture, still labelled `image/jpeg`.
    pub wrong_output_type: Fault,
    /// One file of this kind instead of pictures: `"svg"`, `"glb"`, `"json"`, `"text"`,
    /// `"safetensors"`, `"mp4"`, `"mp3"`, `"new"`, `"page"`.
    pub odd_output: Option<OddOutput>,
    /// No download and no edit: one constant, tiny PNG per run. For benchmarks.
    pub tiny_output: Fault,
    /// How many bytes that PNG has, if not as few as it can. For benchmarks.
    #[serde(deserialize_with = "number_or_off")]
    pub output_bytes: usize,
}

impl Faults {
    /// Sets one fault from `NAME` or `NAME=VALUE`, with the value as in JSON. The error says what
    /// to write instead.
    pub fn set(&mut self, setting: &str) -> Result<(), String> {
        let (name, value) = setting.split_once('=').unwrap_or((setting, "true"));
        let value: Value = serde_json::from_str(value)
            .map_err(|_| format!("'{value}' is not true, false or a number"))?;
        let mut all = serde_json::to_value(&*self).map_err(|error| error.to_string())?;
        all[name] = value;
        *self =
            serde_json::from_value(all).map_err(|error| format!("fault '{setting}': {error}"))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_set_by_name_with_or_without_a_value() {
        let mut faults = Faults::default();

        faults.set("fail_task").unwrap();
        faults.set("webhook_lost=2").unwrap();
        faults.set("webhook_late_ms=50").unwrap();
        faults.set("clock_ahead_ms=-90000").unwrap();
        faults.set("account_status=402").unwrap();
        faults.set("account_status=false").unwrap();

        let wanted = Faults {
            fail_task: Fault::Always,
            webhook_lost: Fault::Times(2),
            webhook_late_ms: 50,
            clock_ahead_ms: -90_000,
            ..Faults::default()
        };
        assert_eq!(faults, wanted);
    }

    #[test]
    fn a_number_that_a_fault_cannot_have_is_refused() {
        for setting in ["webhook_late_ms=-1", "output_redirects=4294967296"] {
            let refusal = Faults::default().set(setting).unwrap_err();

            assert!(refusal.contains("out of range"), "{refusal}");
        }
    }

    #[test]
    fn an_unknown_fault_is_refused_with_the_names_there_are() {
        let refusal = Faults::default().set("webhook_lots").unwrap_err();

        assert!(refusal.contains("webhook_lost"), "{refusal}");
    }
}
