//! One timeline step as a list `[at, name, via, detail]`: in a task's item, field names would take
//! more space than their values.

use aws_sdk_dynamodb::types::AttributeValue;
use fluxgate_core::Result;
use fluxgate_core::task::Step;
use fluxgate_core::time::Timestamp;

use super::attribute::{number, number_of, text, unreadable, word, word_of};

pub(super) const STEPS: &str = "steps";

/// Trailing absent fields are left out.
pub(super) fn to_attributes(steps: &[Step]) -> Result<Vec<AttributeValue>> {
    steps.iter().map(to_attribute).collect()
}

fn to_attribute(step: &Step) -> Result<AttributeValue> {
    let mut parts = vec![number(step.at.0), text(&step.name)];
    match (&step.via, &step.detail) {
        (None, None) => {}
        (Some(via), None) => parts.push(word(via)?),
        (via, Some(detail)) => {
            parts.push(via.as_ref().map_or(Ok(AttributeValue::Null(true)), word)?);
            parts.push(text(detail));
        }
    }
    Ok(AttributeValue::L(parts))
}

pub(super) fn from_attributes(steps: &[AttributeValue]) -> Result<Vec<Step>> {
    steps
        .iter()
        .map(|step| from_attribute(step).ok_or_else(|| unreadable(STEPS)))
        .collect()
}

fn from_attribute(step: &AttributeValue) -> Option<Step> {
    let parts = step.as_l().ok()?;
    let present = |n: usize| parts.get(n).filter(|part| !part.is_null());
    Some(Step {
        at: Timestamp(number_of(parts.first()?)?),
        name: parts.get(1)?.as_s().ok()?.clone(),
        via: present(2)
            .map(|via| word_of(via).ok_or(()))
            .transpose()
            .ok()?,
        detail: present(3)
            .map(|detail| detail.as_s().map_err(drop).cloned())
            .transpose()
            .ok()?,
    })
}

#[cfg(test)]
mod tests {
    use fluxgate_core::task::Via;

    use super::*;

    #[test]
    fn a_timeline_comes_back_as_it_went() {
        let at = Timestamp(1_787_618_961_479);
        let steps = [
            Step::new(at, "submit_started"),
            Step::new(at, "accepted").via(Via::Submit),
            Step::new(at, "admitted").detail("$0.08 held"),
            Step::new(at, "provider_failed")
                .via(Via::Webhook)
                .detail("1402: media could not be fetched"),
        ];

        assert_eq!(
            from_attributes(&to_attributes(&steps).unwrap()).unwrap(),
            steps
        );
    }

    #[test]
    fn a_step_without_a_name_is_unreadable() {
        let error = from_attributes(&[AttributeValue::L(vec![number(1)])]).unwrap_err();

        assert_eq!(error.code, "row_unreadable");
    }
}
