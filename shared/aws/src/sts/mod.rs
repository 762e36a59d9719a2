//! Roles of tenants, assumed with their ExternalId.
