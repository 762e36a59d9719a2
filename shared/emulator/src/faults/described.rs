//! The faults as `fluxgate emulator --help` lists them.

const FAULTS: [(&str, &str); 28] = [
    ("webhook_lost", "the webhook is never sent"),
    (
        "webhook_twice",
        "the webhook is sent twice with the same id",
    ),
    ("webhook_late_ms=MS", "the webhook is late"),
    ("webhook_bad_signature", "the webhook's signature is wrong"),
    ("rate_limit_per_second=N", "more submits a second are 429"),
    (
        "error_500_before_accept",
        "a submit that is not accepted is 500",
    ),
    ("error_500_after_accept", "a submit that is accepted is 500"),
    ("hang_up_after_accept", "an accepted submit has no answer"),
    (
        "hang_after_accept_ms=MS",
        "an accepted submit has a late answer",
    ),
    ("hang_upload_ms=MS", "an upload has a late answer"),
    ("model_forbidden", "a submit is 403"),
    ("account_status=CODE", "every answer is 401, 402 or 403"),
    ("list_hides", "the list of runs is empty"),
    ("list_endless", "the list of runs is filled up with others'"),
    (
        "clock_ahead_ms=MS",
        "the provider's clock is ahead; -MS is behind",
    ),
    ("slow_output_bytes_per_second=N", "outputs come slowly"),
    ("truncated_output", "an output is cut off"),
    ("fail_task", "a run fails"),
    ("failure_charged", "a failed run is charged all the same"),
    ("nsfw", "a run is flagged as unsafe"),
    ("fewer_outputs", "one output of several is missing"),
    (
        "odd_answers",
        "answers as other versions of the provider write them",
    ),
    ("result_500", "reading a run is 500"),
    ("output_404", "an output is gone"),
    (
        "stale_output_links",
        "links are dead until the run is read again",
    ),
    ("output_redirects=N", "redirects stand before an output"),
    ("empty_output", "an output is empty"),
    (
        "wrong_output_type",
        "an output is a page instead of a picture",
    ),
];
const OTHERS: [(&str, &str); 3] = [
    (
        "odd_output=\"KIND\"",
        "one file instead of outputs: svg, glb, json, text, safetensors, mp4, mp3, new or page",
    ),
    (
        "tiny_output",
        "one tiny picture and no work, for benchmarks",
    ),
    (
        "output_bytes=N",
        "of tiny_output: a picture of so many bytes",
    ),
];

/// The help of `--fault`.
pub(crate) fn described() -> String {
    let intro = "A fault to inject: NAME for always, NAME=3 for the next three times, NAME=VALUE \
                 for a value; repeatable.\n";
    let lines = FAULTS.iter().chain(&OTHERS);
    lines.fold(intro.to_owned(), |text, (name, effect)| {
        format!("{text}\n  {name}: {effect}")
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::faults::Faults;

    #[test]
    fn every_fault_is_described_and_no_other() {
        let faults = serde_json::to_value(Faults::default()).unwrap();
        let known: BTreeSet<&str> = faults
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();

        let lines = FAULTS.iter().chain(&OTHERS);
        let described: BTreeSet<&str> = lines
            .map(|(name, _)| name.split('=').next().unwrap())
            .collect();

        assert_eq!(described, known);
    }
}
