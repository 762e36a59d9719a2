//! `Queue`: delays, leases, redelivery, dead letters.

use fluxgate_core::id::{DeliveryId, TenantId};
use fluxgate_core::port::Lease;
use fluxgate_core::task::{Delayed, Job, Lane};

use super::{Stores, fresh_task_id, fresh_tenant};
use crate::eventually;

/// Long enough that no lease of a passing test runs out.
const LEASE_MS: u64 = 60_000;

pub(super) fn archive(tenant: &TenantId) -> Job {
    Job::Archive {
        tenant: tenant.clone(),
        task: fresh_task_id(),
    }
}

pub(super) async fn send(stores: &Stores, job: &Job, after_ms: u64) {
    stores
        .queue
        .send(&[Delayed {
            job: job.clone(),
            after_ms,
        }])
        .await
        .unwrap();
}

/// The next jobs of one tenant. What belongs to others on a shared queue is put back.
pub(super) async fn receive_of(stores: &Stores, lane: Lane, tenant: &TenantId) -> Vec<Lease> {
    eventually("a job of the tenant", || async {
        let mine = receive_once(stores, lane, tenant, LEASE_MS).await;
        (!mine.is_empty()).then_some(mine)
    })
    .await
}

pub(super) async fn receive_once(
    stores: &Stores,
    lane: Lane,
    tenant: &TenantId,
    lease_ms: u64,
) -> Vec<Lease> {
    let (mine, others): (Vec<Lease>, Vec<Lease>) = stores
        .queue
        .receive(lane, 10, lease_ms)
        .await
        .unwrap()
        .into_iter()
        .partition(|lease| lease.job.tenant() == tenant);
    for other in others {
        stores.queue.again(&other, &other.job, 0).await.unwrap();
    }
    mine
}

/// Whether or not the adapter can do anything about it.
pub async fn a_hastened_job_comes_once_and_one_that_is_gone_does_not(stores: Stores) {
    let tenant = fresh_tenant();
    let (job, gone) = (archive(&tenant), archive(&tenant));
    send(&stores, &job, 1_000).await;

    stores.queue.hasten(&job);
    stores.queue.hasten(&gone);

    let received = receive_of(&stores, Lane::Archive, &tenant).await;
    let jobs: Vec<_> = received.iter().map(|lease| lease.job.clone()).collect();
    assert_eq!(jobs, [job]);
    stores.queue.ack(&received[0]).await.unwrap();
    assert!(none_of(&stores, Lane::Archive, &tenant).await);
}

/// Whether or not the adapter keeps jobs for later apart.
pub async fn a_job_sent_again_for_sooner_comes_soon(stores: Stores) {
    let tenant = fresh_tenant();
    let job = archive(&tenant);
    send(&stores, &job, 600_000).await;

    send(&stores, &job, 0).await;

    let received = receive_of(&stores, Lane::Archive, &tenant).await;
    assert_eq!((received.len(), &received[0].job), (1, &job));
    stores.queue.ack(&received[0]).await.unwrap();
}

/// True when a few looks, each waiting as long as the adapter does, find nothing.
pub(super) async fn none_of(stores: &Stores, lane: Lane, tenant: &TenantId) -> bool {
    for _ in 0..2 {
        if !receive_once(stores, lane, tenant, LEASE_MS)
            .await
            .is_empty()
        {
            return false;
        }
    }
    true
}

pub async fn a_job_is_received_by_one_receiver_and_gone_when_done(stores: Stores) {
    let tenant = fresh_tenant();
    let job = archive(&tenant);
    send(&stores, &job, 0).await;

    let leases = receive_of(&stores, Lane::Archive, &tenant).await;
    assert_eq!(
        (leases.len(), &leases[0].job, leases[0].failures),
        (1, &job, 0)
    );
    assert!(none_of(&stores, Lane::Archive, &tenant).await);
    stores.queue.ack(&leases[0]).await.unwrap();
    stores.queue.ack(&leases[0]).await.unwrap();

    assert!(none_of(&stores, Lane::Archive, &tenant).await);
}

pub async fn a_delayed_job_is_not_received_before_its_time(stores: Stores) {
    let tenant = fresh_tenant();
    let sent = super::now();
    send(&stores, &archive(&tenant), 1_500).await;

    receive_of(&stores, Lane::Archive, &tenant).await;

    assert!(super::now().since_ms(sent) >= 1_500);
}

pub async fn a_job_whose_lease_runs_out_is_received_again(stores: Stores) {
    let tenant = fresh_tenant();
    let job = archive(&tenant);
    send(&stores, &job, 0).await;
    let first = eventually("the job", || async {
        receive_once(&stores, Lane::Archive, &tenant, 1_000)
            .await
            .into_iter()
            .next()
    })
    .await;

    let second = receive_of(&stores, Lane::Archive, &tenant).await;

    assert_eq!(second[0].job, job);
    stores.queue.ack(&first).await.unwrap();
    stores.queue.ack(&second[0]).await.unwrap();
    assert!(none_of(&stores, Lane::Archive, &tenant).await);
}

pub async fn a_job_that_goes_on_comes_again_as_what_it_became(stores: Stores) {
    let tenant = stores.funded(1).await;
    // A watch goes on only while there is a task to watch.
    let task = stores.admitted(&tenant).await.id;
    let watch = |round| Job::Watch {
        tenant: tenant.clone(),
        task: task.clone(),
        round,
    };
    send(&stores, &watch(0), 0).await;

    let first = receive_of(&stores, Lane::Watch, &tenant).await;
    stores.queue.again(&first[0], &watch(1), 0).await.unwrap();
    let second = receive_of(&stores, Lane::Watch, &tenant).await;

    assert_eq!(
        (second.len(), &second[0].job, second[0].failures),
        (1, &watch(1), 0)
    );
    stores.queue.ack(&second[0]).await.unwrap();
}

pub async fn a_job_that_fails_too_often_becomes_a_dead_letter_with_its_reason(stores: Stores) {
    let tenant = fresh_tenant();
    let job = archive(&tenant);
    send(&stores, &job, 0).await;

    for failures in 0..3 {
        let leases = receive_of(&stores, Lane::Archive, &tenant).await;
        assert_eq!(leases[0].failures, failures);
        stores
            .queue
            .fail(&leases[0], 0, "the bucket is gone", 3)
            .await
            .unwrap();
    }

    assert!(none_of(&stores, Lane::Archive, &tenant).await);
    let dead = stores.queue.dead_letters(Lane::Archive).await.unwrap();
    let dead = dead
        .iter()
        .find(|letter| letter.job.as_ref() == Some(&job))
        .expect("a dead letter");
    assert_eq!(dead.reason, "the bucket is gone");
}

/// Every job of the tenant that can be received at once.
async fn all_in_hand(stores: &Stores, tenant: &TenantId) -> Vec<Lease> {
    let mut all = Vec::new();
    loop {
        let more = receive_once(stores, Lane::Notify, tenant, LEASE_MS).await;
        if more.is_empty() {
            return all;
        }
        all.extend(more);
    }
}

pub async fn a_tenant_with_many_jobs_in_hand_does_not_stand_in_another_s_way(stores: Stores) {
    let (many, one) = (fresh_tenant(), fresh_tenant());
    let deliver = |tenant: &TenantId| Job::Deliver {
        tenant: tenant.clone(),
        delivery: DeliveryId::of(&fresh_task_id(), 0),
        round: 0,
    };
    for _ in 0..300 {
        send(&stores, &deliver(&many), 0).await;
    }

    let in_hand = all_in_hand(&stores, &many).await;
    send(&stores, &deliver(&one), 0).await;

    assert!(
        in_hand.len() < 300,
        "one tenant received all its jobs at once"
    );
    assert_eq!(receive_of(&stores, Lane::Notify, &one).await.len(), 1);
    let mut done = in_hand.len();
    for lease in &in_hand {
        stores.queue.ack(lease).await.unwrap();
    }
    while done < 300 {
        for lease in receive_of(&stores, Lane::Notify, &many).await {
            stores.queue.ack(&lease).await.unwrap();
            done += 1;
        }
    }
}

/// Receives jobs of these tenants and settles none, until nothing more comes.
async fn hold_all_there_is(stores: &Stores, lane: Lane, tenants: &[TenantId]) -> usize {
    let mut held = 0;
    loop {
        let leases = stores.queue.receive(lane, 10, LEASE_MS).await.unwrap();
        assert!(
            leases
                .iter()
                .all(|lease| tenants.contains(lease.job.tenant())),
            "a job of another tenant"
        );
        if leases.is_empty() {
            return held;
        }
        held += leases.len();
    }
}

pub async fn tenants_that_settle_nothing_leave_room_for_another_in_every_lane(stores: Stores) {
    let many: Vec<TenantId> = (0..8).map(|_| fresh_tenant()).collect();
    for (lane, each) in [(Lane::Watch, 20), (Lane::Archive, 20), (Lane::Notify, 40)] {
        let job = |tenant: &TenantId| match lane {
            Lane::Watch => Job::Wake {
                tenant: tenant.clone(),
                task: fresh_task_id(),
                version: 1,
                round: 0,
            },
            Lane::Archive => archive(tenant),
            Lane::Notify => Job::Deliver {
                tenant: tenant.clone(),
                delivery: DeliveryId::of(&fresh_task_id(), 0),
                round: 0,
            },
        };
        let jobs = many
            .iter()
            .flat_map(|tenant| std::iter::repeat_n(tenant, each));
        let jobs: Vec<Delayed> = jobs
            .map(|tenant| Delayed {
                job: job(tenant),
                after_ms: 0,
            })
            .collect();
        stores.queue.send(&jobs).await.unwrap();
        let held = hold_all_there_is(&stores, lane, &many).await;
        let one = fresh_tenant();

        send(&stores, &job(&one), 0).await;

        assert!(held >= 8, "each of the tenants has something in hand");
        let lease = receive_of(&stores, lane, &one).await;
        assert_eq!(lease.len(), 1, "in the lane {}", lane.as_str());
        stores.queue.ack(&lease[0]).await.unwrap();
    }
}

/// A task may send its copy job again while the older copy job is still being settled, as after a
/// link was refreshed.
pub async fn a_job_sent_again_while_its_older_self_is_settled_comes_again(stores: Stores) {
    let tenant = fresh_tenant();
    let job = archive(&tenant);
    // Keeps the store busy, so that the next two writes share one commit.
    let another = archive(&fresh_tenant());
    send(&stores, &job, 0).await;
    for _ in 0..20 {
        let lease = receive_of(&stores, Lane::Archive, &tenant)
            .await
            .pop()
            .unwrap();

        let ((), (), acked) = tokio::join!(
            send(&stores, &another, 600_000),
            send(&stores, &job, 0),
            stores.queue.ack(&lease)
        );

        acked.unwrap();
        assert_eq!(lease.job, job);
    }
}

/// Sending a job again replaces it. The replaced job must not use up a turn in the queue.
pub async fn jobs_sent_again_while_their_tenant_s_share_is_in_hand_all_come(stores: Stores) {
    let tenant = fresh_tenant();
    let deliver = |_| Job::Deliver {
        tenant: tenant.clone(),
        delivery: DeliveryId::of(&fresh_task_id(), 0),
        round: 0,
    };
    let jobs: Vec<Job> = (0..200).map(deliver).collect();
    for job in &jobs {
        send(&stores, job, 0).await;
    }
    let in_hand = all_in_hand(&stores, &tenant).await;
    let mut left: Vec<&Job> = jobs
        .iter()
        .filter(|job| !in_hand.iter().any(|lease| lease.job == **job))
        .collect();

    for job in &left {
        send(&stores, job, 0).await;
    }
    assert!(none_of(&stores, Lane::Notify, &tenant).await);
    for lease in &in_hand {
        stores.queue.ack(lease).await.unwrap();
    }

    while !left.is_empty() {
        for lease in receive_of(&stores, Lane::Notify, &tenant).await {
            left.retain(|job| **job != lease.job);
            stores.queue.ack(&lease).await.unwrap();
        }
    }
}

pub async fn the_lanes_are_apart(stores: Stores) {
    let tenant = fresh_tenant();
    send(&stores, &archive(&tenant), 0).await;

    assert!(none_of(&stores, Lane::Notify, &tenant).await);
    let leases = receive_of(&stores, Lane::Archive, &tenant).await;
    stores.queue.ack(&leases[0]).await.unwrap();
}
