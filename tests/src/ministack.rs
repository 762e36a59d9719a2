//! AWS on this machine: one ministack of its own for each test, gone with it. Its answers are AWS's
//! as far as it goes; what it does not refuse (a delay over 900 s, a wrong ExternalId) is not proof
//! that AWS would take it.

use std::path::Path;
use std::process::Stdio;

use aws_sdk_sqs::config::{Credentials, SharedCredentialsProvider};
use aws_sdk_sqs::types::QueueAttributeName;
use fluxgate_aws::AwsSettings;
use fluxgate_aws::sqs::{DELAY_MAX_S, QueueUrls, Removal, SqsSettings};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

/// Ministack's own start would bind a port that was free a moment ago, and would outlive a test
/// that was killed. This binds a port of the kernel's choice on loopback, tells it, and ends with
/// its standard input.
const SERVER: &str = r#"
import asyncio, os, socket, threading

def end_with_stdin():
    os.read(0, 1)
    os._exit(0)

threading.Thread(target=end_with_stdin, daemon=True).start()
listener = socket.create_server(("127.0.0.1", 0))
port = listener.getsockname()[1]
os.environ["GATEWAY_PORT"] = str(port)
os.environ["MINISTACK_HOST"] = "127.0.0.1"
print(port, flush=True)
os.dup2(2, 1)

from hypercorn.asyncio import serve
from hypercorn.config import Config
from ministack.app import app

config = Config()
config.bind = [f"fd://{listener.fileno()}"]
config.loglevel = "ERROR"
asyncio.run(serve(app, config))
"#;

/// Redrives of SQS itself, as in the template.
const RECEIVES_MAX: u32 = 30;

/// A running ministack. Its standard input closes with this process, however that ends.
pub struct Ministack {
    aws: AwsSettings,
    _child: Child,
    _folder: TempDir,
}

impl Ministack {
    /// Returns when it answers.
    pub async fn start() -> Self {
        let python = crate::process::python();
        let folder = tempfile::tempdir().expect("a temporary folder");
        let log = folder.path().join("log");
        let mut child = spawn(&python, folder.path(), &log);
        let mut port = String::new();
        let stdout = child.stdout.take().expect("the standard output is piped");
        BufReader::new(stdout)
            .read_line(&mut port)
            .await
            .expect("the pipe can be read");
        let endpoint = format!("http://127.0.0.1:{}", port.trim());
        let health = reqwest::get(format!("{endpoint}/_ministack/health")).await;
        let healthy = health.is_ok_and(|response| response.status() == 200);
        let logged = std::fs::read_to_string(&log).unwrap_or_default();
        assert!(
            healthy,
            "{python} did not start ministack; is it installed? run the tests by tests/run\n{logged}"
        );
        let keys =
            SharedCredentialsProvider::new(Credentials::new("test", "test", None, None, "test"));
        Self {
            aws: AwsSettings::new("us-east-1", Some(endpoint), keys),
            _child: child,
            _folder: folder,
        }
    }

    pub fn endpoint(&self) -> &str {
        self.aws
            .endpoint
            .as_deref()
            .expect("the settings were made with one")
    }

    /// For the adapters' clients: one connection pool for all of them.
    pub fn aws(&self) -> &AwsSettings {
        &self.aws
    }

    /// New queues for every lane, and the settings that name them.
    pub async fn queues(&self) -> SqsSettings {
        let dead_letters = QueueUrls {
            watch: Some(self.queue("watch-dead", None).await),
            archive: Some(self.queue("archive-dead", None).await),
            notify: Some(self.queue("notify-dead", None).await),
        };
        let queues = QueueUrls {
            watch: Some(self.queue("watch", Some("watch-dead")).await),
            archive: Some(self.queue("archive", Some("archive-dead")).await),
            notify: Some(self.queue("notify", Some("notify-dead")).await),
        };
        SqsSettings {
            queues,
            dead_letters,
            delay_max_s: DELAY_MAX_S,
            removal: Removal::Delete,
        }
    }

    /// The URL of a new queue, which redrives to another when one is named.
    async fn queue(&self, name: &str, dead_letters: Option<&str>) -> String {
        let redrive = dead_letters.map(|name| {
            let target = format!("arn:aws:sqs:us-east-1:000000000000:{name}");
            serde_json::json!({"deadLetterTargetArn": target, "maxReceiveCount": RECEIVES_MAX})
                .to_string()
        });
        let mut create = self.aws.sqs().create_queue().queue_name(name);
        if let Some(redrive) = redrive {
            create = create.attributes(QueueAttributeName::RedrivePolicy, redrive);
        }
        create
            .send()
            .await
            .expect("the queue is new")
            .queue_url
            .expect("a queue has a URL")
    }
}

fn spawn(python: &str, folder: &Path, log: &Path) -> Child {
    let log = std::fs::File::create(log).expect("a new file");
    Command::new(python)
        .args(["-c", SERVER])
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("TMPDIR", folder)
        .env("LOG_LEVEL", "ERROR")
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(log)
        .kill_on_drop(true)
        .spawn()
        .unwrap_or_else(|error| panic!("{python} does not run: {error}"))
}
