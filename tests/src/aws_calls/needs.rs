//! Which permissions a call needs.

use axum::http::{HeaderMap, Method, Uri};
use serde_json::Value;
use url::form_urlencoded;

use super::policy::Need;

pub(super) const ACCOUNT: &str = "000000000000";
const REGION: &str = "us-east-1";

/// One request as it came.
pub(super) struct Asked<'a> {
    pub(super) method: &'a Method,
    pub(super) uri: &'a Uri,
    pub(super) headers: &'a HeaderMap,
    pub(super) body: &'a [u8],
}

impl Asked<'_> {
    /// As in an IAM policy, but that a transaction or a batch is itself.
    pub(super) fn action(&self) -> String {
        let target = self.header("x-amz-target").unwrap_or_default();
        match target.split_once('.') {
            Some(("AmazonSQS", operation)) => format!("sqs:{operation}"),
            Some(("secretsmanager", operation)) => format!("secretsmanager:{operation}"),
            Some((service, operation)) if service.starts_with("DynamoDB") => {
                format!("dynamodb:{operation}")
            }
            _ if self.body.starts_with(b"Action=") => {
                format!("sts:{}", self.form("Action").unwrap_or_default())
            }
            _ => self.s3_action().to_owned(),
        }
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// A field of a body that is a form.
    pub(super) fn form(&self, name: &str) -> Option<String> {
        let mut fields = form_urlencoded::parse(self.body);
        let found = fields.find(|(field, _)| field == name);
        found.map(|(_, value)| value.into_owned())
    }

    /// The access key that signed it, in a header or, presigned, in the URL.
    pub(super) fn access_key(&self) -> Option<String> {
        let query = self.uri.query().unwrap_or_default();
        let presigned = form_urlencoded::parse(query.as_bytes())
            .find(|(name, _)| name == "X-Amz-Credential")
            .map(|(_, credential)| credential.into_owned());
        let header = self.header("authorization");
        let signed = header.and_then(|it| it.split_once("Credential="));
        let credential = presigned.or_else(|| Some(signed?.1.to_owned()))?;
        Some(credential.split('/').next()?.to_owned())
    }

    fn s3_action(&self) -> &'static str {
        let is_object = self.key().is_some();
        let is_upload = self.uri.query().is_some_and(|it| it.contains("uploadId="));
        match *self.method {
            Method::PUT | Method::POST if is_object => "s3:PutObject",
            Method::GET | Method::HEAD if is_object => "s3:GetObject",
            Method::DELETE if is_object && is_upload => "s3:AbortMultipartUpload",
            Method::DELETE if is_object => "s3:DeleteObject",
            Method::GET | Method::HEAD => "s3:ListBucket",
            _ => "s3:Unknown",
        }
    }

    /// Of an object in a path such as `/bucket/key`.
    fn key(&self) -> Option<&str> {
        let (_, key) = self.uri.path().trim_start_matches('/').split_once('/')?;
        (!key.is_empty()).then_some(key)
    }

    /// A transaction is allowed by the actions of its items, and a batch of messages by that of
    /// one.
    /// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis-iam.html>
    pub(super) fn needs(&self, action: &str, question: &Value) -> Vec<Need> {
        let (service, _) = action.split_once(':').expect("an action has a service");
        let mut needs = match (service, action) {
            (_, "dynamodb:TransactWriteItems" | "dynamodb:TransactGetItems") => {
                let items = question["TransactItems"].as_array().into_iter().flatten();
                let parts = items.filter_map(|item| item.as_object()?.iter().next());
                parts
                    .map(|(kind, it)| need(&format!("dynamodb:{kind}Item"), &table(it)))
                    .collect()
            }
            (_, "dynamodb:BatchGetItem") => {
                let tables = question["RequestItems"].as_object().into_iter().flatten();
                tables
                    .map(|(name, _)| need(action, &table_named(name)))
                    .collect()
            }
            ("dynamodb", _) => vec![need(action, &table(question))],
            ("sqs", _) => {
                let url = question["QueueUrl"].as_str().unwrap_or_default();
                let name = url.rsplit('/').next().unwrap_or_default();
                vec![need(action.trim_end_matches("Batch"), &queue_named(name))]
            }
            ("secretsmanager", _) => vec![need(action, &secret(question))],
            ("sts", _) => vec![need(action, &self.form("RoleArn").unwrap_or_default())],
            _ => {
                let path = self.uri.path().trim_start_matches('/');
                vec![need(action, &format!("arn:aws:s3:::{path}"))]
            }
        };
        needs.sort();
        needs.dedup();
        needs
    }
}

pub(super) fn need(action: &str, resource: &str) -> Need {
    Need {
        action: action.to_owned(),
        resource: resource.to_owned(),
    }
}

/// The ARN of a queue of the account.
pub fn queue_named(name: &str) -> String {
    format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{name}")
}

/// The ARN of a stream in a group of logs.
pub fn log_stream_of(group: &str) -> String {
    format!("arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{group}:log-stream:1")
}

fn table(request: &Value) -> String {
    let table = table_named(request["TableName"].as_str().unwrap_or_default());
    match request["IndexName"].as_str() {
        Some(index) => format!("{table}/index/{index}"),
        None => table,
    }
}

fn table_named(name: &str) -> String {
    format!("arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{name}")
}

/// Secrets Manager ends an ARN in six characters of its own.
fn secret(request: &Value) -> String {
    let id = request["SecretId"].as_str().unwrap_or_default();
    if id.starts_with("arn:") {
        return id.to_owned();
    }
    format!("arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{id}-AbCdEf")
}
