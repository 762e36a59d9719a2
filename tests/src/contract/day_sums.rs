//! `DayStore`: the sums of each day are the ledger's, whatever comes in whatever order.

use std::collections::BTreeMap;

use fluxgate_core::day::Day;
use fluxgate_core::id::{KeyId, ModelId, TenantId};
use fluxgate_core::metering::day_sums::{AccountDays, Origin, Standing, Sums};
use fluxgate_core::money::{EntryKind, LedgerEntry, MicroUsd, Payment, RollOver, Zone};
use fluxgate_core::port::{Ids as _, SystemEntropy};
use fluxgate_core::task::{Admission, Failure, Signal, Task, transition};
use fluxgate_core::time::Timestamp;

use super::budgets::{self, at};
use super::{PRICE, Stores, archived, finished, fresh_run, now};

const DAY_MS: i64 = 86_400_000;

pub async fn a_day_has_the_sums_of_its_entries_by_model_and_key(stores: Stores) {
    let tenant = stores.funded(10).await;
    let (today, tomorrow) = (noon(1), noon(2));
    let key = SystemEntropy.id32(today).parse::<KeyId>().unwrap();
    let mut with_key = at(&tenant, today);
    with_key.task.key = Some(key.clone());
    let mut other_model = at(&tenant, today);
    other_model.task.model = model(1);

    let one = stores.admit(at(&tenant, today)).await.unwrap();
    stores.admit(with_key).await.unwrap();
    let other = stores.admit(other_model).await.unwrap();
    completed(&stores, &one, today).await;
    failed(&stores, &other, tomorrow).await;

    let days = days(&stores, &tenant).await;
    let row = |day: Timestamp, model: ModelId, key: Option<&KeyId>| {
        let origin = Origin {
            model: Some(model),
            key: key.cloned(),
        };
        sums_of(&days, Day::of(day), &origin)
    };
    let first = row(today, model(0), None);
    assert_eq!((first.requests, first.completed), (1, 1));
    assert_eq!(
        (
            first.amount(EntryKind::Hold),
            first.amount(EntryKind::Capture)
        ),
        (PRICE, PRICE)
    );
    assert_eq!(row(today, model(0), Some(&key)).requests, 1);
    let ended = row(tomorrow, model(1), None);
    assert_eq!(
        (
            ended.requests,
            ended.failed,
            ended.amount(EntryKind::Release)
        ),
        (0, 1, PRICE)
    );
    sums_are_the_ledger_s(&stores, &tenant).await;
}

pub async fn a_day_that_nobody_used_has_no_sums_and_the_standing_of_those_around_it(
    stores: Stores,
) {
    let tenant = stores.funded(3).await;
    let task = stores.admit(at(&tenant, noon(1))).await.unwrap();
    completed(&stores, &task, noon(5)).await;

    let between = stores
        .store
        .account_days(&tenant, Day::of(noon(2)), Day::of(noon(4)))
        .await
        .unwrap();
    let after = stores
        .store
        .account_days(&tenant, Day::of(noon(6)), Day::of(noon(7)))
        .await
        .unwrap();
    let before = stores
        .store
        .account_days(&tenant, Day::of(noon(-9)), Day::of(noon(-8)))
        .await
        .unwrap();

    assert_eq!(
        (between.rows.len(), after.rows.len(), before.rows.len()),
        (0, 0, 0)
    );
    assert_eq!(between.opening(), standing(PRICE.0 * 3, PRICE.0));
    assert_eq!(between.closing(), between.opening());
    assert_eq!(after.closing(), standing(PRICE.0 * 2, 0));
    assert_eq!(before.opening(), standing(0, 0));
}

pub async fn an_entry_whose_clock_is_behind_is_recorded_on_the_open_day(stores: Stores) {
    let tenant = stores.funded(3).await;
    stores.admit(at(&tenant, noon(3))).await.unwrap();

    let late = stores.admit(at(&tenant, noon(2))).await.unwrap();
    failed(&stores, &late, noon(1)).await;

    let first_moment = Day::of(noon(3)).first();
    let of_late = |entry: &&LedgerEntry| entry.reference == late.id.as_str();
    let ledger = stores.accounts.ledger(&tenant).await.unwrap();
    assert_eq!(ledger.iter().filter(of_late).count(), 2);
    assert!(
        ledger
            .iter()
            .filter(of_late)
            .all(|entry| entry.at == first_moment)
    );
    sums_are_the_ledger_s(&stores, &tenant).await;
}

pub async fn a_capture_for_a_submit_of_an_earlier_month_is_told_apart(stores: Stores) {
    let tenant = stores.funded(3).await;
    let november = Timestamp::from_rfc3339("2030-11-30T23:59:00Z").unwrap();
    let december = november.plus_ms(120_000);
    let task = stores.admit(at(&tenant, november)).await.unwrap();
    let same_month = stores.admit(at(&tenant, december)).await.unwrap();

    completed(&stores, &task, december).await;
    completed(&stores, &same_month, december).await;

    let days = days(&stores, &tenant).await;
    let december = sums_on(&days, Day::of(december));
    assert_eq!((december.earlier, december.completed), (PRICE, 2));
    assert_eq!(days.total().earlier, PRICE);
    sums_are_the_ledger_s(&stores, &tenant).await;
}

pub async fn tasks_without_a_price_are_counted_on_their_days(stores: Stores) {
    let tenant = stores.funded(1).await;
    let mut free = at(&tenant, noon(1));
    free.task.price = MicroUsd::ZERO;
    let task = stores.admit(free).await.unwrap();

    completed(&stores, &task, noon(2)).await;

    let days = days(&stores, &tenant).await;
    assert_eq!(sums_on(&days, Day::of(noon(1))).requests, 1);
    assert_eq!(sums_on(&days, Day::of(noon(2))).completed, 1);
    sums_are_the_ledger_s(&stores, &tenant).await;
}

pub async fn more_models_and_keys_than_an_account_has_room_for_are_all_summed_up(stores: Stores) {
    let tenant = stores.funded(60).await;
    let long = ModelId::parse(&format!("a/{}", "m".repeat(100))).unwrap();
    let models = (0..12).map(model).chain([long]);
    let models: Vec<ModelId> = models.collect();

    for day in 1..=2 {
        for model in models.iter().chain(&models) {
            let mut admission = at(&tenant, noon(day));
            admission.task.model = model.clone();
            let task = stores.admit(admission).await.unwrap();
            completed(&stores, &task, noon(day)).await;
        }
    }

    let days = days(&stores, &tenant).await;
    for model in models {
        let origin = Origin {
            model: Some(model),
            key: None,
        };
        for day in 1..=2 {
            let sums = sums_of(&days, Day::of(noon(day)), &origin);
            assert_eq!((sums.requests, sums.completed), (2, 2), "{origin:?}");
        }
    }
    sums_are_the_ledger_s(&stores, &tenant).await;
}

pub async fn a_budget_in_another_zone_changes_where_days_end_and_no_sum(stores: Stores) {
    let tenant = stores.funded(40).await;
    let zones = [
        "Pacific/Kiritimati",
        "America/St_Johns",
        "Europe/Berlin",
        "UTC",
    ];
    let mut moment = noon(1);
    for n in 0..12_usize {
        let task = stores.admit(at(&tenant, moment)).await.unwrap();
        if n % 3 == 2 {
            let budget = fluxgate_core::money::Budget {
                limit_micro_usd: MicroUsd(PRICE.0 * 100),
                time_zone: Zone::parse(zones[(n / 3) % zones.len()]).unwrap(),
                roll_over: RollOver::None,
                payment: Payment::Prepaid,
            };
            budgets::set(&stores, &tenant, Some(budget), moment)
                .await
                .unwrap();
        }
        moment = moment.plus_ms(5 * 3_600_000);
        completed(&stores, &task, moment).await;
        sums_are_the_ledger_s(&stores, &tenant).await;
    }

    let days = days(&stores, &tenant).await;
    assert_eq!(days.zone, Zone::parse("UTC").unwrap());
    assert_eq!(days.total().completed, 12);
}

pub async fn at_a_day_s_change_many_writers_lose_and_double_nothing(stores: Stores) {
    at_a_day_s_change_several_gateways_lose_and_double_nothing(&[stores]).await;
}

/// The same where the writers are of several gateways of one installation.
pub async fn at_a_day_s_change_several_gateways_lose_and_double_nothing(gateways: &[Stores]) {
    let stores = &gateways[0];
    let gateway = |n: usize| gateways[n / 2 % gateways.len()].clone();
    let tenant = stores.funded(100).await;
    let midnight = Day::of(noon(2)).first();
    let mut running = Vec::new();
    for _ in 0..10 {
        running.push(stores.admit(at(&tenant, noon(1))).await.unwrap());
    }

    let ends = running.into_iter().enumerate().map(|(n, task)| {
        let (stores, moment) = (gateway(n), around(midnight, n));
        tokio::spawn(async move { completed(&stores, &task, moment).await })
    });
    let ends: Vec<_> = ends.collect();
    let submits = (0..30).map(|n| {
        let (stores, admission) = (gateway(n), at(&tenant, around(midnight, n)));
        tokio::spawn(async move { stores.admit(admission).await.map(drop) })
    });
    for submit in submits.collect::<Vec<_>>() {
        submit.await.unwrap().unwrap();
    }
    for end in ends {
        end.await.unwrap();
    }

    let days = days(stores, &tenant).await;
    let total = days.total();
    assert_eq!((total.requests, total.completed), (40, 10));
    assert!(sums_on(&days, Day::of(midnight)).requests >= 15);
    sums_are_the_ledger_s(stores, &tenant).await;
}

/// Some milliseconds before it or after.
fn around(midnight: Timestamp, n: usize) -> Timestamp {
    let n = i64::try_from(n).expect("a small number");
    Timestamp(midnight.0 + if n % 2 == 0 { n } else { -n })
}

/// So many days after today, at noon in UTC.
fn noon(days: i64) -> Timestamp {
    Timestamp(Day::of(now()).first().0 + days * DAY_MS + DAY_MS / 2)
}

fn model(n: usize) -> ModelId {
    match n {
        0 => super::admission(&super::fresh_tenant()).task.model,
        n => ModelId::parse(&format!("acme/model-{n}")).expect("a valid id"),
    }
}

fn standing(balance: i64, held: i64) -> Standing {
    Standing {
        balance: MicroUsd(balance),
        held: MicroUsd(held),
    }
}

pub async fn completed(stores: &Stores, task: &Task, moment: Timestamp) {
    let task = signal(stores, task, finished(fresh_run()), moment).await;
    signal(stores, &task, archived(), moment).await;
}

async fn failed(stores: &Stores, task: &Task, moment: Timestamp) {
    let refused = Signal::SubmitRefused(Failure::new(1401, "refused", "text"));
    signal(stores, task, refused, moment).await;
}

async fn signal(stores: &Stores, task: &Task, signal: Signal, moment: Timestamp) -> Task {
    let change = transition(task, signal, moment).expect("the signal applies");
    let applied = stores.tasks.apply(&change).await;
    applied.expect("nobody else changes the task");
    change.task
}

/// A submit of this moment.
pub fn submit(tenant: &TenantId, moment: Timestamp) -> Admission {
    at(tenant, moment)
}

/// All days.
pub async fn days(stores: &Stores, tenant: &TenantId) -> AccountDays {
    let day = |text| Day::parse(text).expect("a day");
    let all = stores
        .store
        .account_days(tenant, day("1970-01-01"), day("2999-12-31"));
    all.await.expect("the days can be read")
}

fn sums_of(days: &AccountDays, day: Day, origin: &Origin) -> Sums {
    let rows = days
        .rows
        .iter()
        .filter(|row| row.day == day && row.origin == *origin);
    rows.fold(Sums::default(), |mut sums, row| {
        sums.add(&row.sums);
        sums
    })
}

fn sums_on(days: &AccountDays, day: Day) -> Sums {
    let rows = days.rows.iter().filter(|row| row.day == day);
    rows.fold(Sums::default(), |mut sums, row| {
        sums.add(&row.sums);
        sums
    })
}

type Amounts = BTreeMap<EntryKind, i64>;

/// As [`money_is_the_ledger_s`]; and tasks, all of which are there, are counted once.
pub async fn sums_are_the_ledger_s(stores: &Stores, tenant: &TenantId) {
    let total = money_is_the_ledger_s(stores, tenant).await;
    let tasks = stores.tasks.list(tenant, None, 1_000).await.unwrap();
    let ended = tasks.iter().filter(|task| task.state.is_end()).count();
    assert_eq!(
        (total.requests, total.completed + total.failed),
        (tasks.len() as u64, ended as u64)
    );
}

/// The entries fall into the days in the order of their times, and each day has exactly its own;
/// what the account has follows from them. Answers the sums of all days.
pub async fn money_is_the_ledger_s(stores: &Stores, tenant: &TenantId) -> Sums {
    let days = days(stores, tenant).await;
    let mut ledger = stores.accounts.ledger(tenant).await.unwrap();
    ledger.sort_by_key(|entry| entry.at);
    let mut prefixes = vec![Amounts::new()];
    let mut sums = Amounts::new();
    for entries in ledger.chunk_by(|one, next| one.at == next.at) {
        for entry in entries.iter().filter(|entry| entry.amount.0 != 0) {
            *sums.entry(entry.kind).or_default() += entry.amount.0;
        }
        prefixes.push(sums.clone());
    }
    let mut of_days = Amounts::new();
    let mut rest = prefixes.as_slice();
    let mut names: Vec<Day> = days.rows.iter().map(|row| row.day).collect();
    names.sort();
    names.dedup();
    for day in names {
        for (kind, amount) in sums_on(&days, day).moved {
            *of_days.entry(kind).or_default() += amount.0;
        }
        let found = rest.iter().position(|prefix| *prefix == of_days);
        let found = found.unwrap_or_else(|| panic!("{day}: {of_days:?} is not in {rest:?}"));
        rest = &rest[found..];
    }
    assert_eq!(of_days, sums, "all days together");
    let account = stores.accounts.account(tenant).await.unwrap();
    assert_eq!(days.closing(), Standing::of(&account));
    days.total()
}
