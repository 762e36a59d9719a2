//! What the sweep asks for a task: a tenant's days in small, with a clock that the test holds.
//!
//! Each sweep reads the tasks made since the last one, and those of the last minutes again. What it
//! asks for a tenant whatever its tasks is shared by those that the tenant makes between two
//! sweeps.

use std::path::Path;
use std::sync::Arc;

use fluxgate_core::id::TenantId;
use fluxgate_core::port::Clock as _;
use fluxgate_core::task::{Admission, Signal, transition};
use fluxgate_core::time::Timestamp;

use super::counts::{Units, add_up};
use crate::aws_calls::AwsCalls;
use crate::contract::{Stores, admission_at, finished, fresh_run, output};
use crate::{AwsStores, HeldClock, Ministack, Roles};

const SWEEPER: &str = "sweeper";
/// Beside the rest they fill a task's item as an ordinary prompt does.
const PROMPT_BYTES: usize = 220;
/// Sweeps until one is as the next.
const FIRST_SWEEPS: usize = 2;
const MINUTE_MS: i64 = 60_000;

/// What the sweeps of one tenant asked.
#[derive(Debug, Clone, Copy)]
pub struct Sweeps {
    /// How many tasks the tenant makes between two of them.
    pub density: usize,
    pub tasks: usize,
    pub units: Units,
}

impl Sweeps {
    /// Counts so many sweeps of a tenant that makes so many tasks between two of them, evenly
    /// spread; all are over when they are swept.
    pub async fn of(density: usize, sweeps: usize) -> Self {
        let ministack = Ministack::start().await;
        let direct = AwsStores::on(&ministack).await;
        let calls = AwsCalls::of(ministack.endpoint());
        let mut aws = ministack.aws().clone();
        aws.endpoint = Some(calls.endpoint_for(SWEEPER).await);
        let clock = HeldClock::now();
        let mut roles = Roles::over(&direct.by_way_of(&aws).await.stores());
        roles.context.clock = Arc::new(clock.clone());
        let sweeper = roles.sweeper();
        let (stores, all) = (direct.stores(), density * (FIRST_SWEEPS + sweeps));
        let tenant = stores.funded(all as i64).await;
        for n in 0..FIRST_SWEEPS + sweeps {
            if n == FIRST_SWEEPS {
                calls.clear();
            }
            for _ in 0..density {
                clock.pass_ms(sweep_every_ms() / density as i64);
                complete(&stores, &tenant, clock.now()).await;
            }
            let swept = sweeper.sweep(&tenant, Timestamp(i64::MAX)).await;
            assert_eq!(swept.expect("the sweep is sound").live, 0);
        }
        let units = add_up(calls.all().iter()).into_values();
        Self {
            density,
            tasks: density * sweeps,
            units: units.fold(Units::default(), Units::plus),
        }
    }

    pub fn read_units(&self) -> f64 {
        self.units.read_units / self.tasks as f64
    }

    pub fn write_units(&self) -> f64 {
        self.units.write_units as f64 / self.tasks as f64
    }
}

async fn complete(stores: &Stores, tenant: &TenantId, now: Timestamp) {
    let inputs = serde_json::json!({ "prompt": "x".repeat(PROMPT_BYTES) });
    let admission = Admission {
        inputs: inputs.to_string().into(),
        ..admission_at(tenant, now)
    };
    let mut task = stores.admit(admission).await.expect("there is money");
    let outputs = vec![output()];
    for signal in [finished(fresh_run()), Signal::Archived { outputs }] {
        let change = transition(&task, signal, now).expect("the signal applies");
        stores.tasks.apply(&change).await.expect("nobody else does");
        task = change.task;
    }
}

/// As the template has it, unless its operator says otherwise.
pub fn sweep_every_ms() -> i64 {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../infra/template.yaml");
    let template = std::fs::read_to_string(path).expect("the template is in the repository");
    let parameter = template.split("  SweepSchedule:").nth(1);
    let rate = parameter.and_then(|text| text.split("Default: rate(").nth(1));
    let minutes = rate.and_then(|text| text.split(" minutes").next()?.parse::<i64>().ok());
    minutes.expect("the schedule is a rate of minutes") * MINUTE_MS
}
