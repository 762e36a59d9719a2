//! Tasks with several outputs, only some of which get into the bucket.

use super::*;
use crate::base::id::{ModelId, TaskId, TenantId};
use crate::base::time::Timestamp;
use crate::domain::money::{MicroUsd, Settlement};

const NOW: Timestamp = Timestamp(5_000);

/// Archiving three outputs out of four requested.
fn archiving() -> Task {
    let new = NewTask {
        tenant: TenantId::parse("acme").unwrap(),
        id: TaskId::parse(&"0".repeat(32)).unwrap(),
        model: ModelId::parse("a/b").unwrap(),
        price: MicroUsd(80_000),
        cost: MicroUsd(60_000),
        outputs_asked: 4,
        makes: None,
        callback: None,
        metadata: crate::base::labels::Labels::default(),
    };
    let task = Task::admitted(new, Timestamp(1_000));
    Task {
        version: 5,
        state: State::Archiving,
        since: Timestamp(2_000),
        sources: links("old"),
        ..task
    }
}

fn links(word: &str) -> Vec<String> {
    (0..3)
        .map(|n| format!("https://cdn.example/{word}/{n}"))
        .collect()
}

fn copy(n: usize) -> Copied {
    let (bucket, sha256, content_type) = ("b".to_owned(), "00".to_owned(), "image/png".to_owned());
    Copied {
        n,
        output: Output {
            bucket,
            key: format!("{n}.png"),
            sha256,
            bytes: 1,
            content_type,
            ..Output::default()
        },
    }
}

fn after(task: &Task, signal: Signal) -> Change {
    transition(task, signal, NOW).unwrap()
}

fn abandon() -> Signal {
    let fault = Failure::new(5000, "bucket_denied", "allow s3:PutObject");
    Signal::ArchiveAbandoned {
        fault,
        expires_at: Timestamp(9_000),
    }
}

/// Completed with the second output in the bucket, and links for the first and the third.
fn unarchived() -> Task {
    let some = after(
        &archiving(),
        Signal::Copied {
            copies: vec![copy(1)],
        },
    )
    .task;
    after(&some, abandon()).task
}

fn keys(task: &Task) -> Vec<String> {
    task.outputs
        .iter()
        .map(|output| output.key.clone())
        .collect()
}

#[test]
fn what_the_provider_made_is_charged_by_its_share_and_what_was_copied_is_kept() {
    let some = after(
        &archiving(),
        Signal::Copied {
            copies: vec![copy(1)],
        },
    )
    .task;
    let Change {
        task, money, steps, ..
    } = after(&some, abandon());

    assert_eq!(
        money,
        Some(Settlement {
            capture: MicroUsd(60_000),
            release: MicroUsd(20_000)
        })
    );
    assert_eq!(
        (task.state, task.charged),
        (State::Completed, MicroUsd(60_000))
    );
    assert_eq!(keys(&task), ["1.png"]);
    assert_eq!(
        task.to_copy(),
        [
            (0, "https://cdn.example/old/0"),
            (2, "https://cdn.example/old/2")
        ]
    );
    assert!(task.sources.is_empty() && task.copied.is_empty());
    let detail = steps[0].detail.as_deref().unwrap();
    assert!(
        detail.contains("bucket_denied: allow s3:PutObject; 2 of 3 outputs left at the provider"),
        "{detail}"
    );
    assert!(!detail.contains("cdn.example"), "{detail}");
}

#[test]
fn copies_that_come_later_take_their_places_without_money() {
    let one = after(
        &unarchived(),
        Signal::Copied {
            copies: vec![copy(2)],
        },
    );
    let again = after(
        &one.task,
        Signal::Copied {
            copies: vec![copy(2)],
        },
    );
    let all = after(
        &one.task,
        Signal::Copied {
            copies: vec![copy(0)],
        },
    );

    assert_eq!(
        (keys(&one.task), one.task.links().len()),
        (vec!["1.png".to_owned(), "2.png".to_owned()], 1)
    );
    assert!(again.is_duplicate());
    assert_eq!(keys(&all.task), ["0.png", "1.png", "2.png"]);
    assert_eq!((one.money, all.money), (None, None));
    let unarchived = all.task.unarchived.as_ref().unwrap();
    assert!(
        unarchived.links.is_empty() && unarchived.reason == "bucket_denied",
        "it tells how the task was charged"
    );
}

#[test]
fn a_copy_that_ends_after_its_task_was_completed_without_it_is_kept() {
    let outputs = (0..3).map(|n| copy(n).output).collect();

    let late = after(&unarchived(), Signal::Archived { outputs });

    assert_eq!(keys(&late.task), ["0.png", "1.png", "2.png"]);
    assert_eq!(late.money, None);
}

#[test]
fn of_several_who_ask_for_a_copy_at_once_one_begins_it() {
    let first = after(
        &unarchived(),
        Signal::ArchiveAsked {
            last_asked_at: None,
        },
    );
    let second = after(
        &first.task,
        Signal::ArchiveAsked {
            last_asked_at: None,
        },
    );
    let later = after(
        &first.task,
        Signal::ArchiveAsked {
            last_asked_at: Some(NOW),
        },
    );

    assert_eq!(
        first
            .jobs
            .iter()
            .map(|delayed| delayed.job.lane())
            .collect::<Vec<_>>(),
        [Lane::Archive]
    );
    assert!(second.is_duplicate());
    assert!(!later.is_duplicate());
}

#[test]
fn fresh_links_take_the_places_of_those_that_failed() {
    let failed = |again| Signal::LinksFailed {
        again,
        reason: "404".to_owned(),
    };
    let fresh = || Signal::Refreshed {
        sources: links("fresh"),
    };
    for task in [archiving(), unarchived()] {
        let (moment, left) = (task.since, task.to_copy().len());

        let waiting = after(&task, failed(false)).task;
        let refreshed = after(&waiting, fresh());
        let again = after(&refreshed.task, failed(true)).task;
        let anew = after(&refreshed.task, failed(false)).task;

        assert!(waiting.waits_for_links() && !refreshed.task.waits_for_links());
        assert_eq!(refreshed.task.to_copy().len(), left);
        assert!(
            refreshed
                .task
                .to_copy()
                .iter()
                .all(|(_, url)| url.contains("/fresh/"))
        );
        assert_eq!(refreshed.jobs[0].job.lane(), Lane::Archive);
        assert_eq!(
            (again.stale.unwrap().asks, anew.stale.unwrap().asks),
            (2, 1)
        );
        assert_eq!(refreshed.task.since, moment);
    }
}

#[test]
fn another_number_of_links_is_no_answer() {
    let waiting = after(
        &archiving(),
        Signal::LinksFailed {
            again: false,
            reason: "404".to_owned(),
        },
    )
    .task;

    let fewer = transition(
        &waiting,
        Signal::Refreshed {
            sources: links("fresh")[..2].to_vec(),
        },
        NOW,
    );

    assert_eq!(fewer.unwrap_err().rejection, Rejection::NotNow);
}

#[test]
fn outputs_that_are_gone_end_the_task_or_its_links() {
    let gone = || Signal::OutputsGone(Failure::new(5000, "output_gone", "text"));

    let failed = after(&archiving(), gone());
    let completed = after(&unarchived(), gone());

    assert_eq!(
        (failed.task.state, failed.money),
        (State::Failed, Some(Settlement::release(MicroUsd(80_000))))
    );
    assert!(failed.task.sources.is_empty());
    assert_eq!(
        (completed.task.state, completed.money),
        (State::Completed, None)
    );
    assert_eq!(completed.task.unarchived.unwrap().expires_at, NOW);
}
