//! Prints what a task costs on AWS, counted in an emulated run. Started by `infra/cost`.

#![expect(clippy::print_stdout, reason = "the tables are its result")]

use fluxgate_tests::cost::{Bill, Prices, Sweeps, Traffic, Workload};

const TENANTS: usize = 3;
const FEW: usize = 3;
/// Tasks that a tenant makes between two sweeps, and how many sweeps are counted.
const SWEEPS: [(usize, usize); 2] = [(10, 4), (1, 16)];

#[tokio::main]
async fn main() {
    let many = std::env::args()
        .nth(1)
        .map_or(30, |count| count.parse().expect("a number of tasks"));
    let workload = Workload::start(TENANTS).await;
    // What a process asks when it is first used is no task's.
    workload.run(1, Traffic::Sparse, true).await;
    let busy = workload.run(many, Traffic::Busy, true).await;
    let sparse = workload.run(FEW, Traffic::Sparse, true).await;
    let [(many, of_many), (few, of_few)] = SWEEPS;
    let sweeps = [
        Sweeps::of(many, of_many).await,
        Sweeps::of(few, of_few).await,
    ];
    let Workload {
        stack, cold_starts, ..
    } = &workload;
    print!(
        "{}",
        Bill {
            prices: &Prices::read(),
            busy: &busy,
            sparse: &sparse,
            sweeps,
            cold_starts,
            stack
        }
    );
}
