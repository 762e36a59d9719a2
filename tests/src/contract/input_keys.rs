//! `InputKeyStore`: the keys that inputs are sealed with.

use std::sync::Arc;

use fluxgate_core::money::Month;
use fluxgate_core::port::{Entropy as _, SystemEntropy};
use fluxgate_core::seal::{DataKey, DataKeys, NONCE_BYTES, Owner, StoredText};
use fluxgate_core::time::Timestamp;
use tokio::task::JoinSet;

use super::{Stores, fresh_tenant};

const OWNER: Owner<'_> = Owner {
    tenant: "acme",
    id: "task/1/inputs",
};

fn month() -> Month {
    "2026-11".parse().expect("a month")
}

fn key(made_at: i64) -> DataKey {
    let mut random = [0; DataKey::RANDOM_BYTES];
    SystemEntropy.fill(&mut random);
    DataKey::new(random, Timestamp(made_at))
}

fn sealed(keys: &DataKeys) -> StoredText {
    let sealed = keys.seal(OWNER, [1; NONCE_BYTES], "a private prompt");
    sealed.expect("there is a key")
}

fn opens(keys: &DataKeys, stored: &StoredText) -> bool {
    let opened = keys.open(OWNER, stored).expect("it was not altered");
    opened.is_some()
}

pub async fn keys_of_a_month_are_added_one_after_the_other_and_read_back(stores: Stores) {
    let (tenant, store) = (fresh_tenant(), stores.store.data_keys());
    let none = store.input_keys(&tenant, month()).await.unwrap();
    assert!(none.is_empty());

    let first = store.add_input_key(&tenant, month(), &none, key(1)).await;
    let first = first.unwrap();
    let old = sealed(&first);
    let second = store.add_input_key(&tenant, month(), &first, key(2)).await;
    let new = sealed(&second.unwrap());

    for keys in [
        store.input_keys(&tenant, month()).await.unwrap(),
        store.input_keys_now(&tenant, month()).await.unwrap(),
    ] {
        assert!(opens(&keys, &old) && opens(&keys, &new));
        assert_eq!(keys.newest_made_at(), Some(Timestamp(2)));
    }
    for (other, month) in [(&fresh_tenant(), month()), (&tenant, month().next())] {
        let keys = store.input_keys_now(other, month).await.unwrap();
        assert!(keys.is_empty(), "{other} {month}");
    }
}

pub async fn of_many_first_keys_one_is_added_and_everybody_gets_it(stores: Stores) {
    let tenant = fresh_tenant();
    let add = || {
        let (store, tenant) = (stores.store.clone(), tenant.clone());
        async move {
            let none = DataKeys::default();
            let added = store.data_keys();
            let added = added.add_input_key(&tenant, month(), &none, key(1)).await;
            added.unwrap()
        }
    };

    let added: JoinSet<Arc<DataKeys>> = (0..8).map(|_| add()).collect();
    let added = added.join_all().await;

    let sealed = sealed(&added[0]);
    for keys in added {
        assert!(keys.len() == 1 && opens(&keys, &sealed));
    }
}

pub async fn removed_keys_are_gone_and_younger_ones_stay(stores: Stores) {
    let (tenant, store) = (fresh_tenant(), stores.store.data_keys());
    let mut keys = Arc::new(DataKeys::default());
    let mut sealed_by = Vec::new();
    for n in [1, 2] {
        let added = store.add_input_key(&tenant, month(), &keys, key(n)).await;
        keys = added.unwrap();
        sealed_by.push(sealed(&keys));
    }
    let other = month().next();
    let none = DataKeys::default();
    let added = store.add_input_key(&tenant, other, &none, key(1)).await;
    added.unwrap();

    let remove = async |month, before| {
        let removed = store.remove_input_keys(&tenant, month, before).await;
        removed.unwrap();
    };
    remove(month(), Timestamp(2)).await;

    let left = store.input_keys(&tenant, month()).await.unwrap();
    assert!(!opens(&left, &sealed_by[0]) && opens(&left, &sealed_by[1]));
    let months = store.input_key_months(&tenant).await.unwrap();
    assert_eq!(months, [month(), other]);
    for _ in 0..2 {
        remove(month(), Timestamp(i64::MAX)).await;
        let left = store.input_keys_now(&tenant, month()).await.unwrap();
        assert!(left.is_empty());
    }
    assert_eq!(store.input_key_months(&tenant).await.unwrap(), [other]);
}

/// Small inputs lie elsewhere than larger and the largest ones.
pub async fn sealed_inputs_and_callbacks_are_read_back_as_they_were_written(stores: Stores) {
    let tenant = stores.funded(3).await;
    for bytes in [20, 5_000, 600_000] {
        let mut new = super::admission(&tenant);
        let inputs: Vec<u8> = (0..bytes).map(|n| u8::try_from(n % 256).unwrap()).collect();
        new.inputs = StoredText::Sealed(inputs);
        new.task.callback = Some(StoredText::Sealed(vec![0, 255, 7]));
        let (inputs, callback) = (new.inputs.clone(), new.task.callback.clone());

        let task = stores.admit(new).await.unwrap();

        let read = stores.tasks.inputs(&tenant, &task.id).await.unwrap();
        assert_eq!(read, inputs, "{bytes} bytes");
        let task = stores.tasks.get(&tenant, &task.id).await.unwrap();
        assert_eq!(task.callback, callback);
        let listed = stores.tasks.list(&tenant, None, 1).await.unwrap();
        assert_eq!(listed[0], task);
    }
}
