//! The codec of a task's item in both directions, and the item's size at the end of an ordinary
//! run.

use aws_sdk_dynamodb::types::AttributeValue;
use fluxgate_core::id::{DeliveryId, EndpointId, ModelId, RunId, TaskId, TenantId};
use fluxgate_core::media::MediaKind;
use fluxgate_core::money::MicroUsd;
use fluxgate_core::seal::StoredText;
use fluxgate_core::task::{
    Copied, Deleted, Doubt, Failure, InputUpload, LeftOutput, NewTask, Output, ProviderLink,
    StaleLinks, State, Step, Task, Unarchived, Via,
};
use fluxgate_core::time::Timestamp;
use fluxgate_core::trace_context::TraceContext;
use fluxgate_core::webhook::{EventType, Target};

use super::attribute::{Item, bytes, item_bytes, number, text};
use super::key::Key;
use super::task_item::{self, HOT_BYTES_MAX};
use super::transact::CallMark;
use super::{delivery_item, step_item};

const NOW: Timestamp = Timestamp(1_787_618_961_479);

fn minimal() -> Task {
    let new = NewTask {
        tenant: TenantId::parse("a-tenant-with-a-rather-long-id").unwrap(),
        id: TaskId::parse(&"0198dd0c7e8f7a3b9c2d1e0f4a5b6c7d"[..32]).unwrap(),
        model: ModelId::parse("wavespeed-ai/flux-kontext-max").unwrap(),
        price: MicroUsd(80_000),
        cost: MicroUsd(60_000),
        outputs_asked: 1,
        makes: Some(MediaKind::Picture),
        callback: None,
        metadata: fluxgate_core::labels::Labels::default(),
    };
    Task {
        version: 1,
        ..Task::admitted(new, NOW)
    }
}

fn output(task: &Task) -> Output {
    Output {
        bucket: "a-bucket-with-a-rather-long-nam".to_owned(),
        key: format!("pictures/2026/08/25/{}/0.png", task.id),
        sha256: "5f".repeat(32),
        bytes: 1_234_567,
        content_type: "image/png".to_owned(),
        ..Output::default()
    }
}

fn completed() -> Task {
    let task = minimal();
    Task {
        version: 5,
        state: State::Completed,
        since: NOW.plus_ms(9_876),
        submits: 1,
        run: Some(RunId::parse(&"9".repeat(32)).unwrap()),
        outputs: vec![output(&task)],
        nsfw: vec![false],
        inference_ms: Some(7_345),
        completed_by: Some(Via::Webhook),
        ..task
    }
}

fn full() -> Task {
    Task {
        sources: vec!["https://cdn.example/1.png".to_owned(), String::new()],
        outputs: vec![
            output(&minimal()),
            Output {
                sha256: "odd".to_owned(),
                ..output(&minimal())
            },
        ],
        nsfw: vec![true, false],
        uploads: vec![InputUpload {
            field: "image".to_owned(),
            url: "https://cdn.example/0.png".to_owned(),
        }],
        doubt: Some(Doubt {
            begun: NOW,
            ahead_ms: Some(-90_000),
            denials: 2,
            first: NOW.plus_ms(1),
            last: NOW.plus_ms(2),
        }),
        failure: Some(Failure::new(
            1402,
            "media",
            "the picture could not be fetched",
        )),
        callback: Some(StoredText::Sealed(vec![0, 255, 7])),
        trace: TraceContext::read(
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            Some("a=b"),
        ),
        inline_outputs: true,
        ..completed()
    }
}

/// A task whose outputs are all outside the bucket.
fn unarchived() -> Task {
    let task = completed();
    let unarchived = Unarchived {
        reason: "bucket_denied".to_owned(),
        message: "allow s3:PutObject".to_owned(),
        links: vec![ProviderLink {
            n: 1,
            url: "https://cdn.example/1.png?sig=a".to_owned(),
        }],
        expires_at: NOW.plus_ms(604_800_000),
        asked_at: Some(NOW),
    };
    Task {
        unarchived: Some(unarchived),
        ..task
    }
}

/// With one of two outputs in the bucket, and links that failed.
fn half_copied() -> Task {
    let task = minimal();
    Task {
        state: State::Archiving,
        sources: vec![
            "https://cdn.example/0.png".to_owned(),
            "https://cdn.example/1.png".to_owned(),
        ],
        copied: vec![Copied {
            n: 1,
            output: output(&task),
        }],
        stale: Some(StaleLinks {
            since: NOW,
            asks: 2,
            fresh_at: Some(NOW.plus_ms(5)),
        }),
        ..task
    }
}

/// With outputs that are left, and without.
fn deleted(left: usize) -> Task {
    let names = (0..left).map(|n| LeftOutput {
        bucket: format!("bucket-{n}"),
        key: format!("2026/11/28/{n}.png"),
    });
    Task {
        deleted: Some(Deleted {
            at: NOW,
            outputs_made: 2,
            left: names.collect(),
        }),
        ..minimal()
    }
}

fn stored(task: &Task) -> Item {
    let mut item = task_item::to_item(task, Vec::new()).unwrap();
    item.extend(Key::task(&task.tenant, &task.id).attributes());
    item
}

#[test]
fn a_task_comes_back_as_it_went() {
    let asked = half_copied().stale.map(|stale| StaleLinks {
        fresh_at: None,
        ..stale
    });
    let asking = Task {
        stale: asked,
        ..half_copied()
    };
    for task in [
        minimal(),
        completed(),
        full(),
        unarchived(),
        half_copied(),
        asking,
        deleted(0),
        deleted(2),
    ] {
        assert_eq!(
            task_item::from_item(&task.tenant, &stored(&task)).unwrap(),
            task
        );
    }
}

#[test]
fn attributes_of_a_later_release_are_ignored_and_a_missing_one_is_named() {
    let task = full();
    let mut item = stored(&task);
    item.insert("later".to_owned(), text("x"));
    assert_eq!(task_item::from_item(&task.tenant, &item).unwrap(), task);

    item.remove("since");
    let error = task_item::from_item(&task.tenant, &item).unwrap_err();

    assert_eq!(error.code, "row_unreadable");
    assert!(error.message.contains("'since'"), "{error}");
}

/// The timeline, the delivery and the inputs of an ordinary run.
fn ordinary() -> Item {
    let task = completed();
    let steps = [
        Step::new(NOW, "admitted").detail("$0.08 held"),
        Step::new(NOW, "submit_started"),
        Step::new(NOW, "accepted").via(Via::Submit),
        Step::new(NOW, "finished").via(Via::Webhook),
        Step::new(NOW, "archived"),
    ];
    let endpoint = Target::Endpoint(EndpointId::parse(&"e".repeat(32)).unwrap());
    let delivery = task.delivery(
        DeliveryId::of(&task.id, 0),
        EventType::TaskCompleted,
        endpoint,
        NOW,
    );
    let mut item = stored(&task);
    let lists = [
        (step_item::STEPS, step_item::to_attributes(&steps).unwrap()),
        (
            delivery_item::DELIVERIES,
            delivery_item::to_attributes(&[delivery]).unwrap(),
        ),
    ];
    item.extend(lists.map(|(name, list)| (name.to_owned(), AttributeValue::L(list))));
    item.insert("captured".to_owned(), number(80_000));
    item.insert("mark".to_owned(), bytes(CallMark::fresh().as_bytes()));
    item
}

/// The size of inputs that fit into the item of a new task.
fn inputs_held() -> usize {
    let task = minimal();
    let steps = step_item::to_attributes(&[
        Step::new(NOW, "admitted").detail("$0.08 held"),
        Step::new(NOW, "submit_started"),
    ]);
    let item = task_item::to_item(&task, steps.unwrap()).unwrap();
    let key = Key::task(&task.tenant, &task.id);
    (0..HOT_BYTES_MAX)
        .take_while(|length| {
            task_item::holds_inputs(&key, &item, &StoredText::Sealed(vec![0; *length]))
        })
        .count()
        - 1
}

#[test]
fn an_ordinary_task_with_its_whole_life_is_one_kilobyte() {
    let mut item = ordinary();

    item.insert("inputs".to_owned(), text("x".repeat(inputs_held())));

    assert!(inputs_held() >= 160, "{} bytes of inputs", inputs_held());
    assert!(
        item_bytes(&item) <= HOT_BYTES_MAX,
        "{} bytes",
        item_bytes(&item)
    );
}
