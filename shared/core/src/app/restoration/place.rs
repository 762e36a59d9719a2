//! Where a restoration goes on, as a text that a client hands back.

use std::fmt;

use crate::base::error::{Error, Result};
use crate::base::id::{TaskId, TenantId};

/// After this tenant; or, if a task is named, after that task of the tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) tenant: TenantId,
    pub(super) task: Option<TaskId>,
}

impl Place {
    /// Kind `Invalid` with code `invalid_cursor`.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let (tenant, task) = match text.split_once('/') {
            Some((tenant, task)) => (tenant, Some(task)),
            None => (text, None),
        };
        Ok(Self {
            tenant: TenantId::parse(tenant).map_err(|_| Error::invalid_cursor())?,
            task: task
                .map(TaskId::parse)
                .transpose()
                .map_err(|_| Error::invalid_cursor())?,
        })
    }

    /// True if something of the tenant is left.
    pub(super) fn is_before_end_of(&self, tenant: &TenantId) -> bool {
        *tenant > self.tenant || (*tenant == self.tenant && self.task.is_some())
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.task {
            Some(task) => write!(f, "{}/{task}", self.tenant),
            None => write!(f, "{}", self.tenant),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_as_it_was_written_and_nothing_else_is_one() {
        let tenant = TenantId::parse("acme").unwrap();
        let task = TaskId::parse(&"0".repeat(32)).unwrap();
        let within = Place {
            tenant: tenant.clone(),
            task: Some(task),
        };
        let after = Place { tenant, task: None };

        for place in [&within, &after] {
            assert_eq!(Place::parse(&place.to_string()).unwrap(), *place);
        }
        for text in ["", "/", "acme/", "acme/x", "Not a tenant"] {
            assert_eq!(Place::parse(text).unwrap_err().code, "invalid_cursor");
        }
        let [acme, zoo] = ["acme", "zoo"].map(|name| TenantId::parse(name).unwrap());
        assert!(within.is_before_end_of(&acme) && !after.is_before_end_of(&acme));
        assert!(after.is_before_end_of(&zoo));
    }
}
