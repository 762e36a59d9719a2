//! What batches are stored like.

use std::collections::BTreeMap;

use fluxgate_core::batch::{Batch, BatchChunk, BatchLine, LineResult};
use fluxgate_core::id::{BatchId, IdempotencyKey, TenantId};
use fluxgate_core::port::{BatchCreated, Ids as _, SystemEntropy};
use fluxgate_core::seal::StoredText;
use fluxgate_core::{Kind, Reason, Result};
use tokio::task::JoinSet;

use super::{Stores, fresh_task_id, fresh_tenant, now};

const DAY_MS: u64 = 24 * 3_600 * 1_000;
const TEXTS: &str = "{\"one\":1}\n{\"two\":\"ü\"}\n";

pub(super) fn batch(tenant: &TenantId, key: Option<&str>) -> Batch {
    let created_at = now();
    Batch {
        tenant: tenant.clone(),
        id: SystemEntropy.batch_id(created_at),
        version: 1,
        created_at,
        kept_until: created_at.plus_ms(30 * DAY_MS),
        request: "5f".repeat(32),
        key: key.map(str::to_owned),
        by: None,
        lines: 2,
        admitted: 0,
        refused: 0,
        completed: 0,
        failed: 0,
        decided_to: 0,
        open: BTreeMap::from([(7, 2), (110, 1)]),
        waiting: None,
        admits_until: None,
        job: 1,
        cancelled_at: None,
        ended_at: None,
        erased: false,
    }
}

fn chunk(lines: [u32; 2]) -> BatchChunk {
    let line = |line| BatchLine {
        line,
        reference: Some(format!("line {line}")),
        result: LineResult::Waiting,
    };
    BatchChunk {
        lines: lines.map(line).to_vec(),
    }
}

pub(super) async fn put(stores: &Stores, batch: &Batch, lines: [u32; 2]) {
    let removed_at = Batch::removed_at(batch.kept_until);
    let (tenant, id, chunk) = (&batch.tenant, &batch.id, chunk(lines));
    let written = stores.store.batches();
    let texts = TEXTS.into();
    let written = written.put_lines(tenant, id, &chunk, &texts, removed_at);
    written.await.expect("the lines can be written");
}

/// A creation that may be one of many at once.
fn created(
    stores: &Stores,
    batch: Batch,
    unfinished_max: u32,
) -> impl Future<Output = Result<BatchCreated>> + use<> {
    let store = stores.store.clone();
    async move { store.batches().create_batch(&batch, unfinished_max).await }
}

pub(super) async fn create(stores: &Stores, batch: &Batch) -> BatchCreated {
    let created = stores.store.batches().create_batch(batch, 20).await;
    created.expect("there is room")
}

pub async fn a_batch_is_created_read_and_listed_newest_first(stores: Stores) {
    let (tenant, store) = (fresh_tenant(), stores.store.batches());
    let mut all: Vec<Batch> = (0..3).map(|_| batch(&tenant, None)).collect();
    all.sort_by(|one, other| other.id.cmp(&one.id));
    for batch in &all {
        assert_eq!(create(&stores, batch).await, BatchCreated::New);
    }

    assert_eq!(store.batch(&tenant, &all[1].id).await.unwrap(), all[1]);
    assert_eq!(
        store.list_batches(&tenant, None, 2).await.unwrap(),
        all[..2]
    );
    let rest = store.list_batches(&tenant, Some(&all[1].id), 2).await;
    assert_eq!(rest.unwrap(), all[2..]);
}

pub async fn another_tenant_s_batch_is_not_found(stores: Stores) {
    let (batch, stranger) = (batch(&fresh_tenant(), None), fresh_tenant());
    put(&stores, &batch, [1, 2]).await;
    create(&stores, &batch).await;
    let store = stores.store.batches();

    let error = store.batch(&stranger, &batch.id).await.unwrap_err();

    assert_eq!(error.kind, Kind::NotFound);
    assert_eq!(
        store.chunk_after(&stranger, &batch.id, 0).await.unwrap(),
        None
    );
    assert_eq!(store.texts(&stranger, &batch.id, 2).await.unwrap(), None);
    assert_eq!(store.list_batches(&stranger, None, 9).await.unwrap(), []);
}

pub async fn a_key_belongs_to_one_batch_of_its_tenant(stores: Stores) {
    let (tenant, store) = (fresh_tenant(), stores.store.batches());
    let key = IdempotencyKey::parse("monday").unwrap();
    let all: Vec<Batch> = (0..5).map(|_| batch(&tenant, Some("monday"))).collect();

    let created: JoinSet<_> = all
        .into_iter()
        .map(|batch| created(&stores, batch, 20))
        .collect();
    let created = created.join_all().await.into_iter().map(Result::unwrap);
    let created: Vec<BatchCreated> = created.collect();

    let known = store.batch_of_key(&tenant, &key).await.unwrap();
    let known = known.expect("one was created");
    let new = created.iter().filter(|it| **it == BatchCreated::New);
    assert_eq!(new.count(), 1);
    for created in created {
        let is_known = match created {
            BatchCreated::New => true,
            BatchCreated::Existing(batch) => *batch == known,
        };
        assert!(is_known);
    }
    let other = fresh_tenant();
    assert_eq!(store.batch_of_key(&other, &key).await.unwrap(), None);
    let theirs = batch(&other, Some("monday"));
    assert_eq!(create(&stores, &theirs).await, BatchCreated::New);
}

pub async fn of_many_creations_at_once_as_many_succeed_as_may_be_unfinished(stores: Stores) {
    let (tenant, store) = (fresh_tenant(), stores.store.batches());
    let all: Vec<Batch> = (0..8).map(|_| batch(&tenant, None)).collect();

    let created: JoinSet<_> = all
        .into_iter()
        .map(|batch| created(&stores, batch, 3))
        .collect();
    let created = created.join_all().await;

    let there = store.list_batches(&tenant, None, 9).await.unwrap();
    assert_eq!(there.len(), 3);
    for error in created.iter().filter_map(|created| created.as_ref().err()) {
        assert_eq!((error.kind, error.code), (Kind::Busy, "too_many_batches"));
    }
    let mut ended = there[0].clone();
    ended.version += 1;
    ended.ended_at = Some(now());
    store.update_batch(&ended, None).await.unwrap();
    let next = store.create_batch(&batch(&tenant, None), 3).await;
    assert_eq!(next.unwrap(), BatchCreated::New);
    let refused = store.create_batch(&batch(&tenant, None), 3).await;
    assert_eq!(refused.unwrap_err().code, "too_many_batches");
}

pub async fn the_lines_of_a_batch_are_read_in_order_until_they_are_decided(stores: Stores) {
    let (batch, store) = (batch(&fresh_tenant(), None), stores.store.batches());
    let (tenant, id) = (&batch.tenant, &batch.id);
    for lines in [[1, 2], [3, 7], [109, 110]] {
        put(&stores, &batch, lines).await;
    }
    create(&stores, &batch).await;
    let after = async |line| store.chunk_after(tenant, id, line).await.unwrap();

    for (line, lines) in [(0, [1, 2]), (1, [1, 2]), (2, [3, 7]), (7, [109, 110])] {
        assert_eq!(after(line).await, Some(chunk(lines)), "{line}");
    }
    assert_eq!(after(110).await, None);
    assert_eq!(
        store.texts(tenant, id, 7).await.unwrap(),
        Some(TEXTS.into())
    );
    assert_eq!(store.texts(tenant, id, 6).await.unwrap(), None);

    let mut decided = chunk([3, 7]);
    let task = fresh_task_id();
    decided.lines[0].result = LineResult::Admitted { task };
    let next = changed(&batch);
    store.update_batch(&next, Some(&decided)).await.unwrap();
    assert_eq!(after(2).await.as_ref(), Some(&decided));
    assert!(store.texts(tenant, id, 7).await.unwrap().is_some());
    decided.lines[1].result = LineResult::Refused {
        code: "no".to_owned(),
        message: "no".to_owned(),
        field: None,
    };
    let next = changed(&next);
    store.update_batch(&next, Some(&decided)).await.unwrap();
    assert_eq!(after(2).await, Some(decided));
    assert_eq!(store.texts(tenant, id, 7).await.unwrap(), None);
    assert!(store.texts(tenant, id, 2).await.unwrap().is_some());
    assert_eq!(store.batch(tenant, id).await.unwrap(), next);
}

fn changed(batch: &Batch) -> Batch {
    Batch {
        version: batch.version + 1,
        admitted: batch.admitted + 1,
        ..batch.clone()
    }
}

pub async fn of_many_changes_to_one_version_of_a_batch_one_is_written(stores: Stores) {
    let (before, store) = (batch(&fresh_tenant(), None), stores.store.batches());
    put(&stores, &before, [1, 2]).await;
    create(&stores, &before).await;
    let (next, other) = (changed(&before), chunk([1, 2]));

    let write = || {
        let (stores, next, other) = (stores.store.clone(), next.clone(), other.clone());
        async move { stores.batches().update_batch(&next, Some(&other)).await }
    };
    let written: JoinSet<_> = (0..4).map(|_| write()).collect();
    let written = written.join_all().await;

    let (written, refused): (Vec<_>, Vec<_>) = written.into_iter().partition(Result::is_ok);
    assert_eq!(written.len(), 1);
    for error in refused {
        assert!(error.unwrap_err().is(Reason::VersionMoved));
    }
    let never = batch(&before.tenant, None);
    let error = store
        .update_batch(&changed(&never), None)
        .await
        .unwrap_err();
    assert!(error.is(Reason::VersionMoved));
}

pub async fn the_lines_of_a_batch_that_was_not_created_can_be_removed(stores: Stores) {
    let (batch, store) = (batch(&fresh_tenant(), None), stores.store.batches());
    put(&stores, &batch, [1, 2]).await;
    put(&stores, &batch, [3, 4]).await;

    store.discard_lines(&batch.tenant, &batch.id).await.unwrap();

    let left = store.chunk_after(&batch.tenant, &batch.id, 0).await;
    assert_eq!(left.unwrap(), None);
    let texts = store.texts(&batch.tenant, &batch.id, 4).await;
    assert_eq!(texts.unwrap(), None);
}

pub async fn a_tenant_s_batches_are_removed_with_their_lines(stores: Stores) {
    let (tenant, store) = (fresh_tenant(), stores.store.batches());
    let (one, two) = (batch(&tenant, None), batch(&tenant, None));
    let theirs = batch(&fresh_tenant(), None);
    for batch in [&one, &two, &theirs] {
        put(&stores, batch, [1, 2]).await;
        create(&stores, batch).await;
    }

    store.remove_batches(&tenant).await.unwrap();

    assert_eq!(store.list_batches(&tenant, None, 9).await.unwrap(), []);
    let left = async |batch: &Batch| {
        let id: &BatchId = &batch.id;
        store.chunk_after(&batch.tenant, id, 0).await.unwrap()
    };
    assert_eq!(left(&one).await, None);
    assert_eq!(left(&theirs).await, Some(chunk([1, 2])));
}

pub async fn the_texts_of_a_batch_are_replaced_and_removed_and_its_lines_stay(stores: Stores) {
    let (batch, store) = (batch(&fresh_tenant(), None), stores.store.batches());
    let (tenant, id) = (&batch.tenant, &batch.id);
    put(&stores, &batch, [1, 2]).await;
    put(&stores, &batch, [3, 7]).await;
    create(&stores, &batch).await;
    let texts = async |last| store.texts(tenant, id, last).await.unwrap();
    let sealed = StoredText::Sealed(vec![0, 255, 10]);

    store.replace_texts(&batch, 2, &sealed).await.unwrap();
    assert_eq!(texts(2).await, Some(sealed));
    assert_eq!(texts(7).await, Some(TEXTS.into()));

    for _ in 0..2 {
        store.remove_texts(tenant, id).await.unwrap();
        store.replace_texts(&batch, 7, &TEXTS.into()).await.unwrap();
        assert_eq!((texts(2).await, texts(7).await), (None, None));
    }
    let left = store.chunk_after(tenant, id, 2).await.unwrap();
    assert_eq!(left, Some(chunk([3, 7])));
    assert_eq!(store.batch(tenant, id).await.unwrap(), batch);
}

/// A batch that has ended, too, which makes no room for another a second time.
pub async fn what_is_erased_of_an_ended_batch_is_gone_and_its_key_is_free(stores: Stores) {
    let (tenant, store) = (fresh_tenant(), stores.store.batches());
    let key = IdempotencyKey::parse("jane-roe").unwrap();
    let (open, kept) = (batch(&tenant, None), batch(&tenant, Some("jane-roe")));
    put(&stores, &kept, [1, 2]).await;
    for batch in [&open, &kept] {
        create(&stores, batch).await;
    }
    let mut said = chunk([1, 2]);
    said.lines[0].result = LineResult::Refused {
        code: "unknown_field".to_owned(),
        message: "'jane' is no field".to_owned(),
        field: Some("input.jane".to_owned()),
    };
    let mut ended = changed(&kept);
    ended.ended_at = Some(now());
    store.update_batch(&ended, Some(&said)).await.unwrap();

    let without = ended.erased();
    let erased = said.erased();
    let before = ended.key.as_deref();
    store
        .erase_in_batch(&without, Some(&erased), before)
        .await
        .unwrap();
    let again = store.erase_in_batch(&without, Some(&said), before).await;

    assert!(again.unwrap_err().is(Reason::VersionMoved));
    assert_eq!(store.batch(&tenant, &kept.id).await.unwrap(), without);
    assert_eq!((without.key, without.lines), (None, kept.lines));
    let lines = store.chunk_after(&tenant, &kept.id, 0).await.unwrap();
    let lines = lines.expect("the lines stay").lines;
    assert_eq!(lines, erased.lines);
    assert!(!format!("{lines:?}").contains("jane"));
    assert_eq!((lines[0].line, &lines[0].reference), (1, &None));
    assert_eq!(store.batch_of_key(&tenant, &key).await.unwrap(), None);
    let (next, third) = (batch(&tenant, Some("jane-roe")), batch(&tenant, None));
    let room = store.create_batch(&next, 2).await.unwrap();
    assert_eq!(room, BatchCreated::New);
    let refused = store.create_batch(&third, 2).await.unwrap_err();
    assert_eq!(refused.code, "too_many_batches");
    // The key is another batch's by now: an erasure that is begun again leaves it.
    let (mut late, freed) = (ended.erased(), Some("jane-roe"));
    late.version += 1;
    store.erase_in_batch(&late, None, freed).await.unwrap();
    let known = store.batch_of_key(&tenant, &key).await.unwrap();
    assert_eq!(known.map(|batch| batch.id), Some(next.id));
}

/// An adapter whose database removes what has expired has nothing to do.
pub async fn what_has_expired_is_removed_and_nothing_else(stores: Stores) {
    let (expired, fresh) = (batch(&fresh_tenant(), None), batch(&fresh_tenant(), None));
    let store = stores.store.batches();
    let long_ago = expired.created_at.minus_ms(DAY_MS);
    let (tenant, id, lines) = (&expired.tenant, &expired.id, chunk([1, 2]));
    let texts = TEXTS.into();
    let written = store.put_lines(tenant, id, &lines, &texts, long_ago);
    written.await.unwrap();
    put(&stores, &fresh, [1, 2]).await;
    create(&stores, &fresh).await;

    let removed = store.expire_batches(now(), 100).await.unwrap();

    let left = async |batch: &Batch| {
        let left = store.chunk_after(&batch.tenant, &batch.id, 0).await;
        left.unwrap().is_some()
    };
    assert_eq!(
        (removed, left(&expired).await),
        (usize::from(!left(&expired).await), removed == 0)
    );
    assert!(left(&fresh).await);
    assert_eq!(store.batch(&fresh.tenant, &fresh.id).await.unwrap(), fresh);
    assert_eq!(store.expire_batches(now(), 100).await.unwrap(), 0);
}
