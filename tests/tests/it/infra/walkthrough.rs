//! The commands of the deploy guide and of the stack's page, run in their order from an empty
//! account: AWS is ministack, the functions run as in every test of the stack, and what neither can
//! do stands in `tests/walkthrough`.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use axum::Router;
use axum::extract::State;
use axum::routing::post;
use fluxgate_core::digest::sha256;
use fluxgate_emulator::Emulator;
use fluxgate_tests::gateway::emulator_config;
use fluxgate_tests::lambda::signature::{ACCESS_KEY, SECRET_KEY};
use fluxgate_tests::{Ministack, Page, Stack, StackOptions, process};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, oneshot};

use super::root;

/// Where the harness runs; the guide's region is the reader's choice.
const REGION: &str = "us-east-1";
const GUIDES: [&str; 2] = ["shared/docs/guides/aws.md", "infra/README.md"];

/// What `sam deploy` would deploy, and who waits for it.
type Deployment = (Value, oneshot::Sender<()>);

/// A copy of the project's root, the tools, and the ways to this test.
struct Walk {
    folder: tempfile::TempDir,
    control: String,
    deployments: mpsc::UnboundedReceiver<Deployment>,
}

impl Walk {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        lay_out(folder.path());
        let (sent, deployments) = mpsc::unbounded_channel();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let control = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new()
            .route("/deploy", post(deploy))
            .fallback(played);
        tokio::spawn(axum::serve(listener, router.with_state(sent)).into_future());
        Self {
            folder,
            control,
            deployments,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// One shell for a script, as a reader has it: with the stand-ins first.
    fn shell(&self, script: &str, aws: &str, provider: &str) -> Command {
        let written = format!(
            "set -euE\ntrap 'echo \"the command that failed: $BASH_COMMAND\" >&2' ERR\n{script}"
        );
        std::fs::write(self.path("walk.sh"), written).unwrap();
        let stand_ins = root().join("tests/walkthrough");
        let path = format!("{}:{}", stand_ins.display(), std::env::var("PATH").unwrap());
        let mut command = Command::new("bash");
        command.arg("walk.sh").current_dir(self.folder.path());
        command.env_clear().env("PATH", path);
        command.envs([
            ("WALK", self.folder.path().to_str().unwrap()),
            ("HOME", self.folder.path().to_str().unwrap()),
            ("WALK_CONTROL", &self.control),
            ("WALK_REGION", REGION),
            ("WALK_PROVIDER", provider),
            ("WALK_AWS", &tool("aws", "aws")),
            ("WALK_SAM_PYTHON", &tool("sam", "python")),
            ("WALK_CURL", "/usr/bin/curl"),
            ("WALK_FLUXGATE", process::binary().to_str().unwrap()),
            ("XDG_CACHE_HOME", self.path("cache").to_str().unwrap()),
            ("CARGO_TARGET_DIR", self.path("target").to_str().unwrap()),
            ("AWS_ENDPOINT_URL", aws),
            ("AWS_ACCESS_KEY_ID", ACCESS_KEY),
            ("AWS_SECRET_ACCESS_KEY", SECRET_KEY),
        ]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        command.stderr(Stdio::piped()).kill_on_drop(true);
        command
    }
}

/// The next deployment is the test's: its answer is the deployment's end.
async fn deploy(State(sent): State<mpsc::UnboundedSender<Deployment>>, body: String) {
    let (done, deployed) = oneshot::channel();
    let asked = serde_json::from_str(&body).unwrap();
    sent.send((asked, done)).expect("the test lives");
    deployed.await.expect("the test deploys");
}

/// What ministack does not play. A new account has little concurrency, and may ask for more; its
/// vaults are empty.
async fn played() -> axum::Json<Value> {
    axum::Json(json!({
        "AccountLimit": { "ConcurrentExecutions": 10 },
        "RequestedQuota": { "Status": "PENDING", "DesiredValue": 1000.0 },
        "CopyJobs": [],
        "RecoveryPoints": [],
        "RestoreMetadata": { "encryptionType": "Default" },
        "RestoreJobId": "1",
        "Status": "COMPLETED",
    }))
}

/// A program of an environment that `infra/lint` installs.
fn tool(environment: &str, program: &str) -> String {
    let mut lint = std::process::Command::new(root().join("infra/lint"));
    let output = lint.args(["--environment", environment]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let python = PathBuf::from(String::from_utf8(output.stdout).unwrap().trim());
    python.with_file_name(program).to_str().unwrap().to_owned()
}

/// The root as the commands find it, where they may leave files.
fn lay_out(folder: &Path) {
    let infra = folder.join("infra");
    std::fs::create_dir(&infra).unwrap();
    for entry in std::fs::read_dir(root().join("infra")).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_file() {
            std::fs::copy(entry.path(), infra.join(entry.file_name())).unwrap();
        }
    }
    symlink(root().join("shared"), folder.join("shared")).unwrap();
    let photo = root().join("shared/emulator/assets/photo.jpg");
    std::fs::copy(photo, folder.join("photo.jpg")).unwrap();
    let cache = folder.join("cache/fluxgate");
    std::fs::create_dir_all(&cache).unwrap();
    // SAM's environment is real; cargo-lambda's is empty, since `cargo` is a stand-in.
    let sam = PathBuf::from(tool("sam", "python"));
    let sam = sam.parent().and_then(Path::parent).unwrap();
    symlink(sam, cache.join(sam.file_name().unwrap())).unwrap();
    let wanted = std::fs::read(root().join("infra/requirements-build.txt")).unwrap();
    let digest: String = sha256(&wanted)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let build = cache.join(format!("infra-build-{}", &digest[..16]));
    std::fs::create_dir(&build).unwrap();
    std::fs::write(build.join("ready"), "").unwrap();
}

/// The commands of a page in their order.
fn commands(page: &str) -> String {
    let page = Page::read(page, &[("eu-central-1", REGION)]);
    let blocks = page.text().split("```console\n").skip(1);
    let lines = blocks.flat_map(|rest| rest.split("```\n").next().unwrap().lines());
    lines
        .map(|line| line.strip_prefix("$ ").unwrap_or(line).to_owned() + "\n")
        .collect()
}

/// Both pages; between them the README's edit, whose address and token the guide sets.
fn all_commands() -> String {
    let edit = Page::read("README.md", &[]).commands("$api/media");
    let edit = edit.split_once('\n').unwrap().1;
    let [guide, reference] = GUIDES.map(commands);
    format!("{guide}{edit}test -s after.jpg\ntouch edited\n{reference}")
}

async fn end(mut child: Child) -> Output {
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"the-key-that-is-pasted\n").await.unwrap();
    child.wait_with_output().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_of_the_guides_lead_from_an_empty_account_to_an_edit_and_on() {
    let mut walk = Walk::start().await;
    let (ministack, emulator) =
        tokio::join!(Ministack::start(), Emulator::start(emulator_config()));
    let emulator = emulator.unwrap();
    let key = emulator.api_key().to_owned();
    let aws = ministack.endpoint().to_owned();
    let script = all_commands().replace(
        "read -rs WAVESPEED_API_KEY",
        &format!("read -rs WAVESPEED_API_KEY; WAVESPEED_API_KEY={key}"),
    );
    let mut shell = walk.shell(&script, &aws, &emulator.base_url());
    let mut ran = Box::pin(end(shell.spawn().unwrap()));

    let mut parts = Some((ministack, emulator));
    let (mut stack, mut deployed) = (None, Vec::new());
    let output = loop {
        tokio::select! {
            output = &mut ran => break output,
            Some((asked, done)) = walk.deployments.recv() => {
                if let Some((ministack, emulator)) = parts.take() {
                    let started = Box::pin(stack_of(ministack, emulator, &asked, &walk));
                    stack = Some(started.await);
                }
                deployed.push(asked);
                done.send(()).expect("the command waits");
            }
        }
    };

    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let stack = stack.expect("a stack was deployed");
    assert_eq!(stack.emulator.runs().len(), 1, "one edit: {said}");
    assert!(walk.path("edited").exists() && walk.path("stack.json").exists());
    assert_eq!(deployed.len(), 7, "{deployed:?}");
    assert_eq!(deployed[0]["parameters"]["ArchiverConcurrency"], "2");
    assert_eq!(deployed[0]["parameters"]["ReserveWorkers"], "no");
    for call in stack.calls.all() {
        assert_eq!(call.denied, None, "{} calls {}", call.function, call.action);
    }
}

/// The stack of the first deployment, with something for the operator to look at.
async fn stack_of(ministack: Ministack, emulator: Emulator, asked: &Value, walk: &Walk) -> Stack {
    assert_eq!(asked["stack"], "fluxgate");
    let parameters = asked["parameters"].as_object().unwrap().iter();
    let parameters = parameters.map(|(name, value)| {
        let name: &'static str = name.clone().leak();
        (name, value.as_str().unwrap().to_owned())
    });
    let options = StackOptions {
        parameters: parameters.collect(),
        ..StackOptions::default()
    };
    let stack = Stack::on(ministack, emulator, options).await;
    let admin = format!("{}/", stack.admin_url());
    std::fs::write(walk.path("admin-url"), admin).unwrap();
    let letter = stack.ministack.aws().sqs().send_message();
    let letter = letter.queue_url(stack.queue_url("archive-dead-letters"));
    letter.message_body("{not a job").send().await.unwrap();
    stack
}

/// What is wrong with a command shows, whatever it is.
#[tokio::test(flavor = "multi_thread")]
async fn a_command_with_an_unset_variable_an_unknown_option_a_missing_file_or_no_region_fails() {
    let walk = Walk::start().await;
    let region = format!("export AWS_DEFAULT_REGION={REGION}; infra/build > /dev/null");
    for (command, complaint) in [
        ("echo \"$nobody_sets_this\"", "unbound variable"),
        (
            "aws secretsmanager create-secret --name x --sekret y",
            "Unknown options: --sekret",
        ),
        ("aws lambda get-acount-settings", "usage: aws"),
        ("fluxgate tenants add acme --balanse 5", "--balanse"),
        ("infra/nothing", "No such file"),
        ("infra/build riscv", "no architecture"),
        ("cd infra; sam deploy --guide", "No such option"),
        (
            "cd infra; unset AWS_DEFAULT_REGION; AWS_REGION=us-east-1 sam deploy",
            "no region",
        ),
        (
            "cd infra; sam deploy --region eu-central-1",
            "would be deployed to eu-central-1",
        ),
        (
            "cd infra; sam deploy --parameter-overrides Poler=2",
            "[Poler] do not exist",
        ),
        (
            "cd infra; sam deploy --parameter-overrides PollerConcurrency=1",
            "between 2 and 1000",
        ),
        (
            "rm -r infra/artifacts/admin; cd infra; sam deploy",
            "does not exist artifacts/admin",
        ),
    ] {
        let script = format!("{region}\n{command}\n");
        let mut shell = walk.shell(&script, &walk.control, "http://127.0.0.1:9");

        let output = end(shell.spawn().unwrap()).await;

        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            !output.status.success() && said.contains(complaint),
            "{command}: {said}"
        );
    }
}
