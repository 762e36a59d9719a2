//! `fluxgate demo`: sends one photograph through the whole system, in one process, and checks every
//! promise on the way.

mod receiver;
mod report;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use fluxgate_core::digest::sha256;
use fluxgate_core::id::TenantId;
use fluxgate_core::money::MicroUsd;
use fluxgate_core::port::{Clock as _, Ids as _, SystemClock, SystemEntropy};
use indicatif::ProgressBar;
use serde_json::{Value, json};

use super::edit::MODEL;
use super::print::PrintArgs;
use super::{logging, progress};
use crate::client::{TenantClient, text};
use crate::server::Server;
use crate::settings::Settings;
use receiver::Receiver;
use report::DemoReport;

/// How long each part of the demo may take.
const WAIT: Duration = Duration::from_secs(60);

#[derive(Args)]
pub(super) struct DemoArgs {
    /// The picture: a file, or an https URL [default: the photograph bundled with Fluxgate]
    #[arg(long, value_name = "FILE|URL")]
    image: Option<String>,
    /// What to do with it; the emulator supports watercolour, sketch, black and white, pixel art,
    /// sepia, woodcut and more
    #[arg(long, default_value = "make it a watercolour painting")]
    prompt: String,
    #[command(flatten)]
    print: PrintArgs,
    /// Where everything is kept [default: a new temporary folder, which is not deleted]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

pub(super) async fn run(args: DemoArgs) -> Result<()> {
    let _lines = logging::start("warn", None)?;
    let data = data_folder(args.data.as_deref())?;
    let pictures = data.join("pictures");
    std::fs::create_dir_all(&pictures)
        .with_context(|| format!("cannot create the folder {}", pictures.display()))?;
    let bar = progress::line(args.print);
    bar.set_message("starting gateway, workers, S3 server and emulator");
    let server = Server::start(settings(&data)).await?;
    let outcome = Box::pin(show(&server, &args, &pictures, &bar)).await;
    bar.finish_and_clear();
    server.stop().await;
    outcome?.print(args.print)
}

fn data_folder(given: Option<&Path>) -> Result<PathBuf> {
    match given {
        Some(path) => Ok(path.to_owned()),
        None => {
            let folder = tempfile::Builder::new().prefix("fluxgate-demo-").tempdir();
            Ok(folder.context("cannot create a temporary folder")?.keep())
        }
    }
}

/// Everything on loopback and on free ports, where the demo's receiver and pictures are too.
fn settings(data: &Path) -> Settings {
    Settings {
        data: data.to_owned(),
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        provider: Some("emulator".to_owned()),
        allow_net: vec![
            "127.0.0.0/8".parse().expect("a network"),
            "::1/128".parse().expect("a network"),
        ],
        ..Settings::default()
    }
}

async fn show(
    server: &Server,
    args: &DemoArgs,
    folder: &Path,
    bar: &ProgressBar,
) -> Result<DemoReport> {
    let tenant = TenantId::parse("demo")?;
    if server
        .folder()
        .operator(None)
        .tenant(&tenant)
        .await
        .is_err()
    {
        server
            .folder()
            .add_tenant(&tenant, MicroUsd(5_000_000))
            .await?;
    }
    let client = TenantClient::new(
        &server.base_url(),
        server.folder().token(&tenant, 3_600_000).await?,
    )?;
    let receiver = Receiver::start().await?;
    let endpoint = client.create_endpoint(&receiver.url()).await?;
    receiver.expect_secret(&text(&endpoint, "secret")?)?;
    let balance = client.balance_usd().await?;

    bar.set_message("uploading the photograph");
    let (url, original) = before_picture(&client, args.image.as_deref()).await?;
    bar.set_message("submitting");
    let key = SystemEntropy.id32(SystemClock.now());
    let submitted = client
        .submit(MODEL, &json!({ "prompt": args.prompt, "image": url }), &key)
        .await?;
    let id = text(&submitted, "id")?;
    let prediction = progress::until_end(&client, &id, WAIT, bar)
        .await?
        .completed()?;
    bar.set_message(format!("task {id}: completed, waiting for the callback"));
    let callback = receiver.verified_event(&id, WAIT).await?;
    client.delete_endpoint(&text(&endpoint, "id")?).await?;

    let pictures = Pictures::save(&client, &prediction, &id, folder, &original).await?;
    let charged = balance - client.balance_usd().await?;
    let timeline = client.timeline(&id).await?;
    DemoReport::new(&prediction, &pictures, charged, &callback, &timeline)
}

/// The picture's URL for the model, and its bytes.
async fn before_picture(client: &TenantClient, image: Option<&str>) -> Result<(String, Vec<u8>)> {
    match image {
        None => {
            let photo = fluxgate_emulator::DEMO_PHOTO.to_vec();
            Ok((
                client.upload("photo.jpg".to_owned(), photo.clone()).await?,
                photo,
            ))
        }
        Some(url) if url.starts_with("http://") || url.starts_with("https://") => Ok((
            url.to_owned(),
            client
                .download(url)
                .await
                .with_context(|| format!("cannot read the picture {url}"))?,
        )),
        Some(file) => {
            let bytes =
                std::fs::read(file).with_context(|| format!("cannot read the picture {file}"))?;
            Ok((super::edit::picture(client, file).await?, bytes))
        }
    }
}

/// Where the pictures are saved.
struct Pictures {
    before: PathBuf,
    after: PathBuf,
}

impl Pictures {
    /// Downloads the output as a tenant would, and checks it against the SHA-256 in the response.
    async fn save(
        client: &TenantClient,
        prediction: &Value,
        id: &str,
        folder: &Path,
        original: &[u8],
    ) -> Result<Self> {
        let link = prediction
            .pointer("/outputs/0")
            .and_then(Value::as_str)
            .context("the task has no output")?;
        let told = prediction
            .pointer("/objects/0/sha256")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let bytes = client.download(link).await?;
        ensure!(
            hex::encode(sha256(&bytes)) == told,
            "the output does not match the SHA-256 in the prediction"
        );
        ensure!(bytes != original, "the output is the input");
        let save = |name: String, bytes: &[u8]| -> Result<PathBuf> {
            let path = std::path::absolute(folder.join(name))?;
            std::fs::write(&path, bytes).context("cannot save the pictures")?;
            Ok(path)
        };
        Ok(Self {
            before: save(format!("{id}-before.{}", extension(original)), original)?,
            after: save(format!("{id}-after.{}", extension(&bytes)), &bytes)?,
        })
    }
}

fn extension(bytes: &[u8]) -> &'static str {
    match image::guess_format(bytes) {
        Ok(format) => format.extensions_str().first().copied().unwrap_or("img"),
        Err(_) => "img",
    }
}
