//! Prints what a task costs on AWS, counted in an emulated run. Started by `infra/cost`.

#![expect(clippy::print_stdout, reason = "the tables are its result")]

use fluxgate_tests::cost::{Bill, Prices, Workload};

const TENANTS: usize = 3;

#[tokio::main]
async fn main() {
    let tasks = std::env::args().nth(1).map_or(30, |count| count.parse().expect("a number of tasks"));
    let workload = Workload::start(TENANTS).await;
    // What a process asks when it is first used is no task's.
    workload.run(TENANTS, true).await;
    let counts = workload.run(tasks, true).await;
    print!("{}", Bill::of(&counts, &Prices::read(), &workload.stack, &workload.cold_starts));
}
