//! What an attempt came to, as its tenant is shown it.

use crate::base::time::Timestamp;
use crate::domain::webhook::{Attempt, ErrorClass};
use crate::port::SendOutcome;

pub(crate) fn attempt_of(outcome: &SendOutcome, at: Timestamp, now: Timestamp) -> Attempt {
    let plain = Attempt {
        at,
        duration_ms: now.since_ms(at),
        status: None,
        class: None,
        error: None,
        body: None,
        location: None,
        retry_after: None,
    };
    match outcome {
        SendOutcome::Answered(answer) => {
            let class = ErrorClass::of_status(answer.status);
            let failed = class.is_some();
            let error = match (class, &answer.location) {
                (Some(ErrorClass::Redirect), Some(_)) => format!(
                    "the receiver answered {} and callbacks follow no redirect; set the endpoint's URL to its target",
                    answer.status
                ),
                _ => format!("the receiver answered {}", answer.status),
            };
            Attempt {
                status: Some(answer.status),
                class,
                error: failed.then_some(error),
                body: answer.body.clone().filter(|_| failed),
                location: answer.location.clone().filter(|_| failed),
                retry_after: answer.retry_after.clone().filter(|_| failed),
                ..plain
            }
        }
        SendOutcome::Failed { class, reason } => Attempt {
            class: Some(*class),
            error: Some(reason.clone()),
            ..plain
        },
    }
}
