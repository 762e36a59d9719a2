//! `TaskStore`: what happens to the outputs of a task is stored with it.

use fluxgate_core::money::{Account, EntryKind};
use fluxgate_core::task::{Copied, Failure, Signal, State, transition};

use super::{PRICE, Stores, now, output};

/// Each change of the outputs in its possible order; the task is read back after each.
pub async fn what_becomes_of_outputs_is_read_back_and_settles_once(stores: Stores) {
    let tenant = stores.funded(1).await;
    let mut task = stores.archiving(&tenant).await;
    let fault = Failure::new(5000, "bucket_denied", "allow s3:PutObject");
    let fresh = || Signal::Refreshed {
        sources: vec!["https://cdn.example/fresh.png".to_owned()],
    };
    let failed = || Signal::LinksFailed {
        again: false,
        reason: "output_gone: 404".to_owned(),
    };
    let abandoned = Signal::ArchiveAbandoned {
        fault,
        expires_at: now().plus_ms(604_800_000),
    };
    let copies = vec![Copied {
        n: 0,
        output: output(),
    }];
    let asked = Signal::ArchiveAsked {
        last_asked_at: None,
    };
    for signal in [
        failed(),
        fresh(),
        abandoned,
        asked,
        failed(),
        fresh(),
        Signal::Copied { copies },
    ] {
        task = stores.signal(&task, signal).await;
        assert_eq!(stores.tasks.get(&tenant, &task.id).await.unwrap(), task);
        assert_eq!(
            stores.tasks.list(&tenant, None, 1).await.unwrap(),
            std::slice::from_ref(&task)
        );
    }

    assert_eq!(
        (task.state, task.outputs.len(), task.links().len()),
        (State::Completed, 1, 0)
    );
    let account = stores.accounts.account(&tenant).await.unwrap();
    assert_eq!(
        account,
        Account {
            captured: PRICE,
            ..Account::default()
        }
    );
    let ledger = stores.accounts.ledger(&tenant).await.unwrap();
    let captures: Vec<_> = ledger
        .iter()
        .filter(|entry| entry.kind == EntryKind::Capture)
        .collect();
    assert_eq!(
        (captures.len(), captures[0].amount, captures[0].at),
        (1, PRICE, task.since)
    );
}

pub async fn of_several_outputs_those_that_are_copied_are_read_back(stores: Stores) {
    let tenant = stores.funded(1).await;
    let task = stores.archiving(&tenant).await;
    let mut change = transition(
        &task,
        Signal::LinksFailed {
            again: false,
            reason: "404".to_owned(),
        },
        now(),
    )
    .unwrap();
    change.task.sources = ["a", "b", "c"]
        .map(|name| format!("https://cdn.example/{name}.png"))
        .into();
    stores.tasks.apply(&change).await.unwrap();

    let half = stores
        .signal(
            &change.task,
            Signal::Copied {
                copies: vec![Copied {
                    n: 1,
                    output: output(),
                }],
            },
        )
        .await;
    let read = stores.tasks.get(&tenant, &task.id).await.unwrap();

    assert_eq!(read, half);
    assert_eq!(
        read.to_copy(),
        [
            (0, "https://cdn.example/a.png"),
            (2, "https://cdn.example/c.png")
        ]
    );
}
