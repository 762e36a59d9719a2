//! Endpoints.

use async_trait::async_trait;
use fluxgate_core::id::{EndpointId, TenantId};
use fluxgate_core::port::errors::{endpoint_changed, no_such_endpoint};
use fluxgate_core::port::{EndpointList, EndpointStore};
use fluxgate_core::webhook::{
    CallbackUrl, Endpoint, PULL_ENDPOINTS_MAX, too_many_endpoints, too_many_pull_endpoints,
};
use fluxgate_core::{Reason, Result};

use super::attribute::{Item, Reader, bytes, number, text};
use super::error::contention;
use super::key::{ENDPOINT_PREFIX, EXPIRES_AT, Key, tenant_partition};
use super::table::{Range, Table, sort_key};
use super::transact::{CallMark, MARK, WriteOutcome, backoff, is_marked};
use super::write::Write;
use super::{DynamoStore, endpoint_url, json_item};

const TAKEN: &str = "taken";
const VERSION: &str = "version";
const PULL: &str = "pull";
const URL: &str = "url";

/// How much later than it expires a pull endpoint may be removed: never while it is still read.
const REMOVED_AFTER_S: i64 = 3_600;

/// How often one creation tries to write: some 15 s with the waits between. Of hundreds of
/// concurrent creations only the first few write; the others find that no place is left.
const TRIES_MAX: u32 = 48;
/// How often a deletion is tried whose endpoint gets another URL meanwhile.
const DELETE_TRIES: usize = 5;

#[async_trait]
impl EndpointStore for DynamoStore {
    async fn create(&self, endpoint: &Endpoint, endpoints_max: usize) -> Result<()> {
        let (tenant, most) = (&endpoint.tenant, endpoints_max as u64);
        let key = Key::endpoint(tenant, &endpoint.id);
        let put = Write::put(key, to_item(endpoint)?).when("attribute_not_exists(#pk)");
        let is_pull = endpoint.pull().is_some();
        let mut tries = 0;
        while tries < TRIES_MAX {
            let places = Places::read(&self.table, tenant).await?;
            let (there, pulled) = self.count_endpoints(tenant).await?;
            if there >= most {
                return Err(too_many_endpoints(endpoints_max));
            }
            if is_pull && pulled >= PULL_ENDPOINTS_MAX {
                return Err(too_many_pull_endpoints());
            }
            self.refuse_taken_url(endpoint).await?;
            let counts = places
                .taken
                .is_some_and(|taken| (there..most).contains(&taken));
            let writes = if counts {
                let place = places.take(tenant, most, is_pull);
                let url = endpoint_url::take(endpoint);
                [put.clone(), place].into_iter().chain(url).collect()
            } else {
                vec![places.recounted(tenant, there)]
            };
            if self
                .write_while_there_is_room(tenant, &writes, most, &mut tries)
                .await?
                && counts
            {
                return Ok(());
            }
        }
        Err(contention())
    }

    async fn get(&self, tenant: &TenantId, id: &EndpointId) -> Result<Endpoint> {
        let item = self.table.get(&Key::endpoint(tenant, id)).await?;
        json_item::from_item(&item.ok_or_else(no_such_endpoint)?)
    }

    async fn get_eventual(&self, tenant: &TenantId, id: &EndpointId) -> Result<Endpoint> {
        let item = self
            .table
            .get_eventual_or_get(&Key::endpoint(tenant, id), None)
            .await?;
        json_item::from_item(&item.ok_or_else(no_such_endpoint)?)
    }

    async fn list(&self, tenant: &TenantId) -> Result<EndpointList> {
        self.listed(tenant, true).await
    }

    async fn list_eventual(&self, tenant: &TenantId) -> Result<EndpointList> {
        self.listed(tenant, false).await
    }

    async fn update(&self, endpoint: &Endpoint) -> Result<()> {
        self.write_endpoint(endpoint, Vec::new()).await
    }

    async fn update_url(&self, endpoint: &Endpoint, before: &CallbackUrl) -> Result<()> {
        self.refuse_taken_url(endpoint).await?;
        let free = endpoint_url::free(&endpoint.tenant, &endpoint.id, before.url().as_str());
        let others = [free].into_iter().chain(endpoint_url::take(endpoint));
        match self.write_endpoint(endpoint, others.collect()).await {
            Err(error) if error.is(Reason::VersionMoved) => {
                // Perhaps the URL was taken since.
                self.refuse_taken_url(endpoint).await?;
                Err(error)
            }
            written => written,
        }
    }

    async fn delete(&self, tenant: &TenantId, id: &EndpointId) -> Result<()> {
        let key = Key::endpoint(tenant, id);
        for _ in 0..DELETE_TRIES {
            let item = self.table.get(&key).await?.ok_or_else(no_such_endpoint)?;
            let delete = Write::delete(key.clone());
            let writes = match Reader(&item).optional_text(URL)? {
                Some(url) => vec![
                    delete.when("#url = :url").with(":url", text(url)),
                    endpoint_url::free(tenant, id, url),
                ],
                None => vec![delete.when("attribute_exists(#pk)")],
            };
            if let WriteOutcome::Written = self.table.write(&writes).await? {
                return Ok(());
            }
        }
        Err(contention())
    }
}

/// A pull endpoint that nobody reads removes itself.
fn to_item(endpoint: &Endpoint) -> Result<Item> {
    let mut item = json_item::to_item(endpoint)?;
    if let Some(pull) = endpoint.pull() {
        let removed_at = pull.expires_at.seconds() + REMOVED_AFTER_S;
        item.insert(EXPIRES_AT.to_owned(), number(removed_at));
    }
    Ok(item)
}

impl DynamoStore {
    async fn listed(&self, tenant: &TenantId, consistent: bool) -> Result<EndpointList> {
        let range = Range {
            consistent,
            ..Range::prefixed(tenant_partition(tenant), ENDPOINT_PREFIX)
        };
        let items = self.table.query(range).await?;
        let mut list = EndpointList::default();
        for item in &items {
            let id = sort_key(item)
                .unwrap_or_default()
                .trim_start_matches(ENDPOINT_PREFIX);
            list.push(tenant, EndpointId::parse(id)?, json_item::from_item(item));
        }
        Ok(list)
    }

    /// Over the version before, together with these.
    async fn write_endpoint(&self, endpoint: &Endpoint, others: Vec<Write>) -> Result<()> {
        let mark = bytes(CallMark::fresh().as_bytes());
        let mut item = to_item(endpoint)?;
        item.insert(MARK.to_owned(), mark.clone());
        let put = Write::put(Key::endpoint(&endpoint.tenant, &endpoint.id), item);
        let put = match endpoint.version.saturating_sub(1) {
            // Earlier releases counted nothing.
            0 => put.when("attribute_exists(#pk) AND attribute_not_exists(#version)"),
            expected => put
                .when("#version = :expected")
                .with(":expected", number(expected)),
        };
        let writes: Vec<Write> = [put].into_iter().chain(others).collect();
        match self.table.write(&writes).await? {
            WriteOutcome::Written => Ok(()),
            // An earlier try of this very call, whose answer was lost.
            WriteOutcome::Refused(found) if is_marked(&found, &mark) => Ok(()),
            WriteOutcome::Refused(_) => Err(endpoint_changed()),
        }
    }

    /// Returns false if the write was refused, or for lack of room or tries. After losing to
    /// another writer it checks for room before the next attempt: without a place left there is
    /// nothing to compete for.
    async fn write_while_there_is_room(
        &self,
        tenant: &TenantId,
        writes: &[Write],
        most: u64,
        tries: &mut u32,
    ) -> Result<bool> {
        let mut round = 0;
        while *tries < TRIES_MAX {
            *tries += 1;
            if let Some(outcome) = self.table.try_write(writes).await? {
                return Ok(matches!(outcome, WriteOutcome::Written));
            }
            tokio::time::sleep(backoff(round)).await;
            round += 1;
            if Places::get_eventual(&self.table, tenant)
                .await?
                .taken
                .is_some_and(|taken| taken >= most)
            {
                break;
            }
        }
        Ok(false)
    }

    /// How many there are, and how many of them are read.
    async fn count_endpoints(&self, tenant: &TenantId) -> Result<(u64, usize)> {
        let range = Range {
            projection: Some("#sk, #pull"),
            ..Range::prefixed(tenant_partition(tenant), ENDPOINT_PREFIX)
        };
        let there = self.table.query(range).await?;
        let pulled = there.iter().filter(|item| item.contains_key(PULL)).count();
        Ok((there.len() as u64, pulled))
    }
}

/// How many endpoints existed at the last count or were created since: at least as many as exist,
/// because deletions are not counted here. A creation that finds no place left counts again.
struct Places {
    /// `None` before the first count.
    taken: Option<u64>,
    /// Changes with every write to this item.
    version: u64,
}

impl Places {
    async fn read(table: &Table, tenant: &TenantId) -> Result<Self> {
        Self::from_item(
            &table
                .get(&Key::endpoints(tenant))
                .await?
                .unwrap_or_default(),
        )
    }

    /// An eventually consistent read, at half the price.
    async fn get_eventual(table: &Table, tenant: &TenantId) -> Result<Self> {
        Self::from_item(
            &table
                .get_eventual(&Key::endpoints(tenant), None)
                .await?
                .unwrap_or_default(),
        )
    }

    fn from_item(item: &Item) -> Result<Self> {
        let reader = Reader(item);
        let version = reader.optional_number(VERSION)?.unwrap_or(0);
        Ok(Self {
            taken: reader.optional_number(TAKEN)?,
            version,
        })
    }

    /// Takes one of `most` places. A pull endpoint takes it only if nobody else took one since they
    /// were counted.
    fn take(&self, tenant: &TenantId, most: u64, is_pull: bool) -> Write {
        let taken = Write::update(Key::endpoints(tenant))
            .when("#taken < :most")
            .with(":most", number(most));
        let taken = if is_pull {
            taken
                .and("#version = :was")
                .with(":was", number(self.version))
        } else {
            taken
        };
        taken
            .increase(TAKEN, number(1))
            .increase(VERSION, number(1))
    }

    /// Stores a new count, unless somebody took a place since this was read.
    fn recounted(&self, tenant: &TenantId, there: u64) -> Write {
        let counted = Write::update(Key::endpoints(tenant));
        let counted = match self.taken {
            None => counted.when("attribute_not_exists(#taken)"),
            Some(_) => counted
                .when("#version = :was")
                .with(":was", number(self.version)),
        };
        counted
            .set(TAKEN, number(there))
            .set(VERSION, number(self.version + 1))
    }
}
