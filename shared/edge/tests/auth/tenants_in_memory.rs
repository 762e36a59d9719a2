//! Tenants in a map, changed by the tests as another process would.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use fluxgate_core::id::{AuditId, TenantId};
use fluxgate_core::port::TenantStore;
use fluxgate_core::tenant::{
    AuditEntry, Destination, FittingTrusts, Tenant, TenantState, Trust, TrustIndex,
};
use fluxgate_core::time::Timestamp;
use fluxgate_core::{Error, Result};
use serde_json::{Map, Value};

#[derive(Default)]
pub(crate) struct TenantsInMemory {
    tenants: Mutex<BTreeMap<TenantId, Tenant>>,
    /// Trusts whose tenant is gone.
    orphans: Mutex<Vec<(TenantId, Trust)>>,
    reads: AtomicUsize,
}

impl TenantsInMemory {
    pub(crate) fn add(&self, id: &str, trust: Trust) {
        let tenant = tenant(id, vec![trust]);
        self.tenants
            .lock()
            .unwrap()
            .insert(tenant.id.clone(), tenant);
    }

    pub(crate) fn suspend(&self, id: &str) {
        let id = TenantId::parse(id).unwrap();
        self.tenants.lock().unwrap().get_mut(&id).unwrap().state = TenantState::Suspended;
    }

    /// Takes the tenant away and leaves its trust behind.
    pub(crate) fn orphan(&self, id: &str) {
        let id = TenantId::parse(id).unwrap();
        let tenant = self.tenants.lock().unwrap().remove(&id).unwrap();
        self.orphans
            .lock()
            .unwrap()
            .extend(tenant.trust.into_iter().map(|trust| (id.clone(), trust)));
    }

    /// How often `trusting` was asked.
    pub(crate) fn reads(&self) -> usize {
        self.reads.load(Ordering::SeqCst)
    }
}

fn tenant(id: &str, trust: Vec<Trust>) -> Tenant {
    Tenant {
        id: TenantId::parse(id).unwrap(),
        created_at: Timestamp(0),
        state: TenantState::Active,
        trust,
        destination: Destination {
            bucket: "bucket".to_owned(),
            ..Destination::default()
        },
        destinations_before: Vec::new(),
        webhook_secret: serde_json::from_value("whsec_x".into()).unwrap(),
        webhook_secrets_before: Vec::new(),
        version: 1,
        prices: fluxgate_core::money::PriceBook::default(),
        limits: fluxgate_core::tenant::Limits::default(),
        unarchived: fluxgate_core::tenant::UnarchivedOutputs::default(),
        retention: fluxgate_core::tenant::RetentionDays::default(),
        keys: Vec::new(),
    }
}

#[async_trait]
impl TenantStore for TenantsInMemory {
    async fn create(&self, tenant: &Tenant, _: &AuditEntry) -> Result<()> {
        self.tenants
            .lock()
            .unwrap()
            .insert(tenant.id.clone(), tenant.clone());
        Ok(())
    }

    async fn reseal(&self, tenant: &Tenant) -> Result<()> {
        let mut tenants = self.tenants.lock().unwrap();
        tenants.insert(tenant.id.clone(), tenant.clone());
        Ok(())
    }

    async fn update(&self, tenant: &Tenant, entry: &AuditEntry) -> Result<()> {
        self.create(tenant, entry).await
    }

    async fn delete(&self, id: &TenantId, _: u64, _: &AuditEntry) -> Result<()> {
        self.tenants.lock().unwrap().remove(id);
        Ok(())
    }

    async fn get(&self, id: &TenantId) -> Result<Tenant> {
        self.get(id).await
    }

    /// Authentication writes no log.
    async fn record(&self, _: &AuditEntry) -> Result<()> {
        Ok(())
    }

    async fn audit_log(&self, _: Option<&AuditId>, _: usize) -> Result<Vec<AuditEntry>> {
        Ok(Vec::new())
    }

    async fn get_eventual(&self, id: &TenantId) -> Result<Arc<Tenant>> {
        self.tenants
            .lock()
            .unwrap()
            .get(id)
            .cloned()
            .map(Arc::new)
            .ok_or_else(|| Error::not_found("no such tenant"))
    }

    async fn list(&self) -> Result<Vec<Tenant>> {
        Ok(self.tenants.lock().unwrap().values().cloned().collect())
    }

    async fn ids(&self) -> Result<Vec<TenantId>> {
        Ok(self.tenants.lock().unwrap().keys().cloned().collect())
    }

    async fn fitting(&self, issuer: &str, claims: &Map<String, Value>) -> Result<FittingTrusts> {
        let trusts = self.trusting(issuer).await?;
        Ok(TrustIndex::new(trusts).fitting(claims))
    }

    async fn trusting(&self, issuer: &str) -> Result<Vec<(TenantId, Trust)>> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        let tenants = self.tenants.lock().unwrap();
        let living = tenants.values().flat_map(|tenant| {
            tenant
                .trust
                .iter()
                .map(|trust| (tenant.id.clone(), trust.clone()))
        });
        let all = living.chain(self.orphans.lock().unwrap().clone());
        // As a database with a lenient collation might: the comparison that counts is the
        // authenticator's.
        Ok(all
            .filter(|(_, trust)| trust.issuer.eq_ignore_ascii_case(issuer))
            .collect())
    }
}
