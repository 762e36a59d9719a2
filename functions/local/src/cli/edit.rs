//! `fluxgate edit`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::Args;
use fluxgate_core::id::TenantId;
use fluxgate_core::port::{Clock as _, Ids as _, SystemClock};
use serde_json::{Value, json};

use super::{FolderArgs, progress};
use crate::client::{TenantClient, text};
use crate::folder::{DataFolder, SystemEntropy};

/// The model this product began with.
pub(super) const MODEL: &str = "wavespeed-ai/flux-kontext-max";

#[derive(Args)]
pub(super) struct EditArgs {
    /// The picture: a file, or an https URL
    image: String,
    /// What to make of it
    prompt: String,
    /// The tenant to speak for, with a token of the local issuer
    #[arg(long, required_unless_present = "token")]
    tenant: Option<TenantId>,
    /// A token of your own issuer instead
    #[arg(long, env = "FLUXGATE_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// The gateway
    #[arg(long, default_value = "http://127.0.0.1:8080", value_name = "URL")]
    url: String,
    /// Any model of the catalogue that takes 'image' and 'prompt'
    #[arg(long, default_value = MODEL)]
    model: String,
    /// The same seed, prompt and picture give the same result
    #[arg(long)]
    seed: Option<i64>,
    /// Where to put the result [default: beside the task's id in this folder]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// How long to wait, in seconds; the task goes on in any case
    #[arg(long, default_value = "300", value_name = "S")]
    wait: u64,
    #[command(flatten)]
    folder: FolderArgs,
}

#[expect(clippy::print_stdout, reason = "the result of the command")]
pub(super) async fn run(args: EditArgs) -> Result<()> {
    let client = TenantClient::new(&args.url, token(&args).await?)?;
    let bar = progress::line(false);
    bar.set_message("uploading");
    let image = picture(&client, &args.image).await?;
    let mut inputs = json!({ "prompt": args.prompt, "image": image });
    if let Some(seed) = args.seed {
        inputs["seed"] = json!(seed);
    }
    bar.set_message("submitting");
    let key = SystemEntropy.id32(SystemClock.now());
    let submitted = client.submit(&args.model, &inputs, &key).await?;
    let id = text(&submitted, "id")?;
    let prediction = progress::until_end(&client, &id, Duration::from_secs(args.wait), &bar).await?;
    bar.finish_and_clear();
    let saved = save(&client, &prediction, &id, args.out.as_deref()).await?;
    println!("{}", saved.display());
    report(&prediction);
    Ok(())
}

async fn token(args: &EditArgs) -> Result<String> {
    if let Some(token) = &args.token {
        return Ok(token.clone());
    }
    let tenant = args.tenant.as_ref().context("name a --tenant or give a --token")?;
    DataFolder::open_existing(&args.folder.data)?.token(tenant, 3_600_000).await
}

/// A URL goes as it is, a file is uploaded first.
pub(super) async fn picture(client: &TenantClient, image: &str) -> Result<String> {
    if image.starts_with("https://") || image.starts_with("http://") {
        return Ok(image.to_owned());
    }
    let bytes = std::fs::read(image).with_context(|| format!("the picture {image} cannot be read"))?;
    let name = Path::new(image).file_name().map_or("picture".into(), |name| name.to_string_lossy().into_owned());
    client.upload(name, bytes).await
}

async fn save(client: &TenantClient, prediction: &Value, id: &str, out: Option<&Path>) -> Result<PathBuf> {
    let url = prediction.pointer("/outputs/0").and_then(Value::as_str).context("the task has no output")?;
    let uri = prediction.pointer("/objects/0/s3_uri").and_then(Value::as_str).unwrap_or("output.png");
    let extension = uri.rsplit('.').next().unwrap_or("png");
    let path = out.map_or_else(|| PathBuf::from(format!("{id}.{extension}")), Path::to_owned);
    let bytes = client.download(url).await?;
    std::fs::write(&path, bytes).with_context(|| format!("{} cannot be written", path.display()))?;
    Ok(path)
}

fn report(prediction: &Value) {
    let text = |pointer: &str| prediction.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let charged = prediction.get("charged_usd").and_then(Value::as_f64).unwrap_or_default();
    eprintln!("object {}  sha256 {}  charged ${charged}", text("/objects/0/s3_uri"), text("/objects/0/sha256"));
}
