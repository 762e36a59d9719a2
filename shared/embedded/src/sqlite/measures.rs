//! What an operator watches: jobs that wait, what accounts hold, and tasks that have not ended.
//! Read on the threads of reports: neither a request nor a write waits for it.

use fluxgate_core::Result;
use fluxgate_core::money::MicroUsd;
use fluxgate_core::task::Lane;
use rusqlite::{Connection, Row, params};

use super::SqliteStore;
use super::reports::rows;
use super::schedule::Part;

/// One lane of the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaneMeasures {
    pub lane: Lane,
    /// All of its jobs: those in progress, those that are due, and those of later.
    pub jobs: u32,
    /// Those that are due or in progress.
    pub due: u32,
    /// For how long the first of them has been due.
    pub oldest_due_ms: u64,
    pub dead_letters: u32,
}

/// All of it, as of a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measures {
    pub lanes: Vec<LaneMeasures>,
    /// Accounts, and what they have together.
    pub accounts: u32,
    pub available: MicroUsd,
    pub held: MicroUsd,
    /// Runs that are in flight, as the accounts have it.
    pub in_flight: u32,
}

/// Tasks that have not ended, of one state and model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveTasks {
    pub state: String,
    pub model: String,
    pub tasks: u32,
}

/// By the index alone. The jobs of a part are as many as the tasks in progress, however many there
/// were.
const JOBS: &str = "SELECT count(*), coalesce(sum(due_at <= ?2), 0), min(due_at) FROM jobs
    INDEXED BY jobs_by_due WHERE part = ?1";
const DEAD_LETTERS: &str = "SELECT count(*) FROM dead_letters WHERE lane = ?1";
const ACCOUNTS: &str = "SELECT count(*), coalesce(sum(available), 0), coalesce(sum(held), 0),
    coalesce(sum(in_flight), 0) FROM accounts";
/// By the index of those that are open: what has ended is not looked at.
const LIVE: &str = "SELECT body ->> '$.state', body ->> '$.model', count(*) FROM tasks
    INDEXED BY tasks_open WHERE open = 1 GROUP BY 1, 2";

impl SqliteStore {
    /// Costs a step for each waiting job and each account, and none for what has ended.
    pub async fn measures(&self) -> Result<Measures> {
        let now = self.now();
        self.report(move |connection| {
            let mut lanes = Vec::with_capacity(Lane::ALL.len());
            for lane in Lane::ALL {
                lanes.push(of_lane(connection, lane, now.0)?);
            }
            let sums = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?));
            let of_accounts = rows(connection, ACCOUNTS, [], sums)?;
            let (accounts, available, held, in_flight) =
                of_accounts.first().copied().unwrap_or_default();
            Ok(Measures {
                lanes,
                accounts,
                available: MicroUsd(available),
                held: MicroUsd(held),
                in_flight,
            })
        })
        .await
    }

    /// Tasks that have not ended, once for a start: from then on they are counted as they change.
    pub async fn live_tasks(&self) -> Result<Vec<LiveTasks>> {
        self.report(|connection| {
            rows(connection, LIVE, [], |row| {
                Ok(LiveTasks {
                    state: row.get(0)?,
                    model: row.get(1)?,
                    tasks: row.get(2)?,
                })
            })
        })
        .await
    }
}

fn of_lane(connection: &Connection, lane: Lane, now: i64) -> Result<LaneMeasures> {
    let mut measured = LaneMeasures {
        lane,
        jobs: 0,
        due: 0,
        oldest_due_ms: 0,
        dead_letters: 0,
    };
    for part in Part::ALL.into_iter().filter(|part| part.lane() == lane) {
        let of_part = rows(connection, JOBS, params![part.as_str(), now], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get::<_, Option<i64>>(2)?))
        })?;
        for (jobs, due, first) in of_part {
            let jobs: u32 = jobs;
            let due: u32 = due;
            measured.jobs += jobs;
            measured.due += due;
            let waited = first.map_or(0, |first| now.saturating_sub(first));
            let waited_ms = u64::try_from(waited).unwrap_or(0);
            measured.oldest_due_ms = measured.oldest_due_ms.max(waited_ms);
        }
    }
    let letters = rows(connection, DEAD_LETTERS, [lane.as_str()], |row| row.get(0))?;
    measured.dead_letters = letters.first().copied().unwrap_or(0);
    Ok(measured)
}
