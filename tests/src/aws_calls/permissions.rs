//! The roles of all functions, the sessions of tenants' roles, and which grants were used.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use serde_json::Value;
use url::form_urlencoded;

use super::needs::{ACCOUNT, Asked, need};
use super::policy::{Facts, Grant, Need, Policy};

/// The role and the session's policy of an `AssumeRole`.
pub(super) struct Assumed {
    pub(super) role: String,
    pub(super) policy: Option<String>,
}

/// What a function signs with; any other key is that of a session, or of a tenant's store.
const OWN_KEY: &str = "test";

/// A secret that lies under a key of the operator's: who reads one needs the other.
/// <https://docs.aws.amazon.com/secretsmanager/latest/userguide/security-encryption.html>
#[derive(Debug, Clone)]
pub struct UnderKey {
    pub secret: String,
    pub key: String,
}

/// It may do what both allow.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies.html#policies_session>
#[derive(Debug, Clone, Default)]
struct Session {
    role: Option<Policy>,
    /// What it was assumed with.
    own: Option<Policy>,
}

impl Session {
    fn lacking(&self, needs: &[Need]) -> Option<Need> {
        let policies = [&self.role, &self.own].into_iter().flatten();
        let mut lacking = policies.flat_map(|policy| {
            let denied = |need: &&Need| policy.allowing(need, &facts()).is_empty();
            needs.iter().filter(denied).cloned()
        });
        lacking.next()
    }
}

#[derive(Default)]
pub(super) struct Permissions {
    roles: Mutex<BTreeMap<String, Policy>>,
    /// By access key. A role that this account does not have is its owner's business.
    sessions: Mutex<BTreeMap<String, Session>>,
    used: Mutex<BTreeSet<(String, Grant)>>,
    under_key: Option<UnderKey>,
}

impl Permissions {
    pub(super) fn new(under_key: Option<UnderKey>) -> Self {
        Self {
            under_key,
            ..Self::default()
        }
    }

    pub(super) fn set(&self, function: &str, policy: Policy) {
        let mut roles = self.roles.lock().unwrap();
        roles.insert(function.to_owned(), policy);
    }

    /// Nothing for a function whose role nobody told.
    pub(super) fn of(&self, function: &str) -> Option<Policy> {
        self.roles.lock().unwrap().get(function).cloned()
    }

    /// What a function was granted and nothing has used yet.
    pub(super) fn unused(&self, function: &str) -> Vec<Grant> {
        let used = self.used.lock().unwrap();
        let policy = self.of(function).unwrap_or_default();
        let mut grants = policy.grants();
        grants.retain(|grant| !used.contains(&(function.to_owned(), grant.clone())));
        grants
    }

    /// The first that the function's role does not allow; without a role all is allowed.
    pub(super) fn check(&self, function: &str, needs: &[Need]) -> Result<(), Need> {
        let Some(policy) = self.of(function) else {
            return Ok(());
        };
        for need in needs {
            let grants = policy.allowing(need, &facts());
            if grants.is_empty() {
                return Err(need.clone());
            }
            let mut used = self.used.lock().unwrap();
            for grant in grants {
                if used.insert((function.to_owned(), grant.clone())) {
                    note(function, &grant);
                }
            }
        }
        Ok(())
    }

    /// The same of a call, by whoever signed it.
    pub(super) fn check_call(
        &self,
        function: &str,
        asked: &Asked<'_>,
        needs: &[Need],
    ) -> Result<(), Need> {
        let key = asked.access_key().unwrap_or_default();
        if key == OWN_KEY {
            return self.check(function, needs);
        }
        let session = self.sessions.lock().unwrap().get(&key).cloned();
        let denied = session.unwrap_or_default().lacking(needs);
        denied.map_or(Ok(()), Err)
    }

    /// With what the key of the secret is needed for.
    pub(super) fn with_key(&self, mut needs: Vec<Need>) -> Vec<Need> {
        let Some(it) = &self.under_key else {
            return needs;
        };
        let on_key: &[&str] = match needs.iter().find(|need| need.resource == it.secret) {
            Some(need) if need.action.ends_with(":GetSecretValue") => &["kms:Decrypt"],
            Some(need) if need.action.ends_with(":PutSecretValue") => {
                &["kms:Decrypt", "kms:GenerateDataKey"]
            }
            _ => &[],
        };
        needs.extend(on_key.iter().map(|action| need(action, &it.key)));
        needs
    }

    /// A role was assumed: its session may do what the role may, and its own policy allows.
    pub(super) async fn assumed(
        &self,
        http: &reqwest::Client,
        aws: &str,
        asked: &Assumed,
        answer: &[u8],
    ) {
        let answer = String::from_utf8_lossy(answer).into_owned();
        let Some(key) = element(&answer, "AccessKeyId") else {
            return;
        };
        let own = asked.policy.as_deref().map(|written| {
            let document = serde_json::from_str(written).expect("a policy is JSON");
            Policy::of(&[document])
        });
        let role = policy_of(http, aws, &asked.role).await;
        let session = Session { role, own };
        self.sessions.lock().unwrap().insert(key, session);
    }
}

/// A line for each permission that a test is the first of its stack to use, in the file that
/// `TEST_GRANTS` names: which tests use what.
fn note(function: &str, grant: &Grant) {
    use std::io::Write as _;
    let Some(path) = std::env::var_os("TEST_GRANTS") else {
        return;
    };
    let file = std::fs::OpenOptions::new()
        .append(true)
        .create(true)
        .open(path);
    let line = format!("{function} {} {}\n", grant.action, grant.resource);
    file.and_then(|mut file| file.write_all(line.as_bytes()))
        .expect("TEST_GRANTS names a file that can be written");
}

/// Every bucket here is the account's own.
fn facts() -> Facts {
    [("s3:ResourceAccount", ACCOUNT.to_owned())].into()
}

/// The policies of a role, if the account has one of that name.
async fn policy_of(http: &reqwest::Client, aws: &str, role: &str) -> Option<Policy> {
    let name = role.rsplit('/').next().unwrap_or_default();
    let names = iam(
        http,
        aws,
        &[("Action", "ListRolePolicies"), ("RoleName", name)],
    )
    .await?;
    let members = names.split("<member>").skip(1);
    let mut documents = Vec::new();
    for policy in members.filter_map(|rest| rest.split("</member>").next()) {
        let call = [
            ("Action", "GetRolePolicy"),
            ("RoleName", name),
            ("PolicyName", policy),
        ];
        let document = element(&iam(http, aws, &call).await?, "PolicyDocument")?;
        documents.push(decoded(&document));
    }
    Some(Policy::of(&documents))
}

async fn iam(http: &reqwest::Client, aws: &str, call: &[(&str, &str)]) -> Option<String> {
    let body = {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.extend_pairs(call).append_pair("Version", "2010-05-08");
        form.finish()
    };
    let signed = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/iam/aws4_request";
    let request = http
        .post(aws)
        .header("authorization", signed)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(body);
    let answer = request.send().await.expect("ministack answers");
    let found = answer.status().is_success();
    let text = answer.text().await.expect("ministack ends its answers");
    found.then_some(text)
}

/// A document is percent-encoded, or its quotes are XML's.
fn decoded(document: &str) -> Value {
    let plain = match document.starts_with('%') {
        true => {
            let pairs = format!("d={document}");
            let mut pairs = form_urlencoded::parse(pairs.as_bytes());
            pairs
                .next()
                .map(|(_, value)| value.into_owned())
                .unwrap_or_default()
        }
        false => document.replace("&quot;", "\"").replace("&amp;", "&"),
    };
    serde_json::from_str(&plain).unwrap_or_else(|error| panic!("{error}: {plain}"))
}

fn element(xml: &str, name: &str) -> Option<String> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    let (text, _) = rest.split_once(&format!("</{name}>"))?;
    Some(text.to_owned())
}
