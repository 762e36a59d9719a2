//! `fluxgate doctor`: what would keep this machine from serving, and how to fix it.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use clap::Args;
use fluxgate_core::clock_skew::ClockSkew;
use fluxgate_core::counted;
use fluxgate_core::json::{self, JsonBounds};
use fluxgate_core::port::{AccountCheck, Clock as _, SystemClock};
use fluxgate_core::secret::Secret;
use fluxgate_embedded::sqlite::FolderLock;
use fluxgate_embedded::{SqliteStore, input_keys};
use reqwest::StatusCode;
use reqwest::header::DATE;
use serde::Deserialize as _;
use serde_json::{Map, Value, json};
use url::{Host, Url};

use super::FolderArgs;
use super::access::{gateway_url, written_url};
use super::print::{Facts, PrintArgs};
use super::provider_check::{self, OF_SERVER, mend_of};
use super::variables::{URL, variable};
use crate::client::{self, NothingAnswers, foreign, unanswered};
use crate::folder::FolderSecrets;
use crate::key_ring;
use crate::server::named_provider;
use crate::settings::{ProviderChoice, Settings};

/// Generous, because the gateway may have to ask the provider first.
const CALL_TIMEOUT: Duration = Duration::from_secs(20);

/// The fields of [`AccountCheck`] in an answer.
const OF_CHECK: [&str; 4] = ["account", "balance_micro_usd", "status", "why"];

#[derive(Args)]
pub(super) struct DoctorArgs {
    #[command(flatten)]
    print: PrintArgs,
    #[command(flatten)]
    folder: FolderArgs,
    /// The gateway to check [env: FLUXGATE_URL] [default: where the server of the data folder
    /// listens, else http://127.0.0.1:8080]
    #[arg(long, value_name = "URL", value_parser = written_url)]
    url: Option<String>,
    /// Compare the database's tables with their indexes too, which takes longer
    #[arg(long)]
    full: bool,
}

impl DoctorArgs {
    fn url(&self) -> String {
        let named = self.url.clone().or_else(|| variable(URL));
        gateway_url(named.as_deref(), &self.folder.path())
    }
}

pub(super) async fn run(args: DoctorArgs) -> Result<()> {
    let checks = [
        ("data folder", data_folder(&args).await),
        ("disk", disk(&args)),
        ("gateway", gateway(&args).await),
        ("provider", provider(&args).await),
        ("clock", clock(&args).await),
    ];
    let count = checks.len();
    let (mut bad, mut lines, mut views) = (Vec::new(), String::new(), Vec::new());
    for (name, outcome) in checks {
        let (mark, text) = match &outcome {
            Ok(text) => ("ok  ", text.clone()),
            Err(error) => ("BAD ", format!("{error:#}")),
        };
        lines += &format!("{mark} {name:<12} {text}\n");
        views.push(json!({ "name": name, "ok": outcome.is_ok(), "text": text }));
        if outcome.is_err() {
            bad.push(name);
        }
    }
    args.print.print(&Facts {
        json: json!({ "ok": bad.is_empty(), "checks": views }),
        quiet: bad.iter().map(|name| format!("{name}\n")).collect(),
        text: lines,
    })?;
    if !bad.is_empty() {
        bail!("{} of {count} checks failed", bad.len());
    }
    Ok(())
}

async fn data_folder(args: &DoctorArgs) -> Result<String> {
    let path = &args.folder.path();
    let folder = args.folder.reader()?;
    key_ring::verify(path)?;
    FolderSecrets::verify(path)?;
    let (database, full) = (path.clone(), args.full);
    let check = move || match full {
        true => SqliteStore::check(&database),
        false => SqliteStore::check_quickly(&database),
    };
    tokio::task::spawn_blocking(check).await??;
    check_input_keys(path)?;
    let tenants = counted(folder.operator(None).tenant_ids().await?.len(), "tenant");
    let served = FolderLock::is_held(path);
    let state = if served {
        "being served"
    } else {
        "not being served"
    };
    let drill = match folder.store.is_drill() {
        true => ", a drill: nothing is sent until 'fluxgate restoration start'",
        false => "",
    };
    let compared = match args.full {
        true => ", all of its database was compared with its indexes",
        false => "",
    };
    let shown = path.display();
    Ok(format!(
        "{shown} opens, {tenants}, {state}{drill}{compared}"
    ))
}

/// Whoever copies a data folder by hand may leave them behind.
fn check_input_keys(folder: &Path) -> Result<()> {
    input_keys::check(folder)?;
    let Some((tenant, month)) = SqliteStore::inputs_without_key(folder)? else {
        return Ok(());
    };
    let (keys, exists) = (input_keys::path(folder), input_keys::path(folder).exists());
    let keys = keys.display();
    if !exists {
        bail!(
            "{keys} is missing, and the database has inputs that its keys opened: nobody can read them, and tasks that still have to be \
             sent will end as inputs_lost; stop the server and copy it from where 'fluxgate backup --input-keys' put it"
        );
    }
    bail!(
        "{keys} lacks a key of {month} of tenant '{tenant}', as after a restoration without it: \
         older inputs and callback URLs cannot be read, newer ones can. Restore again with the \
         copy of 'fluxgate backup --input-keys'; without one they are lost"
    );
}

/// Every commit waits for fsync, so a disk with slow fsync slows everything down.
fn disk(args: &DoctorArgs) -> Result<String> {
    use std::io::Write as _;
    let started = Instant::now();
    let mut file = tempfile::tempfile_in(args.folder.path())
        .context("cannot write a file in the data folder")?;
    for _ in 0..10 {
        file.write_all(&[0; 4096])
            .and_then(|()| file.sync_data())
            .context("fsync failed on the disk")?;
    }
    Ok(format!(
        "one fsync takes about {} µs",
        started.elapsed().as_micros() / 10
    ))
}

async fn gateway(args: &DoctorArgs) -> Result<String> {
    let Some(health) = health(args).await? else {
        return Ok(format!(
            "none at {} yet; start it with 'fluxgate serve'",
            args.url()
        ));
    };
    let shown = |name: &str| {
        health
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or("?")
            .to_owned()
    };
    let answers = format!(
        "{} answers: {}, version {}",
        args.url(),
        shown("status"),
        shown("version")
    );
    let ready = call(args, "/readyz").await?;
    if ready.status() == StatusCode::SERVICE_UNAVAILABLE {
        let why: Value = ready.json().await.unwrap_or_default();
        match why["status"].as_str() {
            Some("database_corrupt") => bail!(
                "{answers}, but its database is damaged; stop it, and restore the folder from a backup by 'fluxgate restore'"
            ),
            _ => bail!("{answers}, but its writes fail; free some space, and look at its log"),
        }
    }
    let ready = client::body(&args.url(), ready).await?;
    let ready: Value = json::read(&ready, JsonBounds::DOCUMENT).unwrap_or_default();
    if ready["status"] == "drill" {
        return Ok(format!(
            "{answers}, a drill of a restored backup: it takes and sends nothing"
        ));
    }
    // Only the operator of that gateway sees more than this.
    Ok(match health.get("completion").and_then(Value::as_str) {
        Some(completion) => format!("{answers}, completion by {completion}"),
        None => answers,
    })
}

/// What the gateway reports about itself; `None` when nothing answers.
async fn health(args: &DoctorArgs) -> Result<Option<Value>> {
    let response = match call(args, "/healthz").await {
        Ok(response) => response,
        Err(error) if error.is::<NothingAnswers>() => return Ok(None),
        Err(error) => return Err(error),
    };
    let (status, headers) = (response.status(), response.headers().clone());
    let body = client::body(&args.url(), response).await?;
    let health: Option<Value> = json::read(&body, JsonBounds::DOCUMENT).ok();
    let is_ours =
        |health: &Value| health.get("status").is_some() && health.get("version").is_some();
    health
        .filter(is_ours)
        .map(Some)
        .ok_or_else(|| foreign(&args.url(), status, &headers))
}

/// What the provider says about the running gateway's key; `None` for a gateway of another folder.
async fn provider_of_gateway(args: &DoctorArgs) -> Result<Option<AccountCheck>> {
    let response = call(args, "/admin/v1/provider").await?;
    if !response.status().is_success() {
        return Ok(None);
    }
    let unclear = "the running gateway does not report whether the provider accepts its key";
    let mut told: Map<String, Value> = response.json().await.context(unclear)?;
    // Beside the check the gateway tells what else it knows of the account.
    told.retain(|name, _| OF_CHECK.contains(&name.as_str()));
    let check = AccountCheck::deserialize(Value::Object(told)).context(unclear)?;
    Ok(Some(check))
}

async fn call(args: &DoctorArgs, path: &str) -> Result<reqwest::Response> {
    let base_url = args.url();
    let http = reqwest::Client::builder()
        .no_proxy()
        .timeout(CALL_TIMEOUT)
        .build()?;
    let request = http.get(format!("{}{path}", base_url.trim_end_matches('/')));
    let request = match admin_token(args) {
        Some(token) => request.bearer_auth(token.expose()),
        None => request,
    };
    request
        .send()
        .await
        .map_err(|error| unanswered(&base_url, &error))
}

/// The folder's own admin token, sent only to a gateway on this machine: nobody else may see it.
fn admin_token(args: &DoctorArgs) -> Option<Secret> {
    let url = Url::parse(&args.url()).ok()?;
    let is_here = match url.host()? {
        Host::Domain(name) => name == "localhost",
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    };
    let folder = is_here.then(|| args.folder.reader().ok()).flatten()?;
    FolderSecrets::verify(&folder.path).ok()?;
    Some(FolderSecrets::open(&folder.path).ok()?.admin_token)
}

/// Tokens, webhooks, links and retention all go by this machine's clock.
async fn clock(args: &DoctorArgs) -> Result<String> {
    let Some(url) = provider_url(args).await? else {
        return Ok("not compared: there is no provider elsewhere to compare it with".to_owned());
    };
    let name = url.origin().ascii_serialization();
    let http = reqwest::Client::builder().timeout(CALL_TIMEOUT).build()?;
    let answer = http.get(url).send().await;
    let date = match &answer {
        Ok(answer) => answer
            .headers()
            .get(DATE)
            .and_then(|date| date.to_str().ok()),
        // The check of the provider says what is wrong.
        Err(_) => None,
    };
    let Some(date) = date else {
        return Ok(format!("not compared: {name} does not tell the time"));
    };
    match ClockSkew::by_date(date, SystemClock.now()) {
        Some(skew) => bail!(
            "{}, as by 'timedatectl set-ntp true'",
            skew.told(&format!("{name}'s"))
        ),
        None => Ok(format!("agrees with {name}'s within a minute")),
    }
}

/// That of the running gateway, else the one that this command's settings name.
async fn provider_url(args: &DoctorArgs) -> Result<Option<Url>> {
    let health = health(args).await.ok().flatten();
    let used = health
        .as_ref()
        .and_then(|health| health.pointer("/settings/provider"))
        .and_then(Value::as_str);
    if let Some(url) = used.and_then(|used| Url::parse(used).ok()) {
        return Ok(Some(url));
    }
    let settings = Settings::load(None, serde_json::json!({}))?;
    Ok(match settings.provider()? {
        ProviderChoice::Remote { url, .. } => Some(url),
        ProviderChoice::Emulator => None,
    })
}

/// Checks that the provider accepts the key: that of the running gateway, else the one that this
/// command's settings name.
async fn provider(args: &DoctorArgs) -> Result<String> {
    let settings = Settings::load(None, serde_json::json!({}))?;
    let health = health(args).await.ok().flatten();
    let used = health
        .as_ref()
        .and_then(|health| health.pointer("/settings/provider"))
        .and_then(Value::as_str);
    if let Some(used) = used
        && let Some(told) = provider_of_gateway(args).await?
    {
        let name = format!("{used}, which the running gateway uses,");
        return provider_check::told(&name, told, OF_SERVER);
    }
    if let Some((name, provider)) = named_provider(&settings)? {
        return provider_check::check(&name, &provider, mend_of(&settings)).await;
    }
    Ok(match health {
        None => "the bundled emulator; set WAVESPEED_API_KEY to use and check the real provider".to_owned(),
        Some(_) => {
            "not checked: the running gateway belongs to another data folder; name that folder with --data".to_owned()
        }
    })
}
