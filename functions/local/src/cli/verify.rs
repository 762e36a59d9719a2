//! `fluxgate verify`: whether a callback is signed as it should be, and if not, which part is
//! wrong. Calls nobody.

use std::fmt::Display;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::Args;
use fluxgate_core::id::EventId;
use fluxgate_core::json::{self, JsonBounds};
use fluxgate_core::port::{Clock as _, SystemClock};
use fluxgate_core::secret::Secret;
use fluxgate_core::time::Timestamp;
use fluxgate_core::webhook::{SignedHeaders, standard, v3};
use serde::Deserialize;
use serde_json::json;

use super::exit::usage;
use super::print::{Facts, PrintArgs};
use super::variables::{ENDPOINT_SECRET, variable};

/// A callback is small; whoever names another file is told so.
const BODY_BYTES_MAX: u64 = 16 * 1024 * 1024;

#[derive(Args)]
#[command(after_help = "\
Examples:
  fluxgate verify body.json --secret whsec_… --id evt_… --timestamp 1760000000 --signature 'v1,…'
  curl -s $JWKS_URL > keys.json
  fluxgate verify body.json --jwks keys.json --id evt_… --timestamp 1760000000 --signature 'v1a,…'

The three headers are webhook-id, webhook-timestamp and webhook-signature. The body is every byte \
as it came: parsed and written again it has another signature.")]
pub(super) struct VerifyArgs {
    /// The body as it came, '-' for standard input
    #[arg(default_value = "-", value_name = "FILE")]
    body: PathBuf,
    /// The header webhook-id
    #[arg(long)]
    id: String,
    /// The header webhook-timestamp
    #[arg(long, allow_hyphen_values = true)]
    timestamp: String,
    /// The header webhook-signature
    #[arg(long)]
    signature: String,
    /// A secret of the endpoint, for v1; may be repeated. That of the tenant for v3
    /// [env: FLUXGATE_ENDPOINT_SECRET]
    #[arg(long)]
    secret: Vec<String>,
    /// The endpoint's published keys, for v1a
    #[arg(long, value_name = "FILE")]
    jwks: Option<PathBuf>,
    /// How far the timestamp may be from now, in seconds
    #[arg(long, default_value = "300", value_name = "S")]
    tolerance: u64,
    #[command(flatten)]
    print: PrintArgs,
}

impl VerifyArgs {
    fn secrets(&self) -> Result<Vec<Secret>> {
        if !self.secret.is_empty() {
            return Ok(self.secret.iter().map(Secret::new).collect());
        }
        let secret = variable(ENDPOINT_SECRET);
        if secret.is_none() && self.jwks.is_none() {
            return Err(usage(format!(
                "give the endpoint's secret, with --secret or {ENDPOINT_SECRET}, or its keys with --jwks"
            )));
        }
        Ok(secret.into_iter().map(Secret::new).collect())
    }
}

/// What is known of whoever should have signed.
struct Known {
    secrets: Vec<Secret>,
    keys: Vec<Key>,
}

struct Key {
    kid: String,
    public: Vec<u8>,
}

/// One part of the answer: what is right or what is wrong about it.
type Verdict = std::result::Result<String, String>;

pub(super) fn run(args: &VerifyArgs) -> Result<()> {
    let body = body(&args.body)?;
    let known = Known {
        secrets: args.secrets()?,
        keys: match &args.jwks {
            Some(path) => keys(path)?,
            None => Vec::new(),
        },
    };
    let seconds: Option<i64> = args.timestamp.trim().parse().ok();
    let headers = SignedHeaders {
        id: args.id.clone(),
        timestamp: seconds.unwrap_or(0),
        signature: args.signature.trim().to_owned(),
    };
    let mut verdicts = vec![
        ("id", id(&args.id)),
        ("timestamp", timestamp(seconds, args.tolerance)),
    ];
    verdicts.extend(known.bad_secrets(&headers));
    if seconds.is_some() {
        verdicts.push(("signature", known.signature(&headers, &body)));
    }
    told(args.print, &verdicts)
}

fn told(print: PrintArgs, verdicts: &[(&'static str, Verdict)]) -> Result<()> {
    let (mut wrong, mut lines, mut parts) = (Vec::new(), String::new(), Vec::new());
    for (part, verdict) in verdicts {
        let (is_ok, word, text) = match verdict {
            Ok(text) => (true, "ok", text),
            Err(text) => (false, "wrong", text),
        };
        lines += &format!("{part:<10} {word}: {text}\n");
        parts.push(json!({ "part": part, "ok": is_ok, "text": text }));
        if !is_ok {
            wrong.push(*part);
        }
    }
    print.print(&Facts {
        json: json!({ "ok": wrong.is_empty(), "parts": parts }),
        quiet: wrong.iter().map(|part| format!("{part}\n")).collect(),
        text: lines,
    })?;
    if wrong.is_empty() {
        return Ok(());
    }
    bail!(
        "the callback is not to be trusted: {} wrong",
        listed(&wrong)
    )
}

fn listed(parts: &[&str]) -> String {
    let verb = if parts.len() == 1 { "is" } else { "are" };
    format!("{} {verb}", parts.join(" and "))
}

fn id(text: &str) -> Verdict {
    match EventId::parse(text) {
        Ok(id) => Ok(id.to_string()),
        Err(_) => Err("it is not 'evt_' and an id, as the header webhook-id always is".to_owned()),
    }
}

fn timestamp(seconds: Option<i64>, tolerance_s: u64) -> Verdict {
    let seconds = seconds.ok_or("it is not a number of seconds since 1970")?;
    let now = SystemClock.now().seconds();
    let off = now.abs_diff(seconds);
    let at = Timestamp(seconds.saturating_mul(1_000)).rfc3339();
    if off <= tolerance_s {
        return Ok(at);
    }
    let where_to = if seconds < now { "ago" } else { "from now" };
    Err(format!(
        "{at} is {off} s {where_to}, and {tolerance_s} s are tolerated; an old callback may be a replayed one"
    ))
}

impl Known {
    /// Secrets that no v1 signature can be made with. Those of v3 are any text.
    fn bad_secrets(&self, headers: &SignedHeaders) -> Vec<(&'static str, Verdict)> {
        let has_v1 = schemes(headers).any(|(scheme, _)| scheme == "v1");
        let bad = |secret: &Secret| standard::check_secret(secret).err();
        let bad = self.secrets.iter().filter(|_| has_v1).filter_map(bad);
        bad.map(|error| ("secret", Err(error.message))).collect()
    }

    fn signature(&self, headers: &SignedHeaders, body: &[u8]) -> Verdict {
        if schemes(headers).next().is_none() {
            return Err(
                "it has no part like 'v1,…', 'v1a,…' or 'v3,…'; quote it: the parts are separated by spaces"
                    .to_owned(),
            );
        }
        if let Some(by) = self.signer(headers, body) {
            return Ok(by);
        }
        let without_newline = body.strip_suffix(b"\n").unwrap_or(body);
        if without_newline.len() < body.len() && self.signer(headers, without_newline).is_some() {
            let text =
                "it is right for the body without its last line end: save the body as it came";
            return Err(text.to_owned());
        }
        Err(self.no_signer(headers))
    }

    /// By what the body is signed.
    fn signer(&self, headers: &SignedHeaders, body: &[u8]) -> Option<String> {
        schemes(headers).find_map(|(scheme, part)| match scheme {
            "v1a" => {
                let signed = |key: &&Key| standard::is_signed_by(&key.public, part, headers, body);
                let key = self.keys.iter().find(signed)?;
                Some(format!("v1a by the key {}", key.kid))
            }
            _ => {
                let signed = |secret: &Secret| made(scheme, secret, headers, body);
                let signed = |secret: &Secret| signed(secret).as_deref() == Some(part);
                let n = self.secrets.iter().position(signed)?;
                Some(match self.secrets.len() {
                    1 => format!("{scheme} by the secret"),
                    _ => format!("{scheme} by secret {}", n + 1),
                })
            }
        })
    }

    fn no_signer(&self, headers: &SignedHeaders) -> String {
        let by_key = schemes(headers).any(|(scheme, _)| scheme == "v1a");
        let by_secret = schemes(headers).any(|(scheme, _)| scheme != "v1a");
        let judges_secret = by_secret && !self.secrets.is_empty();
        let judges_key = by_key && !self.keys.is_empty();
        if !judges_secret && !judges_key {
            return if by_key {
                "it is made by a key; give the published ones with --jwks".to_owned()
            } else {
                "it is made by a secret; give that with --secret".to_owned()
            };
        }
        format!(
            "it is by none of {}; is it the secret or key of this endpoint, and the body every byte as it came?",
            counted(&self.secrets, &self.keys)
        )
    }
}

fn counted(secrets: &[Secret], keys: &[Key]) -> impl Display {
    let counted = |count: usize, one: &str| match count {
        0 => None,
        1 => Some(format!("the one {one} given")),
        count => Some(format!("the {count} {one}s given")),
    };
    let parts = [counted(secrets.len(), "secret"), counted(keys.len(), "key")];
    parts
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join(" and ")
}

/// Whether this secret made one of the signatures.
pub(super) fn is_signed(secret: &Secret, headers: &SignedHeaders, body: &[u8]) -> bool {
    schemes(headers).any(|(scheme, part)| {
        scheme == "v1" && made(scheme, secret, headers, body).as_deref() == Some(part)
    })
}

/// The parts that Fluxgate makes, with their scheme.
fn schemes(headers: &SignedHeaders) -> impl Iterator<Item = (&str, &str)> {
    headers.signature.split_whitespace().filter_map(|part| {
        let (scheme, _) = part.split_once(',')?;
        ["v1", "v1a", "v3"]
            .contains(&scheme)
            .then_some((scheme, part))
    })
}

/// The part that this secret makes.
fn made(scheme: &str, secret: &Secret, headers: &SignedHeaders, body: &[u8]) -> Option<String> {
    let at = Timestamp(headers.timestamp.checked_mul(1_000)?);
    if scheme == "v3" {
        let secrets = std::slice::from_ref(secret);
        return Some(v3::sign(secrets, &headers.id, at, body).signature);
    }
    let signers = standard::Signers {
        secrets: vec![secret.clone()],
        keys: Vec::new(),
    };
    let signed = signers.sign(&headers.id, at, body).ok()?;
    Some(signed.signature)
}

fn body(path: &Path) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    let unreadable = || format!("cannot read {}", path.display());
    if path == Path::new("-") {
        let stdin = std::io::stdin().lock();
        stdin
            .take(BODY_BYTES_MAX + 1)
            .read_to_end(&mut body)
            .context("cannot read the body from standard input")?;
    } else {
        let file = std::fs::File::open(path).with_context(unreadable)?;
        file.take(BODY_BYTES_MAX + 1)
            .read_to_end(&mut body)
            .with_context(unreadable)?;
    }
    if body.len() as u64 > BODY_BYTES_MAX {
        bail!("the body is longer than {BODY_BYTES_MAX} bytes; no callback is");
    }
    Ok(body)
}

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<PublicKey>,
}

#[derive(Deserialize)]
struct PublicKey {
    kid: Option<String>,
    crv: Option<String>,
    x: Option<String>,
}

fn keys(path: &Path) -> Result<Vec<Key>> {
    let text = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let set: KeySet = json::read(&text, JsonBounds::DOCUMENT)
        .with_context(|| format!("{} is not a JSON Web Key Set", path.display()))?;
    let keys = set.keys.into_iter().filter_map(|key| {
        let is_ours = key.crv.as_deref() == Some("Ed25519");
        let public = URL_SAFE_NO_PAD.decode(key.x?).ok()?;
        is_ours.then(|| Key {
            kid: key.kid.unwrap_or_default(),
            public,
        })
    });
    let keys: Vec<Key> = keys.collect();
    if keys.is_empty() {
        bail!("{} has no Ed25519 key", path.display());
    }
    Ok(keys)
}
