//! One endpoint in a hundred is dead, each in its own way: everybody else's callbacks come as if
//! they were not there.

use std::collections::BTreeMap;

use fluxgate_core::time::Timestamp;
use fluxgate_emulator::{Fault, Faults};
use fluxgate_local::settings::BoundsSettings;
use fluxgate_tests::gateway::{free_address, quick};
use fluxgate_tests::{
    BadReceiver, BlackHole, Gateway, GatewayOptions, LiveReceiver, Misbehaviour, TestTenant,
    eventually,
};
use serde_json::Value;
use tokio::task::JoinSet;

const TENANTS: usize = 25;
/// As many as a tenant may have.
const ENDPOINTS: usize = 16;
/// Of 400.
const DEAD: usize = 4;
const ROUNDS: usize = 2;
const GIB: u64 = 1024 * 1024 * 1024;

/// The receivers that are as good as none.
struct Dead {
    hole: BlackHole,
    dribbler: BadReceiver,
    huge: BadReceiver,
    urls: Vec<String>,
}

impl Dead {
    async fn start() -> Self {
        let hole = BlackHole::start().await;
        let dribble = Misbehaviour::Dribble {
            at_once: b"HTTP/1.1 200 OK\r\nx-slow: ".to_vec(),
            then: vec![b'x'; 600],
        };
        let dribbler = BadReceiver::start(dribble).await;
        let huge = Misbehaviour::Huge {
            status: 200,
            bytes: GIB,
        };
        let huge = BadReceiver::start(huge).await;
        let nobody = format!("http://{}/hook", free_address());
        let urls = vec![
            hole.url("hook"),
            dribbler.url("hook"),
            huge.url("hook"),
            nobody,
        ];
        Self {
            hole,
            dribbler,
            huge,
            urls,
        }
    }
}

struct Town {
    gateway: Gateway,
    tenants: Vec<TestTenant>,
    receiver: LiveReceiver,
    /// The endpoints of the dead, by their URL, each with its tenant.
    dead: BTreeMap<String, (TestTenant, String)>,
}

impl Town {
    /// Tenants with all the endpoints they may have, the first of some at these URLs.
    async fn built(dead_urls: &[String]) -> Self {
        // Longer than the test may take: who waits for a dead one fails it.
        let bounds = BoundsSettings {
            callback_timeout_ms: Some(600_000),
            callback_schedule_ms: Some(vec![600_000]),
            ..quick()
        };
        let faults = Faults {
            tiny_output: Fault::Always,
            ..Faults::default()
        };
        let gateway = Gateway::with(GatewayOptions {
            bounds,
            faults,
            ..GatewayOptions::default()
        })
        .await;
        let receiver = LiveReceiver::start().await;
        let (mut tenants, mut dead) = (Vec::new(), BTreeMap::new());
        for n in 0..TENANTS {
            let tenant = gateway.tenant(&format!("tenant{n}"), "10").await;
            for m in 0..ENDPOINTS {
                let dead_url = dead_urls.get(n).filter(|_| m == 0);
                let healthy = || receiver.url(&format!("{n}/{m}"));
                let url = dead_url.cloned().unwrap_or_else(healthy);
                let (id, _) = tenant.endpoint(&url).await;
                if dead_url.is_some() {
                    dead.insert(url, (tenant.clone(), id));
                }
            }
            tenants.push(tenant);
        }
        Self {
            gateway,
            tenants,
            receiver,
            dead,
        }
    }

    /// A task of each tenant, all at once, a few times; answers when all that are alive have heard
    /// of all of them.
    async fn told(&self) -> Vec<i64> {
        let inputs = self.tenants[0].inputs().await;
        for _ in 0..ROUNDS {
            let mut submits = JoinSet::new();
            for tenant in self.tenants.clone() {
                let inputs = inputs.clone();
                submits.spawn(async move { tenant.submit(&inputs).await });
            }
            submits.join_all().await;
        }
        let wanted = (TENANTS * ENDPOINTS - self.dead.len()) * ROUNDS;
        let received = eventually("everybody else's callbacks", || async {
            let received = self.receiver.received();
            (received.len() >= wanted).then_some(received)
        })
        .await;
        let mut by_place = BTreeMap::new();
        for one in &received {
            *by_place.entry(one.path.clone()).or_insert(0) += 1;
        }
        assert_eq!(by_place.len(), TENANTS * ENDPOINTS - self.dead.len());
        assert!(
            by_place.values().all(|count| *count == ROUNDS),
            "{by_place:?}"
        );
        received
            .iter()
            .map(|one| one.at_ms - event_ms(&one.json()))
            .collect()
    }

    async fn deliveries_of(&self, url: &str) -> Vec<Value> {
        let (tenant, id) = &self.dead[url];
        let page = tenant.get(&format!("/v1/deliveries?endpoint={id}")).await;
        page.body["deliveries"].as_array().unwrap().clone()
    }
}

fn event_ms(body: &Value) -> i64 {
    let at = body["timestamp"].as_str().unwrap();
    Timestamp::from_rfc3339(at).unwrap().0
}

fn p99(mut latencies_ms: Vec<i64>) -> i64 {
    latencies_ms.sort_unstable();
    latencies_ms[latencies_ms.len() * 99 / 100]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_dead_endpoint_in_a_hundred_keeps_nobody_else_s_callbacks() {
    let healthy = Town::built(&[]).await;
    let without = p99(healthy.told().await);
    healthy.gateway.stop().await;

    let receivers = Dead::start().await;
    let town = Town::built(&receivers.urls).await;
    assert_eq!(town.dead.len(), DEAD);
    let with = p99(town.told().await);

    let ratio = with as f64 / without.max(1) as f64;
    eprintln!(
        "p99 from event to receipt: {without} ms without, {with} ms with 1 % dead: {ratio:.2}"
    );
    // Whoever was told did not wait for these: they are still at their first attempt.
    eventually("the attempts at the dead", || async {
        let tried = receivers.hole.connections() >= 1
            && receivers.dribbler.under_way() >= 1
            && receivers.huge.requests() >= 1;
        tried.then_some(())
    })
    .await;
    for endless in &receivers.urls[..2] {
        for delivery in town.deliveries_of(endless).await {
            assert_eq!(delivery["attempts_made"], 0, "{delivery}");
            assert_eq!(delivery["state"], "pending", "{delivery}");
        }
    }
    eventually("the end of the others", || async {
        let huge = town.deliveries_of(&receivers.urls[2]).await;
        let gone = town.deliveries_of(&receivers.urls[3]).await;
        let read = huge.iter().all(|one| one["state"] == "delivered");
        let refused = |one: &Value| one["attempts"][0]["error_class"] == "connect";
        (read && gone.iter().all(refused)).then_some(())
    })
    .await;
    assert_eq!(receivers.huge.requests(), ROUNDS, "read once each");
}
