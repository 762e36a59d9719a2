//! `Queue`: what the operator does about dead letters.

use std::collections::BTreeSet;

use fluxgate_core::port::DeadLetter;
use fluxgate_core::task::{Job, Lane};

use super::queue::{archive, none_of, receive_of, send};
use super::{Stores, fresh_tenant, now};

/// A dead letter of this job; `None` once it is gone.
async fn dead_letter_of(stores: &Stores, job: &Job) -> Option<DeadLetter> {
    let letters = stores.queue.dead_letters(job.lane()).await.unwrap();
    letters
        .into_iter()
        .find(|letter| letter.job.as_ref() == Some(job))
}

pub async fn letters_that_are_redriven_are_received_again_and_those_that_are_deleted_are_gone(
    stores: Stores,
) {
    let (one, other) = (fresh_tenant(), fresh_tenant());
    let begun = now();
    let mut letters = Vec::new();
    for tenant in [&one, &other] {
        let job = archive(tenant);
        send(&stores, &job, 0).await;
        let lease = receive_of(&stores, Lane::Archive, tenant).await.remove(0);
        stores.queue.fail(&lease, 0, "no bucket", 1).await.unwrap();
        letters.push(dead_letter_of(&stores, &job).await.unwrap());
    }
    let ids = |letter: &DeadLetter| BTreeSet::from([letter.id.clone()]);
    let unknown = BTreeSet::from(["0".to_owned()]);
    let queue = &stores.queue;

    let sent = queue.redrive(Lane::Archive, &ids(&letters[0])).await;
    let gone = queue
        .delete_dead_letters(Lane::Archive, &ids(&letters[1]))
        .await;
    let nothing = queue.redrive(Lane::Archive, &unknown).await;

    assert!(letters[0].at.unwrap().0 >= begun.0 - 60_000);
    assert_eq!(sent.unwrap(), ids(&letters[0]));
    assert_eq!(gone.unwrap(), ids(&letters[1]));
    assert_eq!(nothing.unwrap(), BTreeSet::new());
    let again = receive_of(&stores, Lane::Archive, &one).await.remove(0);
    assert_eq!(Some(again.job), letters[0].job);
    assert_eq!(again.failures, 0);
    for letter in &letters {
        let job = letter.job.as_ref().unwrap();
        assert_eq!(dead_letter_of(&stores, job).await, None);
    }
    assert!(none_of(&stores, Lane::Archive, &other).await);
}
