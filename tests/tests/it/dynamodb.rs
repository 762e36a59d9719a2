//! What is DynamoDB's alone: answers that get lost, transactions that lose to others, the size of a
//! task's item, its layout.

use aws_sdk_dynamodb::types::AttributeValue;
use fluxgate_aws::dynamodb::{DynamoStore, OverTasksInTable, Table};
use fluxgate_aws::sqs::OverTasks as _;
use fluxgate_core::id::{DeliveryId, EndpointId, IdempotencyKey};
use fluxgate_core::money::{EntryKind, MicroUsd};
use fluxgate_core::port::{AccountStore as _, Admitted, DeliveryStore as _, TaskStore as _};
use fluxgate_core::task::{Change, Idempotency, Signal, State, Step, Task, Via, transition};
use fluxgate_core::webhook::{Attempt, Delivery, DeliveryState, EventType, Target};
use fluxgate_core::{Error, Kind};
use fluxgate_tests::aws_stores::TABLE;
use fluxgate_tests::contract::{PRICE, Stores, admission, archived, finished, fresh_run, now};
use fluxgate_tests::faulty_aws::{Fault, FaultyAws};
use fluxgate_tests::{AwsStores, Ministack};

/// One table, and a faulty way to it.
pub(super) struct Bed {
    pub(super) direct: AwsStores,
    pub(super) stores: Stores,
    pub(super) faulty: FaultyAws,
    pub(super) by_faulty: Stores,
    pub(super) ministack: Ministack,
}

impl Bed {
    pub(super) async fn start() -> Self {
        let ministack = Ministack::start().await;
        let direct = AwsStores::on(&ministack).await;
        let faulty = FaultyAws::before(&ministack).await;
        let by_faulty = direct.by_way_of(&faulty.aws).await.stores();
        Self {
            stores: direct.stores(),
            direct,
            faulty,
            by_faulty,
            ministack,
        }
    }

    pub(super) fn store(&self) -> &DynamoStore {
        &self.direct.store
    }

    pub(super) async fn put_raw(
        &self,
        item: impl IntoIterator<Item = (&'static str, AttributeValue)>,
    ) {
        let mut put = self.ministack.aws().dynamodb().put_item().table_name(TABLE);
        for (name, value) in item {
            put = put.item(name, value);
        }
        put.send().await.unwrap();
    }

    async fn open_again(&self) -> Result<DynamoStore, Error> {
        DynamoStore::open(
            self.ministack.aws().dynamodb(),
            TABLE,
            self.direct.queue.clone(),
        )
        .await
    }
}

fn key(text: &str) -> Option<Idempotency> {
    let key = IdempotencyKey::parse(text).unwrap();
    Some(Idempotency {
        key,
        request: [1; 32],
        expires_at: now().plus_ms(60_000),
    })
}

fn accepted(task: &Task) -> Change {
    transition(
        task,
        Signal::Accepted {
            run: fresh_run(),
            via: Via::Submit,
        },
        now(),
    )
    .unwrap()
}

#[tokio::test]
async fn an_admission_whose_answer_was_lost_is_done_once_and_told_as_new() {
    let bed = Bed::start().await;
    let tenant = bed.stores.funded(2).await;
    for idempotency in [None, key("k")] {
        let mut admission = admission(&tenant);
        admission.idempotency = idempotency;
        bed.faulty.next("TransactWriteItems", [Fault::AnswerLost]);

        assert!(matches!(
            bed.by_faulty.tasks.admit(admission).await.unwrap(),
            Admitted::New(_)
        ));

        assert_eq!(bed.faulty.left(), 0);
    }
    assert_eq!(
        bed.store().account(&tenant).await.unwrap().held,
        MicroUsd(PRICE.0 * 2)
    );
}

#[tokio::test]
async fn an_admission_that_comes_again_is_done_once_and_sent_no_more_when_its_task_has_moved_on() {
    let bed = Bed::start().await;
    let tenant = bed.stores.funded(2).await;
    let admission = admission(&tenant);

    assert!(matches!(
        bed.store().admit(admission.clone()).await.unwrap(),
        Admitted::New(_)
    ));
    assert!(matches!(
        bed.store().admit(admission.clone()).await.unwrap(),
        Admitted::New(_)
    ));
    let admitted = bed
        .stores
        .tasks
        .get(&tenant, &admission.task.id)
        .await
        .unwrap();
    let moved = bed
        .stores
        .signal(
            &admitted,
            Signal::SubmitAmbiguous {
                reason: "x".to_owned(),
            },
        )
        .await;
    let again = bed.store().admit(admission).await.unwrap();

    assert_eq!(again, Admitted::Existing(Box::new(moved)));
    assert_eq!(bed.store().account(&tenant).await.unwrap().held, PRICE);
}

#[tokio::test]
async fn a_change_whose_answer_was_lost_succeeds_and_is_written_once() {
    let bed = Bed::start().await;
    let tenant = bed.stores.funded(1).await;
    let task = bed.stores.admitted(&tenant).await;

    bed.faulty.next("PutItem", [Fault::AnswerLost]);
    bed.faulty.next("UpdateItem", [Fault::AnswerLost]);
    let task = bed.by_faulty.signal(&task, finished(fresh_run())).await;
    bed.faulty.next("TransactWriteItems", [Fault::AnswerLost]);
    let task = bed.by_faulty.signal(&task, archived()).await;

    assert_eq!(bed.faulty.left(), 0);
    assert_eq!(bed.stores.tasks.get(&tenant, &task.id).await.unwrap(), task);
    assert_eq!(
        bed.store().timeline(&tenant, &task.id).await.unwrap().len(),
        4
    );
    assert_eq!(bed.store().account(&tenant).await.unwrap().captured, PRICE);
}

/// Two pollers may want to write the same at the same moment, and only one of them may go on to
/// submit.
#[tokio::test]
async fn of_two_equal_changes_one_is_a_conflict() {
    let bed = Bed::start().await;
    let tenant = bed.stores.funded(1).await;
    let task = bed.stores.admitted(&tenant).await;
    let change = accepted(&task);

    bed.store().apply(&change).await.unwrap();
    let again = bed.store().apply(&change).await.unwrap_err();

    assert_eq!(
        (again.kind, again.code),
        (Kind::Conflict, "version_conflict")
    );
}

#[tokio::test]
async fn a_top_up_and_a_delivery_whose_answers_were_lost_are_written_once() {
    let bed = Bed::start().await;
    bed.faulty.next("TransactWriteItems", [Fault::AnswerLost]);
    let tenant = bed.by_faulty.funded(1).await;
    let task = bed.stores.archiving(&tenant).await;
    let delivery = delivered_to_two(&bed, &task).await.remove(0);

    bed.faulty.next("PutItem", [Fault::AnswerLost]);
    bed.by_faulty
        .deliveries
        .update(&delivery.moved(DeliveryState::Exhausted))
        .await
        .unwrap();

    assert_eq!(bed.faulty.left(), 0);
    assert_eq!(bed.store().account(&tenant).await.unwrap().total(), PRICE);
    let (written, _) = bed
        .stores
        .deliveries
        .get(&tenant, &delivery.id)
        .await
        .unwrap();
    assert_eq!(
        (written.version, written.state),
        (2, DeliveryState::Exhausted)
    );
}

#[tokio::test]
async fn who_loses_to_others_tries_again_but_not_for_ever() {
    let bed = Bed::start().await;
    let tenant = bed.stores.funded(2).await;
    let task = bed.stores.admitted(&tenant).await;

    bed.faulty.next("TransactWriteItems", [Fault::Conflict; 4]);
    bed.by_faulty.admitted(&tenant).await;
    bed.faulty.next("UpdateItem", [Fault::Conflict; 4]);
    bed.by_faulty
        .tasks
        .note(&tenant, &task.id, &Step::new(now(), "orphaned"))
        .await
        .unwrap();
    assert_eq!(bed.faulty.left(), 0);
    bed.faulty
        .next("TransactWriteItems", [Fault::Conflict; 100]);
    let error = bed
        .by_faulty
        .tasks
        .admit(admission(&tenant))
        .await
        .unwrap_err();

    assert_eq!((error.kind, error.code), (Kind::Unavailable, "contention"));
}

#[tokio::test]
async fn a_hundred_admissions_at_once_hold_exactly_what_there_is() {
    let bed = Bed::start().await;
    let tenant = bed.stores.funded(50).await;
    let attempts = (0..100).map(|_| {
        let (store, admission) = (bed.store().clone(), admission(&tenant));
        tokio::spawn(async move { store.admit(admission).await })
    });

    let mut admitted = 0;
    for attempt in attempts.collect::<Vec<_>>() {
        match attempt.await.unwrap() {
            Ok(_) => admitted += 1,
            Err(error) => assert_eq!(
                error.kind,
                Kind::InsufficientFunds,
                "{}",
                error.with_causes()
            ),
        }
    }

    let account = bed.store().account(&tenant).await.unwrap();
    assert_eq!(
        (admitted, account.held, account.available),
        (50, MicroUsd(PRICE.0 * 50), MicroUsd::ZERO)
    );
}

#[tokio::test]
async fn notes_that_come_while_a_task_changes_are_kept() {
    let bed = Bed::start().await;
    let tenant = bed.stores.funded(1).await;
    let task = bed.stores.admitted(&tenant).await;
    let notes = (0..20).map(|n| {
        let (store, task) = (bed.store().clone(), task.clone());
        tokio::spawn(async move {
            let step = Step::new(now(), "orphaned").detail(n.to_string());
            store.note(&task.tenant, &task.id, &step).await.unwrap();
        })
    });
    let notes: Vec<_> = notes.collect();

    let archiving = bed.stores.signal(&task, finished(fresh_run())).await;
    bed.stores.signal(&archiving, archived()).await;
    for note in notes {
        note.await.unwrap();
    }

    assert_eq!(
        bed.store().timeline(&tenant, &task.id).await.unwrap().len(),
        2 + 2 + 20
    );
    let nobody = bed
        .store()
        .note(
            &tenant,
            &fluxgate_tests::contract::fresh_task_id(),
            &Step::new(now(), "x"),
        )
        .await;
    assert_eq!(nobody.unwrap_err().kind, Kind::NotFound);
}

/// Completes a task with two deliveries, the second held.
async fn delivered_to_two(bed: &Bed, task: &Task) -> Vec<Delivery> {
    let endpoint = EndpointId::parse(&"e".repeat(32)).unwrap();
    let mut change = transition(task, archived(), now()).unwrap();
    let delivery = |n, target| {
        task.delivery(
            DeliveryId::of(&task.id, n),
            EventType::TaskCompleted,
            target,
            now(),
        )
    };
    change.deliver(delivery(0, Target::TaskCallback));
    change.deliveries.push(Delivery {
        state: DeliveryState::Held,
        ..delivery(1, Target::Endpoint(endpoint))
    });
    bed.store().apply(&change).await.unwrap();
    change.deliveries
}

#[tokio::test]
async fn a_delivery_lies_with_its_task_until_it_is_tried() {
    let bed = Bed::start().await;
    let tenant = bed.stores.funded(1).await;
    let task = bed.stores.archiving(&tenant).await;
    let deliveries = delivered_to_two(&bed, &task).await;
    let over = OverTasksInTable::new(Table::new(bed.ministack.aws().dynamodb(), TABLE));
    assert_eq!(bed.store().of_task(&task).await.unwrap(), deliveries);
    assert!(
        !over.is_over(&tenant, &task.id).await.unwrap(),
        "nobody has tried its first delivery"
    );

    let attempt = Attempt {
        at: now(),
        duration_ms: 3,
        status: Some(503),
        error: None,
    };
    let tried = deliveries[0].attempted(attempt, DeliveryState::Pending);
    bed.store().update(&tried).await.unwrap();

    assert_eq!(
        bed.store().of_task(&task).await.unwrap(),
        [tried, deliveries[1].clone()]
    );
    assert!(over.is_over(&tenant, &task.id).await.unwrap());
}

/// DynamoDB is most of what a task costs, and each of these is paid for by every task.
#[tokio::test]
async fn an_ordinary_task_with_one_delivery_costs_twelve_write_units_and_a_key_one_more() {
    let bed = Bed::start().await;
    let tenant = bed.stores.funded(2).await;
    for (idempotency, units) in [(None, 12), (key("k"), 13)] {
        let before = bed.faulty.write_units();
        let mut admission = admission(&tenant);
        admission.idempotency = idempotency;
        let run = fresh_run();

        let task = bed.by_faulty.admit(admission).await.unwrap();
        let submitted = Signal::Accepted {
            run: run.clone(),
            via: Via::Submit,
        };
        let task = bed.by_faulty.signal(&task, submitted).await;
        let task = bed.by_faulty.signal(&task, finished(run)).await;
        let mut change = transition(&task, archived(), now()).unwrap();
        let id = DeliveryId::of(&task.id, 0);
        change.deliver(task.delivery(
            id.clone(),
            EventType::TaskCompleted,
            Target::TaskCallback,
            now(),
        ));
        bed.by_faulty.tasks.apply(&change).await.unwrap();
        let (delivery, _) = bed.by_faulty.deliveries.get(&tenant, &id).await.unwrap();
        bed.by_faulty
            .deliveries
            .update(&delivery.moved(DeliveryState::Delivered))
            .await
            .unwrap();

        assert_eq!(bed.faulty.write_units() - before, units);
    }
}

#[tokio::test]
async fn a_run_that_is_only_likely_to_be_a_task_s_is_claimed_with_the_change_or_not_at_all() {
    let bed = Bed::start().await;
    let tenant = bed.stores.funded(2).await;
    let (first, second) = (
        bed.stores.admitted(&tenant).await,
        bed.stores.admitted(&tenant).await,
    );
    let run = fresh_run();
    let likely = |task| {
        transition(
            task,
            Signal::Accepted {
                run: run.clone(),
                via: Via::Resolve,
            },
            now(),
        )
        .unwrap()
    };
    bed.store()
        .note(&tenant, &first.id, &Step::new(now(), "x"))
        .await
        .unwrap();
    let outdated = bed
        .stores
        .signal(
            &first,
            Signal::SubmitAmbiguous {
                reason: "x".to_owned(),
            },
        )
        .await;

    let void = bed.store().apply(&likely(&first)).await.unwrap_err();
    assert_eq!(void.code, "version_conflict");
    assert!(
        bed.store()
            .claimed(std::slice::from_ref(&run))
            .await
            .unwrap()
            .is_empty()
    );
    bed.store().apply(&likely(&outdated)).await.unwrap();
    let other = bed.store().apply(&likely(&second)).await.unwrap_err();

    assert_eq!(other.code, "run_claimed");
    assert_eq!(
        bed.stores.tasks.get(&tenant, &second.id).await.unwrap(),
        second
    );
}

#[tokio::test]
async fn a_task_without_a_price_moves_no_money_and_needs_no_account() {
    let bed = Bed::start().await;
    let tenant = fluxgate_tests::contract::fresh_tenant();
    let mut free = admission(&tenant);
    free.task.price = MicroUsd::ZERO;
    let task = free.task.clone();

    assert!(matches!(
        bed.store().admit(free.clone()).await.unwrap(),
        Admitted::New(_)
    ));
    assert!(matches!(
        bed.store().admit(free).await.unwrap(),
        Admitted::New(_)
    ));
    let task = bed.stores.signal(&task, finished(fresh_run())).await;
    let task = bed.stores.signal(&task, archived()).await;

    assert_eq!(task.state, State::Completed);
    let ledger = bed.store().ledger(&tenant).await.unwrap();
    assert_eq!(
        ledger
            .iter()
            .map(|entry| (entry.kind, entry.amount))
            .collect::<Vec<_>>(),
        [(EntryKind::Hold, MicroUsd::ZERO)]
    );
}

#[tokio::test]
async fn an_account_does_not_overflow() {
    let bed = Bed::start().await;
    let tenant = bed.stores.funded(1).await;

    let error = bed
        .stores
        .top_up(&tenant, MicroUsd(i64::MAX), "all")
        .await
        .unwrap_err();

    assert_eq!((error.kind, error.code), (Kind::Invalid, "invalid_amount"));
    assert_eq!(bed.store().ledger(&tenant).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_ledger_and_a_list_of_many_pages_are_whole() {
    let bed = Bed::start().await;
    let tenant = bed.stores.funded(2).await;
    // Each item is 300 KB, and DynamoDB answers with 1 MB at most.
    for n in 0..8 {
        let sk = format!("TASK#{n:032x}");
        let item = [
            ("pk", AttributeValue::S(format!("T#{tenant}"))),
            ("sk", AttributeValue::S(sk)),
            ("version", AttributeValue::N("1".to_owned())),
            ("model", AttributeValue::S("a/b".to_owned())),
            ("state", AttributeValue::S("admitted".to_owned())),
            ("price", AttributeValue::N("0".to_owned())),
            ("submits", AttributeValue::N("0".to_owned())),
            ("created_at", AttributeValue::N(n.to_string())),
            ("since", AttributeValue::N(n.to_string())),
            ("steps", AttributeValue::L(Vec::new())),
            ("weight", AttributeValue::S("x".repeat(300_000))),
        ];
        bed.put_raw(item).await;
    }

    let tasks = bed.stores.tasks.list(&tenant, None, 100).await.unwrap();

    assert_eq!(tasks.len(), 8);
    assert_eq!(
        bed.stores
            .tasks
            .list(&tenant, Some(&tasks[2].id), 2)
            .await
            .unwrap(),
        tasks[3..5]
    );
    assert_eq!(bed.store().ledger(&tenant).await.unwrap().len(), 1 + 8);
}

#[tokio::test]
async fn a_table_of_another_schema_version_is_refused_and_a_missing_one_is_named() {
    let bed = Bed::start().await;
    bed.open_again().await.unwrap();
    let version = |version: &str| {
        let text = |text: &str| AttributeValue::S(text.to_owned());
        [
            ("pk", text("FLUXGATE")),
            ("sk", text("SCHEMA")),
            ("version", AttributeValue::N(version.to_owned())),
        ]
    };

    bed.put_raw(version("2")).await;
    let other = bed.open_again().await.unwrap_err();
    let queue = bed.direct.queue.clone();
    let missing = DynamoStore::open(bed.ministack.aws().dynamodb(), "nowhere", queue)
        .await
        .unwrap_err();

    assert_eq!(other.code, "schema_version");
    assert!(
        other.message.contains("version 2") && other.message.contains("knows 1"),
        "{other}"
    );
    assert_eq!(missing.code, "table_missing");
    assert!(missing.message.contains("'nowhere'"), "{missing}");
}

#[tokio::test]
async fn jobs_that_cannot_be_sent_do_not_undo_the_change() {
    let bed = Bed::start().await;
    let tenant = bed.stores.funded(1).await;
    let task = bed.stores.admitted(&tenant).await;
    let nowhere = bed.direct.without_queues(bed.ministack.aws());

    nowhere
        .apply(&transition(&task, finished(fresh_run()), now()).unwrap())
        .await
        .unwrap();
    let refused = nowhere.admit(admission(&tenant)).await.unwrap_err();

    assert_eq!(
        bed.stores.tasks.get(&tenant, &task.id).await.unwrap().state,
        State::Archiving
    );
    assert_eq!(
        bed.stores
            .tasks
            .list(&tenant, None, 10)
            .await
            .unwrap()
            .len(),
        1,
        "{refused}"
    );
}
