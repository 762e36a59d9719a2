//! Where inputs are stored on DynamoDB, and what the inputs of unpaid tasks cost.

use aws_sdk_dynamodb::types::AttributeValue;
use fluxgate_core::Kind;
use fluxgate_core::id::TenantId;
use fluxgate_core::port::TaskStore as _;
use fluxgate_core::task::{Admission, Failure, Signal};
use fluxgate_tests::aws_stores::TABLE;
use fluxgate_tests::contract::{admission, fresh_tenant};

use crate::dynamodb::Bed;

fn with_inputs(tenant: &TenantId, bytes: usize) -> Admission {
    Admission {
        inputs: format!("{{\"prompt\":\"{}\"}}", "é".repeat(bytes / 2)).into(),
        ..admission(tenant)
    }
}

/// Items that hold inputs, and tasks that do.
async fn inputs(bed: &Bed) -> (usize, usize) {
    let items = bed
        .ministack
        .aws()
        .dynamodb()
        .scan()
        .table_name(TABLE)
        .send()
        .await
        .unwrap()
        .items
        .unwrap();
    let starts = |value: &AttributeValue| value.as_s().is_ok_and(|pk| pk.starts_with("INPUTS#"));
    let apart = items
        .iter()
        .filter(|item| item.get("pk").is_some_and(starts))
        .count();
    (
        apart,
        items
            .iter()
            .filter(|item| item.contains_key("inputs"))
            .count(),
    )
}

#[tokio::test]
async fn inputs_too_large_for_their_task_s_item_lie_beside_it_and_small_ones_move_there_at_an_unpaid_end()
 {
    let bed = Bed::start().await;
    let tenant = bed.stores.funded(2).await;
    let (large, small) = (with_inputs(&tenant, 4_000), admission(&tenant));

    for admission in [large, small] {
        let inputs = admission.inputs.clone();
        let task = bed.stores.admit(admission).await.unwrap();
        assert_eq!(bed.store().inputs(&tenant, &task.id).await.unwrap(), inputs);

        bed.stores
            .signal(
                &task,
                Signal::SubmitRefused(Failure::new(1401, "refused", "text")),
            )
            .await;

        assert_eq!(bed.store().inputs(&tenant, &task.id).await.unwrap(), inputs);
    }
    assert_eq!(
        inputs(&bed).await,
        (2, 0),
        "those apart expire, for deleting costs as much as writing did"
    );
}

#[tokio::test]
async fn large_inputs_of_a_task_that_is_not_paid_for_are_not_written() {
    let bed = Bed::start().await;
    let tenant = fresh_tenant();

    let refused = bed
        .stores
        .admit(with_inputs(&tenant, 1_000_000))
        .await
        .unwrap_err();

    assert_eq!(refused.kind, Kind::InsufficientFunds);
    assert_eq!(inputs(&bed).await, (0, 0));
}
