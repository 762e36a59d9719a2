//! Signature Version 4 as the platform checks it in front of a function URL, and as an operator
//! signs. Written from its description, so that it is not the client's own code that judges.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>

use aws_lc_rs::hmac::{HMAC_SHA256, Key, sign};
use axum::http::HeaderMap;
use fluxgate_core::digest::sha256;
use fluxgate_core::port::{Clock as _, SystemClock};
use fluxgate_core::time::Timestamp;
use url::Url;
use url::form_urlencoded;

/// The keys of the operator who may call the admin function.
pub const ACCESS_KEY: &str = "AKIDOPERATOR";
pub const SECRET_KEY: &str = "operator/secret+key";

const REGION: &str = "us-east-1";
const SERVICE: &str = "lambda";
const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// How far a signature's time may be from the platform's.
const SKEW_MS: u64 = 300_000;

/// What is signed.
pub struct Signable<'a> {
    pub method: &'a str,
    pub path: &'a str,
    pub query: &'a str,
    pub headers: &'a HeaderMap,
    pub body: &'a [u8],
}

/// The reason why the platform would refuse it.
pub fn check(request: &Signable<'_>) -> Result<(), &'static str> {
    let header = |name: &str| request.headers.get(name)?.to_str().ok();
    let authorization = header("authorization").ok_or("Forbidden")?;
    let rest = authorization.strip_prefix(ALGORITHM).ok_or("Forbidden")?;
    let part = |name: &str| {
        let mut parts = rest.split(',').map(str::trim);
        parts.find_map(|part| part.strip_prefix(name)?.strip_prefix('='))
    };
    let credential = part("Credential").ok_or("Forbidden")?;
    let signed = part("SignedHeaders").ok_or("Forbidden")?;
    let date = header("x-amz-date").ok_or("Forbidden")?;
    let (key, scope) = credential.split_once('/').ok_or("Forbidden")?;
    if key != ACCESS_KEY {
        return Err("The security token included in the request is invalid.");
    }
    if scope != scope_of(date) {
        return Err("Credential should be scoped to a valid region and to service 'lambda'.");
    }
    let names: Vec<&str> = signed.split(';').collect();
    if !names.contains(&"host") || !names.contains(&"x-amz-date") {
        return Err("Forbidden");
    }
    let now = SystemClock.now();
    let at = time(date).ok_or("Forbidden")?;
    if at.since_ms(now).max(now.since_ms(at)) > SKEW_MS {
        return Err("Signature expired");
    }
    let mistaken = "The request signature we calculated does not match the signature you provided.";
    let made = signature(request, &names, date);
    (part("Signature") == Some(&made))
        .then_some(())
        .ok_or(mistaken)
}

/// The headers by which the operator signs a call.
pub fn signed(method: &str, url: &str, body: &[u8]) -> Vec<(&'static str, String)> {
    let url = Url::parse(url).expect("a test calls a URL");
    let date = compact(SystemClock.now());
    let host = &url[url::Position::BeforeHost..url::Position::AfterPort];
    let mut headers = HeaderMap::new();
    headers.insert("host", host.parse().expect("a host is a header"));
    headers.insert("x-amz-date", date.parse().expect("a time is a header"));
    let request = Signable {
        method,
        path: url.path(),
        query: url.query().unwrap_or_default(),
        headers: &headers,
        body,
    };
    let signature = signature(&request, &["host", "x-amz-date"], &date);
    let authorization = format!(
        "{ALGORITHM} Credential={ACCESS_KEY}/{}, SignedHeaders=host;x-amz-date, Signature={signature}",
        scope_of(&date)
    );
    vec![("x-amz-date", date), ("authorization", authorization)]
}

fn signature(request: &Signable<'_>, names: &[&str], date: &str) -> String {
    let text = format!(
        "{ALGORITHM}\n{date}\n{}\n{}",
        scope_of(date),
        hex(&sha256(canonical(request, names).as_bytes()))
    );
    let first = format!("AWS4{SECRET_KEY}").into_bytes();
    let parts = [&date[..8], REGION, SERVICE, "aws4_request", &text];
    let last = parts.iter().fold(first, |key, part| {
        let key = Key::new(HMAC_SHA256, &key);
        sign(&key, part.as_bytes()).as_ref().to_vec()
    });
    hex(&last)
}

fn canonical(request: &Signable<'_>, names: &[&str]) -> String {
    let mut query: Vec<(String, String)> = form_urlencoded::parse(request.query.as_bytes())
        .map(|(name, value)| (encoded(&name, false), encoded(&value, false)))
        .collect();
    query.sort();
    let query: Vec<String> = query
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let value = |name: &str| {
        let value = request
            .headers
            .get(name)
            .and_then(|value| value.to_str().ok());
        value.unwrap_or_default().trim().to_owned()
    };
    let headers: String = names
        .iter()
        .map(|name| format!("{name}:{}\n", value(name)))
        .collect();
    format!(
        "{}\n{}\n{}\n{headers}\n{}\n{}",
        request.method,
        encoded(request.path, true),
        query.join("&"),
        names.join(";"),
        hex(&sha256(request.body))
    )
}

fn encoded(text: &str, keeps_slashes: bool) -> String {
    let plain = |byte: u8| {
        byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || (keeps_slashes && byte == b'/')
    };
    text.bytes()
        .map(|byte| match plain(byte) {
            true => char::from(byte).to_string(),
            false => format!("%{byte:02X}"),
        })
        .collect()
}

fn scope_of(date: &str) -> String {
    let day = date.get(..8).unwrap_or_default();
    format!("{day}/{REGION}/{SERVICE}/aws4_request")
}

/// `20261128T123456Z`
fn compact(at: Timestamp) -> String {
    let plain = at.rfc3339().replace(['-', ':'], "");
    format!("{}Z", &plain[..15])
}

fn time(compact: &str) -> Option<Timestamp> {
    let part = |range| compact.get(range);
    let day = format!("{}-{}-{}", part(0..4)?, part(4..6)?, part(6..8)?);
    let time = format!("{}:{}:{}", part(9..11)?, part(11..13)?, part(13..15)?);
    Timestamp::from_rfc3339(&format!("{day}T{time}Z"))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
