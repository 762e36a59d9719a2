//! More events at once than a cursor lists.

use std::collections::HashSet;

use fluxgate_local::settings::BoundsSettings;
use fluxgate_tests::gateway::quick;
use fluxgate_tests::tenant::Answer;

use super::Bed;

const EVENTS: usize = 200;

impl Bed {
    /// Tasks that all end within moments: the ids of their events.
    async fn burst(&self) -> HashSet<String> {
        let inputs = self.tenant.inputs().await;
        let tasks = (0..EVENTS).map(|_| {
            let (tenant, inputs) = (self.tenant.clone(), inputs.clone());
            tokio::spawn(async move {
                let task = tenant.submit(&inputs).await;
                tenant.ended(&task).await;
                format!("evt_{task}")
            })
        });
        let mut ids = HashSet::new();
        for task in tasks.collect::<Vec<_>>() {
            ids.insert(task.await.unwrap());
        }
        ids
    }
}

fn ids(page: &Answer) -> Vec<String> {
    let events = page.body["events"].as_array().expect("a page has events");
    let id = |event: &serde_json::Value| event["id"].as_str().unwrap_or_default().to_owned();
    events.iter().map(id).collect()
}

/// None of them is old enough to be passed by its age.
#[tokio::test(flavor = "multi_thread")]
async fn a_burst_is_read_page_by_page_without_an_empty_one_none_twice_and_none_lost() {
    let bounds = BoundsSettings {
        inbox_settle_ms: Some(600_000),
        ..quick()
    };
    let bed = Bed::with(bounds).await;
    let wanted = bed.burst().await;

    let first = bed.page("&limit=100").await;
    let (mut seen, mut after) = (ids(&first), first.text("/next"));
    assert!(!seen.is_empty());
    while seen.len() < EVENTS {
        let page = bed.page(&format!("&limit=100&after={after}")).await;
        let read = ids(&page);
        assert!(!read.is_empty(), "{} of {EVENTS} were read", seen.len());
        // A reader that comes without a cursor goes on behind what is acknowledged.
        let begun = ids(&bed.page("&limit=100").await);
        assert_eq!(begun.first(), read.first());
        seen.extend(read);
        after = page.text("/next");
    }

    assert_eq!(seen.len(), EVENTS, "each once");
    assert_eq!(seen.into_iter().collect::<HashSet<_>>(), wanted);
    assert!(ids(&bed.page(&format!("&after={after}")).await).is_empty());
    assert!(ids(&bed.page("").await).is_empty(), "all are acknowledged");
    bed.gateway.stop().await;
}
