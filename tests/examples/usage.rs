//! How long the usage and the statement of a month take with this many tasks in it, after an update
//! that had to fill in their days: `cargo run --release --example usage -- 1000 1000000`.

#![expect(clippy::print_stdout, reason = "the figures are its result")]

use std::error::Error;
use std::sync::Arc;
use std::time::Instant;

use fluxgate_core::app::{AskedDays, Context, Metering};
use fluxgate_core::id::TenantId;
use fluxgate_core::time::Timestamp;
use fluxgate_tests::Roles;
use fluxgate_tests::contract::{Stores, admission, now};
use fluxgate_tests::held_clock::HeldClock;
use rusqlite::{Connection, params};

const DAY_MS: i64 = 86_400_000;
const READINGS: u32 = 20;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    for tasks in std::env::args().skip(1) {
        measure(tasks.parse()?).await?;
    }
    Ok(())
}

async fn measure(tasks: i64) -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let tenant = TenantId::parse("acme")?;
    let stores = Stores::on_sqlite(folder.path());
    let database = Connection::open(folder.path().join("fluxgate.db"))?;
    insert(&database, &tenant, tasks)?;
    let clock = HeldClock::now();
    clock.pass_ms(DAY_MS);
    let roles = Roles::over(&stores);
    let roles = Roles {
        context: Context {
            clock: Arc::new(clock),
            ..roles.context.clone()
        },
        ..roles
    };
    let began = Instant::now();
    let filled = roles.sweeper().fill_days(Timestamp(i64::MAX)).await?;
    println!("{tasks} tasks: {filled} filled in in {:?}", began.elapsed());
    let metering = Metering::new(roles.context.clone());
    let began = Instant::now();
    for _ in 0..READINGS {
        let usage = metering
            .usage_of_days(&tenant, &AskedDays::default())
            .await?;
        assert_eq!(usage.report.total().requests, u64::try_from(tasks)?);
    }
    println!("  usage of 30 days: {:?}", began.elapsed() / READINGS);
    Ok(())
}

/// Completed tasks over the last four weeks, as an older release left them.
fn insert(database: &Connection, tenant: &TenantId, tasks: i64) -> Result<(), Box<dyn Error>> {
    let mut task = admission(tenant).task;
    task.state = fluxgate_core::task::State::Completed;
    task.charged = task.price;
    database.execute_batch("BEGIN")?;
    let mut statement = database
        .prepare("INSERT INTO tasks (tenant, id, version, open, body) VALUES (?1, ?2, 1, 0, ?3)")?;
    for n in 0..tasks {
        let at = Timestamp(now().0 - 28 * DAY_MS + n * (27 * DAY_MS) / tasks);
        task.id = format!("{:012x}{n:020x}", at.0).parse()?;
        (task.created_at, task.since) = (at, at);
        let body = serde_json::to_string(&task)?;
        statement.execute(params![tenant.as_str(), task.id.as_str(), body])?;
    }
    database.execute(
        "INSERT INTO tenants (id, body) VALUES (?1, '{}')",
        params![tenant.as_str()],
    )?;
    database.execute(
        "INSERT INTO day_fills (tenant, since, balance, held) VALUES (?1, ?2, 0, 0)",
        params![tenant.as_str(), now().0],
    )?;
    database.execute_batch("COMMIT")?;
    Ok(())
}
