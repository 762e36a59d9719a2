//! The catalogue that the processes of one installation share.

use bytes::Bytes;
use fluxgate_core::digest::sha256;
use fluxgate_core::port::CatalogueStore;

use super::now;

/// So long is a catalogue claimed.
const CLAIM_MS: u64 = 60_000;

/// Entries that do not compress, longer than two items of DynamoDB may be.
fn long_entries() -> Bytes {
    let (mut text, mut state) = (String::from("[\""), sha256(b"catalogue"));
    while text.len() < 2_000_000 {
        state = sha256(&state);
        text.extend(state.iter().map(|byte| format!("{byte:02x}")));
    }
    (text + "\"]").into()
}

pub async fn what_was_stored_last_is_read_and_equal_entries_are_left_out(
    store: &dyn CatalogueStore,
) {
    let at = now();
    assert_eq!(store.catalogue_eventual(None).await.unwrap(), None);

    for entries in [long_entries(), Bytes::from_static(b"[]"), long_entries()] {
        let at = now();
        store.store_catalogue(entries.clone(), at).await.unwrap();
        let digest = sha256(&entries);

        let read = store.catalogue_eventual(None).await.unwrap().unwrap();
        let known = store
            .catalogue_eventual(Some(&digest))
            .await
            .unwrap()
            .unwrap();

        assert_eq!((read.read_at, read.sha256), (at, digest));
        assert_eq!((read.entries, known.entries), (Some(entries), None));
    }
    store
        .store_catalogue(Bytes::from_static(b"[1]"), at.minus_ms(1))
        .await
        .unwrap();
    let later = store.catalogue_eventual(None).await.unwrap().unwrap();
    assert_eq!(
        later.sha256,
        sha256(&long_entries()),
        "an earlier one came late"
    );
}

pub async fn one_of_many_claims_the_reading_until_it_has_stored_it_or_its_time_is_over(
    store: &dyn CatalogueStore,
) {
    let at = now();
    let claim = async |seen, now| store.claim_catalogue(seen, now, CLAIM_MS).await.unwrap();

    let claims: [_; 8] = std::array::from_fn(|_| claim(None, at));
    let won = futures::future::join_all(claims).await;

    assert_eq!(won.iter().filter(|won| **won).count(), 1);
    assert!(!claim(None, at.plus_ms(CLAIM_MS - 1)).await);
    assert!(claim(None, at.plus_ms(CLAIM_MS)).await, "its time is over");
    store
        .store_catalogue(Bytes::from_static(b"[]"), at)
        .await
        .unwrap();
    assert!(
        !claim(Some(at.minus_ms(1)), at).await,
        "another has read it meanwhile"
    );
    assert!(claim(Some(at), at).await && !claim(Some(at), at).await);
}
