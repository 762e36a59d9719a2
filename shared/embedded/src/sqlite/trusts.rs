//! The issuers that tenants trust, found by issuer or by what a token claims.

use std::collections::BTreeSet;

use fluxgate_core::Result;
use fluxgate_core::id::TenantId;
use fluxgate_core::tenant::{ClaimPath, FittingTrusts, Tenant, Trust};
use rusqlite::{Connection, params};
use serde_json::{Map, Value};

use super::error::{database, parsed, unwritable};
use super::readers::Readers;

/// As the index `trusts_by_claim` has them.
macro_rules! path {
    () => {
        "iif(json_valid(body), CAST(ifnull(body ->> '$.claim.name', '') AS TEXT), '')"
    };
}
macro_rules! value {
    () => {
        "iif(json_valid(body), CAST(ifnull(body ->> '$.claim.value', '') AS TEXT), '')"
    };
}

const OF_ISSUER: &str = "SELECT tenant, body FROM trusts WHERE issuer = ?1 ORDER BY tenant, n";

/// From one path to the next, so that each costs one look into the index.
const ASKED: &str = concat!(
    "WITH RECURSIVE asked (path) AS (
       SELECT (SELECT ",
    path!(),
    " AS path FROM trusts WHERE issuer = ?1 ORDER BY path LIMIT 1)
       UNION ALL
       SELECT (SELECT ",
    path!(),
    " AS path FROM trusts WHERE issuer = ?1 AND ",
    path!(),
    " > asked.path ORDER BY path LIMIT 1) FROM asked WHERE asked.path IS NOT NULL)
     SELECT path FROM asked WHERE path IS NOT NULL"
);

/// Unasked the planner takes the table's own order, and with it every row of the issuer.
const BY_CLAIM: &str = concat!(
    "SELECT tenant, body FROM trusts INDEXED BY trusts_by_claim WHERE issuer = ?1 AND ",
    path!(),
    " = ?2 AND ",
    value!(),
    " = ?3"
);

type Row = (String, String);

/// As [`TenantStore::trusting`](fluxgate_core::port::TenantStore::trusting).
pub(super) fn of_issuer(readers: &Readers, issuer: &str) -> Result<Vec<(TenantId, Trust)>> {
    let rows = readers.rows(OF_ISSUER, params![issuer], |row| {
        Ok((row.get(0)?, row.get(1)?))
    })?;
    Ok(rows.iter().filter_map(readable).collect())
}

/// As [`TenantStore::fitting`](fluxgate_core::port::TenantStore::fitting).
pub(super) fn fitting(
    readers: &Readers,
    issuer: &str,
    claims: &Map<String, Value>,
) -> Result<FittingTrusts> {
    let (asked, rows) = readers.snapshot(|connection| found(connection, issuer, claims))?;
    let asked = asked.iter().filter_map(|path| ClaimPath::parse(path).ok());
    Ok(FittingTrusts {
        asked: asked.collect(),
        fitting: rows.iter().filter_map(readable).collect(),
    })
}

fn found(
    connection: &Connection,
    issuer: &str,
    claims: &Map<String, Value>,
) -> rusqlite::Result<(Vec<String>, Vec<Row>)> {
    let mut asked: Vec<String> = connection
        .prepare_cached(ASKED)?
        .query_map(params![issuer], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    let mut rows = by_claim(connection, issuer, "", "")?;
    asked.retain(|path| !path.is_empty());
    for path in &asked {
        let values = ClaimPath::parse(path).map(|path| path.values(claims));
        let values: BTreeSet<String> = values.unwrap_or_default().into_iter().collect();
        for value in &values {
            rows.extend(by_claim(connection, issuer, path, value)?);
        }
    }
    Ok((asked, rows))
}

fn by_claim(
    connection: &Connection,
    issuer: &str,
    path: &str,
    value: &str,
) -> rusqlite::Result<Vec<Row>> {
    connection
        .prepare_cached(BY_CLAIM)?
        .query_map(params![issuer, path, value], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?
        .collect()
}

/// A trust that cannot be read grants nothing; other tenants that trust the issuer are unaffected.
fn readable(row: &Row) -> Option<(TenantId, Trust)> {
    trust(row)
        .inspect_err(|error| {
            tracing::error!(
                tenant.id = row.0,
                error = error.with_causes(),
                "a stored trust cannot be read and is ignored; set it again"
            );
        })
        .ok()
}

fn trust((tenant, body): &Row) -> Result<(TenantId, Trust)> {
    Ok((
        TenantId::parse(tenant)?,
        parsed(body, format_args!("trust of tenant '{tenant}'"))?,
    ))
}

/// Writes the tenant's trusts, unless a token of its issuers could speak for another tenant.
pub(super) fn write(connection: &Connection, tenant: &Tenant) -> Result<()> {
    for own in &tenant.trust {
        let rows = alike(connection, own).map_err(database("read trusts"))?;
        let others: Vec<(TenantId, Trust)> = rows.iter().map(trust).collect::<Result<_>>()?;
        Trust::check_ambiguity(&tenant.id, &tenant.trust, &own.issuer, &others)?;
    }
    for (n, trust) in tenant.trust.iter().enumerate() {
        let body = serde_json::to_string(trust).map_err(unwritable)?;
        connection
            .execute(
                "INSERT INTO trusts (issuer, tenant, n, body) VALUES (?1, ?2, ?3, ?4)",
                params![
                    trust.issuer,
                    tenant.id.as_str(),
                    i64::try_from(n).unwrap_or(i64::MAX),
                    body
                ],
            )
            .map_err(database("write a tenant"))?;
    }
    Ok(())
}

/// The trusts of the issuer that could want the same of a token: those that ask for no claim, and
/// those that ask for this one's; for a trust without a claim all.
fn alike(connection: &Connection, own: &Trust) -> rusqlite::Result<Vec<Row>> {
    let Some(claim) = &own.claim else {
        let mut all = connection.prepare_cached(OF_ISSUER)?;
        let rows = all.query_map(params![own.issuer], |row| Ok((row.get(0)?, row.get(1)?)))?;
        return rows.collect();
    };
    let mut rows = by_claim(connection, &own.issuer, "", "")?;
    // As it is written, and as a pointer, which earlier releases kept for it.
    let written = [claim.path.to_string(), claim.path.pointer()];
    for path in BTreeSet::from(written) {
        rows.extend(by_claim(connection, &own.issuer, &path, &claim.value)?);
    }
    Ok(rows)
}

pub(super) fn remove(connection: &Connection, tenant: &TenantId) -> Result<()> {
    connection
        .execute(
            "DELETE FROM trusts WHERE tenant = ?1",
            params![tenant.as_str()],
        )
        .map(drop)
        .map_err(database("write a tenant"))
}

#[cfg(test)]
mod tests {
    use rusqlite::StatementStatus;
    use serde_json::json;

    use super::*;
    use crate::sqlite::connection::open_for_writing;

    const ISSUER: &str = "https://issuer.example";

    fn folder_of(tenants: usize) -> (tempfile::TempDir, Connection) {
        let folder = tempfile::tempdir().unwrap();
        let connection = open_for_writing(&folder.path().join("fluxgate.db")).unwrap();
        connection.execute_batch("BEGIN").unwrap();
        for n in 0..tenants {
            let claim = if n % 2 == 0 { "org" } else { "team" };
            let body = json!({
                "issuer": ISSUER, "audience": "fluxgate", "keys": "oidc",
                "claim": {"name": claim, "value": format!("v{n}")},
            });
            connection
                .prepare_cached(
                    "INSERT INTO trusts (issuer, tenant, n, body) VALUES (?1, ?2, 0, ?3)",
                )
                .unwrap()
                .execute(params![ISSUER, format!("t{n}"), body.to_string()])
                .unwrap();
        }
        connection.execute_batch("COMMIT").unwrap();
        (folder, connection)
    }

    /// The steps of SQLite's machine that the statement took until now.
    fn steps(connection: &Connection, sql: &str) -> i32 {
        let statement = connection.prepare_cached(sql).unwrap();
        statement.get_status(StatementStatus::VmStep)
    }

    #[test]
    fn a_token_finds_its_trust_among_5000_tenants_in_as_many_steps_as_among_50() {
        let claims = json!({"org": ["v2", "v4"], "team": "v3"});
        let steps = [50, 5_000].map(|tenants| {
            let (_folder, connection) = folder_of(tenants);

            let (asked, rows) = found(&connection, ISSUER, claims.as_object().unwrap()).unwrap();

            assert_eq!(asked, ["org", "team"]);
            let tenants: Vec<&str> = rows.iter().map(|row| row.0.as_str()).collect();
            assert_eq!(tenants, ["t2", "t4", "t3"]);
            [ASKED, BY_CLAIM].map(|sql| steps(&connection, sql))
        });

        assert_eq!(steps[0], steps[1]);
        assert!(
            steps[0].iter().all(|steps| (1..300).contains(steps)),
            "{steps:?}"
        );
    }
}
