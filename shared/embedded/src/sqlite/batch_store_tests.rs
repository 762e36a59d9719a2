//! What many batches have is removed in steps, so that others are written in between.

use std::sync::Arc;

use fluxgate_core::batch::{BatchChunk, BatchLine, LineResult};
use fluxgate_core::id::{BatchId, TenantId};
use fluxgate_core::port::{BatchStore as _, Clock as _, Ids as _, SystemClock, SystemEntropy};

use super::SqliteStore;

const CHUNKS: u32 = 100;
/// A step has fewer than this.
const STEP_ROWS_MAX: u64 = 34;

async fn put_chunks(store: &SqliteStore, tenant: &TenantId, batch: &BatchId) {
    for last in 1..=CHUNKS {
        let line = BatchLine {
            line: last,
            reference: None,
            result: LineResult::Waiting,
        };
        let chunk = BatchChunk { lines: vec![line] };
        let (texts, removed_at) = ("{}\n".into(), SystemClock.now().plus_ms(60_000));
        let put = store.put_lines(tenant, batch, &chunk, &texts, removed_at);
        put.await.unwrap();
    }
}

#[tokio::test]
async fn the_texts_and_lines_of_a_large_batch_and_of_a_tenant_go_in_several_writes() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path(), Arc::new(SystemClock)).unwrap();
    let tenant: TenantId = "acme".parse().unwrap();
    let [one, other] = [0; 2].map(|_| SystemEntropy.batch_id(SystemClock.now()));
    let least = u64::from(CHUNKS) / STEP_ROWS_MAX;
    for batch in [&one, &other] {
        put_chunks(&store, &tenant, batch).await;
    }

    let before = store.commits();
    store.remove_texts(&tenant, &one).await.unwrap();
    let texts = store.commits() - before;
    let left = store.texts(&tenant, &one, CHUNKS).await.unwrap();
    let others = store.texts(&tenant, &other, CHUNKS).await.unwrap();
    store.discard_lines(&tenant, &one).await.unwrap();
    let lines = store.commits() - before - texts;
    store.remove_batches(&tenant).await.unwrap();
    let all = store.commits() - before - texts - lines;

    assert_eq!((left, others.is_some()), (None, true));
    assert!([texts, lines, all].iter().all(|writes| *writes > least));
    for batch in [one, other] {
        let found = store.chunk_after(&tenant, &batch, 0).await.unwrap();
        assert_eq!(found, None);
    }
}
