//! The ways in which the emulator can be told to misbehave, all of them seen from real providers.

mod fault;
mod live;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::run::OddOutput;

pub use fault::Fault;
pub(crate) use live::LiveFaults;

/// What is broken at present. A value of 0 is off.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Faults {
    /// The webhook is never sent.
    pub webhook_lost: Fault,
    /// The webhook is sent twice under one id.
    pub webhook_twice: Fault,
    pub webhook_late_ms: u64,
    pub webhook_bad_signature: Fault,
    /// Submits per second above which the answer is 429.
    pub rate_limit_per_second: u32,
    /// 500 to a submit that was not taken.
    pub error_500_before_accept: Fault,
    /// 500 to a submit that was taken, and is paid.
    pub error_500_after_accept: Fault,
    /// The submit is taken; the connection closes without an answer.
    pub hang_up_after_accept: Fault,
    /// The submit is taken; the answer comes this much later.
    pub hang_after_accept_ms: u64,
    /// An upload through a form is answered this much later.
    pub hang_upload_ms: u64,
    /// 403 to a submit: this model is not for this account.
    pub model_forbidden: Fault,
    /// The status of every answer to this key: 401, 402 or 403.
    pub account_status: u16,
    /// The list of runs is empty, whatever there is.
    pub list_hides: Fault,
    /// Each page of the list is filled up with runs of another model.
    pub list_endless: Fault,
    /// How far the provider's clock is ahead, in the `Date` of its list and in its runs.
    pub clock_ahead_ms: u64,
    pub slow_output_bytes_per_second: u64,
    /// `Content-Length` promises more than is sent.
    pub truncated_output: Fault,
    pub fail_task: Fault,
    pub nsfw: Fault,
    /// A run of several outputs ends well with one less, and is paid in full.
    pub fewer_outputs: Fault,
    /// Predictions as other versions of the provider write them: fields under two names, ids and
    /// words in capitals, numbers as text.
    pub odd_answers: Fault,
    pub result_500: Fault,
    pub output_404: Fault,
    /// The links of a webhook, of the submit's answer and of a list are dead (403); those of a
    /// result that is asked for are not.
    pub stale_output_links: Fault,
    /// How many redirects lead to an output.
    pub output_redirects: u32,
    /// An output has no bytes.
    pub empty_output: Fault,
    /// HTML where a picture should be, still called `image/jpeg`.
    pub wrong_output_type: Fault,
    /// No pictures but one file of this kind: `"svg"`, `"glb"`, `"json"`, `"text"`,
    /// `"safetensors"`, `"mp4"`, `"mp3"`, `"new"`, `"page"`.
    pub odd_output: Option<OddOutput>,
    /// No download and no edit: one constant, tiny PNG a run. For benchmarks.
    pub tiny_output: Fault,
}

impl Faults {
    /// Sets one fault from `NAME` or `NAME=VALUE`, the value as in JSON. Fails with what to write
    /// instead.
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

        let wanted = Faults {
            fail_task: Fault::Always,
            webhook_lost: Fault::Times(2),
            webhook_late_ms: 50,
            ..Faults::default()
        };
        assert_eq!(faults, wanted);
    }

    #[test]
    fn an_unknown_fault_is_refused_with_the_names_there_are() {
        let refusal = Faults::default().set("webhook_lots").unwrap_err();

        assert!(refusal.contains("webhook_lost"), "{refusal}");
    }
}
