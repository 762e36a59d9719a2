//! Counts, states and lines of a batch.

use super::*;
use crate::base::error::{Error, Kind};
use crate::base::id::{BatchId, TaskId, TenantId};
use crate::base::time::Timestamp;

fn batch(lines: u32) -> Batch {
    Batch {
        tenant: TenantId::parse("acme").unwrap(),
        id: BatchId::parse(&"b".repeat(32)).unwrap(),
        version: 1,
        created_at: Timestamp(0),
        kept_until: Timestamp(1_000),
        request: String::new(),
        key: None,
        by: None,
        lines,
        admitted: 0,
        refused: 0,
        completed: 0,
        failed: 0,
        decided_to: 0,
        open: std::collections::BTreeMap::new(),
        waiting: None,
        admits_until: None,
        job: 1,
        cancelled_at: None,
        ended_at: None,
        erased: false,
    }
}

fn chunk(results: &[LineResult]) -> BatchChunk {
    let line = |(n, result): (usize, &LineResult)| BatchLine {
        line: u32::try_from(n).unwrap() + 1,
        reference: None,
        result: result.clone(),
    };
    BatchChunk {
        lines: results.iter().enumerate().map(line).collect(),
    }
}

fn admitted() -> LineResult {
    LineResult::Admitted {
        task: TaskId::parse(&"a".repeat(32)).unwrap(),
    }
}

fn ended(completed: bool) -> LineResult {
    LineResult::Ended {
        task: TaskId::parse(&"a".repeat(32)).unwrap(),
        completed,
    }
}

fn refused() -> LineResult {
    LineResult::refused(&Error::invalid("no", "no"))
}

#[test]
fn the_texts_of_decided_lines_are_blanked_once() {
    let waiting = || LineResult::Waiting;
    let chunk = chunk(&[admitted(), waiting(), refused(), waiting()]);

    let blanked = chunk.blanked("{1}\n{2}\n\n{4}\n");

    assert_eq!(blanked.as_deref(), Some("\n{2}\n\n{4}\n"));
    assert_eq!(chunk.blanked("\n{2}\n\n{4}\n"), None);
}

#[test]
fn counts_and_state_follow_the_lines() {
    let (mut batch, waiting) = (batch(3), LineResult::Waiting);
    let first = chunk(&[waiting.clone(), waiting.clone(), waiting.clone()]);
    let second = chunk(&[admitted(), waiting.clone(), admitted()]);
    let third = chunk(&[ended(true), refused(), admitted()]);
    let fourth = chunk(&[ended(true), refused(), ended(false)]);

    batch.count(&first, &second);
    assert_eq!(
        (batch.admitted, batch.decided_to, batch.in_progress()),
        (2, 1, 2)
    );
    assert_eq!(batch.state(), BatchState::Admitting);

    batch.count(&second, &third);
    assert_eq!((batch.admitted, batch.refused, batch.completed), (2, 1, 1));
    assert_eq!((batch.decided_to, batch.in_progress()), (3, 1));
    assert_eq!(batch.state(), BatchState::Running);

    batch.count(&third, &fourth);
    assert_eq!(
        (batch.completed, batch.failed, batch.in_progress()),
        (1, 1, 0)
    );
    assert!(batch.open.is_empty());
}

#[test]
fn of_two_results_of_a_line_the_later_one_stays() {
    let ours = chunk(&[LineResult::Waiting, ended(true), admitted()]);
    let theirs = chunk(&[admitted(), admitted(), LineResult::Waiting]);

    let merged = ours.merged(&theirs);

    assert_eq!(merged, chunk(&[admitted(), ended(true), admitted()]));
    assert_eq!(theirs.merged(&ours), merged);
}

#[test]
fn a_batch_says_since_when_it_waits_for_one_thing() {
    let mut batch = batch(1);
    let (money, places) = ("insufficient_funds", "too_many_tasks");
    let error = |code| Error::new(Kind::Busy, code, "no");
    let since = |batch: &Batch| {
        batch
            .waiting
            .as_ref()
            .map(|it| (it.code.clone(), it.since.0))
    };

    batch.waits_for(Some(&error(money)), Timestamp(5));
    batch.waits_for(Some(&error(money)), Timestamp(9));
    assert_eq!(since(&batch), Some((money.to_owned(), 5)));
    batch.waits_for(Some(&error(places)), Timestamp(11));
    assert_eq!(since(&batch), Some((places.to_owned(), 11)));
    batch.waits_for(None, Timestamp(12));
    assert_eq!(batch.waiting, None);
}

#[test]
fn a_line_is_a_task_s_body_and_what_is_wrong_with_it_is_named() {
    let line = r#"{"model":"a/b","input":{"x":1},"idempotency_key":"k","reference":"r"}"#;
    let request = LineRequest::parse(line.as_bytes()).unwrap();
    assert_eq!(request.reference.as_deref(), Some("r"));
    assert_eq!(request.key.unwrap().as_str(), "k");

    for (line, field) in [
        (r#"{"model":"a","input":{}}"#, Some("model")),
        (
            r#"{"model":"a/b","input":{},"idempotency_key":""}"#,
            Some("idempotency_key"),
        ),
        (
            r#"{"model":"a/b","input":{},"reference":""}"#,
            Some("reference"),
        ),
        (
            r#"{"model":"a/b","input":{},"callback_url":"x"}"#,
            Some("callback_url"),
        ),
        ("{", None),
    ] {
        let error = LineRequest::parse(line.as_bytes()).unwrap_err();
        assert_eq!(error.field.as_deref(), field, "{line}: {error:?}");
    }
}

#[test]
fn a_reference_that_was_erased_does_not_come_back_with_a_later_result() {
    let mut named = chunk(&[ended(true), refused(), LineResult::Waiting]);
    for line in &mut named.lines {
        line.reference = Some("Jane Roe".to_owned());
    }
    let task = TaskId::parse(&"a".repeat(32)).unwrap();

    let of_task = named.without_reference_to(&task);
    let merged = chunk(&[admitted(), refused(), LineResult::Waiting]).merged(&named);

    let references = |chunk: &BatchChunk| {
        let lines = chunk.lines.iter();
        lines.map(|it| it.reference.is_some()).collect::<Vec<_>>()
    };
    assert_eq!(references(&of_task), [false, true, true]);
    assert_eq!(references(&named.erased()), [false, false, false]);
    assert_eq!(references(&merged), [false, false, false]);
    assert_eq!(merged.lines[0].result, ended(true));
}
